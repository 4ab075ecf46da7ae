//! A file on the Hugging Face hub.
//!
//! `hf-hub` knows where the files of its cache lie and is used for that. Its own transfer is not: no time limit can be set, so
//! that a machine without a way to the hub would wait for half a minute and a server that falls silent would hold a pull for
//! ever, and some odd answers of a server make it panic.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use super::failure::{Failure, refused, write_error};
use super::{Progress, Settings};
use crate::error::Error;
use crate::weights::shown;

/// Until there is a connection; a machine that is offline must come to the next source soon.
const CONNECT: Duration = Duration::from_secs(5);
/// For the whole of the first question, which also finds out whether there is a hub.
const LOOK: Duration = Duration::from_secs(10);
/// Until a later answer begins, or goes on.
const IDLE: Duration = Duration::from_secs(30);
/// For one request's body. Then the next request goes on where it stopped.
const BODY: Duration = Duration::from_secs(120);
/// A request that brings fewer bytes than this before it breaks off has failed …
const WORTHWHILE: u64 = 1 << 20;
/// … and after so many failed ones in a row the hub counts as out of reach.
const PATIENCE: usize = 3;

/// One file of one repository, in its latest version.
pub(super) struct Hub {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// What the hub says about a file.
struct Remote {
    bytes: u64,
    sha256: Option<String>,
}

impl Hub {
    /// The file `file` of `repository`, where `settings` say that the hub is.
    pub fn new(settings: &Settings, repository: &str, file: &str) -> Self {
        let url = format!("{}/{repository}/resolve/main/{file}", settings.hub);
        let safe = url.starts_with("https://");
        let config = Agent::config_builder()
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(IDLE))
            .timeout_per_write(Some(IDLE))
            .timeout_recv_response(Some(IDLE))
            .timeout_recv_body(Some(BODY))
            .http_status_as_error(false)
            .https_only(safe)
            .build();
        Self { agent: config.into(), url, token: token(settings).filter(|_| safe) }
    }

    /// The file's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gets the file to `path`, where an earlier call may have left its beginning, and returns its digest where the hub tells
    /// it. Refuses a file that is of another size or digest than the `expected` ones before any of it is transferred.
    pub fn fetch(
        &self,
        path: &Path,
        expected: (Option<u64>, Option<&str>),
        progress: &mut dyn Progress,
    ) -> Result<Option<String>, Failure> {
        let remote = self.look()?;
        if let Some(bytes) = expected.0.filter(|bytes| *bytes != remote.bytes) {
            return refused(format!("{} bytes there where {bytes} were expected", remote.bytes));
        }
        if let (Some(wanted), Some(found)) = (expected.1, &remote.sha256)
            && wanted != found
        {
            return refused(format!("the file there has SHA-256 {found} where {wanted} was expected"));
        }
        let resumable = expected.1.is_some() || remote.sha256.is_some();
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(!resumable) // without a digest nothing would tell two versions that were mixed
            .open(path)
            .map_err(|error| Error::io(path, error))?;
        let name = self.url.rsplit('/').next().unwrap_or_default();
        progress.start(&format!("{name} from the hub"), Some(remote.bytes));
        let outcome = self.transfer((&mut file, path), remote.bytes, progress);
        progress.finish();
        outcome.map(|()| remote.sha256)
    }

    /// Asks for size and digest. The answer redirects to where the bytes lie, and only it carries these headers.
    fn look(&self) -> Result<Remote, Failure> {
        let request = self.authorized(self.agent.head(&self.url)).config();
        let request = request.max_redirects(0).timeout_global(Some(LOOK)).build();
        let answer = request.call().map_err(|error| Failure::Refused(error.to_string()))?;
        check_status(&answer)?;
        let bytes = header(&answer, "x-linked-size").or_else(|| header(&answer, "content-length"));
        let Some(bytes) = bytes.and_then(|text| text.parse().ok()) else {
            return refused("the hub does not tell the file's size");
        };
        let digest = header(&answer, "x-linked-etag").map(|text| text.trim_matches('"').to_ascii_lowercase());
        Ok(Remote { bytes, sha256: digest.filter(|d| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit())) })
    }

    fn transfer(
        &self,
        (file, path): (&mut File, &Path),
        bytes: u64,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let failed = |error| Error::io(path, error);
        let mut held = file.metadata().map_err(failed)?.len();
        if held > bytes {
            file.set_len(0).map_err(failed)?;
            held = 0;
        }
        progress.advance(held);
        file.seek(SeekFrom::Start(held)).map_err(failed)?;
        let mut failures = 0;
        while held < bytes {
            let start = held;
            let broken = match self.go_on((file, path), &mut held, bytes, progress) {
                Err(Failure::Refused(reason)) => reason,
                Err(local) => return Err(local),
                Ok(()) => continue,
            };
            failures = if held - start < WORTHWHILE { failures + 1 } else { 0 };
            if failures == PATIENCE {
                return refused(format!("{broken} (after {held} of {bytes} bytes, which are kept)"));
            }
        }
        file.sync_data().map_err(|error| write_error(path, error, 0).into())
    }

    /// Gets what lies past the first `held` bytes, as far as one request goes.
    fn go_on(
        &self,
        (file, path): (&mut File, &Path),
        held: &mut u64,
        bytes: u64,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let request = self.authorized(self.agent.get(&self.url)).header("range", format!("bytes={held}-"));
        let mut answer = request.call().map_err(|error| Failure::Refused(error.to_string()))?;
        check_status(&answer)?;
        let from_here = header(&answer, "content-range").is_some_and(|r| r.starts_with(&format!("bytes {held}-")));
        if *held > 0 && !(answer.status() == 206 && from_here) {
            return refused("the hub does not send files from the middle");
        }
        let mut body = answer.body_mut().as_reader().take(bytes - *held);
        let mut buffer = vec![0; 1 << 18];
        while *held < bytes {
            match body.read(&mut buffer) {
                Ok(0) => return refused("the connection was closed early"),
                Ok(read) => {
                    file.write_all(&buffer[..read]).map_err(|error| write_error(path, error, bytes - *held))?;
                    *held += read as u64;
                    progress.advance(read as u64);
                }
                Err(error) => return refused(error.to_string()),
            }
        }
        Ok(())
    }

    fn authorized<T>(&self, request: ureq::RequestBuilder<T>) -> ureq::RequestBuilder<T> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}

fn token(settings: &Settings) -> Option<String> {
    let set = std::env::var("HF_TOKEN").ok().filter(|token| !token.trim().is_empty());
    let token = set.or_else(|| hf_hub::Cache::new(settings.hub_cache.clone()?).token())?;
    // One that no header can hold would only fail with an error that shows it.
    Some(token.trim().to_owned()).filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn check_status(answer: &Response<Body>) -> Result<(), Failure> {
    match answer.status().as_u16() {
        200..=399 => Ok(()),
        401 | 403 => refused("access denied: private, gated or absent; HF_TOKEN may help"),
        404 => refused("there is no such file"),
        429 => refused("too many requests; try again later, or set HF_TOKEN"),
        other => {
            refused(format!("the hub answered {other} {}", shown(answer.status().canonical_reason().unwrap_or(""))))
        }
    }
}
