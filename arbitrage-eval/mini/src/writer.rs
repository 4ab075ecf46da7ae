//! The family's two language models: their shapes, and how they are trained from scratch.

use std::path::Path;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::tokenizer::Tokenizer;
use arbitrage_models::train::{Fit, Fitted, FolderFiles, Language, Lesson, Progress, Transformer};
use arbitrage_models::{Device, Error};
use serde::{Deserialize, Serialize};

use super::corpus::{Row, rows};
use super::{Family, Generator, MiniError, Stream, tokenizer};

/// One of the family's language models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writer {
    /// 0.4 million parameters.
    Draft,
    /// 2.2 million parameters.
    Target,
}

/// How a writer is trained.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recipe {
    /// The loop. Its seed is that of the first weights, too.
    pub fit: Fit,
    /// Problems of the training stream, each met once.
    pub problems: u64,
    /// Problems of the validation stream, on which the best weights are chosen.
    pub held_out: u64,
    /// What they are drawn from.
    pub family: Family,
}

impl Recipe {
    /// Trains for so many steps: the schedule is that of the whole, and every step meets new problems.
    pub fn with_steps(mut self, steps: usize) -> Self {
        let Fit { schedule, every, .. } = Fit::new(steps, self.fit.schedule.peak);
        (self.fit.schedule, self.fit.every) = (schedule, every);
        self.problems = steps.saturating_mul(self.fit.batch) as u64;
        self
    }
}

impl Writer {
    /// The model's shape for a vocabulary of so many tokens.
    ///
    /// # Errors
    /// [`Error::Format`] for a vocabulary of no tokens.
    pub fn config(self, vocabulary: usize) -> Result<ModelConfig, Error> {
        let (hidden, layers, inner) = match self {
            Self::Draft => (96, 3, 256),
            Self::Target => (192, 5, 448),
        };
        let json = serde_json::json!({
            "model_type": "llama",
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": hidden / 32,
            "num_key_value_heads": hidden / 32,
            "head_dim": 32,
            "max_position_embeddings": 512,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "tie_word_embeddings": true,
        });
        ModelConfig::from_json(Path::new("mini"), &json.to_string())
    }

    /// What the model learns from to solve problems of `family`: [`Family::for_draft`] or [`Family::for_target`].
    pub fn school(self, family: Family) -> Family {
        match self {
            Self::Draft => family.for_draft(),
            Self::Target => family.for_target(),
        }
    }

    /// How the shipped model was trained, or in a minute what shows that everything works.
    pub fn recipe(self, quick: bool) -> Recipe {
        let (steps, batch, peak) = match (self, quick) {
            (Self::Draft, false) => (5500, 32, 3e-3),
            (Self::Target, false) => (7500, 16, 2e-3),
            (Self::Draft, true) => (150, 16, 3e-3),
            (Self::Target, true) => (150, 8, 2e-3),
        };
        let fit = Fit::new(steps, peak).with_batch(batch).with_seed(self as u64 + 1);
        let (problems, held_out) = ((steps * batch) as u64, if quick { 64 } else { 512 });
        Recipe { fit, problems, held_out, family: self.school(Family::practised()) }
    }

    /// Trains the model on `device` and writes it into `folder`, a Hugging Face folder.
    ///
    /// # Errors
    /// [`MiniError`], whatever fails.
    pub fn train(
        self,
        recipe: &Recipe,
        folder: &Path,
        device: &Device,
        progress: &mut dyn Progress,
    ) -> Result<Fitted<Transformer>, MiniError> {
        tokenizer::write(folder)?;
        let tokenizer = Tokenizer::from_folder(folder)?;
        let generator = Generator::new(recipe.family.clone())?;
        let lessons = |stream, count| lessons(&generator, stream, count, &tokenizer);
        let objective =
            Language::new(lessons(Stream::Train, recipe.problems)?, lessons(Stream::Validation, recipe.held_out)?)?;
        let model = Transformer::init(self.config(tokenizer.vocab_size())?, recipe.fit.seed, device)?;
        let fitted = recipe.fit.run(model, &objective, progress)?;
        fitted.model.save(folder, &FolderFiles::default())?;
        Ok(fitted)
    }
}

/// The first problems of a stream: the question is given, the solution is to be learned, and that it ends.
fn lessons(generator: &Generator, stream: Stream, count: u64, tokenizer: &Tokenizer) -> Result<Vec<Lesson>, Error> {
    let lesson = |row: Row| {
        let question = tokenizer.encode_prompt(&format!("{}\n\n", row.question))?;
        let solution = tokenizer.encode(&row.solution, false)?;
        let from = question.len();
        Ok(Lesson { tokens: [question, solution, vec![tokenizer::END_ID]].concat(), from })
    };
    rows(generator, stream, 0..count).map(lesson).collect()
}
