use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use arbitrage_core::trace::{JsonlSink, Record, SolutionRecord, Trace, TraceSink, read_jsonl};
use arbitrage_core::{Draw, StepCost, Usage};
use arbitrage_router::labels::{Example, examples};

use super::support::{arbitrage, below, limited, refused, succeed, was_killed, writers};

pub(crate) const PROBLEMS: usize = 60;

/// Collects, with other values of some options.
pub(crate) fn collect(out: &Path, changes: &[(&str, &str)]) -> Command {
    let writers = writers();
    let [draft, target] = [&writers.draft, &writers.target].map(|path| path.to_str().unwrap());
    let mut options = BTreeMap::from([
        ("--draft", draft),
        ("--target", target),
        ("--mini", "train:0..60"),
        ("--scorer", "checker"),
        ("--temperature", "0.75"),
        ("--step-tokens", "16"),
        ("--steps", "5"),
        ("--in-flight", "4"),
    ]);
    options.extend(changes.iter().copied());
    let mut command = arbitrage();
    command.arg("collect").arg("--out").arg(out).args(options.into_iter().flat_map(|(name, value)| [name, value]));
    command
}

pub(crate) fn lines(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

/// Leaves the last line as a kill in the middle of its writing does.
fn tear(path: &Path, draw: &mut Draw) {
    let bytes = std::fs::read(path).unwrap();
    let Some((_, whole)) = bytes.split_last() else { return };
    let start = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let kept = start as u64 + below(draw, (bytes.len() - start) as u64);
    std::fs::File::options().write(true).open(path).unwrap().set_len(kept).unwrap();
}

/// How the problems ended, times and costs apart. Each ends once.
fn ends(records: &[Record]) -> BTreeMap<String, SolutionRecord> {
    let mut ends = BTreeMap::new();
    for record in records {
        if let Record::Solution(end) = record {
            let mut end = end.clone();
            end.usage = Usage::default();
            assert!(ends.insert(end.problem.clone(), end).is_none(), "a problem ends twice");
        }
    }
    ends
}

/// What a collection says, times and costs apart.
pub(crate) fn content(path: &Path) -> (Vec<Example>, BTreeMap<String, SolutionRecord>) {
    let records = read_jsonl(path).unwrap();
    let ends = ends(&records);
    let mut found = examples(&Trace::from_records(records).unwrap()).unwrap();
    assert_eq!(found.skipped.steps() - found.skipped.superseded - found.skipped.unended_steps, 0);
    for example in &mut found.examples {
        let history = example.history.iter_mut().map(|accepted| &mut accepted.step);
        history.chain([&mut example.draft, &mut example.target]).for_each(|step| step.cost = StepCost::default());
    }
    (found.examples, ends)
}

#[test]
fn a_collection_killed_at_any_moment_ends_as_without() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, pieces] = ["whole.jsonl", "pieces.jsonl"].map(|name| folder.path().join(name));
    let told = succeed(collect(&whole, &[]));
    assert!(told.starts_with("60 problems") && told.contains(" 0 errors"), "{told}");
    let mut draw = Draw::new(3);
    let mut killed = 0;
    for round in 0..20 {
        let enough = lines(&pieces) + below(&mut draw, 20) as usize;
        let mut child = collect(&pieces, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while lines(&pieces) < enough && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_micros(below(&mut draw, 20_000)));
        child.kill().unwrap();
        killed += usize::from(was_killed(child.wait().unwrap()));
        if round % 2 == 1 {
            tear(&pieces, &mut draw);
        }
    }
    assert!(killed >= 15, "{killed} killed");
    let told = succeed(collect(&pieces, &[("--in-flight", "7")]));
    assert!(told.starts_with("60 problems"), "{told}");
    let [(steps, ends), (other_steps, other_ends)] = [&whole, &pieces].map(|path| content(path));
    assert_eq!((ends.len(), &ends), (PROBLEMS, &other_ends));
    assert!(steps.len() > PROBLEMS);
    for (one, other) in steps.iter().zip(&other_steps) {
        assert_eq!(one, other);
    }
    assert_eq!(steps.len(), other_steps.len());
    // All is there: nothing but the run's record is added.
    let before = lines(&pieces);
    succeed(collect(&pieces, &[]));
    assert!(lines(&pieces) <= before + 1);
}

#[test]
fn errors_for_another_collection_name_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("steps.jsonl");
    let few = ("--mini", "train:0..3");
    succeed(collect(&out, &[few]));
    let before = std::fs::read(&out).unwrap();
    let draft = writers().draft.to_str().unwrap();
    /// Changed options, and what the refusal must say.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 9] = [
        (&[few, ("--target", draft)], &["verifier.digest", "notes.target: \"target\", then \"draft\""]),
        (&[few, ("--policy", "random:0.5")], &["notes.collected.policy", "random:0.5", "router"]),
        (&[few, ("--policy", "oracle:0.5")], &["notes.collected.policy: \"oracle:0\", then \"oracle:0.5\""]),
        (&[few, ("--scorer", "judge")], &["notes.scorer: \"checker\", then \"judge\""]),
        (&[("--mini", "train:0..4")], &["notes.problems.count: 3, then 4"]),
        (&[("--mini", "train:1..4")], &["notes.problems.digest"]),
        (&[few, ("--step-tokens", "17")], &["limits.step_tokens: 16, then 17"]),
        (&[few, ("--temperature", "0.5")], &["notes.sampling.temperature: 0.75, then 0.5"]),
        (&[few, ("--system", "Be brief.")], &["notes.system: null, then \"Be brief.\""]),
    ];
    for (changes, parts) in cases {
        refused(collect(&out, changes), &[parts, &["steps.jsonl"]].concat());
        assert!(std::fs::read(&out).unwrap() == before, "{changes:?}: nothing is added");
    }
    succeed(collect(&out, &[few, ("--in-flight", "2"), ("--guesses", "off")]));
}

