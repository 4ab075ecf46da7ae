//! The head on a decoder's hidden states.

use crate::error::{Error, Result};
use crate::weights::report::nearest;
use crate::weights::{LoadReport, TensorView, WeightSource};

/// Stems of the names that heads go by.
const VALUE: &str = "v_head.summary";
const CLASSES: &str = "score";
/// Most outputs: a declared number past it is no classifier's.
const MOST: usize = 4096;

/// `W · state + b`, in double precision: it is a few thousand products a row, and rows do not depend on their neighbours.
pub(super) struct Head {
    /// `[outputs, hidden]`.
    weight: Vec<f32>,
    /// `[outputs]`.
    bias: Vec<f32>,
}

impl Head {
    /// Takes the head for states of `hidden` numbers from `source`, and its problems into `report`: missing, misshapen, or two
    /// heads where one is expected. `None` where there are any.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming a tensor that holds NaN or infinity.
    pub fn take(report: &mut LoadReport, source: &dyn WeightSource, hidden: usize) -> Result<Option<Self>> {
        let names = source.names();
        let stem = stem(&names);
        let other = format!("{CLASSES}.weight");
        if stem == VALUE && names.contains(&other) {
            report.unreadable(&other, format!("a second head, beside `{VALUE}.weight`: only one is expected"));
        }
        let weight_name = format!("{stem}.weight");
        let outputs = outputs(stem, source.get(&weight_name).ok().flatten());
        let weight = report.take(source, &weight_name, &[outputs, hidden]);
        let bias_name = format!("{stem}.bias");
        let bias = match stem {
            VALUE => report.take(source, &bias_name, &[outputs]),
            _ => report.take_optional(source, &bias_name, &[outputs]),
        };
        if !report.is_ok() {
            return Ok(None);
        }
        let weight = weight.map(|view| numbers(source, &view)).transpose()?;
        let bias = bias.map(|view| numbers(source, &view)).transpose()?;
        Ok(weight.map(|weight| Self { weight, bias: bias.unwrap_or_else(|| vec![0.0; outputs]) }))
    }

    /// How many outputs it has, at least one.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Outputs of each of `states`, `[rows, hidden]` in one: `[rows][outputs]`.
    pub fn forward(&self, states: &[f32]) -> Vec<Vec<f32>> {
        let width = self.weight.len() / self.outputs();
        states.chunks_exact(width).map(|state| self.row(state)).collect()
    }

    fn row(&self, state: &[f32]) -> Vec<f32> {
        let product = |(weight, &bias): (&[f32], &f32)| {
            let terms = weight.iter().zip(state).map(|(&w, &x)| f64::from(w) * f64::from(x));
            (terms.sum::<f64>() + f64::from(bias)) as f32
        };
        self.weight.chunks_exact(state.len()).zip(&self.bias).map(product).collect()
    }
}

/// Which head the file has, or seems to have been meant to have.
fn stem(names: &[String]) -> &'static str {
    let has = |stem: &str| names.iter().any(|name| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')));
    let like = |stem: &str| nearest(&format!("{stem}.weight"), names.iter().map(String::as_str)).is_some();
    if has(VALUE) || (!has(CLASSES) && like(VALUE)) { VALUE } else { CLASSES }
}

/// Outputs that the head declares; 1 of a value, and where the shape is none for a head.
fn outputs(stem: &str, weight: Option<TensorView<'_>>) -> usize {
    match weight.map(|view| view.shape) {
        Some(&[outputs, _]) if stem == CLASSES && (1..=MOST).contains(&outputs) => outputs,
        _ => 1,
    }
}

/// A small tensor, every number of which decides: NaN in it would be a score, or none, for all steps alike.
fn numbers(source: &dyn WeightSource, view: &TensorView<'_>) -> Result<Vec<f32>> {
    match view.first_not_finite()? {
        None => view.to_f32(),
        Some(index) => {
            let model = source.path().display().to_string();
            Err(Error::NotFinite { model, place: format!("tensor `{}`", view.name), index })
        }
    }
}
