//! The cloud's port as a proxy, for programs that name AWS's hosts themselves: `sagewright local exec` points them here.
//!
//! What goes to AWS's host names is answered by the embedded cloud, in TLS with a certificate of the data folder's own
//! authority. What goes to other hosts passes through untouched. Only programs of this machine that know the data
//! folder's token are served.

mod authority;
mod forward;
mod hosts;
mod upstream;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::header::{PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::uri::Authority as HostAndPort;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sagewright_model::host;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

pub use authority::{Authority, AuthorityError, folder, pem, publish};

use self::hosts::Hosts;
use self::upstream::{Io, Upstream};
use super::answer::{self, Body};
use super::connection;
use super::dispatch::Dispatcher;
use sagewright_cloud_core::clock::SharedClock;

/// How long a client may take for the TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);
/// The user of a proxy URL without a proxy behind it.
const DIRECT: &str = "direct";

/// What a connection goes on with when it is no longer plain HTTP.
pub(super) type Next = Arc<Mutex<Option<BoxFuture<'static, ()>>>>;

/// Who asks, and what is done for the connection later.
pub(super) struct Asked {
    pub(super) peer: IpAddr,
    pub(super) next: Next,
    pub(super) stopped: watch::Receiver<bool>,
}

/// The URL that a program of this machine is given as its proxy. `behind` is the proxy that it would use otherwise.
///
/// The URL holds the token: it is for the environment of the program, and for nothing that others can read.
#[must_use]
pub fn url(address: SocketAddr, authority: &Authority, behind: Option<&str>) -> String {
    let user = behind.map_or_else(|| DIRECT.to_owned(), |url| URL_SAFE_NO_PAD.encode(url));
    format!("http://{user}:{}@{address}", authority.token().reveal())
}

/// The proxy that stands behind a URL that [`url`] has made; any other URL as it is.
#[must_use]
pub fn behind(url: &str, authority: &Authority) -> Option<String> {
    let own =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('@')).and_then(|(user, _)| user.split_once(':'));
    match own {
        Some((user, token)) if bool::from(token.as_bytes().ct_eq(authority.token().reveal().as_bytes())) => {
            String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok().filter(|_| user != DIRECT)
        }
        _ => Some(url.to_owned()),
    }
}

/// Whether this proxy can pass requests on to the one of a URL.
#[must_use]
pub fn can_pass_on_to(url: &str) -> bool {
    Upstream::parse(url).is_some()
}

/// Why a client is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Remote,
    Unauthorized,
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

/// The proxy of a running cloud.
pub struct Proxy {
    data: PathBuf,
    own: SocketAddr,
    clock: SharedClock,
    loaded: Mutex<Option<Arc<Loaded>>>,
}

struct Loaded {
    authority: Arc<Authority>,
    hosts: Hosts,
}

impl Proxy {
    /// A proxy that listens at `own`, with the authority of a data folder.
    #[must_use]
    pub fn new(data: PathBuf, own: SocketAddr, clock: SharedClock) -> Self {
        Self { data, own, clock, loaded: Mutex::default() }
    }

    /// Whether a request is for a proxy: it names a host in its first line, and not this one.
    pub(super) fn is_asked<B>(&self, request: &Request<B>) -> bool {
        let own = |at: &HostAndPort| {
            let host = upstream::bare(at.host());
            let here = host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| self.is_own(ip));
            here && at.port_u16() == Some(self.own.port())
        };
        request.method() == Method::CONNECT || request.uri().authority().is_some_and(|at| !own(at))
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || ip == self.own.ip()
    }

    /// The authority, once some program has been started with it.
    fn loaded(&self, again: bool) -> Option<Arc<Loaded>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.is_none() || again {
            match load(&self.data) {
                Ok(found) => *loaded = found.map(Arc::new),
                Err(error) => tracing::error!(error, "the proxy cannot be used"),
            }
        }
        loaded.clone()
    }

    /// Lets programs of this machine in that know the token.
    fn admit(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(Arc<Loaded>, Option<Upstream>), Refusal> {
        if !peer.to_canonical().is_loopback() {
            return Err(Refusal::Remote);
        }
        self.authorize(headers).ok_or(Refusal::Unauthorized)
    }

    /// Who knows the token, with the proxy that stands behind this one for them.
    fn authorize(&self, headers: &HeaderMap) -> Option<(Arc<Loaded>, Option<Upstream>)> {
        let (user, token) = credentials(headers)?;
        let fits =
            |loaded: &Arc<Loaded>| bool::from(loaded.authority.token().reveal().as_bytes().ct_eq(token.as_bytes()));
        // The folder of the proxy may have been removed, and made anew by the next program.
        let loaded = self.loaded(false).filter(fits).or_else(|| self.loaded(true).filter(fits))?;
        if user == DIRECT {
            return Some((loaded, None));
        }
        let url = URL_SAFE_NO_PAD.decode(user).ok().and_then(|url| String::from_utf8(url).ok())?;
        Upstream::parse(&url).map(|upstream| (loaded, Some(upstream)))
    }
}

fn load(data: &std::path::Path) -> Result<Option<Loaded>, String> {
    let Some(authority) = Authority::load(data).map_err(|e| e.to_string())? else { return Ok(None) };
    let authority = Arc::new(authority);
    let hosts = Hosts::new(Arc::clone(&authority)).map_err(|e| e.to_string())?;
    Ok(Some(Loaded { authority, hosts }))
}

