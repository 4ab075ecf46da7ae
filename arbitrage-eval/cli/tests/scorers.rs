//! `collect` with scores that cost completions and samples: what they are, and what is refused before anything runs.
#![cfg(feature = "flex")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arbitrage_core::trace::{Record, StepRecord, read_jsonl};
use arbitrage_core::{Decision, Finish};
use arbitrage_eval::gold::Gold;
use arbitrage_mini::{Stream, problems};

/// Collects with the shipped pair.
fn collect(place: &Path, out: &str, options: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_CACHE", place.join("cache")).env("ARBITRAGE_THREADS", "1");
    command.args(["collect", "--pair", "mini", "--step-tokens", "24", "--steps", "8", "--tokens", "128"]);
    command.arg("--out").arg(place.join(out)).args(options).stdin(Stdio::null());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn collected(place: &Path, out: &str, options: &[&str]) -> Vec<StepRecord> {
    let (code, err) = collect(place, out, options);
    assert_eq!(code, Some(0), "{err}");
    let step = |record| if let Record::Step(step) = record { Some(step) } else { None };
    let mut steps: Vec<StepRecord> = read_jsonl(place.join(out)).unwrap().into_iter().filter_map(step).collect();
    steps.sort_by(|a, b| (&a.problem, a.index).cmp(&(&b.problem, b.index)));
    steps
}

fn decisions(steps: &[StepRecord]) -> Vec<Decision> {
    steps.iter().map(|step| step.decision).collect()
}

const MINI: [&str; 4] = ["--mini", "test:0..6", "--scorer", "rollouts:3"];

fn with(options: &[&'static str]) -> Vec<&'static str> {
    [&MINI[..], options].concat()
}

#[test]
fn rollouts_score_by_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let steps = collected(place, "one.jsonl", &with(&["--in-flight", "6"]));
    assert!(steps.len() > 6);
    let thirds = |score: Option<f32>| (score.unwrap() * 3.0).round() / 3.0 == score.unwrap();
    assert!(steps.iter().all(|step| thirds(step.decision.draft_score) && thirds(step.decision.target_score)));
    // A step that ends the text is judged by the answer of the whole.
    let problems = problems(Stream::Test, 0..6);
    for problem in &problems {
        let own: Vec<_> = steps.iter().filter(|step| step.problem == problem.id).collect();
        let text: String = own.iter().filter_map(|step| step.step()).map(|step| step.text.as_str()).collect();
        let last = own.last().unwrap();
        if last.step().unwrap().finish == Finish::EndOfText {
            let score =
                if last.step() == last.draft.as_ref() { last.decision.draft_score } else { last.decision.target_score };
            let right = Gold::default().with_fallback(arbitrage_mini::answer).is_solved(problem, &text).unwrap();
            assert_eq!(score, Some(f32::from(u8::from(right))), "{text}");
        }
    }
    let again = collected(place, "two.jsonl", &with(&["--in-flight", "1"]));
    assert_eq!(decisions(&steps), decisions(&again), "a batch is not seen");
    let by_draft = collected(place, "draft.jsonl", &with(&["--rollouts-by", "draft"]));
    assert_ne!(decisions(&steps), decisions(&by_draft));
    assert_eq!(collect(place, "one.jsonl", &with(&["--in-flight", "2"])).0, Some(0), "all is there");
    // What scores depend on is on record, and another way is not mixed in.
    for (options, part) in [
        (&["--rollouts-temperature", "0.9"][..], "notes.scorer.temperature"),
        (&["--rollouts-by", "draft"], "notes.completed_by: \"target\", then \"draft\""),
        (&["--samples", "2", "--temperature", "0.5"], "2 target samples"),
    ] {
        let (code, err) = collect(place, "one.jsonl", &with(options));
        assert!(code == Some(1) && err.contains(part), "{err}");
    }
}

#[test]
fn samples_are_averaged() {
    let folder = tempfile::tempdir().unwrap();
    let sampled = ["--mini", "test:0..24", "--scorer", "checker", "--temperature", "1", "--samples"];
    let of = |count: &str| collected(folder.path(), &format!("{count}.jsonl"), &[&sampled[..], &[count]].concat());
    let (one, four) = (of("1"), of("4"));
    assert!(one.iter().all(|step| step.decision.target_spread.is_none()));
    let quarters = |step: &StepRecord| (step.decision.target_score.unwrap() * 4.0).fract() == 0.0;
    assert!(four.iter().all(|step| quarters(step) && step.decision.target_spread.is_some()));
    assert!(four.iter().any(|step| step.decision.target_spread > Some(0.0)));
    // The first step of every problem is the same, whatever its score is averaged over.
    let first = |steps: &[StepRecord]| -> Vec<_> {
        let first = steps.iter().filter(|step| step.index == 0);
        first.map(|step| (step.problem.clone(), step.target.as_ref().map(|step| step.text.clone()))).collect()
    };
    assert_eq!(first(&one), first(&four));
}

#[test]
fn options_that_yield_no_labels_are_refused_before_models_load() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let rows = place.join("rows.jsonl");
    let bare = "{\"question\": \"1+1?\", \"answer\": \"#### 2\"}\n{\"question\": \"2+2?\", \"id\": \"bare\"}";
    std::fs::write(&rows, bare).unwrap();
    let rows: PathBuf = rows;
    let rows = rows.to_str().unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--problems", rows, "--scorer", "rollouts:2"], "`bare` comes without an answer"),
        (&["--mini", "test:0..2", "--scorer", "rollouts:2", "--rollouts-temperature", "0"], "--rollouts-temperature"),
        (&["--mini", "test:0..2", "--scorer", "rollouts:2", "--rollouts-temperature", "NaN"], "temperature"),
        (&["--mini", "test:0..2", "--scorer", "checker", "--samples", "3"], "--samples"),
        (&["--mini", "test:0..2", "--scorer", "checker", "--samples", "0"], "`samples`"),
    ];
    for (options, part) in cases {
        let (code, err) = collect(place, "out.jsonl", options);
        assert!(code == Some(1) && err.starts_with("error:") && err.contains(part), "{options:?}: {err}");
    }
    for scorer in ["rollouts", "rollouts:0", "rollouts:many", "judge:2", "oracle"] {
        let (code, err) = collect(place, "out.jsonl", &["--mini", "test:0..2", "--scorer", scorer]);
        assert!(code == Some(2) && err.contains("rollouts:"), "{scorer}: {err}");
    }
}
