//! The linear head on a decoder's hidden states.

use crate::error::{Error, Result};
use crate::weights::report::nearest;
use crate::weights::{LoadReport, TensorView, WeightSource};

/// The tensor name of a value head, without `.weight` or `.bias`.
const VALUE: &str = "v_head.summary";
/// The tensor name of a head with classes.
const CLASSES: &str = "score";
/// The tensor name of either head in a GGUF file.
pub(crate) const IN_GGUF: &str = "cls.output";
/// Most outputs of a head. A tensor that declares more is not a classifier's.
const MAX_OUTPUTS: usize = 4096;

/// `W · state + b`, summed in double precision, which is cheap with a few thousand products for each row. A row's result does not
/// depend on other rows.
pub(super) struct ClassifierHead {
    /// `[outputs, hidden]`.
    weight: Vec<f32>,
    /// `[outputs]`.
    bias: Vec<f32>,
}

impl ClassifierHead {
    /// Loads the head for states of `hidden` numbers from `source`. Problems are added to `report`: a head that is missing or
    /// misshapen, or a second head. `None` when the report has any problem.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming a tensor that holds NaN or infinity.
    pub(super) fn load(report: &mut LoadReport, source: &dyn WeightSource, hidden: usize) -> Result<Option<Self>> {
        let names = source.names();
        let stem = tensor_stem(&names);
        let second = format!("{CLASSES}.weight");
        if stem == VALUE && names.contains(&second) {
            report.mark_used(&second);
            report.unreadable(&second, format!("a second head, in addition to `{VALUE}.weight`; only one is expected"));
        }
        let weight_name = format!("{stem}.weight");
        let outputs = declared_outputs(stem, source.get(&weight_name).ok().flatten());
        let weight = report.take(source, &weight_name, &[outputs, hidden]);
        let bias_name = format!("{stem}.bias");
        let bias = match stem {
            VALUE => report.take(source, &bias_name, &[outputs]),
            _ => report.take_optional(source, &bias_name, &[outputs]),
        };
        if !report.is_ok() {
            return Ok(None);
        }
        let weight = weight.map(|view| finite_values(source, &view)).transpose()?;
        let bias = bias.map(|view| finite_values(source, &view)).transpose()?;
        Ok(weight.map(|weight| Self { weight, bias: bias.unwrap_or_else(|| vec![0.0; outputs]) }))
    }

    /// The number of outputs, at least one.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The outputs for `states`, `[rows · hidden]`: `[rows][outputs]`.
    pub(super) fn forward(&self, states: &[f32]) -> Vec<Vec<f32>> {
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

/// Whether `name` is that of a head's weight or bias.
pub(crate) fn is_head(name: &str) -> bool {
    let stem = name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias"));
    stem.is_some_and(|stem| [VALUE, CLASSES, IN_GGUF].contains(&stem))
}

/// The tensor name of the head that the file has or, where it has none, of the one that a similar name suggests.
fn tensor_stem(names: &[String]) -> &'static str {
    let has = |stem: &str| names.iter().any(|name| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')));
    let like = |stem: &str| nearest(&format!("{stem}.weight"), names.iter().map(String::as_str)).is_some();
    match () {
        () if has(VALUE) => VALUE,
        () if has(CLASSES) => CLASSES,
        () if has(IN_GGUF) => IN_GGUF,
        () if like(VALUE) => VALUE,
        () => CLASSES,
    }
}

/// The number of outputs that the weight declares; 1 for a value head, and where the shape is not that of a head.
fn declared_outputs(stem: &str, weight: Option<TensorView<'_>>) -> usize {
    match weight.map(|view| view.shape) {
        Some(&[outputs, _]) if stem != VALUE && (1..=MAX_OUTPUTS).contains(&outputs) => outputs,
        _ => 1,
    }
}

/// The values of a tensor of the head. NaN and infinity are refused here, since they would invalidate the score of every step.
fn finite_values(source: &dyn WeightSource, view: &TensorView<'_>) -> Result<Vec<f32>> {
    match view.first_not_finite()? {
        None => view.to_f32(),
        Some(index) => {
            let model = source.path().display().to_string();
            Err(Error::NotFinite { model, place: format!("tensor `{}`", view.name), index })
        }
    }
}
