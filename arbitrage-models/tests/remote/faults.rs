//! Faults of networks and servers, one at a time and all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arbitrage_core::router::Random;
use arbitrage_core::segmenter::BlankLine;
use arbitrage_core::trace::JsonlSink;
use arbitrage_core::{Author, Engine, EngineError, Limits, Problem, StepRule, Target};
use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiModel, RemoteError, Retry};

use crate::mock_server::{MockBehavior, MockServer, solution};
use crate::proxy::{Fault, Proxy};
use crate::{KEY, endpoint, logs, model, next, plain};

const QUESTION: &str = "six times seven?";

fn status(status: u16, headers: &str, body: &str) -> Fault {
    Fault::Status(status, headers.to_owned(), body.to_owned())
}

/// The first step, and the requests that it took, where the first `times` answers have `fault`.
fn with_fault(dialect: &Dialect, fault: &Fault, times: u64) -> (Result<String, String>, u64) {
    let server = MockServer::start(MockBehavior::new(dialect.clone()));
    let repeated = fault.clone();
    let proxy = Proxy::start(server.address, move |at| if at < times { repeated.clone() } else { Fault::None });
    let mut model = model(endpoint(&proxy.url(), dialect.clone()), plain()).with_logprobs(true).unwrap();
    let step = next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64));
    if let Err(error) = &step {
        assert!(error.starts_with(&proxy.url()), "{fault:?}: the endpoint is not named: {error}");
        assert!(!error.contains(KEY), "{fault:?}: {error}");
    }
    (step.map(|step| step.text), proxy.requests())
}

/// A dialect with whole answers, and one with streams.
fn both() -> [Dialect; 2] {
    [Dialect::VLLM, Dialect::OPENAI]
}

#[test]
fn transient_faults_are_retried() {
    let later = "retry-after: 0\r\n";
    for dialect in both() {
        for fault in [
            Fault::Reset,
            Fault::ResetMidway,
            Fault::ShortBody,
            status(429, later, "{}"),
            status(500, "", "oops"),
            status(503, later, "<html>"),
        ] {
            let (text, requests) = with_fault(&dialect, &fault, 2);
            assert_eq!((text.unwrap(), requests), (solution(QUESTION)[..6].concat(), 3), "{} {fault:?}", dialect.name);
        }
    }
    for fault in [Fault::CutEvent, Fault::NoLastEvent, Fault::ErrorInside(503)] {
        let (text, requests) = with_fault(&Dialect::OPENAI, &fault, 1);
        let whole = solution(QUESTION)[..6].concat();
        // A stream without its end still has the first step, which is all that is needed.
        let needed = if fault == Fault::NoLastEvent { 1 } else { 2 };
        assert_eq!((text.unwrap(), requests), (whole, needed), "{fault:?}");
    }
}

