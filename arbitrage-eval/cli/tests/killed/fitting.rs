use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use arbitrage_core::Draw;
use arbitrage_mini::{self as mini, Stream};
use serde_json::Value;

use super::support::{arbitrage, below, refused, succeed, train, was_killed};

/// Sizes with which a fit of the shipped pair takes some seconds, and the goal is within reach of so few problems.
const SIZES: [(&str, &str); 10] = [
    ("--mini", "train:200000..202000"),
    ("--sample", "32"),
    ("--training", "120"),
    ("--calibration", "130"),
    ("--test", "32"),
    ("--updates", "200"),
    ("--in-flight", "16"),
    ("--goal", "loss:0.2"),
    ("--confidence", "0.8"),
    ("--seed", "5"),
];

/// Fits the shipped pair, with other values of some options. Everything is in `folder`.
fn fit(folder: &Path, out: &str, changes: &[(&str, &str)]) -> Command {
    let mut options = BTreeMap::from(SIZES);
    options.extend(changes.iter().copied());
    // A file takes the place of generated problems.
    if options.contains_key("--problems") {
        options.remove("--mini");
    }
    let mut command = arbitrage();
    command.env("ARBITRAGE_CACHE", folder.join("cache"));
    command.args(["fit", "--pair", "mini", "--out"]).arg(folder.join(out));
    command.args(options.into_iter().flat_map(|(name, value)| [name, value]));
    command
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// The last line that the command printed.
fn sentence(told: &str) -> &str {
    told.lines().last().unwrap()
}

/// The texts of the solutions in a trace, by problem.
fn texts(path: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if record["kind"] == "solution" {
            let text = record["text"].as_str().unwrap().to_owned();
            assert_eq!(found.insert(record["problem"].to_string(), text), None, "a problem ends twice");
        }
    }
    found
}

/// The ids of the problems in the file of a stage.
fn ids(out: &Path, name: &str) -> HashSet<String> {
    let text = std::fs::read_to_string(out.join("problems").join(name)).unwrap();
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    text.lines().map(id).collect()
}

/// What a fit made that does not depend on time: weights and threshold of its router, and the solutions of its test.
fn made(out: &Path) -> (Vec<u8>, Value, Vec<BTreeMap<String, String>>) {
    let weights = std::fs::read(out.join("router/model.safetensors")).unwrap();
    let card = json(&out.join("router/router.json"));
    let runs = ["target", "routed", "speculation"].map(|run| texts(&out.join(format!("evaluation/test/{run}.jsonl"))));
    (weights, serde_json::json!([card["tau"], card["promise"]["problems"], card["promise"]["lost"]]), runs.to_vec())
}

#[test]
fn a_fit_ends_in_a_router_and_killed_at_any_moment_in_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, pieces] = ["whole", "pieces"].map(|name| folder.path().join(name));
    let told = succeed(fit(folder.path(), "whole", &[]));
    let verdict = json(&whole.join("verdict.json"));
    assert_eq!(verdict["sentence"], sentence(&told), "{told}");
    assert!(verdict["test"]["routed_share"]["value"].as_f64().is_some_and(|share| share > 0.0), "{verdict}");
    assert!(std::fs::read_to_string(whole.join("evaluation/report.html")).unwrap().contains("of the target"), "{told}");

    // The router is ready, and was chosen by problems that it was not trained on.
    let score = &json(&whole.join("router/router.json"))["metrics"]["validation ρ"];
    assert!(score.as_f64().is_some_and(|score| score != 0.0), "{score}");
    let mut solve = arbitrage();
    solve
        .env("ARBITRAGE_CACHE", folder.path().join("cache"))
        .args(["solve", "--pair", "mini", "--seed", "3", "--json"]);
    solve.arg("--router").arg(whole.join("router"));
    let solved: Value = serde_json::from_str(&succeed(solve)).unwrap();
    assert_eq!((&solved["policy"], &solved["promise"]["loss"]), (&"learned".into(), &0.2.into()), "{solved}");

    // No problem serves twice.
    let parts = ["sample.jsonl", "training.jsonl", "calibration.jsonl", "test.jsonl"].map(|name| ids(&whole, name));
    let all: HashSet<&String> = parts.iter().flatten().collect();
    assert_eq!((all.len(), parts.iter().map(HashSet::len).sum()), (32 + 120 + 130 + 32, all.len()));

    let mut draw = Draw::new(23);
    let mut killed = 0;
    for _ in 0..10 {
        let mut child = fit(folder.path(), "pieces", &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100 + below(&mut draw, 1200)));
        child.kill().unwrap();
        killed += usize::from(was_killed(child.wait().unwrap()));
    }
    assert!(killed >= 5, "{killed} killed");
    let told_again = succeed(fit(folder.path(), "pieces", &[]));
    assert!(made(&whole) == made(&pieces), "the killed fit made something else: {told_again}");

    // Done is done: the same command says the same, and changes no file.
    let times = |out: &Path| -> Vec<_> {
        let files = [
            "training-steps.jsonl",
            "trained/model.safetensors",
            "router/model.safetensors",
            "evaluation/test/routed.jsonl",
        ];
        files.map(|name| out.join(name).metadata().unwrap().modified().unwrap()).to_vec()
    };
    let before = times(&whole);
    assert_eq!(sentence(&succeed(fit(folder.path(), "whole", &[]))), sentence(&told));
    assert_eq!(times(&whole), before);
    another_goal_and_other_settings(folder.path(), &before, times);
}

