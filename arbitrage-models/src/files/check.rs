//! The checks of loading, without loading weights.

use arbitrage_core::Problem;

use super::ModelFiles;
use crate::chat::ChatTemplate;
use crate::decoder::Decoder;
use crate::error::{Error, Result};
use crate::prompt::Prompt;
use crate::rendered_prompt::RenderedPrompt;

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
        let prompt = self.sample_prompt(&template)?;
        let warnings = self.tokenizer.warnings().iter().chain(template.warnings()).cloned().collect();
        Ok(CheckedFiles { template, prompt, warnings })
    }

    /// Refuses a vocabulary without any token that has a text, and one with more tokens than the embedding has rows.
    ///
    /// # Errors
    /// [`Error::Format`] with both numbers.
    pub(crate) fn check_vocabulary(&self) -> Result<()> {
        let (tokens, rows) = (self.tokenizer.vocab_size(), self.config.vocabulary);
        if self.tokenizer.longest_token() == 0 {
            return Err(Error::format(self.weights.path(), "tokenizer", "tokens with a text", "padding only"));
        }
        if tokens <= rows {
            return Ok(());
        }
        let expected = format!("at most the {rows} rows of the embedding");
        Err(Error::format(self.weights.path(), "tokenizer", expected, format!("{tokens} tokens")))
    }

    /// The prompt of a question with the default system message, once its tokens are known to be there.
    fn sample_prompt(&self, template: &ChatTemplate) -> Result<String> {
        let messages = Prompt::default().messages(&Problem::new("What is 1 + 1?"));
        let prompt = RenderedPrompt::new(&self.tokenizer, template, &messages, true).map_err(|error| match error {
            // Ordinary messages cannot be told from this vocabulary's control tokens.
            Error::Parameter { expected, found, .. } => {
                Error::format(self.weights.path(), "tokenizer", expected, found)
            }
            other => other,
        })?;
        let text = prompt.text().into_owned();
        // A prompt that cannot fit the context is refused where it is used, and splitting megabytes into tokens takes seconds.
        let may_fit = self.tokenizer.least_tokens(&text) <= self.config.context;
        if may_fit && prompt.ids()?.is_empty() {
            return Err(Error::EmptyPrompt { model: self.weights.path().display().to_string() });
        }
        Ok(text)
    }
}
