//! What the page's browser of solutions shows, as compact JSON.

mod choice;
mod texts;

use serde::Serialize;

use super::number::counted;
use super::text::{cut, visible};
use super::{Evaluation, Options, ReportError, Run, Solution, SolutionStep, Written};
use crate::results::{Outcome, ProblemResult};
use choice::choose;
use texts::Texts;

/// Longest text of a step or question that is embedded, in characters.
const LONGEST: usize = 6000;

/// Everything that the browser shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Browser {
    /// What the others name by their places: many policies write the same steps.
    texts: Vec<String>,
    benchmarks: Vec<Shown>,
}

/// The solutions of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Shown {
    name: String,
    policies: Vec<String>,
    problems: Vec<ShownProblem>,
    /// What is not there, in a sentence.
    about: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownProblem {
    id: String,
    question: usize,
    gold: Option<String>,
    differs: bool,
    runs: Vec<ShownRun>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownRun {
    policy: usize,
    /// `r`ight, `w`rong or `e`rrored.
    verdict: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// Why it ended, or the error that it ended with.
    end: String,
    seconds: f64,
    steps: Vec<ShownStep>,
}

/// A step, as an array, since its names would be most of the page: whether the target wrote it; the text committed and the other
/// model's; scores of draft and target; estimate; tokens of draft and target; seconds; the router's error.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownStep(
    u8,
    Option<usize>,
    Option<usize>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<usize>,
    Option<usize>,
    f64,
    Option<usize>,
);

impl Browser {
    /// At most so many problems a benchmark as the options say, those first on which policies differ.
    pub fn new(evaluation: &Evaluation, options: &Options) -> Self {
        let (mut texts, mut benchmarks) = (Texts::default(), Vec::new());
        for benchmark in &evaluation.benchmarks {
            let choice = choose(&benchmark.runs, options.problems);
            let about = format!(
                "{} of {}, under {}; policies differ in their verdicts on {}, which come first.",
                choice.ids.len(),
                counted(choice.all, "problem"),
                counted(benchmark.runs.len(), "run"),
                choice.differing
            );
            let problem = |(at, id): (usize, &&str)| problem(id, at < choice.differing, &benchmark.runs, &mut texts);
            let problems = choice.ids.iter().enumerate().filter_map(problem).collect();
            let policies = benchmark.runs.iter().map(|run| visible(&run.label)).collect();
            benchmarks.push(Shown { name: visible(&benchmark.name), policies, problems, about });
        }
        Self { texts: texts.into_all(), benchmarks }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.benchmarks.iter().all(|benchmark| benchmark.problems.is_empty())
    }

    /// JSON that may stand in a page's script element: nothing in it ends or begins an element.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn json(&self) -> Result<String, ReportError> {
        let json = serde_json::to_string(self)?;
        // Outside of its strings JSON has none of these.
        Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }
}

fn problem(id: &str, differs: bool, runs: &[Run], texts: &mut Texts) -> Option<ShownProblem> {
    let solution = runs.iter().find_map(|run| run.solutions.get(id))?;
    let gold = runs.iter().find_map(|run| run.answers.get(id)?.gold.as_deref());
    let question = texts.place(&solution.question);
    let runs = runs.iter().enumerate().filter_map(|(at, run)| shown_run(at, run, id, texts)).collect();
    Some(ShownProblem { id: visible(id), question, gold: gold.map(short), differs, runs })
}

fn shown_run(policy: usize, run: &Run, id: &str, texts: &mut Texts) -> Option<ShownRun> {
    let place = run.results.problems().binary_search_by(|result| result.id.as_str().cmp(id)).ok()?;
    let (result, solution, answer) = (&run.results.problems()[place], run.solutions.get(id)?, run.answers.get(id));
    Some(ShownRun {
        policy,
        verdict: verdict(result),
        answer: answer.and_then(|answer| answer.extracted.as_deref()).map(short),
        rule: answer.and_then(|answer| answer.rule.as_deref()).map(short),
        end: end(solution),
        seconds: rounded(result.seconds),
        steps: solution.steps.iter().map(|step| ShownStep::new(step, texts)).collect(),
    })
}

fn verdict(result: &ProblemResult) -> char {
    match result.outcome {
        Outcome::Right => 'r',
        Outcome::Wrong => 'w',
        Outcome::Errored => 'e',
    }
}

fn end(solution: &Solution) -> String {
    match (&solution.error, solution.stop) {
        (Some(error), _) => short(error),
        // A stop is written as its name, in quotation marks.
        (None, Some(stop)) => serde_json::to_string(&stop).unwrap_or_default().replace('"', "").replace('_', " "),
        (None, None) => "failed".to_owned(),
    }
}

impl ShownStep {
    fn new(step: &SolutionStep, texts: &mut Texts) -> Self {
        let mut place = |written: Option<&Written>| written.map(|written| texts.place(&written.text));
        let (committed, other) = (place(step.committed()), place(step.other()));
        let score = |score: Option<f32>| score.map(|score| rounded(f64::from(score)));
        let tokens = |written: &Option<Written>| written.as_ref().map(|written| written.tokens);
        Self(
            step.author as u8,
            committed,
            other,
            score(step.decision.draft_score),
            score(step.decision.target_score),
            score(step.decision.estimate),
            tokens(&step.draft),
            tokens(&step.target),
            rounded(step.seconds()),
            step.router_error.as_ref().map(|error| texts.place(error)),
        )
    }
}

fn short(text: &str) -> String {
    cut(&visible(text), 300)
}

/// Four decimals: more would be most of the page.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
