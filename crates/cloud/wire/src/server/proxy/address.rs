//! The proxy's address, with what lets a program in.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;
use subtle::ConstantTimeEq as _;

use super::authority::Authority;
use super::upstream::Upstream;

/// The user of a proxy URL without a proxy behind it.
const DIRECT: &str = "direct";

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

/// The proxy that a user of the proxy's address names; `None` where it is none.
pub(super) fn upstream(user: &str) -> Option<Option<Upstream>> {
    if user == DIRECT {
        return Some(None);
    }
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()?;
    Upstream::parse(&url).map(Some)
}

/// User and token of `Proxy-Authorization`.
pub(super) fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    plain.split_once(':').map(|(user, token)| (user.to_owned(), token.to_owned()))
}
