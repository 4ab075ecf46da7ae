//! The command, and two tiny writers that it has trained.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;

use arbitrage_core::Draw;

/// Steps of the draft's training.
pub(crate) const STEPS: &str = "32";

pub(crate) fn arbitrage() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_THREADS", "1").stdin(Stdio::null());
    command
}

/// Trains a writer, with a checkpoint every other step.
pub(crate) fn train(writer: &str, steps: &str, out: &Path) -> Command {
    train_keeping(writer, steps, "2", out)
}

/// Trains a writer, with a checkpoint after every so many steps.
pub(crate) fn train_keeping(writer: &str, steps: &str, every: &str, out: &Path) -> Command {
    let mut command = arbitrage();
    command.args(["mini", writer, "--quick", "--steps", steps, "--every", every, "--out"]).arg(out);
    command
}

pub(crate) fn run(mut command: Command) -> (Output, String) {
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    (output, err)
}

pub(crate) fn succeed(command: Command) -> String {
    let (output, err) = run(command);
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout).unwrap()
}

/// The command ends with an error that says all of `parts`.
pub(crate) fn refused(command: Command, parts: &[&str]) {
    let (output, err) = run(command);
    assert_eq!(output.status.code(), Some(1), "{err}");
    let (_, told) = err.split_once("error:").unwrap_or_else(|| panic!("{err}"));
    assert!(parts.iter().all(|part| told.contains(part)), "{parts:?}: {err}");
}

/// The command where no file may grow past so many blocks of 512 bytes: a disk that gets full.
pub(crate) fn limited(command: &Command, blocks: usize) -> Command {
    let mut limited = Command::new("sh");
    // The signal is ignored, so that the write fails instead.
    limited.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"")).arg("sh");
    limited.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        limited.env(name, value.unwrap());
    }
    limited
}

/// Draft and target, trained without interruption.
pub(crate) struct Writers {
    pub draft: PathBuf,
    pub target: PathBuf,
}

pub(crate) fn writers() -> &'static Writers {
    static WRITERS: OnceLock<Writers> = OnceLock::new();
    WRITERS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        let (draft, target) = (folder.join("draft"), folder.join("target"));
        succeed(train("draft", STEPS, &draft));
        succeed(train("target", "6", &target));
        Writers { draft, target }
    })
}

/// Whether SIGKILL ended the process.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

pub(crate) fn below(draw: &mut Draw, end: u64) -> u64 {
    (draw.uniform() * end as f64) as u64
}
