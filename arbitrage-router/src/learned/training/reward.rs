//! Training of process reward models from scored steps.

use std::path::Path;

use arbitrage_models::classifier::Layout;
use arbitrage_models::train::{Fit, FolderFiles, Headed, Judging, Labelled, Loss, Progress, Transformer};
use arbitrage_models::{Error, tokenizer::Tokenizer};

use super::super::RouterError;
use crate::labels::Example;
use crate::metrics::auc;

/// Trains a process reward model, `h(x, z)` of the paper (§3.1), on both steps of every example: what it learns is their scores, as
/// probabilities. Keeps the weights with the greatest AUC for scores above one half on `validation`, and returns it. The model is
/// written into `folder` in the layout of Skywork's, and opens as a `ProcessReward`. It learns where `base` is.
///
/// # Errors
/// [`RouterError`]: scores outside [0, 1], whatever the loop meets.
pub fn train_reward(
    base: Transformer,
    tokenizer: &Path,
    (examples, validation): (&[Example], &[Example]),
    fit: &Fit,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<f64, RouterError> {
    let layout = Layout::skywork();
    let note = serde_json::json!({ "layout": layout }).to_string();
    let files = FolderFiles::read(tokenizer)?.with(Layout::FILE, note);
    let tokenizer = Tokenizer::from_folder(tokenizer)?;
    let texts = |examples: &[Example]| -> Result<Vec<Labelled>, Error> {
        let mut texts = Vec::new();
        for example in examples {
            let problem = example.as_problem();
            let prefix = example.prefix(&problem);
            for (step, score) in [(&example.draft, example.draft_score), (&example.target, example.target_score)] {
                texts.push(Labelled::last(layout.tokens(&tokenizer, &prefix, step)?, vec![score], 1.0));
            }
        }
        Ok(texts)
    };
    let held_out = texts(validation)?;
    let of_held_out = held_out.iter().map(|text| text.targets[0].answer[0]);
    if let Some(found) = of_held_out.clone().find(|score| !(0.0..=1.0).contains(score)) {
        let (name, expected) = ("held-out scores", "probabilities".to_owned());
        return Err(Error::Parameter { name, expected, found: found.to_string() }.into());
    }
    let good: Vec<bool> = of_held_out.map(|score| score > 0.5).collect();
    let score = move |model: &Headed| {
        let scores: Vec<f32> = model.outputs(&held_out)?.into_iter().map(|outputs| outputs[0]).collect();
        let found = auc(&scores, &good);
        let wrong = |found: String| Error::Parameter { name: "AUC", expected: "scores".into(), found };
        Ok(found.map_err(|error| wrong(error.to_string()))?.unwrap_or(0.5))
    };
    let objective = Judging::new(Labelled::merged(texts(examples)?), Loss::Sigmoid)?.with_score(score);
    let model = Headed::new(base, 1, true, fit.seed);
    let fitted = fit.run(model, &objective, progress)?;
    fitted.model.save(folder, &files)?;
    Ok(fitted.best().unwrap_or(0.5))
}
