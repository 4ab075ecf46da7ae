//! The cost model of a pair, one problem at a time.

use arbitrage_benches::{Failure, median};
use arbitrage_eval::cost::{Hardware, TokenSeconds};

use crate::options::Sizes;
use crate::report::Report;
use crate::shapes::{Pair, Shape};
use crate::single::Single;

/// The cost model from the figures of the pair's shapes.
///
/// # Errors
/// Which figure is missing.
pub(crate) fn hardware(report: &Report, pair: &Pair) -> Result<Hardware, Failure> {
    let sizes = report.sizes();
    let tokens = |shape| token_seconds(single(report, pair, shape)?, sizes);
    let judge = |shape| measured(&single(report, pair, shape)?.judge, "judging a step", shape);
    let name = format!("{} on {}", pair.title, report.hardware());
    let hardware = Hardware::new(name, tokens(pair.draft)?, tokens(pair.target)?)?;
    Ok(hardware.with_decision_seconds(judge(pair.draft)?, judge(pair.scorer)? / sizes.step as f64)?)
}

/// Mean seconds that the cost model expects of a simulated step.
pub(crate) fn step(hardware: &Hardware, sizes: &Sizes) -> f64 {
    let (tokens, share) = (sizes.step as f64, sizes.escalated() as f64 / sizes.steps as f64);
    hardware.step_seconds(tokens, tokens, hardware.router_step).mean(share)
}

/// A token read counts as it does in a step that the other wrote, which is what policies differ in: the pass over the step less a
/// decoding pass, since it brings the first token written along. It never counts less than in a prompt, where the weights' way through
/// the memory is shared by many: on a GPU the difference of two such passes may be nothing but noise.
fn token_seconds(single: &Single, sizes: &Sizes) -> Result<TokenSeconds, Failure> {
    let shape = single.shape.as_str();
    let decoded = single.pass(1, sizes).ok_or_else(|| missing("decoding of one sequence", shape))?;
    let switch = median_of(&single.switch, "the switch", shape)?;
    let prefill = median_of(&single.prefill, "prefill", shape)?;
    let prefilled = ((switch - decoded) / sizes.step as f64).max(prefill / sizes.prompt as f64);
    Ok(TokenSeconds { decoded, prefilled })
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
