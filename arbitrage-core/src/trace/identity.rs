//! Whether two runs may share a trace.

use serde_json::{Value, json};

use super::{RunNotes, RunRecord};
use crate::json::differences;

impl RunRecord {
    /// Why `other` does not continue this run, one line a difference of models, router, limits and notes, such as
    /// `drafter.name: "small", then "large"`. Empty where `other` continues this run.
    ///
    /// Version, overlap, [`Limits::in_flight`](crate::Limits::in_flight) and the promise are not compared, since no text depends
    /// on them; nor is the digest of a calibration, which older traces do not have.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        differences(&self.identity(), &other.identity()).iter().map(ToString::to_string).collect()
    }

    fn identity(&self) -> Value {
        json!({
            "drafter": self.drafter,
            "verifier": self.verifier,
            "router": current_name(&self.router),
            "limits": self.limits.with_in_flight(1),
            "notes": RunNotes { promise: None, calibrator: None, ..self.notes.clone() },
        })
    }
}

/// A router's name as it is written today. Older traces call two policies by the names of their types.
fn current_name(router: &str) -> String {
    router.replace("mean-logprob(", "logprob(").replace("first-token-entropy(", "entropy(")
}

#[cfg(test)]
mod tests {
    use super::super::ModelRecord;
    use super::*;
    use crate::{Limits, Overlap};

    fn run() -> RunRecord {
        let model = |name: &str, digest: &str| ModelRecord { name: name.to_owned(), digest: Some(digest.to_owned()) };
        RunRecord {
            version: "1".to_owned(),
            drafter: model("small", "aa"),
            verifier: model("large", "bb"),
            router: "oracle".to_owned(),
            limits: Limits::default(),
            overlap: Overlap::Off,
            notes: json!({ "seed": 1, "problems": { "count": 3, "digest": "" } }).into(),
        }
    }

    fn note(run: &mut RunRecord, name: &str, value: Value) {
        run.notes.extra.insert(name.to_owned(), value);
    }

    #[test]
    fn old_names_of_policies_are_the_new_ones() {
        let of = |router: &str| RunRecord { router: router.to_owned(), ..run() };
        let old = of("budget(mean-logprob(τ=-0.5), most=3)");
        assert!(old.differences(&of("budget(logprob(τ=-0.5), most=3)")).is_empty());
        assert_eq!(of("first-token-entropy(τ=1)").differences(&of("entropy(τ=2)")).len(), 1);
    }

    #[test]
    fn settings_that_no_text_depends_on_are_not_compared() {
        let (mut other, limits) = (run(), Limits::default().with_in_flight(99));
        (other.version, other.limits, other.overlap) = ("2".to_owned(), limits, Overlap::On);
        (other.notes.promise, other.notes.calibrator) = (Some("few are lost".to_owned()), Some("ab".to_owned()));
        assert!(run().differences(&other).is_empty(), "{:?}", run().differences(&other));
    }

    #[test]
    fn every_other_difference_is_named() {
        type Change = fn(&mut RunRecord);
        let changes: [(Change, &str); 7] = [
            (|run| run.drafter.name = "tiny".to_owned(), "drafter.name: \"small\", then \"tiny\""),
            (|run| run.verifier.digest = None, "verifier.digest: \"bb\", then null"),
            (|run| run.router = "rsd".to_owned(), "router: \"oracle\", then \"rsd\""),
            (|run| run.limits.step_tokens = 7, "limits.step_tokens: 512, then 7"),
            (|run| note(run, "seed", json!(2)), "notes.seed: 1, then 2"),
            (|run| run.notes.problems.as_mut().unwrap().count = 4, "notes.problems.count: 3, then 4"),
            (|run| note(run, "new", json!("x".repeat(500))), "notes.new: null, then \"xxx"),
        ];
        for (change, expected) in changes {
            let mut other = run();
            change(&mut other);
            let [found] = &run().differences(&other)[..] else { panic!("{expected}") };
            assert!(found.starts_with(expected) && found.len() < 200, "{found}");
        }
        let mut other = run();
        changes.iter().for_each(|(change, _)| change(&mut other));
        assert_eq!(run().differences(&other).len(), changes.len(), "all of them at once");
    }
}