/// User and token of `Proxy-Authorization`.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    plain.split_once(':').map(|(user, token)| (user.to_owned(), token.to_owned()))
}

/// Answers a request for a proxy.
pub(super) async fn answer(
    dispatcher: &Arc<Dispatcher>,
    mut request: Request<Incoming>,
    asked: &Asked,
) -> Response<Body> {
    let (loaded, upstream) = match dispatcher.proxy.admit(asked.peer, request.headers()) {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.answer(),
    };
    let Some(at) = request.uri().authority().cloned() else {
        return refuse(StatusCode::BAD_REQUEST, "CONNECT names no host");
    };
    if request.method() == Method::CONNECT {
        let name = at.host().trim_end_matches('.').to_ascii_lowercase();
        let next = if host::is_aws(&name) {
            let settings = loaded.hosts.settings(&name, dispatcher.proxy.clock.now()).map_err(|e| e.to_string());
            settings.map(|settings| {
                serve_aws(hyper::upgrade::on(&mut request), settings, Arc::clone(dispatcher), asked).boxed()
            })
        } else {
            // Without a port it is not a target (RFC 9110, 9.3.6).
            let Some(port) = at.port_u16() else {
                return refuse(StatusCode::BAD_REQUEST, &format!("CONNECT names no port of {}", at.host()));
            };
            let there = upstream::tunnel(at.host(), port, upstream.as_ref()).await;
            there.map(|there| pass_through(hyper::upgrade::on(&mut request), there, asked.stopped.clone()).boxed())
        };
        return match next {
            Ok(next) => {
                *asked.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
                answer::whole(Response::new(Bytes::new()))
            }
            Err(error) => refuse(StatusCode::BAD_GATEWAY, &error),
        };
    }
    if host::is_aws(at.host()) {
        forward::strip(request.headers_mut());
        forward::to_origin(&mut request, &at);
        return dispatcher.answer(request).await;
    }
    match forward::forward(request, &at, upstream.as_ref()).await {
        Ok(response) => response,
        Err(error) => refuse(StatusCode::BAD_GATEWAY, &error),
    }
}

fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(Bytes::from(format!("{why}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer::whole(response)
}

/// Requests in TLS for one of AWS's hosts: answered as plain ones are.
fn serve_aws(
    upgrade: OnUpgrade,
    settings: Arc<ServerConfig>,
    dispatcher: Arc<Dispatcher>,
    asked: &Asked,
) -> impl Future<Output = ()> + Send + 'static {
    let stopped = asked.stopped.clone();
    async move {
        let Some(io) = taken_over(upgrade).await else { return };
        let accepted = TlsAcceptor::from(settings).accept(TokioIo::new(io));
        match tokio::time::timeout(HANDSHAKE_WITHIN, accepted).await {
            Ok(Ok(stream)) => connection::http(stream, dispatcher, None, stopped).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_url_carries_the_token_and_the_proxy_behind_it() {
        let data = tempfile::tempdir().unwrap();
        let now = jiff::Timestamp::now();
        let authority = Authority::open(data.path(), now).unwrap();
        let own: SocketAddr = "127.0.0.1:4599".parse().unwrap();
        let clock = Arc::new(sagewright_cloud_core::clock::WallClock);
        let proxy = Proxy::new(data.path().to_owned(), own, clock);
        for there in [None, Some("http://me:p@ss@proxy.example:3128")] {
            let url = url(own, &authority, there);
            assert_eq!(behind(&url, &authority).as_deref(), there);
            let (user, _) = url.strip_prefix("http://").unwrap().rsplit_once('@').unwrap();
            let mut headers = HeaderMap::new();
            let mut ask = |peer: &str, text: &str| {
                headers.insert(PROXY_AUTHORIZATION, format!("Basic {}", STANDARD.encode(text)).parse().unwrap());
                proxy.admit(peer.parse().unwrap(), &headers).map(|(_, upstream)| upstream)
            };
            let admitted = Ok(there.and_then(Upstream::parse));
            for peer in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(ask(peer, user), admitted, "{peer}");
            }
            for peer in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
                assert_eq!(ask(peer, user), Err(Refusal::Remote), "{peer}");
            }
            let wrong = Err(Refusal::Unauthorized);
            assert_eq!(ask("::1", &format!("{user}0")), wrong, "the token and more");
            assert_eq!(ask("::1", "direct:"), wrong);
            assert_eq!(ask("::1", &user.replacen(':', "x:", 1)), wrong, "a user that names no proxy");
        }
        assert_eq!(behind("http://a:b@proxy.example", &authority).as_deref(), Some("http://a:b@proxy.example"));
    }

    #[test]
    fn a_request_with_a_host_in_its_first_line_is_for_the_proxy_unless_the_host_is_the_clouds_own() {
        let own: SocketAddr = "127.0.0.1:4599".parse().unwrap();
        let proxy = Proxy::new(PathBuf::new(), own, Arc::new(sagewright_cloud_core::clock::WallClock));
        for (method, uri, wanted) in [
            ("GET", "/bucket/key", false),
            ("GET", "http://127.0.0.1:4599/bucket", false),
            ("GET", "http://localhost:4599/bucket", false),
            ("GET", "http://127.0.0.1:80/bucket", true),
            ("GET", "http://example.com:4599/bucket", true),
            ("GET", "http://s3.amazonaws.com/bucket", true),
            ("CONNECT", "127.0.0.1:4599", true),
        ] {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            assert_eq!(proxy.is_asked(&request), wanted, "{method} {uri}");
        }
    }
}
