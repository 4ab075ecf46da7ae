//! Many sequences take little more time than one, the client itself almost none, and prompts hit the server's cache.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use arbitrage_core::router::AlwaysTarget;
use arbitrage_core::segmenter::BlankLine;
use arbitrage_core::testing::Scripted;
use arbitrage_core::{Engine, Limits, Problem, Shared, StepRule, Target};
use arbitrage_models::remote::{Dialect, RequestCounts};

use crate::http::Message;
use crate::mock_server::{MockBehavior, MockServer};
use crate::{endpoint, model, next, plain};

/// Solves 16 problems of equal length with `in_flight` at once. Returns the time and the counts.
fn solve(server: &MockServer, dialect: &Dialect, in_flight: usize) -> (Duration, RequestCounts) {
    let model = model(endpoint(&server.url(), dialect.clone()), plain());
    let model = Shared::new(model, "m");
    let limits = Limits::default().with_in_flight(in_flight);
    let mut engine =
        Engine::new(Scripted::new("draft", ["no"]), Target(model.clone()), AlwaysTarget).with_limits(limits);
    let problems: Vec<Problem> =
        (10..26).map(|at| Problem::new(format!("question {at}, which is as long as others?"))).collect();
    let start = Instant::now();
    engine.solve_all(&problems).into_iter().for_each(|answer| drop(answer.unwrap()));
    let counts = model.lock().counts();
    (start.elapsed(), counts)
}

#[test]
fn sixteen_in_flight_are_twelve_times_as_fast() {
    for dialect in [Dialect::VLLM, Dialect::OPENAI] {
        let server =
            MockServer::start(MockBehavior { delay: Duration::from_millis(25), ..MockBehavior::new(dialect.clone()) });
        let (one, _) = solve(&server, &dialect, 1);
        // After a stream is closed, its server goes on until it notices.
        assert!(server.busiest() == 1 || dialect == Dialect::OPENAI);
        let (sixteen, _) = solve(&server, &dialect, 16);
        let ratio = one.as_secs_f64() / sixteen.as_secs_f64();
        println!("{}: one at a time {one:?}, sixteen {sixteen:?}: {ratio:.1} times", dialect.name);
        assert!(ratio >= 12.0, "{}: {ratio}", dialect.name);
        assert!(server.busiest() == 16 || dialect == Dialect::OPENAI);
    }
}

#[test]
fn the_limit_on_requests_in_flight_holds() {
    let server =
        MockServer::start(MockBehavior { delay: Duration::from_millis(1), ..MockBehavior::new(Dialect::VLLM) });
    let bounded = endpoint(&server.url(), Dialect::VLLM).with_in_flight(3).unwrap();
    let model = Shared::new(model(bounded, plain()), "m");
    let limits = Limits::default().with_in_flight(16);
    let mut engine = Engine::new(Scripted::new("draft", ["no"]), Target(model), AlwaysTarget).with_limits(limits);
    let problems: Vec<Problem> = (0..16).map(|at| Problem::new(format!("question {at}?"))).collect();
    engine.solve_all(&problems).into_iter().for_each(|answer| drop(answer.unwrap()));
    assert_eq!(server.busiest(), 3);
    // Of 64 requests; a connection may be opened just before another becomes free.
    assert!(server.connections() <= 16, "{}", server.connections());
}

#[test]
fn the_client_costs_less_than_a_millisecond_a_step() {
    const STEPS: usize = 300;
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let mut model = model(endpoint(&server.url(), Dialect::VLLM), plain());
    let (segmenter, question) = (BlankLine::new(), "six times seven?");
    let rule = StepRule::new(&segmenter, 64);
    next(&mut model, question, &[], &rule).unwrap();
    // The same exchanges over a bare socket.
    let body = server.requests()[0].1.to_string();
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
    let request = format!("POST /v1/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..STEPS {
        let start = Instant::now();
        writer.write_all(request.as_bytes()).unwrap();
        Message::read(&mut reader).unwrap();
        bare.push(start.elapsed());
        let start = Instant::now();
        next(&mut model, question, &[], &rule).unwrap();
        ours.push(start.elapsed());
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (bare, ours) = (median(&mut bare), median(&mut ours));
    println!("a step: {ours:?}, of which {bare:?} are the exchange itself");
    assert!(ours.saturating_sub(bare) < Duration::from_millis(1), "{ours:?} against {bare:?}");
    assert!(server.connections() < 10, "{}", server.connections());
}

#[test]
fn prefixes_are_found_in_the_servers_cache() {
    for dialect in [Dialect::VLLM, Dialect::SGLANG, Dialect::LLAMA_CPP] {
        let server = MockServer::start(MockBehavior::new(dialect.clone()));
        let (_, counts) = solve(&server, &dialect, 16);
        // All but the first prompts are cached, except for the tokens after the last whole block of 16.
        let first: u64 = 16 * (10 + 16);
        let lost = counts.prompt_tokens - counts.cached_tokens;
        println!("{}: {} of {} prompt tokens cached", dialect.name, counts.cached_tokens, counts.prompt_tokens);
        assert!(lost <= first + 16 * counts.requests, "{}: {counts:?}", dialect.name);
        assert!(counts.cached_tokens * 2 > counts.prompt_tokens, "{}: {counts:?}", dialect.name);
    }
}
