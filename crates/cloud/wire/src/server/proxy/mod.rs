//! The cloud's port as a proxy, for programs that name AWS's hosts themselves: `sagewright local exec` points them here.
//!
//! What goes to AWS's host names is answered by the embedded cloud, in TLS with a certificate of the data folder's own
//! authority. What goes to other hosts passes through untouched. Only programs of this machine that know the data
//! folder's token are served.

mod address;
mod authority;
mod forward;
mod hosts;
mod take;
mod upstream;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::uri::Authority as HostAndPort;
use http::{HeaderMap, Method, Request};
use sagewright_cloud_core::clock::SharedWall;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

pub use address::{behind, can_pass_on_to, url};
pub use authority::{Authority, AuthorityError, folder, pem, publish};

use self::hosts::Hosts;
use self::upstream::{Io, Upstream};

/// What a connection goes on with when it is no longer plain HTTP.
pub(super) type Next = Mutex<Option<BoxFuture<'static, ()>>>;

/// Serves HTTP on what came through the proxy.
pub(super) type Serve = Box<dyn Fn(Box<dyn Io>) -> BoxFuture<'static, ()> + Send + Sync>;

/// The connection that a request for a proxy came on.
pub(super) struct Asked {
    pub(super) peer: IpAddr,
    pub(super) next: Next,
    pub(super) serve: Serve,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Why a client is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Remote,
    Unauthorized,
}

/// The proxy of a running cloud.
pub struct Proxy {
    data: PathBuf,
    own: SocketAddr,
    clock: SharedWall,
    loaded: Mutex<Option<Arc<Loaded>>>,
}

struct Loaded {
    authority: Arc<Authority>,
    hosts: Hosts,
}

impl Proxy {
    /// A proxy that listens at `own`, with the authority of a data folder.
    #[must_use]
    pub fn new(data: PathBuf, own: SocketAddr, clock: SharedWall) -> Self {
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
        let (user, token) = address::credentials(headers)?;
        let fits =
            |loaded: &Arc<Loaded>| bool::from(loaded.authority.token().reveal().as_bytes().ct_eq(token.as_bytes()));
        // The folder of the proxy may have been removed, and made anew by the next program.
        let loaded = self.loaded(false).filter(fits).or_else(|| self.loaded(true).filter(fits))?;
        address::upstream(&user).map(|upstream| (loaded, upstream))
    }
}

fn load(data: &Path) -> Result<Option<Loaded>, String> {
    let Some(authority) = Authority::load(data).map_err(|e| e.to_string())? else { return Ok(None) };
    let authority = Arc::new(authority);
    let hosts = Hosts::new(Arc::clone(&authority)).map_err(|e| e.to_string())?;
    Ok(Some(Loaded { authority, hosts }))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use http::header::PROXY_AUTHORIZATION;

    use super::*;

    #[test]
    fn a_proxy_url_carries_the_token_and_the_proxy_behind_it() {
        let data = tempfile::tempdir().unwrap();
        let now = jiff::Timestamp::now();
        let authority = Authority::open(data.path(), now).unwrap();
        let own: SocketAddr = "127.0.0.1:4599".parse().unwrap();
        let clock = Arc::new(sagewright_cloud_core::clock::SystemWall);
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
        let proxy = Proxy::new(PathBuf::new(), own, Arc::new(sagewright_cloud_core::clock::SystemWall));
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
