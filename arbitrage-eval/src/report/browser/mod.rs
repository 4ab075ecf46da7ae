//! The data of the page's browser of solutions, as compact JSON.

mod selection;
mod text_table;

use serde::Serialize;

use super::number::counted;
use super::text::{cut, visible};
use super::{CandidateText, EvaluationRuns, PolicyRun, ReportError, ReportSettings, SolutionView, StepText, StepView};
use crate::results::{GradeRow, Outcome, ProblemResult};
use selection::select;
use text_table::TextTable;

/// Maximum length of an embedded step or question, in characters.
const MAX_TEXT_CHARS: usize = 6000;

/// All data of the browser.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Browser {
    /// All texts, which the other data refer to by index, since many policies write the same steps.
    texts: Vec<String>,
    benchmarks: Vec<BrowserBenchmark>,
}

/// The solutions of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct BrowserBenchmark {
    name: String,
    policies: Vec<String>,
    problems: Vec<BrowserProblem>,
    /// How many problems are included, in one sentence.
    about: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct BrowserProblem {
    id: String,
    question: usize,
    gold: Option<String>,
    differs: bool,
    runs: Vec<BrowserRun>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct BrowserRun {
    policy: usize,
    /// `r`ight, `w`rong or `e`rrored.
    verdict: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// Why it ended, or its error.
    end: String,
    seconds: f64,
    steps: Vec<BrowserStep>,
}

/// A step, as an array to keep the page small: whether the target wrote it; indices of the committed text and of the other model's; scores of
/// draft and target; estimate; tokens of draft and target; seconds; index of the router's error; the drafts that one was chosen from.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct BrowserStep(
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
    Vec<BrowserDraft>,
);

/// One of several drafts of a step: index of its text; the number that it was compared by; whether it was chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct BrowserDraft(usize, Option<f64>, u8);

impl Browser {
    /// At most [`ReportSettings::problems`] per benchmark; those on which policies differ come first.
    pub(crate) fn new(evaluation: &EvaluationRuns, settings: &ReportSettings) -> Self {
        let (mut texts, mut benchmarks) = (TextTable::default(), Vec::new());
        for benchmark in &evaluation.benchmarks {
            let selection = select(&benchmark.runs, settings.problems);
            let about = format!(
                "{} of {}, under {}; the {} whose verdicts differ between policies come first.",
                selection.ids.len(),
                counted(selection.all, "problem"),
                counted(benchmark.runs.len(), "run"),
                selection.differing
            );
            let problem = |(at, id): (usize, &&str)| problem(id, at < selection.differing, &benchmark.runs, &mut texts);
            let problems = selection.ids.iter().enumerate().filter_map(problem).collect();
            let policies = benchmark.runs.iter().map(|run| visible(&run.label)).collect();
            benchmarks.push(BrowserBenchmark { name: visible(&benchmark.name), policies, problems, about });
        }
        Self { texts: texts.into_all(), benchmarks }
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.benchmarks.iter().all(|benchmark| benchmark.problems.is_empty())
    }

    /// JSON that can be embedded in a script element, since it contains no markup.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub(crate) fn json(&self) -> Result<String, ReportError> {
        let json = serde_json::to_string(self)?;
        // JSON has these characters only inside of strings.
        Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }
}

fn problem(id: &str, differs: bool, runs: &[PolicyRun], texts: &mut TextTable) -> Option<BrowserProblem> {
    let solution = runs.iter().find_map(|run| run.solutions.get(id))?;
    let gold = runs.iter().filter_map(|run| run.grades.get(id)).map(|grade| grade.gold.as_str());
    let gold = gold.into_iter().find(|gold| !gold.is_empty());
    let question = texts.index(&solution.question);
    let runs = runs.iter().enumerate().filter_map(|(at, run)| shown_run(at, run, id, texts)).collect();
    Some(BrowserProblem { id: visible(id), question, gold: gold.map(short), differs, runs })
}

fn shown_run(policy: usize, run: &PolicyRun, id: &str, texts: &mut TextTable) -> Option<BrowserRun> {
    let index = run.results.problems().binary_search_by(|result| result.id.as_str().cmp(id)).ok()?;
    let (result, solution, grade) = (&run.results.problems()[index], run.solutions.get(id)?, run.grades.get(id));
    Some(BrowserRun {
        policy,
        verdict: verdict(result),
        answer: grade.map(|grade| grade.extracted.as_str()).filter(|answer| !answer.is_empty()).map(short),
        rule: grade.and_then(GradeRow::rule).map(short),
        end: end(solution),
        seconds: rounded(result.seconds),
        steps: solution.steps.iter().map(|step| BrowserStep::new(step, texts)).collect(),
    })
}

fn verdict(result: &ProblemResult) -> char {
    match result.outcome {
        Outcome::Right => 'r',
        Outcome::Wrong => 'w',
        Outcome::Errored => 'e',
    }
}

fn end(solution: &SolutionView) -> String {
    match (&solution.error, solution.stop) {
        (Some(error), _) => short(error),
        // A stop serialises as its name in quotation marks.
        (None, Some(stop)) => serde_json::to_string(&stop).unwrap_or_default().replace('"', "").replace('_', " "),
        (None, None) => "failed".to_owned(),
    }
}

impl BrowserStep {
    fn new(step: &StepView, texts: &mut TextTable) -> Self {
        let mut index = |step: Option<&StepText>| step.map(|step| texts.index(&step.text));
        let (committed, other) = (index(step.committed()), index(step.other()));
        let score = |score: Option<f32>| score.map(|score| rounded(f64::from(score)));
        let tokens = |step: &Option<StepText>| step.as_ref().map(|step| step.tokens);
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
            step.router_error.as_ref().map(|error| texts.index(error)),
            step.candidates.iter().map(|draft| BrowserDraft::new(draft, texts)).collect(),
        )
    }
}

impl BrowserDraft {
    fn new(draft: &CandidateText, texts: &mut TextTable) -> Self {
        let value = draft.value.map(|value| rounded(f64::from(value)));
        Self(texts.index(&draft.text), value, u8::from(draft.is_chosen))
    }
}

fn short(text: &str) -> String {
    cut(&visible(text), 300)
}

/// Rounds to four decimals, to keep the page small.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
