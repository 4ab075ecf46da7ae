//! The `train`, `compare` and `cross-validate` commands on records whose advantage follows from the draft's log-probabilities: what they make, and what
//! they refuse.
#![cfg(feature = "flex")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arbitrage_core::router::{AlwaysDraft, Oracle};
use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::trace::{JsonlSink, Record, TraceSink, read_jsonl};
use arbitrage_core::{
    AdvantageRouter, Author, Drafter, Engine, Finish, Prefix, Problem, Step, StepResult, StepRule, Target,
};

/// Writes three steps. The draft's are sure or not, as the problem's seed and the place say.
struct Writer(&'static str);

impl Drafter for Writer {
    fn name(&self) -> &str {
        self.0
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], _: &StepRule<'_>) -> Vec<StepResult> {
        let step = |prefix: &Prefix<'_>| {
            let sure = prefix.draw(Author::Draft).uniform() < 0.5;
            let (finish, end) =
                if prefix.steps.len() < 2 { (Finish::Boundary, "\n\n") } else { (Finish::EndOfText, "") };
            let logprob = if sure { -0.1 } else { -2.0 };
            let text = format!("{} {}{end}", if sure { "so" } else { "hm" }, prefix.steps.len());
            Ok(Step::new(text, finish).with_logprobs(vec![logprob; 3]).with_first_entropy(0.5))
        };
        prefixes.iter().map(step).collect()
    }
}

/// Records of `problems` problems by a pair.
fn trace(path: &Path, pair: [&'static str; 2], router: impl AdvantageRouter, problems: u64) {
    let mut engine =
        Engine::new(Writer(pair[0]), Target(Writer(pair[1])), router).with_sink(JsonlSink::create(path).unwrap());
    let problem = |seed: u64| Problem::new(format!("Question {seed}?")).with_id(format!("p{seed}")).with_seed(seed);
    let problems: Vec<_> = (0..problems).map(problem).collect();
    engine.solve_all(&problems).into_iter().for_each(|answer| drop(answer.unwrap()));
}

/// Unsure drafts are worse than what the target writes at the same place.
fn oracle() -> impl AdvantageRouter {
    let mut drafts = 0;
    let score = move |_: &Prefix<'_>, step: &Step| {
        // The oracle has both steps of a place scored in turn, the draft's first.
        drafts += 1;
        if drafts % 2 == 1 && step.text.starts_with("hm") { 0.1 } else { 0.9 }
    };
    Oracle::new(scorer_fn(score), 0.0).unwrap()
}

