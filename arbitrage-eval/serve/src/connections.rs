//! Connections: so many at a time, and none that takes for ever.

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

/// Connections at a time; others wait until the system refuses them.
const MOST: usize = 1024;

/// Time in which a request's headers have to come.
const HEADER_TIME: Duration = Duration::from_secs(30);

/// Time that answers have to leave the settings when all else has ended.
const FLUSH_TIME: Duration = Duration::from_secs(3);

/// Time to wait where the system has no connection to give.
const BREATH: Duration = Duration::from_millis(50);

/// Serves connections until `ended`, then lets those that are open finish what they are at.
pub(super) async fn serve(listener: TcpListener, app: Router, ended: impl Future<Output = ()>) {
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(MOST)));
    let mut ended = std::pin::pin!(ended);
    loop {
        let accepted = std::pin::pin!(accept(&listener, &places));
        match select(accepted, &mut ended).await {
            Either::Left((Some((stream, place)), _)) => {
                // An answer is one small write; waiting for more of it would only hold steps back.
                stream.set_nodelay(true).ok();
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIME)
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
                let watched = graceful.watch(connection);
                tokio::spawn(async move {
                    // A connection that breaks is the client's affair.
                    watched.await.ok();
                    drop(place);
                });
            }
            Either::Left((None, _)) => sleep(BREATH).await,
            Either::Right(_) => break,
        }
    }
    drop(listener);
    timeout(FLUSH_TIME, graceful.shutdown()).await.ok();
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    Some((listener.accept().await.ok()?.0, place))
}
