//! A transformer with a linear head on some of its rows.

use std::path::Path;

use arbitrage_core::Draw;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use serde_json::json;

use super::folder::{FolderFiles, NamedTensor};
use super::labelled_text::{LabelledText, batch};
use super::parameter_source::{ParameterSource, RandomInit};
use super::transformer::{TextBatch, Transformer, select};
use crate::error::{Error, Result};

/// Texts that are run at a time where no gradients are needed.
const TEXTS_PER_PASS: usize = 64;

/// A transformer with a head of one or more outputs in place of the language model's.
#[derive(Module, Debug)]
pub struct TransformerWithHead {
    body: Transformer,
    head: Linear,
}

/// Whether a head has a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadBias {
    /// It has none. transformers can then load the folder as a model for sequence classification, too.
    Absent,
    /// It has one for each output.
    Present,
}

impl TransformerWithHead {
    /// `body` with a randomly initialised head of `outputs` outputs.
    pub fn new(body: Transformer, outputs: usize, bias: HeadBias, seed: u64) -> Self {
        let seed = Draw::new(seed ^ 0x0068_6561_6421).next_u64();
        let widths = [body.config().hidden, outputs];
        let head = RandomInit::new(seed, &body.device()).linear("score", widths, bias == HeadBias::Present, 1.0);
        Self { body, head }
    }

    /// The transformer.
    pub fn body(&self) -> &Transformer {
        &self.body
    }

    /// The device of the weights.
    pub fn device(&self) -> Device {
        self.body.device()
    }

    /// Outputs of the given rows of `texts`, before sigmoid or softmax, `[rows, outputs]`.
    ///
    /// # Errors
    /// As [`Transformer::hidden`], and [`Error::Parameter`] for a row past the end.
    pub fn forward(&self, texts: &TextBatch, rows: &[usize]) -> Result<Tensor<2>> {
        let hidden = self.body.hidden(texts)?;
        let count = hidden.dims()[0];
        match rows.iter().find(|row| **row >= count) {
            Some(row) => {
                Err(Error::Parameter { name: "row", expected: format!("below {count}"), found: row.to_string() })
            }
            None => Ok(self.head.forward(select(hidden, rows))),
        }
    }

    /// Outputs of every labelled row, in order, before sigmoid or softmax: `[outputs]` each.
    ///
    /// # Errors
    /// As [`Transformer::hidden`].
    pub fn outputs(&self, texts: &[LabelledText]) -> Result<Vec<Vec<f32>>> {
        let mut outputs = Vec::new();
        for chunk in texts.chunks(TEXTS_PER_PASS) {
            let (texts, rows) = batch(chunk.iter());
            let found = self.forward(&texts, &rows)?;
            let width = found.dims()[1];
            let values: Vec<f32> = found.into_data_as::<f32>().try_into_vec().unwrap_or_default();
            outputs.extend(values.chunks(width).map(<[f32]>::to_vec));
        }
        Ok(outputs)
    }

    /// Writes a folder as [`Transformer::save`] does, with the head as `score.weight` and `score.bias`, as transformers' models for
    /// token and sequence classification have it.
    ///
    /// # Errors
    /// As [`Transformer::save`].
    pub fn save(&self, folder: impl AsRef<Path>, files: &FolderFiles) -> Result<()> {
        let family = self.body.config().family.class;
        let task = if self.head.bias.is_some() { "Token" } else { "Sequence" };
        let outputs = self.head.weight.dims()[1];
        let labels: serde_json::Map<_, _> =
            (0..outputs).map(|at| (at.to_string(), json!(format!("LABEL_{at}")))).collect();
        let keys = json!({ "num_labels": outputs, "id2label": labels, "pad_token_id": 0 });
        let architecture = format!("{family}For{task}Classification");
        self.body.save_with(folder.as_ref(), files, NamedTensor::of_linear("score", &self.head), &architecture, keys)
    }
}
