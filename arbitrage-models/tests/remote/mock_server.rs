//! A server without a model: its solutions are fixed, and it implements every dialect.

use std::io::BufReader;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use arbitrage_models::remote::{AnswerFormat, Dialect, StopReporting};
use serde_json::{Value, json};

use crate::http::{self, Message};

/// How a mock server behaves.
#[derive(Clone)]
pub(crate) struct MockBehavior {
    pub dialect: Dialect,
    /// The time that each token takes.
    pub delay: Duration,
    /// Most tokens of prompt and answer together; 4 characters make a token.
    pub context: usize,
    /// The solution of a question, in tokens.
    pub solution: fn(&str) -> Vec<String>,
}

impl MockBehavior {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, delay: Duration::ZERO, context: usize::MAX, solution }
    }
}

/// Three steps and an answer. Each separator is one token with the text before it.
pub(crate) fn solution(question: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for step in 1..=3 {
        tokens.extend([format!("{step}. "), "For ".to_owned(), format!("«{question}»"), " é=".to_owned()]);
        tokens.extend([format!("{}", question.len() * step), ".\n\n".to_owned()]);
    }
    tokens.extend(["Answer: ".to_owned(), format!("\\boxed{{{}}}", question.len())]);
    tokens
}

/// Path, body and headers of a request.
pub(crate) type RecordedRequest = (String, Value, Vec<(String, String)>);

pub(crate) struct MockServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    behavior: MockBehavior,
    running: AtomicBool,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    requests: Mutex<Vec<RecordedRequest>>,
    seen: Mutex<Vec<String>>,
    busy: AtomicUsize,
    busiest: AtomicUsize,
}

