//! Training of probes.

use arbitrage_core::Evidence;
use arbitrage_models::train::Progress;
use arbitrage_models::{Device, Error};

use super::super::features::Inputs;
use super::super::{Data, Pair, Probe, Reads, RouterError};
use super::lessons::{Recipe, rank_correlation};
use super::network::{Network, Standard, Table};
use crate::labels::Example;

/// Width of a probe's inner layer, unless another is asked for.
const WIDTH: usize = 64;

impl Probe {
    /// Trains a probe on `examples`, and keeps the weights with the greatest rank correlation ρ with the advantage on
    /// `validation` (paper, App. D). `width` is that of the one inner layer, 64 where it is `None`; 0 leaves it out, which makes
    /// a logistic regression. Drafts must carry what the probe reads. It learns on `device` and decides in plain Rust.
    ///
    /// # Errors
    /// [`RouterError`]: drafts that lack a signal, examples of one class only, whatever the loop meets.
    pub fn train(
        (examples, validation): (&[Example], &[Example]),
        inputs: Inputs,
        width: Option<usize>,
        recipe: &Recipe,
        (pair, data): (Pair, Data),
        device: &Device,
        progress: &mut dyn Progress,
    ) -> Result<Self, RouterError> {
        let rows = read(inputs, examples, None)?;
        let held_out = read(inputs, validation, rows.first().map(Vec::len))?;
        let lessons = recipe.lessons(examples)?;
        let standard = Standard::of(&rows);
        let mut card = recipe.card(Reads::Probe { inputs }, pair, data);
        let judge = card.clone();
        let advantages: Vec<f32> = validation.iter().map(Example::advantage).collect();
        let score = |network: &Network| {
            let mlp = network.to_mlp(&standard);
            let outputs = held_out.iter().map(|row| mlp.forward(row)).collect::<Result<Vec<_>, _>>()?;
            rank_correlation(&judge, &outputs, &advantages)
        };
        let table = Table::new(&rows, &standard, lessons, recipe.loss(), score);
        let width = width.unwrap_or(WIDTH);
        let ends = [rows.first().map_or(0, Vec::len), recipe.outcome.outputs()];
        let widths = if width > 0 { vec![ends[0], width, ends[1]] } else { ends.to_vec() };
        let network = Network::new(&widths, recipe.fit.seed, device);
        let fitted = recipe.fit.run(network, &table, progress)?;
        card.metrics.extend(fitted.best().map(|best| ("validation ρ".to_owned(), best)));
        Self::new(card, fitted.model.to_mlp(&standard))
    }
}

/// Rows of finite numbers, all of one width.
fn read(inputs: Inputs, examples: &[Example], width: Option<usize>) -> Result<Vec<Vec<f32>>, RouterError> {
    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(examples.len());
    for (at, example) in examples.iter().enumerate() {
        let problem = example.as_problem();
        let row = inputs.read(&example.candidate(&problem, Evidence::DraftOnly))?;
        let wrong = |expected: &str, found: &str| {
            let (name, found) = ("inputs of the probe", format!("{found} in example {at}"));
            Err(Error::Parameter { name, expected: expected.to_owned(), found }.into())
        };
        if let Some(bad) = row.iter().find(|number| !number.is_finite()) {
            return wrong("finite numbers", &bad.to_string());
        }
        match width.or(rows.first().map(Vec::len)) {
            Some(width) if width != row.len() => return wrong(&width.to_string(), &row.len().to_string()),
            _ => rows.push(row),
        }
    }
    Ok(rows)
}
