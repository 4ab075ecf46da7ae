//! What is wrong with how the program took a model.

use super::child::Ended;

/// Most lines and bytes of a message; one that lists tensors has a line for each of the first twenty.
const MAX_LINES: usize = 24;
const MAX_BYTES: usize = 3000;

/// Kinds of findings, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FindingKind {
    Killed,
    Panic,
    Hang,
    ExitCode,
    UnclearMessage,
    Disagreement,
}

pub(crate) struct Finding {
    pub kind: FindingKind,
    pub what: String,
}

fn finding(kind: FindingKind, what: impl Into<String>) -> Option<Finding> {
    Some(Finding { kind, what: what.into() })
}

/// What is wrong with one run of the program; `name` is the model's.
pub(crate) fn of_run(ended: &Ended, name: &str) -> Option<Finding> {
    let start = excerpt(&ended.stderr);
    if ended.is_over_time {
        return finding(FindingKind::Hang, "waits without an end");
    }
    match (ended.signal, ended.code) {
        // The limit on processor time ends with one of these.
        (Some(signal @ (9 | 24)), _) => return finding(FindingKind::Hang, format!("signal {signal}: out of time")),
        (Some(signal), _) => return finding(FindingKind::Killed, format!("signal {signal}: {start}")),
        (_, Some(101)) => return finding(FindingKind::Panic, start),
        (_, Some(0)) => return of_text(&ended.stderr, start),
        (_, Some(1 | 2)) => {}
        (_, code) => return finding(FindingKind::ExitCode, format!("{code:?}: {start}")),
    }
    if !ended.stderr.contains(name) {
        return finding(FindingKind::UnclearMessage, format!("does not name the file: {start}"));
    }
    of_text(&ended.stderr, start)
}

/// What is wrong with the page that `inspect` prints: a file's texts must not steer a terminal.
pub(crate) fn of_page(ended: &Ended) -> Option<Finding> {
    let control = ended.stdout.chars().find(|&letter| letter.is_control() && letter != '\n')?;
    finding(FindingKind::UnclearMessage, format!("control character {control:?} on the page"))
}

/// What is wrong with what is written to standard error.
fn of_text(stderr: &str, start: String) -> Option<Finding> {
    if stderr.contains("panicked at") {
        return finding(FindingKind::Panic, start);
    }
    let (lines, bytes) = (stderr.lines().count(), stderr.len());
    if lines > MAX_LINES || bytes > MAX_BYTES {
        return finding(FindingKind::UnclearMessage, format!("{lines} lines, {bytes} bytes: {start}"));
    }
    if let Some(control) = stderr.chars().find(|&letter| letter.is_control() && letter != '\n') {
        return finding(FindingKind::UnclearMessage, format!("control character {control:?}: {start}"));
    }
    // How Rust shows values to programmers, and a text that is broken in the source.
    let debug =
        ["Some(", "None)", "Error {", "Os {", " { path:", "ErrorKind", "called `Result", "called `Option", "    "];
    let found = debug.iter().find(|mark| stderr.contains(*mark));
    found.and_then(|mark| finding(FindingKind::UnclearMessage, format!("{mark:?} in the message: {start}")))
}

/// What is wrong with two runs that are each in order: `inspect` and `solve` see the same faults of a file. A classifier is a model
/// that `inspect` describes and that solves nothing.
pub(crate) fn of_both(inspected: &Ended, solved: &Ended) -> Option<Finding> {
    let (command, refusal) = match (inspected.code, solved.code) {
        (Some(0), Some(0)) => return None,
        (Some(0), _) if inspected.stdout.contains("classifier") => return None,
        (Some(0), _) => ("solve", &solved.stderr),
        (_, Some(0)) => ("inspect", &inspected.stderr),
        _ => return None,
    };
    if is_only_seen_in_use(refusal) {
        return None;
    }
    finding(FindingKind::Disagreement, format!("only {command} refuses: {}", excerpt(refusal)))
}

/// Whether a refusal depends on the conversation, or on values of weights, which `inspect` does not read: a prompt that does not fit
/// the context, a template that fails for this conversation, weights that are not finite or give what is not.
fn is_only_seen_in_use(refusal: &str) -> bool {
    ["do not fit", "does not fit", "not finite", "chat template of"].iter().any(|phrase| refusal.contains(phrase))
}

/// The first line of a message, in short.
pub(crate) fn excerpt(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().take(260).flat_map(char::escape_debug).collect()
}
