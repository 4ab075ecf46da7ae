//! Training of process reward models from scored steps.

use std::path::Path;

use arbitrage_models::classifier::Layout;
use arbitrage_models::train::{
    ClassificationObjective, FolderFiles, HeadBias, LabelledText, Loss, TrainProgress, Trainer, TransformerWithHead,
};
use arbitrage_models::{Error, tokenizer::Tokenizer};

use super::super::RouterError;
use super::targets::area_under_curve;
use super::{BaseModel, TrainingSplit};
use crate::labels::Example;

/// Trains a process reward model, `h(x, z)` of the paper (§3.1), on the device of the base model. Its training targets
/// are the scores of both steps of every example, as probabilities. Keeps the weights with the greatest AUC on the
/// validation examples, for labels "score above one half", and returns that AUC.
///
/// The model is written into `folder` in the layout of Skywork's reward models, which `ProcessReward` opens.
///
/// # Errors
/// [`RouterError::Models`] for scores outside [0, 1], no examples, files that cannot be read or written, and failures
/// of the training loop.
pub fn train_reward_model(
    base: BaseModel<'_>,
    examples: &TrainingSplit<'_, [Example]>,
    trainer: &Trainer,
    folder: &Path,
    progress: &mut dyn TrainProgress,
) -> Result<f64, RouterError> {
    let layout = Layout::skywork();
    let layout_file = serde_json::json!({ "layout": layout }).to_string();
    let files = FolderFiles::read(base.tokenizer)?.with(Layout::FILE, layout_file);
    let tokenizer = Tokenizer::from_folder(base.tokenizer)?;
    let validation = labelled_texts(examples.validation, &layout, &tokenizer)?;
    let scores = validation.iter().map(|text| text.rows[0].label[0]);
    if let Some(found) = scores.clone().find(|score| !(0.0..=1.0).contains(score)) {
        let (name, expected) = ("validation scores", "probabilities".to_owned());
        return Err(Error::Parameter { name, expected, found: found.to_string() }.into());
    }
    let labels: Vec<bool> = scores.map(|score| score > 0.5).collect();
    let score = move |model: &TransformerWithHead| {
        let scores: Vec<f32> = model.outputs(&validation)?.into_iter().map(|outputs| outputs[0]).collect();
        area_under_curve(&scores, &labels)
    };
    let texts = labelled_texts(examples.training, &layout, &tokenizer)?;
    let objective = ClassificationObjective::new(LabelledText::merge_prefixes(texts), Loss::Sigmoid)?.with_score(score);
    let output = trainer.run(
        TransformerWithHead::new(base.decoder, 1, HeadBias::Present, trainer.seed),
        &objective,
        progress,
    )?;
    output.model.save(folder, &files)?;
    Ok(output.best().unwrap_or(0.5))
}

/// Two texts for each example, its prefix with the draft's and with the target's step, each with the score as its
/// target.
fn labelled_texts(examples: &[Example], layout: &Layout, tokenizer: &Tokenizer) -> Result<Vec<LabelledText>, Error> {
    let mut texts = Vec::with_capacity(2 * examples.len());
    for example in examples {
        let problem = example.as_problem();
        let prefix = example.prefix(&problem);
        for (step, score) in [(&example.draft, example.draft_score), (&example.target, example.target_score)] {
            texts.push(LabelledText::last(layout.tokens(tokenizer, &prefix, step)?, vec![score], 1.0));
        }
    }
    Ok(texts)
}
