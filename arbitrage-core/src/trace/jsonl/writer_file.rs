//! Which process writes to a trace.

use std::fs;
use std::path::{Path, PathBuf};

/// A file next to the trace with the process id of its writer. It exists for as long as the writer does.
///
/// It is for error messages alone. The lock on the trace itself keeps other writers out, so nothing breaks where this file
/// cannot be written or was left behind by a killed process.
#[derive(Debug)]
pub(super) struct WriterFile {
    path: PathBuf,
}

impl WriterFile {
    /// Names this process as the writer of `trace`, which has to be locked.
    pub(super) fn create(trace: &Path) -> Self {
        let path = writer_path(trace);
        fs::write(&path, std::process::id().to_string()).ok();
        Self { path }
    }
}

impl Drop for WriterFile {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// The process that has locked `trace`, for error messages.
pub(super) fn current_writer(trace: &Path) -> String {
    let id = fs::read_to_string(writer_path(trace)).ok().and_then(|text| text.parse::<u32>().ok());
    id.map_or_else(|| "another run".to_owned(), |id| format!("process {id}"))
}

fn writer_path(trace: &Path) -> PathBuf {
    trace.with_added_extension("lock")
}
