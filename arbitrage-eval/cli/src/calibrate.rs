//! `arbitrage calibrate`: a router's threshold from a goal.

use arbitrage_mini::shipped;
use arbitrage_router::calibrate::{Calibrator, Input, Isotonic, Platt, Validation};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::Card;

use crate::Failure;
use crate::cli::{CalibrateOptions, Calibration};
use crate::training_data::{attach_hidden, load};

/// Fits the calibration, finds τ, and writes both into the card.
pub fn run(options: &CalibrateOptions) -> Result<(), Failure> {
    let loaded = load(&options.traces)?;
    if shipped::router(&options.router).is_some() {
        let (name, folder) = (options.router.display(), crate::pair::resolve_router(&options.router)?);
        return Err(format!(
            "--router {name}: it is shipped and stays as it is; copy {} and name the copy",
            folder.display()
        )
        .into());
    }
    let mut card = Card::open(&options.router)?;
    card.check_pair(&loaded.pair.draft, &loaded.pair.target)?;
    let mut examples = loaded.examples;
    if card.input.needs_hidden() {
        attach_hidden(&options.states, &mut examples)?;
    }
    card.calibrator = Calibrator::None; // estimates are wanted as the head gives them
    let raw = crate::compare::estimates(&card, (&options.router, &options.states.device), &examples)?;
    let labels: Vec<bool> = examples.iter().map(Example::label).collect();
    card.calibrator = match options.by {
        Calibration::None => Calibrator::None,
        Calibration::Platt => Platt::fit(&raw, &labels, Input::Logit)?.into(),
        Calibration::Isotonic => Isotonic::fit(&raw, &labels)?.into(),
    };
    let estimates: Vec<f32> = raw.iter().map(|&estimate| card.calibrator.apply(estimate)).collect();
    let threshold = options.goal.threshold(&Validation::new(&estimates, loaded.data.problems)?)?;
    (card.tau, card.goal) = (threshold.tau, Some(options.goal));
    card.metrics.insert("calibrated acceptance".to_owned(), threshold.acceptance);
    card.metrics.insert("calibrated escalations a problem".to_owned(), threshold.escalations);
    card.save(&options.router)?;
    println!(
        "τ = {:.4} for {}: {:.1}% of {} steps accepted, {:.2} escalations a problem",
        threshold.tau,
        options.goal,
        100.0 * threshold.acceptance,
        examples.len(),
        threshold.escalations
    );
    Ok(())
}
