//! HTTP for callers that block: one thread drives all requests of a client.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread;

use reqwest::{Client, ClientBuilder};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// A thread with an async runtime. Callers wait for it through channels, so they may call from anywhere, also from inside an async
/// runtime of their own (where they block their thread).
///
/// Clones share the thread, which ends with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct RequestThread {
    runtime: Handle,
    /// The thread runs until this is dropped.
    _keep_running: Arc<oneshot::Sender<()>>,
}

impl RequestThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it gives no thread or no I/O events.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (keep_running, dropped) = oneshot::channel::<()>();
        let drive = move || _ = runtime.block_on(dropped);
        thread::Builder::new().name("http".to_owned()).spawn(drive)?;
        Ok(Self { runtime: handle, _keep_running: Arc::new(keep_running) })
    }

    /// Runs `task` on the thread.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.runtime.spawn(task).abort_handle()
    }

    /// Runs `work` on the thread and blocks until it is done; `None` if it panicked.
    #[cfg(feature = "pull")]
    pub(crate) fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.spawn(async move { _ = sender.send(work.await) });
        receiver.recv().ok()
    }
}

/// Settings of every client that talks to `url`: no proxy stands between this machine and itself.
pub(crate) fn client_for(url: &str) -> ClientBuilder {
    let builder = Client::builder().user_agent(concat!("arbitrage/", env!("CARGO_PKG_VERSION")));
    let is_local = ["://localhost", "://127.", "://[::1]"].iter().any(|host| url.contains(host));
    if is_local { builder.no_proxy() } else { builder }
}

/// An error and its causes on one line, without the address: that of a download holds a signature, and errors name their endpoint anyway.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        causes.push(inner.to_string());
        source = inner.source();
    }
    causes.dedup();
    causes.join(": ")
}
