//! A small network in plain Rust. At a few thousand multiplications per step, a call into a tensor library would cost
//! more than the arithmetic.

use std::path::Path;

use arbitrage_models::weights::writer::write_safetensors;
use arbitrage_models::weights::{DType, LoadReport, SafetensorsFolder, TensorView, WeightSource};
use arbitrage_models::{Error, Result};

/// A multi-layer perceptron: standardised inputs, then linear layers with SiLU between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// Applied to the inputs.
    pub standardization: Standardization,
    /// At least one layer.
    pub layers: Vec<LinearLayer>,
}

/// `(x − mean) / deviation`, elementwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardization {
    /// Mean of each input, `[inputs]`.
    pub mean: Vec<f32>,
    /// Standard deviation of each input, `[inputs]`, above 0.
    pub deviation: Vec<f32>,
}

impl Standardization {
    /// The standardised inputs, `[inputs]`.
    pub fn apply(&self, inputs: &[f32]) -> Vec<f32> {
        inputs
            .iter()
            .zip(&self.mean)
            .zip(&self.deviation)
            .map(|((x, mean), deviation)| (x - mean) / deviation)
            .collect()
    }
}

/// `y = W · x + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearLayer {
    /// `[outputs, inputs]`, in row-major order.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

impl LinearLayer {
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(x.len());
        rows.zip(&self.bias).map(|(row, bias)| bias + row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>()).collect()
    }
}

/// Largest width of a layer that a file may declare.
const MAX_LAYER_WIDTH: usize = 1 << 20;

impl Mlp {
    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.standardization.mean.len()
    }

    /// The outputs for `inputs`, which are not standardised.
    ///
    /// # Errors
    /// [`Error::Parameter`] for another number of inputs than [`inputs`](Self::inputs).
    pub fn forward(&self, inputs: &[f32]) -> Result<Vec<f32>> {
        if inputs.len() != self.inputs() {
            let (expected, found) = (self.inputs().to_string(), inputs.len().to_string());
            return Err(Error::Parameter { name: "inputs of the network", expected, found });
        }
        let mut x = self.standardization.apply(inputs);
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                x.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp());
            }
            x = layer.forward(&x);
        }
        Ok(x)
    }

    /// Writes `model.safetensors` into `folder`, with the tensors `mean`, `deviation`, `layers.N.weight` and
    /// `layers.N.bias`, all f32.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let Standardization { mean, deviation } = &self.standardization;
        let mut tensors = vec![OwnedTensor::new("mean", &[self.inputs()], mean)];
        tensors.push(OwnedTensor::new("deviation", &[self.inputs()], deviation));
        for (index, layer) in self.layers.iter().enumerate() {
            let outputs = layer.bias.len();
            let shape = [outputs, layer.weight.len() / outputs.max(1)];
            tensors.push(OwnedTensor::new(&format!("layers.{index}.weight"), &shape, &layer.weight));
            tensors.push(OwnedTensor::new(&format!("layers.{index}.bias"), &shape[..1], &layer.bias));
        }
        let views: Vec<_> = tensors.iter().map(OwnedTensor::view).collect();
        write_safetensors(folder.join("model.safetensors"), &views)
    }

    /// Reads `model.safetensors` in `folder`.
    ///
    /// # Errors
    /// [`Error::Weights`] for tensors that are missing, unknown or of a wrong shape, [`Error::NotFinite`] for NaN and
    /// infinite weights, and the errors of reading the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let source = SafetensorsFolder::open(folder)?;
        let width = |name: &str| -> Result<usize> {
            let found = source.get(name)?.and_then(|view| view.shape.first().copied());
            found.filter(|width| (1..=MAX_LAYER_WIDTH).contains(width)).ok_or_else(|| {
                Error::format(source.path(), name, format!("1 to {MAX_LAYER_WIDTH} numbers"), format!("{found:?}"))
            })
        };
        let mut reader = TensorReader { report: LoadReport::new(&source), source: &source };
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
            layers.push(LinearLayer { weight, bias: reader.read(&format!("{name}.bias"), &[outputs])? });
            inputs = outputs;
        }
        reader.report.finish(source.path())?;
        Ok(Self { standardization: Standardization { mean, deviation }, layers })
    }
}

/// The bytes of a tensor to be written, which [`TensorView`] borrows.
struct OwnedTensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl OwnedTensor {
    fn new(name: &str, shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: name.to_owned(), shape: shape.to_vec(), bytes }
    }

    fn view(&self) -> TensorView<'_> {
        TensorView { name: &self.name, dtype: DType::F32, shape: &self.shape, bytes: &self.bytes }
    }
}

/// Reads tensors, and records which ones are missing.
struct TensorReader<'a> {
    report: LoadReport,
    source: &'a SafetensorsFolder,
}

impl TensorReader<'_> {
    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(view) = self.report.take(self.source, name, shape) else {
            self.report.check(self.source.path())?;
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
        let layer = |weight: &[f32], bias: &[f32]| LinearLayer { weight: weight.to_vec(), bias: bias.to_vec() };
        Mlp {
            standardization: Standardization { mean: vec![1.0, 2.0], deviation: vec![0.5, 2.0] },
            layers: vec![layer(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[0.0, 0.0, -1.0]), layer(&[1.0, -1.0, 2.0], &[0.5])],
        }
    }

    #[test]
    fn the_forward_pass_is_the_formula() {
        let silu = |x: f32| x / (1.0 + (-x).exp());
        // Standardised: (2, −1).
        let expected = silu(2.0) - silu(-1.0) + 2.0 * silu(0.0) + 0.5;
        assert!((mlp().forward(&[2.0, 0.0]).unwrap()[0] - expected).abs() < 1e-6);
        assert!(mlp().forward(&[2.0]).is_err());
    }

    #[test]
    fn saved_networks_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        mlp().save(folder.path()).unwrap();
        assert_eq!(Mlp::open(folder.path()).unwrap(), mlp());
    }

    #[test]
    fn errors_of_invalid_files_name_the_tensor() {
        let broken = |change: fn(&mut Mlp)| {
            let folder = tempfile::tempdir().unwrap();
            let mut mlp = mlp();
            change(&mut mlp);
            mlp.save(folder.path()).unwrap();
            Mlp::open(folder.path()).unwrap_err().to_string()
        };
        assert!(broken(|mlp| mlp.layers[1].weight[1] = f32::NAN).contains("layers.1.weight"));
        assert!(broken(|mlp| mlp.standardization.deviation[1] = 0.0).contains("deviation"));
        assert!(broken(|mlp| mlp.layers[1].weight.truncate(2)).contains("layers.1.weight"));
        assert!(broken(|mlp| mlp.layers.clear()).contains("layers.0"));
        let folder = tempfile::tempdir().unwrap();
        assert!(Mlp::open(folder.path()).is_err());
    }
}
