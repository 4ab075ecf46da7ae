//! What a training needs from its caller: an objective, and someone to report to.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::error::Result;

/// A loss over training examples.
#[expect(clippy::len_without_is_empty, reason = "there is always an example")]
pub trait Objective: Sync {
    /// The module that is trained.
    type Model: Module;

    /// The number of examples, at least one.
    fn len(&self) -> usize;

    /// The number of tokens of an example. Examples of similar length are put into one batch.
    fn length(&self, example: usize) -> usize;

    /// The weight of an example in the mean loss, above 0.
    fn weight(&self, example: usize) -> f64;

    /// Hands `update` all bytes that the loss of an example depends on besides the model: its text, labels and weights. Their hash
    /// identifies the training data in a checkpoint.
    fn hash_into(&self, example: usize, update: &mut dyn FnMut(&[u8]));

    /// The sum of the losses of `examples`, each multiplied by its [`weight`](Self::weight), `[1]`.
    fn loss(&self, model: &Self::Model, examples: &[usize]) -> Result<Tensor<1>>;

    /// The quality of the model, the higher the better. With `None` the last weights are kept instead of the best ones.
    fn score(&self, model: &Self::Model) -> Result<Option<f64>>;
}

/// Receives the progress of a training.
pub trait TrainProgress {
    /// `step` of `steps` is done, with this mean loss.
    fn on_step(&mut self, step: usize, steps: usize, loss: f64);

    /// The weights after `step` steps have the score `score`.
    fn on_score(&mut self, step: usize, score: f64);

    /// Whether to stop now, with a checkpoint from which the training can be resumed. Called after each step.
    fn should_stop(&self) -> bool {
        false
    }
}

/// Ignores the progress.
impl TrainProgress for () {
    fn on_step(&mut self, _step: usize, _steps: usize, _loss: f64) {}
    fn on_score(&mut self, _step: usize, _score: f64) {}
}
