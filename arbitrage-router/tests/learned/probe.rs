use arbitrage_core::{AdvantageRouter, Evidence, Hidden, ScoreError};
use arbitrage_models::Error;
use arbitrage_models::train::Trainer;
use arbitrage_router::labels::{Balance, Classes, Example};
use arbitrage_router::learned::{OutputHead, Probe, ProbeFeatures, RouterError, RouterRecipe};
use arbitrage_router::metrics::spearman;

use super::support::{cpu, doubts, router_training};

fn recipe(head: OutputHead, balance: Balance) -> RouterRecipe {
    RouterRecipe::new(Trainer::new(120, 0.03).with_batch(32)).with_output_head(head).with_balance(balance)
}

fn paper() -> RouterRecipe {
    recipe(OutputHead::binary(), Balance::DownSample)
}

fn train(examples: &[Example], width: Option<usize>, recipe: &RouterRecipe) -> Result<Probe, RouterError> {
    train_on(examples, &doubts(100, 2), ProbeFeatures::Scalars, width, recipe)
}

fn train_on(
    examples: &[Example],
    validation: &[Example],
    features: ProbeFeatures,
    width: Option<usize>,
    recipe: &RouterRecipe,
) -> Result<Probe, RouterError> {
    Probe::train(&router_training(examples, validation, recipe), features, width, &cpu(), &mut ())
}

fn estimates(probe: &Probe, examples: &[Example]) -> Vec<f32> {
    let mut probe = probe.clone();
    let estimate = |example: &Example| {
        let problem = example.as_problem();
        probe.route(&example.candidate(&problem, Evidence::DraftOnly)).unwrap().estimate.unwrap()
    };
    examples.iter().map(estimate).collect()
}

#[test]
fn probes_learn_and_are_read_back_bit_for_bit() {
    let (examples, unseen) = (doubts(400, 1), doubts(200, 3));
    let advantages: Vec<f32> = unseen.iter().map(Example::advantage).collect();
    let classes = Classes::quantiles(&examples.iter().map(Example::advantage).collect::<Vec<_>>(), 4).unwrap();
    let quantiles = |ordinal| OutputHead { classes: classes.clone(), ordinal };
    for head in [OutputHead::binary(), quantiles(false), quantiles(true)] {
        for balance in [Balance::None, Balance::DownSample, Balance::Weights] {
            for width in [Some(0), None] {
                let recipe = recipe(head.clone(), balance);
                let probe = train(&examples, width, &recipe).unwrap();
                let found = estimates(&probe, &unseen);
                let rho = spearman(&found, &advantages).unwrap().unwrap();
                assert!(rho > 0.6, "{rho}: {head:?} {balance:?} {width:?}");
                let validation = probe.card().metrics["validation ρ"];
                assert!(validation > 0.6 && (validation - rho).abs() < 0.3, "{validation} {rho}");
                assert_eq!(probe.card().training["outcome"]["ordinal"], head.ordinal, "the name in files is pinned");
                let folder = tempfile::tempdir().unwrap();
                probe.save(folder.path()).unwrap();
                let opened = Probe::open(folder.path()).unwrap();
                assert_eq!(opened.card(), probe.card());
                let bits = |estimates: Vec<f32>| estimates.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                assert_eq!(bits(estimates(&opened, &unseen)), bits(found));
            }
        }
    }
}

#[test]
fn training_is_determined_by_its_seed() {
    let examples = doubts(120, 1);
    let outputs = |seed| {
        let mut recipe = paper();
        recipe.fit = recipe.fit.with_seed(seed);
        estimates(&train(&examples, Some(4), &recipe).unwrap(), &doubts(5, 9))
    };
    assert_eq!(outputs(1), outputs(1));
    assert_ne!(outputs(1), outputs(2));
}

#[test]
fn probes_learn_from_hidden_states() {
    let with_hidden = |count, seed| {
        let mut examples = doubts(count, seed);
        for example in &mut examples {
            // The sign of the first number determines the label; the scalar features are constant.
            let gain = if example.label() { 1.0 } else { -1.0 };
            example.draft.hidden = Some(Hidden { last: vec![gain, 0.3], mean: vec![0.1, -0.2] });
            example.draft.logprobs = vec![-0.5];
        }
        examples
    };
    let (examples, validation, unseen) = (with_hidden(200, 1), with_hidden(60, 2), with_hidden(100, 3));
    for features in [ProbeFeatures::Hidden, ProbeFeatures::Both] {
        let probe = train_on(&examples, &validation, features, Some(8), &paper()).unwrap();
        let found = estimates(&probe, &unseen);
        assert!(found.iter().zip(&unseen).all(|(estimate, example)| (*estimate > 0.5) == example.label()));
    }
}

#[test]
fn examples_that_cannot_be_learned_from_are_rejected() {
    let good = doubts(40, 1);
    let alike: Vec<_> = good.iter().filter(|example| example.label()).cloned().collect();
    for examples in [&[][..], &alike] {
        let error = train(examples, None, &paper()).unwrap_err();
        assert!(matches!(error, RouterError::Examples { found } if found == examples.len()), "{error}");
    }
    let changed = |change: &dyn Fn(&mut Example)| {
        let mut examples = good.clone();
        change(&mut examples[7]);
        train(&examples, Some(0), &paper()).unwrap_err()
    };
    let error = changed(&|example| example.draft.logprobs.clear());
    assert!(matches!(error, RouterError::Signal(ScoreError::Signal { signal: "log-probabilities" })), "{error}");
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let errors = [
            changed(&|example| example.draft.logprobs[1] = number),
            changed(&|example| example.draft.first_entropy = Some(number)),
        ];
        for error in errors {
            assert!(matches!(error, RouterError::Models(Error::Parameter { .. })), "{error}");
            assert!(error.to_string().contains("example 7"), "{error}");
        }
    }
    let mut invalid = good.clone();
    invalid[3].draft_score = f32::NAN;
    let error = train(&invalid, Some(0), &paper()).unwrap_err();
    assert!(matches!(error, RouterError::Labels(_)) && error.to_string().contains("example 3"), "{error}");
}

#[test]
fn errors_of_hidden_states_name_the_example() {
    let mut examples = doubts(40, 1);
    let hidden = |width| Some(Hidden { last: vec![0.5; width], mean: vec![0.5; width] });
    examples.iter_mut().for_each(|example| example.draft.hidden = hidden(3));
    let train = |examples: &[Example], validation: &[Example]| {
        train_on(examples, validation, ProbeFeatures::Hidden, Some(0), &paper()).unwrap_err()
    };
    let other = |width| {
        let mut examples = examples.clone();
        examples[5].draft.hidden = hidden(width);
        examples
    };
    for error in [train(&other(2), &examples), train(&other(4), &examples), train(&examples, &other(4))] {
        assert!(matches!(error, RouterError::Models(Error::Parameter { .. })), "{error}");
        assert!(error.to_string().contains("example 5"), "{error}");
    }
    let error = train(&doubts(40, 1), &examples);
    assert!(matches!(error, RouterError::Signal(ScoreError::Signal { signal: "hidden states" })), "{error}");
}

/// Without validation examples there is no metric. A NaN in its place would make the card unreadable.
#[test]
fn a_probe_without_validation_has_no_metrics() {
    let recipe = RouterRecipe::new(Trainer::new(0, 0.03));
    let probe = train_on(&doubts(40, 1), &[], ProbeFeatures::Scalars, None, &recipe).unwrap();
    let folder = tempfile::tempdir().unwrap();
    probe.save(folder.path()).unwrap();
    assert!(Probe::open(folder.path()).unwrap().card().metrics.is_empty());
}
