//! Training of probes.

use arbitrage_core::Evidence;
use arbitrage_models::train::TrainProgress;
use arbitrage_models::{Device, Error};

use super::super::features::ProbeFeatures;
use super::super::mlp::Standardization;
use super::super::{Probe, RouterError, RouterInput};
use super::RouterTraining;
use super::network::{Network, TabularObjective, layer_widths};
use super::targets::rank_correlation;
use crate::labels::Example;

/// Default width of a probe's hidden layer.
pub(super) const DEFAULT_HIDDEN_WIDTH: usize = 64;

impl Probe {
    /// Trains a probe on `device`, and keeps the weights with the greatest rank correlation ρ with the advantage on the
    /// validation examples (paper, App. D), which is recorded in the card as `validation ρ`. `hidden_width` is the
    /// width of the one hidden layer: 64 for `None`; 0 leaves the layer out, which makes the probe a logistic
    /// regression. Inference is in plain Rust, without a device.
    ///
    /// # Errors
    /// [`RouterError::Signal`] for drafts that lack a feature; [`RouterError::Labels`] and [`RouterError::Models`] for
    /// numbers that are not finite, features of different width, and failures of the training loop;
    /// [`RouterError::Examples`] for examples of one class.
    pub fn train(
        training: &RouterTraining<'_>,
        features: ProbeFeatures,
        hidden_width: Option<usize>,
        device: &Device,
        progress: &mut dyn TrainProgress,
    ) -> Result<Self, RouterError> {
        let (examples, recipe) = (&training.examples, training.recipe);
        let rows = feature_rows(features, examples.training, None)?;
        let inputs = rows.first().map(Vec::len);
        let validation = feature_rows(features, examples.validation, inputs)?;
        let targets = recipe.targets(examples.training)?;
        let mut card = training.card(RouterInput::Probe { features });
        let (untrained, advantages) = (card.clone(), training.validation_advantages());
        let standardization = Standardization::fit(&rows);
        let score = |network: &Network| {
            let mlp = network.to_mlp(&standardization);
            let outputs = validation.iter().map(|row| mlp.forward(row)).collect::<Result<Vec<_>, _>>()?;
            rank_correlation(&untrained, &outputs, &advantages)
        };
        let rows = rows.iter().map(|row| standardization.apply(row)).collect();
        let objective = TabularObjective::new(rows, targets, recipe.loss(), score);
        let hidden = hidden_width.unwrap_or(DEFAULT_HIDDEN_WIDTH);
        let widths = layer_widths(inputs.unwrap_or(0), hidden, recipe.output_head.outputs());
        let fitted = recipe.fit.run(Network::new(&widths, recipe.fit.seed, device), &objective, progress)?;
        card.metrics.extend(fitted.best().map(|best| ("validation ρ".to_owned(), best)));
        Self::new(card, fitted.model.to_mlp(&standardization))
    }
}

/// Features of each example: finite numbers, `width` of them where it is given, and as many as of the first example
/// otherwise.
fn feature_rows(
    features: ProbeFeatures,
    examples: &[Example],
    width: Option<usize>,
) -> Result<Vec<Vec<f32>>, RouterError> {
    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(examples.len());
    for (index, example) in examples.iter().enumerate() {
        let problem = example.as_problem();
        let row = features.extract(&example.candidate(&problem, Evidence::DraftOnly))?;
        let width = width.or(rows.first().map(Vec::len));
        rows.push(checked_row(row, width, index)?);
    }
    Ok(rows)
}

/// The features of example `index`, if they are finite numbers, `width` of them where it is given.
pub(super) fn checked_row(row: Vec<f32>, width: Option<usize>, index: usize) -> Result<Vec<f32>, RouterError> {
    let invalid = |expected: &str, found: &str| {
        let (name, found) = ("inputs of the probe", format!("{found} in example {index}"));
        Err(Error::Parameter { name, expected: expected.to_owned(), found }.into())
    };
    if let Some(number) = row.iter().find(|number| !number.is_finite()) {
        return invalid("finite numbers", &number.to_string());
    }
    match width {
        Some(width) if width != row.len() => invalid(&width.to_string(), &row.len().to_string()),
        _ => Ok(row),
    }
}
