//! What a forward pass computes for each output token.

use burn::tensor::{Tensor, Transaction};

use super::LocalModel;
use crate::decoder::{Output, Span, values};
use crate::error::Result;
use crate::sampler::{SampledToken, argmax};

/// What a pass computed for one output token.
pub(super) struct TokenOutput<'a> {
    /// What the next token is sampled from.
    pub scores: NextTokenScores<'a>,
    /// The hidden state, `[hidden]`; empty where steps carry no states.
    pub hidden: &'a [f32],
}

/// What the next token is sampled from.
pub(super) enum NextTokenScores<'a> {
    /// The scores of all tokens, `[logits_width]`.
    Logits(&'a [f32]),
    /// The likeliest token, already found on the device.
    Argmax(SampledToken),
}

/// What a pass computed for all output tokens, in order.
pub(super) struct ForwardOutputs {
    scores: BatchScores,
    hidden: Vec<f32>,
    /// Numbers of a hidden state; 0 where steps carry no states.
    hidden_width: usize,
}

enum BatchScores {
    Logits { values: Vec<f32>, width: usize },
    Argmax(Vec<SampledToken>),
}

impl ForwardOutputs {
    /// Runs `spans`. The hidden states are read back only if steps of `model` carry them.
    ///
    /// Where all sequences decode greedily by burn's operations, the likeliest token is found on the device. Then a few numbers for each row are
    /// read back, in one exchange, instead of a hundred thousand.
    pub(super) fn compute(model: &LocalModel, spans: &mut [Span<'_>], is_greedy: bool) -> Result<Self> {
        let decoder = &model.decoder;
        let hidden_width = if model.with_hidden { decoder.config().hidden } else { 0 };
        let Some(Output { hidden, logits }) = decoder.forward(spans)? else {
            return Ok(Self { scores: BatchScores::Argmax(Vec::new()), hidden: Vec::new(), hidden_width });
        };
        let hidden = model.with_hidden.then_some(hidden);
        let width = model.logits_width();
        if is_greedy && decoder.is_plain() {
            let [rows, columns] = [logits.dims()[0], model.token_count];
            let summary = argmax::on_device(logits.clone().slice([0..rows, 0..columns]));
            let (summary, hidden) = read_back(summary, hidden);
            // Where a logit is not finite, the logits are read back so that the error can name it.
            let scores = match argmax::sampled_tokens(&summary) {
                Some(tokens) => BatchScores::Argmax(tokens),
                None => BatchScores::Logits { values: values(logits), width },
            };
            return Ok(Self { scores, hidden, hidden_width });
        }
        let (values, hidden) = read_back(logits, hidden);
        Ok(Self { scores: BatchScores::Logits { values, width }, hidden, hidden_width })
    }

    /// The output tokens, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = TokenOutput<'_>> {
        let hidden = |at: usize| &self.hidden[at * self.hidden_width..][..self.hidden_width];
        (0..self.scores.len()).map(move |at| TokenOutput { scores: self.scores.get(at), hidden: hidden(at) })
    }
}

impl BatchScores {
    fn len(&self) -> usize {
        match self {
            Self::Logits { values, width } => values.len() / width,
            Self::Argmax(tokens) => tokens.len(),
        }
    }

    fn get(&self, at: usize) -> NextTokenScores<'_> {
        match self {
            Self::Logits { values, width } => NextTokenScores::Logits(&values[at * width..][..*width]),
            Self::Argmax(tokens) => NextTokenScores::Argmax(tokens[at]),
        }
    }
}

/// Reads both tensors in one exchange with the device.
fn read_back(scores: Tensor<2>, hidden: Option<Tensor<2>>) -> (Vec<f32>, Vec<f32>) {
    let Some(hidden) = hidden else { return (values(scores), Vec::new()) };
    let mut data = Transaction::default().register(scores).register(hidden).execute().into_iter();
    let mut next = || data.next().and_then(|data| data.convert::<f32>().try_into_vec::<f32>().ok()).unwrap_or_default();
    (next(), next())
}
