//! A plain HTTP client: one request a connection, without retries.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The events of a stream, and whether it ended with `[DONE]`.
    pub(crate) fn events(&self) -> (Vec<Value>, bool) {
        let mut data: Vec<&str> = self.body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
        let done = data.pop_if(|last| *last == "[DONE]").is_some();
        (data.into_iter().map(|text| serde_json::from_str(text).unwrap()).collect(), done)
    }
}

/// Sends a request, and returns the connection without reading the response.
pub(crate) fn open(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    // The server may respond and close before it has read everything.
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok();
    stream
}

/// Reads the whole response.
pub(crate) fn finish(stream: TcpStream) -> Reply {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let status = line().split(' ').nth(1).expect("a status").parse().unwrap();
    let mut headers = Vec::new();
    while let Some((name, value)) = line().split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
        body = joined(&body);
    }
    Reply { status, headers, body: String::from_utf8(body).unwrap() }
}

fn joined(mut chunked: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = chunked.windows(2).position(|two| two == b"\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(std::str::from_utf8(&chunked[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend(&chunked[end + 2..end + 2 + length]);
        chunked = &chunked[end + 4 + length..];
    }
}

pub(crate) fn get(to: SocketAddr, path: &str) -> Reply {
    finish(open(to, "GET", path, &[], ""))
}

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Sends a request with a JSON body, and returns the connection without reading the response.
pub(crate) fn ask(to: SocketAddr, path: &str, body: &Value) -> TcpStream {
    open(to, "POST", path, &[JSON], &body.to_string())
}

pub(crate) fn post(to: SocketAddr, path: &str, body: &Value) -> Reply {
    finish(ask(to, path, body))
}
