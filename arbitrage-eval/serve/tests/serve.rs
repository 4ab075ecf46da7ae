//! The server on fake models, over real sockets: its responses, its errors and its shutdown.

#[path = "serve/client.rs"]
mod client;
#[path = "serve/running.rs"]
mod running;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arbitrage_core::router::{Budget, Random, Rsd};
use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::testing::{CallLog, Flaky, Scripted};
use arbitrage_core::{
    AdvantageRouter, Drafter, Engine, Prefix, Problem, Role, Route, Solution, StepResult, StepRule, router_fn,
};
use arbitrage_router::Policy;
use arbitrage_router::calibrate::Promise;
use arbitrage_serve::{ApiKey, Dispatch, Policies, ServeError, Server};
use client::{JSON, Reply, finish, get, open, post};
use running::{CallGate, Gated, Running, ascii, babblers, limits, logged, policies, server, wait};
use serde_json::{Value, json};

/// A request about question `number`.
fn question(number: u64, more: Value) -> Value {
    let content = format!("Question {number}?");
    let mut body = json!({"model": "arbitrage", "seed": number, "messages": [{"role": "user", "content": content}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The solution that the engine gives without a server.
fn solved(number: u64, router: impl AdvantageRouter) -> Solution {
    let (draft, target) = babblers();
    let problem = Problem::new(format!("Question {number}?")).with_seed(number);
    Engine::new(draft, target, router).with_limits(limits()).solve(&problem).unwrap()
}

fn content(reply: &Reply) -> String {
    reply.json()["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
}

fn authors(steps: &Value) -> Vec<String> {
    steps.as_array().unwrap().iter().map(|step| step["author"].as_str().unwrap().to_owned()).collect()
}

fn two_lines() -> (Scripted, Scripted) {
    (Scripted::new("draft", ["one\n\n", "two\n\n", "three"]), Scripted::new("target", ["ONE\n\n", "TWO\n\n", "THREE"]))
}

#[test]
fn answers_are_the_engines() {
    let (draft, target) = babblers();
    let running = Running::of(draft, target);
    for number in 0..8 {
        let reply = running.chat(&question(number, json!({"arbitrage": {"policy": "random:0.4"}})));
        let (json, solution) = (reply.json(), solved(number, Random::new(0.4).unwrap()));
        assert_eq!((reply.status, content(&reply)), (200, solution.text()));
        let own: Vec<String> = solution.steps.iter().map(|accepted| accepted.author.to_string()).collect();
        assert_eq!(authors(&json["arbitrage"]["steps"]), own);
        let kept: usize = solution.steps.iter().map(|accepted| accepted.step.token_count()).sum();
        assert_eq!(json["usage"]["completion_tokens"], kept);
        assert_eq!(json["arbitrage"]["acceptance_by_steps"], json!(solution.usage.acceptance_by_steps()));
        assert_eq!(json["arbitrage"]["stop"], json!(solution.stop));
        assert_eq!(
            (json["object"].as_str(), json["arbitrage"]["seed"].as_u64()),
            (Some("chat.completion"), Some(number))
        );
        let reason = if json["arbitrage"]["stop"] == "end_of_text" { "stop" } else { "length" };
        assert_eq!(json["choices"][0]["finish_reason"], reason);
        assert_eq!(reply.header("x-request-id"), json["id"].as_str());
    }
    running.close().unwrap();
}

#[test]
fn streams_have_the_author_of_each_step() {
    let (draft, target) = babblers();
    let running = Running::of(draft, target);
    for number in 0..8 {
        let options =
            json!({"stream": true, "stream_options": {"include_usage": true}, "arbitrage": {"policy": "random:0.4"}});
        let reply = running.chat(&question(number, options));
        assert!(reply.header("content-type").unwrap().starts_with("text/event-stream"));
        let (mut events, done) = reply.events();
        let (used, last) = (events.pop().unwrap(), events.pop().unwrap());
        let solution = solved(number, Random::new(0.4).unwrap());
        let texts: Vec<_> =
            events.iter().map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap()).collect();
        let steps: Vec<_> = solution.steps.iter().map(|accepted| accepted.step.text.as_str()).collect();
        assert_eq!(texts, steps, "an event a step");
        for (at, event) in events.iter().enumerate() {
            let author = solution.steps[at].author.to_string();
            assert_eq!(
                (event["arbitrage"]["step"].as_u64(), event["arbitrage"]["author"].as_str()),
                (Some(at as u64), Some(author.as_str()))
            );
            assert_eq!(event["choices"][0]["delta"].get("role").is_some(), at == 0);
            assert!(event["choices"][0]["finish_reason"].is_null() && event["usage"].is_null());
            assert_eq!(event["object"], "chat.completion.chunk");
        }
        assert!(last["choices"][0]["finish_reason"].is_string() && done);
        assert_eq!((&used["choices"], used["usage"]["total_tokens"].is_u64()), (&json!([]), true));
    }
    running.close().unwrap();
}

#[test]
fn plain_completions_are_served_too() {
    let (draft, target) = two_lines();
    let running = Running::of(draft, target);
    let body = json!({"model": "arbitrage", "prompt": "Count."});
    let reply = post(running.address, "/v1/completions", &body).json();
    assert_eq!(
        (&reply["choices"][0]["text"], &reply["object"]),
        (&json!("one\n\ntwo\n\nthree"), &json!("text_completion"))
    );
    let body = json!({"model": "arbitrage:target", "prompt": ["Count."], "stream": true});
    let (events, done) = post(running.address, "/v1/completions", &body).events();
    let text: String = events.iter().map(|event| event["choices"][0]["text"].as_str().unwrap()).collect();
    assert_eq!((text.as_str(), events.len(), done), ("ONE\n\nTWO\n\nTHREE", 4, true), "the last says why it ends");
    let body = json!({"model": "arbitrage", "prompt": "Count.", "max_tokens": 3});
    let reply = post(running.address, "/v1/completions", &body).json();
    assert_eq!(
        (&reply["choices"][0]["text"], &reply["choices"][0]["finish_reason"]),
        (&json!("one\n\ntwo\n\n"), &json!("length"))
    );
    running.close().unwrap();
}

#[test]
fn steps_are_sent_as_they_are_written() {
    let gate = CallGate::default();
    let (draft, target) = two_lines();
    let running = Running::of(Gated(gate.clone(), draft), target);
    let mut stream = running.ask(&question(0, json!({"stream": true})));
    let mut received = String::new();
    for word in ["one", "two", "three"] {
        assert!(!received.contains(word));
        gate.let_through(1);
        while !received.contains(word) {
            let mut some = [0; 4096];
            let count = stream.read(&mut some).unwrap();
            received += std::str::from_utf8(&some[..count]).unwrap();
        }
    }
    running.close().unwrap();
}

#[test]
fn requests_choose_their_policy() {
    let log = CallLog::new();
    let (draft, target) = logged(&log);
    let running = Running::of(draft, target);
    let calls = |role| log.of(role).len();
    let asked = |number, choice: Value| content(&running.chat(&question(number, json!({"arbitrage": choice}))));

    assert_eq!(asked(1, json!({"policy": "draft"})), solved(1, router_fn(|_| Route::Accept)).text());
    assert_eq!(calls(Role::Verifier), 0, "the draft alone");
    let drafted = calls(Role::Drafter);
    assert_eq!(asked(1, json!({"policy": "target"})), solved(1, router_fn(|_| Route::Escalate)).text());
    assert_eq!(calls(Role::Drafter), drafted, "the target alone");

    let by_ascii = |tau| router_fn(move |c| Route::escalate_if(ascii(&c.draft.text) > tau));
    assert_eq!(asked(2, json!({"policy": "learned"})), solved(2, by_ascii(0.5)).text());
    for tau in [0.0, 0.3, 0.6, 1.0] {
        assert_eq!(asked(2, json!({"policy": "learned", "tau": tau})), solved(2, by_ascii(tau)).text());
        let rsd = Rsd::new(scorer_fn(|_, step| ascii(&step.text)), tau).unwrap();
        assert_eq!(asked(3, json!({"policy": format!("rsd:{tau}")})), solved(3, rsd).text());
        let budget = Budget::new(by_ascii(tau), 1);
        assert_eq!(asked(4, json!({"policy": "learned", "tau": tau, "budget": 1})), solved(4, budget).text());
    }
    let reply = running.chat(&question(5, json!({"arbitrage": {"policy": "learned", "tau": 0.3, "budget": 2}}))).json();
    assert_eq!((&reply["arbitrage"]["policy"], &reply["arbitrage"]["budget"]), (&json!("learned:0.3"), &json!(2)));
    let steps = reply["arbitrage"]["steps"].as_array().unwrap();
    assert!(authors(&reply["arbitrage"]["steps"]).iter().filter(|author| *author == "target").count() <= 2);
    assert!(steps.iter().any(|step| step["estimate"].is_number()));
    running.close().unwrap();
}

/// The choice of request `number` in a mixed load, and the expected text.
fn mixed(number: u64) -> (Value, String) {
    let by_ascii = |tau| router_fn(move |c| Route::escalate_if(ascii(&c.draft.text) > tau));
    let rsd = || Rsd::new(scorer_fn(|_, step| ascii(&step.text)), 0.4).unwrap();
    let tau = (number % 7) as f32 / 8.0;
    match number % 5 {
        0 => (json!({"policy": "draft"}), solved(number, router_fn(|_| Route::Accept)).text()),
        1 => (json!({"policy": "learned", "tau": tau}), solved(number, by_ascii(tau)).text()),
        2 => (json!({"policy": "rsd:0.4", "budget": 2}), solved(number, Budget::new(rsd(), 2)).text()),
        3 => (json!({"policy": "random:0.5"}), solved(number, Random::new(0.5).unwrap()).text()),
        _ => (
            json!({"policy": "target", "budget": 3}),
            solved(number, Budget::new(router_fn(|_| Route::Escalate), 3)).text(),
        ),
    }
}

/// Counts the responses to many clients.
#[derive(Default)]
struct Tally {
    refused: AtomicUsize,
    answered: AtomicUsize,
}

/// Runs `clients` clients with `each` requests, which are repeated where the queue is full. Every second client streams.
fn crowd(running: &Running, clients: u64, each: u64, tally: &Tally) {
    std::thread::scope(|scope| {
        for client in 0..clients {
            scope.spawn(move || {
                for number in client * each..(client + 1) * each {
                    let (choice, expected) = mixed(number);
                    let body = question(number, json!({"arbitrage": choice, "stream": client % 2 == 0}));
                    let reply = loop {
                        let reply = running.chat(&body);
                        if reply.status != 429 {
                            break reply;
                        }
                        assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
                        assert_eq!(reply.code(), "queue_full");
                        tally.refused.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(20));
                    };
                    let text = if client % 2 == 0 { streamed(&reply) } else { content(&reply) };
                    assert_eq!((reply.status, text), (200, expected), "request {number}");
                    tally.answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
}

fn streamed(reply: &Reply) -> String {
    let (events, done) = reply.events();
    assert!(done, "{reply:?}");
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

#[test]
fn sixty_four_clients_get_what_they_asked_for() {
    let log = CallLog::new();
    let running = Running::open(server(logged(&log), limits()).with_queue_capacity(64).unwrap());
    let tally = Tally::default();
    crowd(&running, 64, 6, &tally);
    assert_eq!((tally.answered.into_inner(), tally.refused.into_inner()), (384, 0), "the queue holds them all");
    assert_eq!((running.metric("arbitrage_in_flight"), running.metric("arbitrage_queue_length")), (0.0, 0.0));
    let released = log.released().iter().filter(|(role, _)| *role == Role::Drafter).count();
    assert_eq!(released, 384, "nothing is kept of those that are done");
    assert!(log.of(Role::Drafter).iter().any(|call| call.batch > 1), "side by side");
    running.close().unwrap();
}

#[test]
fn a_small_queue_refuses_cleanly_and_loses_nothing() {
    let running = Running::open(server(babblers(), limits().with_in_flight(2)).with_queue_capacity(2).unwrap());
    let tally = Tally::default();
    crowd(&running, 24, 4, &tally);
    assert_eq!(tally.answered.into_inner(), 96);
    let refused = running.metric("arbitrage_requests_total{endpoint=\"chat/completions\",status=\"429\"}");
    assert_eq!(refused as usize, tally.refused.into_inner());
    running.close().unwrap();
}

#[test]
fn a_full_queue_says_when_to_try_again() {
    let gate = CallGate::default();
    let (draft, target) = two_lines();
    let running = Running::open(
        server((Gated(gate.clone(), draft), target), limits().with_in_flight(1)).with_queue_capacity(1).unwrap(),
    );
    let first = running.ask(&question(0, json!({})));
    running.wait_for("arbitrage_in_flight", 1.0);
    let second = running.ask(&question(1, json!({})));
    running.wait_for("arbitrage_queue_length", 1.0);
    let refused = running.chat(&question(2, json!({})));
    assert_eq!((refused.status, refused.code().as_str()), (429, "queue_full"));
    assert!((1..=60).contains(&refused.header("retry-after").unwrap().parse::<u64>().unwrap()));

    drop(second);
    wait("the place of a disconnected client", || {
        let third = running.ask(&question(3, json!({})));
        third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        third.peek(&mut [0]).is_err() // it waits, since there is no 429; then it disconnects too
    });
    gate.let_through(100);
    assert_eq!(content(&finish(first)), "one\n\ntwo\n\nthree");
    running.close().unwrap();
}

#[test]
fn requests_are_served_in_order() {
    let (log, gate) = (CallLog::new(), CallGate::default());
    let (draft, target) = two_lines();
    let drafter = Gated(gate.clone(), log.record(draft));
    let running = Running::open(server((drafter, target), limits().with_in_flight(1)));
    let ask = |number| {
        let stream = running.ask(&question(number, json!({})));
        let come =
            || running.metric("arbitrage_queue_length") + running.metric("arbitrage_in_flight") == (number + 1) as f64;
        wait("its place in the queue", come);
        stream
    };
    let asked: Vec<_> = (0..5).map(ask).collect();
    gate.let_through(100);
    let came: Vec<_> =
        asked.into_iter().map(|stream| finish(stream).header("x-request-id").unwrap().to_owned()).collect();
    let mut served: Vec<_> = log.of(Role::Drafter).into_iter().map(|call| call.problem).collect();
    served.dedup();
    assert_eq!(served, came);
    running.close().unwrap();
}

#[test]
fn broken_requests_do_not_affect_others() {
    let (draft, target) = two_lines();
    let running = Running::of(draft, target);
    for broken in [
        "\u{0}\u{1}garbage\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost",
    ] {
        let mut stream = std::net::TcpStream::connect(running.address).unwrap();
        stream.write_all(broken.as_bytes()).unwrap();
    }
    assert_eq!(running.chat(&question(0, json!({}))).status, 200);
    running.close().unwrap();
}

#[test]
fn a_disconnected_client_cancels_its_sequence() {
    let (log, gate) = (CallLog::new(), CallGate::default());
    let (draft, target) = babblers();
    let running = Running::of(Gated(gate.clone(), log.record(draft)), log.record(target));
    let staying = running.ask(&question(3, json!({"stream": true})));
    running.wait_for("arbitrage_in_flight", 1.0);
    let leaving = [running.ask(&question(4, json!({"stream": true}))), running.ask(&question(5, json!({})))];
    running.wait_for("arbitrage_queue_length", 2.0);
    gate.let_through(1);
    running.wait_for("arbitrage_in_flight", 3.0);
    gate.let_through(1);
    running.wait_for("arbitrage_steps_total{author=\"draft\"}", 4.0);
    drop(leaving);
    std::thread::sleep(Duration::from_millis(200));
    gate.let_through(1000);
    assert_eq!(streamed(&finish(staying)), solved(3, router_fn(|_| Route::Accept)).text(), "the others go on");
    running.wait_for("arbitrage_in_flight", 0.0);
    assert_eq!(running.metric("arbitrage_solutions_total{end=\"cancelled\"}"), 2.0);
    let released = log.released().iter().filter(|(role, _)| *role == Role::Drafter).count();
    assert_eq!(released, 3, "their caches too");
    running.close().unwrap();
}

#[test]
fn errors_have_their_status_and_shape() {
    let (draft, target) = two_lines();
    let running = Running::open(server((draft, target), limits()).with_max_body_bytes(1000));
    let to = running.address;
    let chat = "/v1/chat/completions";
    let good = question(0, json!({})).to_string();
    let long = question(0, json!({"user": "x".repeat(1000)})).to_string();
    let unknown = question(0, json!({"model": "gpt-4"})).to_string();
    let bad = question(0, json!({"temperature": 1})).to_string();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let table = [
        ("POST", chat, JSON, bad.as_str(), 400, json!(null), json!("temperature")),
        ("POST", chat, JSON, "{", 400, json!(null), json!(null)),
        ("POST", chat, JSON, unknown.as_str(), 404, json!("model_not_found"), json!("model")),
        ("GET", "/v1/models/gpt-4", JSON, "", 404, json!("model_not_found"), json!("model")),
        ("GET", "/v1/models/%ff", JSON, "", 404, json!("not_found"), json!(null)),
        ("GET", "/v2", JSON, "", 404, json!("not_found"), json!(null)),
        ("GET", chat, JSON, "", 405, json!("method_not_allowed"), json!(null)),
        ("POST", "/metrics", JSON, "", 405, json!("method_not_allowed"), json!(null)),
        ("POST", chat, JSON, long.as_str(), 413, json!("too_large"), json!(null)),
        ("POST", chat, form, good.as_str(), 415, json!("unsupported_media_type"), json!(null)),
    ];
    for (method, path, kind, body, status, code, param) in table {
        let reply = finish(open(to, method, path, &[kind], body));
        let error = &reply.json()["error"];
        assert_eq!((reply.status, &error["code"], &error["param"]), (status, &code, &param), "{reply:?}");
        assert!(error["message"].is_string() && error["type"] == "invalid_request_error");
    }
    let chunked = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let mut stream = std::net::TcpStream::connect(to).unwrap();
    stream.write_all(format!("POST {chat} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunked}").as_bytes()).unwrap();
    assert_eq!(finish(stream).status, 413, "also where the length is not announced");
    assert_eq!(
        finish(open(to, "POST", chat, &[("content-type", "application/json; charset=utf-8")], &good)).status,
        200
    );
    assert!(finish(open(to, "GET", chat, &[], "")).header("allow").is_some());
    running.close().unwrap();
}

#[test]
fn a_configured_key_is_required() {
    let (draft, target) = two_lines();
    let running = Running::open(server((draft, target), limits()).with_api_key(ApiKey::new("secret").unwrap()));
    let models = |headers: &[(&str, &str)]| finish(open(running.address, "GET", "/v1/models", headers, ""));
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", "secret")]] {
        let reply = models(headers);
        assert_eq!((reply.status, reply.code().as_str()), (401, "invalid_api_key"));
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert!(!reply.body.contains("secret") && !reply.body.contains("wrong"));
    }
    assert_eq!(running.chat(&question(0, json!({}))).status, 401);
    assert_eq!(models(&[("authorization", "Bearer secret")]).status, 200);
    assert_eq!(get(running.address, "/health").status, 200, "health checks have no key");
    assert_eq!(get(running.address, "/metrics").status, 200);
    running.close().unwrap();
}

#[test]
fn a_failure_is_never_a_shorter_success() {
    let (draft, target) = two_lines();
    let running = Running::of(Flaky::new(draft, 1).for_good(), target);
    let (events, done) = running.chat(&question(0, json!({"stream": true}))).events();
    assert_eq!(events[0]["choices"][0]["delta"]["content"], "one\n\n");
    let error = &events[1]["error"];
    assert!(error["message"].as_str().unwrap().contains("failure 1, as told") && error["code"] == "engine_failed");
    assert!(!done && events.len() == 2);
    for stream in [false, true] {
        let reply = running.chat(&question(0, json!({"stream": stream})));
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (500, "engine_failed"),
            "before the first step it is no stream"
        );
    }
    assert_eq!(running.metric("arbitrage_solutions_total{end=\"failed\"}"), 3.0);
    running.close().unwrap();

    let (draft, target) = two_lines();
    let server = server((Flaky::new(draft, 0), target), limits())
        .with_request_errors(|error| error.to_string().contains("as told"));
    let running = Running::open(server);
    let reply = running.chat(&question(0, json!({})));
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "context_length_exceeded"),
        "where the request is at fault"
    );
    running.close().unwrap();
}

/// Panics at its first call.
struct PanickingDrafter;

impl Drafter for PanickingDrafter {
    fn name(&self) -> &str {
        "panicking"
    }

    fn draft(&mut self, _prefixes: &[Prefix<'_>], _rule: &StepRule<'_>) -> Vec<StepResult> {
        panic!("as told")
    }
}

#[test]
fn a_panic_of_the_engine_ends_all_requests() {
    let running = Running::of(PanickingDrafter, two_lines().1);
    let reply = running.chat(&question(0, json!({})));
    assert_eq!((reply.status, reply.code().as_str()), (500, "engine_failed"));
    assert!(matches!(running.close(), Err(ServeError::EnginePanicked)), "and the server ends");
}

#[test]
fn a_stop_finishes_accepted_requests_and_refuses_new_ones() {
    let gate = CallGate::default();
    let (draft, target) = two_lines();
    let running = Running::open(server((Gated(gate.clone(), draft), target), limits().with_in_flight(1)));
    let taken = [running.ask(&question(0, json!({"stream": true}))), running.ask(&question(1, json!({})))];
    running.wait_for("arbitrage_queue_length", 1.0);
    assert_eq!(get(running.address, "/ready").status, 200);
    running.tell_to_stop();
    wait("the refusal", || get(running.address, "/ready").status == 503);
    let refused = running.chat(&question(2, json!({})));
    assert_eq!((refused.status, refused.code().as_str()), (503, "stopping"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(get(running.address, "/health").status, 200, "the engine still runs");
    gate.let_through(100);
    let [first, second] = taken.map(finish);
    assert_eq!(
        (streamed(&first), content(&second)),
        ("one\n\ntwo\n\nthree".to_owned(), "one\n\ntwo\n\nthree".to_owned())
    );
    assert_eq!(running.close().unwrap().aborted_requests, 0);
}

#[test]
fn the_grace_period_ends() {
    let gate = CallGate::default();
    let (draft, target) = two_lines();
    let server = server((Gated(gate.clone(), draft), target), limits().with_in_flight(1));
    let running = Running::open(server.with_grace_period(Duration::from_millis(100)));
    let begun = running.ask(&question(0, json!({"stream": true})));
    running.wait_for("arbitrage_in_flight", 1.0);
    gate.let_through(1);
    running.wait_for("arbitrage_steps_total{author=\"draft\"}", 1.0);
    let waiting = running.ask(&question(1, json!({})));
    running.wait_for("arbitrage_queue_length", 1.0);
    running.tell_to_stop();
    std::thread::sleep(Duration::from_millis(300));
    gate.let_through(1); // a call to a model is never interrupted
    let (events, done) = finish(begun).events();
    assert_eq!((&events.last().unwrap()["error"]["code"], done), (&json!("stopping"), false));
    let waiting = finish(waiting);
    assert_eq!((waiting.status, waiting.code().as_str()), (503, "stopping"));
    assert_eq!(running.close().unwrap().aborted_requests, 2);
}

#[test]
fn models_are_listed() {
    let (draft, target) = two_lines();
    let running = Running::open(server((draft, target), limits()).with_model_name("mini"));
    let list = get(running.address, "/v1/models").json();
    assert_eq!(list["data"][0]["arbitrage"].get("promise"), None, "nothing was promised");
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["mini", "mini:draft", "mini:target"]);
    assert_eq!(get(running.address, "/v1/models/mini:draft").json()["arbitrage"]["draft"], "draft");
    running.close().unwrap();
}

#[test]
fn a_promise_is_part_of_the_description_unless_there_is_a_budget() {
    let promise: Promise = serde_json::from_value(json!({
        "loss": 0.02, "confidence": 0.95, "tau": 0.5, "problems": 1041, "lost": 3, "upper_bound": 0.0075, "left_out": 0,
        "calibrated_on": {"name": "held out"}, "conditions": {"limits": limits()},
    }))
    .unwrap();
    let described = |policies: Policies| {
        let (draft, target) = two_lines();
        let server = Server::new(policies, |router: Dispatch| Engine::new(draft, target, router)).unwrap();
        let running = Running::open(server);
        let description = get(running.address, "/v1/models/arbitrage").json()["arbitrage"]["promise"].clone();
        running.close().unwrap();
        description
    };
    let found = described(policies().with_promise(promise.clone()));
    assert_eq!((&found["loss"], &found["text"]), (&json!(0.02), &json!(promise.to_string())));
    assert_eq!(described(policies().with_promise(promise).with_budget(3)), json!(null));
}

#[test]
fn metrics_add_up() {
    let (draft, target) = two_lines();
    let running = Running::of(draft, target);
    for policy in ["draft", "target", "random:1"] {
        assert_eq!(running.chat(&question(0, json!({"arbitrage": {"policy": policy}}))).status, 200);
    }
    let expected = [
        ("arbitrage_steps_total{author=\"draft\"}", 3.0),
        ("arbitrage_steps_total{author=\"target\"}", 6.0),
        ("arbitrage_acceptance_ratio", 1.0 / 3.0),
        ("arbitrage_tokens_total{role=\"draft\",kind=\"decoded\"}", 10.0),
        ("arbitrage_tokens_total{role=\"draft\",kind=\"kept\"}", 5.0),
        ("arbitrage_tokens_total{role=\"target\",kind=\"decoded\"}", 10.0),
        ("arbitrage_solutions_total{end=\"end_of_text\"}", 3.0),
        ("arbitrage_requests_total{endpoint=\"chat/completions\",status=\"200\"}", 3.0),
        ("arbitrage_queue_capacity", 64.0),
        ("arbitrage_request_seconds_count", 3.0),
        ("arbitrage_queue_seconds_count", 3.0),
        ("arbitrage_first_step_seconds_count", 3.0),
    ];
    for (name, value) in expected {
        assert!((running.metric(name) - value).abs() < 1e-9, "{name}: {}", running.metric(name));
    }
    let text = get(running.address, "/metrics").body;
    for role in ["draft", "target", "router"] {
        assert!(text.contains(&format!("arbitrage_role_seconds_total{{role=\"{role}\"}}")), "{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    running.close().unwrap();
}

#[test]
fn invalid_settings_are_refused() {
    let models = || two_lines();
    let build = |policies: Policies| Server::new(policies, |router| Engine::new(models().0, models().1, router));
    assert!(matches!(build(Policies::new(Policy::Oracle(0.0))), Err(ServeError::DefaultPolicy(_))));
    assert!(matches!(build(Policies::new(Policy::Learned(None))), Err(ServeError::DefaultPolicy(_))));
    assert!(build(policies()).unwrap().with_queue_capacity(0).is_err());
    let server = server(models(), limits().with_in_flight(0));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(matches!(server.run(listener, || true), Err(ServeError::Config(_))));
}
