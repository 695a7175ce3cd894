//! Connections: accepts, serves with keep-alive, and winds down.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::poll_fn;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::access::{self, Note, Outgoing};
use super::body::RequestBody;
use super::dispatch::Dispatcher;
use super::expect::{Interim, Socket, go_ahead};
use super::limits::Limits;
use super::proxy::{Asked, Next, Serve};
use super::repoll::Repoll;
use super::slots::{Place, Slots};

/// How long calls in progress may take after the stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection that is to make room may take until it ends, or a request of its own has begun.
const LEAVE_WITHIN: Duration = Duration::from_millis(100);
/// Longest request line and headers together.
const HEADER_BYTES: usize = 256 * 1024;

/// What all connections share.
pub struct Front {
    /// Answers requests.
    pub dispatcher: Dispatcher,
    /// Bounds on connections and bodies.
    pub limits: Limits,
}

/// Answers connections until `stopped`, then lets calls in progress finish.
pub async fn serve(listener: std::net::TcpListener, front: Arc<Front>, mut stopped: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot listen");
            return;
        }
    };
    let slots = Slots::new(front.limits.connections());
    let mut connections = JoinSet::new();
    // Accepted, while others make room for it.
    let mut waiting = None;
    loop {
        tokio::select! {
            accepted = listener.accept(), if waiting.is_none() => match accepted {
                Ok(accepted) => waiting = Some(accepted),
                // Out of file descriptors, usually; those of finished calls come back.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            place = slots.take(), if waiting.is_some() => {
                if let Some((stream, peer)) = waiting.take() {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(http(stream, place, Arc::clone(&front), Caller::Direct(peer), stopped.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_WITHIN, drained).await.is_err() {
        tracing::warn!(open = connections.len(), "calls in progress are cut off");
        connections.shutdown().await;
    }
}

/// How a connection came.
#[derive(Clone, Copy)]
enum Caller {
    /// It may ask for the proxy.
    Direct(SocketAddr),
    /// Through the proxy.
    Proxied(SocketAddr),
}

/// Serves HTTP.
async fn http<S>(stream: S, place: Arc<Place>, front: Arc<Front>, caller: Caller, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let interim = Interim::default();
    let socket = Socket::new(stream, interim.clone());
    let headers_within = front.limits.headers_within;
    let (peer, asked) = match caller {
        Caller::Direct(peer) => (peer, Some(Arc::new(asked(peer, &place, &front, stopped.clone())))),
        Caller::Proxied(peer) => (peer, None),
    };
    let (serving, asking) = (Arc::clone(&place), asked.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (front, place) = (Arc::clone(&front), Arc::clone(&serving));
        let (interim, asking) = (interim.clone(), asking.clone());
        async move { Ok::<_, Infallible>(answer(&front, request, &place, &interim, asking.as_ref()).await) }
    });
    // hyper's own limit, 100 headers, stays: only up to it are they read without an allocation.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(headers_within)
        .max_buf_size(HEADER_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let repoll = Repoll::new();
    let result = tokio::select! {
        result = poll_fn(|context| repoll.poll(connection.as_mut(), context)) => result,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = place.must_close() => {
            connection.as_mut().graceful_shutdown();
            // An idle connection ends at once. One that is in the middle of a request's head would wait for its rest.
            match tokio::time::timeout(LEAVE_WITHIN, connection.as_mut()).await {
                Ok(result) => result,
                Err(_) if place.is_busy() => connection.await,
                Err(_) => Ok(()),
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
    let next = asked.and_then(|asked| asked.next.lock().unwrap_or_else(PoisonError::into_inner).take());
    if let Some(next) = next {
        // What goes through the proxy is not idle.
        let _busy = place.busy();
        next.await;
    }
}

/// What the proxy needs of a connection.
fn asked(peer: SocketAddr, place: &Arc<Place>, front: &Arc<Front>, stopped: watch::Receiver<bool>) -> Asked {
    let (place, front, stop) = (Arc::clone(place), Arc::clone(front), stopped.clone());
    let serve: Serve = Box::new(move |stream| {
        Box::pin(http(stream, Arc::clone(&place), Arc::clone(&front), Caller::Proxied(peer), stop.clone()))
    });
    Asked { peer: peer.ip(), next: Next::default(), serve, stopped }
}

async fn answer(
    front: &Front,
    request: Request<Incoming>,
    place: &Arc<Place>,
    interim: &Interim,
    asking: Option<&Arc<Asked>>,
) -> Response<Outgoing> {
    let busy = place.busy();
    let proxy = &front.dispatcher.proxy;
    let request = match asking {
        Some(asking) if proxy.is_asked(&request) => match proxy.take(request, asking).await {
            Ok(request) => request,
            Err(answer) => return access::send(answer, None, busy),
        },
        _ => request,
    };
    let (parts, body) = request.into_parts();
    let mut body = RequestBody::new(body, &front.limits);
    go_ahead(&parts, &mut body, interim).await;
    let mut note = Note::of(&parts.method, parts.uri.path(), front.dispatcher.recorder.as_ref());
    let answer = front.dispatcher.answer(parts, body, &mut note).await;
    access::send(answer, note, busy)
}
