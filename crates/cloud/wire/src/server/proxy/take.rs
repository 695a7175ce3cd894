//! Requests for a proxy.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, PROXY_AUTHENTICATE};
use http::uri::Authority as HostAndPort;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sagewright_model::host;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::super::answer::{self, Body};
use super::upstream::{self, Io, Upstream};
use super::{Asked, Loaded, Proxy, Refusal, forward};

/// How long a client may take for the TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);

impl Proxy {
    /// Takes a request for a proxy: gives it back where the embedded cloud is to answer it, and the answer elsewhere.
    pub(in crate::server) async fn take(
        &self,
        mut request: Request<Incoming>,
        asked: &Arc<Asked>,
    ) -> Result<Request<Incoming>, Response<Body>> {
        let (loaded, upstream) = self.admit(asked.peer, request.headers()).map_err(Refusal::answer)?;
        let Some(at) = request.uri().authority().cloned() else {
            return Err(refuse(StatusCode::BAD_REQUEST, "CONNECT names no host"));
        };
        let bad_gateway = |why: String| refuse(StatusCode::BAD_GATEWAY, &why);
        if request.method() == Method::CONNECT {
            let upgrade = hyper::upgrade::on(&mut request);
            let next = self.connect(upgrade, &at, &loaded, upstream.as_ref(), asked).await?;
            *asked.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
            return Err(answer::whole(Response::new(Bytes::new())));
        }
        if host::is_aws(at.host()) {
            forward::strip(request.headers_mut());
            forward::to_origin(&mut request, &at);
            return Ok(request);
        }
        Err(forward::forward(request, &at, upstream.as_ref()).await.unwrap_or_else(bad_gateway))
    }

    /// What the connection goes on with after a `CONNECT`.
    async fn connect(
        &self,
        upgrade: OnUpgrade,
        at: &HostAndPort,
        loaded: &Loaded,
        upstream: Option<&Upstream>,
        asked: &Arc<Asked>,
    ) -> Result<BoxFuture<'static, ()>, Response<Body>> {
        let bad_gateway = |why: String| refuse(StatusCode::BAD_GATEWAY, &why);
        let name = at.host().trim_end_matches('.').to_ascii_lowercase();
        if host::is_aws(&name) {
            let settings = loaded.hosts.settings(&name, self.clock.now()).map_err(|e| bad_gateway(e.to_string()))?;
            return Ok(serve_aws(upgrade, TlsAcceptor::from(settings), Arc::clone(asked)).boxed());
        }
        // Without a port it is not a target (RFC 9110, 9.3.6).
        let Some(port) = at.port_u16() else {
            return Err(refuse(StatusCode::BAD_REQUEST, &format!("CONNECT names no port of {}", at.host())));
        };
        let there = upstream::tunnel(at.host(), port, upstream).await.map_err(bad_gateway)?;
        Ok(pass_through(upgrade, there, asked.stopped.clone()).boxed())
    }
}

impl Refusal {
    fn answer(self) -> Response<Body> {
        let serves = "the proxy of the embedded cloud serves programs";
        match self {
            Self::Remote => refuse(StatusCode::FORBIDDEN, &format!("{serves} of its own machine only")),
            Self::Unauthorized => {
                let told = format!("{serves} that `sagewright local exec` has started");
                let mut response = refuse(StatusCode::PROXY_AUTHENTICATION_REQUIRED, &told);
                let realm = HeaderValue::from_static("Basic realm=\"sagewright local exec\"");
                response.headers_mut().insert(PROXY_AUTHENTICATE, realm);
                response
            }
        }
    }
}

fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(Bytes::from(format!("{why}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer::whole(response)
}

/// Requests in TLS for one of AWS's hosts: answered as plain ones are.
async fn serve_aws(upgrade: OnUpgrade, acceptor: TlsAcceptor, asked: Arc<Asked>) {
    let Some(io) = taken_over(upgrade).await else { return };
    match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(TokioIo::new(io))).await {
        Ok(Ok(stream)) => (asked.serve)(Box::new(stream)).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Bytes between a client and another host, until one of them ends or the cloud stops.
async fn pass_through(upgrade: OnUpgrade, mut there: Box<dyn Io>, mut stopped: watch::Receiver<bool>) {
    let Some(here) = taken_over(upgrade).await else { return };
    let mut here = TokioIo::new(here);
    tokio::select! {
        ended = tokio::io::copy_bidirectional(&mut here, &mut there) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection through the proxy ended early");
            }
        }
        _ = stopped.changed() => {}
    }
}

async fn taken_over(upgrade: OnUpgrade) -> Option<Upgraded> {
    upgrade.await.inspect_err(|error| tracing::debug!(%error, "a connection ended before it was taken over")).ok()
}
