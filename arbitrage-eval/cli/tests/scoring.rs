//! Step scores over the command, on the mini family: what a scorer is worth, heads on hidden states, and collections scored anew.
#![cfg(feature = "flex")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use arbitrage_core::trace::{ScorerNote, Trace};
use arbitrage_mini::corpus::{self, SyntheticSource};
use arbitrage_mini::{Generator, Stream, tokenizer};
use arbitrage_router::labels::{Example, examples};
use serde_json::{Value, json};

/// The draft, target and reward model that the shipped ones were made of, and judged steps of the family.
struct Place {
    draft: String,
    target: String,
    prm: String,
    solutions: String,
}

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scoring");
        std::fs::remove_dir_all(&folder).ok();
        let part = |name: &str| {
            let (to, from) = (
                folder.join(name),
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../mini/tests/fixtures/mini/f16").join(name),
            );
            tokenizer::write(&to).unwrap();
            for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
            text(&to)
        };
        let solutions = folder.join("solutions.jsonl");
        let (draft, target, prm) = (part("draft"), part("target"), part("prm"));
        std::fs::write(&solutions, solution_rows(0..240)).unwrap();
        Place { draft, target, prm, solutions: text(&solutions) }
    })
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Rows in the plain format, of solutions with mistakes in every third step.
fn solution_rows(range: std::ops::Range<u64>) -> String {
    let row = |index| {
        let source = SyntheticSource { stream: Stream::Validation, index, variant: 0 };
        let solution = corpus::synthetic_solution(&Generator::default(), source, 0.3);
        let step = |step: &corpus::SyntheticStep| json!({ "text": step.text, "label": u8::from(step.right) });
        let steps: Vec<_> = solution.steps.iter().map(step).collect();
        json!({ "question": solution.question, "id": solution.id, "steps": steps }).to_string() + "\n"
    };
    range.map(row).collect()
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_THREADS", "1").stdin(Stdio::null()).args(arguments);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn succeed(arguments: &[&str]) -> String {
    let (code, out, err) = run(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    out
}

fn refused(arguments: &[&str], parts: &[&str]) {
    let (code, _, err) = run(arguments);
    let told = parts.iter().all(|part| err.contains(part));
    assert!(code.is_some_and(|code| code != 0) && told, "{arguments:?} {parts:?}: {err}");
}

/// The number that follows `name`.
fn figure(told: &str, name: &str) -> f64 {
    let rest = told.split(name).nth(1).unwrap_or_else(|| panic!("{told}"));
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

/// A head on the target's states, trained once.
fn head() -> &'static str {
    static HEAD: OnceLock<String> = OnceLock::new();
    HEAD.get_or_init(|| {
        let folder = text(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("scoring-head"));
        std::fs::remove_dir_all(&folder).ok();
        succeed(&train(&folder, &["--steps", &place().solutions]));
        folder
    })
}

fn train<'a>(out: &'a str, data: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["train", "head", "--reader", &place().target, "--out", out, "--updates", "300", "--rate", "0.003"];
    fixed.into_iter().chain(["--validation", "0.2"]).chain(data.iter().copied()).collect()
}

#[test]
fn the_checker_is_perfect_and_the_reward_model_knows_the_drafts_mistakes() {
    let Place { solutions, prm, .. } = place();
    let told = succeed(&["score", "--steps", solutions, "--scorer", "checker", "--resamples", "50"]);
    assert!(told.starts_with("checker: ") && told.contains(" of 240 solutions"), "{told}");
    assert!(told.contains("AUC 1.000 [1.000, 1.000]") && told.contains("τ = 0.5: F1 1.000"), "{told}");
    // It was trained on the pair's own steps, and it is those that it can judge.
    let folder = tempfile::tempdir().unwrap();
    let [trace, drafts] = ["trace.jsonl", "drafts.jsonl"].map(|name| folder.path().join(name));
    collect(&trace, "checker", "test:0..100");
    std::fs::write(&drafts, draft_rows(&trace)).unwrap();
    let prm = format!("prm:{prm}");
    let told = succeed(&["score", "--steps", &text(&drafts), "--scorer", &prm, "--resamples", "50"]);
    assert!(told.contains(" of 100 solutions") && figure(&told, "AUC ") > 0.85, "{told}");
    assert!(figure(&told, "τ = 0.5: F1 ") > 0.3, "{told}");
    let some = succeed(&["score", "--steps", solutions, "--scorer", "checker", "--count", "30"]);
    assert!(some.contains(" of 30 solutions"), "{some}");
}

