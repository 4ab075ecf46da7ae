//! The merges of a SentencePiece vocabulary.
//!
//! A SentencePiece file has scores instead of merges: of all neighbouring pairs whose union is a piece, the one with the best score
//! is merged first. Listing every split of a piece into two pieces, ordered by the score of the piece, is equivalent. This is
//! how transformers' converter makes a `tokenizer.json`.

use std::collections::HashMap;

/// Longest piece that is split, in bytes. The longest one in real vocabularies is 48 spaces.
const MAX_PIECE_BYTES: usize = 1024;

/// A piece of the vocabulary with its score.
#[derive(Clone, Copy)]
pub(super) struct ScoredPiece<'a> {
    pub id: u32,
    pub text: &'a str,
    pub score: f32,
}

/// The merges of `pieces`, which are ordered by id; the merges are in order of precedence.
///
/// Pieces of equal score are ordered by id, and the splits of one piece by the ids of their halves.
pub(super) fn merges<'a>(pieces: impl Iterator<Item = ScoredPiece<'a>> + Clone) -> Vec<(String, String)> {
    let ids: HashMap<&str, u32> = pieces.clone().map(|piece| (piece.text, piece.id)).collect();
    let mut found = Vec::new();
    for ScoredPiece { id, text, score } in pieces.filter(|piece| piece.text.len() <= MAX_PIECE_BYTES) {
        for (at, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            if let (Some(&a), Some(&b)) = (ids.get(left), ids.get(right)) {
                found.push((score, (id, a, b), (left, right)));
            }
        }
    }
    found.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    found.into_iter().map(|(_, _, (left, right))| (left.to_owned(), right.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_ordered_by_score() {
        let pieces = [(0, "a", -9.0), (1, "b", -9.0), (2, "ab", -2.0), (3, "abb", -1.0), (4, "bb", -3.0)];
        let pieces = pieces.map(|(id, text, score)| ScoredPiece { id, text, score });
        let merges = merges(pieces.into_iter());
        let shown: Vec<String> = merges.iter().map(|(left, right)| format!("{left} {right}")).collect();
        assert_eq!(shown, ["a bb", "ab b", "a b", "b b"]);
    }
}
