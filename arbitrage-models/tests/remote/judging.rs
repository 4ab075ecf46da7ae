//! Scores and routing decisions from a server.

use arbitrage_core::scorer::score_each;
use arbitrage_core::{
    Accepted, AdvantageRouter, Author, Candidate, Finish, Prefix, Problem, Route, SequenceId, Step, StepScorer,
};
use arbitrage_models::Layout;
use arbitrage_models::remote::{Client, Dialect, OpenAiRouter, OpenAiScorer, ScoreKind};
use arbitrage_models::tokenizer::Tokenizer;

use crate::endpoint;
use crate::mock_server::{MockBehavior, MockServer, judge};
use crate::proxy::{Fault, Proxy};

fn steps() -> (Problem, Vec<Accepted>, [Step; 2]) {
    let accepted = |text: &str, author| Accepted { step: Step::new(text, Finish::Boundary), author };
    let before = vec![accepted("one\n\n", Author::Draft), accepted("two\n\n", Author::Target)];
    (Problem::new("Why?"), before, ["three\n\n", "end"].map(|text| Step::new(text, Finish::Boundary)))
}

#[test]
fn every_route_gives_the_score_of_the_text() {
    let (problem, before, [three, end]) = steps();
    let prefix = Prefix::new(SequenceId(0), &problem, &before);
    let steps = [(prefix, &three), (prefix, &end)];
    for dialect in [Dialect::VLLM, Dialect::SGLANG, Dialect::LLAMA_CPP, Dialect::OPENAI] {
        for route in dialect.scoring {
            let server = MockServer::start(MockBehavior::new(dialect.clone()));
            let layout = if route.probabilities { Layout::trl() } else { Layout::skywork() };
            let client = Client::new(endpoint(&server.url(), dialect.clone())).unwrap();
            let mut scorer = OpenAiScorer::new(client, "prm", layout.clone(), route.kind).unwrap();
            let (question, mark) = (layout.after_question.clone(), layout.separator.clone());
            let bare = |text: &str| text.trim_end_matches(&mark).to_owned() + &mark;
            let text = |last: &str| format!("Why?{question}{}{}{}", bare("one\n\n"), bare("two\n\n"), bare(last));
            let expected = ["three\n\n", "end"].map(|last| judge(&text(last)) as f32);
            let scores = scorer.score(&steps).unwrap();
            assert!(
                scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5),
                "{} {:?}",
                dialect.name,
                route.kind
            );
            assert_eq!(scorer.counts().requests, 2);
            assert_eq!(server.requests()[0].0, route.path);
        }
    }
}

#[test]
fn a_router_escalates_above_its_threshold() {
    let (problem, before, [three, _]) = steps();
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let client = || Client::new(endpoint(&server.url(), Dialect::VLLM)).unwrap();
    let candidate = Candidate { prefix: Prefix::new(SequenceId(0), &problem, &before), draft: &three, target: None };
    let estimate = judge("Why?\nModel 0: one\n\nModel 1: two\n\nModel 0: three\n\n") as f32;
    for (tau, expected) in [(estimate - 0.01, Route::Escalate), (estimate + 0.01, Route::Accept)] {
        let mut router = OpenAiRouter::new(client(), "r", tau, ScoreKind::Classify).unwrap();
        let decision = router.route(&candidate).unwrap();
        assert_eq!(decision.route, expected);
        assert!((decision.estimate.unwrap() - estimate).abs() < 1e-5);
    }
    for tau in [-0.1, 1.1, f32::NAN] {
        assert!(OpenAiRouter::new(client(), "r", tau, ScoreKind::Classify).is_err());
    }
    let missing = Client::new(endpoint(&server.url(), Dialect::TGI)).unwrap();
    let error = OpenAiRouter::new(missing, "r", 0.5, ScoreKind::Classify).unwrap_err().to_string();
    assert!(error.contains("score route") && error.contains("tgi"), "{error}");
}

#[test]
fn a_step_that_cannot_be_scored_fails_alone() {
    let (problem, before, [three, end]) = steps();
    let blank = Problem::new(" ");
    let prefix = Prefix::new(SequenceId(0), &problem, &before);
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let client = Client::new(endpoint(&server.url(), Dialect::VLLM)).unwrap();
    let mut scorer = OpenAiScorer::new(client, "prm", Layout::skywork(), ScoreKind::Pooling).unwrap();
    let steps = [(prefix, &three), (Prefix::new(SequenceId(1), &blank, &[]), &end), (prefix, &end)];
    let scores = score_each(&mut scorer, &steps);
    assert_eq!(scores.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    for fault in [Fault::Html, Fault::CutJson, Fault::Status(400, String::new(), "{}".to_owned())] {
        let proxy = Proxy::start(server.address, move |_| fault.clone());
        let client = Client::new(endpoint(&proxy.url(), Dialect::VLLM)).unwrap();
        let mut scorer = OpenAiScorer::new(client, "prm", Layout::skywork(), ScoreKind::Pooling).unwrap();
        let error = scorer.score(&[(prefix, &three)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}/pooling: ", proxy.url())), "{error}");
    }
}

#[test]
fn tokens_are_those_of_the_layout() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scorers/value");
    let tokenizer = || Tokenizer::from_folder(&folder).unwrap();
    let (problem, before, [three, _]) = steps();
    let prefix = Prefix::new(SequenceId(0), &problem, &before);
    for (dialect, field) in [(Dialect::VLLM, "input"), (Dialect::SGLANG, "input_ids")] {
        let server = MockServer::start(MockBehavior::new(dialect.clone()));
        let client = Client::new(endpoint(&server.url(), dialect)).unwrap();
        let scorer = OpenAiScorer::new(client, "prm", Layout::skywork(), ScoreKind::Pooling).unwrap();
        scorer.with_tokenizer(tokenizer()).score(&[(prefix, &three)]).unwrap();
        let expected = Layout::skywork().tokens(&tokenizer(), &prefix, &three).unwrap();
        assert_eq!(server.requests()[0].1[field], serde_json::json!(expected));
    }
}
