//! The runs of an evaluation: one for each policy and threshold.

use std::path::{Path, PathBuf};

use arbitrage_core::Usage;
use arbitrage_eval::harness::{file_name, trace_path};
use arbitrage_router::Policy;

use super::config::{EvalConfig, PolicyConfig};
use crate::Failure;
use crate::cli::PairOptions;
use crate::pair::NeededRoles;

/// One policy at one threshold.
#[derive(Clone)]
pub(super) struct PlannedRun<'c> {
    /// The policy's label with its threshold.
    pub label: String,
    /// The policy's label without its threshold.
    pub family: String,
    /// The policy. A policy that matches the rate of another run gets its rate when that run is finished.
    pub policy: Policy,
    /// The configuration.
    pub config: &'c PolicyConfig,
}

impl PlannedRun<'_> {
    /// The trace of the run in the folder of a benchmark.
    pub(super) fn trace_path(&self, folder: &Path) -> PathBuf {
        trace_path(folder, &self.label)
    }

    /// The models of the pair that the run needs.
    pub(super) fn needed_roles(&self, models: &PairOptions) -> NeededRoles {
        let speculation = self.config.speculation.unwrap_or(models.speculation);
        self.config.lookahead().with_needed_roles(NeededRoles::of(self.policy, speculation, false))
    }

    /// Whether the run can be split into shards. A run that matches the rate of another run needs that run as a whole.
    pub(super) fn can_be_sharded(&self) -> bool {
        self.config.matches.is_none()
    }

    /// The policy that escalates as often as the run that `usage` is of.
    pub(super) fn matching(&self, usage: &Usage) -> Result<Policy, Failure> {
        let accepted = usage.acceptance_by_steps();
        let accepted = accepted.ok_or_else(|| format!("{}: the run to match has no steps", self.label))?;
        Ok(self.policy.with_threshold((1.0 - accepted) as f32)?)
    }
}

/// All runs, in the order of the configuration.
pub(super) fn plan(config: &EvalConfig) -> Result<Vec<PlannedRun<'_>>, Failure> {
    let mut runs: Vec<PlannedRun<'_>> = Vec::new();
    for config in &config.policies {
        let lookahead = config.lookahead();
        // A label stands for policy and lookahead alike.
        let (name, suffix) = match &config.label {
            Some(label) => (label.as_str(), String::new()),
            None => (config.policy.name(), lookahead.lookahead().to_string()),
        };
        let family = format!("{name}{suffix}");
        lookahead.check(config.policy).map_err(|error| format!("policy `{family}`: {error}"))?;
        check(config, &family, &runs)?;
        if config.tau.is_empty() {
            let label = config.label.clone().unwrap_or_else(|| match &config.matches {
                Some(other) => format!("random as {other}"),
                None => format!("{}{suffix}", config.policy),
            });
            runs.push(PlannedRun { label, family: family.clone(), policy: config.policy, config });
        }
        for tau in &config.tau {
            let policy = config.policy.with_threshold(*tau).map_err(|error| format!("policy `{family}`: {error}"))?;
            runs.push(PlannedRun { label: format!("{name}:{tau}{suffix}"), family: family.clone(), policy, config });
        }
    }
    runs.iter().try_for_each(|run| run.policy.check(None))?;
    let mut names: Vec<String> = runs.iter().map(|run| file_name(&run.label)).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(format!("two policies have the label `{}`: give one of them another `label`", pair[0]).into())
        }
        None => Ok(runs),
    }
}

fn check(config: &PolicyConfig, name: &str, before: &[PlannedRun<'_>]) -> Result<(), Failure> {
    let is_random = matches!(config.policy, Policy::Random(_));
    match &config.matches {
        Some(_) if !is_random || !config.tau.is_empty() => {
            Err(format!("policy `{name}`: expected `matches` only for `random` and without `tau`").into())
        }
        Some(other) if !before.iter().any(|run| run.label == *other) => {
            let known: Vec<&str> = before.iter().map(|run| run.label.as_str()).collect();
            let known = known.join(", ");
            Err(format!(
                "policy `{name}`: `matches`: expected the label of an earlier policy ({known}), found `{other}`"
            )
            .into())
        }
        _ => Ok(()),
    }
}
