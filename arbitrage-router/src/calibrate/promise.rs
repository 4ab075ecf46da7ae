//! What is promised of a router at its threshold.

use std::collections::BTreeMap;
use std::fmt;

use arbitrage_core::Limits;
use arbitrage_core::json::differences;
use arbitrage_core::trace::{ProblemsNote, RunNotes, SamplingNote};
use serde::{Deserialize, Serialize};

use super::{Goal, LossCounts, LossTest, TestedThreshold};

/// At a threshold, at most a share of the problems that the target alone solves is lost, with a confidence.
///
/// It is a statement about problems like those that it was calibrated on, under the same settings, and about this one
/// threshold: [`holds`](Self::holds) says whether it may be stated. The target's speculative tokens, the number of problems
/// in flight and the machine change no text, so that it does not depend on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The greatest share of problems that is lost, in (0, 1).
    pub loss: f64,
    /// The confidence, in (0, 1).
    pub confidence: f64,
    /// The threshold.
    pub tau: f32,
    /// Calibration problems that the target solves, and those of them that were lost.
    #[serde(flatten)]
    pub counts: LossCounts,
    /// Upper end of the one-sided Clopper-Pearson interval for the share of lost problems, of this confidence.
    pub upper_bound: f64,
    /// Calibration problems that count neither as solved nor as lost, since a run failed on them.
    pub left_out: usize,
    /// What the calibration problems were.
    pub calibrated_on: CalibrationProblems,
    /// The settings of the calibration.
    pub conditions: PromiseConditions,
}

/// The problems of a calibration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationProblems {
    /// Their name, such as that of a file or of a range.
    pub name: String,
    /// Number and digest of all of them, whether the target solves them or not; `None` where the runs do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<ProblemsNote>,
}

/// The settings that texts depend on, apart from models, router and threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromiseConditions {
    /// Limits of solutions, with one problem in flight, since no text depends on how many there are.
    pub limits: Limits,
    /// Where steps end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmenter: Option<String>,
    /// How tokens are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<SamplingNote>,
    /// System message in place of the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Compute backends of the roles that do not run on the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backends: Option<BTreeMap<String, String>>,
    /// How the weights of draft and target were converted when they were loaded, and whether their caches have 8 bits, as
    /// the models' names say after a `+`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversions: Option<[String; 2]>,
}

impl PromiseConditions {
    /// The settings of a run with these limits and notes, by models with these names.
    pub fn new(limits: Limits, notes: &RunNotes, draft: &str, target: &str) -> Self {
        let conversions = [draft, target].map(|name| name.split_once('+').map_or("", |(_, suffix)| suffix).to_owned());
        Self {
            limits: limits.with_in_flight(1),
            segmenter: notes.segmenter.clone(),
            sampling: notes.sampling.clone(),
            system: notes.system.clone(),
            backends: notes.backends.clone(),
            conversions: Some(conversions).filter(|conversions| conversions.iter().any(|suffix| !suffix.is_empty())),
        }
    }
}

impl Promise {
    /// The promise of a threshold that has passed `test`.
    pub fn new(
        test: LossTest,
        TestedThreshold { tau, counts, upper_bound, .. }: TestedThreshold,
        left_out: usize,
        calibrated_on: CalibrationProblems,
        conditions: PromiseConditions,
    ) -> Self {
        let (loss, confidence) = (test.loss(), test.confidence());
        Self { loss, confidence, tau, counts, upper_bound, left_out, calibrated_on, conditions }
    }

    /// The goal that the threshold was chosen for.
    pub fn goal(&self) -> Goal {
        Goal::Loss(self.loss)
    }

    /// Whether the promise was made for this threshold, and its own counts show what it says.
    pub fn is_for(&self, tau: f32) -> bool {
        let is_shown = LossTest::new(self.loss, self.confidence).is_ok_and(|test| test.shows(self.counts));
        self.tau == tau && is_shown
    }

    /// Whether the promise may be stated of a router with the threshold `tau` under these settings.
    pub fn holds(&self, tau: f32, conditions: &PromiseConditions) -> bool {
        self.is_for(tau) && self.differences(conditions).is_empty()
    }