impl MockServer {
    pub(crate) fn start(behavior: MockBehavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            behavior,
            running: AtomicBool::new(true),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
            requests: Mutex::default(),
            seen: Mutex::default(),
            busy: AtomicUsize::new(0),
            busiest: AtomicUsize::new(0),
        });
        let server = Self { address: listener.local_addr().unwrap(), shared };
        server.accept(listener);
        server
    }

    fn accept(&self, listener: TcpListener) {
        let shared = self.shared.clone();
        listener.set_nonblocking(true).unwrap();
        thread::spawn(move || {
            while shared.running.load(Ordering::SeqCst) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_micros(200));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                shared.open.lock().unwrap().push(stream.try_clone().unwrap());
                let shared = shared.clone();
                thread::spawn(move || serve(&shared, stream));
            }
        });
    }

    /// Stops listening and closes every connection.
    pub(crate) fn stop(&self) {
        self.shared.running.store(false, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(5));
        self.shared.open.lock().unwrap().drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }

    /// Listens again at the same address, with an empty prefix cache.
    pub(crate) fn restart(&self) {
        let listener = (0..200).find_map(|_| {
            thread::sleep(Duration::from_millis(5));
            TcpListener::bind(self.address).ok()
        });
        self.shared.seen.lock().unwrap().clear();
        self.shared.running.store(true, Ordering::SeqCst);
        self.accept(listener.unwrap());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Most requests at the same time.
    pub(crate) fn busiest(&self) -> usize {
        self.shared.busiest.load(Ordering::SeqCst)
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = Message::read(&mut reader) {
        let busy = shared.busy.fetch_add(1, Ordering::SeqCst) + 1;
        shared.busiest.fetch_max(busy, Ordering::SeqCst);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let entry = (request.path().to_owned(), body.clone(), request.headers.clone());
        shared.requests.lock().unwrap().push(entry);
        let outcome = respond(shared, &mut stream, request.path(), &body);
        shared.busy.fetch_sub(1, Ordering::SeqCst);
        if outcome.is_err() || request.header("connection") == "close" {
            break;
        }
    }
    stream.shutdown(Shutdown::Both).ok();
}

fn respond(shared: &Shared, stream: &mut TcpStream, path: &str, body: &Value) -> std::io::Result<()> {
    let behavior = &shared.behavior;
    if let Some(route) = behavior.dialect.scoring.iter().find(|route| route.path == path) {
        let text = body[route.text_field].as_str().map_or_else(|| body[route.tokens_field].to_string(), str::to_owned);
        let score = judge(&text);
        let numbers = if route.probabilities { json!([1.0 - score, score]) } else { json!([logit(score)]) };
        let result = json!({ "index": 0, route.output: numbers });
        let body = if route.results_in_data {
            json!({ "data": [result], "usage": { "prompt_tokens": text.len() / 4 } })
        } else {
            result
        };
        return http::answer(stream, 200, "content-type: application/json\r\n", body.to_string().as_bytes());
    }
    let written = MockAnswer::of(shared, body);
    let route = if path == behavior.dialect.chat.path { &behavior.dialect.chat } else { &behavior.dialect.completions };
    if let Some(error) = &written.error {
        let body = json!({ "error": { "message": error, "code": 400, "type": "BadRequestError" } });
        return http::answer(stream, 400, "content-type: application/json\r\n", body.to_string().as_bytes());
    }
    let form = AnswerWriter { format: route.format, stop: route.stop, written: &written };
    if body["stream"] == true {
        http::begin_chunks(stream, "content-type: text/event-stream\r\n")?;
        for at in 0..written.tokens.len() {
            thread::sleep(behavior.delay);
            http::chunk(stream, format!("data: {}\n\n", form.event(at)).as_bytes())?;
        }
        http::chunk(stream, format!("data: {}\n\n", form.last()).as_bytes())?;
        if route.format != AnswerFormat::Native {
            let counts = json!({ "choices": [], "usage": form.usage(written.tokens.len()) });
            http::chunk(stream, format!("data: {counts}\n\ndata: [DONE]\n\n").as_bytes())?;
        }
        return http::chunk(stream, b"");
    }
    thread::sleep(behavior.delay * written.tokens.len() as u32);
    http::answer(stream, 200, "content-type: application/json\r\n", form.whole().to_string().as_bytes())
}

/// A score that depends on the text, from 0 to 1.
pub(crate) fn judge(text: &str) -> f64 {
    text.bytes().fold(7_u64, |state, byte| (state * 31 + u64::from(byte)) % 997) as f64 / 997.0
}

fn logit(score: f64) -> f64 {
    (score / (1.0 - score)).ln()
}

/// What the "model" generates.
struct MockAnswer {
    tokens: Vec<String>,
    text: String,
    /// The stop string that ended it.
    stop: Option<String>,
    limited: bool,
    prompt: usize,
    cached: usize,
    logprobs: bool,
    error: Option<String>,
}

impl MockAnswer {
    fn of(shared: &Shared, body: &Value) -> Self {
        let (prompt, question, begun) = prompt_of(body);
        let behavior = &shared.behavior;
        let tokens = (behavior.solution)(&question);
        let whole = tokens.concat();
        assert!(whole.starts_with(&begun), "{whole:?} does not start with {begun:?}");
        let max_tokens = body.get("max_tokens").or(body.get("n_predict")).unwrap().as_u64().unwrap() as usize;
        let stops: Vec<&str> = body["stop"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let room = behavior.context.saturating_sub(prompt.len() / 4);
        let mut written = Self {
            tokens: Vec::new(),
            text: String::new(),
            stop: None,
            limited: false,
            prompt: prompt.len() / 4,
            cached: cached(shared, &prompt),
            logprobs: body.get("logprobs").or(body.get("n_probs")).is_some(),
            error: None,
        };
        let needed = if behavior.dialect.context_includes_max_tokens { max_tokens } else { 1 };
        if needed > room {
            let limit = behavior.context;
            written.error =
                Some(format!("This model's maximum context length is {limit} tokens, {needed} were requested"));
            return written;
        }
        let mut rest = begun.len();
        for token in tokens {
            if rest >= token.len() {
                rest -= token.len();
                continue;
            }
            if written.tokens.len() == max_tokens.min(room) {
                written.limited = true;
                break;
            }
            written.text.push_str(&token[rest..]);
            written.tokens.push(token[rest..].to_owned());
            rest = 0;
            let hit = stops.iter().filter_map(|stop| Some((written.text.find(stop)?, *stop))).min();
            if let Some((at, stop)) = hit {
                let keeps = behavior.dialect.completions.text_includes_stop;
                written.text.truncate(if keeps { at + stop.len() } else { at });
                written.stop = Some(stop.to_owned());
                break;
            }
        }
        shared.seen.lock().unwrap().push(prompt + &written.tokens.concat());
        written
    }
}

/// Prompt, question and the answer so far.
fn prompt_of(body: &Value) -> (String, String, String) {
    if let Some(prompt) = body["prompt"].as_str() {
        let (question, begun) = prompt.split_once('\n').unwrap();
        return (prompt.to_owned(), question.to_owned(), begun.to_owned());
    }
    let content = |at: usize| body["messages"][at]["content"].as_str().unwrap_or("").to_owned();
    (format!("{}\n{}", content(0), content(1)), content(0), content(1))
}

/// Tokens of the prompt that are in the cache, in blocks of 16.
fn cached(shared: &Shared, prompt: &str) -> usize {
    let common = |seen: &String| seen.bytes().zip(prompt.bytes()).take_while(|(a, b)| a == b).count();
    shared.seen.lock().unwrap().iter().map(common).max().unwrap_or(0) / 64 * 16
}

/// Writes an answer in a dialect's format.
struct AnswerWriter<'a> {
    format: AnswerFormat,
    stop: StopReporting,
    written: &'a MockAnswer,
}

impl AnswerWriter<'_> {
    fn usage(&self, written: usize) -> Value {
        let cached = json!({ "cached_tokens": self.written.cached });
        json!({ "prompt_tokens": self.written.prompt, "completion_tokens": written, "prompt_tokens_details": cached })
    }

    fn native(&self, text: &str, written: usize, stop: bool) -> Value {
        let timings = json!({ "cache_n": self.written.cached });
        let mut value = json!({ "content": text, "stop": stop, "tokens_predicted": written, "timings": timings });
        value["tokens_evaluated"] = self.written.prompt.into();
        if stop {
            let kind = if self.written.stop.is_some() {
                "word"
            } else if self.written.limited {
                "limit"
            } else {
                "eos"
            };
            value["stop_type"] = kind.into();
            value["stopping_word"] = self.written.stop.clone().unwrap_or_default().into();
        }
        value
    }

    fn finish(&self, choice: &mut Value) {
        let stop = self.written.stop.clone();
        let reason = match self.stop {
            StopReporting::FinishReason(word) if stop.is_some() => word,
            _ if self.written.limited => "length",
            _ => "stop",
        };
        choice["finish_reason"] = reason.into();
        if let StopReporting::Field(field) = self.stop {
            choice[field] = stop.map_or(Value::Null, Value::from);
        }
    }

    fn logprobs(&self, tokens: &[String]) -> Value {
        if !self.written.logprobs {
            return Value::Null;
        }
        if self.format == AnswerFormat::Completion {
            let numbers: Vec<f64> = tokens.iter().map(|_| -0.25).collect();
            return json!({ "tokens": tokens, "token_logprobs": numbers });
        }
        let entries: Vec<Value> = tokens.iter().map(|token| json!({ "token": token, "logprob": -0.25 })).collect();
        if self.format == AnswerFormat::Native { entries.into() } else { json!({ "content": entries }) }
    }

    fn event(&self, at: usize) -> Value {
        let token = &self.written.tokens[at];
        let logprobs = self.logprobs(std::slice::from_ref(token));
        if self.format == AnswerFormat::Native {
            let mut value = self.native(token, at + 1, false);
            value["completion_probabilities"] = logprobs;
            return value;
        }
        let mut choice = json!({ "index": 0, "logprobs": logprobs, "finish_reason": null });
        match self.format {
            AnswerFormat::Chat => choice["delta"] = json!({ "content": token }),
            _ => choice["text"] = token.as_str().into(),
        }
        json!({ "choices": [choice], "usage": self.usage(at + 1) })
    }

    fn last(&self) -> Value {
        if self.format == AnswerFormat::Native {
            return self.native("", self.written.tokens.len(), true);
        }
        let mut choice = json!({ "index": 0, "text": "", "delta": {} });
        self.finish(&mut choice);
        json!({ "choices": [choice] })
    }

    fn whole(&self) -> Value {
        let tokens = &self.written.tokens;
        if self.format == AnswerFormat::Native {
            let mut value = self.native(&self.written.text, tokens.len(), true);
            value["completion_probabilities"] = self.logprobs(tokens);
            return value;
        }
        let mut choice = json!({ "index": 0, "logprobs": self.logprobs(tokens) });
        match self.format {
            AnswerFormat::Chat => choice["message"] = json!({ "role": "assistant", "content": self.written.text }),
            _ => choice["text"] = self.written.text.as_str().into(),
        }
        self.finish(&mut choice);
        json!({ "choices": [choice], "usage": self.usage(tokens.len()) })
    }
}