#[test]
fn permanent_faults_are_errors_without_a_retry() {
    for dialect in both() {
        for (fault, cause) in [
            (status(400, "", r#"{"error":{"message":"no such field"}}"#), "answered 400: no such field"),
            (status(401, "", &format!("wrong key {KEY}")), "answered 401: wrong key [key]"),
            (status(404, "", ""), "answered 404: no message"),
            (status(501, "", "{}"), "answered 501"),
            (status(302, "location: http://elsewhere/\r\n", ""), "redirected (302) to http://elsewhere/"),
            (Fault::Compressed, "content-encoding: expected identity"),
            (Fault::Html, if dialect == Dialect::VLLM { "expected JSON, found <html>" } else { "text/event-stream" }),
            (Fault::Stall, "while reading the answer: timed out after"),
            (Fault::Silence, if dialect == Dialect::VLLM { "timed out after" } else { "before the first token" }),
            (Fault::Trickle, "the whole request: timed out after 1.5s"),
            (Fault::Endless, "more than 1048576 bytes"),
            (Fault::ErrorInside(400), "answered 400: out of memory"),
            (Fault::ChoicesMissing, "choices: expected a list"),
            (Fault::ChoicesDoubled, "choices: expected one choice"),
            (Fault::ChoicesForeign, "choices/0/index: expected 0, found 1"),
            (Fault::ChoicesOutOfOrder, "choices: expected one choice"),
        ] {
            let start = Instant::now();
            let (text, requests) = with_fault(&dialect, &fault, u64::MAX);
            let error = text.unwrap_err();
            assert!(error.contains(cause), "{} {fault:?}: {error}", dialect.name);
            assert_eq!(requests, 1, "{} {fault:?}", dialect.name);
            assert!(start.elapsed() < Duration::from_secs(3), "{} {fault:?}", dialect.name);
        }
    }
    let (text, requests) = with_fault(&Dialect::VLLM, &Fault::CutJson, u64::MAX);
    assert!(text.unwrap_err().contains("expected JSON"));
    assert_eq!(requests, 1);
}

#[test]
fn unusual_but_valid_answers_are_read() {
    for dialect in both() {
        for fault in [Fault::Latency(Duration::from_millis(50)), Fault::Merged, Fault::Split, Fault::NoDone] {
            if dialect == Dialect::VLLM && fault == Fault::NoDone {
                continue;
            }
            let (text, requests) = with_fault(&dialect, &fault, u64::MAX);
            assert_eq!((text.unwrap(), requests), (solution(QUESTION)[..6].concat(), 1), "{} {fault:?}", dialect.name);
        }
    }
}

#[test]
fn log_probabilities_that_do_not_match_are_dropped_and_counted() {
    for fault in [Fault::LogprobsNull, Fault::LogprobsShort] {
        for dialect in [Dialect::VLLM, Dialect::LLAMA_CPP] {
            let server = MockServer::start(MockBehavior::new(dialect.clone()));
            let repeated = fault.clone();
            let proxy = Proxy::start(server.address, move |_| repeated.clone());
            let mut model = model(endpoint(&proxy.url(), dialect.clone()), plain()).with_logprobs(true).unwrap();
            let step = next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap();
            assert_eq!(step.text, solution(QUESTION)[..6].concat());
            assert!(step.logprobs.is_empty(), "{} {fault:?}", dialect.name);
            assert_eq!(model.counts().without_logprobs, 1);
        }
    }
}

#[test]
fn retry_after_is_honoured() {
    let seconds = || "retry-after: 1\r\n".to_owned();
    let date = || {
        let soon = SystemTime::now() + Duration::from_secs(2);
        format!("retry-after: {}\r\n", httpdate::fmt_http_date(soon))
    };
    // A date has whole seconds, so between one and two seconds are left.
    for (header, least) in [(&seconds as &dyn Fn() -> String, 1000), (&date, 500)] {
        let (header, start) = (header(), Instant::now());
        let (text, requests) = with_fault(&Dialect::VLLM, &status(429, &header, "{}"), 1);
        assert_eq!(requests, 2, "{header}: {text:?}");
        text.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(least), "{header}: {:?}", start.elapsed());
    }
    let (text, requests) = with_fault(&Dialect::VLLM, &status(429, "retry-after: 3600\r\n", "{}"), 1);
    let error = text.unwrap_err();
    assert!(error.contains("429") && error.contains("a longer wait than is allowed"), "{error}");
    assert_eq!(requests, 1);
}

#[test]
fn unreachable_servers_and_unknown_hosts_are_reported() {
    for (url, cause) in [("http://127.0.0.1:1", "connecting"), ("http://no-such-host.invalid:8000", "connecting")] {
        let retry = Retry::default().with_waits(Duration::from_millis(1), Duration::from_millis(2)).with_attempts(3);
        let mut model = model(endpoint(url, Dialect::VLLM).with_retry(retry), plain());
        let error = next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap_err();
        let is_reported = error.starts_with(url) && error.contains(cause) && error.contains("gave up after 3 attempts");
        assert!(is_reported, "{error}");
        assert_eq!((model.counts().requests, model.counts().retries, model.counts().failures), (3, 2, 1));
    }
}

#[test]
fn retries_have_a_budget_and_failing_servers_a_pause() {
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let ms = Duration::from_millis;
    let solve = |retry: Retry| {
        let proxy = Proxy::start(server.address, |_| status(500, "", "{}"));
        let mut model = model(endpoint(&proxy.url(), Dialect::VLLM).with_retry(retry), plain());
        let mut errors = Vec::new();
        for _ in 0..10 {
            errors.push(next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap_err());
        }
        (proxy.requests(), errors.pop().unwrap())
    };
    let quick = Retry::default().with_waits(ms(1), ms(2)).with_attempts(5).with_breaker(1000, ms(1));
    assert_eq!(solve(quick).0, 50);
    let (requests, last) = solve(quick.with_budget(7));
    assert!(requests == 17 && last.contains("the retry budget is spent"), "{requests}: {last}");
    let (requests, last) = solve(quick.with_attempts(1).with_breaker(3, ms(60_000)));
    assert!(requests == 3 && last.contains("3 requests in a row have failed"), "{requests}: {last}");
}

#[test]
fn a_key_is_sent_to_the_server_only() {
    logs::keep();
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let echo = move |_| status(403, "", &format!("Bearer {KEY} is not welcome"));
    let proxy = Proxy::start(server.address, echo);
    let mut model = model(endpoint(&proxy.url(), Dialect::VLLM), plain());
    let error = next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap_err();
    let shown =
        [error, format!("{model:?}"), format!("{:?}", model.client()), format!("{:?}", model.client().endpoint())];
    for text in &shown {
        assert!(!text.contains(KEY) && !text.contains("of-the-tests"), "{text}");
    }
    assert!(shown[1].contains("[key]"));
    assert!(!logs::lines().contains(KEY));
}

#[test]
fn a_call_may_be_made_inside_a_runtime() {
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut model = model(endpoint(&server.url(), Dialect::VLLM), plain());
        next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap();
    });
}

