//! The server: a connection a question, each with its time, and only so many at once. Start at [`serve`].

use crate::Snapshot;
use crate::metrics::{self, CONTENT_TYPE};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long connections may take.
const LIMITS: Limits = Limits { life: Duration::from_secs(10), head: Duration::from_secs(5) };
/// The largest head of a question, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How many connections there are at once; others wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Nobody can be listened to at an address.
#[derive(Debug, thiserror::Error)]
#[error("nobody can be listened to at {address}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The system's reason.
    #[source]
    pub reason: io::Error,
}

#[derive(Clone, Copy)]
struct Limits {
    /// How long a connection lives, its question and its answer included.
    life: Duration,
    /// How long it may take to say what it wants.
    head: Duration,
}

/// Begins to listen at `address`.
///
/// # Errors
/// [`BindError`]: another program listens there, or this host does not have the address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|reason| BindError { address, reason })
}

/// Answers until `stop` is done. `look` is called for each question that needs it, and must not wait for anything.
///
/// Nothing that a client or the network does ends it: a connection that is slow, or says nothing, ends by itself.
pub async fn serve(
    listener: TcpListener,
    look: impl Fn() -> Snapshot + Send + Sync + 'static,
    stop: impl Future<Output = ()>,
) {
    serve_within(LIMITS, listener, Arc::new(look), stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, look: Look, stop: impl Future<Output = ()>) {
    let router = router(look);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Dropped, it ends what is under way.
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            // Fails only for a closed semaphore, and nothing closes this one.
            let place = places.clone().acquire_owned().await;
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        converse(stream, router, limits).await;
                        drop(place);
                    });
                }
                Err(_) => ambient::sleep(PAUSE).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
}

async fn converse(stream: TcpStream, router: Router, limits: Limits) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES_MAX)
        // A connection a question: one that is kept could end just when the next question comes.
        .keep_alive(false);
    let conversation = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Clients that vanish, and those that never end, are nobody's trouble.
    _ = tokio::time::timeout(limits.life, conversation).await;
}

type Look = Arc<dyn Fn() -> Snapshot + Send + Sync>;

fn router(look: Look) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(measured))
        .fallback(async || (StatusCode::NOT_FOUND, "/healthz, /readyz and /metrics are answered here\n"))
        .with_state(look)
}

async fn ready(State(look): State<Look>) -> Response {
    let reasons = look().not_ready;
    match reasons.is_empty() {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response(),
    }
}

async fn measured(State(look): State<Look>) -> Response {
    match metrics::text(look()) {
        Ok(text) => {
            let kind = HeaderValue::from_static(CONTENT_TYPE);
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
