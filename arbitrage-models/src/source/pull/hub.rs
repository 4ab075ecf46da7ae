//! Downloads from the Hugging Face hub.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use arbitrage_core::text::excerpt;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

use super::failure::{SourceFailure, unavailable, write_error};
use crate::error::{Error, Result};
use crate::http::{self, RequestThread};
use crate::source::hub_model::escaped;
use crate::source::{HubAddress, Progress, SourceSettings, hub_cache};

/// Until there is a connection. Short, since a machine that is offline has to come to the next source soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the first request as a whole, which also finds out whether the hub can be reached.
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);
/// Until an answer begins, or continues.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// For one request of the download as a whole. The next request continues where it stopped.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// A request that fails after fewer bytes than this counts as a failure …
const MIN_REQUEST_BYTES: u64 = 1 << 20;
/// … and after so many failures in a row the download is given up.
const MAX_FAILURES: usize = 3;
/// Most redirects within the hub that are followed for a file's size and digest.
const MAX_REDIRECTS: usize = 3;

/// What stands under one address of the hub: a file of a repository, or what the hub says about it.
pub(super) struct Hub<'a> {
    thread: RequestThread,
    /// Follows no redirects: only the hub's own answer has the file's size and digest.
    metadata: Client,
    /// Follows the redirect to where the bytes are stored.
    download: Client,
    url: &'a str,
    /// The repository's page, for errors.
    page: String,
    token: Option<String>,
}

/// What is known of a file before it is downloaded.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub bytes: Option<u64>,
    pub sha256: Option<&'a str>,
}

/// What the hub says about a file.
struct HubMetadata {
    bytes: u64,
    sha256: Option<String>,
}

/// A file that is being downloaded.
struct PartialFile<'a> {
    file: File,
    path: &'a Path,
    downloaded: u64,
    total: u64,
}

/// The address of a file on the hub that `settings` name.
pub(super) fn file_url(settings: &SourceSettings, HubAddress { repository, revision, file }: HubAddress<'_>) -> String {
    format!("{}/{repository}/resolve/{}/{file}", settings.hub, escaped(revision))
}

impl<'a> Hub<'a> {
    /// What stands at `url` about `repository`, on the hub that `settings` name.
    pub(super) fn new(settings: &SourceSettings, repository: &str, url: &'a str) -> Result<Self, SourceFailure> {
        let is_https = url.starts_with("https://");
        let client = |redirects: Policy| {
            let client = http::client_for(url).https_only(is_https).redirect(redirects);
            let client = client.connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
            client.map_err(|error| SourceFailure::Unavailable(http::describe(error)))
        };
        Ok(Self {
            thread: RequestThread::start().map_err(|error| SourceFailure::Unavailable(error.to_string()))?,
            metadata: client(Policy::none())?,
            download: client(Policy::default())?,
            url,
            page: format!("{}/{repository}", settings.hub),
            token: token(settings).filter(|_| is_https),
        })
    }

