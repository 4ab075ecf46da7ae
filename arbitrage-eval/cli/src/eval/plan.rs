//! Which runs an evaluation is made of.

use arbitrage_core::Usage;
use arbitrage_router::Policy;

use super::config::{Config, Entry, slug};
use crate::Failure;

/// One policy at one threshold.
#[derive(Clone)]
pub struct Planned<'c> {
    /// What it is called, with its threshold.
    pub label: String,
    /// What it is called without.
    pub family: String,
    /// The policy; of one that matches another's rate, the rate is still to be set.
    pub policy: Policy,
    /// Where it comes from.
    pub entry: &'c Entry,
}

impl Planned<'_> {
    /// The name of its files.
    pub fn slug(&self) -> String {
        slug(&self.label)
    }

    /// Whether parts of its problems can be solved apart: not where its rate is what another's turns out to be.
    pub fn can_be_divided(&self) -> bool {
        self.entry.matches.is_none()
    }

    /// Sets the rate of one that matches what another cost.
    pub fn matched(&self, usage: &Usage) -> Result<Policy, Failure> {
        let accepted = usage.acceptance_by_steps().ok_or_else(|| format!("{}: nothing to match", self.label))?;
        Ok(self.policy.with_threshold((1.0 - accepted) as f32)?)
    }
}

/// All runs, in the file's order.
pub fn plan(config: &Config) -> Result<Vec<Planned<'_>>, Failure> {
    let mut runs: Vec<Planned<'_>> = Vec::new();
    for entry in &config.policies {
        let family = entry.label.clone().unwrap_or_else(|| own_name(&entry.policy));
        check(entry, &family, &runs)?;
        if entry.tau.is_empty() {
            let label = entry.label.clone().unwrap_or_else(|| match &entry.matches {
                Some(other) => format!("random as {other}"),
                None => entry.policy.to_string(),
            });
            runs.push(Planned { label, family: family.clone(), policy: entry.policy, entry });
        }
        for tau in &entry.tau {
            let policy = entry.policy.with_threshold(*tau).map_err(|error| format!("policy `{family}`: {error}"))?;
            runs.push(Planned { label: format!("{family}:{tau}"), family: family.clone(), policy, entry });
        }
    }
    for Planned { policy, .. } in &runs {
        if !policy.needs_scorer() && !matches!(policy, Policy::Learned(_)) {
            policy.router(None)?; // refuses a wrong threshold before a model is loaded
        }
    }
    let mut names: Vec<String> = runs.iter().map(Planned::slug).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two policies are called `{}`: give one of them a `label`", pair[0]).into()),
        None => Ok(runs),
    }
}

/// The policy's name without a threshold.
fn own_name(policy: &Policy) -> String {
    let text = policy.to_string();
    text.split(':').next().unwrap_or_default().to_owned()
}

fn check(entry: &Entry, name: &str, before: &[Planned<'_>]) -> Result<(), Failure> {
    let is_random = matches!(entry.policy, Policy::Random(_));
    match &entry.matches {
        Some(_) if !is_random || !entry.tau.is_empty() => {
            Err(format!("policy `{name}`: `matches` is for `random`, which has no `tau` then").into())
        }
        Some(other) if !before.iter().any(|run| run.label == *other) => {
            let known: Vec<&str> = before.iter().map(|run| run.label.as_str()).collect();
            Err(format!("policy `{name}`: matches `{other}`, which is none of those before it: {}", known.join(", "))
                .into())
        }
        _ => Ok(()),
    }
}
