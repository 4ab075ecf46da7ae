//! Traces on disk: records are read as they were written, unfinished lines are repaired, bad lines are named.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use arbitrage_core::router::AlwaysDraft;
use arbitrage_core::testing::Scripted;
use arbitrage_core::trace::{JsonlError, JsonlReader, JsonlSink, MAX_LINE_BYTES, Record, TraceSink, read_jsonl};
use arbitrage_core::{Engine, Problem};
use proptest::prelude::*;

/// The records of a run of two problems.
fn records() -> Vec<Record> {
    let trace = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let draft =
        Scripted::new("d", ["é \"quoted\"\u{2028}\n\n", "0.1 + 0.2\r\n\r\n", "end"]).with_seconds_per_token(0.1);
    let mut engine = Engine::new(draft, Scripted::new("t", []), AlwaysDraft).with_sink(trace.clone());
    let problems = ["a", "b"].map(|id| Problem::new("Ünd?\n").with_id(id));
    engine.solve_all(&problems);
    trace.lock().unwrap().clone()
}

fn write(path: &Path, records: &[Record]) -> Vec<u8> {
    let mut sink = JsonlSink::create(path).unwrap();
    records.iter().for_each(|record| sink.write(record).unwrap());
    fs::read(path).unwrap()
}

/// A path in a new folder, with a space and an accent.
fn trace_path() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracé of a run.jsonl");
    (folder, path)
}

