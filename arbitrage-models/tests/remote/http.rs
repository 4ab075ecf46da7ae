//! As much of HTTP as the mock server and the proxy need.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A request or an answer, with its first line apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub first: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// Reads a message, if there is one. An answer without a length ends with the connection.
    pub(crate) fn read(from: &mut BufReader<TcpStream>) -> Option<Self> {
        let first = line(from)?;
        let mut message = Self { first, ..Self::default() };
        loop {
            let line = line(from)?;
            let Some((name, value)) = line.split_once(':') else { break };
            message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if message.header("transfer-encoding") == "chunked" {
            message.body = chunked(from)?;
        } else if let Ok(length) = message.header("content-length").parse() {
            message.body.resize(length, 0);
            from.read_exact(&mut message.body).ok()?;
        } else if message.first.starts_with("HTTP") {
            from.read_to_end(&mut message.body).ok()?;
        }
        Some(message)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or("")
    }
}

fn line(from: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = from.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

fn chunked(from: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(from)?, 16).ok()?;
        let start = body.len();
        body.resize(start + length, 0);
        from.read_exact(&mut body[start..]).ok()?;
        line(from)?;
        if length == 0 {
            return Some(body);
        }
    }
}

/// Writes an answer with a length.
pub(crate) fn answer(to: &mut TcpStream, status: u16, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let mut bytes = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    to.write_all(&bytes)
}

/// Begins an answer of chunks.
pub(crate) fn begin_chunks(to: &mut TcpStream, headers: &str) -> std::io::Result<()> {
    to.write_all(format!("HTTP/1.1 200 X\r\n{headers}transfer-encoding: chunked\r\n\r\n").as_bytes())
}

/// One chunk; an empty one ends the answer.
pub(crate) fn chunk(to: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    let mut bytes = format!("{:x}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(b"\r\n");
    to.write_all(&bytes)
}
