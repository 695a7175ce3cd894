//! Connections: accepts, serves with keep-alive, and winds down.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answer::Body;
use super::dispatch::Dispatcher;
use super::proxy::{Asked, Next, Serve};

/// How long a client may take for its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(60);
/// How long calls in progress may take after the stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// Longest request line and headers together.
const HEADER_BYTES: usize = 256 * 1024;

/// Answers connections until `stopped`, then lets calls in progress finish.
pub async fn serve(listener: std::net::TcpListener, dispatcher: Arc<Dispatcher>, mut stopped: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot listen");
            return;
        }
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(http(stream, Arc::clone(&dispatcher), Some(peer.ip()), stopped.clone()));
                }
                // Out of file descriptors, usually; those of finished calls come back.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
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

/// Serves HTTP. Only connections with a peer may use the proxy: what comes through it has none.
async fn http<S>(stream: S, dispatcher: Arc<Dispatcher>, peer: Option<IpAddr>, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let asked = peer.map(|peer| Arc::new(asked(peer, Arc::clone(&dispatcher), stopped.clone())));
    let asking = asked.clone();
    let service = service_fn(move |request| {
        let (dispatcher, asking) = (Arc::clone(&dispatcher), asking.clone());
        async move { Ok::<_, Infallible>(answer(&dispatcher, request, asking.as_ref()).await) }
    });
    // hyper's own limit, 100 headers, stays: only up to it are they read without an allocation.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADER_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
    let next = asked.and_then(|asked| asked.next.lock().unwrap_or_else(PoisonError::into_inner).take());
    if let Some(next) = next {
        next.await;
    }
}

async fn answer(dispatcher: &Dispatcher, request: Request<Incoming>, asking: Option<&Arc<Asked>>) -> Response<Body> {
    let request = match asking {
        Some(asking) if dispatcher.proxy.is_asked(&request) => match dispatcher.proxy.take(request, asking).await {
            Ok(request) => request,
            Err(answer) => return answer,
        },
        _ => request,
    };
    dispatcher.answer(request).await
}

/// What the proxy needs of a connection.
fn asked(peer: IpAddr, dispatcher: Arc<Dispatcher>, stopped: watch::Receiver<bool>) -> Asked {
    let stop = stopped.clone();
    let serve: Serve = Box::new(move |stream| Box::pin(http(stream, Arc::clone(&dispatcher), None, stop.clone())));
    Asked { peer, next: Next::default(), serve, stopped }
}