/// A pseudo-random number from `at`.
fn mixed(at: u64) -> u64 {
    arbitrage_core::Draw::new(at).next_u64()
}

/// Four answers in ten have a fault, of any kind.
fn random_fault(at: u64) -> Fault {
    let all = [
        Fault::Reset,
        Fault::ResetMidway,
        Fault::ShortBody,
        Fault::CutEvent,
        Fault::NoLastEvent,
        Fault::NoDone,
        Fault::CutJson,
        status(429, "retry-after: 0\r\n", "{}"),
        status(500, "", "oops"),
        status(503, "", "{}"),
        status(400, "", &format!("{{\"error\":\"bad {KEY}\"}}")),
        status(307, "location: http://elsewhere/\r\n", ""),
        Fault::Latency(Duration::from_millis(20)),
        Fault::Stall,
        Fault::Silence,
        Fault::Trickle,
        Fault::Compressed,
        Fault::Html,
        Fault::ErrorInside(500),
        Fault::ErrorInside(400),
        Fault::Merged,
        Fault::Split,
        Fault::LogprobsNull,
        Fault::LogprobsShort,
        Fault::ChoicesMissing,
        Fault::ChoicesDoubled,
        Fault::ChoicesForeign,
        Fault::ChoicesOutOfOrder,
    ];
    let draw = mixed(at);
    if draw % 10 < 4 { all[(draw / 10) as usize % all.len()].clone() } else { Fault::None }
}

#[test]
fn two_hundred_problems_among_faults_are_solved_or_fail_with_the_cause() {
    logs::keep();
    for dialect in both() {
        let server = MockServer::start(MockBehavior::new(dialect.clone()));
        let proxy = Proxy::start(server.address, random_fault);
        let client = Client::new(endpoint(&proxy.url(), dialect.clone()).with_in_flight(64).unwrap()).unwrap();
        let (solved, failed) = run(&client, &proxy.url(), dialect.name, || {});
        println!("{}: {solved} solved, {failed} ended with their cause, {} requests", dialect.name, proxy.requests());
        assert!(solved > 5 && failed > 5, "{solved} solved, {failed} failed");
        assert!(!logs::lines().contains(KEY));
    }
}