#[test]
fn a_head_learns_from_states_and_is_kept_to_its_model() {
    let Place { draft, target, solutions, .. } = place();
    let scorer = format!("head:{}", head());
    let score = ["score", "--steps", solutions, "--scorer", &scorer, "--resamples", "50"];
    let told = succeed(&[&score[..], &["--reader", target]].concat());
    assert!(told.starts_with("head(target): ") && figure(&told, "AUC ") > 0.75, "{told}");
    refused(&[&score[..], &["--reader", draft]].concat(), &["states of", "target", "draft"]);
    let told = ["--reader", target, "--system", "Be brief."];
    refused(&[&score[..], &told].concat(), &["system message", "Be brief."]);
    refused(&score, &["--reader"]);
    let card = std::fs::read_to_string(Path::new(head()).join("head.json")).unwrap();
    assert!(card.contains("validation AUC"), "{card}");
}

#[test]
fn an_interrupted_head_training_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("head");
    let bytes = |folder: &Path, file: &str| std::fs::read(folder.join(file)).unwrap();
    let whole = bytes(Path::new(head()), "states");
    for cut in [0, 11, 300, whole.len() / 2, whole.len() - 1, whole.len()] {
        std::fs::remove_dir_all(&out).ok();
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("states"), &whole[..cut]).unwrap();
        succeed(&train(&text(&out), &["--steps", &place().solutions, "--in-flight", "5"]));
        for file in ["states", "model.safetensors", "head.json"] {
            assert!(bytes(&out, file) == bytes(Path::new(head()), file), "{file}, cut at {cut}");
        }
    }
    let out = text(&out);
    refused(
        &train(&out, &["--steps", &place().solutions, "--count", "9"]),
        &["states", "solutions 9", "solutions 240"],
    );
    refused(
        &train(&out, &["--steps", &place().solutions, "--system", "Be brief."]),
        &["states", "prompt", "Be brief."],
    );
}

#[test]
fn invalid_options_and_rows_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.jsonl");
    std::fs::write(
        &bad,
        solution_rows(0..9) + "{\"question\": \"q?\", \"steps\": [{\"text\": \"a\", \"label\": 2}]}\n",
    )
    .unwrap();
    let (bad, out, solutions) = (text(&bad), text(&folder.path().join("head")), &place().solutions);
    let line = ["bad.jsonl: line 10", "`steps[0].label`", "found 2"];
    refused(&["score", "--steps", &bad, "--scorer", "checker"], &line);
    refused(&train(&out, &["--steps", &bad]), &line);
    let told = succeed(&["score", "--steps", &bad, "--scorer", "checker", "--skip-bad-rows"]);
    assert!(told.contains(" of 9 solutions"), "{told}");
    let foreign = folder.path().join("foreign.jsonl");
    std::fs::write(&foreign, "{\"question\": \"1+1?\", \"steps\": [{\"text\": \"2\", \"rating\": 1}]}\n").unwrap();
    let told = ["skipped: solution foreign-1", "no solution could be scored"];
    refused(&["score", "--steps", &text(&foreign), "--scorer", "checker"], &told);
    refused(&["score", "--scorer", "checker"], &["--steps"]);
    refused(&["score", "--steps", solutions, "--scorer", "chequer"], &["checker, judge", "chequer"]);
    refused(&["score", "--steps", solutions, "--scorer", "judge"], &["--reader"]);
    refused(&["score", "--steps", solutions, "--scorer", "head:no/such/folder"], &["no/such/folder"]);
    refused(&["score", "--steps", solutions, "--scorer", "checker", "--tau", "NaN"], &["threshold"]);
    refused(&train(&out, &[]), &["--steps"]);
    let right = folder.path().join("right.jsonl");
    std::fs::write(&right, solution_rows(0..9).replace("\"label\":0", "\"label\":1")).unwrap();
    refused(&train(&out, &["--steps", &text(&right)]), &["two classes"]);
}

/// Rows in the plain format, of the draft's own solutions.
fn draft_rows(trace: &Path) -> String {
    let mut rows: BTreeMap<String, (String, Vec<Value>)> = BTreeMap::new();
    for example in examples(&Trace::read(trace).unwrap()).unwrap().examples {
        let (_, steps) = rows.entry(example.problem).or_insert_with(|| (example.question, Vec::new()));
        steps.push(json!({ "text": example.draft.text, "label": example.draft_score }));
    }
    rows.into_values()
        .map(|(question, steps)| json!({ "question": question, "steps": steps }).to_string() + "\n")
        .collect()
}

/// Collects along the draft, so that the steps do not depend on the scorer.
fn collect(out: &Path, scorer: &str, problems: &str) {
    let Place { draft, target, .. } = place();
    let models = ["--draft", draft, "--target", target, "--mini", problems, "--policy", "draft"];
    let out = text(out);
    succeed(&[&["collect", "--out", &out, "--scorer", scorer][..], &models].concat());
}

