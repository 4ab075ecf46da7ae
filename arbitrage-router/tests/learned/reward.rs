use arbitrage_core::{Prefix, Step};
use arbitrage_models::classifier::Layout;
use arbitrage_models::tokenizer::Tokenizer;
use arbitrage_models::train::{Fit, Headed, Judging, Labelled, Loss};
use arbitrage_models::{Error, LoadOptions, ProcessReward, device};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{RouterError, train_reward};
use arbitrage_router::metrics::auc;

use super::support::{SLIP, VOCABULARY, base, processor, slips, tokenizer};

fn fit() -> Fit {
    Fit::new(160, 0.01).with_batch(16).with_every(20)
}

fn labelled(examples: &[Example], tokenizer: &Tokenizer) -> Vec<Labelled> {
    let texts = |example: &Example| {
        let problem = example.as_problem();
        let scored = [(&example.draft, example.draft_score), (&example.target, example.target_score)];
        scored.map(|(step, score)| {
            let tokens = Layout::skywork().tokens(tokenizer, &example.prefix(&problem), step).unwrap();
            Labelled::last(tokens, vec![score], 1.0)
        })
    };
    examples.iter().flat_map(texts).collect()
}

/// The module that the same data and seed give, in this process.
fn module(examples: &[Example], validation: &[Example], tokenizer: &Tokenizer) -> Headed {
    let held_out = labelled(validation, tokenizer);
    let good: Vec<bool> = held_out.iter().map(|text| text.targets[0].answer[0] > 0.5).collect();
    let score = move |model: &Headed| {
        let scores: Vec<f32> = model.outputs(&held_out)?.into_iter().map(|outputs| outputs[0]).collect();
        Ok(auc(&scores, &good).unwrap().unwrap())
    };
    let objective = Judging::new(Labelled::merged(labelled(examples, tokenizer)), Loss::Sigmoid).unwrap();
    fit()
        .run(Headed::new(base(VOCABULARY, &processor()), 1, true, 0), &objective.with_score(score), &mut ())
        .unwrap()
        .model
}

fn scores(reward: &mut ProcessReward, examples: &[Example]) -> Vec<f32> {
    let score = |example: &Example| {
        let problem = example.as_problem();
        let prefix: Prefix<'_> = example.prefix(&problem);
        let steps: [(Prefix<'_>, &Step); 2] = [(prefix, &example.draft), (prefix, &example.target)];
        reward.score_all(&steps).into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    examples.iter().flat_map(score).collect()
}

#[test]
fn a_reward_model_learns_and_opens_as_what_was_trained() {
    let (files, folder) = (tokenizer(), tempfile::tempdir().unwrap());
    let (examples, validation, unseen) = (slips(250, 1), slips(60, 2), slips(80, 3));
    let data = (&examples[..], &validation[..]);
    let told =
        train_reward(base(VOCABULARY, &processor()), files.path(), data, &fit(), folder.path(), &mut ()).unwrap();
    assert!(told > 0.9, "{told}");

    let mut reward = ProcessReward::open(folder.path(), &LoadOptions::new(device("flex").unwrap())).unwrap();
    assert_eq!(reward.layout(), &Layout::skywork());
    let found = scores(&mut reward, &unseen);
    let good: Vec<bool> =
        unseen.iter().flat_map(|e| [&e.draft, &e.target]).map(|step| !step.text.contains(SLIP)).collect();
    let area = auc(&found, &good).unwrap().unwrap();
    assert!(area > 0.9, "{area}");

    let tokenizer = Tokenizer::from_folder(files.path()).unwrap();
    let outputs = module(&examples, &validation, &tokenizer).outputs(&labelled(&unseen, &tokenizer)).unwrap();
    let trained = outputs.iter().map(|outputs| 1.0 / (1.0 + (-outputs[0]).exp()));
    let worst = trained.zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-2, "{worst}");
}

#[test]
fn scores_that_are_no_probabilities_and_no_examples_are_refused() {
    let (files, folder) = (tokenizer(), tempfile::tempdir().unwrap());
    let train = |examples: &[Example]| {
        let data = (examples, &slips(5, 2)[..]);
        train_reward(base(VOCABULARY, &processor()), files.path(), data, &fit(), folder.path(), &mut ()).unwrap_err()
    };
    let mut cases = vec![Vec::new()];
    for score in [1.5, -0.5, 9.0, f32::NAN, f32::INFINITY] {
        let mut examples = slips(5, 1);
        examples[2].draft_score = score;
        cases.push(examples);
    }
    for examples in cases {
        let error = train(&examples);
        assert!(matches!(error, RouterError::Models(Error::Parameter { name: "examples", .. })), "{error}");
    }
    assert!(!folder.path().join("config.json").exists(), "nothing is taken for a model");
    // The judge's 0 to 9 on held-out problems would be taken for good and bad ones.
    let mut validation = slips(5, 2);
    validation[1].target_score = 9.0;
    let (examples, short) = (slips(5, 1), Fit::new(1, 0.01));
    let data = (&examples[..], &validation[..]);
    let found = train_reward(base(VOCABULARY, &processor()), files.path(), data, &short, folder.path(), &mut ());
    assert!(matches!(found.unwrap_err(), RouterError::Models(Error::Parameter { .. })));
}