/// Another goal needs another threshold alone; other settings are refused; a file that was changed is made again.
fn another_goal_and_other_settings<T: PartialEq + std::fmt::Debug>(
    folder: &Path,
    before: &[T],
    times: impl Fn(&Path) -> Vec<T>,
) {
    let whole = folder.join("whole");
    succeed(fit(folder, "whole", &[("--goal", "accept:0.5")]));
    assert_eq!(times(&whole)[..2], before[..2]);
    assert_eq!(json(&whole.join("router/router.json"))["goal"], "accept:0.5");
    refused(fit(folder, "whole", &[("--minutes", "7")]), &["whole", "minutes", "--out"]);
    refused(fit(folder, "whole", &[("--sample", "31")]), &["sizes.sample: 32, then 31"]);
    std::fs::write(whole.join("decision.json"), "{}").unwrap();
    let mut again = fit(folder, "whole", &[("--goal", "accept:0.5")]);
    let output = again.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("decision: done again, since decision.json has changed"));
    assert!(json(&whole.join("decision.json"))["problem_ceiling"]["share"]["value"].is_number());
}

/// The folder of the shipped models, which the first command unpacks.
fn shipped(folder: &Path) -> PathBuf {
    let mut solve = arbitrage();
    solve.env("ARBITRAGE_CACHE", folder.join("cache")).args(["solve", "--seed", "1", "--json"]);
    succeed(solve);
    let entries: Vec<PathBuf> = folder.join("cache").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.into_iter().find(|path| path.join("mini").is_dir()).unwrap().join("mini")
}

/// Problems with answers alone are labelled by the target's run, which is resumed like everything else.
#[test]
fn a_fit_by_the_targets_own_solutions_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let models = shipped(folder.path());
    let [draft, target] = ["draft.gguf", "target.gguf"].map(|name| models.join(name).display().to_string());
    let problems = folder.path().join("problems.jsonl");
    let rows = mini::problems(Stream::Train, 200_000..200_400).into_iter().map(|problem| {
        let answer = mini::answer(&problem).unwrap();
        serde_json::json!({ "question": problem.question, "answer": answer }).to_string() + "\n"
    });
    std::fs::write(&problems, rows.collect::<String>()).unwrap();
    let fit = |out: &str| {
        let mut command = arbitrage();
        command.env("ARBITRAGE_CACHE", folder.path().join("cache"));
        command.args(["fit", "--draft", &draft, "--target", &target, "--problems"]).arg(&problems);
        command.args("--sample 20 --training 60 --calibration 60 --test 20 --updates 100".split(' '));
        command.args(["--in-flight", "16", "--goal", "accept:0.5", "--out"]).arg(folder.path().join(out));
        command
    };
    succeed(fit("whole"));
    let mut draw = Draw::new(29);
    let mut killed = 0;
    for _ in 0..6 {
        let mut child = fit("pieces").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100 + below(&mut draw, 900)));
        child.kill().unwrap();
        killed += usize::from(was_killed(child.wait().unwrap()));
    }
    assert!(killed >= 3, "{killed} killed");
    succeed(fit("pieces"));
    let [whole, pieces] = ["whole", "pieces"].map(|name| folder.path().join(name));
    assert!(made(&whole) == made(&pieces), "the killed fit made something else");
    for part in ["training", "calibration"] {
        let [whole, pieces] = [&whole, &pieces].map(|out| texts(&out.join(format!("reference/{part}/target.jsonl"))));
        assert!(whole.len() == 60 && whole == pieces, "{part}");
    }
}

#[test]
fn a_hopeless_pair_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let target = shipped(folder.path()).join("target.gguf");
    let untrained = folder.path().join("untrained");
    succeed(train("draft", "1", &untrained));
    for (name, draft) in [("itself", &target), ("random", &untrained)] {
        let changes = [("--draft", draft.to_str().unwrap()), ("--step-tokens", "16"), ("--steps", "7")];
        let told = succeed(fit(folder.path(), name, &changes));
        let out = folder.path().join(name);
        assert!(sentence(&told).starts_with("don't route this pair here: "), "{name}: {told}");
        assert!(sentence(&told).contains("use `--policy target"), "{name}: {told}");
        assert_eq!(json(&out.join("verdict.json"))["answer"], "dont-route");
        assert!(!out.join("router").exists() && out.join("evaluation/report.html").is_file(), "{name}");
        assert_eq!(sentence(&succeed(fit(folder.path(), name, &changes))), sentence(&told), "said once more");
    }
}

#[test]
fn what_cannot_be_fitted_is_refused_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let problems = folder.path().join("problems.jsonl");
    std::fs::write(&problems, "{\"question\": \"How many?\", \"id\": \"q1\"}\n").unwrap();
    let problems = problems.to_str().unwrap();
    for (changes, parts) in [
        (&[("--problems", problems)][..], &["`q1`", "answer"][..]),
        (&[("--minutes", "0")], &["--minutes"]),
        (&[("--goal", "loss:2")], &["loss:2"]),
        (&[("--confidence", "1")], &["confidence"]),
        (&[("--draft-weights", "q4_0")], &["--draft-weights", "--base"]),
        (&[("--draft", "vllm:http://127.0.0.1:9#small")], &["--base", "behind a server"]),
    ] {
        let output = fit(folder.path(), "none", changes).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && parts.iter().all(|part| told.contains(part)), "{changes:?}: {told}");
    }
    assert!(!folder.path().join("none/evaluation").exists());
}
