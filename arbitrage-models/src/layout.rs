//! The input format of models that score the steps of a solution.

use std::path::Path;

use arbitrage_core::{Author, Prefix, Step};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::small_file::read_text_if_present;
use crate::tokenizer::{EncodeMode, Tokenizer};
use arbitrage_core::text::excerpt;

/// Largest layout file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 16;

/// The input that a model was trained on: the question, then each step followed by a separator. The score is computed after the
/// last separator. A model's folder may define its layout, under `layout` in [`Layout::FILE`].
///
/// Question, steps and separators are tokenized separately, as in the published scripts, so that the separator always has the
/// same tokens. The names of control tokens in these texts are ordinary characters, and SentencePiece puts no space before a
/// text.
///
/// ```
/// use arbitrage_models::Layout;
/// let layout: Layout = serde_json::from_str(
///     r#"{"bos": true, "after_question": "\n", "separator": "\n\n", "score": {"kind": "sigmoid"}}"#,
/// )?;
/// assert_eq!(layout, Layout::skywork());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Layout {
    /// Whether the input begins with the vocabulary's beginning-of-text token, where there is one.
    pub bos: bool,
    /// Text after the question, which is tokenized together with it.
    pub after_question: String,
    /// Text after each step; separators at either end of the step itself are removed. The score is computed after its last token,
    /// or after the step's last token where it is empty.
    pub separator: String,
    /// Texts before each step of the draft and of the target, which are tokenized together with the step. The step that is to be
    /// scored counts as the draft's. Both are empty where the file does not define them.
    #[serde(default, skip_serializing_if = "is_anonymous")]
    pub authors: [String; 2],
    /// How the head's outputs become a score.
    pub score: Score,
}

/// How a head's outputs become a score from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Score {
    /// The logistic function of the only output.
    Sigmoid,
    /// The probability of one class.
    Softmax {
        /// The index of the class of correct steps.
        class: usize,
    },
}

fn is_anonymous(authors: &[String; 2]) -> bool {
    authors.iter().all(String::is_empty)
}

impl Layout {
    /// The file of a model's folder that may define its layout.
    pub const FILE: &str = "arbitrage.json";

    /// The layout of Skywork's process reward models, with the paper's separator: a line break after the question, and a blank line
    /// after each step.
    pub fn skywork() -> Self {
        Self {
            bos: true,
            after_question: "\n".to_owned(),
            separator: "\n\n".to_owned(),
            authors: Default::default(),
            score: Score::Sigmoid,
        }
    }

    /// The default layout of TRL's trainer of process reward models: a line break after each step, and class 1 for correct
    /// steps.
    pub fn trl() -> Self {
        Self {
            after_question: String::new(),
            separator: "\n".to_owned(),
            score: Score::Softmax { class: 1 },
            ..Self::skywork()
        }
    }

    /// Sets whether the input begins with the beginning-of-text token.
    pub fn with_bos(self, bos: bool) -> Self {
        Self { bos, ..self }
    }

    /// Sets the text after the question.
    pub fn with_after_question(self, text: impl Into<String>) -> Self {
        Self { after_question: text.into(), ..self }
    }

    /// Sets the text after each step.
    pub fn with_separator(self, text: impl Into<String>) -> Self {
        Self { separator: text.into(), ..self }
    }

    /// Sets the texts before the draft's and the target's steps, such as the paper's `Model 0: ` and `Model 1: ` (App. C).
    pub fn with_authors(self, draft: impl Into<String>, target: impl Into<String>) -> Self {
        Self { authors: [draft.into(), target.into()], ..self }
    }

    /// Sets how outputs become a score.
    pub fn with_score(self, score: Score) -> Self {
        Self { score, ..self }
    }

