//! A small network in plain Rust: at a few thousand products a step, a call into a tensor library would cost more.

use std::path::Path;

use arbitrage_models::weights::writer::write_safetensors;
use arbitrage_models::weights::{DType, LoadReport, SafetensorsFolder, TensorView, WeightSource};
use arbitrage_models::{Error, Result};

/// Linear layers with SiLU between them, behind a standardisation of the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// Subtracted from each input, `[inputs]`.
    pub mean: Vec<f32>,
    /// Divides each input, `[inputs]`, above 0.
    pub deviation: Vec<f32>,
    /// At least one layer.
    pub layers: Vec<Layer>,
}

/// `y = W · x + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `[outputs, inputs]`, row by row.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

impl Layer {
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(x.len());
        rows.zip(&self.bias).map(|(row, bias)| bias + row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>()).collect()
    }
}

/// Widest layer that a file may declare.
const WIDEST: usize = 1 << 20;

impl Mlp {
    /// Numbers that go in.
    pub fn inputs(&self) -> usize {
        self.mean.len()
    }

    /// The network's outputs.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless there are as many inputs as it has.
    pub fn forward(&self, inputs: &[f32]) -> Result<Vec<f32>> {
        if inputs.len() != self.inputs() {
            let (expected, found) = (self.inputs().to_string(), inputs.len().to_string());
            return Err(Error::Parameter { name: "inputs of the network", expected, found });
        }
        let standard = inputs.iter().zip(&self.mean).zip(&self.deviation);
        let mut x: Vec<f32> = standard.map(|((x, mean), deviation)| (x - mean) / deviation).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                x.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp());
            }
            x = layer.forward(&x);
        }
        Ok(x)
    }

    /// Writes `model.safetensors` into `folder`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, folder: &Path) -> Result<()> {
        let mut tensors = vec![Named::new("mean", &[self.inputs()], &self.mean)];
        tensors.push(Named::new("deviation", &[self.inputs()], &self.deviation));
        for (index, layer) in self.layers.iter().enumerate() {
            let outputs = layer.bias.len();
            let shape = [outputs, layer.weight.len() / outputs.max(1)];
            tensors.push(Named::new(&format!("layers.{index}.weight"), &shape, &layer.weight));
            tensors.push(Named::new(&format!("layers.{index}.bias"), &shape[..1], &layer.bias));
        }
        let views: Vec<_> = tensors.iter().map(Named::view).collect();
        write_safetensors(folder.join("model.safetensors"), &views)
    }

    /// Reads `model.safetensors` of `folder`.
    ///
    /// # Errors
    /// [`Error::Weights`] for layers that are missing or do not fit each other, [`Error::NotFinite`] for numbers that are none,
    /// and errors of the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let source = SafetensorsFolder::open(folder)?;
        let width = |name: &str| -> Result<usize> {
            let found = source.get(name)?.and_then(|view| view.shape.first().copied());
            found.filter(|width| (1..=WIDEST).contains(width)).ok_or_else(|| {
                Error::format(source.path(), name, format!("1 to {WIDEST} numbers"), format!("{found:?}"))
            })
        };
        let mut reader = Reader { report: LoadReport::new(source.names()), source: &source };
        let mut inputs = width("mean")?;
        let [mean, deviation] = [reader.read("mean", &[inputs])?, reader.read("deviation", &[inputs])?];
        if let Some(found) = deviation.iter().find(|deviation| **deviation <= 0.0) {
            return Err(Error::format(source.path(), "deviation", "numbers above 0", found));
        }
        let mut layers = Vec::new();
        while layers.is_empty() || source.get(&format!("layers.{}.bias", layers.len()))?.is_some() {
            let name = format!("layers.{}", layers.len());
            let outputs = width(&format!("{name}.bias"))?;
            let weight = reader.read(&format!("{name}.weight"), &[outputs, inputs])?;
            layers.push(Layer { weight, bias: reader.read(&format!("{name}.bias"), &[outputs])? });
            inputs = outputs;
        }
        reader.report.with_strict(true).finish(source.path())?;
        Ok(Self { mean, deviation, layers })
    }
}

/// A tensor on its way into a file.
struct Named {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Named {
    fn new(name: &str, shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: name.to_owned(), shape: shape.to_vec(), bytes }
    }

    fn view(&self) -> TensorView<'_> {
        TensorView { name: &self.name, dtype: DType::F32, shape: &self.shape, bytes: &self.bytes }
    }
}

struct Reader<'a> {
    report: LoadReport,
    source: &'a SafetensorsFolder,
}

impl Reader<'_> {
    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(view) = self.report.take(self.source, name, shape) else {
            self.report.finish(self.source.path())?;
            return Ok(Vec::new());
        };
        match view.first_not_finite()? {
            None => view.to_f32(),
            Some(index) => {
                let (model, place) = (self.source.path().display().to_string(), format!("tensor `{name}`"));
                Err(Error::NotFinite { model, place, index })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mlp() -> Mlp {
        let layer = |weight: &[f32], bias: &[f32]| Layer { weight: weight.to_vec(), bias: bias.to_vec() };
        Mlp {
            mean: vec![1.0, 2.0],
            deviation: vec![0.5, 2.0],
            layers: vec![layer(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[0.0, 0.0, -1.0]), layer(&[1.0, -1.0, 2.0], &[0.5])],
        }
    }

    #[test]
    fn it_computes_what_it_says() {
        let silu = |x: f32| x / (1.0 + (-x).exp());
        // Standardised: (2, −1).
        let expected = silu(2.0) - silu(-1.0) + 2.0 * silu(0.0) + 0.5;
        assert!((mlp().forward(&[2.0, 0.0]).unwrap()[0] - expected).abs() < 1e-6);
        assert!(mlp().forward(&[2.0]).is_err());
    }

    #[test]
    fn files_give_back_what_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        mlp().save(folder.path()).unwrap();
        assert_eq!(Mlp::open(folder.path()).unwrap(), mlp());
    }

    #[test]
    fn files_that_do_not_fit_are_refused_by_name() {
        let broken = |change: fn(&mut Mlp)| {
            let folder = tempfile::tempdir().unwrap();
            let mut mlp = mlp();
            change(&mut mlp);
            mlp.save(folder.path()).unwrap();
            Mlp::open(folder.path()).unwrap_err().to_string()
        };
        assert!(broken(|mlp| mlp.layers[1].weight[1] = f32::NAN).contains("layers.1.weight"));
        assert!(broken(|mlp| mlp.deviation[1] = 0.0).contains("deviation"));
        assert!(broken(|mlp| mlp.layers[1].weight.truncate(2)).contains("layers.1.weight"));
        assert!(broken(|mlp| mlp.layers.clear()).contains("layers.0"));
        let folder = tempfile::tempdir().unwrap();
        assert!(Mlp::open(folder.path()).is_err());
    }
}
