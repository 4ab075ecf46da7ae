//! A hub with one repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use sha2::{Digest as _, Sha256};

/// How the server misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Fault {
    #[default]
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

/// What the server has, which a test may change while it runs.
#[derive(Default)]
pub(super) struct Repository {
    pub commit: String,
    pub files: BTreeMap<String, Vec<u8>>,
    pub fault: Fault,
    /// The answer to a request for a listing, in place of the true one.
    pub listing: Option<String>,
    /// Ranges of the downloads.
    ranges: Vec<String>,
    /// Every request: method and path.
    requests: Vec<String>,
}

/// Redirects from the name to the bytes, as the real hub does.
pub(super) struct Server {
    pub address: String,
    repository: Arc<Mutex<Repository>>,
}

impl Server {
    /// Serves `files` at one commit.
    pub(super) fn start(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        let repository = Arc::new(Mutex::new(Repository { commit: "1".repeat(40), files, ..Repository::default() }));
        let shared = repository.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &mut shared.lock().unwrap());
            }
        });
        Self { address, repository }
    }

    /// What the server has.
    pub(super) fn repository(&self) -> MutexGuard<'_, Repository> {
        self.repository.lock().unwrap()
    }

    /// Ranges of the downloads since the last call.
    pub(super) fn requested(&self) -> Vec<String> {
        std::mem::take(&mut self.repository().ranges)
    }

    /// Every request since the last call.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.repository().requests)
    }
}

/// Hexadecimal.
pub(super) fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the hub keeps the file out of Git, and so knows its digest.
fn is_large(name: &str) -> bool {
    name.ends_with(".gguf") || name.ends_with(".safetensors")
}

impl Repository {
    /// What an honest hub says.
    pub(super) fn true_listing(&self) -> String {
        let sibling = |(name, content): (&String, &Vec<u8>)| {
            let size = content.len();
            match is_large(name) {
                true => {
                    serde_json::json!({"rfilename": name, "size": size, "blobId": "0", "lfs": {"sha256": digest(content), "size": size, "pointerSize": 1}})
                }
                false => serde_json::json!({"rfilename": name, "size": size, "blobId": "0"}),
            }
        };
        let siblings: Vec<_> = self.files.iter().map(sibling).collect();
        serde_json::json!({"id": "owner/fake", "sha": self.commit, "gated": false, "siblings": siblings}).to_string()
    }
}

fn answer(mut stream: &TcpStream, repository: &mut Repository) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let lines: Vec<String> = lines.collect();
    let mut first = lines.first().map(|line| line.split(' ')).into_iter().flatten();
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let range =
        lines.iter().find_map(|l| l.to_lowercase().strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok());
    repository.requests.push(format!("{method} {path}"));
    let start = range.unwrap_or(0);
    let (head, mut body) = respond(repository, path, start);
    match method {
        "HEAD" => body.clear(),
        _ if path.starts_with("/bytes/") => repository.ranges.push(format!("{start}-")),
        _ => {}
    }
    let _ = write!(stream, "{head}connection: close\r\n\r\n").and_then(|()| stream.write_all(&body));
}

/// Head and body of the answer.
fn respond(repository: &Repository, path: &str, start: usize) -> (String, Vec<u8>) {
    let fault = repository.fault;
    if let Fault::Status(status) = fault {
        return (format!("HTTP/1.1 {status} Oops\r\ncontent-length: 0\r\n"), Vec::new());
    }
    if path.starts_with("/api/models/") {
        let listing = repository.listing.clone().unwrap_or_else(|| repository.true_listing());
        return (format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", listing.len()), listing.into_bytes());
    }
    let resolved = path.split_once("/resolve/").and_then(|(_, rest)| rest.split_once('/'));
    let name = resolved.map_or_else(|| path.trim_start_matches("/bytes/"), |(_, name)| name);
    let Some(content) = repository.files.get(name) else {
        return ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n".to_owned(), Vec::new());
    };
    if resolved.is_some() {
        let mut head = format!("HTTP/1.1 302 Found\r\nlocation: /bytes/{name}\r\ncontent-length: 0\r\n");
        if is_large(name) {
            write!(head, "x-linked-size: {}\r\n", content.len() + usize::from(fault == Fault::Size)).unwrap();
        }
        if is_large(name) && fault != Fault::Wrong {
            write!(head, "x-linked-etag: \"{}\"\r\n", digest(content)).unwrap();
        }
        return (head, Vec::new());
    }
    bytes(content, fault, start)
}

/// The answer to a request for a part of `content`.
fn bytes(content: &[u8], fault: Fault, start: usize) -> (String, Vec<u8>) {
    let flipped: Vec<u8> = content.iter().map(|byte| byte ^ 1).collect();
    let whole = if fault == Fault::Wrong { &flipped } else { content };
    let body = if fault == Fault::NoRanges { whole } else { &whole[start..] };
    let (length, last, size) = (body.len(), content.len() - 1, content.len());
    let status = if fault == Fault::NoRanges { "200 OK" } else { "206 Partial Content" };
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-range: bytes {start}-{last}/{size}\r\ncontent-length: {length}\r\n");
    let body = match fault {
        Fault::Cut | Fault::NoRanges if start == 0 => &body[..length / 3],
        Fault::Drip => &body[..1],
        _ => body,
    };
    (head, body.to_vec())
}
