//! A proxy that causes the faults of networks and servers.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{self, Message};

/// What happens to an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    Latency(Duration),
    /// A reset before the answer.
    Reset,
    /// A reset in the middle of the answer.
    ResetMidway,
    /// Fewer bytes than `content-length` says.
    ShortBody,
    /// JSON that ends early, with the right `content-length`.
    CutJson,
    /// An event that ends early, with the connection closed properly.
    CutEvent,
    /// A stream without its last events.
    NoLastEvent,
    /// A stream without `[DONE]`.
    NoDone,
    /// A status, with headers and body.
    Status(u16, String, String),
    /// Half of the answer, and then nothing.
    Stall,
    /// No answer, for a long time.
    Silence,
    /// One byte at a time, slowly.
    Trickle,
    /// A body with a compressed encoding.
    Compressed,
    /// An answer without an end.
    Endless,
    Html,
    /// An error in place of an event, or of the body.
    ErrorInside(u16),
    /// All events in one chunk.
    Merged,
    /// Each byte in a chunk of its own.
    Split,
    LogprobsNull,
    LogprobsShort,
    ChoicesMissing,
    ChoicesDoubled,
    ChoicesForeign,
    /// A choice of another index first.
    ChoicesOutOfOrder,
}

pub(crate) type Plan = Arc<dyn Fn(u64) -> Fault + Send + Sync>;

pub(crate) struct Proxy {
    pub address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Proxy {
    /// A proxy in front of `upstream`; `plan` gives the fault of each answer, by its number.
    pub(crate) fn start(upstream: SocketAddr, plan: impl Fn(u64) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let (plan, count): (Plan, _) = (Arc::new(plan), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (plan, count) = (plan.clone(), count.clone());
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || serve(stream, upstream, &plan, &count));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, upstream: SocketAddr, plan: &Plan, count: &AtomicU64) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = Message::read(&mut reader) {
        let fault = plan(count.fetch_add(1, Ordering::SeqCst));
        if fault == Fault::Reset {
            return reset(&stream);
        }
        let Some(answer) = forward(upstream, &request) else { return };
        match send_with_fault(&mut stream, answer, &fault) {
            Ok(true) => {}
            _ => return,
        }
    }
}

fn forward(upstream: SocketAddr, request: &Message) -> Option<Message> {
    let mut stream = TcpStream::connect(upstream).ok()?;
    let mut head = format!("{}\r\nconnection: close\r\ncontent-length: {}\r\n", request.first, request.body.len());
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "content-length" && name != "connection") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&request.body).ok()?;
    Message::read(&mut BufReader::new(stream))
}

fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
}

