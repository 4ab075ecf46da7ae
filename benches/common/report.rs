//! What was measured on one model, as tables and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::engines::{Figure, PROMPTS, SEQUENCES, Sample};
use crate::median;

const OURS: &str = "ours";

/// All rounds on one model.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The model file's name.
    pub model: String,
    /// Threads of every engine.
    pub threads: usize,
    /// Bytes of weights that a decoded token multiplies.
    pub bytes_per_token: usize,
    /// Bytes a second that the threads read, measured between the engines.
    pub bandwidths: Vec<f64>,
    /// Load averages before the first round and after the last.
    pub loads: [Option<String>; 2],
    /// Engines in the order of the columns, ours first.
    pub engines: Vec<&'static str>,
    /// Round, engine, and what it measured.
    pub samples: Vec<(usize, &'static str, Sample)>,
}

impl Report {
    /// The median rate of an engine's best variant, and that variant.
    pub fn rate(&self, engine: &str, figure: Figure) -> Option<(f64, &str)> {
        let of = |sample: &&(usize, &'static str, Sample)| sample.1 == engine && sample.2.figure == figure;
        let variants = self.samples.iter().filter(of).map(|(_, _, sample)| sample.variant.as_str());
        let rate = |variant: &str| {
            let same = self.samples.iter().filter(of).filter(|sample| sample.2.variant == variant);
            median(same.map(|(_, _, sample)| sample.rate).collect())
        };
        variants.map(|variant| (rate(variant), variant)).max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// The most bytes a second that were read in any round.
    pub fn limit(&self) -> f64 {
        self.bandwidths.iter().copied().fold(0.0, f64::max)
    }

    /// Everything, unrounded.
    pub fn to_json(&self) -> Value {
        let sample = |(round, engine, sample): &(usize, &str, Sample)| {
            let (figure, variant) = (sample.figure.to_string(), &sample.variant);
            json!({ "round": round, "engine": engine, "figure": figure, "variant": variant, "rate": sample.rate })
        };
        json!({
            "model": self.model,
            "threads": self.threads,
            "bytes_per_token": self.bytes_per_token,
            "bandwidths": self.bandwidths,
            "load_averages": self.loads,
            "samples": self.samples.iter().map(sample).collect::<Vec<_>>(),
        })
    }

    /// Tokens a second by figure and engine, with ours as a multiple of each other.
    fn rates(&self) -> Vec<Vec<String>> {
        let mut rows = vec![vec!["tokens/s".to_owned()]];
        for engine in &self.engines {
            rows[0].push((*engine).to_owned());
            rows[0].extend((*engine != OURS).then(|| "ratio".to_owned()));
        }
        for figure in Figure::ALL {
            let ours = self.rate(OURS, figure).map_or(f64::NAN, |(rate, _)| rate);
            let mut row = vec![figure.to_string()];
            for engine in &self.engines {
                let rate = self.rate(engine, figure);
                row.push(
                    rate.map_or("–".to_owned(), |(rate, variant)| format!("{rate:.1} {variant}").trim().to_owned()),
                );
                row.extend(
                    (*engine != OURS).then(|| rate.map_or("–".to_owned(), |(rate, _)| format!("{:.2}", ours / rate))),
                );
            }
            rows.push(row);
        }
        rows
    }

    /// What decoding reads, and how decoding of several compares with decoding of one and with prefill. Bytes are the
    /// file's, whatever an engine makes of them in memory.
    fn decoding(&self) -> Vec<Vec<String>> {
        let [short, long] = PROMPTS;
        let titles = [
            "decode".to_owned(),
            "GB/s".to_owned(),
            "of limit".to_owned(),
            "× one sequence".to_owned(),
            format!("of prefill {short}"),
            format!("of prefill {long}"),
        ];
        let mut rows = vec![titles.to_vec()];
        for (engine, sequences) in self.engines.iter().flat_map(|engine| [(*engine, 1), (*engine, SEQUENCES)]) {
            let Some((rate, _)) = self.rate(engine, Figure::Decode(sequences)) else { continue };
            let of = |figure| self.rate(engine, figure).map_or(f64::NAN, |(other, _)| rate / other);
            let bytes = rate / sequences as f64 * self.bytes_per_token as f64;
            rows.push(vec![
                format!("{engine}, {sequences}"),
                format!("{:.1}", bytes / 1e9),
                percent(bytes / self.limit()),
                format!("{:.2}", of(Figure::Decode(1))),
                percent(of(Figure::Prefill(short))),
                percent(of(Figure::Prefill(long))),
            ]);
        }
        rows
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.samples.iter().map(|(round, ..)| round + 1).max().unwrap_or(0);
        let load = |index: usize| self.loads[index].as_deref().unwrap_or("unknown");
        writeln!(f, "{}: {} threads, medians of {rounds} rounds", self.model, self.threads)?;
        writeln!(f, "load average before {}, after {}\n", load(0), load(1))?;
        table(f, &self.rates())?;
        let (megabytes, limit) = (self.bytes_per_token as f64 / 1e6, self.limit() / 1e9);
        writeln!(f, "\nweights read a decoded token: {megabytes:.0} MB; read limit, best measured: {limit:.1} GB/s\n")?;
        table(f, &self.decoding())
    }
}

/// A share in whole percent.
pub fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// Writes rows, the first of them titles, as a Markdown table.
///
/// # Errors
/// Those of the formatter.
pub fn table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (index, row) in rows.iter().enumerate() {
        for (cell, &width) in row.iter().zip(&widths) {
            write!(f, "| {cell:width$} ")?;
        }
        writeln!(f, "|")?;
        if index == 0 {
            widths.iter().try_for_each(|&width| write!(f, "|{}", "-".repeat(width + 2)))?;
            writeln!(f, "|")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_variant_counts_by_its_median() {
        let sample = |variant: &str, rate| {
            let sample = Sample { figure: Figure::Decode(1), variant: variant.to_owned(), rate };
            (0, "llama.cpp", sample)
        };
        let samples = [("a", 1.0), ("a", 9.0), ("a", 2.0), ("b", 3.0), ("b", 4.0), ("b", 3.5)];
        let samples = samples.map(|(variant, rate)| sample(variant, rate)).to_vec();
        let report = Report { samples, ..Report::default() };
        assert_eq!(report.rate("llama.cpp", Figure::Decode(1)), Some((3.5, "b")));
        assert_eq!(report.rate("ours", Figure::Decode(1)), None);
    }

    #[test]
    fn shares_come_from_bytes_and_limit() {
        let sample =
            |sequences, rate| (0, OURS, Sample { figure: Figure::Decode(sequences), variant: String::new(), rate });
        let report = Report {
            bytes_per_token: 1_000_000_000,
            bandwidths: vec![20e9, 40e9],
            engines: vec![OURS],
            samples: vec![sample(1, 20.0), sample(SEQUENCES, 80.0)],
            ..Report::default()
        };
        let rows = report.decoding();
        assert_eq!(rows[1][..4], ["ours, 1", "20.0", "50%", "1.00"]);
        assert_eq!(rows[2][..4], ["ours, 8", "10.0", "25%", "4.00"]);
    }
}
