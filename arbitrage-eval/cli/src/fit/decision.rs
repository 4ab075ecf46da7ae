//! Whether routing can pay at all for this pair on these problems: what the sample says before anything is trained.

use arbitrage_eval::cost::PairSeconds;
use arbitrage_eval::metrics::{Accuracy, compare, wilson};
use arbitrage_eval::replay::{Ceiling, PairedTrace, problem_ceiling, step_ceiling};
use arbitrage_eval::results::PolicyResults;
use arbitrage_router::metrics::{Bootstrap, Interval};
use serde::{Deserialize, Serialize};

use crate::Failure;

/// A router that saves less than this share of the time is not worth its training, and the machine's noise is as large.
const LEAST_GAIN: f64 = 0.05;

/// The runs of the sample.
pub(super) struct SampleRuns<'a> {
    /// The draft alone.
    pub draft: &'a PolicyResults,
    /// The target alone.
    pub target: &'a PolicyResults,
    /// The target with tokens that the draft proposes, if it can verify them.
    pub speculation: Option<&'a PolicyResults>,
    /// The oracle's run, with both models' steps and outcomes.
    pub collected: &'a PairedTrace,
}

/// What the sample says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SampleDecision {
    /// Number of problems of the sample.
    pub problems: usize,
    /// Share of the problems that the draft solves.
    pub draft_accuracy: Interval,
    /// Share of the problems that the target solves.
    pub target_accuracy: Interval,
    /// The draft's time as a share of the target's.
    pub draft_share: Interval,
    /// The time of the target with speculative tokens as a share of its time without.
    pub speculation_share: Option<Interval>,
    /// The best router that knows of each step which model does better: one problem at a time, and with as many in flight as in all runs.
    pub step_ceilings: Vec<StepCeiling>,
    /// The best router that knows of each problem whether the draft solves it.
    pub problem_ceiling: Ceiling,
    /// Why it is not worth going on; `None` where routing may pay.
    pub refusal: Option<String>,
}

/// The ceiling by steps with so many problems in flight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StepCeiling {
    /// Number of problems in flight.
    pub in_flight: usize,
    /// The ceiling.
    #[serde(flatten)]
    pub ceiling: Ceiling,
}

/// What loses nothing and needs no router: the target, with speculative tokens where they help.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Alternative {
    /// Its time as a share of the target's.
    pub share: f64,
    /// Whether it uses speculative tokens.
    pub speculates: bool,
}

impl Alternative {
    /// The better one, by the measured time of the target with speculative tokens.
    pub(super) fn of(speculation_share: Option<Interval>) -> Self {
        match speculation_share {
            Some(share) if share.high < 1.0 => Self { share: share.value, speculates: true },
            _ => Self { share: 1.0, speculates: false },
        }
    }

    /// What the user should do instead of routing.
    pub(super) fn advice(self) -> String {
        match self.speculates {
            true => format!("use `--policy target --speculation draft`, {:.2}×", 1.0 / self.share),
            false => "use `--policy target`".to_owned(),
        }
    }
}

impl SampleDecision {
    /// Decides by the sample's runs and the measured seconds per token, the last of which are those of the runs' number of problems in
    /// flight. `allowed_loss` is the share of the target's solutions that may be lost; `None` where the goal does not limit it.
    pub(super) fn new(
        runs: &SampleRuns<'_>,
        timing: &[PairSeconds],
        allowed_loss: Option<f64>,
    ) -> Result<Self, Failure> {
        let bootstrap = Bootstrap::default();
        let time_share = |other: &PolicyResults| -> Result<Interval, Failure> {
            compare(runs.target, other, &bootstrap)?.speed.ok_or_else(|| "the sample has no run that ended".into())
        };
        let by_steps = |seconds: &PairSeconds| -> Result<StepCeiling, Failure> {
            let ceiling = step_ceiling(runs.collected, runs.target, seconds, &bootstrap)?;
            Ok(StepCeiling { in_flight: seconds.in_flight, ceiling })
        };
        let mut decision = Self {
            problems: runs.target.problems().len(),
            draft_accuracy: accuracy(runs.draft)?,
            target_accuracy: accuracy(runs.target)?,
            draft_share: time_share(runs.draft)?,
            speculation_share: runs.speculation.map(time_share).transpose()?,
            step_ceilings: timing.iter().map(by_steps).collect::<Result<_, _>>()?,
            problem_ceiling: problem_ceiling(runs.draft, runs.target, &bootstrap)?,
            refusal: None,
        };
        decision.refusal = decision.refuse(allowed_loss);
        Ok(decision)
    }

    /// The best share of the target's time that a router could reach here without losing more than is allowed.
    fn best_share(&self, allowed_loss: Option<f64>) -> Interval {
        let by_problem = self.problem_ceiling.share;
        let by_steps = self.step_ceilings.last().map(|by_steps| by_steps.ceiling).filter(|ceiling| {
            // Only a loss that the sample shows excludes it.
            let least_loss = wilson(ceiling.lost, ceiling.solved).map_or(0.0, |lost| lost.low);
            allowed_loss.is_none_or(|allowed| least_loss <= allowed)
        });
        match by_steps {
            Some(ceiling) if ceiling.share.value < by_problem.value => ceiling.share,
            _ => by_problem,
        }
    }

