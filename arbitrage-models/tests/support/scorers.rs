//! Tiny classifiers, and the recorded results of transformers.

use std::path::{Path, PathBuf};

use arbitrage_core::{Accepted, Author, Finish, Problem, Step};
use arbitrage_models::weights::writer::write_safetensors;
use arbitrage_models::weights::{DType, SafetensorsFolder, TensorView, WeightSource};
use arbitrage_models::{Classifier, Precision};
use serde_json::Value;
use tempfile::TempDir;

use super::options;

pub(crate) const VALUE: &str = "value";
pub(crate) const CLASSES: &str = "two-classes";
pub(crate) const SEQUENCE: &str = "last-token";
pub(crate) const SCORERS: [&str; 3] = [VALUE, CLASSES, SEQUENCE];

/// A solution, and the recorded results of transformers.
pub(crate) struct Solution {
    pub problem: Problem,
    pub steps: Vec<Step>,
    /// Its tokens.
    pub ids: Vec<u32>,
    /// The outputs after the last token of each step.
    pub outputs: Vec<Vec<f32>>,
}

impl Solution {
    pub(crate) fn of(name: &str) -> Self {
        let text = std::fs::read_to_string(folder(name).join("expected.json")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let list = |key: &str| value[key].as_array().unwrap().clone();
        let step = |text: &Value| Step::new(text.as_str().unwrap(), Finish::Boundary);
        let row = |row: &Value| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
        Self {
            problem: Problem::new(value["question"].as_str().unwrap()),
            steps: list("steps").iter().map(step).collect(),
            ids: list("ids").iter().map(|id| id.as_u64().unwrap() as u32).collect(),
            outputs: list("outputs").iter().map(row).collect(),
        }
    }

    /// The steps, by the two authors in turn.
    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        let author = |at| if at % 2 == 0 { Author::Draft } else { Author::Target };
        self.steps.iter().enumerate().map(|(at, step)| Accepted { step: step.clone(), author: author(at) }).collect()
    }
}

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scorers").join(name)
}

pub(crate) fn classifier(name: &str, precision: Precision) -> Classifier {
    Classifier::open(folder(name), &options(precision)).unwrap()
}

/// A tensor that a test can change.
#[derive(Clone)]
pub(crate) struct OwnedTensor {
    pub name: String,
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl OwnedTensor {
    /// A tensor of ones.
    pub(crate) fn ones(name: &str, shape: &[usize]) -> Self {
        let count = shape.iter().product();
        let bytes = std::iter::repeat_n(1.0f32.to_le_bytes(), count).flatten().collect();
        Self { name: name.to_owned(), dtype: DType::F32, shape: shape.to_vec(), bytes }
    }

    /// All tensors of `source`.
    pub(crate) fn all(source: &dyn WeightSource) -> Vec<Self> {
        let owned = |name: String| {
            let view = source.get(&name).unwrap().unwrap();
            let (dtype, shape, bytes) = (view.dtype, view.shape.to_vec(), view.bytes.to_vec());
            Self { name, dtype, shape, bytes }
        };
        source.names().into_iter().map(owned).collect()
    }

    pub(crate) fn view(&self) -> TensorView<'_> {
        TensorView { name: &self.name, dtype: self.dtype, shape: &self.shape, bytes: &self.bytes }
    }
}

/// A copy of a fixture's folder with other tensors.
pub(crate) fn changed(name: &str, change: impl FnOnce(&mut Vec<OwnedTensor>)) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder(name)).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let mut tensors = OwnedTensor::all(&SafetensorsFolder::open(folder(name)).unwrap());
    change(&mut tensors);
    let views: Vec<_> = tensors.iter().map(OwnedTensor::view).collect();
    write_safetensors(copy.path().join("model.safetensors"), &views).unwrap();
    copy
}
