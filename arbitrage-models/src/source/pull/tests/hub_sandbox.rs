//! A cache, and a hub with a repository of GGUF files or a folder of safetensors.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::server::Server;
use crate::Result;
use crate::source::{ModelSource, NoProgress, SourceSettings};

/// A cache, a hub, and the settings that lead to both.
pub(super) struct Cache {
    pub folder: TempDir,
    pub server: Server,
    pub settings: SourceSettings,
}

pub(super) const ONE: &str = "1111111111111111111111111111111111111111";
pub(super) const TWO: &str = "2222222222222222222222222222222222222222";
pub(super) const QUANTISED: [(&str, &[u8]); 4] = [
    ("README.md", b"text"),
    ("m-Q4_K_M.gguf", b"four bits"),
    ("m-Q8_0.gguf", b"eight bits"),
    ("sub/m-F16.gguf", b"half"),
];

/// A folder with weights that can be opened, in a file without tensors.
pub(super) fn folder_files() -> Vec<(&'static str, Vec<u8>)> {
    let weights = [&2u64.to_le_bytes()[..], b"{}"].concat();
    vec![
        ("config.json", b"{\"model_type\": \"qwen2\"}".to_vec()),
        ("tokenizer.json", b"{}".to_vec()),
        ("model.safetensors", weights),
        ("pytorch_model.bin", b"pickle".to_vec()),
        ("onnx/model.safetensors", b"other".to_vec()),
        ("README.md", b"text".to_vec()),
    ]
}

impl Cache {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(files));
        let mut settings = SourceSettings::new(folder.path().join("cache"));
        settings.hub = server.address.clone();
        Self { folder, server, settings }
    }

    pub(super) fn with_folder() -> Self {
        let files = folder_files();
        Self::new(&files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect::<Vec<_>>())
    }

    pub(super) fn resolve(&self, name: &str) -> Result<PathBuf> {
        ModelSource::parse_with(name, &self.settings)?.resolve_with(&self.settings, &mut NoProgress)
    }

    pub(super) fn error(&self, name: &str) -> String {
        self.resolve(name).unwrap_err().to_string()
    }

    /// Resolves without a request, with and without a network.
    pub(super) fn resolves_from_cache(&mut self, name: &str) -> PathBuf {
        self.server.requests();
        let path = self.resolve(name).unwrap();
        self.settings.offline = true;
        assert_eq!(self.resolve(name).unwrap(), path);
        self.settings.offline = false;
        assert_eq!(self.server.requests(), [""; 0]);
        path
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.settings.cache.join(path)
    }

    pub(super) fn record(&self, path: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path("hub-lock").join(path)).unwrap()).unwrap()
    }

    /// Lets the hub have another commit.
    pub(super) fn commit(&self, commit: &str, name: &str, content: &[u8]) {
        let mut repository = self.server.repository();
        commit.clone_into(&mut repository.commit);
        repository.files.insert(name.to_owned(), content.to_vec());
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".ok"));
    names.sort();
    names
}
