//! Runs the program as a child process with limits on its memory and its time.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Memory that a child process can map, in kB: 4 GB.
const MAX_MEMORY_KB: u64 = 4 << 20;
/// Seconds of processor time of a child process. Processor time, since the machine may have more to do.
const MAX_CPU_SECONDS: u64 = 5;
/// After this time a child process hangs, whatever it waits for.
const MAX_WALL: Duration = Duration::from_secs(40);
/// Longest time between two looks at a child process.
const MAX_POLL: Duration = Duration::from_millis(20);

/// How a child process ended, and what it wrote.
pub(crate) struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub is_over_time: bool,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `program` with `arguments`. Its output goes to files in `folder`, so that no pipe fills up.
pub(crate) fn run(program: &Path, arguments: &[&str], folder: &Path) -> Ended {
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let limits = format!("ulimit -v {MAX_MEMORY_KB}; ulimit -t {MAX_CPU_SECONDS}; ulimit -c 0; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limits, "sh"]).arg(program).args(arguments);
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_CACHE", folder.join("cache"));
    command.env("ARBITRAGE_THREADS", "1").env_remove("RUST_BACKTRACE").current_dir(folder);
    command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    let status = wait(&mut child);
    let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    Ended {
        code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        is_over_time: status.is_none(),
        stdout: text(out),
        stderr: text(err),
    }
}

/// Waits for the end; kills what does not end in time.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    while start.elapsed() < MAX_WALL {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(MAX_POLL);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}