    /// How settings differ from those of the calibration, one line each, such as `limits.steps: 60, then 10`.
    pub fn differences(&self, conditions: &PromiseConditions) -> Vec<String> {
        // Settings are plain data, so that they always have a JSON value.
        let [calibrated, found] =
            [&self.conditions, conditions].map(|all| serde_json::to_value(all).unwrap_or_default());
        differences(&calibrated, &found).iter().map(ToString::to_string).collect()
    }
}

/// `at most 2% of the problems that the target solves are lost, with 95% confidence (3 of 1,041 lost in calibration)`.
impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at most {} of the problems that the target solves are lost, with {} confidence ({} of {} lost in calibration)",
            percent(self.loss),
            percent(self.confidence),
            thousands(self.counts.lost),
            thousands(self.counts.problems),
        )
    }
}

/// A share in percent, without digits that only rounding put there.
fn percent(share: f64) -> String {
    let rounded = (share * 1e10).round() / 1e8;
    format!("{rounded}%")
}

/// A number with a comma before every three digits.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn conditions() -> PromiseConditions {
        let sampling = SamplingNote { temperature: 0.0, top_p: None, top_k: None, min_p: None };
        let notes =
            RunNotes { segmenter: Some("blank-line".to_owned()), sampling: Some(sampling), ..RunNotes::default() };
        PromiseConditions::new(Limits::default().with_in_flight(32), &notes, "draft", "target")
    }

    pub(crate) fn promise() -> Promise {
        let test = LossTest::new(0.02, 0.95).unwrap();
        let counts = LossCounts { problems: 1041, lost: 3 };
        let tested =
            TestedThreshold { tau: 0.5, counts, p_value: test.p_value(counts), upper_bound: test.upper_bound(counts) };
        let note = Some(ProblemsNote { count: 1200, digest: "00ff".to_owned() });
        let problems = CalibrationProblems { name: "validation:0..1200".to_owned(), note };
        Promise::new(test, tested, 2, problems, conditions())
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let text = promise().to_string();
        assert_eq!(
            text,
            "at most 2% of the problems that the target solves are lost, with 95% confidence (3 of 1,041 lost in calibration)"
        );
        assert_eq!([0.005, 0.07, 0.995, 0.29].map(percent), ["0.5%", "7%", "99.5%", "29%"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn it_holds_for_its_threshold_and_settings_alone() {
        let (promise, conditions) = (promise(), conditions());
        assert!(
            promise.holds(0.5, &conditions) && !promise.holds(0.3, &conditions) && promise.goal() == Goal::Loss(0.02)
        );
        let changed = [
            PromiseConditions { limits: conditions.limits.with_steps(5), ..conditions.clone() },
            PromiseConditions { segmenter: Some("newline".to_owned()), ..conditions.clone() },
            PromiseConditions { system: Some("Be brief.".to_owned()), ..conditions.clone() },
            PromiseConditions { sampling: None, ..conditions.clone() },
            PromiseConditions { conversions: Some(["q4_0".to_owned(), String::new()]), ..conditions.clone() },
        ];
        for changed in changed {
            assert!(!promise.holds(0.5, &changed) && promise.differences(&changed).len() == 1, "{changed:?}");
        }
        let edited = Promise { counts: LossCounts { problems: 1041, lost: 30 }, ..promise };
        assert!(!edited.holds(0.5, &conditions), "30 of 1,041 do not show it");
    }

    #[test]
    fn conversions_are_read_from_names() {
        let of =
            |draft, target| PromiseConditions::new(Limits::default(), &RunNotes::default(), draft, target).conversions;
        assert_eq!(of("draft", "target"), None);
        assert_eq!(of("model+q4_0+int8-cache", "model"), Some(["q4_0+int8-cache".to_owned(), String::new()]));
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let text = serde_json::to_string_pretty(&promise()).unwrap();
        assert_eq!(serde_json::from_str::<Promise>(&text).unwrap(), promise(), "{text}");
    }
}
