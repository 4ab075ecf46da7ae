//! Who writes to a trace.

use std::fs;
use std::path::{Path, PathBuf};

/// A file beside a trace with its writer's process id, there for as long as the writer is.
///
/// It serves a message alone: what keeps others out is the lock on the trace, so that it does no harm where this file cannot be
/// written, or was left behind by a kill.
#[derive(Debug)]
pub(super) struct Holder {
    path: PathBuf,
}

impl Holder {
    /// Names this process as the writer. Its trace has to be locked.
    pub fn enter(trace: &Path) -> Self {
        let path = place(trace);
        fs::write(&path, std::process::id().to_string()).ok();
        Self { path }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// The writer of a trace that is locked.
pub(super) fn holder(trace: &Path) -> String {
    let id = fs::read_to_string(place(trace)).ok().and_then(|text| text.parse::<u32>().ok());
    id.map_or_else(|| "another run".to_owned(), |id| format!("process {id}"))
}

fn place(trace: &Path) -> PathBuf {
    trace.with_added_extension("lock")
}
