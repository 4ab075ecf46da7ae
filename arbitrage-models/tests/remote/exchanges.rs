//! Each server's answers, as recorded or as documented.

use std::io::BufReader;
use std::net::TcpListener;
use std::thread;

use arbitrage_core::segmenter::{BlankLine, Separators};
use arbitrage_core::{Finish, Prefix, Problem, SequenceId, Step, StepRule, StepScorer, StepSegmenter};
use arbitrage_models::Layout;
use arbitrage_models::remote::{Client, Dialect, OpenAiScorer, Prompting, Retry, ScoreKind};
use serde::Deserialize;
use serde_json::Value;

use crate::http::{self, Message};
use crate::{endpoint, model, next, plain};

#[derive(Deserialize)]
struct File {
    dialect: String,
    origin: String,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    name: String,
    route: String,
    status: u16,
    body: Option<Value>,
    #[serde(default)]
    events: Vec<Value>,
    expect: Option<Value>,
}

/// A server that always gives this answer.
fn canned(exchange: &Exchange) -> String {
    let event = |event: &Value| match event {
        Value::String(done) => format!("data: {done}\n\n"),
        event => format!("data: {event}\n\n"),
    };
    match &exchange.body {
        Some(body) => server(exchange.status, "application/json", body.to_string()),
        None => server(exchange.status, "text/event-stream", exchange.events.iter().map(event).collect()),
    }
}

/// A server that answers every request with `body`.
fn server(status: u16, kind: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while Message::read(&mut reader).is_some() {
                http::answer(&mut stream, status, &format!("content-type: {kind}\r\n"), body.as_bytes()).unwrap();
            }
        }
    });
    url
}

fn check(dialect: &Dialect, exchange: &Exchange, segmenter: &dyn StepSegmenter, max_tokens: usize, expect: &Value) {
    let endpoint = endpoint(&canned(exchange), dialect.clone()).with_retry(Retry::never());
    let prompting = if exchange.route == "chat" { Prompting::Chat } else { plain() };
    // With log-probabilities, the answer of llama.cpp's server is streamed.
    let streamed = !exchange.events.is_empty();
    let mut model = model(endpoint, prompting).with_logprobs(streamed).unwrap();
    let step = next(&mut model, "What is 17 * 23?", &[], &StepRule::new(segmenter, max_tokens));
    let name = format!("{}: {}", dialect.name, exchange.name);
    if let Some(error) = expect.get("error").and_then(Value::as_str) {
        let message = step.unwrap_err();
        return assert!(message.contains(error) && message.contains("http://127.0.0.1:"), "{name}: {message}");
    }
    let step = step.unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = serde_json::json!({
        "text": step.text, "finish": step.finish, "logprobs": step.logprobs,
        "prefilled": step.cost.prefilled, "cached": step.cost.cached, "decoded": step.cost.decoded,
    });
    assert_eq!(&found, expect, "{name}");
}

#[test]
fn documented_answers_are_read() {
    for text in [
        include_str!("exchanges/vllm.json"),
        include_str!("exchanges/sglang.json"),
        include_str!("exchanges/tgi.json"),
        include_str!("exchanges/openai.json"),
    ] {
        let file: File = serde_json::from_str(text).unwrap();
        assert!(file.origin.starts_with("documented"));
        let dialect = Dialect::named(&file.dialect).unwrap();
        for exchange in &file.exchanges {
            check(&dialect, exchange, &BlankLine::new(), 64, exchange.expect.as_ref().unwrap());
        }
    }
}

/// What is expected of the recorded answers, by their names: limit on tokens, text, finish, number of log-probabilities, and tokens
/// prefilled, cached and generated.
type ExpectedStep = (&'static str, usize, &'static str, Finish, usize, [usize; 3]);

