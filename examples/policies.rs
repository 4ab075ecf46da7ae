//! Policies side by side on a GSM8K-style file (JSON lines with `question` and `answer`, the answer ending in `#### n`).
//!
//! ```text
//! cargo run --release -p arbitrage-examples --example policies -- DATA.jsonl 50 OUT draft target logprob:-0.15 entropy:1.0
//! ```
//!
//! Each policy's records go to `OUT/POLICY.jsonl`; a run that was cut off goes on where it stopped. The table is a function of
//! those files. `IN_FLIGHT=8` solves eight problems together (the default is one, for honest latencies); `DRAFT` and
//! `TARGET` name other models. A leaner draft: `DRAFT_WEIGHTS=q4_0` requantises it as it is loaded (`DRAFT` may then be the
//! target's own file), `DRAFT_HEAD=32768` keeps the first so many tokens of its head, and `DRAFT_HEAD=FILE` the 32768 most
//! frequent of a text. `REUSE=0` keeps the target from verifying rejected steps as guesses, `SPECULATE=lookup` or `draft` lets it
//! guess by prompt lookup or with the draft too, and `OVERLAP=on` or `measured` drafts ahead while router and target are at work.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::{JsonlSink, Record, SolutionRecord, read_jsonl};
use arbitrage_core::{Engine, Limits, Overlap, Problem, Shared, StepScorer, Usage};
use arbitrage_grader::{Grader, Kind};
use arbitrage_models::source::{ModelSource, NoProgress};
use arbitrage_models::speculation::{DraftModel, PromptLookup};
use arbitrage_models::{HeadTokens, LoadOptions, LocalModel, LocalTarget, ModelFiles, device};
use arbitrage_router::Policy;
use indicatif::{ProgressBar, ProgressStyle};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, count, out, policies @ ..] = args.as_slice() else {
        return Err("usage: policies DATA.jsonl COUNT OUT POLICY…".into());
    };
    let problems = load(Path::new(data), count.parse()?)?;
    std::fs::create_dir_all(out)?;
    let draft = draft()?;
    let target = files("TARGET", "qwen2.5-coder-1.5b-instruct")?;
    let target = LocalModel::from_files(target, &LoadOptions::new(device("flex")?))?;
    let target = match std::env::var("SPECULATE").as_deref() {
        Ok("lookup") => target.with_proposer(PromptLookup::new())?,
        Ok("draft") => target.with_proposer(DraftModel::new(draft.share()))?,
        _ => target,
    };
    let draft = Shared::new(draft, "draft");
    let reuse = std::env::var("REUSE").as_deref() != Ok("0");
    let target = Shared::new(LocalTarget::new(target).with_reuse(reuse), "target");
    for text in policies {
        let policy: Policy = text.parse()?;
        let path = PathBuf::from(out).join(format!("{}.jsonl", text.replace(':', "_")));
        run(policy, &problems, &path, draft.clone(), target.clone())?;
    }
    println!(
        "| policy | right | seconds a problem | draft s | target s | accepted steps | accepted tokens | tokens | guesses that \
         came true |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for text in policies {
        let path = PathBuf::from(out).join(format!("{}.jsonl", text.replace(':', "_")));
        report(text, &problems, &path)?;
    }
    Ok(())
}

fn files(variable: &str, name: &str) -> Result<ModelFiles, Failure> {
    let name = std::env::var(variable).unwrap_or_else(|_| name.to_owned());
    Ok(ModelFiles::open(ModelSource::parse(&name)?.resolve(&mut NoProgress)?)?)
}

fn draft() -> Result<LocalModel, Failure> {
    let files = files("DRAFT", "qwen2.5-coder-0.5b-instruct")?;
    let mut options = LoadOptions::new(device("flex")?);
    if let Ok(most) = std::env::var("DRAFT_WEIGHTS") {
        options = options.with_weights(most.parse()?);
    }
    if let Ok(head) = std::env::var("DRAFT_HEAD") {
        options = options.with_head(match head.parse() {
            Ok(count) => HeadTokens::first(count, &files.tokenizer)?,
            Err(_) => {
                let text = std::fs::read_to_string(&head).map_err(|error| format!("{head}: {error}"))?;
                HeadTokens::counted([text.as_str()], 32_768.min(files.tokenizer.vocab_size()), &files.tokenizer)?
            }
        });
    }
    Ok(LocalModel::from_files(files, &options)?)
}

