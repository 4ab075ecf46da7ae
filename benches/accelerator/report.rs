//! What was measured, as tables and as JSON.

use std::fmt;

use arbitrage_benches::median;
use arbitrage_benches::report::{percent, table};
use serde::Serialize;

use crate::cost;
use crate::options::{Options, Sizes};
use crate::part::{Figures, Outcome, Part};
use crate::shapes::{PAIRS, Pair};
use crate::simulation::Simulated;
use crate::single::Single;

/// All parts.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    device: String,
    name: Option<String>,
    nominal: Option<f64>,
    sizes: Sizes,
    shapes: Vec<Single>,
    simulated: Vec<Simulated>,
    left_out: Vec<String>,
}

impl Report {
    /// An empty one of what is about to be measured.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            device: options.device.clone(),
            name: options.name.clone(),
            nominal: options.bandwidth.map(|gigabytes| gigabytes * 1e9),
            sizes: options.sizes.clone(),
            shapes: Vec::new(),
            simulated: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Adds how a part went, and tells if it did not go well.
    pub(crate) fn add(&mut self, part: Part, outcome: Outcome) {
        if let Some(failure) = outcome.failure {
            let left_out = if outcome.figures.is_some() { "is not whole" } else { "is left out" };
            let line = format!("{part} {left_out}: {failure}");
            eprintln!("{line}");
            self.left_out.push(line);
        }
        match outcome.figures {
            Some(Figures::Single(single)) => self.shapes.push(single),
            Some(Figures::Simulated(simulated)) => self.simulated.push(simulated),
            None => {}
        }
    }

    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.shapes.is_empty() && self.simulated.is_empty()
    }

    /// How much was read and written.
    pub(crate) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// The figures of a shape.
    pub(crate) fn single(&self, name: &str) -> Option<&Single> {
        self.shapes.iter().find(|single| single.shape == name)
    }

    /// Pairs whose shapes were all asked for, and come by at least in part.
    pub(crate) fn pairs(&self) -> Vec<&'static Pair> {
        PAIRS.iter().filter(|pair| pair.shapes().iter().all(|shape| self.single(shape.name).is_some())).collect()
    }

    /// What the device is called: by the user, by its driver, or on the command line.
    pub(crate) fn hardware(&self) -> &str {
        let card = || self.shapes.iter().find_map(|single| single.card.as_deref());
        self.name.as_deref().or_else(card).unwrap_or(&self.device)
    }

    fn singles(&self) -> Vec<Vec<String>> {
        let titles = [
            "shape",
            "weights",
            "GB read a token",
            "limit, GB/s",
            "prefill, tokens/s",
            "judge, ms a step",
            "switch, ms a step",
        ];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        for single in &self.shapes {
            let limit = single.bandwidth.map_or(f64::NAN, |bandwidth| bandwidth.best());
            rows.push(vec![
                single.shape.clone(),
                single.precision.clone(),
                number(single.weight_bytes as f64 / 1e9, 3),
                number(limit / 1e9, 1),
                number(self.sizes.prompt as f64 / median(single.prefill.clone()), 1),
                number(median(single.judge.clone()) * 1e3, 2),
                number(median(single.switch.clone()) * 1e3, 2),
            ]);
        }
        rows
    }

    fn decoding(&self) -> Vec<Vec<String>> {
        let titles = ["shape, sequences", "tokens/s", "ms a token", "GB/s", "of limit", "of nominal"];
        let columns = if self.nominal.is_some() { 6 } else { 5 };
        let mut rows = vec![titles[..columns].iter().map(|&title| title.to_owned()).collect::<Vec<_>>()];
        for (single, decode) in self.shapes.iter().flat_map(|single| single.decode.iter().map(move |one| (single, one)))
        {
            let pass = median(decode.seconds.clone()) / self.sizes.tokens as f64;
            let rate = single.weight_bytes as f64 / pass;
            let of = |limit: Option<f64>| limit.map_or("–".to_owned(), |limit| percent(rate / limit));
            let mut row = vec![
                format!("{}, {}", single.shape, decode.sequences),
                number(decode.sequences as f64 / pass, 1),
                number(pass * 1e3, 2),
                number(rate / 1e9, 1),
                of(single.bandwidth.map(|bandwidth| bandwidth.best())),
                of(self.nominal),
            ];
            row.truncate(columns);
            rows.push(row);
        }
        rows
    }

    fn simulations(&self) -> Vec<Vec<String>> {
        let titles = ["pair", "written again", "ms a step", "by the cost model", "tokens/s"];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        for simulated in &self.simulated {
            let step = median(simulated.seconds.clone()) / self.sizes.steps as f64;
            let pair = PAIRS.iter().find(|pair| pair.name == simulated.pair);
            let hardware = pair.and_then(|pair| cost::hardware(self, pair).ok());
            let expected = hardware.map_or(f64::NAN, |hardware| cost::step(&hardware, &self.sizes));
            rows.push(vec![
                simulated.pair.clone(),
                format!("{} of {}", self.sizes.escalated(), self.sizes.steps),
                number(step * 1e3, 1),
                number(expected * 1e3, 1),
                number(self.sizes.step as f64 / step, 1),
            ]);
        }
        rows
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sizes { prompt, step, tokens, rounds, .. } = self.sizes;
        writeln!(f, "{} ({}): medians of {rounds} rounds", self.hardware(), self.device)?;
        writeln!(f, "prompt {prompt}, step {step}, decoded behind the prompt {tokens} tokens\n")?;
        table(f, &self.singles())?;
        writeln!(f)?;
        table(f, &self.decoding())?;
        if !self.simulated.is_empty() {
            writeln!(f)?;
            table(f, &self.simulations())?;
        }
        self.left_out.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// With so many decimals, or a dash for what is none.
fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { "–".to_owned() }
}
