use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use arbitrage_core::Draw;

use super::support::{STEPS, below, limited, refused, succeed, train, was_killed, writers};

/// Begins a training, and waits until it has told of so many scores.
fn begin(steps: &str, out: &Path, scores: usize) -> Child {
    let mut child = train("draft", steps, out).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let told = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(told.take(scores).count() <= scores);
    child
}

#[test]
fn a_training_killed_at_any_moment_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("draft");
    let mut draw = Draw::new(11);
    let (mut killed, mut resumable) = (0, 0);
    for _ in 0..20 {
        let scores = below(&mut draw, 2) as usize;
        let mut child = begin(STEPS, &out, scores);
        std::thread::sleep(Duration::from_millis(below(&mut draw, 150)));
        child.kill().unwrap();
        killed += usize::from(was_killed(child.wait().unwrap()));
        resumable += usize::from(out.join("checkpoint").exists());
    }
    assert!(killed >= 15 && resumable >= 10, "{killed} killed, {resumable} of them behind a checkpoint");
    succeed(train("draft", STEPS, &out));
    for file in ["model.safetensors", "config.json", "tokenizer.json"] {
        let [whole, pieces] = [&writers().draft, &out].map(|folder| std::fs::read(folder.join(file)).unwrap());
        assert!(whole == pieces, "{file} differs");
    }
    let known = ["checkpoint", "checkpoint.old", "checkpoint.new", "checkpoint.lock"];
    for entry in std::fs::read_dir(&out).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains("checkpoint") || known.contains(&name.as_str()), "{name} piles up");
    }
    let whole = std::fs::read(out.join("model.safetensors")).unwrap();
    succeed(train("draft", STEPS, &out));
    assert!(whole == std::fs::read(out.join("model.safetensors")).unwrap(), "done is done");
}

#[test]
fn two_trainings_in_one_folder_and_another_training_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("draft");
    let mut first = begin("500", &out, 1);
    let holder = format!("process {}", first.id());
    refused(train("draft", "500", &out), &["checkpoint.lock", &holder]);
    // The checkpoint follows the score that was told of.
    while !out.join("checkpoint").exists() && first.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    refused(train("draft", "501", &out), &["checkpoint", "steps: 501", "steps: 500"]);
    refused(train("target", "500", &out), &["checkpoint", "seed: 2", "seed: 1"]);
    assert!(!out.join("model.safetensors").exists());
    // Torn and without the one before it, a checkpoint is no reason to begin anew in silence.
    let path = out.join("checkpoint");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
    std::fs::remove_file(out.join("checkpoint.old")).ok();
    refused(train("draft", "500", &out), &["checkpoint"]);
}

#[test]
fn a_training_is_resumed_after_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("draft");
    succeed(train("draft", "6", &out));
    let (checkpoint, weights) = (out.join("checkpoint"), out.join("model.safetensors"));
    let [before, trained] = [&checkpoint, &weights].map(|path| std::fs::read(path).unwrap());
    std::fs::remove_file(&weights).unwrap();
    // The training is done, but there is no room for what it made.
    refused(limited(&train("draft", "6", &out), 64), &["model.safetensors", "large"]);
    assert!(!weights.exists() && std::fs::read(&checkpoint).unwrap() == before);
    // In the midst of it, there is none for the checkpoint.
    let other = folder.path().join("other");
    refused(limited(&train("draft", "6", &other), 64), &["checkpoint", "large"]);
    assert!(!other.join("checkpoint").exists());
    for out in [&out, &other] {
        succeed(train("draft", "6", out));
        assert!(std::fs::read(out.join("model.safetensors")).unwrap() == trained);
    }
}

#[test]
fn invalid_numbers_of_steps_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    refused(train("draft", "0", folder.path()), &["training examples"]);
    let mut command = train("draft", "4", &folder.path().join("file"));
    std::fs::write(folder.path().join("file"), "no folder").unwrap();
    command.current_dir(folder.path());
    refused(command, &["exists"]);
}
