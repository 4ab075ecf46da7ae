//! Costs from a trace's own clock.

use arbitrage_core::{RoleUsage, Usage};

use super::{CostError, Hardware, Judge, TokenSeconds, Work};

/// The hardware that a run was on, from its summed usage and how its policy decides: the seconds a token that give back the seconds on
/// record, under [`Reuse::On`](super::Reuse::On). Of batches these are shares of a batch, and below what one problem alone would take.
///
/// Reading is measured up to the first token, which is decoded with it, so where little is read a token of it seems dear.
///
/// # Errors
/// [`CostError::Unmeasured`] where a model read or wrote nothing, as the draft does in a run of the target alone: add usages of runs up.
/// [`CostError::Number`] where no time was measured.
pub fn measured(name: impl Into<String>, usage: &Usage, judge: Judge) -> Result<Hardware, CostError> {
    let name = name.into();
    let role = |usage: &RoleUsage, [read, written]: [&'static str; 2]| {
        let unmeasured = |what| CostError::Unmeasured { name: name.clone(), what };
        token_seconds(usage).map_err(|is_read| unmeasured(if is_read { read } else { written }))
    };
    let draft = role(&usage.draft, ["token that the draft read", "token that the draft decoded"])?;
    let target = role(&usage.target, ["token that the target read", "token that the target decoded"])?;
    let work = Work::of(usage, judge);
    let each = |count: f64| if count > 0.0 { usage.router_seconds / count } else { 0.0 };
    Hardware::new(name, draft, target)?.with_judges(each(work.routed), each(work.scored))
}

/// The error says whether it is reading that cannot be measured.
fn token_seconds(usage: &RoleUsage) -> Result<TokenSeconds, bool> {
    if usage.prefilled == 0 {
        return Err(true);
    }
    // Confirmed tokens are decoded by no pass of their own, and the passes that verified them read.
    let written = usage.decoded.saturating_sub(usage.confirmed);
    if written == 0 {
        return Err(false);
    }
    let prefilled = usage.prefill_seconds / usage.prefilled as f64;
    let decoding = usage.seconds - usage.prefill_seconds - prefilled * usage.guessed as f64;
    // Where reading seems dearer than it is, as above, verifying would take longer than all decoding did.
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

    /// A usage with the seconds that the hardware takes for it.
    fn timed(mut usage: Usage, hardware: &Hardware, judge: Judge) -> Usage {
        for (role, seconds) in [(&mut usage.draft, hardware.draft), (&mut usage.target, hardware.target)] {
            role.prefill_seconds = seconds.prefilled * role.prefilled as f64;
            let decoding = seconds.decoded * (role.decoded - role.confirmed) as f64;
            role.seconds = role.prefill_seconds + decoding + seconds.prefilled * role.guessed as f64;
        }
        let work = Work::of(&usage, judge);
        usage.router_seconds = hardware.router_step * work.routed + hardware.scorer_token * work.scored;
        usage
    }

    proptest! {
        #[test]
        fn what_was_measured_gives_the_seconds_back(counts in prop::array::uniform8(1usize..200)) {
            for (judge, [router, scorer]) in [
                (Judge::Nothing, [0.0, 0.0]),
                (Judge::Router, [0.5, 0.0]),
                (Judge::Draft, [0.0, 0.0625]),
                (Judge::Both, [0.0, 0.0625]),
            ] {
                let expected = pair().with_judges(router, scorer).unwrap();
                let usage = timed(usage(counts), &expected, judge);
                let found = measured("pair", &usage, judge).unwrap();
                let whole = usage.draft.seconds + usage.target.seconds + usage.router_seconds;
                prop_assert!((found.seconds(&Work::of(&usage, judge), Reuse::On) - whole).abs() < 1e-9 * whole);
                prop_assert!((found.target.decoded - expected.target.decoded).abs() < 1e-9, "{found:?}");
                prop_assert!((found.router_step - router).abs() + (found.scorer_token - scorer).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_was_not_done_is_not_measured() {
        let whole = timed(usage([9; 8]), &pair(), Judge::Nothing);
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
            assert!(measured("pair", &usage, Judge::Nothing).unwrap_err().to_string().contains(part), "{part}");
        }
        assert!(matches!(measured("pair", &usage([9; 8]), Judge::Nothing), Err(CostError::Number { .. })));
    }
}
