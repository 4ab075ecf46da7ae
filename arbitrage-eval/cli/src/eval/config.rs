//! What is evaluated: a file of TOML.

use std::path::{Path, PathBuf};

use clap::Parser;
use serde::Deserialize;
use toml::{Table, Value};

use crate::Failure;
use crate::cli::{Guesses, LimitOptions, MiniRange, PairOptions};
use crate::scorer::Scorer;
use arbitrage_mini::shipped;
use arbitrage_router::Policy;
use clap::ValueEnum;

/// Policies × benchmarks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Seed from which every sample's is derived, and the choice of problems.
    #[serde(default)]
    pub seed: u64,
    /// Problems at a time.
    #[serde(default = "in_flight")]
    pub in_flight: usize,
    /// The options of `solve` that say which models and how they write, without their dashes: `pair = "mini"`.
    #[serde(default)]
    models: Table,
    /// Those that say where steps and solutions end.
    #[serde(default)]
    limits: Table,
    /// What is solved.
    #[serde(rename = "benchmark")]
    pub benchmarks: Vec<Benchmark>,
    /// By whom.
    #[serde(rename = "policy")]
    pub policies: Vec<Entry>,
}

fn in_flight() -> usize {
    16
}

/// A set of problems.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// Its name, which is that of its folder.
    pub name: String,
    /// Files of problems, beside the file of TOML.
    #[serde(default)]
    pub problems: Vec<PathBuf>,
    /// How their rows are laid out, where it is none of the known formats.
    pub format: Option<PathBuf>,
    /// At most so many of the files' problems.
    pub count: Option<usize>,
    /// Leaves bad rows out.
    #[serde(default)]
    pub skip_bad_rows: bool,
    /// Generated problems of the mini family: `test:0..500`.
    #[serde(default, deserialize_with = "range")]
    pub mini: Option<MiniRange>,
    /// The family that they are drawn from.
    pub family: Option<PathBuf>,
    /// Problems at a time, unless it is as for all.
    pub in_flight: Option<usize>,
}

fn range<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<MiniRange>, D::Error> {
    let text = String::deserialize(text)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// A policy, with one threshold or several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `target`, `draft`, `rsd`, `random`, `logprob`, `entropy`, `learned` or `oracle`, with or without its τ.
    pub policy: Policy,
    /// What it is called in tables; its own name unless it is said.
    pub label: Option<String>,
    /// A run for each of these thresholds.
    #[serde(default)]
    pub tau: Vec<f32>,
    /// For `random`: escalates as often as the policy of this label, which stands before it.
    pub matches: Option<String>,
    /// For `learned`: the router's folder, or the name of a shipped one.
    pub router: Option<PathBuf>,
    /// For `rsd` and `oracle`: what scores steps.
    #[serde(default, deserialize_with = "scorer")]
    pub scorer: Option<Scorer>,
    /// What the target verifies several tokens at a time: `draft` makes `target` token-level speculative decoding.
    #[serde(default, deserialize_with = "guesses")]
    pub guesses: Option<Guesses>,
}

fn scorer<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<Scorer>, D::Error> {
    String::deserialize(text)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn guesses<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<Guesses>, D::Error> {
    Guesses::from_str(&String::deserialize(text)?, false).map(Some).map_err(serde::de::Error::custom)
}

/// Models and limits, as the command line knows them.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub struct Options {
    #[command(flatten)]
    pub models: PairOptions,
    #[command(flatten)]
    pub limits: LimitOptions,
}

impl Config {
    /// RouterInput the file. Paths in it are beside it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| named(&error))?;
        config.check().map_err(|error| named(&error))?;
        config.beside(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Models and limits.
    pub fn options(&self) -> Result<Options, Failure> {
        let mut arguments = Vec::new();
        for (key, value) in self.models.iter().chain(&self.limits) {
            push(&mut arguments, key, value)?;
        }
        let options = Options::try_parse_from(arguments);
        Ok(options
            .map_err(|error| format!("in [models] or [limits], whose keys are the options of `solve`: {error}"))?)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.benchmarks.is_empty() || self.policies.is_empty() {
            return Err("expected at least one [[benchmark]] and one [[policy]]".into());
        }
        for name in self.benchmarks.iter().map(|benchmark| &benchmark.name) {
            if slug(name) != *name || self.benchmarks.iter().filter(|other| other.name == *name).count() > 1 {
                return Err(format!(
                    "benchmark `{name}`: expected a name of its own, of letters, digits, `.`, `-` and `_`"
                )
                .into());
            }
        }
        Ok(())
    }

    fn beside(&mut self, folder: &Path) {
        let benchmarks = self.benchmarks.iter_mut();
        let of_benchmarks =
            benchmarks.flat_map(|one| one.problems.iter_mut().chain(&mut one.format).chain(&mut one.family));
        let of_policies = self.policies.iter_mut().flat_map(|one| {
            let scorer = one.scorer.as_mut().and_then(Scorer::folder);
            one.router.iter_mut().filter(|path| shipped::router(path).is_none()).chain(scorer)
        });
        of_benchmarks.chain(of_policies).for_each(|path| *path = folder.join(&*path));
    }
}

/// A key and its value, as arguments.
fn push(arguments: &mut Vec<String>, key: &str, value: &Value) -> Result<(), Failure> {
    let name = format!("--{}", key.replace('_', "-"));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(present) => {
            arguments.extend(present.then_some(name));
            return Ok(());
        }
        other => return Err(format!("`{key}`: expected text or a number, found {other}").into()),
    };
    arguments.push(format!("{name}={text}"));
    Ok(())
}

/// A name that can be that of a file anywhere.
pub fn slug(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let text: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if text.starts_with('.') { format!("_{text}") } else { text }
}