fn labels(path: &Path) -> Vec<(String, usize, [f32; 2])> {
    let found = examples(&Trace::read(path).unwrap()).unwrap().examples;
    let label = |example: Example| (example.problem, example.index, [example.draft_score, example.target_score]);
    found.into_iter().map(label).collect()
}

#[test]
fn a_collection_scored_again_has_the_labels_of_its_scorer() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let [by_checker, by_head, again]: [PathBuf; 3] = ["checker.jsonl", "head.jsonl", "again.jsonl"].map(at);
    collect(&by_checker, "checker", "train:0..12");
    collect(&by_head, &format!("head:{}", head()), "train:0..12");
    let [head_trace, out] = [&by_head, &again].map(|path| text(path));
    let score = ["score", "--traces", &head_trace, "--out", &out, "--scorer", "checker"];
    succeed(&[&score[..], &["--count", "5"]].concat());
    let some = labels(&again);
    assert!(some.len() >= 5 && some.iter().all(|label| labels(&by_checker).contains(label)));
    // Torn, it goes on; and with more problems, it keeps those that are there.
    let bytes = std::fs::read(&again).unwrap();
    std::fs::write(&again, &bytes[..bytes.len() - 40]).unwrap();
    let told = succeed(&score);
    assert!(told.starts_with("12 problems, ") && told.contains(" 0 errors"), "{told}");
    assert_eq!(labels(&again), labels(&by_checker));
    assert_ne!(labels(&by_head), labels(&by_checker));
    assert!(succeed(&score).contains(" 0 steps scored now"));
    let run = Trace::read(&again).unwrap().run.unwrap();
    assert_eq!(run.router, "labelling(checker, labelling(head(target), always-draft))");
    assert_eq!(run.notes.scorer, Some(ScorerNote::Named("checker".to_owned())));
    let Some(ScorerNote::Settings(collected_by)) = &run.notes.collected_by else { panic!("{run:?}") };
    assert!(collected_by["head"].is_string() && run.verifier.digest.is_some(), "{run:?}");

    // Of some places alone, with all records there to be read as a collection.
    let (places, few) = (text(&at("places.jsonl")), at("few.jsonl"));
    let all = labels(&by_checker);
    let asked: Vec<_> = all.iter().step_by(3).take(8).cloned().collect();
    let line =
        |(problem, index, _): &(String, usize, [f32; 2])| json!({"problem": problem, "index": index}).to_string();
    std::fs::write(&places, asked.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let out_few = text(&few);
    let only = ["score", "--traces", &head_trace, "--out", &out_few, "--scorer", "checker", "--step-ids", &places];
    let told = succeed(&only);
    assert!(told.contains(" 16 steps scored now"), "both of each place: {told}");
    let sorted = |mut labels: Vec<(String, usize, [f32; 2])>| {
        labels.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        labels
    };
    assert_eq!(sorted(labels(&few)), sorted(asked));
    // Other places are another run; lines that are none are named.
    std::fs::write(&places, line(&all[1])).unwrap();
    refused(&only, &["few.jsonl", "holds another run", "notes.places"]);
    std::fs::write(&places, "{\"problem\": \"a\"}\n").unwrap();
    refused(&only, &["places.jsonl:1:", "missing field `index`"]);
    std::fs::write(&places, "\n").unwrap();
    refused(&only, &["places.jsonl", "found none"]);

    // Back again: what the head says of a step that was read is what it said when the step was written.
    let back = at("back.jsonl");
    let (checked, to, scorer) = (text(&by_checker), text(&back), format!("head:{}", head()));
    let rescore = ["score", "--traces", &checked, "--out", &to, "--scorer", &scorer, "--reader", &place().target];
    succeed(&rescore);
    let [back, said] = [&back, &by_head].map(|path| labels(path));
    assert_eq!(back, said);

    let prm = format!("prm:{}", place().prm);
    let other = ["score", "--traces", &head_trace, "--out", &out, "--scorer", &prm];
    refused(&other, &["again.jsonl", "holds another run", "notes.scorer: \"checker\", then {\"prm\""]);
    refused(&["score", "--traces", &out, "--out", &out, "--scorer", &prm], &["another file"]);
    refused(&["score", "--traces", &out, "--scorer", &prm], &["--out"]);

    // What is scored anew is read like any collection.
    let heads = text(&at("of-traces"));
    succeed(&train(&heads, &["--traces", &out]));
    let probe = text(&at("probe"));
    succeed(&["train", "probe", "--traces", &out, "--inputs", "scalars", "--steps", "8", "--out", &probe]);
}
