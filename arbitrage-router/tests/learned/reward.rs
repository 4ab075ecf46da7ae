use std::path::Path;

use arbitrage_core::{Prefix, Step};
use arbitrage_models::classifier::Layout;
use arbitrage_models::tokenizer::Tokenizer;
use arbitrage_models::train::{ClassificationObjective, HeadBias, LabelledText, Loss, Trainer, TransformerWithHead};
use arbitrage_models::{Error, LoadOptions, ProcessReward, device};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{BaseModel, RouterError, TrainingSplit, train_reward_model};
use arbitrage_router::metrics::auc;

use super::support::{SLIP, VOCABULARY, cpu, decoder, slips, tokenizer};

fn fit() -> Trainer {
    Trainer::new(160, 0.01).with_batch(16).with_eval_interval(20)
}

fn labelled(examples: &[Example], tokenizer: &Tokenizer) -> Vec<LabelledText> {
    let texts = |example: &Example| {
        let problem = example.as_problem();
        let scored = [(&example.draft, example.draft_score), (&example.target, example.target_score)];
        scored.map(|(step, score)| {
            let tokens = Layout::skywork().tokens(tokenizer, &example.prefix(&problem), step).unwrap();
            LabelledText::last(tokens, vec![score], 1.0)
        })
    };
    examples.iter().flat_map(texts).collect()
}

/// The model in memory, trained on the same data with the same seed.
fn trained_module(examples: &[Example], validation: &[Example], tokenizer: &Tokenizer) -> TransformerWithHead {
    let texts = labelled(validation, tokenizer);
    let good: Vec<bool> = texts.iter().map(|text| text.rows[0].label[0] > 0.5).collect();
    let score = move |model: &TransformerWithHead| {
        let scores: Vec<f32> = model.outputs(&texts)?.into_iter().map(|outputs| outputs[0]).collect();
        Ok(auc(&scores, &good).unwrap().unwrap())
    };
    let objective =
        ClassificationObjective::new(LabelledText::merge_prefixes(labelled(examples, tokenizer)), Loss::Sigmoid)
            .unwrap();
    fit()
        .run(
            TransformerWithHead::new(decoder(VOCABULARY, &cpu()), 1, HeadBias::Present, 0),
            &objective.with_score(score),
            &mut (),
        )
        .unwrap()
        .model
}

fn train(examples: &[Example], validation: &[Example], fit: &Trainer, folder: &Path) -> Result<f64, RouterError> {
    let files = tokenizer();
    let base = BaseModel { decoder: decoder(VOCABULARY, &cpu()), tokenizer: files.path() };
    train_reward_model(base, &TrainingSplit { training: examples, validation }, fit, folder, &mut ())
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
fn reward_models_learn_and_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (examples, validation, unseen) = (slips(250, 1), slips(60, 2), slips(80, 3));
    let validation_auc = train(&examples, &validation, &fit(), folder.path()).unwrap();
    assert!(validation_auc > 0.9, "{validation_auc}");

    let mut reward = ProcessReward::open(folder.path(), &LoadOptions::new(device("flex").unwrap())).unwrap();
    assert_eq!(reward.layout(), &Layout::skywork());
    let found = scores(&mut reward, &unseen);
    let good: Vec<bool> =
        unseen.iter().flat_map(|e| [&e.draft, &e.target]).map(|step| !step.text.contains(SLIP)).collect();
    let area = auc(&found, &good).unwrap().unwrap();
    assert!(area > 0.9, "{area}");

    let tokenizer = Tokenizer::from_folder(tokenizer().path()).unwrap();
    let outputs = trained_module(&examples, &validation, &tokenizer).outputs(&labelled(&unseen, &tokenizer)).unwrap();
    let trained = outputs.iter().map(|outputs| 1.0 / (1.0 + (-outputs[0]).exp()));
    let worst = trained.zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-2, "{worst}");
}

#[test]
fn scores_out_of_range_and_no_examples_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = vec![Vec::new()];
    for score in [1.5, -0.5, 9.0, f32::NAN, f32::INFINITY] {
        let mut examples = slips(5, 1);
        examples[2].draft_score = score;
        cases.push(examples);
    }
    for examples in cases {
        let error = train(&examples, &slips(5, 2), &fit(), folder.path()).unwrap_err();
        assert!(matches!(error, RouterError::Models(Error::Parameter { name: "examples", .. })), "{error}");
    }
    assert!(!folder.path().join("config.json").exists(), "no model is written");
    // Scores of 0 to 9, as a judge gives them, would otherwise be compared with one half.
    let mut validation = slips(5, 2);
    validation[1].target_score = 9.0;
    let (examples, short) = (slips(5, 1), Trainer::new(1, 0.01));
    let error = train(&examples, &validation, &short, folder.path()).unwrap_err();
    assert!(matches!(error, RouterError::Models(Error::Parameter { .. })));
}
