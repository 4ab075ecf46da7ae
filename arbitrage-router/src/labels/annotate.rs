//! The text that a router reads.

use arbitrage_core::{Accepted, Author, Step};
use serde::{Deserialize, Serialize};

/// What stands behind every step: in a sequence of ids, the token of this text.
pub const SEPARATOR: &str = "\n\n";

/// Whether the router is told who wrote each step (paper, App. C; the ablation in App. D favours it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Annotation {
    /// `Model 0: ` before the draft's steps, `Model 1: ` before the target's.
    #[default]
    Authors,
    /// The steps as they are.
    None,
}

impl Annotation {
    /// The input in pieces: the question with a line break, each step of the history, and last the drafted step that is
    /// to be judged.
    ///
    /// Pieces are to be encoded one by one, with the id of [`SEPARATOR`] appended to every piece but the first, and
    /// without it in the pieces: vocabularies that fuse the separator with the punctuation before it would hide where a
    /// step ends. The estimate is read off the last id, which is a separator.
    ///
    /// The drafted step is annotated as well. That tells the router nothing, but a draft that is accepted then reads,
    /// id by id, as it does in the history of the next call, so that a router's cache holds.
    pub fn pieces(self, question: &str, history: &[Accepted], draft: &Step) -> Vec<String> {
        let mut pieces = Vec::with_capacity(history.len() + 2);
        pieces.push(format!("{question}\n"));
        pieces.extend(history.iter().map(|accepted| self.piece(accepted.author, &accepted.step)));
        pieces.push(self.piece(Author::Draft, draft));
        pieces
    }

    fn piece(self, author: Author, step: &Step) -> String {
        let text = step.text.trim_end();
        match self {
            Self::Authors => format!("Model {}: {text}", author as u8),
            Self::None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::Finish;

    fn history() -> Vec<Accepted> {
        [("a.\n\n", Author::Draft), ("b\n c.\n\n", Author::Target), ("\n\n", Author::Draft)]
            .map(|(text, author)| Accepted { step: Step::new(text, Finish::Boundary), author })
            .to_vec()
    }

    #[test]
    fn authors_are_named() {
        let pieces = Annotation::Authors.pieces("Why?", &history(), &Step::new("d.", Finish::EndOfText));
        assert_eq!(pieces, ["Why?\n", "Model 0: a.", "Model 1: b\n c.", "Model 0: ", "Model 0: d."]);
    }

    #[test]
    fn or_they_are_not() {
        let pieces = Annotation::None.pieces("Why?", &history(), &Step::new("d.\n\n", Finish::Boundary));
        assert_eq!(pieces, ["Why?\n", "a.", "b\n c.", "", "d."]);
    }

    #[test]
    fn an_accepted_draft_reads_as_it_did_when_judged() {
        for annotation in [Annotation::Authors, Annotation::None] {
            let (mut steps, draft) = (history(), Step::new("d.\n\n", Finish::Boundary));
            let judged = annotation.pieces("Why?", &steps, &draft);
            steps.push(Accepted { step: draft, author: Author::Draft });
            let next = annotation.pieces("Why?", &steps, &Step::new("e", Finish::EndOfText));
            assert_eq!(next[..judged.len()], judged);
        }
    }
}
