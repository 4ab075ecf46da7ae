//! The shipped pair: it solves generated problems offline, and mends what was unpacked badly.
#![cfg(feature = "flex")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arbitrage_mini::{Generator, Stream};
use serde_json::Value;

fn solve(cache: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_CACHE", cache).env("ARBITRAGE_THREADS", "1");
    command.args(["solve", "--json"]).args(arguments).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn unpacked(cache: &Path) -> PathBuf {
    let folders: Vec<PathBuf> = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "one folder, and nothing left beside it: {folders:?}");
    folders[0].clone()
}

#[test]
fn generated_problems_are_mostly_solved() {
    let cache = tempfile::tempdir().unwrap();
    let generator = Generator::default();
    let (mut right, mut by_target) = (0, 0);
    for seed in 0..12 {
        let solution = solve(cache.path(), &["--seed", &seed.to_string()]);
        let problem = generator.problem(Stream::Test, seed);
        assert_eq!(solution["question"], problem.problem.question);
        assert_eq!(solution["policy"], "learned");
        right += usize::from(solution["answer"].as_str() == problem.plan.answer().map(|a| a.to_string()).as_deref());
        by_target += solution["usage"]["escalated_steps"].as_u64().unwrap();
    }
    assert!(right >= 6 && by_target >= 4, "{right} right, {by_target} steps by the target");
}

#[test]
fn a_seed_gives_one_solution_and_policies_differ() {
    let cache = tempfile::tempdir().unwrap();
    let solve = |policy: &str| solve(cache.path(), &["--seed", "3", "--policy", policy]);
    assert_eq!(solve("learned")["text"], solve("learned")["text"]);
    assert_eq!(solve("draft")["usage"]["escalated_steps"], 0);
    assert_eq!(solve("learned:1")["usage"]["escalated_steps"], 0);
    assert_eq!(solve("target")["usage"]["accepted_steps"], 0);
    for policy in ["rsd:0.5", "oracle:0"] {
        assert!(solve(policy)["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{policy}");
    }
}

#[test]
fn damaged_unpacked_files_are_replaced() {
    let cache = tempfile::tempdir().unwrap();
    let first = solve(cache.path(), &["--seed", "1"]);
    let weights = unpacked(cache.path()).join("mini/draft/model.safetensors");
    std::fs::write(&weights, b"torn").unwrap();
    std::fs::remove_file(unpacked(cache.path()).join("mini/target/tokenizer.json")).unwrap();
    assert_eq!(solve(cache.path(), &["--seed", "1"])["text"], first["text"]);
    assert!(std::fs::metadata(&weights).unwrap().len() > 100_000);
    unpacked(cache.path());
}

/// Runs a command; its output, or the error line.
fn arbitrage(cache: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_CACHE", cache).env("ARBITRAGE_THREADS", "1");
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The records of a trace of this kind.
fn records(path: &Path, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut records: Vec<Value> = records.filter(|record| record["kind"] == kind).collect();
    records.sort_by_key(|record| (record["problem"].to_string(), record["index"].as_u64()));
    records
}

#[test]
fn a_sequential_router_is_trained_from_runs_that_explore() {
    let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [explored, router, collected] = ["explored.jsonl", "router", "collected.jsonl"].map(path);
    let run = |problems: &str, more: &[&str]| {
        let fixed = ["run", "--pair", "mini", "--mini", problems];
        arbitrage(cache.path(), &[&fixed, more].concat()).unwrap()
    };
    run("train:0..60", &["--policy", "learned:0.2", "--explore", "0.5", "--out", &explored]);
    let by_coin = |record: &&Value| record["decision"]["explored"] == true;
    let steps = records(Path::new(&explored), "step");
    let coins = steps.iter().filter(by_coin).count();
    assert!((steps.len() / 4..steps.len() * 3 / 4).contains(&coins), "{coins} of {}", steps.len());
    assert!(steps.iter().all(|step| step["decision"]["estimate"].is_number()), "the router's estimate is kept");
    assert_eq!(records(Path::new(&explored), "run")[0]["notes"]["explore"], 0.5);

    let train = ["train", "sequential", "--runs", &explored, "--steps", "30", "--width", "8", "--out", &router];
    let refused = |arguments: &[&str], part: &str| {
        let error = arbitrage(cache.path(), arguments).unwrap_err();
        assert!(error.contains(part), "{arguments:?}: {error}");
    };
    refused(&train, "--draft");
    let draft = unpacked(cache.path()).join("mini/draft").to_str().unwrap().to_owned();
    let trained =
        arbitrage(cache.path(), &[&train[..], &["--draft", &draft, "--probe", "mini:probe"]].concat()).unwrap();
    assert!(Path::new(&router).join("step-probe/model.safetensors").exists());
    assert!(trained.starts_with("AUC on held-out problems 0."), "{trained}");

    // Alone or in a batch, the router decides alike.
    let decided = |in_flight: &str| {
        let out = path(in_flight);
        run("test:0..8", &["--policy", "learned:0.1", "--router", &router, "--in-flight", in_flight, "--out", &out]);
        let of = |record: &Value| (record["problem"].to_string(), record["author"].clone(), record["decision"].clone());
        records(Path::new(&out), "step").iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(decided("1"), decided("8"));

    let problems = ["--pair", "mini", "--mini", "validation:0..30"];
    let collect = [&["collect"], &problems[..], &["--scorer", "checker", "--out", &collected]].concat();
    arbitrage(cache.path(), &collect).unwrap();
    let calibrate =
        ["calibrate", "--router", &router, "--traces", &collected, "--draft", &draft, "--goal", "accept:0.6"];
    assert!(arbitrage(cache.path(), &calibrate).unwrap().contains("steps accepted"));
    let replay = ["replay", &collected, "--policy", "learned", "--router", &router, "--draft", &draft];
    refused(&replay, "cannot be replayed");
    // Runs that only ever accept show nothing of what escalating leads to.
    let (accepted, out) = (path("accepted.jsonl"), path("other"));
    run("train:0..20", &["--policy", "learned:1", "--out", &accepted]);
    let scalars = ["train", "sequential", "--runs", &accepted, "--inputs", "scalars", "--out", &out];
    refused(&scalars, "run with --explore");
}