    fn refuse(&self, allowed_loss: Option<f64>) -> Option<String> {
        let alternative = Alternative::of(self.speculation_share);
        let enough = (1.0 - LEAST_GAIN) * alternative.share;
        let (best, draft) = (self.best_share(allowed_loss), self.draft_share);
        let reason = if draft.low > enough {
            format!("the draft is too dear, it takes {:.2} of the target's time", draft.value)
        } else if best.low <= enough {
            return None;
        } else if self.draft_accuracy.value < 0.5 * self.target_accuracy.value {
            let [draft, target] = [self.draft_accuracy, self.target_accuracy].map(|share| 100.0 * share.value);
            format!("the draft solves too little, {draft:.0}% of the problems where the target solves {target:.0}%")
        } else {
            format!("even the best possible router would take {:.2} of the target's time", best.value)
        };
        Some(format!("don't route this pair here: {reason}; {}", alternative.advice()))
    }

    /// The figures for the user, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let percent = |share: Interval| {
            format!("{:.1}% [{:.1}, {:.1}]", 100.0 * share.value, 100.0 * share.low, 100.0 * share.high)
        };
        let mut lines = vec![
            format!(
                "sample of {} problems: the draft solves {}, the target {}",
                self.problems,
                percent(self.draft_accuracy),
                percent(self.target_accuracy)
            ),
            format!("share of the target's time: draft {:.2}", self.draft_share),
        ];
        lines.extend(
            self.speculation_share.map(|share| format!("token-level speculation, which loses nothing: {share:.2}")),
        );
        lines.extend(self.step_ceilings.iter().map(|StepCeiling { in_flight, ceiling }| {
            let Ceiling { share, solved, lost, .. } = ceiling;
            format!("the best router by steps, with {in_flight} in flight: {share:.2}, {lost} of {solved} lost")
        }));
        lines.push(format!("the best router by problems: {:.2}, none lost", self.problem_ceiling.share));
        lines
    }
}

fn accuracy(results: &PolicyResults) -> Result<Interval, Failure> {
    Accuracy::of(results)
        .share()
        .ok_or_else(|| format!("{}: no problem of the sample was solved or failed", results.name()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(share: f64) -> Interval {
        Interval::exact(share, share - 0.03, share + 0.03)
    }

    fn ceiling(share: f64, solved: usize, lost: usize) -> Ceiling {
        let text = serde_json::json!({ "share": exact(share), "solved": solved, "lost": lost });
        serde_json::from_value(text).unwrap()
    }

    fn decision(
        draft: f64,
        draft_share: f64,
        speculation: Option<f64>,
        by_steps: Ceiling,
        by_problems: f64,
    ) -> SampleDecision {
        let by_steps = StepCeiling { in_flight: 4, ceiling: by_steps };
        SampleDecision {
            problems: 100,
            draft_accuracy: exact(draft),
            target_accuracy: exact(0.8),
            draft_share: exact(draft_share),
            speculation_share: speculation.map(exact),
            step_ceilings: vec![by_steps],
            problem_ceiling: ceiling(by_problems, 80, 0),
            refusal: None,
        }
    }

    #[test]
    fn a_pair_that_can_pay_is_not_refused() {
        let pays = decision(0.5, 0.2, Some(0.8), ceiling(0.5, 80, 1), 0.7);
        assert_eq!(pays.refuse(Some(0.02)), None);
        // The ceiling by steps loses too much, but that by problems is enough.
        let pays = decision(0.5, 0.2, Some(0.8), ceiling(0.3, 80, 40), 0.7);
        assert_eq!((pays.refuse(Some(0.02)), pays.best_share(Some(0.02)).value), (None, 0.7));
        assert_eq!(pays.best_share(None).value, 0.3, "a goal without a loss");
    }

    #[test]
    fn a_refusal_says_why_and_what_to_do_instead() {
        let dear = decision(0.5, 1.1, None, ceiling(0.9, 80, 0), 0.9).refuse(Some(0.02)).unwrap();
        assert_eq!(
            dear,
            "don't route this pair here: the draft is too dear, it takes 1.10 of the target's time; use `--policy target`"
        );
        let weak = decision(0.2, 0.3, Some(0.725), ceiling(0.3, 80, 40), 0.9).refuse(Some(0.02)).unwrap();
        assert!(weak.contains("solves too little, 20% of the problems where the target solves 80%"), "{weak}");
        assert!(weak.ends_with("use `--policy target --speculation draft`, 1.38×"), "{weak}");
        let little = decision(0.6, 0.3, Some(0.7), ceiling(0.9, 80, 0), 0.75).refuse(Some(0.02)).unwrap();
        assert!(little.contains("even the best possible router would take 0.75"), "{little}");
    }

    #[test]
    fn speculation_counts_only_if_it_is_shown_to_be_faster() {
        assert_eq!(Alternative::of(Some(exact(0.98))), Alternative { share: 1.0, speculates: false });
        assert_eq!(Alternative::of(Some(exact(0.9))), Alternative { share: 0.9, speculates: true });
        assert_eq!(Alternative::of(None).advice(), "use `--policy target`");
    }
}