    /// The layout that the folder of a model defines; `None` where it defines none.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] with line and column.
    pub fn of_folder(folder: impl AsRef<Path>) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct LayoutFile {
            layout: Option<Layout>,
        }
        let path = folder.as_ref().join(Self::FILE);
        let Some(text) = read_text_if_present(&path, MAX_FILE_BYTES)? else { return Ok(None) };
        let file: LayoutFile = serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            Error::format(&path, place, "an object with a layout", excerpt(&error.to_string()))
        })?;
        Ok(file.layout)
    }

    /// The tokens of a prefix and the step after it. The score is that of the last token.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`] for a blank question; [`Error::Tokenizer`] for a text that the tokenizer rejects.
    pub fn tokens(&self, tokenizer: &Tokenizer, prefix: &Prefix<'_>, step: &Step) -> Result<Vec<u32>> {
        let question = &prefix.problem.question;
        if question.trim().is_empty() {
            return Err(Error::EmptyPrompt { model: tokenizer.path().display().to_string() });
        }
        let mut tokens: Vec<u32> = tokenizer.bos_token().filter(|_| self.bos).into_iter().collect();
        tokens.extend(tokenizer.encode(&format!("{question}{}", self.after_question), EncodeMode::Continuation)?);
        let separator = tokenizer.encode(&self.separator, EncodeMode::Continuation)?;
        let history = prefix.steps.iter().map(|accepted| (accepted.author, accepted.step.text.as_str()));
        for (author, text) in history.chain([(Author::Draft, step.text.as_str())]) {
            let author = &self.authors[author as usize];
            let text = format!("{author}{}", self.trim(text));
            tokens.extend(tokenizer.encode(&text, EncodeMode::Continuation)?);
            tokens.extend(&separator);
        }
        Ok(tokens)
    }

    /// The same input as one text, for a server that tokenizes it. There, a token may span two parts, which never happens in
    /// [`tokens`](Self::tokens).
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`] for a blank question, naming `model`.
    pub fn text(&self, model: &str, prefix: &Prefix<'_>, step: &Step) -> Result<String> {
        let question = &prefix.problem.question;
        if question.trim().is_empty() {
            return Err(Error::EmptyPrompt { model: model.to_owned() });
        }
        let mut text = format!("{question}{}", self.after_question);
        let history = prefix.steps.iter().map(|accepted| (accepted.author, accepted.step.text.as_str()));
        for (author, step) in history.chain([(Author::Draft, step.text.as_str())]) {
            text.extend([self.authors[author as usize].as_str(), self.trim(step), &self.separator]);
        }
        Ok(text)
    }

    /// A step's text without separators at its start and end.
    fn trim<'t>(&self, text: &'t str) -> &'t str {
        match self.separator.as_str() {
            "" => text,
            separator => text.trim_start_matches(separator).trim_end_matches(separator),
        }
    }
}

#[cfg(any(test, feature = "burn", feature = "remote"))]
impl Score {
    /// Refuses heads whose number of outputs does not fit.
    pub(crate) fn check(self, outputs: usize) -> Result<()> {
        let (fits, expected) = match self {
            Self::Sigmoid => (outputs == 1, "a head with one output".to_owned()),
            Self::Softmax { class } => {
                (outputs > 1 && class < outputs, format!("a head with several classes, {class} among them"))
            }
        };
        if fits {
            return Ok(());
        }
        Err(Error::Parameter { name: "score of the layout", expected, found: format!("{outputs} outputs") })
    }

    /// The score of finite outputs, from 0 to 1.
    pub(crate) fn of(self, outputs: &[f32]) -> f32 {
        let ratio = |x: f32, of: f32| (f64::from(x) - f64::from(of)).exp();
        let odds_against: f64 = match (self, outputs) {
            (Self::Sigmoid, &[value, ..]) => ratio(0.0, value),
            (Self::Softmax { class }, _) if class < outputs.len() => {
                outputs.iter().map(|&x| ratio(x, outputs[class])).sum::<f64>() - 1.0
            }
            _ => f64::INFINITY,
        };
        (1.0 / (1.0 + odds_against)).clamp(0.0, 1.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_probabilities_for_any_outputs() {
        let softmax = Score::Softmax { class: 1 };
        assert_eq!((Score::Sigmoid.of(&[0.0]), softmax.of(&[3.0, 3.0])), (0.5, 0.5));
        assert!((Score::Sigmoid.of(&[-2.0]) - 1.0 / (1.0 + 2.0_f32.exp())).abs() < 1e-7);
        assert!((softmax.of(&[1.0, 2.0, 3.0]) - 0.244_728_47).abs() < 1e-7);
        for extreme in [f32::MAX, f32::MIN] {
            let scores = [Score::Sigmoid.of(&[extreme]), softmax.of(&[0.0, extreme]), softmax.of(&[extreme, extreme])];
            assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
        }
    }

    #[test]
    fn only_heads_with_a_fitting_number_of_outputs_are_accepted() {
        for (score, outputs, fits) in [
            (Score::Sigmoid, 1, true),
            (Score::Sigmoid, 2, false),
            (Score::Softmax { class: 0 }, 1, false),
            (Score::Softmax { class: 1 }, 2, true),
            (Score::Softmax { class: 2 }, 2, false),
        ] {
            assert_eq!(score.check(outputs).is_ok(), fits, "{score:?} of {outputs}");
        }
    }
}
