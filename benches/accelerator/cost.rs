//! The cost model of a pair, in the form that the evaluation's simulator reads (`arbitrage_eval::cost::Hardware`).

use arbitrage_benches::{Failure, median};
use serde::Serialize;

use crate::options::Sizes;
use crate::report::Report;
use crate::shapes::{Pair, Shape};
use crate::single::Single;

/// Seconds of a pair on the device, one problem at a time.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    name: String,
    draft: TokenSeconds,
    target: TokenSeconds,
    router_step: f64,
    scorer_token: f64,
}

/// Seconds a token.
#[derive(Debug, Serialize)]
struct TokenSeconds {
    decoded: f64,
    prefilled: f64,
}

impl Cost {
    /// From the figures of the pair's shapes.
    ///
    /// # Errors
    /// Which figure is missing.
    pub(crate) fn of(report: &Report, pair: &Pair) -> Result<Self, Failure> {
        let sizes = report.sizes();
        let tokens = |shape| TokenSeconds::of(single(report, pair, shape)?, sizes);
        let judge = |shape| measured(&single(report, pair, shape)?.judge, "judging a step", shape);
        Ok(Self {
            name: format!("{} on {}", pair.title, report.hardware()),
            draft: tokens(pair.draft)?,
            target: tokens(pair.target)?,
            router_step: judge(pair.draft)?,
            scorer_token: judge(pair.scorer)? / sizes.step as f64,
        })
    }

    /// Mean seconds that it expects of a simulated step.
    pub(crate) fn step(&self, sizes: &Sizes) -> f64 {
        let [steps, escalated] = [sizes.steps, sizes.escalated()].map(|count| count as f64);
        let (tokens, share) = (sizes.step as f64, escalated / steps);
        let rewritten = self.target.decoded + self.draft.prefilled;
        let caught_up = self.target.prefilled;
        self.router_step + tokens * (self.draft.decoded + share * rewritten + (1.0 - share) * caught_up)
    }
}

impl TokenSeconds {
    /// A token read counts as it does in a step that the other wrote, which is what policies differ in: the pass over the step less a
    /// decoding pass, since it brings the first token written along. It never counts less than in a prompt, where the weights' way through
    /// the memory is shared by many: on a GPU the difference of two such passes may be nothing but noise.
    fn of(single: &Single, sizes: &Sizes) -> Result<Self, Failure> {
        let shape = single.shape.as_str();
        let decoded = single.pass(1, sizes).ok_or_else(|| missing("decoding of one sequence", shape))?;
        let switch = median_of(&single.switch, "the switch", shape)?;
        let prefill = median_of(&single.prefill, "prefill", shape)?;
        let prefilled = ((switch - decoded) / sizes.step as f64).max(prefill / sizes.prompt as f64);
        Ok(Self { decoded, prefilled })
    }
}

fn single<'r>(report: &'r Report, pair: &Pair, shape: &Shape) -> Result<&'r Single, Failure> {
    report
        .single(shape.name)
        .ok_or_else(|| format!("no cost model of {}: {} was not measured", pair.name, shape.name).into())
}

fn measured(seconds: &[f64], what: &str, shape: &Shape) -> Result<f64, Failure> {
    median_of(seconds, what, shape.name)
}

fn median_of(seconds: &[f64], what: &str, shape: &str) -> Result<f64, Failure> {
    if seconds.is_empty() { Err(missing(what, shape)) } else { Ok(median(seconds.to_vec())) }
}

fn missing(what: &str, shape: &str) -> Failure {
    format!("no cost model: {what} was not measured of {shape}").into()
}
