use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::sandbox::Sandbox;
use crate::Error;
use crate::source::{ModelSource, NoProgress, known_digest};

/// How the server misbehaves.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Closes after a third of the file, at the first request for the whole.
    Cut,
    /// Closes after each byte.
    Drip,
    /// Gives another size in the metadata.
    Size,
    /// Sends from the start whatever the range.
    NoRanges,
    /// Gives no digest, and sends other bytes.
    Wrong,
    /// Answers with this status.
    Status(u16),
}

/// A hub with one file: redirects from the name to the bytes, as the real one does.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(sandbox: &Sandbox, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (content, digest, log) = (sandbox.content.clone(), sandbox.model.sha256, requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &content, digest, fault, &log);
            }
        });
        Self { address, requests }
    }

    /// Ranges of the downloads since the last call.
    fn requested(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

fn answer(mut stream: &TcpStream, content: &[u8], digest: &str, fault: Fault, log: &Mutex<Vec<String>>) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let lines: Vec<String> = lines.collect();
    let first = lines.first().cloned().unwrap_or_default();
    let range =
        lines.iter().find_map(|l| l.to_lowercase().strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok());
    let start: usize = range.unwrap_or(0);
    let (mut head, mut body) = (String::new(), &[][..]);
    let flipped: Vec<u8> = content.iter().map(|byte| byte ^ 1).collect();
    if let Fault::Status(status) = fault {
        write!(head, "HTTP/1.1 {status} Oops\r\ncontent-length: 0\r\n").unwrap();
    } else if first.contains("/resolve/") {
        let size = content.len() + usize::from(fault == Fault::Size);
        write!(head, "HTTP/1.1 302 Found\r\nlocation: /bytes\r\nx-linked-size: {size}\r\ncontent-length: 0\r\n")
            .unwrap();
        if fault != Fault::Wrong {
            write!(head, "x-linked-etag: \"{digest}\"\r\n").unwrap();
        }
    } else {
        log.lock().unwrap().push(format!("{start}-"));
        let whole = if fault == Fault::Wrong { &flipped } else { content };
        body = if fault == Fault::NoRanges { whole } else { &whole[start..] };
        let (length, last, size) = (body.len(), content.len() - 1, content.len());
        let status = if fault == Fault::NoRanges { "200 OK" } else { "206 Partial Content" };
        write!(head, "HTTP/1.1 {status}\r\ncontent-range: bytes {start}-{last}/{size}\r\ncontent-length: {length}\r\n")
            .unwrap();
        body = match fault {
            Fault::Cut | Fault::NoRanges if start == 0 => &body[..length / 3],
            Fault::Drip => &body[..1],
            _ => body,
        };
    }
    let _ = write!(stream, "{head}connection: close\r\n\r\n").and_then(|()| stream.write_all(body));
}

/// A sandbox whose package index is empty.
fn sandbox(fault: Fault) -> (Sandbox, Server) {
    let mut sandbox = Sandbox::new(1);
    std::fs::remove_file(sandbox.index(1, "whl")).unwrap();
    let server = Server::start(&sandbox, fault);
    sandbox.settings.hub = server.address.clone();
    (sandbox, server)
}

#[test]
fn a_download_follows_redirects_and_resumes_where_it_was_cut() {
    let (whole, server) = sandbox(Fault::None);
    whole.resolve_completely();
    assert_eq!(server.requested(), ["0-"]);
    assert!(whole.requested().is_empty());

    let (cut, server) = sandbox(Fault::Cut);
    cut.resolve_completely();
    assert_eq!(server.requested(), ["0-", "335-"]);
}

#[test]
fn a_hub_that_sends_almost_nothing_is_given_up_and_its_bytes_are_kept() {
    let (dripping, server) = sandbox(Fault::Drip);
    let message = dripping.resolve_error();
    assert!(message.contains("after 3 of 1007 bytes, which are kept"), "{message}");
    assert_eq!(server.requested(), ["0-", "1-", "2-"]);
    let mut dripping = dripping;
    let server = Server::start(&dripping, Fault::None);
    dripping.settings.hub = server.address.clone();
    dripping.resolve_completely();
    assert_eq!(server.requested(), ["3-"]);
}

#[test]
fn odd_answers_are_refused() {
    for (fault, reason) in [
        (Fault::Size, "the file there has 1008 bytes, expected 1007"),
        (Fault::NoRanges, "does not support resuming a download"),
        (Fault::Status(401), "HF_TOKEN may help"),
        (Fault::Status(404), "there is no such file"),
        (Fault::Status(503), "the hub answered 503"),
    ] {
        let (sandbox, _server) = sandbox(fault);
        let message = sandbox.resolve_error();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn after_wrong_bytes_from_the_hub_the_index_is_tried() {
    let (sandbox, _server) = sandbox(Fault::Wrong);
    assert!(matches!(sandbox.resolve(), Err(Error::Digest { .. })));
    assert!(!sandbox.cached().exists());
    sandbox.serve(1, &sandbox.content);
    sandbox.resolve_completely();
}

#[test]
fn a_file_of_any_repository_is_checked_against_the_hubs_own_digest() {
    let (sandbox, server) = sandbox(Fault::None);
    let source = ModelSource::parse("hf:owner/fake:sub/fake.gguf").unwrap();
    let path = source.resolve_with(&sandbox.settings, &mut NoProgress).unwrap();
    assert_eq!(path, sandbox.settings.cache.join("hf/owner/fake/sub/fake.gguf"));
    assert_eq!(known_digest(&path).as_deref(), Some(sandbox.model.sha256));
    source.resolve_with(&sandbox.settings, &mut NoProgress).unwrap();
    assert_eq!(server.requested(), ["0-"]);
}

#[test]
fn an_unreachable_hub_is_given_up_soon() {
    let sandbox = Sandbox::new(1);
    let start = Instant::now();
    sandbox.resolve_completely();
    assert!(start.elapsed().as_secs() < 6);
}

#[test]
fn a_download_may_be_made_inside_a_runtime() {
    let (sandbox, _server) = sandbox(Fault::None);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { sandbox.resolve_completely() });
}