/// A problem and its right answer.
type Row = (Problem, String);

fn load(path: &Path, count: usize) -> Result<Vec<Row>, Failure> {
    let text = std::fs::read_to_string(path)?;
    let row = |(at, line): (usize, &str)| -> Result<Row, Failure> {
        let json: serde_json::Value =
            serde_json::from_str(line).map_err(|e| format!("{}: line {}: {e}", path.display(), at + 1))?;
        let field = |name: &str| json[name].as_str().ok_or(format!("{}: line {}: no `{name}`", path.display(), at + 1));
        let gold = field("answer")?.rsplit("####").next().unwrap_or_default().trim().to_owned();
        Ok((Problem::new(field("question")?).with_id(at.to_string()).with_seed(at as u64), gold))
    };
    text.lines().enumerate().take(count).map(row).collect()
}

fn run(
    policy: Policy,
    problems: &[Row],
    path: &Path,
    draft: Shared<LocalModel>,
    target: Shared<LocalTarget>,
) -> Result<(), Failure> {
    let done: HashSet<String> = solutions(path)?.into_iter().map(|solution| solution.problem).collect();
    let open: Vec<Problem> = problems.iter().map(|(p, _)| p.clone()).filter(|p| !done.contains(&p.id)).collect();
    let scorer = policy.needs_scorer().then(|| Box::new(Judge::new(target.clone())) as Box<dyn StepScorer>);
    let in_flight = std::env::var("IN_FLIGHT").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let limits = Limits::default().with_steps(40).with_step_tokens(256).with_tokens(1024).with_in_flight(in_flight);
    let overlap = match std::env::var("OVERLAP").as_deref() {
        Ok("on") => Overlap::On,
        Ok("measured") => Overlap::Measured,
        _ => Overlap::Off,
    };
    let mut engine = Engine::new(draft, target, policy.router(scorer)?)
        .with_limits(limits)
        .with_overlap(overlap)
        .with_sink(JsonlSink::append(path)?);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed} {eta}")?;
    let bar = ProgressBar::new(open.len() as u64).with_style(style).with_message(policy.to_string());
    engine.solve_each(&open, |index, answer| {
        if let Err(error) = answer {
            bar.println(format!("problem {}: {error}", open[index].id));
        }
        bar.inc(1);
    });
    bar.finish();
    if overlap == Overlap::Measured {
        let choice = engine.overlap_choice().map_or("not settled", |kept| if kept { "kept" } else { "does not pay" });
        println!("{policy}: overlap {choice}");
    }
    Ok(())
}

fn solutions(path: &Path) -> Result<Vec<SolutionRecord>, Failure> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let records = read_jsonl(path)?;
    Ok(records.into_iter().filter_map(|r| if let Record::Solution(s) = r { Some(s) } else { None }).collect())
}

fn report(policy: &str, problems: &[Row], path: &Path) -> Result<(), Failure> {
    let solutions = solutions(path)?;
    let right = |solution: &&SolutionRecord| {
        let gold = problems.iter().find(|(problem, _)| problem.id == solution.problem);
        gold.is_some_and(|(_, gold)| {
            Grader::default().grade_response(gold, &solution.text, Kind::Response).is_correct()
        })
    };
    let count = solutions.len() as f64;
    let usage: Usage = solutions.iter().map(|solution| solution.usage).sum();
    let seconds = usage.draft.seconds + usage.target.seconds + usage.router_seconds;
    println!(
        "| {policy} | {}/{} | {:.2} | {:.2} | {:.2} | {:.1}% | {:.1}% | {:.0} | {} of {} |",
        solutions.iter().filter(right).count(),
        solutions.len(),
        seconds / count,
        usage.draft.seconds / count,
        usage.target.seconds / count,
        100.0 * usage.acceptance_by_steps().unwrap_or(f64::NAN),
        100.0 * usage.acceptance_by_tokens().unwrap_or(f64::NAN),
        (usage.draft.kept_tokens + usage.target.kept_tokens) as f64 / count,
        usage.target.confirmed,
        usage.target.guessed,
    );
    Ok(())
}
