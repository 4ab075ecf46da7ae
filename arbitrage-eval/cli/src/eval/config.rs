//! The configuration of an evaluation: a TOML file.

use std::path::{Path, PathBuf};

use arbitrage_core::router::HandoverRule;
use arbitrage_eval::harness::file_name;
use arbitrage_mini::shipped;
use arbitrage_router::{DraftChoiceName, Policy};
use clap::{Parser, ValueEnum};
use serde::Deserialize;
use toml::{Table, Value};

use crate::Failure;
use crate::cli::{
    DEFAULT_DRAFT_TEMPERATURE, LimitOptions, LookaheadOptions, MiniRange, PairOptions, SpeculationSource,
};
use crate::files::{in_file, read_text};
use crate::scorer_choice::Scorer;

/// Policies and the benchmarks that each of them runs on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvalConfig {
    /// Seed of sampling and of the choice of problems.
    #[serde(default)]
    pub seed: u64,
    /// Number of problems that are solved at the same time.
    #[serde(default = "default_in_flight")]
    pub in_flight: usize,
    /// Options of `solve` that choose the models and how they are sampled, without the dashes: `pair = "mini"`.
    #[serde(default)]
    models: Table,
    /// Options of `solve` that say where steps and solutions end.
    #[serde(default)]
    limits: Table,
    /// The benchmarks.
    #[serde(rename = "benchmark")]
    pub benchmarks: Vec<BenchmarkConfig>,
    /// The policies.
    #[serde(rename = "policy")]
    pub policies: Vec<PolicyConfig>,
}

fn default_in_flight() -> usize {
    16
}

/// A benchmark: a set of problems.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BenchmarkConfig {
    /// The name, also of the folder of its traces.
    pub name: String,
    /// Files of problems. Relative paths start at the folder of the TOML file.
    #[serde(default)]
    pub problems: Vec<PathBuf>,
    /// TOML file that says how rows of unknown formats are read.
    pub format: Option<PathBuf>,
    /// Maximum number of problems taken from the files.
    pub count: Option<usize>,
    /// Skips rows that cannot be used.
    #[serde(default)]
    pub skip_bad_rows: bool,
    /// Generated problems of the mini family: `test:0..500`.
    #[serde(default, deserialize_with = "mini_range")]
    pub mini: Option<MiniRange>,
    /// JSON file of the family that problems are generated from.
    pub family: Option<PathBuf>,
    /// Number of problems that are solved at the same time, in place of the evaluation's.
    pub in_flight: Option<usize>,
}

fn mini_range<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<MiniRange>, D::Error> {
    let text = String::deserialize(text)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// A policy, with one threshold or several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyConfig {
    /// `target`, `draft`, `rsd`, `random`, `logprob`, `entropy`, `learned` or `oracle`, with or without a threshold.
    pub policy: Policy,
    /// The name in tables; by default that of the policy.
    pub label: Option<String>,
    /// A run for each of these thresholds.
    #[serde(default)]
    pub tau: Vec<f32>,
    /// For `random`: the label of an earlier policy, which it escalates as often as.
    pub matches: Option<String>,
    /// For `learned`: the folder of the router, or the name of a shipped one.
    pub router: Option<PathBuf>,
    /// When the target keeps writing, as `--handover` of `solve`: `"1"` or `"1:3"`.
    #[serde(default)]
    pub handover: Option<HandoverRule>,
    /// Number of drafts of each step, as `--drafts` of `solve`.
    #[serde(default = "one")]
    pub drafts: usize,
    /// What the best of several drafts is chosen by: `estimate`, `score` or `logprob`.
    #[serde(default, deserialize_with = "choice")]
    pub choose_by: DraftChoiceName,
    /// Sampling temperature of the drafts after the first.
    #[serde(default = "draft_temperature")]
    pub draft_temperature: f32,
    /// For `rsd`, `oracle`, and `choose_by = "score"`: the scorer of steps.
    #[serde(default, deserialize_with = "scorer")]
    pub scorer: Option<Scorer>,
    /// Where the target's speculative tokens come from: with `draft`, the policy `target` is token-level speculative decoding.
    #[serde(default, alias = "guesses", deserialize_with = "speculation")]
    pub speculation: Option<SpeculationSource>,
}

impl PolicyConfig {
    /// What the policy does beyond one decision on one draft.
    pub(super) fn lookahead(&self) -> LookaheadOptions {
        LookaheadOptions {
            handover: self.handover,
            drafts: self.drafts,
            choose_by: self.choose_by,
            draft_temperature: self.draft_temperature,
        }
    }
}

fn one() -> usize {
    1
}

fn draft_temperature() -> f32 {
    DEFAULT_DRAFT_TEMPERATURE
}

fn choice<'de, D: serde::Deserializer<'de>>(text: D) -> Result<DraftChoiceName, D::Error> {
    String::deserialize(text)?.parse().map_err(serde::de::Error::custom)
}

fn scorer<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<Scorer>, D::Error> {
    String::deserialize(text)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn speculation<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<SpeculationSource>, D::Error> {
    SpeculationSource::from_str(&String::deserialize(text)?, false).map(Some).map_err(serde::de::Error::custom)
}

/// Models and limits, as options of the command line.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub(super) struct EngineOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
}

impl EvalConfig {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let mut config: Self = toml::from_str(&read_text(path)?).map_err(in_file(path))?;
        config.check().map_err(in_file(path))?;
        config.resolve_paths(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Models and limits.
    pub(super) fn engine_options(&self) -> Result<EngineOptions, Failure> {
        let mut arguments = Vec::new();
        for (key, value) in self.models.iter().chain(&self.limits) {
            push_option(&mut arguments, key, value)?;
        }
        let options = EngineOptions::try_parse_from(arguments);
        Ok(options.map_err(|error| format!("[models] or [limits]: expected options of `arbitrage solve`: {error}"))?)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.benchmarks.is_empty() || self.policies.is_empty() {
            return Err("expected at least one [[benchmark]] and one [[policy]]".into());
        }
        for name in self.benchmarks.iter().map(|benchmark| &benchmark.name) {
            if file_name(name) != *name || self.benchmarks.iter().filter(|other| other.name == *name).count() > 1 {
                return Err(
                    format!("benchmark `{name}`: expected a unique name of letters, digits, `.`, `-` and `_`").into()
                );
            }
        }
        Ok(())
    }

    /// Makes relative paths start at the folder of the TOML file.
    fn resolve_paths(&mut self, folder: &Path) {
        let benchmarks = self.benchmarks.iter_mut();
        let of_benchmarks =
            benchmarks.flat_map(|one| one.problems.iter_mut().chain(&mut one.format).chain(&mut one.family));
        let of_policies = self.policies.iter_mut().flat_map(|one| {
            let scorer = one.scorer.as_mut().and_then(Scorer::path);
            one.router.iter_mut().filter(|path| shipped::router(path).is_none()).chain(scorer)
        });
        of_benchmarks.chain(of_policies).for_each(|path| *path = folder.join(&*path));
    }
}

/// Appends a key and its value as arguments of the command line.
fn push_option(arguments: &mut Vec<String>, key: &str, value: &Value) -> Result<(), Failure> {
    let name = format!("--{}", key.replace('_', "-"));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(is_set) => {
            arguments.extend(is_set.then_some(name));
            return Ok(());
        }
        other => return Err(format!("`{key}`: expected text, a number or a boolean, found {other}").into()),
    };
    arguments.push(format!("{name}={text}"));
    Ok(())
}