const RECORDED: [ExpectedStep; 6] = [
    ("a stop string", 40, ". So,", Finish::Boundary, 2, [15, 24, 3]),
    ("the end", 40, "", Finish::EndOfText, 0, [5, 24, 1]),
    ("a limit", 3, ". So,", Finish::Length, 3, [15, 24, 3]),
    ("a stream", 5, ". So, the answer", Finish::Length, 5, [1, 38, 5]),
    ("a stream to its end", 40, "", Finish::EndOfText, 0, [5, 24, 1]),
    ("a chat's stream", 4, ". So, the", Finish::Length, 4, [1, 59, 4]),
];

#[test]
fn recorded_answers_are_read() {
    let file: File = serde_json::from_str(include_str!("exchanges/llama_cpp.json")).unwrap();
    assert!(file.origin.starts_with("recorded"));
    for exchange in &file.exchanges {
        let comma = Separators::new([","]).unwrap();
        let blank = BlankLine::new();
        let segmenter: &dyn StepSegmenter = if exchange.name == "a stop string" { &comma } else { &blank };
        let Some((_, most, text, finish, logprobs, cost)) = RECORDED.iter().find(|row| row.0 == exchange.name) else {
            let refused = serde_json::json!({ "error": "9001 tokens" });
            check(&Dialect::LLAMA_CPP, exchange, segmenter, 40, &refused);
            continue;
        };
        let [prefilled, cached, decoded] = *cost;
        let numbers = given(exchange, *logprobs);
        let expect = serde_json::json!({
            "text": text, "finish": finish, "logprobs": numbers,
            "prefilled": prefilled, "cached": cached, "decoded": decoded,
        });
        check(&Dialect::LLAMA_CPP, exchange, segmenter, *most, &expect);
    }
}

/// The first log-probabilities of an answer.
fn given(exchange: &Exchange, count: usize) -> Vec<f32> {
    let answers = exchange.body.iter().chain(&exchange.events);
    let lists = answers.filter_map(|answer| {
        let native = answer.get("completion_probabilities");
        native.or_else(|| answer.pointer("/choices/0/logprobs/content"))?.as_array()
    });
    lists.flatten().take(count).map(|entry| entry["logprob"].as_f64().unwrap() as f32).collect()
}

#[derive(Deserialize)]
struct Scores {
    exchanges: Vec<Score>,
}

#[derive(Deserialize)]
struct Score {
    name: String,
    dialect: String,
    kind: String,
    layout: String,
    body: Value,
    score: Option<f32>,
    error: Option<String>,
}

#[test]
fn documented_scores_are_read() {
    let file: Scores = serde_json::from_str(include_str!("exchanges/scores.json")).unwrap();
    let (problem, step) = (Problem::new("Why?"), Step::new("So.", Finish::EndOfText));
    for exchange in &file.exchanges {
        let url = server(200, "application/json", exchange.body.to_string());
        let client = Client::new(endpoint(&url, Dialect::named(&exchange.dialect).unwrap())).unwrap();
        let kind = match exchange.kind.as_str() {
            "pooling" => ScoreKind::Pooling,
            "embeddings" => ScoreKind::Embeddings,
            _ => ScoreKind::Classify,
        };
        let layout = if exchange.layout == "trl" { Layout::trl() } else { Layout::skywork() };
        let mut scorer = OpenAiScorer::new(client, "m", layout, kind).unwrap();
        let scores = scorer.score(&[(Prefix::new(SequenceId(0), &problem, &[]), &step)]);
        match (scores, exchange.score, &exchange.error) {
            (Ok(scores), Some(score), None) => {
                assert!((scores[0] - score).abs() < 1e-5, "{}: {scores:?}", exchange.name)
            }
            (Err(error), None, Some(cause)) => {
                let error = error.to_string();
                assert!(error.starts_with(&url) && error.contains(cause.as_str()), "{}: {error}", exchange.name);
            }
            (found, ..) => panic!("{}: {found:?}", exchange.name),
        }
    }
}
