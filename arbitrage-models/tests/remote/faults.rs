//! What networks and servers do at their worst, one thing at a time and all of them at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arbitrage_core::router::Random;
use arbitrage_core::segmenter::BlankLine;
use arbitrage_core::trace::JsonlSink;
use arbitrage_core::{Author, Engine, EngineError, Limits, Problem, StepRule, Target};
use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiModel, RemoteError, Retry};

use crate::proxy::{Fault, Proxy};
use crate::standin::{Manners, StandIn, solution};
use crate::{KEY, endpoint, logs, model, next, plain};

const QUESTION: &str = "six times seven?";

fn status(status: u16, headers: &str, body: &str) -> Fault {
    Fault::Status(status, headers.to_owned(), body.to_owned())
}

/// The first step, and the requests that it took, where the first `times` answers have `fault`.
fn under(dialect: &Dialect, fault: &Fault, times: u64) -> (Result<String, String>, u64) {
    let server = StandIn::start(Manners::new(dialect.clone()));
    let spoilt = fault.clone();
    let proxy = Proxy::start(server.address, move |at| if at < times { spoilt.clone() } else { Fault::None });
    let mut model = model(endpoint(&proxy.url(), dialect.clone()), plain()).with_logprobs(true).unwrap();
    let step = next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64));
    if let Err(error) = &step {
        assert!(error.starts_with(&proxy.url()), "{fault:?}: the endpoint is not named: {error}");
        assert!(!error.contains(KEY), "{fault:?}: {error}");
    }
    (step.map(|step| step.text), proxy.asked())
}

/// Whole answers, then streams.
fn both() -> [Dialect; 2] {
    [Dialect::VLLM, Dialect::OPENAI]
}

#[test]
fn what_passes_is_tried_again() {
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
            let (text, asked) = under(&dialect, &fault, 2);
            assert_eq!((text.unwrap(), asked), (solution(QUESTION)[..6].concat(), 3), "{} {fault:?}", dialect.name);
        }
    }
    for fault in [Fault::CutEvent, Fault::NoLastEvent, Fault::ErrorInside(503)] {
        let (text, asked) = under(&Dialect::OPENAI, &fault, 1);
        let whole = solution(QUESTION)[..6].concat();
        // A stream that lost its end has its first step, which is all that is wanted.
        let needed = if fault == Fault::NoLastEvent { 1 } else { 2 };
        assert_eq!((text.unwrap(), asked), (whole, needed), "{fault:?}");
    }
}

