//! A campaign against loading: thousands of models that a seeded generator mutates, each through `arbitrage models inspect` and a
//! short `arbitrage solve`. Every one is answered, or refused with one clear message that names it: no panic, no abort, no more than
//! 5 s of processor time and 4 GB of memory, and both commands agree on what they refuse.
//!
//! The ordinary tests run the first 150 seeds. The whole campaign of 10,000, on all cores in some minutes:
//!
//! ```text
//! cargo test --release -p arbitrage-cli --test loading_campaign -- --ignored --nocapture
//! ```
//!
//! `ARBITRAGE_CAMPAIGN` is the number of cases, `ARBITRAGE_CAMPAIGN_SEED` the first seed (so a campaign goes on where another ended,
//! and one finding runs alone), `ARBITRAGE_CAMPAIGN_WORKERS` the number of processes at a time, `ARBITRAGE_CAMPAIGN_PROGRAM` another
//! executable to test, `ARBITRAGE_CAMPAIGN_LOG` a file that gets a line a case. With `ARBITRAGE_CAMPAIGN_KEEP`, a folder, the models are written there and not run.
#![cfg(all(target_os = "linux", feature = "flex"))]

#[path = "loading_campaign/campaign.rs"]
mod campaign;
#[path = "loading_campaign/case.rs"]
mod case;
#[path = "loading_campaign/child.rs"]
mod child;
#[path = "loading_campaign/entry.rs"]
mod entry;
#[path = "loading_campaign/folder.rs"]
mod folder;
#[path = "loading_campaign/folder_config.rs"]
mod folder_config;
#[path = "loading_campaign/folder_tensors.rs"]
mod folder_tensors;
#[path = "loading_campaign/folder_tokenizer.rs"]
mod folder_tokenizer;
#[path = "loading_campaign/gguf.rs"]
mod gguf;
#[path = "loading_campaign/gguf_keys.rs"]
mod gguf_keys;
#[path = "loading_campaign/gguf_tensors.rs"]
mod gguf_tensors;
#[path = "loading_campaign/gguf_vocabulary.rs"]
mod gguf_vocabulary;
#[path = "loading_campaign/hostile_template.rs"]
mod hostile_template;
#[path = "loading_campaign/jinja.rs"]
mod jinja;
#[path = "loading_campaign/json.rs"]
mod json;
#[path = "loading_campaign/random.rs"]
mod random;
#[path = "loading_campaign/template.rs"]
mod template;
#[path = "loading_campaign/verdict.rs"]
mod verdict;

use std::path::Path;

use case::{Case, Model};
use child::Ended;
use verdict::FindingKind;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number")))
}

fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

fn check(first_seed: u64, count: u64) {
    let workers = setting("ARBITRAGE_CAMPAIGN_WORKERS").unwrap_or_else(cores);
    let report = campaign::run(&campaign::program(), first_seed..first_seed + count, workers as usize);
    println!("{report}");
    assert!(report.findings.is_empty(), "{} findings, listed on standard output", report.findings.len());
}

#[test]
fn mutated_models_are_answered_or_refused() {
    check(0, 150);
}

#[test]
#[ignore = "10,000 cases take some minutes"]
fn the_whole_campaign() {
    let first = setting("ARBITRAGE_CAMPAIGN_SEED").unwrap_or(0);
    let count = setting("ARBITRAGE_CAMPAIGN").unwrap_or(10_000);
    match std::env::var_os("ARBITRAGE_CAMPAIGN_KEEP") {
        Some(folder) => (first..first + count).for_each(|seed| drop(Case::new(seed).write(Path::new(&folder)))),
        None => check(first, count),
    }
}

/// The generator writes valid models where it changes nothing, so what is refused is refused for a mutation.
#[test]
fn unchanged_fixtures_are_answered() {
    for case in (0..).map_while(Case::unchanged) {
        let folder = tempfile::tempdir().unwrap();
        let (inspected, solved) = campaign::run_case(&campaign::program(), &case, folder.path());
        for ended in [inspected, solved] {
            assert_eq!(ended.code, Some(0), "{}: {}", case.fixture, ended.stderr);
        }
    }
}

#[test]
fn a_seed_gives_the_same_model() {
    for seed in 0..300 {
        let (one, other) = (Case::new(seed), Case::new(seed));
        assert_eq!(one.mutations, other.mutations);
        if let (Model::Gguf(one), Model::Gguf(other)) = (&one.model, &other.model) {
            assert_eq!(one.to_bytes(), other.to_bytes(), "seed {seed}");
        }
    }
}

/// What each kind of fault looks like from outside, with a shell in place of the program.
#[test]
fn faults_are_noticed() {
    let shell = |script: &str| {
        let folder = tempfile::tempdir().unwrap();
        child::run(Path::new("/bin/sh"), &["-c", script], folder.path())
    };
    let kind = |script: &str| verdict::of_run(&shell(script), "model.gguf").map(|finding| finding.kind);
    assert_eq!(kind("echo model.gguf: expected this, found that >&2; exit 1"), None);
    assert_eq!(kind("exit 0"), None);
    assert_eq!(kind("kill -ABRT $$"), Some(FindingKind::Killed));
    assert_eq!(kind("exit 101"), Some(FindingKind::Panic));
    assert_eq!(kind("echo thread main panicked at x.rs >&2"), Some(FindingKind::Panic));
    assert_eq!(kind("while true; do :; done"), Some(FindingKind::Hang));
    assert_eq!(kind("exit 3"), Some(FindingKind::ExitCode));
    for text in ["expected this", "model.gguf: Os { code: 2 }", "model.gguf: \\033[31m"] {
        assert_eq!(kind(&format!("printf '{text}' >&2; exit 1")), Some(FindingKind::UnclearMessage), "{text}");
    }
    assert_eq!(kind("yes model.gguf | head -n 30 >&2; exit 1"), Some(FindingKind::UnclearMessage));
    let ended = |code, text: &str| -> Ended { shell(&format!("echo '{text}' >&2; exit {code}")) };
    let both = |one: Ended, other: Ended| verdict::of_both(&one, &other).map(|finding| finding.kind);
    assert_eq!(both(ended(0, ""), ended(1, "no such tensor")), Some(FindingKind::Disagreement));
    assert_eq!(both(ended(1, "no such tensor"), ended(0, "")), Some(FindingKind::Disagreement));
    assert_eq!(both(ended(0, ""), ended(1, "40 tokens do not fit")), None);
}
