//! Health and metrics over HTTP.

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

use crate::error::OperatorError;

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
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of files or the like: it passes.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            let pages = Arc::clone(&pages);
            tokio::spawn(async move {
                let service = service_fn(|request| answer(request, Arc::clone(&pages)));
                let server = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(std::time::Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service);
                // Whoever asked went away.
                drop(server.await);
            });
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