#[test]
fn what_does_not_pass_is_an_error_at_once() {
    for dialect in both() {
        for (fault, cause) in [
            (status(400, "", r#"{"error":{"message":"no such field"}}"#), "answered 400: no such field"),
            (status(401, "", &format!("wrong key {KEY}")), "answered 401: wrong key [key]"),
            (status(404, "", ""), "answered 404: nothing more"),
            (status(501, "", "{}"), "answered 501"),
            (status(302, "location: http://elsewhere/\r\n", ""), "redirected (302) to http://elsewhere/"),
            (Fault::Compressed, "content-encoding: expected identity"),
            (Fault::Html, if dialect == Dialect::VLLM { "expected JSON, found <html>" } else { "text/event-stream" }),
            (Fault::Stall, "in mid answer: nothing within"),
            (Fault::Silence, if dialect == Dialect::VLLM { "nothing within" } else { "before the first token" }),
            (Fault::Trickle, "the whole request: nothing within 1.5s"),
            (Fault::Endless, "more than 1048576 bytes"),
            (Fault::ErrorInside(400), "answered 400: out of memory"),
            (Fault::ChoicesMissing, "choices: expected a list"),
            (Fault::ChoicesDoubled, "choices: expected one choice"),
            (Fault::ChoicesForeign, "choices/0/index: expected 0, found 1"),
            (Fault::ChoicesOutOfOrder, "choices: expected one choice"),
        ] {
            let start = Instant::now();
            let (text, asked) = under(&dialect, &fault, u64::MAX);
            let error = text.unwrap_err();
            assert!(error.contains(cause), "{} {fault:?}: {error}", dialect.name);
            assert_eq!(asked, 1, "{} {fault:?}", dialect.name);
            assert!(start.elapsed() < Duration::from_secs(3), "{} {fault:?}", dialect.name);
        }
    }
    let (text, asked) = under(&Dialect::VLLM, &Fault::CutJson, u64::MAX);
    assert!(text.unwrap_err().contains("expected JSON"));
    assert_eq!(asked, 1);
}

#[test]
fn what_is_odd_and_right_is_read() {
    for dialect in both() {
        for fault in [Fault::Latency(Duration::from_millis(50)), Fault::Merged, Fault::Split, Fault::NoDone] {
            if dialect == Dialect::VLLM && fault == Fault::NoDone {
                continue;
            }
            let (text, asked) = under(&dialect, &fault, u64::MAX);
            assert_eq!((text.unwrap(), asked), (solution(QUESTION)[..6].concat(), 1), "{} {fault:?}", dialect.name);
        }
    }
}

#[test]
fn log_probabilities_that_do_not_fit_are_dropped_and_counted() {
    for fault in [Fault::LogprobsNull, Fault::LogprobsShort] {
        for dialect in [Dialect::VLLM, Dialect::LLAMA_CPP] {
            let server = StandIn::start(Manners::new(dialect.clone()));
            let spoilt = fault.clone();
            let proxy = Proxy::start(server.address, move |_| spoilt.clone());
            let mut model = model(endpoint(&proxy.url(), dialect.clone()), plain()).with_logprobs(true).unwrap();
            let step = next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap();
            assert_eq!(step.text, solution(QUESTION)[..6].concat());
            assert!(step.logprobs.is_empty(), "{} {fault:?}", dialect.name);
            assert_eq!(model.counts().without_logprobs, 1);
        }
    }
}

#[test]
fn a_server_is_given_the_time_that_it_asks_for() {
    let seconds = || "retry-after: 1\r\n".to_owned();
    let date = || {
        let soon = SystemTime::now() + Duration::from_secs(2);
        format!("retry-after: {}\r\n", httpdate::fmt_http_date(soon))
    };
    // A date has whole seconds, so up to one less than two are left.
    for (header, least) in [(&seconds as &dyn Fn() -> String, 1000), (&date, 500)] {
        let (header, start) = (header(), Instant::now());
        let (text, asked) = under(&Dialect::VLLM, &status(429, &header, "{}"), 1);
        assert_eq!(asked, 2, "{header}: {text:?}");
        text.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(least), "{header}: {:?}", start.elapsed());
    }
    let (text, asked) = under(&Dialect::VLLM, &status(429, "retry-after: 3600\r\n", "{}"), 1);
    let error = text.unwrap_err();
    assert!(error.contains("429") && error.contains("a longer wait than is allowed"), "{error}");
    assert_eq!(asked, 1);
}

#[test]
fn nobody_there_and_no_such_host_are_told() {
    for (url, cause) in [("http://127.0.0.1:1", "connecting"), ("http://no-such-host.invalid:8000", "connecting")] {
        let retry = Retry::default().with_waits(Duration::from_millis(1), Duration::from_millis(2)).with_attempts(3);
        let mut model = model(endpoint(url, Dialect::VLLM).with_retry(retry), plain());
        let error = next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap_err();
        let told = error.starts_with(url) && error.contains(cause) && error.contains("tried 3 times");
        assert!(told, "{error}");
        assert_eq!((model.counts().requests, model.counts().retries, model.counts().failures), (3, 2, 1));
    }
}

#[test]
fn repetitions_have_a_budget_and_a_sick_server_has_rest() {
    let server = StandIn::start(Manners::new(Dialect::VLLM));
    let ms = Duration::from_millis;
    let solve = |retry: Retry| {
        let proxy = Proxy::start(server.address, |_| status(500, "", "{}"));
        let mut model = model(endpoint(&proxy.url(), Dialect::VLLM).with_retry(retry), plain());
        let mut errors = Vec::new();
        for _ in 0..10 {
            errors.push(next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap_err());
        }
        (proxy.asked(), errors.pop().unwrap())
    };
    let quick = Retry::default().with_waits(ms(1), ms(2)).with_attempts(5).with_rest(1000, ms(1));
    assert_eq!(solve(quick).0, 50);
    let (asked, last) = solve(quick.with_budget(7));
    assert!(asked == 17 && last.contains("the budget of repetitions was spent"), "{asked}: {last}");
    let (asked, last) = solve(quick.with_attempts(1).with_rest(3, ms(60_000)));
    assert!(asked == 3 && last.contains("3 requests in a row have failed"), "{asked}: {last}");
}

#[test]
fn a_key_is_seen_by_the_server_alone() {
    logs::keep();
    let server = StandIn::start(Manners::new(Dialect::VLLM));
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
    let server = StandIn::start(Manners::new(Dialect::VLLM));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut model = model(endpoint(&server.url(), Dialect::VLLM), plain());
        next(&mut model, QUESTION, &[], &StepRule::new(&BlankLine::new(), 64)).unwrap();
    });
}

/// A number that looks random, from `at`.
fn mixed(at: u64) -> u64 {
    arbitrage_core::Draw::new(at).next_u64()
}

/// Four answers in ten are spoilt, in one of all the ways there are.
fn storm(at: u64) -> Fault {
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
fn two_hundred_problems_in_a_storm_are_finished_or_end_with_the_cause() {
    logs::keep();
    for dialect in both() {
        let server = StandIn::start(Manners::new(dialect.clone()));
        let proxy = Proxy::start(server.address, storm);
        let client = Client::new(endpoint(&proxy.url(), dialect.clone()).with_in_flight(64).unwrap()).unwrap();
        let (solved, failed) = run(&client, &proxy.url(), dialect.name, || {});
        println!("{}: {solved} solved, {failed} ended with their cause, {} requests", dialect.name, proxy.asked());
        assert!(solved > 5 && failed > 5, "{solved} solved, {failed} failed");
        assert!(!logs::lines().contains(KEY));
    }
}

#[test]
fn a_server_that_is_restarted_loses_no_problem() {
    for dialect in both() {
        let delay = Duration::from_micros(300);
        let server = Arc::new(StandIn::start(Manners { delay, ..Manners::new(dialect.clone()) }));
        let ms = Duration::from_millis;
        let retry =
            Retry::default().with_waits(ms(20), ms(200)).with_attempts(40).with_budget(10_000).with_rest(8, ms(50));
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

/// Solves 200 problems with both roles at one server, and holds every answer and record against what they must be. Returns how
/// many were solved, and how many ended with a typed error.
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
            Err(EngineError::Part { source, .. }) => {
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
fn endpoints_know_their_key_by_the_environment() {
    let usable = |(_, value): &(String, String)| value.len() > 5 && value.bytes().all(|byte| byte.is_ascii_graphic());
    let (name, value) = std::env::vars().find(usable).unwrap();
    let endpoint = Endpoint::new("http://x", Dialect::VLLM).unwrap().with_key_from(&name).unwrap();
    assert!(!format!("{endpoint:?}").contains(&value));
}
