use std::sync::OnceLock;

use arbitrage_core::{AdvantageRouter, Candidate, Decision, Draw, Evidence, Prefix, SequenceId};
use arbitrage_models::train::Trainer;
use arbitrage_models::{Error, LoadOptions, device};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{Annotation, BaseModel, RouterError, RouterInput, RouterRecipe, TextRouter};
use arbitrage_router::metrics::spearman;
use tempfile::TempDir;

use super::support::{VOCABULARY, below, cpu, decoder, pair, router_training, slips, tokenizer};

fn recipe() -> RouterRecipe {
    RouterRecipe::new(Trainer::new(400, 0.01).with_batch(16).with_eval_interval(20))
}

fn train(
    examples: &[Example],
    annotation: Annotation,
    recipe: &RouterRecipe,
) -> Result<(TempDir, TextRouter), RouterError> {
    let (files, folder) = (tokenizer(), tempfile::tempdir().unwrap());
    let base = BaseModel { decoder: decoder(VOCABULARY, &cpu()), tokenizer: files.path() };
    let validation = slips(60, 2);
    let training = router_training(examples, &validation, recipe);
    let trained = TextRouter::train(base, &training, annotation, folder.path(), &mut ())?;
    Ok((folder, trained))
}

/// The folder of a router that all tests share.
fn trained() -> &'static TempDir {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| train(&slips(500, 1), Annotation::Authors, &recipe()).unwrap().0)
}

fn open() -> TextRouter {
    TextRouter::open(trained().path(), &LoadOptions::new(device("flex").unwrap())).unwrap()
}

/// Calls `act` with the examples as steps of sequences 0, 1, ….
fn with_candidates<T>(examples: &[Example], act: impl FnOnce(&[Candidate<'_>]) -> T) -> T {
    let problems: Vec<_> = examples.iter().map(Example::as_problem).collect();
    let numbered = |at: usize| {
        let candidate = examples[at].candidate(&problems[at], Evidence::DraftOnly);
        Candidate { prefix: Prefix { id: SequenceId(at as u64), ..candidate.prefix }, ..candidate }
    };
    act(&(0..examples.len()).map(numbered).collect::<Vec<_>>())
}

fn decisions(answers: Vec<Result<Decision, arbitrage_core::BoxError>>) -> Vec<Decision> {
    answers.into_iter().map(Result::unwrap).collect()
}

#[test]
fn routers_learn_a_rule_of_the_text() {
    let unseen = slips(120, 3);
    let advantages: Vec<f32> = unseen.iter().map(Example::advantage).collect();
    let found = with_candidates(&unseen, |candidates| decisions(open().route_batch(candidates)));
    let estimates: Vec<f32> = found.iter().map(|decision| decision.estimate.unwrap()).collect();
    let rho = spearman(&estimates, &advantages).unwrap().unwrap();
    let validation = open().card().metrics["validation ρ"];
    assert!(rho > 0.6 && validation > 0.6, "{rho} {validation}");
}

#[test]
fn batches_caches_and_order_do_not_change_decisions() {
    let unseen = slips(24, 4);
    let fresh: Vec<Decision> =
        with_candidates(&unseen, |all| all.iter().map(|candidate| open().route(candidate).unwrap()).collect());
    with_candidates(&unseen, |all| {
        let mut router = open();
        assert_eq!(decisions(router.route_batch(all)), fresh, "in one batch");
        assert_eq!(router.sequences(), all.len());
        let mut draw = Draw::new(5);
        for _ in 0..60 {
            let at = below(&mut draw, all.len());
            // Sequence ids are reused for other prefixes, so that a cache may hold another prefix.
            let id = SequenceId(below(&mut draw, 4) as u64);
            let candidate = Candidate { prefix: Prefix { id, ..all[at].prefix }, ..all[at] };
            assert_eq!(router.route(&candidate).unwrap(), fresh[at], "{at}");
        }
        (0..all.len() as u64).for_each(|id| router.release(SequenceId(id)));
        assert_eq!(router.sequences(), 0, "released caches are dropped");
        assert_eq!(router.route(&all[3]).unwrap(), fresh[3]);
    });
}

#[test]
fn annotation_changes_only_the_layout() {
    let [authors, none] = [Annotation::Authors, Annotation::None].map(Annotation::layout);
    assert_eq!(authors.authors, ["Model 0: ", "Model 1: "]);
    assert_eq!(authors.with_authors("", ""), none);
    let short = RouterRecipe::new(Trainer::new(2, 0.01));
    let cards = [Annotation::Authors, Annotation::None].map(|annotation| {
        let mut card = train(&slips(40, 1), annotation, &short).unwrap().1.card().clone();
        assert_eq!(card.input, RouterInput::Text { annotation });
        card.input = RouterInput::Text { annotation: Annotation::None };
        card.metrics.clear();
        card
    });
    assert_eq!(cards[0], cards[1]);
}

#[test]
fn other_models_are_rejected() {
    let (router, pair) = (open(), pair());
    router.card().check_pair(&pair.draft, &pair.target).unwrap();
    let error = router.card().check_pair(&pair.target, &pair.target).unwrap_err();
    assert!(matches!(&error, RouterError::PairMismatch { role: "draft", .. }), "{error}");
    assert!(error.to_string().contains("small (aa)") && error.to_string().contains("large (bb)"), "{error}");
}

#[test]
fn examples_that_cannot_be_learned_from_are_rejected() {
    let good = slips(40, 1);
    let alike: Vec<_> = good.iter().filter(|example| !example.label()).cloned().collect();
    for examples in [&[][..], &alike] {
        let error = train(examples, Annotation::Authors, &recipe()).err().unwrap();
        assert!(matches!(error, RouterError::Examples { found } if found == examples.len()), "{error}");
    }
    let changed = |change: &dyn Fn(&mut Example)| {
        let mut examples = good.clone();
        examples.iter_mut().for_each(change);
        train(&examples, Annotation::Authors, &recipe()).err().unwrap()
    };
    let error = changed(&|example| example.question = " ".to_owned());
    assert!(matches!(error, RouterError::Models(Error::EmptyPrompt { .. })), "{error}");
    let error = changed(&|example| example.question = "long ".repeat(99));
    assert!(matches!(error, RouterError::Models(Error::ContextFull { .. })), "{error}");
}

/// A tokenizer with more tokens than the decoder is an error, not an access out of bounds.
#[test]
fn token_ids_beyond_the_vocabulary_are_rejected() {
    let (files, folder) = (tokenizer(), tempfile::tempdir().unwrap());
    let examples = slips(20, 1);
    let recipe = RouterRecipe::new(Trainer::new(2, 0.01));
    let base = BaseModel { decoder: decoder(50, &cpu()), tokenizer: files.path() };
    let training = router_training(&examples, &examples, &recipe);
    let error = TextRouter::train(base, &training, Annotation::Authors, folder.path(), &mut ()).unwrap_err();
    assert!(error.to_string().contains("ids below 50"), "{error}");
}

#[test]
fn an_invalid_step_does_not_fail_the_others() {
    let mut examples = slips(3, 4);
    examples[1].question = " ".to_owned();
    with_candidates(&examples, |all| {
        let answers = open().route_batch(all);
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(answers[2].as_ref().unwrap(), &open().route(&all[2]).unwrap());
    });
}
