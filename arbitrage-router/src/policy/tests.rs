use super::*;
use arbitrage_core::scorer::scorer_fn;

#[test]
fn a_policy_survives_a_round_trip_through_text() {
    for text in [
        "draft",
        "target",
        "random:0.25",
        "logprob:-0.2",
        "entropy:1.5",
        "rsd:0.7",
        "oracle:-0.1",
        "learned",
        "learned:0.4",
    ] {
        let policy = text.parse::<Policy>().unwrap();
        assert_eq!(policy.to_string(), text);
        assert_eq!(Policy::split(text), (policy.name(), policy.threshold()), "{text}");
    }
    assert_eq!(Policy::split("unregistered:2"), ("unregistered", Some(2.0)));
    assert_eq!(Policy::split("unregistered:NaN"), ("unregistered", None));
}

#[test]
fn a_name_alone_has_the_default_threshold() {
    assert_eq!("logprob".parse(), Ok(Policy::default()));
    for name in Policy::NAMES.map(|name| Policy::split(name).0) {
        let policy: Policy = name.parse().unwrap();
        assert_eq!(policy.threshold(), policy.rule().and_then(|rule| rule.default), "{name}");
        assert_eq!(policy.name(), name);
        assert!(policy.rule().is_none_or(|rule| rule.name == name));
    }
}

#[test]
fn old_names_are_read() {
    for (old, new) in [
        ("mean-logprob:-0.2", "logprob:-0.2"),
        ("first-token-entropy:1", "entropy:1"),
        ("always-draft", "draft"),
        ("always-target", "target"),
    ] {
        assert_eq!(old.parse::<Policy>().unwrap().to_string(), new);
    }
}

#[test]
fn a_malformed_policy_is_refused_with_its_name() {
    for (text, part) in [("rds:1", "rds"), ("rsd:", "rsd"), ("draft:1", "draft"), ("logprob:x", "x"), ("", "expected")]
    {
        let error = text.parse::<Policy>().unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn thresholds_outside_their_range_are_refused() {
    for text in ["random:1.5", "random:NaN", "logprob:0.1", "entropy:-1", "entropy:NaN", "rsd:1.1", "oracle:-2"] {
        let policy: Policy = text.parse().unwrap();
        let scorer = || Some(Box::new(scorer_fn(|_, _| 0.5)) as Box<dyn StepScorer>);
        assert!(policy.router(scorer()).is_err(), "{text}");
        assert!(policy.check(Some((0.0, 1.0))).is_err(), "{text}");
    }
    assert!(Policy::Learned(Some(1.5)).check(None).is_err());
    assert!(Policy::Rsd(1.1).check(None).is_ok(), "the scorer's range is unknown");
}

#[test]
fn a_missing_scorer_is_an_error() {
    for text in ["rsd:0.5", "oracle:0"] {
        let policy: Policy = text.parse().unwrap();
        assert!(policy.needs_scorer() && policy.rule().unwrap().signal.needs_scorer());
        assert!(matches!(policy.router(None), Err(PolicyError::Scorer { .. })), "{text}");
    }
}
