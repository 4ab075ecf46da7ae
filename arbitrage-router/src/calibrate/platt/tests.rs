use arbitrage_core::Draw;
use proptest::prelude::*;

use super::*;

/// Examples whose log-odds are `slope · logit(estimate) + intercept`.
fn sample(count: usize, slope: f64, intercept: f64) -> (Vec<f32>, Vec<bool>) {
    let mut draw = Draw::new(1);
    let mut example = |_| {
        let estimate = draw.uniform() as f32;
        (estimate, draw.uniform() < sigmoid(slope * PlattInput::Logit.of(estimate) + intercept))
    };
    (0..count).map(&mut example).unzip()
}

#[test]
fn the_true_parameters_are_recovered() {
    for (slope, intercept) in [(1.0, 0.0), (0.5, -1.0), (2.0, 0.75), (-1.0, 0.5)] {
        let (estimates, labels) = sample(20_000, slope, intercept);
        let found = Platt::fit(&estimates, &labels, PlattInput::Logit).unwrap();
        assert!((found.slope() - slope).abs() < 0.1, "{found:?}, not {slope}");
        assert!((found.intercept() - intercept).abs() < 0.1, "{found:?}, not {intercept}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_neighbouring_parameters_fit_better(
        rows in prop::collection::vec((0u8..=20, any::<bool>()), 2..60),
        scale in prop::sample::select(vec![1.0, 1e-4, 1e4]),
    ) {
        let example = |row: &(u8, bool)| (f32::from(row.0) * scale, row.1);
        let (estimates, labels): (Vec<f32>, Vec<bool>) = rows.iter().map(example).unzip();
        prop_assume!(labels.contains(&true) && labels.contains(&false));
        let found = Platt::fit(&estimates, &labels, PlattInput::Raw).unwrap();
        let ones = labels.iter().filter(|label| **label).count() as f64;
        let zeros = labels.len() as f64 - ones;
        let target = |label: &bool| if *label { (ones + 1.0) / (ones + 2.0) } else { 1.0 / (zeros + 2.0) };
        let inputs = estimates.iter().copied().map(f64::from).collect();
        let loss = LogisticLoss { inputs, targets: labels.iter().map(target).collect() };
        let least = loss.value(LogisticParams { slope: found.slope, intercept: found.intercept });
        for (slope, intercept) in [(1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3), (1e-3, 1e-3), (-1e-3, 1e-3)] {
            let near = LogisticParams {
                slope: found.slope + slope / f64::from(scale),
                intercept: found.intercept + intercept,
            };
            prop_assert!(loss.value(near) >= least - 1e-9, "{:?} has {} and {:?} less", found, least, near);
        }
    }
}

#[test]
fn separable_examples_give_a_finite_slope() {
    let platt = Platt::fit(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true], PlattInput::Logit).unwrap();
    assert!(platt.slope().is_finite() && platt.slope() > 0.0);
    // Targets are (2 + 1)/(2 + 2) and 1/(2 + 2): two examples of each label do not justify certainty.
    assert!((platt.apply(0.9) - 0.75).abs() < 0.1 && (platt.apply(0.1) - 0.25).abs() < 0.1);
}

#[test]
fn constant_estimates_become_the_smoothed_base_rate() {
    let platt = Platt::fit(&[0.5; 4], &[true, false, false, false], PlattInput::Logit).unwrap();
    // (1·2/3 + 3·1/5) / 4 by the smoothed targets.
    assert!((platt.apply(0.5) - 0.316_67).abs() < 1e-4, "{}", platt.apply(0.5));
}

#[test]
fn estimates_of_zero_and_one_stay_finite() {
    let (estimates, labels) = sample(1_000, 1.0, 0.0);
    let platt = Platt::fit(&estimates, &labels, PlattInput::Logit).unwrap();
    let (zero, one) = (platt.apply(0.0), platt.apply(1.0));
    assert!(zero > 0.0 && zero < 0.01 && one > 0.99 && one <= 1.0, "{zero} {one}");
}

#[test]
fn a_fit_is_pinned() {
    let (estimates, labels) = sample(50, 1.0, -0.5);
    let found = Platt::fit(&estimates, &labels, PlattInput::Logit).unwrap();
    assert_eq!(format!("{:.6} {:.6}", found.slope(), found.intercept()), "0.461028 -0.228015");
}

#[test]
fn invalid_input_is_rejected() {
    let labels = [true, false];
    assert!(Platt::fit(&[0.5, 1.5], &labels, PlattInput::Logit).is_err());
    assert!(Platt::fit(&[0.5, 1.5], &labels, PlattInput::Raw).is_ok());
    assert!(Platt::fit(&[0.5, f32::NAN], &labels, PlattInput::Raw).is_err());
    assert!(Platt::fit(&[0.5], &labels, PlattInput::Raw).is_err());
    let error = Platt::fit(&[0.5, 0.6], &[true, true], PlattInput::Raw).unwrap_err();
    assert_eq!(error.to_string(), "labels: expected both 0 and 1 among them, found 0 of 0 and 2 of 1");
    assert!(Platt::fit(&[], &[], PlattInput::Raw).is_err());
    for text in [r#"{"slope":1e400,"intercept":0,"input":"raw"}"#, r#"{"slope":1.0,"input":"raw"}"#, "{}"] {
        assert!(serde_json::from_str::<Platt>(text).is_err(), "{text}");
    }
    let nan = UncheckedPlatt { slope: 1.0, intercept: f64::NAN, input: PlattInput::Raw };
    assert!(Platt::try_from(nan).unwrap_err().to_string().starts_with("intercept"));
}
