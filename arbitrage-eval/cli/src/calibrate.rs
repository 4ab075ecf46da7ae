//! `arbitrage calibrate`: a router's threshold, chosen for a goal.

use arbitrage_mini::shipped;
use arbitrage_router::calibrate::{Calibrator, Isotonic, Platt, PlattInput, ValidationSet};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::Card;

use crate::Failure;
use crate::cli::{CalibrateOptions, CalibrationMethod};
use crate::training_data::{attach_hidden, load};

/// Fits the calibration, chooses τ, and writes both to the router's card.
pub(crate) fn run(options: &CalibrateOptions) -> Result<(), Failure> {
    let traces = load(&options.traces)?;
    if shipped::router(&options.router).is_some() {
        let (name, folder) = (options.router.display(), crate::pair::resolve_router(&options.router)?);
        return Err(format!(
            "--router {name}: expected a folder that can be changed, found a shipped router; copy {} and name the copy",
            folder.display()
        )
        .into());
    }
    let mut card = Card::open(&options.router)?;
    card.check_pair(&traces.pair.draft, &traces.pair.target)?;
    let mut examples = traces.examples;
    if card.input.needs_hidden() {
        attach_hidden(&options.states, &mut examples)?;
    }
    card.calibrator = Calibrator::None; // the estimates are to be those of the head, not of an earlier calibration
    let raw = crate::compare::estimates(&card, &options.router, &options.states.device.load()?, &examples)?;
    let labels: Vec<bool> = examples.iter().map(Example::label).collect();
    card.calibrator = match options.calibration {
        CalibrationMethod::None => Calibrator::None,
        CalibrationMethod::Platt => Platt::fit(&raw, &labels, PlattInput::Logit)?.into(),
        CalibrationMethod::Isotonic => Isotonic::fit(&raw, &labels)?.into(),
    };
    let estimates: Vec<f32> = raw.iter().map(|&estimate| card.calibrator.apply(estimate)).collect();
    let threshold = options.goal.threshold(&ValidationSet::new(&estimates, traces.data.problems)?)?;
    (card.tau, card.goal) = (threshold.tau, Some(options.goal));
    card.metrics.insert("calibrated acceptance".to_owned(), threshold.acceptance);
    card.metrics.insert("calibrated escalations a problem".to_owned(), threshold.escalations);
    card.save(&options.router)?;
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
