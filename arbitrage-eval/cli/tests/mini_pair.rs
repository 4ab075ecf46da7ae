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
    let weights = unpacked(cache.path()).join("mini/draft.gguf");
    std::fs::write(&weights, b"torn").unwrap();
    std::fs::remove_file(unpacked(cache.path()).join("mini/target.gguf")).unwrap();
    assert_eq!(solve(cache.path(), &["--seed", "1"])["text"], first["text"]);
    assert!(std::fs::metadata(&weights).unwrap().len() > 100_000);
    unpacked(cache.path());
}

#[test]
fn a_trained_router_is_quantised_with_its_card() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("text");
    arbitrage_mini::tokenizer::write(&folder).unwrap();
    let mini = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mini");
    let copy = |from: PathBuf| std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
    ["config.json", "model.safetensors"].map(|name| copy(mini.join("tests/fixtures/mini/f16/text").join(name)));
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
