//! `train --lora` on what the shipped pair wrote.
#![cfg(feature = "flex")]

use std::path::Path;
use std::process::{Command, Stdio};

fn arbitrage(place: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_CACHE", place.join("cache")).env("ARBITRAGE_THREADS", "1");
    let output = command.args(arguments).current_dir(place).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn routers_and_reward_models_learn_by_adapters() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let collect = ["collect", "--pair", "mini", "--mini", "train:0..60", "--scorer", "checker", "--out", "steps.jsonl"];
    let (code, err) = arbitrage(place, &collect);
    assert_eq!(code, Some(0), "{err}");
    let base = place.join("draft");
    arbitrage_mini::tokenizer::write(&base).unwrap();
    let trained = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mini/tests/fixtures/mini/f16/draft");
    for file in std::fs::read_dir(trained).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), base.join(file.file_name())).unwrap();
    }
    let train = |what: &str, further: &[&str]| {
        let fixed = ["train", what, "--traces", "steps.jsonl", "--base", base.to_str().unwrap(), "--out", what];
        arbitrage(place, &[&fixed[..], &["--steps", "4", "--batch", "4"], further].concat())
    };
    for what in ["text", "prm"] {
        let (code, err) = train(what, &["--lora", "2"]);
        assert!(
            code == Some(0) && err.contains("parameters of adapters") && err.contains("parameters frozen"),
            "{err}"
        );
        let weights = |folder: &Path| std::fs::metadata(folder.join("model.safetensors")).unwrap().len();
        let grown = weights(&place.join(what)).abs_diff(weights(&base));
        assert!(grown < 4096, "a decoder and a head, and no more: {grown} bytes");
        let (code, err) = arbitrage(place, &["models", "inspect", what]);
        assert_eq!(code, Some(0), "{err}");
        let (code, err) = train(what, &["--lora", "2", "--lora-alpha", "8"]);
        assert!(code == Some(1) && err.contains("checkpoint"), "{err}");
    }
    for (further, part) in [
        (&["--lora", "0"][..], "rank: expected 1..="),
        (&["--lora", "100000"], "rank: expected 1..="),
        (&["--lora", "2", "--lora-alpha", "0"], "alpha"),
    ] {
        let (code, err) = train("text", further);
        assert!(code == Some(1) && err.contains(part), "{err}");
    }
    assert_eq!(train("text", &["--lora-alpha", "8"]).0, Some(2), "α of nothing");
}
