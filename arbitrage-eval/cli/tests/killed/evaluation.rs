use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use arbitrage_core::Draw;
use serde_json::Value;

use super::support::{arbitrage, below, refused, succeed, was_killed, writers};

const CONFIG: &str = r#"
seed = 3
in_flight = 4
models = { draft = "DRAFT", target = "TARGET", temperature = 0.75 }
limits = { steps = 4, step_tokens = 12 }

[[benchmark]]
name = "sums"
mini = "test:0..12"

[[benchmark]]
name = "more-sums"
mini = "validation:0..8"
in_flight = 1

[[policy]]
policy = "target"

[[policy]]
policy = "target"
guesses = "draft"
label = "speculative"

[[policy]]
policy = "logprob"
tau = [-0.5, -1.0]

[[policy]]
policy = "oracle:0"
scorer = "checker"

[[policy]]
policy = "random"
matches = "logprob:-0.5"
"#;

/// A file of what is evaluated, with some of its text changed.
fn config(folder: &Path, changes: &[(&str, &str)]) -> PathBuf {
    let writers = writers();
    let [draft, target] = [&writers.draft, &writers.target].map(|path| path.to_str().unwrap());
    let mut text = CONFIG.replace("DRAFT", draft).replace("TARGET", target);
    changes.iter().for_each(|(from, to)| text = text.replace(from, to));
    let path = folder.join("eval.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn command(what: &str, config: &Path, out: &Path, options: &[&str]) -> Command {
    let mut command = arbitrage();
    command.arg(what).arg(config).arg("--out").arg(out).args(options);
    command
}

/// All files of an evaluation but its report, without what was measured.
fn content(out: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut files = BTreeMap::new();
    for benchmark in ["sums", "more-sums"] {
        for entry in std::fs::read_dir(out.join(benchmark)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let rows = text.lines().map(|line| without_measures(serde_json::from_str(line).unwrap())).collect();
            files.insert(format!("{benchmark}/{}", path.file_name().unwrap().to_str().unwrap()), rows);
        }
    }
    files
}

fn without_measures(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for measured in ["cost", "usage", "router_seconds", "discarded", "seconds", "microseconds"] {
                fields.remove(measured);
            }
            fields.values_mut().for_each(|field| *field = without_measures(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_measures(item.take())),
        _ => {}
    }
    value
}

/// Bytes of all records.
fn size(out: &Path) -> u64 {
    let files = std::fs::read_dir(out).into_iter().flatten().flatten();
    let inside = files.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
    inside.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum()
}

#[test]
fn an_evaluation_killed_at_any_moment_or_divided_ends_as_without() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let [whole, pieces, parts] = ["whole", "pieces", "parts"].map(|name| folder.path().join(name));
    succeed(command("eval", &config, &whole, &[]));
    let expected = content(&whole);
    let traces = expected.keys().filter(|name| !name.ends_with(".grades.jsonl")).count();
    assert_eq!(traces, 12, "six runs on two benchmarks: {:?}", expected.keys());
    assert!(whole.join("report.html").is_file() && whole.join("report.md").is_file());

    let (mut draw, mut killed) = (Draw::new(5), 0);
    for _ in 0..20 {
        let enough = size(&pieces) + below(&mut draw, 12_000);
        let mut child =
            command("eval", &config, &pieces, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while size(&pieces) < enough && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(below(&mut draw, 20_000)));
        child.kill().unwrap();
        killed += usize::from(was_killed(child.wait().unwrap()));
    }
    assert!(killed >= 12, "{killed} killed");
    succeed(command("eval", &config, &pieces, &[]));
    assert!(content(&pieces) == expected);

    refused(command("merge", &config, &parts, &[]), &["parts"]);
    for shard in ["3/3", "1/3", "2/3"] {
        succeed(command("eval", &config, &parts, &["--shard", shard]));
    }
    assert!(!parts.join("report.html").exists(), "a part is no evaluation");
    assert!(succeed(command("merge", &config, &parts, &[])).contains("report.html"));
    // What matches the rate of another has to wait for the whole of it.
    let merged = content(&parts);
    assert!(
        !merged.keys().any(|name| name.contains("random")) && merged.iter().all(|(name, rows)| expected[name] == *rows)
    );
    succeed(command("eval", &config, &parts, &[]));
    assert!(content(&parts) == expected);
}

