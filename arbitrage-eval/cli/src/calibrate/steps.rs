//! A threshold that is chosen by the estimates of collected steps.

use arbitrage_router::calibrate::{Calibrator, Isotonic, Platt, PlattInput, ValidationSet};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::Card;

use super::writable_router;
use crate::Failure;
use crate::cli::{CalibrateOptions, CalibrationMethod};
use crate::training_data::{attach_hidden, load};

/// Fits the calibration, chooses τ, and writes both to the router's card.
pub(super) fn run(options: &CalibrateOptions) -> Result<(), Failure> {
    if options.traces.is_empty() {
        return Err(format!(
            "--goal {}: expected --traces, collections of problems that the router was not trained on",
            options.goal
        )
        .into());
    }
    let traces = load(&options.traces)?;
    let router = options.router.as_deref().ok_or("--router: expected the folder of a trained router, found none")?;
    let router = &writable_router(router)?;
    let mut card = Card::open(router)?;
    card.check_pair(&traces.pair.draft, &traces.pair.target)?;
    let mut examples = traces.examples;
    let states = options.states();
    if card.input.needs_hidden() {
        attach_hidden(&states, &mut examples)?;
    }
    card.calibrator = Calibrator::None; // the estimates are to be those of the head, not of an earlier calibration
    let raw = crate::compare::estimates(&card, router, &states.device.load()?, &examples)?;
    let labels: Vec<bool> = examples.iter().map(Example::label).collect();
    card.calibrator = match options.calibration {
        CalibrationMethod::None => Calibrator::None,
        CalibrationMethod::Platt => Platt::fit(&raw, &labels, PlattInput::Logit)?.into(),
        CalibrationMethod::Isotonic => Isotonic::fit(&raw, &labels)?.into(),
    };
    let estimates: Vec<f32> = raw.iter().map(|&estimate| card.calibrator.apply(estimate)).collect();
    let threshold = options.goal.threshold(&ValidationSet::new(&estimates, traces.data.problems)?)?;
    (card.tau, card.goal) = (threshold.tau, Some(options.goal));
    card.shown = None; // it was shown of another threshold, or of other estimates
    card.metrics.insert("calibrated acceptance".to_owned(), threshold.acceptance);
    card.metrics.insert("calibrated escalations a problem".to_owned(), threshold.escalations);
    card.save(router)?;
    println!(
        "τ = {:.4} for {}: {:.1}% of {} steps accepted, {:.2} escalations per problem",
        threshold.tau,
        options.goal,
        100.0 * threshold.acceptance,
        examples.len(),
        threshold.escalations
    );
    Ok(())
}
