//! One mutated model: what a seed makes of a fixture.

use std::path::{Path, PathBuf};

use super::entry::{Entry, stray};
use super::folder::{self, Folder};
use super::gguf::GgufFile;
use super::gguf_keys::GgufMutation;
use super::random::Random;
use super::{gguf_keys, gguf_tensors, gguf_vocabulary};

/// The valid models that mutations start from. Those that are small come first.
const GGUF_FIXTURES: [&str; 12] = [
    "qwen2-q4_1-tied",
    "llama2-q4_0",
    "smollm2-q8_0-tied",
    "llama3-q5_1",
    "qwen2-q5_0-q8_0",
    "qwen2-f32-tied",
    "llama3-f16",
    "qwen2-bf16",
    "smollm2-k-quants-tied",
    "qwen3-q8_0-tied",
    "smollm3-q8_0-tied",
    "gemma3-q8_0-tied",
];
const FOLDER_FIXTURES: [&str; 12] = [
    "llama2-f16-linear-tied",
    "qwen2-f32-tied",
    "mistral-bf16",
    "mistral-bf16-window",
    "llama3-bf16-sharded",
    "llama2-f16",
    "smollm2-mixed-tied",
    "qwen3-bf16",
    "smollm3-f16-tied",
    "mistral-bf16-narrow-window",
    "gemma3-bf16-tied",
    "gemma3-f32-layer-types-tied",
];

/// A mutated model in memory.
pub(crate) enum Model {
    Gguf(GgufFile),
    Folder(Folder),
    /// Something else in place of a GGUF file.
    Stray(Entry),
}

pub(crate) struct Case {
    pub seed: u64,
    pub fixture: &'static str,
    pub mutations: Vec<&'static str>,
    /// Whether the conversation starts with a system message.
    pub has_system_message: bool,
    pub model: Model,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../arbitrage-models/tests/fixtures/tiny")
}

impl Case {
    /// The case of a seed, always the same.
    pub(crate) fn new(seed: u64) -> Self {
        // Neighbouring seeds begin far from each other.
        let mut random = Random::new(Random::new(seed).number());
        // Most cases have one mutation, so that one refusal does not hide another.
        let count = [1, 1, 1, 2, 3][random.below(5)];
        let has_system_message = random.chance(50);
        if random.chance(60) { Self::gguf(seed, count, random) } else { Self::folder(seed, count, random) }
            .with_system_message(has_system_message)
    }

    /// The fixture at `at` as it is.
    pub(crate) fn unchanged(at: usize) -> Option<Self> {
        let case = |fixture, model| Self { seed: 0, fixture, mutations: Vec::new(), has_system_message: false, model };
        let gguf = GGUF_FIXTURES.iter().map(|name| case(*name, Model::Gguf(read_gguf(name))));
        let folders = FOLDER_FIXTURES.iter().map(|name| case(*name, Model::Folder(read_folder(name))));
        gguf.chain(folders).nth(at)
    }

    fn with_system_message(mut self, has_system_message: bool) -> Self {
        self.has_system_message = has_system_message;
        self
    }

    fn gguf(seed: u64, count: usize, mut random: Random) -> Self {
        let fixture = random.pick(&GGUF_FIXTURES);
        let mut file = read_gguf(fixture);
        let mut mutations = Vec::new();
        let tables: [&[GgufMutation]; 3] =
            [&gguf_keys::MUTATIONS, &gguf_tensors::MUTATIONS, &gguf_vocabulary::MUTATIONS];
        let all: Vec<GgufMutation> = tables.concat();
        for _ in 0..count {
            let (name, _, mutate) = random.weighted(&all, |(_, weight, _)| *weight);
            mutate(&mut file, &mut random);
            mutations.push(*name);
        }
        if random.chance(2) {
            let model = Model::Stray(stray(&mut random));
            return Self { seed, fixture, mutations: vec!["file of another kind"], has_system_message: true, model };
        }
        Self { seed, fixture, mutations, has_system_message: true, model: Model::Gguf(file) }
    }

    fn folder(seed: u64, count: usize, mut random: Random) -> Self {
        let fixture = random.pick(&FOLDER_FIXTURES);
        let mut folder = read_folder(fixture);
        let all = folder::all();
        let mut mutations = Vec::new();
        for _ in 0..count {
            let (name, _, mutate) = random.weighted(&all, |(_, weight, _)| *weight);
            mutate(&mut folder, &mut random);
            mutations.push(*name);
        }
        Self { seed, fixture, mutations, has_system_message: true, model: Model::Folder(folder) }
    }

    /// The name of the model's file or folder, which every message about it must contain.
    pub(crate) fn name(&self) -> String {
        format!("mutant{}", self.seed)
    }

    /// Writes the model into `folder`; its path.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join(match self.model {
            Model::Folder(_) => self.name(),
            _ => format!("{}.gguf", self.name()),
        });
        match &self.model {
            Model::Gguf(file) => std::fs::write(&path, file.to_bytes()).unwrap(),
            Model::Folder(files) => files.write(&path),
            Model::Stray(entry) => entry.write(&path),
        }
        path
    }
}

fn read_gguf(name: &str) -> GgufFile {
    GgufFile::parse(&std::fs::read(fixtures().join(format!("gguf/{name}.gguf"))).unwrap())
}

fn read_folder(name: &str) -> Folder {
    Folder::read(&fixtures().join("hf").join(name))
}
