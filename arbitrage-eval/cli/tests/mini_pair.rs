//! The shipped pair: it solves generated problems offline, and mends what was unpacked badly.
#![cfg(feature = "flex")]

use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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
fn a_context_bounds_both_models() {
    let cache = tempfile::tempdir().unwrap();
    for policy in ["draft", "target"] {
        let with = |context: &str| -> Vec<String> {
            ["solve", "--json", "--seed", "1", "--policy", policy, "--context", context].map(str::to_owned).to_vec()
        };
        refused(cache.path(), &with("0"), &["context: expected 1 to", "found 0"]);
        refused(cache.path(), &with("1000000"), &["context: expected 1 to", "found 1000000"]);
        refused(cache.path(), &with("8"), &["do not fit a context of 8 (the option `context`)"]);
        succeed(cache.path(), &with("400"));
    }
}

#[test]
fn damaged_unpacked_files_are_replaced() {
    let cache = tempfile::tempdir().unwrap();
    let first = solve(cache.path(), &["--seed", "1"]);
    let weights = unpacked(cache.path()).join("mini/draft.gguf");
    std::fs::write(&weights, b"torn").unwrap();
    std::fs::remove_file(unpacked(cache.path()).join("mini/target.gguf")).unwrap();
    assert_eq!(solve(cache.path(), &["--seed", "1"])["text"], first["text"]);
    assert!(std::fs::metadata(&weights).unwrap().len() > 100_000);
    unpacked(cache.path());
}