#[test]
fn a_run_goes_on_with_its_own_policy_only() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("solved.jsonl");
    let solve = |policy: &str, range: &str| {
        let mut command = arbitrage();
        command.arg("run").arg("--draft").arg(&writers().draft).arg("--target").arg(&writers().target);
        command.args(["--policy", policy, "--mini", range, "--steps", "3", "--step-tokens", "8", "--out"]).arg(&out);
        command
    };
    let told = succeed(solve("random:0.5", "test:0..8"));
    assert!(told.contains("8 problems"), "{told}");
    let added = told.lines().find(|line| line.starts_with("router: ")).unwrap_or_else(|| panic!("{told}"));
    assert!(added.contains(" ms per drafted step, ") && added.contains("% of the "), "{added}");
    let before = std::fs::read(&out).unwrap();
    refused(solve("random:0.25", "test:0..8"), &["solved.jsonl", "notes.policy: \"random:0.5\", then \"random:0.25\""]);
    refused(solve("random:0.5", "test:0..9"), &["notes.problems.count: 8, then 9"]);
    assert!(std::fs::read(&out).unwrap() == before);
    let half = before.iter().position(|byte| *byte == b'\n').unwrap() + before.len() / 2;
    std::fs::write(&out, &before[..half]).unwrap();
    assert!(succeed(solve("random:0.5", "test:0..8")).contains("8 problems"));
    assert_eq!(ends(&read_jsonl(&out).unwrap()).len(), 8);
}

#[test]
fn locked_files_and_other_files_are_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (held, foreign, nameless) =
        (folder.path().join("held.jsonl"), folder.path().join("foreign.jsonl"), folder.path().join("nameless.jsonl"));
    let few = [("--mini", "train:0..2")];
    let sink = JsonlSink::append(&held).unwrap();
    refused(collect(&held, &few), &["held.jsonl", &format!("process {}", std::process::id())]);
    drop(sink);
    succeed(collect(&held, &few));

    std::fs::write(&foreign, "{\"question\": \"How many?\"}\n").unwrap();
    refused(collect(&foreign, &few), &["foreign.jsonl:1"]);
    assert_eq!(lines(&foreign), 1);

    let mut sink = JsonlSink::create(&nameless).unwrap();
    let records = read_jsonl(&held).unwrap();
    records.iter().filter(|record| !matches!(record, Record::Run(_))).for_each(|record| sink.write(record).unwrap());
    drop(sink);
    refused(collect(&nameless, &few), &["nameless.jsonl", "run record that names the models"]);
}

/// `/dev/full` takes no byte: the disk is full. What would be collected could not be kept.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_collection_at_once() {
    for range in ["train:0..2", "train:0..2000"] {
        refused(collect(Path::new("/dev/full"), &[("--mini", range)]), &["/dev/full: no room for a record of "]);
    }
}

/// A file that may not grow is a disk that gets full on the way: what is there stays, and is gone on from.
#[test]
fn a_full_disk_loses_no_finished_problem() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("steps.jsonl");
    refused(limited(&collect(&out, &[]), 256), &["steps.jsonl: no room for a record of "]);
    let ended = ends(&read_jsonl(&out).unwrap()).len();
    assert!((1..PROBLEMS).contains(&ended), "{ended}");
    assert!(succeed(collect(&out, &[])).starts_with("60 problems"));
    assert_eq!(content(&out).1.len(), PROBLEMS);
}

/// Spaces, bytes that are no text, and a locale with decimal commas.
#[test]
fn files_may_be_called_anything() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"an odd\xff folder"));
    std::fs::create_dir(&odd).unwrap();
    let anywhere = |mut command: Command| {
        command.env("LC_ALL", "de_DE.UTF-8").env("LC_NUMERIC", "de_DE.UTF-8");
        succeed(command)
    };
    let [out, plain] = [odd.join("the steps.jsonl"), folder.path().join("plain.jsonl")];
    let few = [("--mini", "train:0..3")];
    anywhere(collect(&out, &few));
    succeed(collect(&plain, &few));
    assert!(content(&out) == content(&plain));
    let told = anywhere(super::support::train("draft", "2", &odd.join("a draft")));
    assert!(odd.join("a draft/model.safetensors").exists() && told.contains(" nats") && !told.contains("0,"), "{told}");
}

#[test]
fn errors_name_paths_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "what was there").unwrap();
    let train = super::support::train;
    refused(train("draft", "2", &file), &["a-file"]);
    refused(train("draft", "2", &file.join("inside")), &["a-file/inside"]);
    let few = [("--mini", "train:0..2")];
    refused(collect(folder.path(), &few), &[folder.path().to_str().unwrap()]);
    refused(collect(&folder.path().join("none/steps.jsonl"), &few), &["none/steps.jsonl"]);
    refused(collect(Path::new("/proc/steps.jsonl"), &few), &["/proc/steps.jsonl"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "what was there");
}

#[test]
fn problems_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.jsonl", "other.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&one, "{\"id\": \"7\", \"question\": \"How many?\"}\n").unwrap();
    std::fs::write(&other, "{\"id\": \"7\", \"question\": \"How few?\"}\n").unwrap();
    let out = folder.path().join("steps.jsonl");
    let mut command = collect(&out, &[]);
    command.arg("--problems").args([&one, &other]);
    refused(command, &["`7`"]);
    assert!(!out.exists());
}
