//! Safetensors files with tensors of any type.

use std::collections::BTreeMap;
use std::path::Path;

use arbitrage_models::{Decoder, Error, ModelFiles, Precision};
use serde_json::{Value, json};

use super::{fixture, options};

/// A tensor of any type.
pub(crate) struct Raw {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

pub(crate) type Tensors = BTreeMap<String, Raw>;

pub(crate) fn read(path: &Path) -> Tensors {
    let file = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: BTreeMap<String, Value> = serde_json::from_slice(&file[8..8 + length]).unwrap();
    let data = &file[8 + length..];
    let tensor = |(name, entry): (String, Value)| {
        let offset = |at: usize| entry["data_offsets"][at].as_u64().unwrap() as usize;
        let shape = entry["shape"].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap() as usize).collect();
        let dtype = entry["dtype"].as_str().unwrap().to_owned();
        (name, Raw { dtype, shape, bytes: data[offset(0)..offset(1)].to_vec() })
    };
    header.into_iter().filter(|(name, _)| name != "__metadata__").map(tensor).collect()
}

pub(crate) fn write(path: &Path, tensors: &Tensors) {
    let (mut header, mut data) = (BTreeMap::new(), Vec::new());
    for (name, Raw { dtype, shape, bytes }) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        header.insert(name, json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
        data.extend(bytes);
    }
    let header = serde_json::to_vec(&header).unwrap();
    std::fs::write(path, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
}

/// Loads a copy of a fixture after `edit` has changed its tensors and its `quantization_config`.
pub(crate) fn load(name: &str, edit: impl Fn(&mut Tensors, &mut Value)) -> Result<Decoder, Error> {
    let (from, folder) = (fixture(name).path, tempfile::tempdir().unwrap());
    for entry in std::fs::read_dir(&from).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let [weights, config] = ["model.safetensors", "config.json"].map(|file| folder.path().join(file));
    let (mut tensors, text) = (read(&weights), std::fs::read_to_string(&config).unwrap());
    let mut json: Value = serde_json::from_str(&text).unwrap();
    edit(&mut tensors, &mut json["quantization_config"]);
    write(&weights, &tensors);
    std::fs::write(&config, json.to_string()).unwrap();
    let ModelFiles { weights, config, .. } = ModelFiles::open(folder.path())?;
    Decoder::load(weights, config, &options(Precision::Packed))
}
