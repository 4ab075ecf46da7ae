//! The summary that `solve` prints: answer, steps and cost.

use std::fmt;

use arbitrage_core::{Author, Problem, Solution, Stop, Usage};
use arbitrage_grader::final_answer;
use arbitrage_router::Policy;
use arbitrage_router::calibrate::Promise;
use serde::Serialize;

use crate::figures::or_dash;
use crate::live_view::{colour, name, time};

/// Seconds of the target alone below which no ratio is shown.
const MIN_COMPARED_SECONDS: f64 = 1.0;

/// Answer, steps and cost of a solution, as `--json` prints them.
#[derive(Serialize)]
pub(crate) struct SolutionSummary {
    answer: Option<String>,
    /// Whether the answer is right, for a generated problem.
    #[serde(flatten)]
    mark: Option<MarkedAnswer>,
    text: String,
    question: String,
    policy: Policy,
    stop: Stop,
    steps: Vec<StepSummary>,
    usage: Usage,
    acceptance_by_steps: Option<f64>,
    acceptance_by_tokens: Option<f64>,
    seconds: f64,
    /// Tokens of the solution times the target's measured seconds per token, without the prefill of the prompt; `None` where the target was
    /// not measured.
    estimated_target_only_seconds: Option<f64>,
    /// What is promised of the policy at its threshold.
    promise: Option<Promise>,
}

/// Whether an answer is right.
#[derive(Serialize)]
pub(crate) struct MarkedAnswer {
    /// The right answer.
    #[serde(rename = "expected_answer")]
    pub expected: String,
    /// Whether the solution has it.
    pub is_right: bool,
}

/// Measured times.
pub(crate) struct SolveTimes {
    /// Seconds that the solution took.
    pub seconds: f64,
    /// Seconds per token that the target decodes, where they were measured.
    pub target_seconds_per_token: Option<f64>,
}

/// Seconds per token of the target in this solution; `None` where they say little about the target alone: it wrote few tokens, or verified
/// speculative ones, of which several come from one pass.
pub(crate) fn representative_seconds_per_token(solution: &Solution) -> Option<f64> {
    let target = solution.usage.target;
    target.seconds_per_token().filter(|_| target.decoded >= 32 && target.guessed == 0)
}

#[derive(Serialize)]
struct StepSummary {
    author: Author,
    estimate: Option<f32>,
    tokens: usize,
    seconds: f64,
    text: String,
    rejected_draft: Option<String>,
}

impl SolutionSummary {
    /// Summarises `solution`.
    pub(crate) fn new(
        problem: &Problem,
        solution: &Solution,
        policy: Policy,
        SolveTimes { seconds, target_seconds_per_token }: SolveTimes,
    ) -> Self {
        let usage = solution.usage;
        let text = solution.text();
        let tokens = usage.draft.kept_tokens + usage.target.kept_tokens;
        Self {
            answer: final_answer(&text).map(|(_, answer)| answer),
            mark: None,
            text,
            question: problem.question.clone(),
            policy,
            stop: solution.stop,
            steps: steps(solution),
            usage,
            acceptance_by_steps: usage.acceptance_by_steps(),
            acceptance_by_tokens: usage.acceptance_by_tokens(),
            seconds,
            estimated_target_only_seconds: target_seconds_per_token.map(|seconds| tokens as f64 * seconds),
            promise: None,
        }
    }

    /// The same summary, with the answer marked as right or wrong.
    pub(crate) fn with_mark(self, mark: Option<MarkedAnswer>) -> Self {
        Self { mark, ..self }
    }

    /// The same summary, with what is promised of the policy at its threshold.
    pub(crate) fn with_promise(self, promise: Option<Promise>) -> Self {
        Self { promise, ..self }
    }
}

fn steps(solution: &Solution) -> Vec<StepSummary> {
    let pairs = solution.records.iter().zip(&solution.steps);
    pairs
        .map(|(record, accepted)| {
            let steps = [&record.draft, &record.target].into_iter().flatten();
            let rejected = record.draft.as_ref().filter(|_| record.author == Author::Target);
            StepSummary {
                author: record.author,
                estimate: record.decision.estimate,
                tokens: accepted.step.token_count(),
                seconds: record.router_seconds + steps.map(|step| step.cost.seconds).sum::<f64>(),
                text: accepted.step.text.clone(),
                rejected_draft: rejected.map(|step| step.text.clone()),
            }
        })
        .collect()
}

impl fmt::Display for SolutionSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share| or_dash(share, |share: f64| format!("{:.0}%", 100.0 * share));
        writeln!(f)?;
        write!(f, "answer         {}", self.answer.as_deref().unwrap_or("none found"))?;
        match &self.mark {
            Some(MarkedAnswer { is_right: true, .. }) => writeln!(f, " ✓")?,
            Some(MarkedAnswer { expected, .. }) => writeln!(f, " ✗ (right: {expected})")?,
            None => writeln!(f)?,
        }
        for author in [Author::Draft, Author::Target] {
            let (role, colour) = (self.usage.role(author), colour(author));
            writeln!(
                f,
                "{colour}{}{colour:#}         {} tokens kept of {} written, {} prefilled, {} from cache, {}",
                name(author),
                role.kept_tokens,
                role.decoded,
                role.prefilled,
                role.cached,
                time(role.seconds),
            )?;
        }
        if self.usage.target.guessed > 0 {
            let (right, all) = (self.usage.target.confirmed, self.usage.target.guessed);
            writeln!(
                f,
                "speculation    {right} of the target's {} tokens were speculative tokens, of {all} proposed",
                self.usage.target.decoded
            )?;
        }
        let (by_steps, by_tokens) = (percent(self.acceptance_by_steps), percent(self.acceptance_by_tokens));
        writeln!(f, "accepted       {by_steps} of steps, {by_tokens} of tokens ({})", self.policy)?;
        write!(f, "time           {}, router {}", time(self.seconds), time(self.usage.router_seconds))?;
        if let Some(estimate) = self.estimated_target_only_seconds {
            write!(f, "; target only about {}", time(estimate))?;
            // A ratio of milliseconds would say more about the clock than about the models.
            if estimate >= MIN_COMPARED_SECONDS {
                write!(f, " ({:.2}×)", estimate / self.seconds)?;
            }
        }
        match &self.promise {
            Some(promise) => write!(f, "\npromise        {promise}"),
            None => Ok(()),
        }
    }
}