#[test]
fn a_record_is_a_line() {
    let (_folder, path) = trace_path();
    let records = records();
    let bytes = write(&path, &records);
    assert_eq!(bytes.iter().filter(|&&byte| byte == b'\n').count(), records.len());
    assert!(bytes.starts_with(br#"{"kind":"run","version":"#));
    assert_eq!(read_jsonl(&path).unwrap(), records);
}

#[test]
fn create_empties_and_append_goes_on() {
    let (_folder, path) = trace_path();
    let records = records();
    write(&path, &records);
    write(&path, &records[..2]);
    let mut sink = JsonlSink::append(&path).unwrap().with_sync();
    records[2..].iter().for_each(|record| sink.write(record).unwrap());
    assert_eq!(read_jsonl(&path).unwrap(), records);
    // `append` starts a trace where there is none.
    let (_folder, path) = trace_path();
    JsonlSink::append(&path).unwrap().write(&records[0]).unwrap();
    assert_eq!(read_jsonl(&path).unwrap(), records[..1]);
}

#[test]
fn a_trace_cut_at_any_byte_keeps_its_complete_records_and_goes_on() {
    let (_folder, path) = trace_path();
    let records = records();
    let bytes = write(&path, &records);
    for cut in 0..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        // A record is complete when nothing but its line end is missing.
        let whole = ends.filter(|&end| end <= cut).count();
        let mut reader = JsonlReader::open(&path).unwrap();
        let read: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
        assert_eq!(read, records[..whole], "cut at {cut}");

        let mut sink = JsonlSink::append(&path).unwrap();
        records[whole..].iter().for_each(|record| sink.write(record).unwrap());
        assert!(fs::read(&path).unwrap() == bytes, "cut at {cut}");
    }
}

#[test]
fn a_torn_line_is_reported() {
    let (_folder, path) = trace_path();
    let bytes = write(&path, &records());
    fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let mut reader = JsonlReader::open(&path).unwrap();
    assert_eq!(reader.torn(), None);
    assert!(reader.by_ref().all(|record| record.is_ok()));
    let last = bytes[..bytes.len() - 1].rsplit(|&byte| byte == b'\n').next().unwrap().len();
    assert_eq!(reader.torn(), Some(last + 1 - 10));
}

#[test]
fn what_editors_add_is_skipped() {
    let (_folder, path) = trace_path();
    let records = records();
    let lines = String::from_utf8(write(&path, &records)).unwrap();
    let edited = format!("\u{feff}\r\n\n{}\n  \n", lines.replace('\n', "\r\n\t\n"));
    fs::write(&path, edited).unwrap();
    assert_eq!(read_jsonl(&path).unwrap(), records);
    fs::write(&path, lines.trim_end()).unwrap();
    assert_eq!(read_jsonl(&path).unwrap(), records, "no line end at the end");
}

#[test]
fn a_bad_line_is_named_and_the_others_can_be_read() {
    let records = records();
    let step = serde_json::to_string(&records[1]).unwrap();
    let torn = &step[..step.len() - 4];
    for bad in [
        "{",
        "[]",
        "3",
        "null",
        "nonsense",
        "{}",
        r#"{"kind":"else"}"#,
        r#"{"kind":"step"}"#,
        torn,
        &step.replace(r#""index":0"#, r#""index":-1"#),
        &step.replace(r#""index":0"#, r#""index":"0""#),
        &format!("{step}{step}"),
        &step.replace("accept", "perhaps"),
    ] {
        let (_folder, path) = trace_path();
        fs::write(&path, format!("{step}\n\n{bad}\n{step}\n")).unwrap();
        let error = read_jsonl(&path).unwrap_err();
        let JsonlError::Line { path: named, line: 3, column, .. } = &error else { panic!("{bad}: {error}") };
        assert_eq!(named, &path);
        assert!((1..=bad.len() + 1).contains(column), "{bad}: column {column}");
        assert!(error.to_string().starts_with(&format!("{}:3:{column}: ", path.display())), "{error}");
        let read: Vec<_> = JsonlReader::open(&path).unwrap().map(|record| record.is_ok()).collect();
        assert_eq!(read, [true, false, true], "{bad}");
    }
    let (_folder, path) = trace_path();
    fs::write(&path, [step.as_bytes(), b"\n{\"kind\":\"\xff\"}\n"].concat()).unwrap();
    assert!(matches!(read_jsonl(&path), Err(JsonlError::Line { line: 2, .. })));
}

#[test]
fn an_endless_line_is_refused_without_being_stored() {
    let (_folder, path) = trace_path();
    let step = serde_json::to_string(&records()[1]).unwrap();
    let endless = " ".repeat(3 * MAX_LINE_BYTES) + "x";
    fs::write(&path, format!("{step}\n{endless}\n{step}\n")).unwrap();
    let read: Vec<_> = JsonlReader::open(&path).unwrap().collect();
    assert!(matches!(&read[..], [Ok(_), Err(JsonlError::Long { line: 2, .. }), Ok(_)]), "{}", read.len());
}

#[test]
fn a_file_that_is_not_a_trace_is_left_alone() {
    let huge = "x".repeat(MAX_LINE_BYTES + 100_000);
    for text in ["Dear diary,\ntoday", "{\n  \"kind\": \"run\"\n}", "x", &huge] {
        let (_folder, path) = trace_path();
        fs::write(&path, text).unwrap();
        let error = JsonlSink::append(&path).unwrap_err();
        assert!(matches!(error, JsonlError::NotATrace { .. }), "{error}");
        assert!(error.to_string().contains("tracé of a run.jsonl"));
        assert!(fs::read_to_string(&path).unwrap() == text);
    }
}

#[test]
fn two_writers_do_not_mix() {
    let (folder, path) = trace_path();
    let sink = JsonlSink::create(&path).unwrap();
    let expected = format!("{}: process {} is writing to this file", path.display(), std::process::id());
    for second in [JsonlSink::create(&path), JsonlSink::append(&path)] {
        let error = second.unwrap_err();
        assert!(matches!(error, JsonlError::Locked { .. }));
        assert_eq!(error.to_string(), expected);
    }
    // It is refused as well where the writer is unknown.
    fs::write(path.with_added_extension("lock"), "not a number").unwrap();
    assert!(JsonlSink::append(&path).unwrap_err().to_string().ends_with("another process is writing to this file"));
    drop(sink);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the trace");
    // The file that a killed writer leaves keeps no other writer out.
    fs::write(path.with_added_extension("lock"), "1").unwrap();
    JsonlSink::append(&path).unwrap();
}

#[test]
fn files_that_cannot_be_opened_are_named() {
    let (folder, path) = trace_path();
    for error in [
        JsonlSink::create(folder.path()).unwrap_err(),
        JsonlSink::append(path.join("below")).unwrap_err(),
        read_jsonl(&path).unwrap_err(),
        read_jsonl(folder.path()).unwrap_err(),
    ] {
        assert!(matches!(error, JsonlError::Io { .. }), "{error}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }
    assert_eq!(JsonlReader::open(folder.path()).unwrap().count(), 1, "a file that cannot be read ends the trace");
}

/// Writing to `/dev/full` always fails, as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_with_the_bytes_needed() {
    let mut sink = JsonlSink::append("/dev/full").unwrap();
    let record = &records()[0];
    let error = sink.write(record).unwrap_err();
    let needed = serde_json::to_string(record).unwrap().len() + 1;
    assert!(error.to_string().starts_with(&format!("/dev/full: no room for a record of {needed} bytes")), "{error}");
}

const CHILD: &str = "ARBITRAGE_TRACE_TO_WRITE";

/// Not a test by itself: the process that [`a_killed_run_loses_no_record`] kills. It prints a line for each problem after its
/// records are written.
#[test]
fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let draft = Scripted::new("d", ["one\n\n", "two\n\n", "three"]);
    let mut engine =
        Engine::new(draft, Scripted::new("t", []), AlwaysDraft).with_sink(JsonlSink::append(path).unwrap());
    for n in 0.. {
        engine.solve(&Problem::new("?").with_id(n.to_string())).unwrap();
        println!("written {n}");
    }
}

/// The solved problems in the trace. Each of them has to have 3 steps.
fn solved(path: &Path) -> Vec<String> {
    let records = read_jsonl(path).unwrap();
    let steps = |id: &str| records.iter().filter(|r| matches!(r, Record::Step(step) if step.problem == id)).count();
    let ends = records.iter().filter_map(|record| match record {
        Record::Solution(end) => Some(end.problem.clone()),
        _ => None,
    });
    ends.inspect(|id| assert_eq!(steps(id), 3)).collect()
}

#[test]
fn a_killed_run_loses_no_record() {
    for delay in [1, 3, 7] {
        let (_folder, path) = trace_path();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_is_killed", "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let is_report = |line: &String| line.contains("written ");
        assert!(printed.by_ref().any(|line| is_report(&line)));
        std::thread::sleep(std::time::Duration::from_millis(delay));
        // SIGKILL on Unix: no handler runs, nothing is flushed.
        child.kill().unwrap();
        child.wait().unwrap();
        let reported = 1 + printed.filter(is_report).count();

        let solved = solved(&path);
        assert!(solved.len() >= reported, "{reported} were reported, {} are in the trace", solved.len());
        assert!(solved.iter().enumerate().all(|(n, id)| *id == n.to_string()));
        // The next run goes on after the last complete record.
        let before = read_jsonl(&path).unwrap();
        JsonlSink::append(&path).unwrap().write(&before[0]).unwrap();
        assert_eq!(read_jsonl(&path).unwrap().len(), before.len() + 1);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_hang(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
        prop_assert!(JsonlReader::new(&bytes[..], "memory").count() <= lines + 1);
    }

    #[test]
    fn corrupted_records_do_not_panic(at: prop::sample::Index, byte: u8) {
        let mut bytes = serde_json::to_vec(&records()[1]).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        JsonlReader::new(&bytes[..], "memory").for_each(drop);
    }
}
