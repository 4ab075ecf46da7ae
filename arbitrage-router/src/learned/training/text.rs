//! Training of the paper's router.

use std::path::Path;

use arbitrage_models::train::{FolderFiles, Headed, Judging, Labelled, Progress, Transformer};
use arbitrage_models::{Error, LoadOptions, tokenizer::Tokenizer};

use super::super::{Annotation, Data, Pair, Reads, RouterError, TextRouter};
use super::lessons::{Recipe, rank_correlation};
use crate::labels::Example;

impl TextRouter {
    /// Trains a router on `examples`, from the decoder `base` whose tokenizer is that of the folder `tokenizer`, and keeps the weights
    /// with the greatest rank correlation ρ with the advantage on `validation` (paper, App. C and D). The router is written into
    /// `folder`. It learns where `base` is, and is opened there.
    ///
    /// The steps of a solution that the draft wrote are judged in one pass over it, which the separators make the same as
    /// judging each alone.
    ///
    /// # Errors
    /// [`RouterError`]: examples of one class only, whatever the loop meets.
    #[allow(clippy::too_many_arguments, reason = "each is a decision of its own, and no two belong together")]
    pub fn train(
        base: Transformer,
        tokenizer: &Path,
        (examples, validation): (&[Example], &[Example]),
        annotation: Annotation,
        recipe: &Recipe,
        (pair, data): (Pair, Data),
        folder: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Self, RouterError> {
        let files = FolderFiles::read(tokenizer)?;
        let tokenizer = Tokenizer::from_folder(tokenizer)?;
        let tokens = |example: &Example| {
            let problem = example.as_problem();
            annotation.layout().tokens(&tokenizer, &example.prefix(&problem), &example.draft)
        };
        let mut texts = Vec::new();
        for lesson in recipe.lessons(examples)? {
            texts.push(Labelled::last(tokens(&examples[lesson.example])?, lesson.answer, lesson.weight));
        }
        let blank = vec![0.0; recipe.outcome.outputs()];
        let unseen = |example: &Example| Ok(Labelled::last(tokens(example)?, blank.clone(), 1.0));
        let held_out = validation.iter().map(unseen).collect::<Result<Vec<_>, Error>>()?;
        let advantages: Vec<f32> = validation.iter().map(Example::advantage).collect();
        let mut card = recipe.card(Reads::Text { annotation }, pair, data);
        let judge = card.clone();
        let score = move |model: &Headed| rank_correlation(&judge, &model.outputs(&held_out)?, &advantages);
        let objective = Judging::new(Labelled::merged(texts), recipe.loss())?.with_score(score);
        let model = Headed::new(base, recipe.outcome.outputs(), false, recipe.fit.seed);
        let fitted = recipe.fit.run(model, &objective, progress)?;
        card.metrics.extend(fitted.best().map(|best| ("validation ρ".to_owned(), best)));
        fitted.model.save(folder, &files)?;
        card.save(folder)?;
        Self::open(folder, &LoadOptions::new(fitted.model.device()))
    }
}
