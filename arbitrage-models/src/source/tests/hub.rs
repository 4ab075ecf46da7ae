use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::bench::Bench;
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
    /// Tells another size.
    Size,
    /// Sends from the start whatever the range.
    NoRanges,
    /// Says nothing of size and digest, and sends other bytes.
    Wrong,
    /// Answers with this status.
    Status(u16),
}

/// A hub with one file: redirects from the name to the bytes, as the real one does.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(bench: &Bench, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (content, digest, log) = (bench.content.clone(), bench.model.sha256, asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &content, digest, fault, &log);
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
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

/// A bench whose index has nothing.
fn bench(fault: Fault) -> (Bench, Server) {
    let mut bench = Bench::new(1);
    std::fs::remove_file(bench.index(1, "whl")).unwrap();
    let server = Server::start(&bench, fault);
    bench.settings.hub = server.address.clone();
    (bench, server)
}

#[test]
fn a_file_comes_through_redirects_and_goes_on_where_it_was_cut() {
    let (whole, server) = bench(Fault::None);
    whole.resolve_whole();
    assert_eq!(server.asked(), ["0-"]);
    assert!(whole.asked().is_empty());

    let (cut, server) = bench(Fault::Cut);
    cut.resolve_whole();
    assert_eq!(server.asked(), ["0-", "335-"]);
}

#[test]
fn a_hub_that_brings_next_to_nothing_is_given_up_and_its_bytes_are_kept() {
    let (dripping, server) = bench(Fault::Drip);
    let told = dripping.resolve_in_vain();
    assert!(told.contains("after 3 of 1007 bytes, which are kept"), "{told}");
    assert_eq!(server.asked(), ["0-", "1-", "2-"]);
    let mut dripping = dripping;
    let server = Server::start(&dripping, Fault::None);
    dripping.settings.hub = server.address.clone();
    dripping.resolve_whole();
    assert_eq!(server.asked(), ["3-"]);
}

#[test]
fn odd_answers_are_refused() {
    for (fault, reason) in [
        (Fault::Size, "1008 bytes there where 1007 were expected"),
        (Fault::NoRanges, "does not send files from the middle"),
        (Fault::Status(401), "HF_TOKEN may help"),
        (Fault::Status(404), "there is no such file"),
        (Fault::Status(503), "the hub answered 503"),
    ] {
        let (bench, _server) = bench(fault);
        let told = bench.resolve_in_vain();
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn wrong_bytes_from_the_hub_do_not_keep_the_index_from_being_asked() {
    let (bench, _server) = bench(Fault::Wrong);
    assert!(matches!(bench.resolve(), Err(Error::Digest { .. })));
    assert!(!bench.home().exists());
    bench.serve(1, &bench.content);
    bench.resolve_whole();
}

#[test]
fn a_file_of_any_repository_is_held_against_the_hubs_own_digest() {
    let (bench, server) = bench(Fault::None);
    let source = ModelSource::parse("hf:owner/fake:sub/fake.gguf").unwrap();
    let path = source.resolve_with(&bench.settings, &mut NoProgress).unwrap();
    assert_eq!(path, bench.settings.cache.join("hf/owner/fake/sub/fake.gguf"));
    assert_eq!(known_digest(&path).as_deref(), Some(bench.model.sha256));
    source.resolve_with(&bench.settings, &mut NoProgress).unwrap();
    assert_eq!(server.asked(), ["0-"]);
}

#[test]
fn a_hub_that_nobody_answers_for_is_given_up_soon() {
    let bench = Bench::new(1);
    let start = Instant::now();
    bench.resolve_whole();
    assert!(start.elapsed().as_secs() < 6);
}
