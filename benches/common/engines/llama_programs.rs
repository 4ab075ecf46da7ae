//! The benchmark programs that llama.cpp and its relatives are built with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// Measures prefill, and decoding of one sequence.
pub(super) const BENCH: &str = "llama-bench";
/// Measures decoding of several sequences.
pub(super) const BATCHED: &str = "llama-batched-bench";

/// The programs of one build, to be run on one model.
#[derive(Debug)]
pub(super) struct LlamaPrograms {
    folder: PathBuf,
    model: PathBuf,
    threads: String,
}

impl LlamaPrograms {
    /// The programs in `folder`, for `model`. `remedy` says how to get them.
    ///
    /// # Errors
    /// Names a program that is missing, with the remedy.
    pub(super) fn new(folder: &Path, model: &Path, threads: usize, remedy: &str) -> Result<Self, Failure> {
        for program in [BENCH, BATCHED] {
            let path = folder.join(program);
            if !path.is_file() {
                return Err(format!("{} is not there: {remedy}", path.display()).into());
            }
        }
        let absolute = |path: &Path| std::path::absolute(path);
        Ok(Self { folder: absolute(folder)?, model: absolute(model)?, threads: threads.to_string() })
    }

    /// A program, in the folder for temporary files, since some leave a log where they run.
    pub(super) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.arg("-m").arg(&self.model).args(["-t", &self.threads]).args(arguments);
        command.current_dir(std::env::temp_dir());
        command
    }
}
