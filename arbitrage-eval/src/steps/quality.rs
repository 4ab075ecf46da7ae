//! How well a scorer separates right steps from wrong ones.

use arbitrage_router::metrics::{Auc, Bootstrap, Clusters, FirstErrorAccuracy, Interval, MetricsError, ScoredSolution};

use super::LabelledSolution;

/// A scorer's quality. The bootstrap resamples questions, each with all of its solutions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quality {
    /// Number of solutions.
    pub solutions: usize,
    /// Number of labelled steps.
    pub steps: usize,
    /// Share of right steps; `None` without steps.
    pub right: Option<f64>,
    /// Area under the ROC curve for right steps; `None` unless there are right and wrong ones.
    pub auc: Option<Interval>,
    /// Detection of the first wrong step, at the given threshold.
    pub first_error: FirstErrorQuality,
    /// The same at the best threshold for these solutions: an upper bound for any threshold that was chosen elsewhere.
    pub best: FirstErrorQuality,
}

/// Detection of the first wrong step, as in ProcessBench (arXiv 2412.06559).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FirstErrorQuality {
    /// The first step whose score is at most this threshold is predicted to be wrong.
    pub tau: f32,
    /// Share of the solutions with an error whose first wrong step is predicted.
    pub erroneous: Option<f64>,
    /// Share of the right solutions that are predicted to be right.
    pub correct: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<Interval>,
}

/// Number of thresholds that are tried for the best one.
const THRESHOLDS: usize = 100;

/// Compares `scores`, one list per solution, with the labels. The scores of a solution are those of its labelled steps, in order.
///
/// # Errors
/// [`MetricsError`] for scores that are NaN, too many or too few, and for a threshold that is NaN.
pub fn quality(
    solutions: &[LabelledSolution],
    scores: &[Vec<f32>],
    tau: f32,
    bootstrap: &Bootstrap,
) -> Result<Quality, MetricsError> {
    let counts = solutions.iter().zip(scores).map(|(solution, scores)| (solution.labelled.len(), scores.len()));
    let whole = ("lists of scores", solutions.len(), scores.len());
    let mut counts = [whole].into_iter().chain(counts.map(|(expected, found)| ("scores", expected, found)));
    if let Some((what, expected, found)) = counts.find(|(_, expected, found)| expected != found) {
        return Err(MetricsError::Count { what, expected, found });
    }
    let right: Vec<bool> = solutions.iter().flat_map(|s| &s.labelled).map(|labelled| labelled.label > 0.5).collect();
    let auc = Auc::new(&scores.concat(), &right)?;
    let of_step = |solution: &'_ LabelledSolution| std::iter::repeat_n(solution.group.clone(), solution.labelled.len());
    let steps = Clusters::new(solutions.iter().flat_map(of_step));
    Ok(Quality {
        solutions: solutions.len(),
        steps: right.len(),
        right: share(&right),
        auc: bootstrap.interval(&steps, |weights| auc.weighted(weights)),
        first_error: first_error(solutions, scores, tau, bootstrap)?,
        best: first_error(solutions, scores, best(solutions, scores, tau)?, bootstrap)?,
    })
}

fn share(flags: &[bool]) -> Option<f64> {
    (!flags.is_empty()).then(|| flags.iter().filter(|flag| **flag).count() as f64 / flags.len() as f64)
}

fn graded<'a>(solutions: &[LabelledSolution], scores: &'a [Vec<f32>]) -> Vec<ScoredSolution<'a>> {
    let graded = |(solution, scores): (&LabelledSolution, &'a Vec<f32>)| ScoredSolution {
        scores,
        first_error: solution.first_error(),
    };
    solutions.iter().zip(scores).map(graded).collect()
}

fn first_error(
    solutions: &[LabelledSolution],
    scores: &[Vec<f32>],
    tau: f32,
    bootstrap: &Bootstrap,
) -> Result<FirstErrorQuality, MetricsError> {
    let found = FirstErrorAccuracy::new(&graded(solutions, scores), tau)?;
    let groups = Clusters::new(solutions.iter().map(|solution| &solution.group));
    let f1 = bootstrap.interval(&groups, |weights| found.weighted(weights));
    Ok(FirstErrorQuality { tau, erroneous: found.erroneous(), correct: found.correct(), f1 })
}

