//! Connections: accepts, serves with keep-alive, and winds down.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::dispatch::Dispatcher;
use super::proxy::{self, Asked, Next};

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
pub(super) async fn http<S>(
    stream: S,
    dispatcher: Arc<Dispatcher>,
    peer: Option<IpAddr>,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let next = Next::default();
    let asked = peer.map(|peer| Arc::new(Asked { peer, next: Arc::clone(&next), stopped: stopped.clone() }));
    let service = service_fn(move |request| {
        let (dispatcher, asked) = (Arc::clone(&dispatcher), asked.clone());
        async move {
            Ok::<_, Infallible>(match asked {
                Some(asked) if dispatcher.proxy.is_asked(&request) => proxy::answer(&dispatcher, request, &asked).await,
                _ => dispatcher.answer(request).await,
            })
        }
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
    let next = next.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(next) = next {
        next.await;
    }
}