fn arbitrage(cache: &Path, arguments: &[impl AsRef<OsStr>]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_CACHE", cache).env("ARBITRAGE_THREADS", "1");
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn succeed(cache: &Path, arguments: &[impl AsRef<OsStr> + Debug]) -> String {
    let output = arbitrage(cache, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(cache: &Path, arguments: &[impl AsRef<OsStr> + Debug], parts: &[&str]) {
    let output = arbitrage(cache, arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
    assert!(parts.iter().all(|part| told.contains(part)), "{parts:?}: {told}");
}

/// A copy of the shipped probe, and the folder of everything else.
fn own_probe(folder: &Path) -> PathBuf {
    solve(&folder.join("cache"), &["--seed", "1"]);
    let (from, probe) = (unpacked(&folder.join("cache")).join("mini/probe"), folder.join("probe"));
    std::fs::create_dir(&probe).unwrap();
    for file in from.read_dir().unwrap() {
        let file = file.unwrap().path();
        std::fs::copy(&file, probe.join(file.file_name().unwrap())).unwrap();
    }
    probe
}

fn card(probe: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(probe.join("router.json")).unwrap()).unwrap()
}

#[test]
fn a_promise_is_calibrated_written_and_shown_where_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (probe, cache) = (own_probe(folder.path()), folder.path().join("cache"));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (router, out) = (path("probe"), path("runs"));
    let pair = ["--pair", "mini", "--router", &router];
    let goal = ["--goal", "loss:0.1", "--confidence", "0.9"];
    let calibrate = |further: &[&str]| -> Vec<String> {
        [&["calibrate"][..], &pair, &goal, further].concat().into_iter().map(str::to_owned).collect()
    };
    let by_itself = ["--mini", "validation:0..300", "--thresholds", "6", "--in-flight", "32", "--out", &out];
    let told = succeed(&cache, &calibrate(&by_itself));
    let sentence = "at most 10% of the problems that the target solves are lost, with 90% confidence (";
    assert!(told.contains(sentence) && told.contains("| shown |"), "{told}");
    let written = card(&probe);
    let promise = &written["promise"];
    assert_eq!((&written["goal"], &promise["tau"]), (&Value::from("loss:0.1"), &written["tau"]));
    assert!(
        promise["problems"].as_u64().unwrap() > 100 && promise["upper_bound"].as_f64().unwrap() <= 0.1,
        "{promise}"
    );
    assert_eq!(promise["calibrated_on"]["name"], "mini validation:0..300");
    assert_eq!(promise["calibrated_on"]["note"]["count"], 270, "a tenth finds the thresholds");
    assert!(succeed(&cache, &calibrate(&by_itself)).contains(sentence), "all runs are there");

    // The same runs show the same; and a part of them is enough to check the method.
    let mut runs = vec![path("runs/target.jsonl")];
    let names = Path::new(&out).read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    runs.extend(names.filter(|name| name.starts_with("tau-")).map(|name| path(&format!("runs/{name}"))));
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    let from_runs = |further: &[&str]| calibrate(&[&["--runs"][..], &runs, further].concat());
    assert!(succeed(&cache, &from_runs(&[])).contains(sentence));
    let [again, first] =
        [&card(&probe)["promise"], promise].map(|promise| (promise["problems"].clone(), promise["lost"].clone()));
    assert_eq!(again, first);
    let told = succeed(&cache, &from_runs(&["--splits", "9", "--split-share", "0.5"]));
    assert!(told.contains("9 random splits") && told.contains("tokens by the target"), "{told}");

    let run = |name: &str, further: &[&str]| {
        let out = path(name);
        let all = [&["run", "--mini", "test:0..4", "--out", &out][..], &pair, further].concat();
        succeed(&cache, &all)
    };
    assert!(run("card", &["--policy", "learned"]).contains(&format!("promise: {sentence}")));
    assert!(!run("other", &["--policy", "learned:0.987"]).contains("promise"));
    assert!(!run("short", &["--policy", "learned", "--steps", "9"]).contains("promise"));
    let trace = std::fs::read_to_string(path("card")).unwrap();
    assert!(trace.lines().next().unwrap().contains(sentence), "the report reads it there");
    let solve = |further: &[&str]| solve(&cache, &[&["--seed", "2"][..], &pair, further].concat());
    assert_eq!(solve(&[])["promise"]["loss"], 0.1);
    for without in [&["--tau", "0.987"][..], &["--budget", "1"], &["--temperature", "0.5"], &["--policy", "draft"]] {
        assert_eq!(solve(without)["promise"], Value::Null, "{without:?}");
    }
    let shown = succeed(&cache, &[&["solve", "--seed", "2"][..], &pair].concat());
    assert!(shown.contains(&format!("promise        {sentence}")), "{shown}");

    // Runs of a router whose estimates mean something else now.
    let mut changed = card(&probe);
    changed["calibrator"] = "none".into();
    std::fs::write(probe.join("router.json"), changed.to_string()).unwrap();
    refused(&cache, &from_runs(&[]), &["tau-", "notes.calibrator"]);
}

#[test]
fn calibrations_that_show_nothing_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (probe, cache) = (own_probe(folder.path()), folder.path().join("cache"));
    let before = card(&probe);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (router, out, json) = (path("probe"), path("runs"), path("figures.json"));
    let calibrate = ["calibrate", "--pair", "mini", "--router", &router];
    let few = ["--mini", "validation:0..20", "--taus", "0", "--out", &out, "--json", &json];
    let all = [&calibrate[..], &["--goal", "loss:0.02"], &few].concat();
    refused(&cache, &all, &["too few problems", "at least 149", "about "]);
    let figures: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!((&figures["calibration"]["verdict"]["verdict"], &figures["promise"]), (&"too_few".into(), &Value::Null));
    for (further, parts) in [
        (&["--goal", "loss:2"][..], &["loss:2"][..]),
        (&["--goal", "loss:0.1", "--confidence", "1"], &["confidence"]),
        (&["--goal", "loss:0.1"], &["--out"]),
        (&["--goal", "loss:0.1", "--traces", "x.jsonl"], &["--traces", "problems"]),
        (&["--goal", "accept:0.5", "--runs", "x.jsonl"], &["--runs", "loss:"]),
        (&["--goal", "accept:0.5"], &["--traces"]),
        (&["--goal", "loss:0.1", "--runs", "absent.jsonl"], &["absent.jsonl"]),
    ] {
        let output = arbitrage(&cache, &[&calibrate[..], further].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && parts.iter().all(|part| told.contains(part)), "{further:?}: {told}");
    }
    refused(&cache, &["calibrate", "--router", "mini:probe", "--goal", "loss:0.1"], &["shipped", "copy"]);
    assert_eq!(card(&probe), before);
    // Policies without a folder are only told.
    let (out, range) = (path("logprob"), "validation:0..150");
    let logprob = ["calibrate", "--pair", "mini", "--policy", "logprob", "--goal", "loss:0.3", "--confidence", "0.8"];
    let further = ["--mini", range, "--thresholds", "3", "--in-flight", "32", "--out", &out];
    assert!(succeed(&cache, &[&logprob[..], &further].concat()).contains("for loss:0.3: at most 30%"));
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
        succeed(cache.path(), &[&fixed, more].concat())
    };
    run("train:0..60", &["--policy", "learned:0.2", "--explore", "0.5", "--out", &explored]);
    let by_coin = |record: &&Value| record["decision"]["explored"] == true;
    let steps = records(Path::new(&explored), "step");
    let coins = steps.iter().filter(by_coin).count();
    assert!((steps.len() / 4..steps.len() * 3 / 4).contains(&coins), "{coins} of {}", steps.len());
    assert!(steps.iter().all(|step| step["decision"]["estimate"].is_number()), "the router's estimate is kept");
    assert_eq!(records(Path::new(&explored), "run")[0]["notes"]["explore"], 0.5);

    let train = ["train", "sequential", "--runs", &explored, "--steps", "30", "--width", "8", "--out", &router];
    let refused = |arguments: &[&str], part: &str| refused(cache.path(), arguments, &[part]);
    refused(&train, "--draft");
    let draft = unpacked(cache.path()).join("mini/draft.gguf").to_str().unwrap().to_owned();
    let trained = succeed(cache.path(), &[&train[..], &["--draft", &draft, "--probe", "mini:probe"]].concat());
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
    succeed(cache.path(), &collect);
    let calibrate =
        ["calibrate", "--router", &router, "--traces", &collected, "--draft", &draft, "--goal", "accept:0.6"];
    assert!(succeed(cache.path(), &calibrate).contains("steps accepted"));
    let replay = ["replay", &collected, "--policy", "learned", "--router", &router, "--draft", &draft];
    refused(&replay, "cannot be replayed");
    // Runs that only ever accept show nothing of what escalating leads to.
    let (accepted, out) = (path("accepted.jsonl"), path("other"));
    run("train:0..20", &["--policy", "learned:1", "--out", &accepted]);
    let scalars = ["train", "sequential", "--runs", &accepted, "--inputs", "scalars", "--out", &out];
    refused(&scalars, "run with --explore");
}

