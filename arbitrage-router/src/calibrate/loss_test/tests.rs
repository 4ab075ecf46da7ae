use arbitrage_core::Draw;
use proptest::prelude::*;

use super::*;

fn test(loss: f64, confidence: f64) -> LossTest {
    LossTest::new(loss, confidence).unwrap()
}

fn sequence(test: LossTest, lost: &[usize], problems: usize) -> FixedSequence {
    let mut sequence = FixedSequence::new(test);
    for (at, lost) in lost.iter().enumerate() {
        let _ = sequence.push(at as f32, LossCounts { problems, lost: *lost });
    }
    sequence
}

fn chosen(verdict: LossVerdict) -> Option<TestedThreshold> {
    match verdict {
        LossVerdict::Shown(threshold) => Some(threshold),
        LossVerdict::NotShown(_) | LossVerdict::TooFew { .. } => None,
    }
}

#[test]
fn the_needed_number_of_problems_is_exact() {
    for (loss, confidence, needed) in
        [(0.05, 0.95, 59), (0.01, 0.95, 299), (0.02, 0.95, 149), (0.5, 0.75, 2), (0.9, 0.5, 1)]
    {
        assert_eq!(test(loss, confidence).needed_problems(), needed, "{loss} {confidence}");
    }
}

#[test]
fn too_few_problems_are_told_from_too_many_losses() {
    let test = test(0.02, 0.95);
    assert_eq!(sequence(test, &[0], 148).verdict(), LossVerdict::TooFew { problems: 148, needed: 149 });
    assert_eq!(sequence(test, &[], 0).verdict(), LossVerdict::TooFew { problems: 0, needed: 149 });
    assert!(matches!(sequence(test, &[1], 149).verdict(), LossVerdict::NotShown(failed) if failed.counts.lost == 1));
    assert_eq!(chosen(sequence(test, &[0], 149).verdict()).unwrap().counts, LossCounts { problems: 149, lost: 0 });
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    for (loss, confidence, part) in [
        (0.0, 0.95, "loss:0"),
        (1.0, 0.95, "loss:1"),
        (f64::NAN, 0.95, "loss"),
        (0.1, 1.0, "confidence"),
        (0.1, f64::NAN, "confidence"),
    ] {
        let error = LossTest::new(loss, confidence).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

proptest! {
    #[test]
    fn more_problems_or_fewer_losses_never_show_less(
        problems in 0usize..3000, lost in 0usize..100, loss in 0.001..0.5f64, confidence in 0.5..0.999f64,
    ) {
        let of = |loss, confidence| test(loss, confidence);
        let counts = LossCounts { problems, lost };
        prop_assume!(of(loss, confidence).shows(counts));
        prop_assert!(of(loss, confidence).shows(LossCounts { problems, lost: lost.saturating_sub(1) }));
        prop_assert!(of(loss, confidence).shows(LossCounts { problems: problems + 1, lost }));
        prop_assert!(of((loss + 0.01).min(0.99), confidence).shows(counts));
        prop_assert!(of(loss, confidence - 0.01).shows(counts));
        prop_assert!(of(loss, confidence).upper_bound(counts) <= loss + 1e-9);
    }

    #[test]
    fn nothing_is_promised_with_too_few_problems(loss in 0.001..0.9f64, confidence in 0.05..0.999f64) {
        let test = test(loss, confidence);
        let needed = test.needed_problems();
        prop_assert!(test.shows(LossCounts { problems: needed, lost: 0 }));
        prop_assert_eq!(chosen(sequence(test, &[0, 0, 0], needed - 1).verdict()), None);
    }

    #[test]
    fn no_threshold_is_skipped(lost in prop::collection::vec(0usize..30, 0..12), problems in 0usize..800) {
        let test = test(0.03, 0.9);
        let shows = |lost: &usize| test.shows(LossCounts { problems, lost: *lost });
        let before_failure = lost.iter().take_while(|lost| shows(lost)).count();
        let found = chosen(sequence(test, &lost, problems).verdict()).map(|threshold| threshold.tau);
        prop_assert_eq!(found, before_failure.checked_sub(1).map(|last| last as f32));
    }
}

/// A loss for each threshold: rising, falling again, or just above what is allowed.
fn loss_curves(allowed: f64) -> Vec<Vec<f64>> {
    vec![
        (0..20).map(|at| allowed * f64::from(at) / 10.0).collect(),
        (0..20).map(|at| allowed * (0.7 + 0.04 * f64::from(at))).collect(),
        vec![allowed * 0.5, allowed * 1.02, allowed * 1.5, allowed * 0.3],
        vec![allowed * 1.001; 10],
    ]
}

/// Thresholds see the same problems: a problem of which the uniform number is below the loss is lost.
fn lost(losses: &[f64], problems: usize, draw: &mut Draw) -> Vec<usize> {
    let numbers: Vec<f64> = (0..problems).map(|_| draw.uniform()).collect();
    losses.iter().map(|loss| numbers.iter().filter(|number| *number < loss).count()).collect()
}

#[test]
fn promises_are_broken_no_more_often_than_the_confidence_allows() {
    const CALIBRATIONS: usize = 2000;
    let mut draw = Draw::new(5);
    for (allowed, confidence, problems) in [(0.02, 0.95, 400), (0.05, 0.9, 150)] {
        for losses in loss_curves(allowed) {
            let broken = (0..CALIBRATIONS).filter(|_| {
                let lost = lost(&losses, problems, &mut draw);
                let found = chosen(sequence(test(allowed, confidence), &lost, problems).verdict());
                found.is_some_and(|threshold| losses[threshold.tau as usize] > allowed)
            });
            let share = broken.count() as f64 / CALIBRATIONS as f64;
            // Three standard errors of a share over so many calibrations.
            let slack = 3.0 * ((1.0 - confidence) * confidence / CALIBRATIONS as f64).sqrt();
            assert!(share <= 1.0 - confidence + slack, "{allowed} {losses:?}: broken in {share}");
        }
    }
    // The test is not so timid that it never promises anything.
    let losses = &loss_curves(0.05)[0];
    let lost = lost(losses, 2000, &mut draw);
    assert!(chosen(sequence(test(0.05, 0.95), &lost, 2000).verdict()).is_some_and(|threshold| threshold.tau >= 6.0));
}
