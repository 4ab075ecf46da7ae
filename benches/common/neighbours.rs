//! Decoding beside other processes that keep the processors busy.

use std::process::{Child, Command, Stdio};

use crate::engines::{Engine, Figure};
use crate::machine::load_average;
use crate::{Failure, median};

/// Processes that are busy until this is dropped.
#[derive(Debug)]
pub struct Neighbours(Vec<Child>);

impl Neighbours {
    /// Starts `count` processes.
    ///
    /// # Errors
    /// Where the program `yes` cannot be started.
    pub fn start(count: usize) -> Result<Self, Failure> {
        let mut neighbours = Self(Vec::new());
        for _ in 0..count {
            let process = Command::new("yes").stdout(Stdio::null()).spawn().map_err(|error| format!("yes: {error}"))?;
            neighbours.0.push(process);
        }
        Ok(neighbours)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for process in &mut self.0 {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// Measures how fast each engine decodes one sequence, alone and beside `count` busy processes, in turns; returns a table of the medians
/// of `rounds`.
///
/// # Errors
/// Those of the engines.
pub fn decode_beside(engines: &mut [Box<dyn Engine>], count: usize, rounds: usize) -> Result<String, Failure> {
    let mut rates = vec![[Vec::new(), Vec::new()]; engines.len()];
    let before = load_average().unwrap_or_default();
    for round in 0..rounds {
        for turn in 0..engines.len() {
            let at = (round + turn) % engines.len();
            for (neighbours, rates) in [0, count].into_iter().zip(&mut rates[at]) {
                let busy = Neighbours::start(neighbours)?;
                let samples = engines[at].decode()?;
                drop(busy);
                let decode = samples.iter().filter(|sample| sample.figure == Figure::Decode(1));
                rates.push(decode.map(|sample| sample.rate).fold(0.0, f64::max));
            }
        }
    }
    let mut table = format!("load average {before} before the first round\n\n");
    table += &format!("| decode, tokens/s | alone | beside {count} busy processes | of alone |\n|---|---|---|---|\n");
    for (engine, rates) in engines.iter().zip(rates) {
        let [alone, beside] = rates.map(median);
        table += &format!("| {} | {alone:.1} | {beside:.1} | {:.2} |\n", engine.name(), beside / alone);
    }
    Ok(table)
}