    /// Downloads the file to `path`, where an earlier call may have left its beginning, and returns its digest if the hub gives one. A
    /// file of another size or digest than `expected` is refused before any of it is transferred.
    pub(super) fn fetch(
        &self,
        path: &Path,
        expected: Expected<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Option<String>, SourceFailure> {
        let metadata = self.metadata()?;
        if let Some(bytes) = expected.bytes.filter(|bytes| *bytes != metadata.bytes) {
            return unavailable(format!("the file there has {} bytes, expected {bytes}", metadata.bytes));
        }
        if let (Some(expected), Some(found)) = (expected.sha256, &metadata.sha256)
            && expected != found
        {
            return unavailable(format!("the file there has SHA-256 {found}, expected {expected}"));
        }
        // Without a digest nothing would notice that a resumed file is made of two versions.
        let resume = expected.sha256.is_some() || metadata.sha256.is_some();
        let mut partial = PartialFile::open(path, metadata.bytes, resume)?;
        let name = self.url.rsplit('/').next().unwrap_or_default();
        progress.start(&format!("{name} from the hub"), Some(metadata.bytes));
        let outcome = self.transfer(&mut partial, progress);
        progress.finish();
        outcome.map(|()| metadata.sha256)
    }

    /// Requests size and digest, which stand in the headers of the redirect.
    fn metadata(&self) -> Result<HubMetadata, SourceFailure> {
        let answer = self.head()?;
        let bytes = header(&answer, "x-linked-size").or_else(|| header(&answer, "content-length"));
        let Some(bytes) = bytes.and_then(|text| text.parse().ok()) else {
            return unavailable("the hub does not say how large the file is");
        };
        let digest = header(&answer, "x-linked-etag").map(|text| text.trim_matches('"').to_ascii_lowercase());
        let is_sha256 = |digest: &String| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(HubMetadata { bytes, sha256: digest.filter(is_sha256) })
    }

    /// The hub's own answer about the file. For small files it redirects within itself first.
    fn head(&self) -> Result<Response, SourceFailure> {
        let mut answer = self.send(self.metadata.head(self.url).timeout(METADATA_TIMEOUT))?;
        for _ in 0..MAX_REDIRECTS {
            let location = header(&answer, "location").filter(|location| location.starts_with('/'));
            let inside = location.filter(|location| !location.starts_with("//"));
            let has_size = answer.headers().contains_key("x-linked-size");
            let Some(Ok(next)) = inside.filter(|_| !has_size).map(|location| answer.url().join(location)) else {
                break;
            };
            answer = self.send(self.metadata.head(next).timeout(METADATA_TIMEOUT))?;
        }
        Ok(answer)
    }

    /// What stands there, of at most `max_bytes`.
    pub(super) fn read(&self, max_bytes: usize) -> Result<Vec<u8>, SourceFailure> {
        let mut answer = self.send(self.download.get(self.url).timeout(READ_TIMEOUT))?;
        let mut content = Vec::new();
        while let (rest, Some(chunk)) = self.next_chunk(answer)? {
            answer = rest;
            content.extend_from_slice(chunk.as_ref());
            if content.len() > max_bytes {
                return unavailable(format!("the hub's answer has more than {max_bytes} bytes"));
            }
        }
        Ok(content)
    }

    /// The next bytes of `answer`, unless it has ended, and the rest of it.
    fn next_chunk(&self, mut answer: Response) -> Result<(Response, Option<impl AsRef<[u8]> + use<>>), SourceFailure> {
        let read = async move {
            let chunk = answer.chunk().await;
            (answer, chunk)
        };
        match self.thread.wait(read) {
            Some((rest, Ok(chunk))) => Ok((rest, chunk)),
            Some((_, Err(error))) => unavailable(http::describe(error)),
            None => unavailable("the request panicked"),
        }
    }

    /// Requests what is missing until nothing is.
    fn transfer(&self, partial: &mut PartialFile<'_>, progress: &mut dyn Progress) -> Result<(), SourceFailure> {
        progress.advance(partial.downloaded);
        let mut failures = 0;
        while partial.downloaded < partial.total {
            let start = partial.downloaded;
            let reason = match self.download_rest(partial, progress) {
                Err(SourceFailure::Unavailable(reason)) => reason,
                Err(local) => return Err(local),
                Ok(()) => continue,
            };
            failures = if partial.downloaded - start < MIN_REQUEST_BYTES { failures + 1 } else { 0 };
            if failures == MAX_FAILURES {
                let PartialFile { downloaded, total, .. } = partial;
                return unavailable(format!("{reason} (after {downloaded} of {total} bytes, which are kept)"));
            }
        }
        partial.file.sync_data().map_err(|error| write_error(partial.path, error, 0).into())
    }

    /// Requests everything that is missing, and appends what comes.
    fn download_rest(&self, partial: &mut PartialFile<'_>, progress: &mut dyn Progress) -> Result<(), SourceFailure> {
        let start = partial.downloaded;
        let request = self.download.get(self.url).header("range", format!("bytes={start}-"));
        let mut answer = self.send(request.timeout(REQUEST_TIMEOUT))?;
        let starts_here = header(&answer, "content-range").is_some_and(|r| r.starts_with(&format!("bytes {start}-")));
        if start > 0 && !(answer.status() == 206 && starts_here) {
            return unavailable("the hub does not support resuming a download");
        }
        while partial.downloaded < partial.total {
            let (rest, chunk) = self.next_chunk(answer)?;
            let Some(chunk) = chunk else { return unavailable("the connection was closed early") };
            progress.advance(partial.append(chunk.as_ref())?);
            answer = rest;
        }
        Ok(())
    }

    /// The answer to `request`, unless its status says that there is no file.
    fn send(&self, request: RequestBuilder) -> Result<Response, SourceFailure> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        // Sent from inside the thread's runtime, since `send` starts the timers of the timeouts at once.
        match self.thread.wait(async move { request.send().await }) {
            Some(Ok(answer)) => check_status(answer, &self.page),
            Some(Err(error)) => unavailable(http::describe(error)),
            None => unavailable("the request panicked"),
        }
    }
}

impl<'a> PartialFile<'a> {
    /// Opens the file at `path`, which becomes `total` bytes long, to write behind what it has already.
    fn open(path: &'a Path, total: u64, resume: bool) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        let mut file = OpenOptions::new().create(true).write(true).truncate(!resume).open(path).map_err(failed)?;
        let mut downloaded = file.metadata().map_err(failed)?.len();
        if downloaded > total {
            file.set_len(0).map_err(failed)?;
            downloaded = 0;
        }
        file.seek(SeekFrom::Start(downloaded)).map_err(failed)?;
        Ok(Self { file, path, downloaded, total })
    }

    /// Appends what is not past the end of `bytes`, and returns how much that was.
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let missing = self.total - self.downloaded;
        let length = missing.min(bytes.len() as u64);
        let written = self.file.write_all(&bytes[..length as usize]);
        written.map_err(|error| write_error(self.path, error, missing))?;
        self.downloaded += length;
        Ok(length)
    }
}

fn token(settings: &SourceSettings) -> Option<String> {
    let set = std::env::var("HF_TOKEN").ok().filter(|token| !token.trim().is_empty());
    let token = set.or_else(|| hub_cache::token(settings.hub_cache.as_deref()?))?;
    // A token that no header can hold would only fail with an error that shows it.
    Some(token.trim().to_owned()).filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn check_status(answer: Response, page: &str) -> Result<Response, SourceFailure> {
    match answer.status().as_u16() {
        200..=399 => Ok(answer),
        401 | 403 => unavailable(format!(
            "access denied: the repository is gated, private or absent. If it is gated, accept the licence on {page}, and set HF_TOKEN \
             to a token of that account"
        )),
        404 => unavailable(match header(&answer, "x-error-code") {
            Some("RepoNotFound") => "there is no such repository",
            Some("RevisionNotFound") => "there is no such revision",
            _ => "there is no such file",
        }),
        429 => unavailable("too many requests; try again later, or set HF_TOKEN"),
        other => {
            let reason = excerpt(answer.status().canonical_reason().unwrap_or(""));
            unavailable(format!("the hub answered {other} {reason}"))
        }
    }
}
