//! The checks of loading, without loading weights.

use arbitrage_core::Problem;

use super::ModelFiles;
use crate::chat::ChatTemplate;
use crate::decoder::Decoder;
use crate::error::{Error, Result};
use crate::prompt::Prompt;

/// What the checks of [`ModelFiles::check`] found in files that can be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct CheckedFiles {
    /// The chat template, parsed.
    pub template: ChatTemplate,
    /// The prompt of a short conversation, rendered with it.
    pub prompt: String,
    /// What runs, but may surprise: one sentence each.
    pub warnings: Vec<String>,
}

impl ModelFiles {
    /// Applies every check of [`LocalModel::open`](crate::LocalModel::open), without reading a weight: the vocabulary fits the
    /// embedding, every tensor is there in its shape, and the chat template parses and renders a conversation.
    ///
    /// # Errors
    /// As [`LocalModel::open`](crate::LocalModel::open).
    pub fn check(&self) -> Result<CheckedFiles> {
        self.check_vocabulary()?;
        Decoder::check(self.weights.as_ref(), &self.config)?;
        let template = ChatTemplate::for_tokenizer(&self.tokenizer)?;
        let (prompt, refusal) = self.sample_prompt(&template)?;
        let warnings = self.warnings(&template, refusal);
        Ok(CheckedFiles { template, prompt, warnings })
    }

    /// Refuses a vocabulary with more tokens than the embedding has rows.
    ///
    /// # Errors
    /// [`Error::Format`] with both numbers.
    pub(crate) fn check_vocabulary(&self) -> Result<()> {
        let (tokens, rows) = (self.tokenizer.vocab_size(), self.config.vocabulary);
        if tokens <= rows {
            return Ok(());
        }
        let expected = format!("at most the {rows} rows of the embedding");
        Err(Error::format(self.weights.path(), "tokenizer", expected, format!("{tokens} tokens")))
    }

    /// The prompt of a question with the default system message. Where the template refuses that, the prompt without it, and the
    /// refusal.
    fn sample_prompt(&self, template: &ChatTemplate) -> Result<(String, Option<Error>)> {
        let render = |prompt: Prompt| {
            let text = template.render(&prompt.messages(&Problem::new("What is 1 + 1?")), true)?;
            if text.trim().is_empty() {
                let reason = "it writes nothing for a question".to_owned();
                return Err(Error::Template { path: self.tokenizer.path().to_owned(), reason });
            }
            Ok(text)
        };
        match render(Prompt::default()) {
            Ok(text) => Ok((text, None)),
            Err(refusal) => match render(Prompt::none()) {
                Ok(text) => Ok((text, Some(refusal))),
                Err(_) => Err(refusal),
            },
        }
    }

    /// What runs, but may surprise: of the template, and of every other part that has warnings.
    fn warnings(&self, template: &ChatTemplate, refusal: Option<Error>) -> Vec<String> {
        let mut warnings = Vec::new();
        if template.is_plain() {
            warnings.push("there is no chat template: a prompt is the plain text of its messages".to_owned());
        }
        if let Some(refusal) = refusal {
            warnings.push(format!("a system message is refused, so give none (`--system \"\"`): {refusal}"));
        }
        warnings
    }
}