#[test]
fn invalid_configurations_are_refused_before_models_load() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let cases: [(&str, &str, &[&str]); 12] = [
        ("policy = \"oracle:0\"", "policy = \"oracel:0\"", &["eval.toml", "oracel"]),
        ("tau = [-0.5, -1.0]", "tau = [0.5]", &["logprob", "0.5"]),
        ("tau = [-0.5, -1.0]", "tau = [-0.5, -0.5]", &["two policies", "logprob"]),
        ("matches = \"logprob:-0.5\"", "matches = \"rsd\"", &["random", "`rsd`", "logprob:-1"]),
        ("name = \"more-sums\"", "name = \"sums\"", &["sums"]),
        ("name = \"more-sums\"", "name = \"../sums\"", &["../sums"]),
        ("mini = \"test:0..12\"", "mini = \"test:12\"", &["eval.toml", "test:12"]),
        ("mini = \"test:0..12\"", "problems = [\"none.jsonl\"]", &["sums", "none.jsonl"]),
        ("scorer = \"checker\"", "scorer = \"chequer\"", &["eval.toml", "chequer"]),
        ("guesses = \"draft\"", "guesses = \"drafts\"", &["eval.toml", "drafts"]),
        ("temperature = 0.75", "temprature = 0.75", &["temprature"]),
        ("seed = 3", "sed = 3", &["eval.toml", "sed"]),
    ];
    for (from, to, parts) in cases {
        refused(command("eval", &config(folder.path(), &[(from, to)]), &out, &[]), parts);
    }
    refused(command("eval", &folder.path().join("none.toml"), &out, &[]), &["none.toml"]);
    assert!(!out.exists());
}

#[test]
fn an_evaluation_goes_on_with_its_own_runs_only() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let few = [("0..12", "0..3"), ("0..8", "0..2")];
    succeed(command("eval", &config(folder.path(), &few), &out, &[]));
    let before = content(&out);
    for (change, parts) in [
        (("temperature = 0.75", "temperature = 0.5"), ["target.jsonl", "notes.sampling.temperature: 0.75, then 0.5"]),
        (("seed = 3", "seed = 4"), ["target.jsonl", "notes.problems.digest"]),
        (("step_tokens = 12", "step_tokens = 13"), ["target.jsonl", "limits.step_tokens: 12, then 13"]),
    ] {
        refused(command("eval", &config(folder.path(), &[few[0], few[1], change]), &out, &[]), &parts);
    }
    assert!(content(&out) == before);
    // Another policy is another run, and what is there is not run again.
    let more = (
        "[[policy]]\npolicy = \"target\"\n\n",
        "[[policy]]\npolicy = \"draft\"\n\n[[policy]]\npolicy = \"target\"\n\n",
    );
    succeed(command("eval", &config(folder.path(), &[few[0], few[1], more]), &out, &[]));
    let after = content(&out);
    assert!(before.iter().all(|(name, rows)| after[name] == *rows) && after.contains_key("sums/draft.jsonl"));
}

#[test]
fn an_evaluation_is_graded_again_without_models() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let few = [("0..12", "0..3"), ("0..8", "0..2")];
    succeed(command("eval", &config(folder.path(), &few), &out, &[]));
    let (before, grades) = (content(&out), "sums/target.grades.jsonl");
    std::fs::remove_file(out.join(grades)).unwrap();
    std::fs::remove_file(out.join("report.html")).unwrap();

    let no_models = ("models = { draft = \"", "models = { draft = \"nowhere");
    let regrade = |change, options: &[&str]| {
        command("regrade", &config(folder.path(), &[few[0], few[1], no_models, change]), &out, options)
    };
    let same = ("seed = 3", "seed = 3");
    assert!(succeed(regrade(same, &[])).contains("report.html"));
    assert!(content(&out) == before && out.join("report.html").is_file());
    succeed(regrade(same, &["--profile", "qwen-compat"]));
    assert!(content(&out)[grades].iter().all(|row| row["profile"] == "qwen-compat"));
    refused(regrade(("seed = 3", "seed = 4"), &[]), &["target.jsonl", "notes.problems"]);

    // What is not whole keeps the grades that it has; the others are graded.
    let trace = std::fs::read_to_string(out.join("sums/target.jsonl")).unwrap();
    let (most, _) = trace.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(out.join("sums/target.jsonl"), format!("{most}\n")).unwrap();
    succeed(regrade(same, &[]));
    let after = content(&out);
    assert!(after[grades].iter().all(|row| row["profile"] == "qwen-compat"));
    assert_eq!(after["sums/oracle_0.grades.jsonl"], before["sums/oracle_0.grades.jsonl"]);
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_evaluation_complete() {
    let folder = tempfile::tempdir().unwrap();
    let (out, config) = (folder.path().join("out"), config(folder.path(), &[("0..12", "0..3"), ("0..8", "0..2")]));
    std::fs::create_dir_all(out.join("report.html")).unwrap();
    refused(command("eval", &config, &out, &[]), &["the evaluation is complete", "report.html"]);
    let before = content(&out);
    assert!(before.contains_key("more-sums/speculative.grades.jsonl"), "{:?}", before.keys());
    std::fs::remove_dir(out.join("report.html")).unwrap();
    let report = || {
        let mut command = arbitrage();
        command.arg("report").arg(&out).args(["--title", "Sums", "--problems", "1"]);
        command
    };
    let said = succeed(report());
    assert!(said.contains("report.html") && said.contains("report.md"), "{said}");
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().starts_with("# Sums\n"));
    assert!(content(&out) == before);
}