fn arbitrage(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_THREADS", "1").stdin(Stdio::null()).args(arguments);
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = arbitrage(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn refused(arguments: &[&str], parts: &[&str]) {
    let (code, _, err) = run(arguments);
    let line = err.lines().find(|line| line.starts_with("error:"));
    let told = line.is_some_and(|line| parts.iter().all(|part| line.contains(part)));
    assert!(code == Some(1) && told, "{arguments:?} {parts:?}: {err}");
}

struct Place {
    folder: tempfile::TempDir,
    good: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.jsonl");
    trace(&good, ["small", "large"], oracle(), 80);
    Place { folder, good }
}

impl Place {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A probe's training on these traces.
    fn probe(&self, traces: &[&str], further: &[&str]) -> Vec<String> {
        let mut arguments: Vec<String> = ["train", "probe", "--traces"].map(str::to_owned).into();
        arguments.extend(traces.iter().map(|trace| self.path(trace)));
        arguments.extend(["--out".to_owned(), self.path("probe")]);
        let fixed = ["--inputs", "scalars", "--width", "0", "--rate", "0.05", "--balance", "none"];
        arguments.extend(fixed.iter().chain(further).map(|argument| (*argument).to_owned()));
        arguments
    }
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_probe_is_trained_compared_and_kept_to_its_pair() {
    let place = place();
    let train = place.probe(&["good.jsonl"], &["--steps", "60"]);
    let (code, out, err) = run(&borrowed(&train));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("ρ on held-out problems 0."), "{out}");
    let weights = || std::fs::read(place.folder.path().join("probe/model.safetensors")).unwrap();
    let before = weights();
    assert_eq!(run(&borrowed(&train)).0, Some(0), "done is done");
    assert!(before == weights());

    let (good, probe, other) = (place.good.to_str().unwrap(), place.path("probe"), place.path("other.jsonl"));
    let json = place.path("table.json");
    let compare = |trace| ["compare", "--traces", trace, "--router", &probe, "--resamples", "50", "--json", &json];
    let (code, out, err) = run(&compare(good));
    assert!(code == Some(0) && out.contains("80 problems, 240 steps"), "{out} {err}");
    let table: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let row = table.as_array().unwrap().iter().find(|row| row["method"] == "probe (scalars)").unwrap();
    assert!(row["rho"]["value"].as_f64().unwrap() > 0.6, "{row}");
    trace(Path::new(&other), ["small", "larger"], oracle(), 20);
    refused(&compare(&other), &["target", "large", "larger"]);

    // Another training does not go on from this one's checkpoint.
    let checkpoint = place.folder.path().join("probe/checkpoint");
    assert!(checkpoint.exists());
    for (further, parts) in [
        (&["--steps", "61"][..], &["checkpoint", "steps: 61", "steps: 60"][..]),
        (&["--steps", "60", "--seed", "5"], &["checkpoint", "seed: 5"]),
        (&["--steps", "60", "--validation", "0.2"], &["checkpoint", "examples: "]),
    ] {
        refused(&borrowed(&place.probe(&["good.jsonl"], further)), parts);
    }
    // Nor on other labels of the same steps.
    let one = |problem: &str, _| if problem.ends_with('7') { Verdict::Contrary } else { Verdict::Same };
    judged_again(&place.good, &place.folder.path().join("other labels.jsonl"), one);
    refused(&borrowed(&place.probe(&["other labels.jsonl"], &["--steps", "60"])), &["checkpoint", "data: "]);
}

/// What another scorer says of a step.
enum Verdict {
    Same,
    Contrary,
    Nothing,
}

/// The records again, as another scorer judges the steps, by problem and index.
fn judged_again(good: &Path, out: &Path, judge: impl Fn(&str, usize) -> Verdict) {
    let mut sink = JsonlSink::create(out).unwrap();
    for mut record in read_jsonl(good).unwrap() {
        if let Record::Step(step) = &mut record {
            let scores = (step.decision.draft_score, step.decision.target_score);
            (step.decision.draft_score, step.decision.target_score) = match judge(&step.problem, step.index) {
                Verdict::Same => scores,
                Verdict::Contrary => (scores.1, scores.0),
                Verdict::Nothing => (None, None),
            };
        }
        sink.write(&record).unwrap();
    }
}

#[test]
fn probes_are_judged_on_held_out_problems() {
    let place = place();
    let (good, json) = (place.good.to_str().unwrap(), place.path("table.json"));
    let cross = |further: &[&str]| {
        let fixed = ["cross-validate", "--traces", good, "--inputs", "scalars", "--width", "0", "--rate", "0.05"];
        let loop_ = ["--steps", "40", "--balance", "weights", "--resamples", "40", "--json", &json];
        let arguments = [&fixed[..], &loop_, further].concat();
        run(&arguments)
    };
    let (code, out, err) = cross(&["--folds", "3"]);
    assert!(code == Some(0) && out.contains("80 problems, 240 steps"), "{out} {err}");
    let held: usize = (1..=3)
        .map(|fold| {
            let told = format!("fold {fold} of 3, probe: ρ ");
            let line = err.lines().find(|line| line.starts_with(&told)).unwrap_or_else(|| panic!("{err}"));
            line.split(" on ").nth(1).unwrap().split(' ').next().unwrap().parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(held, 240, "every step is held out once");
    let rows = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(&json).unwrap()).unwrap();
    let table = rows();
    let names: Vec<&str> = table.as_array().unwrap().iter().map(|row| row["method"].as_str().unwrap()).collect();
    assert_eq!(names, ["probe", "RSD", "mean log-probability", "first-token entropy"]);
    let rho = |table: &serde_json::Value, row: usize| table[row]["rho"]["value"].as_f64().unwrap();
    assert!(rho(&table, 0) > 0.6 && rho(&table, 1) > 0.6, "{table}");
    // The entropy is always the same, and tells nothing.
    assert!(table[3]["rho"].is_null() && table[3]["lead_of_first"]["rho"].is_null());
    let lead = table[1]["lead_of_first"]["rho"]["value"].as_f64().unwrap();
    assert!((lead - (rho(&table, 0) - rho(&table, 1))).abs() < 1e-9 && table[0]["lead_of_first"].is_null());
    assert!(out.contains("| probe minus |"), "{out}");
    let once = cross(&["--folds", "3"]).1;
    assert_eq!(once, out, "the same seed gives the same table");
    assert_ne!(cross(&["--folds", "3", "--seed", "7"]).1, out);

    // Another scorer that says the contrary of some steps: probes learn what the first one said.
    let other = place.folder.path().join("other.jsonl");
    let some = |problem: &str, index| if problem != "p0" && index < 2 { Verdict::Contrary } else { Verdict::Nothing };
    judged_again(&place.good, &other, some);
    let (code, out, err) = cross(&["--folds", "2", "--labels", &place.path("other.jsonl")]);
    assert!(code == Some(0) && out.contains("79 problems, 158 steps"), "{out} {err}");
    assert!(err.contains("158 steps are in both, 82 skipped: 82 in --traces only"), "{err}");
    let table = rows();
    assert!(rho(&table, 0) < -0.6 && rho(&table, 1) < -0.6, "{table}");

    // What RSD reads may be a third's scores, here of all problems but another one, and worse ones.
    let third = place.folder.path().join("third.jsonl");
    judged_again(&place.good, &third, |problem, _| match problem {
        "p1" => Verdict::Nothing,
        problem if problem.ends_with('7') => Verdict::Contrary,
        _ => Verdict::Same,
    });
    let labels = place.path("other.jsonl");
    let (code, out, err) = cross(&["--folds", "2", "--labels", &labels, "--rsd", &place.path("third.jsonl")]);
    assert!(code == Some(0) && out.contains("78 problems, 156 steps"), "{out} {err}");
    let table = rows();
    let last = table.as_array().unwrap().len() - 1;
    assert_eq!(table[last]["method"], "RSD of --rsd");
    assert!(rho(&table, 1) < -0.6 && rho(&table, last) > rho(&table, 1), "{table}");
}

#[test]
fn only_steps_that_are_decided_differently_need_labels() {
    let place = place();
    let good = place.good.to_str().unwrap();
    // By these scores all drafts are alike, so that an RSD that reads them chooses at random.
    let contrary = place.folder.path().join("contrary.jsonl");
    judged_again(&place.good, &contrary, |_, _| Verdict::Contrary);
    let (rsd, places) = (place.path("contrary.jsonl"), place.path("places.jsonl"));
    let fixed = ["cross-validate", "--traces", good, "--inputs", "scalars", "--width", "0", "--rate", "0.05"];
    let loop_ = ["--steps", "40", "--balance", "weights", "--resamples", "40", "--folds", "2", "--rsd", &rsd];
    let cross = |further: &[&str]| {
        let (code, out, err) = run(&[&fixed[..], &loop_, further].concat());
        assert_eq!(code, Some(0), "{err}");
        out
    };
    let out = cross(&["--disagreements", &places]);
    let disputed = std::fs::read_to_string(&places).unwrap();
    let count = disputed.lines().count();
    assert!(count > 0 && out.contains(&format!("{count} of 240 steps are decided differently: ")), "{out}");

    // With labels of these alone the probe leads by as much as with all.
    let lines = disputed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let known: HashSet<(String, u64)> =
        lines.map(|line| (line["problem"].as_str().unwrap().to_owned(), line["index"].as_u64().unwrap())).collect();
    let is_disputed = |problem: &str, index: usize| known.contains(&(problem.to_owned(), index as u64));
    let few = place.folder.path().join("few.jsonl");
    let judge = |problem: &str, index| if is_disputed(problem, index) { Verdict::Same } else { Verdict::Nothing };
    judged_again(&place.good, &few, judge);
    let table = |labels: &str| {
        let out = cross(&["--labels", labels]);
        let (_, table) = out.split_once("| probe against |").unwrap_or_else(|| panic!("{out}"));
        table.lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let (all, some) = (table(good), table(&place.path("few.jsonl")));
    assert_eq!(all, some);
    let rows: Vec<Vec<&str>> = all.iter().map(|row| row.split('|').map(str::trim).collect()).collect();
    assert_eq!(rows.iter().map(|row| row[1]).collect::<Vec<_>>()[..3], ["RSD of --rsd"; 3]);
    // A call where the draft was unsure gains 0.8, any other nothing; the probe's calls are all of the former.
    let unsure = rows[2][3].parse::<f64>().unwrap() / 240.0;
    for row in &rows[..3] {
        let (labelled, steps) = row[5].split_once(" of ").unwrap();
        let lead: f64 = row[6].split(' ').next().unwrap().parse().unwrap();
        assert!(labelled == steps && (lead - 0.8 * (1.0 - unsure)).abs() < 0.01, "{row:?}");
    }
}

#[test]
fn cross_validation_refuses_what_it_cannot_measure() {
    let place = place();
    let good = place.good.to_str().unwrap();
    let (none, foreign) = (place.path("none.jsonl"), place.path("foreign.jsonl"));
    judged_again(&place.good, Path::new(&none), |_, _| Verdict::Nothing);
    trace(Path::new(&foreign), ["other", "large"], oracle(), 90);
    let retold = std::fs::read_to_string(&foreign).unwrap().replace("Question", "Riddle");
    std::fs::write(&foreign, retold).unwrap();
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--labels", good, "--rsd", &foreign], &["--rsd", "0 steps", "30 in --rsd only"]),
        (&["--folds", "1"], &["folds", "at least 2"]),
        (&["--validation", "2"], &["split"]),
        (&["--labels", &none], &["steps of both models"]),
        (&["--labels", &foreign], &["--labels", "0 steps", "240 whose texts differ", "30 in --labels only"]),
        (&["--labels", "absent.jsonl"], &["absent.jsonl"]),
        (&["--inputs", "both"], &["--draft"]),
    ];
    for (further, parts) in cases {
        let inputs: &[&str] = if further.contains(&"--inputs") { &[] } else { &["--inputs", "scalars"] };
        let fixed = ["cross-validate", "--traces", good, "--steps", "2", "--resamples", "2"];
        refused(&[&fixed[..], inputs, further].concat(), parts);
    }
}

#[test]
fn traces_without_usable_labels_are_refused() {
    let place = place();
    let write = |name: &str, text: &[u8]| std::fs::write(place.folder.path().join(name), text).unwrap();
    let good = std::fs::read(&place.good).unwrap();
    let run_line = &good[..good.iter().position(|byte| *byte == b'\n').unwrap() + 1];
    trace(&place.folder.path().join("pair.jsonl"), ["small", "huge"], oracle(), 5);
    trace(&place.folder.path().join("unscored.jsonl"), ["small", "large"], AlwaysDraft, 5);
    let always = Oracle::new(scorer_fn(|_, _| 0.5), 0.0).unwrap();
    trace(&place.folder.path().join("alike.jsonl"), ["small", "large"], always, 20);
    write("empty.jsonl", b"");
    write("nameless.jsonl", &good[run_line.len()..]);
    write("begun.jsonl", run_line);
    write("bad.jsonl", &[run_line, b"{\"kind\":\"step\",\"problem\":3}\n"].concat());
    write("nan.jsonl", &[run_line, b"NaN\n"].concat());
    let cases: [(&[&str], &[&str]); 9] = [
        (&["good.jsonl", "pair.jsonl"], &["two pairs", "large", "huge"]),
        (&["unscored.jsonl"], &["steps of both models", "found none"]),
        (&["alike.jsonl"], &["two classes", "of one"]),
        (&["empty.jsonl"], &["a run's record"]),
        (&["nameless.jsonl"], &["a run's record"]),
        (&["begun.jsonl"], &["steps of both models", "found none"]),
        (&["bad.jsonl"], &["bad.jsonl:2:"]),
        (&["nan.jsonl"], &["nan.jsonl:2:"]),
        (&["absent.jsonl"], &["absent.jsonl"]),
    ];
    for (traces, parts) in cases {
        refused(&borrowed(&place.probe(traces, &["--steps", "4"])), parts);
    }
    // A torn last line is a kill's, and passed over.
    write("torn.jsonl", &good[..good.len() - 9]);
    assert_eq!(run(&borrowed(&place.probe(&["torn.jsonl"], &["--steps", "4"]))).0, Some(0));
}

#[test]
fn invalid_settings_are_refused() {
    let place = place();
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--steps", "4", "--batch", "0"], &["batch", "at least 1"]),
        (&["--steps", "4", "--rate", "NaN"], &["peak"]),
        (&["--steps", "4", "--rate", "1e30"], &["a finite number"]),
        (&["--steps", "4", "--validation", "1.5"], &["split"]),
        (&["--steps", "4", "--validation", "NaN"], &["split"]),
        (&["--steps", "4", "--classes", "1"], &["classes", "2..=1024"]),
        (&["--steps", "4", "--inputs", "hidden"], &["--draft"]),
    ];
    for (further, parts) in cases {
        let given = |name: &str| further.contains(&name);
        let mut arguments = place.probe(&["good.jsonl"], further);
        for name in ["--rate", "--inputs"] {
            if given(name) {
                // The first is the fixed one.
                let at = arguments.iter().position(|argument| argument == name).unwrap();
                arguments.drain(at..at + 2);
            }
        }
        refused(&borrowed(&arguments), parts);
        std::fs::remove_dir_all(place.folder.path().join("probe")).ok();
    }
    std::fs::write(place.folder.path().join("probe"), "a file").unwrap();
    refused(&borrowed(&place.probe(&["good.jsonl"], &["--steps", "4"])), &["exists"]);
}
