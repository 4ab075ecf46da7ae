//! The family's two language models: their shapes, and how they are trained from scratch.

use std::path::Path;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::tokenizer::{EncodeMode, Tokenizer};
use arbitrage_models::train::{
    FolderFiles, NextTokenObjective, TrainOutput, TrainProgress, Trainer, TrainingExample, Transformer,
};
use arbitrage_models::{Device, Error};
use serde::{Deserialize, Serialize};

use super::corpus::{CorpusRow, rows};
use super::{Family, Generator, MiniError, Stream, tokenizer};

/// One of the family's language models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MiniModel {
    /// 0.4 million parameters.
    Draft,
    /// 5.8 million parameters.
    Target,
}

/// The size of a language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelShape {
    /// Width of the hidden states. Each head has 32 of it.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Width inside the feed-forward networks.
    pub intermediate: usize,
}

/// How a model is trained.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainRecipe {
    /// The training loop. Its seed also initialises the weights.
    pub fit: Trainer,
    /// Number of problems of the training stream. Each is used once.
    pub problems: u64,
    /// Number of problems of the validation stream, by which the best weights are chosen.
    pub held_out: u64,
    /// The family that the problems are drawn from.
    pub family: Family,
}

/// The size of a training run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainScale {
    /// The run that the shipped models are from.
    Full,
    /// A run of a minute that shows that training works.
    Quick,
}

impl TrainRecipe {
    /// Trains for this many steps. The learning rate schedule covers all of them, and every step uses new problems.
    pub fn with_steps(mut self, steps: usize) -> Self {
        let Trainer { schedule, eval_interval, .. } = Trainer::new(steps, self.fit.schedule.peak);
        (self.fit.schedule, self.fit.eval_interval) = (schedule, eval_interval);
        self.problems = steps.saturating_mul(self.fit.batch) as u64;
        self
    }
}

impl MiniModel {
    /// The size of the model.
    pub fn shape(self) -> ModelShape {
        match self {
            Self::Draft => ModelShape { hidden: 96, layers: 3, intermediate: 256 },
            Self::Target => ModelShape { hidden: 192, layers: 13, intermediate: 512 },
        }
    }

    /// The model's configuration for a vocabulary of `vocab_size` tokens.
    ///
    /// # Errors
    /// [`Error::Format`] for an empty vocabulary.
    pub fn config(self, vocab_size: usize) -> Result<ModelConfig, Error> {
        let ModelShape { hidden, layers, intermediate } = self.shape();
        let json = serde_json::json!({
            "model_type": "llama",
            "vocab_size": vocab_size,
            "hidden_size": hidden,
            "intermediate_size": intermediate,
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

    /// The problems that the model is trained on in order to solve those of `family`: [`Family::for_draft`] or [`Family::for_target`].
    pub fn curriculum(self, family: Family) -> Family {
        match self {
            Self::Draft => family.for_draft(),
            Self::Target => family.for_target(),
        }
    }

    /// How the model is trained.
    pub fn recipe(self, scale: TrainScale) -> TrainRecipe {
        let (steps, batch, peak) = match (self, scale) {
            (Self::Draft, TrainScale::Full) => (8000, 32, 3e-3),
            (Self::Target, TrainScale::Full) => (5000, 24, 1.5e-3),
            (Self::Draft, TrainScale::Quick) => (150, 16, 3e-3),
            (Self::Target, TrainScale::Quick) => (150, 8, 2e-3),
        };
        let fit = Trainer::new(steps, peak).with_batch(batch).with_seed(self as u64 + 1);
        let held_out = match scale {
            TrainScale::Full => 512,
            TrainScale::Quick => 64,
        };
        let family = self.curriculum(Family::training_distribution());
        TrainRecipe { fit, problems: (steps * batch) as u64, held_out, family }
    }

    /// Trains the model on `device` and writes it into `folder`, a Hugging Face folder.
    ///
    /// # Errors
    /// [`MiniError`] where training or writing fails.
    pub fn train(
        self,
        recipe: &TrainRecipe,
        folder: &Path,
        device: &Device,
        progress: &mut dyn TrainProgress,
    ) -> Result<TrainOutput<Transformer>, MiniError> {
        tokenizer::write(folder)?;
        let tokenizer = Tokenizer::from_folder(folder)?;
        let generator = Generator::new(recipe.family.clone())?;
        let examples = |stream, count| examples(&generator, stream, count, &tokenizer);
        let objective = NextTokenObjective::new(
            examples(Stream::Train, recipe.problems)?,
            examples(Stream::Validation, recipe.held_out)?,
        )?;
        let model = Transformer::init(self.config(tokenizer.vocab_size())?, recipe.fit.seed, device)?;
        let fitted = recipe.fit.run(model, &objective, progress)?;
        fitted.model.save(folder, &FolderFiles::default())?;
        Ok(fitted)
    }
}

/// The first problems of a stream as training examples. The loss covers the solution and the end token, but not the question.
fn examples(
    generator: &Generator,
    stream: Stream,
    count: u64,
    tokenizer: &Tokenizer,
) -> Result<Vec<TrainingExample>, Error> {
    let example = |row: CorpusRow| {
        let question = tokenizer.encode_prompt(&format!("{}\n\n", row.question))?;
        let solution = tokenizer.encode(&row.solution, EncodeMode::Continuation)?;
        let from = question.len();
        Ok(TrainingExample { tokens: [question, solution, vec![tokenizer::END_ID]].concat(), first_target: from })
    };
    rows(generator, stream, 0..count).map(example).collect()
}
