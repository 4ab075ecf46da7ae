//! Accepts connections, with a limit on their number and on the time that headers may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

/// Most open connections. Further ones wait in the backlog of the operating system.
const MAX_CONNECTIONS: usize = 1024;

/// Time within which the headers of a request must be complete.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that open connections have to send their last responses after the engine has ended.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Pause after a failed accept, as when the process has no free file descriptor.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Serves connections until `shutdown` completes, and then lets open connections finish their responses.
pub(super) async fn serve(listener: TcpListener, app: Router, shutdown: impl Future<Output = ()>) {
    let (graceful, permits) = (GracefulShutdown::new(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = std::pin::pin!(accept(&listener, &permits));
        match select(accepted, &mut shutdown).await {
            Either::Left((Some((stream, permit)), _)) => {
                // Steps are small writes, which Nagle's algorithm would delay.
                stream.set_nodelay(true).ok();
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
                let watched = graceful.watch(connection);
                tokio::spawn(async move {
                    // A broken connection concerns only its client.
                    watched.await.ok();
                    drop(permit);
                });
            }
            Either::Left((None, _)) => sleep(ACCEPT_RETRY_DELAY).await,
            Either::Right(_) => break,
        }
    }
    drop(listener);
    timeout(FLUSH_TIMEOUT, graceful.shutdown()).await.ok();
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    Some((listener.accept().await.ok()?.0, permit))
}
