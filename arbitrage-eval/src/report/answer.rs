//! What a grader told beside its verdict.

use std::collections::BTreeMap;
use std::path::Path;

use crate::problems::{BadRows, ProblemsError, read_lines};

/// What a grader compared, as far as its row tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The right answer.
    pub gold: Option<String>,
    /// The answer that was found in the solution.
    pub extracted: Option<String>,
    /// What decided.
    pub rule: Option<String>,
    /// By whose conventions.
    pub profile: Option<String>,
}

impl Answer {
    /// Reads a file of grades, by its problems' ids. Of two rows of a problem the later counts, as among the verdicts.
    pub(super) fn read(path: &Path, text: &[u8]) -> Result<BTreeMap<String, Self>, ProblemsError> {
        let (rows, _) = read_lines(path, text, BadRows::Fail, |line, row| {
            // An empty answer is that there is none.
            let text = |field| Ok(line.text(row, field)?.filter(|text| !text.is_empty()));
            let answer = Self {
                gold: text("gold")?,
                extracted: text("extracted")?,
                rule: text("rule")?,
                profile: text("profile")?,
            };
            let id = line.text(row, "id")?.ok_or_else(|| line.wrong("`id`", "none"))?;
            Ok(vec![(id, answer)])
        })?;
        Ok(rows.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_answer_is_none() {
        let rows = br#"{"id": "a", "verdict": "wrong", "gold": "4", "extracted": "", "profile": "strict"}"#;
        let answers = Answer::read(Path::new("grades.jsonl"), rows).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let expected = Answer { gold: some("4"), extracted: None, rule: None, profile: some("strict") };
        assert_eq!(answers["a"], expected);
    }
}
