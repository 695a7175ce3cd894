//! Plain HTTP requests for hosts that are not AWS's.

use http::header::{CONNECTION, HOST, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::super::answer::Body;
use super::upstream::{Upstream, connect};

/// Sends a request on and gives the answer as it comes.
pub(super) async fn forward(
    request: Request<Incoming>,
    authority: &Authority,
    upstream: Option<&Upstream>,
) -> Result<Response<Body>, String> {
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream = connect(host, port, upstream).await?;
    let failed = |error: hyper::Error| format!("the request to {host}:{port} failed: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // It ends with the answer's body, or when nobody reads that any more.
    tokio::spawn(connection);
    let request = prepare(request, authority, upstream);
    let mut response = sender.send_request(request).await.map_err(failed)?;
    strip(response.headers_mut());
    Ok(response.map(|body| body.map_err(Into::into).boxed()))
}

/// Another proxy takes the whole URL, the host itself only the path.
fn prepare(mut request: Request<Incoming>, authority: &Authority, upstream: Option<&Upstream>) -> Request<Incoming> {
    strip(request.headers_mut());
    match upstream {
        None => to_origin(&mut request, authority),
        Some(upstream) => {
            if let Some(authorization) = upstream.authorization() {
                request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
            }
        }
    }
    request
}

/// From `GET http://HOST/PATH` to `GET /PATH` with the host in its header.
pub(super) fn to_origin<B>(request: &mut Request<B>, authority: &Authority) {
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    let host = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    if let Ok(host) = HeaderValue::from_str(host) {
        request.headers_mut().insert(HOST, host);
    }
}

/// Takes away what is meant for the next hop alone.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    let fixed = [CONNECTION, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE];
    let others = ["keep-alive", "proxy-connection", "proxy-authenticate", "trailer"].map(HeaderName::from_static);
    for name in fixed.into_iter().chain(others) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_a_proxy_becomes_one_for_its_host() {
        let mut request = Request::get("http://u:p@data.s3.amazonaws.com:80/key?versions")
            .header(HOST, "elsewhere")
            .header(CONNECTION, "close, X-Hop")
            .header("x-hop", "1")
            .header(PROXY_AUTHORIZATION, "Basic x")
            .header("x-end", "2")
            .body(())
            .unwrap();
        let authority = request.uri().authority().cloned().unwrap();
        strip(request.headers_mut());
        to_origin(&mut request, &authority);
        assert_eq!(request.uri(), "/key?versions");
        let left: Vec<_> = request.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        assert_eq!(left, [("host", "data.s3.amazonaws.com:80"), ("x-end", "2")]);
    }
}