/// The first of the best thresholds among quantiles of the scores; `tau` where none is better than it.
fn best(solutions: &[LabelledSolution], scores: &[Vec<f32>], tau: f32) -> Result<f32, MetricsError> {
    let (mut sorted, graded) = (scores.concat(), graded(solutions, scores));
    sorted.sort_by(f32::total_cmp);
    let (mut best, mut most) = (tau, FirstErrorAccuracy::new(&graded, tau)?.f1());
    for tau in (0..THRESHOLDS).filter_map(|at| sorted.get(at * sorted.len() / THRESHOLDS)) {
        let f1 = FirstErrorAccuracy::new(&graded, *tau)?.f1();
        if f1 > most {
            (best, most) = (*tau, f1);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Solutions of three steps, of which number `at % 4` is wrong; one solution in four is right.
    fn solutions(count: usize) -> Vec<LabelledSolution> {
        let steps = |at: usize| {
            let label = move |step| if step == at % 4 { 0.0 } else { 1.0 };
            (0..3).map(|step| (format!("{at} {step}"), label(step))).collect::<Vec<_>>()
        };
        let solution = |at| LabelledSolution::of_texts(format!("{at}"), "s".into(), format!("q{at}?"), &steps(at));
        (0..count).map(solution).collect()
    }

    fn scores(solutions: &[LabelledSolution], score: impl Fn(f32) -> f32) -> Vec<Vec<f32>> {
        solutions.iter().map(|s| s.labelled.iter().map(|labelled| score(labelled.label)).collect()).collect()
    }

    #[test]
    fn perfect_and_constant_scorers_have_known_quality() {
        let (solutions, bootstrap) = (solutions(40), Bootstrap::new(100, 0.95).unwrap());
        let found = quality(&solutions, &scores(&solutions, |label| label), 0.5, &bootstrap).unwrap();
        assert_eq!((found.solutions, found.steps, found.right), (40, 120, Some(0.75)));
        assert_eq!(found.auc.map(|auc| (auc.low, auc.value, auc.high)), Some((1.0, 1.0, 1.0)));
        assert_eq!((found.first_error.erroneous, found.first_error.correct), (Some(1.0), Some(1.0)));
        assert_eq!(found.first_error.f1.map(|f1| f1.value), Some(1.0));
        let blind = quality(&solutions, &scores(&solutions, |_| 0.7), 0.5, &bootstrap).unwrap();
        assert_eq!(blind.auc.map(|auc| auc.value), Some(0.5));
        assert_eq!((blind.first_error.erroneous, blind.first_error.correct), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn the_best_threshold_is_found_where_the_given_one_is_bad() {
        let (solutions, bootstrap) = (solutions(40), Bootstrap::new(10, 0.95).unwrap());
        let low = scores(&solutions, |label| 0.1 + 0.1 * label);
        let found = quality(&solutions, &low, 0.5, &bootstrap).unwrap();
        assert_eq!(found.first_error.f1.map(|f1| f1.value), Some(0.0));
        assert_eq!((found.best.tau, found.best.f1.map(|f1| f1.value)), (0.1, Some(1.0)));
    }

    #[test]
    fn mismatched_scores_are_refused() {
        let (solutions, bootstrap) = (solutions(4), Bootstrap::default());
        let good = scores(&solutions, |label| label);
        let refused = |change: &dyn Fn(&mut Vec<Vec<f32>>)| {
            let mut scores = good.clone();
            change(&mut scores);
            quality(&solutions, &scores, 0.5, &bootstrap).unwrap_err().to_string()
        };
        assert_eq!(refused(&|scores| drop(scores.pop())), "lists of scores: expected 4, found 3");
        assert_eq!(refused(&|scores| scores[1].push(0.5)), "scores: expected 3, found 4");
        assert!(refused(&|scores| scores[1][1] = f32::NAN).contains("NaN"));
        assert!(quality(&solutions, &good, f32::NAN, &bootstrap).is_err());
        assert!(quality(&[], &[], 0.5, &bootstrap).unwrap().auc.is_none());
    }
}