#[test]
fn a_trained_router_is_quantised_with_its_card() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("text");
    arbitrage_mini::tokenizer::write(&folder).unwrap();
    let mini = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mini");
    let copy = |from: PathBuf| std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
    for name in ["config.json", "model.safetensors"] {
        copy(mini.join("tests/fixtures/mini/f16/text").join(name));
    }
    let shipped = mini.join("shipped/mini/text");
    copy(shipped.join("router.json"));
    let run = |folder: &Path, out: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
        command.args(["models", "quantise"]).arg(folder).arg("--out").arg(place.path().join(out));
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, text) = run(&folder, "q8_0/text/model.gguf");
    assert!(code == Some(0) && text.contains("in Q8_0"), "{text}");
    for name in ["model.gguf", "router.json"] {
        let [made, expected] =
            [place.path().join("q8_0/text"), shipped.clone()].map(|folder| std::fs::read(folder.join(name)).unwrap());
        assert!(made == expected, "{name}");
    }
    let (code, text) = run(&mini.join("../../arbitrage-models/tests/fixtures/tiny/hf/llama2-f16"), "llama2.gguf");
    assert!(code == Some(1) && text.contains("SentencePiece") && text.contains("convert_hf_to_gguf.py"), "{text}");
    assert!(!place.path().join("llama2.gguf").exists());
}
