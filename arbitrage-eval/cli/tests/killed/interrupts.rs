use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::collection::{PROBLEMS, collect, content, lines};
use super::support::{STEPS, succeed, train, train_keeping, writers};

/// Sends the signal so many times, and gives what the process says in the end.
fn interrupted(child: Child, signal: &str, times: usize) -> (Option<i32>, String) {
    for _ in 0..times {
        let sent = Command::new("kill").arg(signal).arg(child.id().to_string()).stderr(Stdio::null()).status().unwrap();
        assert!(sent.success() || times > 1, "the process had ended before it was told to");
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn begin(mut command: Command, until: impl Fn() -> bool) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !until() {
        assert!(child.try_wait().unwrap().is_none(), "the process ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn an_interrupted_collection_reports_progress_and_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, pieces] = ["whole.jsonl", "pieces.jsonl"].map(|name| folder.path().join(name));
    succeed(collect(&whole, &[]));
    for (signal, code, enough) in [("-INT", 130, 20), ("-TERM", 143, 60)] {
        let child = begin(collect(&pieces, &[]), || lines(&pieces) >= enough);
        let (found, told) = interrupted(child, signal, 1);
        assert_eq!(found, Some(code), "{told}");
        assert!(told.contains(&format!("of {PROBLEMS} problems are in ")) && told.contains("pieces.jsonl"), "{told}");
        assert!(told.contains("error: interrupted"), "{told}");
        let bytes = std::fs::read(&pieces).unwrap();
        assert_eq!(bytes.last(), Some(&b'\n'), "the record that was being written is whole");
    }
    succeed(collect(&pieces, &[]));
    assert!(content(&whole) == content(&pieces));
}

#[test]
fn a_second_interrupt_ends_it_at_once_and_loses_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, pieces] = ["whole.jsonl", "pieces.jsonl"].map(|name| folder.path().join(name));
    succeed(collect(&whole, &[]));
    let child = begin(collect(&pieces, &[]), || lines(&pieces) >= 20);
    assert_eq!(interrupted(child, "-INT", 5).0, Some(130));
    succeed(collect(&pieces, &[]));
    assert!(content(&whole) == content(&pieces));
}

/// Whoever is told to end a training has all of it up to the last step, whatever the checkpoints' interval.
#[test]
fn an_interrupted_training_keeps_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("draft");
    let child = begin(train_keeping("draft", "5000", "5000", &out), || out.join("checkpoint.lock").exists());
    std::thread::sleep(Duration::from_millis(300));
    let (code, told) = interrupted(child, "-TERM", 1);
    assert_eq!(code, Some(143), "{told}");
    assert!(told.contains("cut off after ") && told.contains(" of 5000 steps"), "{told}");
    assert!(out.join("checkpoint").exists() && !out.join("model.safetensors").exists());

    let pieces = folder.path().join("pieces");
    let child = begin(train("draft", STEPS, &pieces), || pieces.join("checkpoint").exists());
    let (code, told) = interrupted(child, "-INT", 1);
    assert_eq!(code, Some(130), "{told}");
    succeed(train("draft", STEPS, &pieces));
    let [one, other] =
        [&writers().draft, &pieces].map(|folder| std::fs::read(folder.join("model.safetensors")).unwrap());
    assert!(one == other, "the same bytes as without");
}