#[test]
fn a_server_that_is_restarted_loses_no_problem() {
    for dialect in both() {
        let delay = Duration::from_micros(300);
        let server = Arc::new(MockServer::start(MockBehavior { delay, ..MockBehavior::new(dialect.clone()) }));
        let ms = Duration::from_millis;
        let retry =
            Retry::default().with_waits(ms(20), ms(200)).with_attempts(40).with_budget(10_000).with_breaker(8, ms(50));
        let client = Client::new(endpoint(&server.url(), dialect.clone()).with_retry(retry)).unwrap();
        let (at, steps) = (server.clone(), AtomicU64::new(0));
        let (solved, failed) = run(&client, &server.url(), dialect.name, move || {
            if steps.fetch_add(1, Ordering::SeqCst) == 60 {
                let at = at.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(ms(1));
                    at.stop();
                    std::thread::sleep(ms(300));
                    at.restart();
                });
            }
        });
        assert_eq!((solved, failed), (200, 0));
    }
}

/// Solves 200 problems with both roles at one server, and checks every answer and record. Returns how many were solved, and how many
/// failed with a typed error.
fn run(client: &Client, url: &str, name: &str, mut done: impl FnMut()) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let of = |author| {
        OpenAiModel::new(client.clone(), "m", plain())
            .unwrap()
            .with_prompt(arbitrage_models::Prompt::none())
            .with_author(author)
    };
    let draft = of(Author::Draft).with_logprobs(true).unwrap();
    let target = Target(of(Author::Target));
    let mut engine = Engine::new(draft, target, Random::new(0.5).unwrap())
        .with_limits(Limits::default().with_in_flight(64))
        .with_sink(JsonlSink::create(&path).unwrap());
    let problem = |at: u64| Problem::new(format!("question {at}?")).with_id(format!("p{at}")).with_seed(at);
    let problems: Vec<Problem> = (0..200).map(problem).collect();
    let (mut seen, mut solved, mut failed) = (vec![0; 200], 0, 0);
    engine.solve_each(&problems, |at, answer| {
        seen[at] += 1;
        done();
        match answer {
            Ok(answer) => {
                solved += 1;
                assert_eq!(answer.text(), solution(&problems[at].question).concat(), "{name}: {at}");
            }
            Err(EngineError::Component { source, .. }) => {
                failed += 1;
                assert!(!format!("{source} {source:?}").contains(KEY));
                let error = source.downcast_ref::<RemoteError>().unwrap_or_else(|| panic!("{source} has no type"));
                assert!(error.endpoint().starts_with(url) && error.to_string().starts_with(url), "{error}");
            }
            Err(other) => panic!("{other}"),
        }
    });
    assert!(seen.iter().all(|&times| times == 1));
    drop(engine);
    let trace = std::fs::read_to_string(&path).unwrap();
    assert!(!trace.contains(KEY));
    let ended = |id: &str| {
        trace.lines().filter(|line| line.contains("\"solution\"") && line.contains(&format!("\"{id}\""))).count()
    };
    assert!(problems.iter().all(|problem| ended(&problem.id) == 1), "{}", trace.lines().next().unwrap_or(""));
    (solved, failed)
}

#[test]
fn keys_are_read_from_the_environment() {
    let usable = |(_, value): &(String, String)| value.len() > 5 && value.bytes().all(|byte| byte.is_ascii_graphic());
    let (name, value) = std::env::vars().find(usable).unwrap();
    let endpoint = Endpoint::new("http://x", Dialect::VLLM).unwrap().with_key_from(&name).unwrap();
    assert!(!format!("{endpoint:?}").contains(&value));
}
