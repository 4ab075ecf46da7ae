use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use arbitrage_core::Draw;
use serde_json::Value;

use super::collection::lines;
use super::support::{arbitrage, below, succeed, was_killed};

/// Calibrates by runs of the shipped pair.
fn calibrate(folder: &Path, out: &str) -> Command {
    let mut command = arbitrage();
    command.env("ARBITRAGE_CACHE", folder.join("cache"));
    command.args(["calibrate", "--pair", "mini", "--policy", "logprob", "--goal", "loss:0.3", "--confidence", "0.8"]);
    command.args(["--mini", "validation:0..90", "--thresholds", "4", "--in-flight", "4"]);
    command.arg("--out").arg(folder.join(out)).arg("--json").arg(folder.join(out).with_extension("json"));
    command
}

/// Lines in all traces of a folder.
fn lines_of_all(folder: &Path) -> usize {
    let Ok(entries) = folder.read_dir() else { return 0 };
    entries.map(|entry| lines(&entry.unwrap().path())).sum()
}

/// Answers by trace and problem.
fn answers(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            if record["kind"] == "solution" {
                let (problem, text) = (&record["problem"], record["text"].as_str().unwrap().to_owned());
                assert_eq!(found.insert(format!("{name} {problem}"), text), None, "a problem ends twice");
            }
        }
    }
    found
}

#[test]
fn a_calibration_killed_at_any_moment_ends_as_without() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, pieces] = ["whole", "pieces"].map(|name| folder.path().join(name));
    let told = succeed(calibrate(folder.path(), "whole"));
    assert!(told.contains("at most 30% of the problems"), "{told}");
    let mut draw = Draw::new(7);
    let mut killed = 0;
    for _ in 0..10 {
        let enough = lines_of_all(&pieces) + 1 + below(&mut draw, 120) as usize;
        let mut child = calibrate(folder.path(), "pieces").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while lines_of_all(&pieces) < enough && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(500));
        }
        child.kill().unwrap();
        killed += usize::from(was_killed(child.wait().unwrap()));
    }
    assert!(killed >= 8, "{killed} killed");
    assert_eq!(succeed(calibrate(folder.path(), "pieces")), told);
    assert_eq!(answers(&pieces), answers(&whole));
    let figures =
        |out: &Path| -> Value { serde_json::from_slice(&std::fs::read(out.with_extension("json")).unwrap()).unwrap() };
    assert_eq!(figures(&pieces), figures(&whole));
}
