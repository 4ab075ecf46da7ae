//! Training of the paper's router.

use std::path::Path;

use arbitrage_models::train::{
    ClassificationObjective, FolderFiles, HeadBias, LabelledText, TrainProgress, TransformerWithHead,
};
use arbitrage_models::{Error, LoadOptions, tokenizer::Tokenizer};

use super::super::{Annotation, RouterError, RouterInput, TextRouter};
use super::targets::rank_correlation;
use super::{BaseModel, RouterTraining};
use crate::labels::Example;

impl TextRouter {
    /// Trains a router on the device of the base model, and keeps the weights with the greatest rank correlation ρ with
    /// the advantage on the validation examples (paper, App. C and D), which is recorded in the card as `validation ρ`.
    /// The router is written into `folder`, and opened from there on the same device.
    ///
    /// The drafted steps of one solution share a forward pass over the solution. The separators between steps make the
    /// result the same as with a pass for each step.
    ///
    /// # Errors
    /// [`RouterError::Examples`] for examples of one class; [`RouterError::Labels`] for advantages that are not finite;
    /// [`RouterError::Models`] for prefixes that are empty or too long, files that cannot be read or written, and
    /// failures of the training loop.
    pub fn train(
        base: BaseModel<'_>,
        training: &RouterTraining<'_>,
        annotation: Annotation,
        folder: &Path,
        progress: &mut dyn TrainProgress,
    ) -> Result<Self, RouterError> {
        let (examples, recipe) = (&training.examples, training.recipe);
        let files = FolderFiles::read(base.tokenizer)?;
        let tokenizer = Tokenizer::from_folder(base.tokenizer)?;
        let tokens = |example: &Example| {
            let problem = example.as_problem();
            annotation.layout().tokens(&tokenizer, &example.prefix(&problem), &example.draft)
        };
        let mut texts = Vec::new();
        for target in recipe.targets(examples.training)? {
            let tokens = tokens(&examples.training[target.example])?;
            texts.push(LabelledText::last(tokens, target.probabilities, target.weight));
        }
        // The validation metric needs no targets, so these are placeholders.
        let outputs = recipe.output_head.outputs();
        let unlabelled = |example: &Example| Ok(LabelledText::last(tokens(example)?, vec![0.0; outputs], 1.0));
        let validation = examples.validation.iter().map(unlabelled).collect::<Result<Vec<_>, Error>>()?;
        let mut card = training.card(RouterInput::Text { annotation });
        let (untrained, advantages) = (card.clone(), training.validation_advantages());
        let score =
            move |model: &TransformerWithHead| rank_correlation(&untrained, &model.outputs(&validation)?, &advantages);
        let objective =
            ClassificationObjective::new(LabelledText::merge_prefixes(texts), recipe.loss())?.with_score(score);
        let model = TransformerWithHead::new(base.decoder, outputs, HeadBias::Absent, recipe.fit.seed);
        let fitted = recipe.fit.run(model, &objective, progress)?;
        card.metrics.extend(fitted.best().map(|best| ("validation ρ".to_owned(), best)));
        fitted.model.save(folder, &files)?;
        card.save(folder)?;
        Self::open(folder, &LoadOptions::new(fitted.model.device()))
    }
}
