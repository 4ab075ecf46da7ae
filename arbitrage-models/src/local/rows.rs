//! What a pass gives for each wanted token.

use burn::tensor::{Tensor, Transaction};

use super::LocalModel;
use crate::decoder::{Output, Span};
use crate::error::Result;
use crate::sampler::{Choice, best};

/// What a pass gives for one wanted token.
pub(super) struct Row<'a> {
    /// What the next token is chosen by.
    pub scores: Scores<'a>,
    /// The state behind them, `[hidden]`; empty where it was not asked for.
    pub hidden: &'a [f32],
}

/// What the next token is chosen by.
pub(super) enum Scores<'a> {
    /// Scores of every token, `[head_width]`.
    Logits(&'a [f32]),
    /// The likeliest token, found where the logits are.
    Best(Choice),
}

/// What a pass gives for all wanted tokens, a row after the other.
pub(super) struct PassRows {
    scores: AllScores,
    hidden: Vec<f32>,
    /// Numbers a state.
    width: usize,
}

enum AllScores {
    Logits { values: Vec<f32>, width: usize },
    Best(Vec<Choice>),
}

impl PassRows {
    /// Runs `spans`, with the states too if steps of `model` carry them.
    ///
    /// Where the likeliest token is wanted and burn's operations run, it is found on the device: what is read back, in one
    /// exchange, is a few numbers a row in place of a hundred thousand.
    pub fn run(model: &LocalModel, spans: &mut [Span<'_>]) -> Result<Self> {
        let decoder = &model.decoder;
        let width = if model.hidden { decoder.config().hidden } else { 0 };
        let Some(Output { hidden, logits }) = decoder.forward(spans)? else {
            return Ok(Self { scores: AllScores::Best(Vec::new()), hidden: Vec::new(), width });
        };
        let hidden = model.hidden.then_some(hidden);
        if model.sampling.is_greedy() && decoder.is_plain() {
            let [rows, columns] = [logits.dims()[0], model.columns];
            let found = best::on_device(logits.clone().slice([0..rows, 0..columns]));
            let (found, hidden) = read(found, hidden);
            if let Some(choices) = best::choices(&found, decoder.head_ids()) {
                return Ok(Self { scores: AllScores::Best(choices), hidden, width });
            }
            // Something is not finite: the logits themselves say what.
            return Ok(Self { scores: AllScores::all(logits, decoder.head_width()), hidden, width });
        }
        let (values, hidden) = read(logits, hidden);
        Ok(Self { scores: AllScores::Logits { values, width: decoder.head_width() }, hidden, width })
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.scores.rows())
            .map(|at| Row { scores: self.scores.row(at), hidden: &self.hidden[at * self.width..][..self.width] })
    }
}

impl AllScores {
    fn all(logits: Tensor<2>, width: usize) -> Self {
        Self::Logits { values: values(logits), width }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Logits { values, width } => values.len() / width,
            Self::Best(choices) => choices.len(),
        }
    }

    fn row(&self, at: usize) -> Scores<'_> {
        match self {
            Self::Logits { values, width } => Scores::Logits(&values[at * width..][..*width]),
            Self::Best(choices) => Scores::Best(choices[at]),
        }
    }
}

/// Reads both in one exchange with the device.
fn read(scores: Tensor<2>, hidden: Option<Tensor<2>>) -> (Vec<f32>, Vec<f32>) {
    let Some(hidden) = hidden else { return (values(scores), Vec::new()) };
    let mut read = Transaction::default().register(scores).register(hidden).execute().into_iter();
    let mut next = || read.next().and_then(|data| data.convert::<f32>().try_into_vec::<f32>().ok()).unwrap_or_default();
    (next(), next())
}

/// The numbers of a tensor, a row after the other.
pub(crate) fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data_as::<f32>().try_into_vec::<f32>().unwrap_or_default()
}
