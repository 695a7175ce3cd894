//! Health and metrics over HTTP.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::error::OperatorError;

/// Connections at the same time. One more ends the oldest: files that others hold open must not keep the operator from its work, nor
/// probes from an answer.
const CONNECTIONS: usize = 128;

/// What is served: a status, a content type and a text for each path; nothing for a path that there is not.
pub(crate) type Pages = dyn Fn(&str) -> Option<(StatusCode, &'static str, String)> + Send + Sync;

/// Serves pages until the process ends. Gives the address.
pub(crate) async fn serve(
    what: &'static str,
    address: SocketAddr,
    pages: Arc<Pages>,
) -> Result<SocketAddr, OperatorError> {
    let failed = |source| OperatorError::Listen { what, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        let mut open: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of files or the like: it passes.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            open.retain(|connection| !connection.is_finished());
            if open.len() >= CONNECTIONS
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            let pages = Arc::clone(&pages);
            let connection = tokio::spawn(async move {
                let service = service_fn(|request| answer(request, Arc::clone(&pages)));
                let server = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(std::time::Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service);
                // Whoever asked went away.
                drop(server.await);
            });
            open.push_back(connection.abort_handle());
        }
    });
    Ok(bound)
}

async fn answer(request: Request<Incoming>, pages: Arc<Pages>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, body) = pages(request.uri().path())
        .unwrap_or_else(|| (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "there is no such page\n".to_owned()));
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn connections_that_ask_nothing_keep_nobody_from_an_answer() {
        let page = |path: &str| (path == "/healthz").then(|| (StatusCode::OK, "text/plain", "ok\n".to_owned()));
        let address = serve("health", "127.0.0.1:0".parse().unwrap(), Arc::new(page)).await.unwrap();
        let mut idle = Vec::new();
        for _ in 0..=CONNECTIONS {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let mut asking = TcpStream::connect(address).await.unwrap();
        asking.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
        // The oldest one was ended, before it told anything.
        let mut nothing = [0; 1];
        assert!(!matches!(idle[0].read(&mut nothing).await, Ok(1)));
    }
}
