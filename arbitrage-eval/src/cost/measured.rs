//! Measures hardware from the times in a trace.

use arbitrage_core::{RoleUsage, Usage};

use super::{CostError, DecisionWork, Hardware, TokenSeconds, WorkCounts};

/// The hardware of a run, from its summed usage: the seconds per token that reproduce the recorded times under
/// [`Reuse::On`](super::Reuse::On). In batched runs these are shares of a batch, less than one problem alone would take.
///
/// Prefill is timed up to the first decoded token, so that prefill of few tokens appears more expensive per token than it is.
///
/// # Errors
/// [`CostError::Unmeasured`] where a model read or decoded nothing, as the draft does in a run of the target alone: sum the usages of
/// several runs. [`CostError::Number`] where no time was measured.
pub fn measured(name: impl Into<String>, usage: &Usage, decision: DecisionWork) -> Result<Hardware, CostError> {
    let name = name.into();
    let unmeasured = |what| CostError::Unmeasured { name: name.clone(), what };
    let draft = token_seconds(&usage.draft).map_err(|missing| {
        unmeasured(match missing {
            MissingTokens::Read => "token that the draft read",
            MissingTokens::Decoded => "token that the draft decoded",
        })
    })?;
    let target = token_seconds(&usage.target).map_err(|missing| {
        unmeasured(match missing {
            MissingTokens::Read => "token that the target read",
            MissingTokens::Decoded => "token that the target decoded",
        })
    })?;
    let work = WorkCounts::of(usage, decision);
    let each = |count: f64| if count > 0.0 { usage.router_seconds / count } else { 0.0 };
    Hardware::new(name, draft, target)?.with_decision_seconds(each(work.routed), each(work.scored))
}

/// Tokens that a measurement needs and a role does not have.
enum MissingTokens {
    Read,
    Decoded,
}

fn token_seconds(usage: &RoleUsage) -> Result<TokenSeconds, MissingTokens> {
    if usage.prefilled == 0 {
        return Err(MissingTokens::Read);
    }
    // Confirmed speculative tokens need no decoding pass of their own; the passes that verified them count as prefill.
    let written = usage.decoded.saturating_sub(usage.confirmed);
    if written == 0 {
        return Err(MissingTokens::Decoded);
    }
    let prefilled = usage.prefill_seconds / usage.prefilled as f64;
    let decoding = usage.seconds - usage.prefill_seconds - prefilled * usage.guessed as f64;
    // Where prefill appears too expensive, see above, verification alone would take longer than was measured for decoding.
    let decoded = if decoding > 0.0 { decoding } else { usage.seconds - usage.prefill_seconds };
    Ok(TokenSeconds { decoded: decoded / written as f64, prefilled })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Reuse;
    use crate::cost::hardware::tests::pair;
    use proptest::prelude::*;

    fn usage(counts: [usize; 8]) -> Usage {
        let mut usage = Usage::default();
        let [draft_decoded, draft_prefilled, calls, written, prefilled, guessed, confirmed, _] = counts;
        (usage.draft.decoded, usage.draft.prefilled, usage.draft.calls) = (draft_decoded, draft_prefilled, calls);
        (usage.target.decoded, usage.target.prefilled) = (written + confirmed, prefilled);
        (usage.target.guessed, usage.target.confirmed) = (guessed + confirmed, confirmed);
        usage
    }

    /// The usage with the times that `hardware` takes for it.
    fn timed(mut usage: Usage, hardware: &Hardware, decision: DecisionWork) -> Usage {
        for (role, seconds) in [(&mut usage.draft, hardware.draft), (&mut usage.target, hardware.target)] {
            role.prefill_seconds = seconds.prefilled * role.prefilled as f64;
            let decoding = seconds.decoded * (role.decoded - role.confirmed) as f64;
            role.seconds = role.prefill_seconds + decoding + seconds.prefilled * role.guessed as f64;
        }
        let work = WorkCounts::of(&usage, decision);
        usage.router_seconds = hardware.router_step * work.routed + hardware.scorer_token * work.scored;
        usage
    }

    proptest! {
        #[test]
        fn measured_hardware_reproduces_the_recorded_seconds(counts in prop::array::uniform8(1usize..200)) {
            for (decision, [router, scorer]) in [
                (DecisionWork::Nothing, [0.0, 0.0]),
                (DecisionWork::Router, [0.5, 0.0]),
                (DecisionWork::ScoreDraft, [0.0, 0.0625]),
                (DecisionWork::ScoreBoth, [0.0, 0.0625]),
            ] {
                let expected = pair().with_decision_seconds(router, scorer).unwrap();
                let usage = timed(usage(counts), &expected, decision);
                let found = measured("pair", &usage, decision).unwrap();
                let whole = usage.draft.seconds + usage.target.seconds + usage.router_seconds;
                prop_assert!((found.seconds(&WorkCounts::of(&usage, decision), Reuse::On) - whole).abs() < 1e-9 * whole);
                prop_assert!((found.target.decoded - expected.target.decoded).abs() < 1e-9, "{found:?}");
                prop_assert!((found.router_step - router).abs() + (found.scorer_token - scorer).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn missing_work_is_named() {
        let whole = timed(usage([9; 8]), &pair(), DecisionWork::Nothing);
        type Change = fn(&mut Usage);
        let changes: [(Change, &str); 4] = [
            (|usage| usage.draft.decoded = 0, "draft decoded"),
            (|usage| usage.draft.prefilled = 0, "draft read"),
            (|usage| usage.target = RoleUsage::default(), "target read"),
            (|usage| usage.target.confirmed = usage.target.decoded, "target decoded"),
        ];
        for (change, part) in changes {
            let mut usage = whole;
            change(&mut usage);
            assert!(measured("pair", &usage, DecisionWork::Nothing).unwrap_err().to_string().contains(part), "{part}");
        }
        assert!(matches!(measured("pair", &usage([9; 8]), DecisionWork::Nothing), Err(CostError::Number { .. })));
    }
}
