//! Training data of classification heads: texts with labelled rows.

use super::transformer::TextBatch;

/// A row of a text with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledRow {
    /// Index of the token whose row is classified.
    pub row: usize,
    /// A probability for each output.
    pub label: Vec<f32>,
    /// Weight in the loss, above 0.
    pub weight: f32,
}

/// A text with labelled rows.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledText {
    /// The text's tokens.
    pub tokens: Vec<u32>,
    /// The labelled rows, at least one.
    pub rows: Vec<LabelledRow>,
}

impl LabelledText {
    /// A text whose last row is labelled.
    pub fn last(tokens: Vec<u32>, label: Vec<f32>, weight: f32) -> Self {
        let row = tokens.len().saturating_sub(1);
        Self { tokens, rows: vec![LabelledRow { row, label, weight }] }
    }

    /// The same rows in fewer texts: the rows of a text that is a prefix of another one are moved there, which changes nothing, since
    /// rows attend only to earlier ones. So the steps of one solution become one text.
    pub fn merge_prefixes(mut texts: Vec<Self>) -> Vec<Self> {
        texts.sort_by(|a, b| b.tokens.cmp(&a.tokens)); // a text comes before its prefixes
        let mut merged: Vec<Self> = Vec::new();
        for text in texts {
            match merged.last_mut() {
                Some(longer) if longer.tokens.starts_with(&text.tokens) => longer.rows.extend(text.rows),
                _ => merged.push(text),
            }
        }
        merged
    }

    /// Whether there are rows, and all of them are valid for a head with so many outputs.
    pub(super) fn is_valid(&self, outputs: usize) -> bool {
        let is_valid = |row: &LabelledRow| {
            row.row < self.tokens.len()
                && row.label.len() == outputs
                && row.label.iter().all(|p| (0.0..=1.0).contains(p))
                && row.weight.is_finite()
                && row.weight > 0.0
        };
        !self.rows.is_empty() && self.rows.iter().all(is_valid)
    }
}

/// The batch of these texts, and the indices of the labelled rows in it.
pub(super) fn batch<'e>(texts: impl Iterator<Item = &'e LabelledText> + Clone) -> (TextBatch, Vec<usize>) {
    let batch = TextBatch::new(texts.clone().map(|text| text.tokens.as_slice()));
    let rows = texts.enumerate().flat_map(|(at, text)| text.rows.iter().map(move |row| (at, row.row)));
    let rows = rows.map(|(at, row)| batch.row(at, row)).collect();
    (batch, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_prefixes_are_moved_to_the_longest_text() {
        let text = |tokens: &[u32]| LabelledText::last(tokens.to_vec(), vec![1.0], 1.0);
        let texts = [&[1, 2, 3][..], &[1], &[1, 2, 4], &[1, 2], &[2], &[1, 2, 3]].map(text);
        let merged = LabelledText::merge_prefixes(texts.to_vec());
        let seen: Vec<(&[u32], Vec<usize>)> =
            merged.iter().map(|text| (&*text.tokens, text.rows.iter().map(|row| row.row).collect())).collect();
        assert_eq!(seen[0], (&[2][..], vec![0]));
        assert_eq!(seen.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 6, "no row is lost");
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|(tokens, rows)| rows.iter().all(|row| row < &tokens.len())));
    }
}
