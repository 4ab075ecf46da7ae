//! GGUF files in several parts.
#![cfg(feature = "flex")]

mod support;

use std::path::{Path, PathBuf};

use arbitrage_models::weights::gguf::MetadataValue;
use arbitrage_models::weights::writer::GgufWriter;
use arbitrage_models::weights::{Gguf, WeightSource};
use arbitrage_models::{Decoder, ModelFiles, Precision};
use support::{fixture, options, run};

const NAME: &str = "gguf/qwen3-q8_0-tied";

/// The parts of a file: for each its number, how many there are, and which tensors it has.
fn write_parts(folder: &Path, parts: &[(u32, u32, std::ops::Range<usize>)], tensors: Option<u32>) -> Vec<PathBuf> {
    let file = Gguf::open(fixture(NAME).path).unwrap();
    let names = file.names();
    let write = |(at, (number, count, range)): (usize, &(u32, u32, std::ops::Range<usize>))| {
        let mut writer = GgufWriter::new();
        if at == 0 {
            for (key, value) in file.all_metadata().iter() {
                writer = writer.metadata(key, value.clone());
            }
            writer = tensors.map_or(writer.clone(), |count| writer.metadata("split.tensors.count", count));
        }
        // Other parts have no architecture: names of tensors are those of GGUF.
        writer = writer.metadata("split.no", MetadataValue::U16(*number as u16));
        writer = writer.metadata("split.count", MetadataValue::U16(*count as u16));
        for name in names.get(range.clone()).unwrap_or_default() {
            writer = writer.tensor(file.get(name).unwrap().unwrap());
        }
        let path = folder.join(format!("m-{:05}-of-{:05}.gguf", at + 1, parts.len()));
        writer.write(&path).unwrap();
        path
    };
    parts.iter().enumerate().map(write).collect()
}

#[test]
fn parts_are_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fixture(NAME);
    let count = Gguf::open(&whole.path).unwrap().names().len();
    // As llama.cpp can be asked to, the first part has no tensors.
    let paths = write_parts(folder.path(), &[(0, 3, 0..0), (1, 3, 0..4), (2, 3, 4..count)], Some(count as u32));
    let ModelFiles { weights, config, .. } = ModelFiles::open(&paths[0]).unwrap();
    let decoder = Decoder::load(weights.clone(), config, &options(Precision::Packed)).unwrap();
    let expected = whole.decoder(Precision::Packed);
    let ids = whole.ids();
    assert_eq!(weights.names(), Gguf::open(&whole.path).unwrap().names());
    assert_eq!(run(&decoder, &mut decoder.cache(), &ids), run(&expected, &mut expected.cache(), &ids));
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let error =
        |parts: &[(u32, u32, std::ops::Range<usize>)], tensors: Option<u32>, change: fn(&[PathBuf]) -> PathBuf| {
            let folder = tempfile::tempdir().unwrap();
            let opened = change(&write_parts(folder.path(), parts, tensors));
            Gguf::open(opened).unwrap_err().to_string()
        };
    let first = |paths: &[PathBuf]| paths[0].clone();
    let renamed = |paths: &[PathBuf]| {
        let other = paths[0].with_file_name("model.gguf");
        std::fs::rename(&paths[0], &other).unwrap();
        other
    };
    let without_last = |paths: &[PathBuf]| {
        std::fs::remove_file(&paths[1]).unwrap();
        paths[0].clone()
    };
    let two = [(0, 2, 0..3), (1, 2, 3..12)];
    for (message, phrases) in [
        (
            error(&two, None, |paths| paths[1].clone()),
            "m-00002-of-00002.gguf: split.no|open |m-00001-of-00002.gguf|part 2",
        ),
        (error(&two, None, without_last), "m-00002-of-00002.gguf"),
        (error(&two, None, renamed), "split.count|`-00001-of-00002.gguf`|called `model.gguf`"),
        (error(&two, Some(7), first), "split.tensors.count|7"),
        (
            error(&[(0, 2, 0..3), (1, 3, 3..12)], None, first),
            "00002-of-00002.gguf: split.count|2, as in the first part|3",
        ),
        (error(&[(0, 2, 0..3), (0, 2, 3..12)], None, first), "00002-of-00002.gguf: split.no|1|0"),
        (error(&[(0, 2, 0..4), (1, 2, 3..12)], None, first), "the name again"),
    ] {
        let missing: Vec<_> = phrases.split('|').filter(|phrase| !message.contains(phrase)).collect();
        assert!(missing.is_empty(), "{missing:?} not in {message}");
    }
}