/// Sends the answer with the fault. Returns whether the connection may be reused.
fn send_with_fault(stream: &mut TcpStream, mut answer: Message, fault: &Fault) -> std::io::Result<bool> {
    let status: u16 = answer.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    let kind = format!("content-type: {}\r\n", answer.header("content-type"));
    let streamed = answer.header("content-type") == "text/event-stream";
    let pause = Duration::from_millis(30);
    if let Some(change) = change(fault) {
        answer.body = changed(&answer.body, streamed, &change);
    }
    let body = answer.body;
    let half = midway(&body, streamed);
    match fault {
        Fault::Latency(time) => thread::sleep(*time),
        Fault::Status(status, headers, body) => {
            http::answer(stream, *status, headers, body.as_bytes())?;
            return Ok(true);
        }
        Fault::Html => {
            http::answer(stream, 200, "content-type: text/html\r\n", b"<html><body>Welcome, sign in</body></html>")?;
            return Ok(true);
        }
        Fault::Compressed => {
            http::answer(stream, 200, &format!("{kind}content-encoding: gzip\r\n"), &[0x1f, 0x8b, 8, 0])?;
            return Ok(true);
        }
        Fault::CutJson => {
            http::answer(stream, status, &kind, &body[..half])?;
            return Ok(true);
        }
        Fault::ShortBody | Fault::ResetMidway | Fault::Stall | Fault::Trickle => {
            stream.write_all(format!("HTTP/1.1 200 X\r\n{kind}content-length: {}\r\n\r\n", body.len()).as_bytes())?;
            if *fault == Fault::Trickle {
                for byte in &body {
                    stream.write_all(&[*byte])?;
                    thread::sleep(pause);
                }
                return Ok(true);
            }
            stream.write_all(&body[..half])?;
            thread::sleep(if *fault == Fault::Stall { 100 * pause } else { pause });
            if *fault == Fault::ResetMidway {
                reset(stream);
            }
            return Ok(false);
        }
        Fault::Silence => {
            thread::sleep(100 * pause);
            return Ok(false);
        }
        Fault::CutEvent | Fault::NoLastEvent | Fault::NoDone => {
            let text = String::from_utf8(body).unwrap();
            let events: Vec<&str> = text.split_inclusive("\n\n").collect();
            let kept = match fault {
                Fault::NoDone => text.replace("data: [DONE]\n\n", ""),
                Fault::NoLastEvent => events[..events.len().saturating_sub(3)].concat(),
                _ => text[..events[0].len() / 2].to_owned(),
            };
            stream.write_all(format!("HTTP/1.1 200 X\r\n{kind}connection: close\r\n\r\n{kept}").as_bytes())?;
            return Ok(false);
        }
        Fault::Endless => {
            stream.write_all(format!("HTTP/1.1 200 X\r\n{kind}connection: close\r\n\r\n").as_bytes())?;
            loop {
                stream.write_all(&[b' '; 1 << 14])?;
            }
        }
        _ => {}
    }
    if !streamed {
        http::answer(stream, status, &kind, &body)?;
        return Ok(true);
    }
    http::begin_chunks(stream, &kind)?;
    let size = if *fault == Fault::Split { 1 } else { body.len().max(1) };
    for chunk in body.chunks(size) {
        http::chunk(stream, chunk)?;
    }
    http::chunk(stream, b"")?;
    Ok(true)
}

/// A position in the middle; of a stream, in its third event.
fn midway(body: &[u8], streamed: bool) -> usize {
    let text = String::from_utf8_lossy(body);
    let event = text.match_indices("\n\n").nth(1).map(|(at, _)| at + 12);
    event.filter(|&at| streamed && at < body.len()).unwrap_or(body.len() / 2)
}

type Change = Box<dyn Fn(&mut Value)>;

/// How a fault changes a body, or each event of a stream.
fn change(fault: &Fault) -> Option<Change> {
    let logprobs = |change: fn(&mut Vec<Value>)| -> Change {
        Box::new(move |value| {
            let lists =
                ["/choices/0/logprobs/token_logprobs", "/choices/0/logprobs/content", "/completion_probabilities"];
            for list in lists {
                if let Some(Value::Array(list)) = value.pointer_mut(list) {
                    change(list);
                }
            }
        })
    };
    let choices = |change: fn(&mut Vec<Value>)| -> Change {
        Box::new(move |value| {
            if let Some(Value::Array(list)) = value.get_mut("choices") {
                change(list);
            }
        })
    };
    Some(match fault {
        Fault::ErrorInside(code) => {
            let code = *code;
            Box::new(move |value| *value = json!({ "error": { "message": "out of memory", "code": code } }))
        }
        Fault::LogprobsNull => logprobs(|list| list.iter_mut().for_each(|entry| *entry = Value::Null)),
        Fault::LogprobsShort => logprobs(|list| _ = list.pop()),
        Fault::ChoicesMissing => Box::new(|value| _ = value.as_object_mut().unwrap().remove("choices")),
        Fault::ChoicesDoubled => choices(|list| list.extend(list.clone())),
        Fault::ChoicesForeign => choices(|list| list.iter_mut().for_each(|choice| choice["index"] = 1.into())),
        Fault::ChoicesOutOfOrder => choices(|list| {
            let mut other = list.clone();
            other.iter_mut().for_each(|choice| choice["index"] = 1.into());
            list.splice(0..0, other);
        }),
        _ => return None,
    })
}

fn changed(body: &[u8], streamed: bool, change: &Change) -> Vec<u8> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let one = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            change(&mut value);
            value.to_string()
        }
        Err(_) => text.to_owned(),
    };
    if !streamed {
        return one(&text).into_bytes();
    }
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    events
        .map(|event| format!("data: {}\n\n", one(event.trim_start_matches("data: "))))
        .collect::<String>()
        .into_bytes()
}
