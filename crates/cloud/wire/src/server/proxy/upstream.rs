//! Connections to hosts that are not AWS's: straight, or through the proxy that the client's own environment names.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// Both directions of a connection.
pub(in crate::server) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A proxy behind this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl Upstream {
    /// The proxy of a URL `http://[USER:PASSWORD@]HOST[:PORT]`.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let authority = uri.authority()?;
        let credentials = authority.as_str().rsplit_once('@').map(|(credentials, _)| credentials);
        let authorization = credentials.and_then(|text| {
            let plain: Vec<u8> = percent_decode_str(text).collect();
            let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain))).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Some(Self { host: bare(authority.host()).to_owned(), port: authority.port_u16().unwrap_or(80), authorization })
    }

    /// What it asks for with a request.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

/// An IPv6 address without its brackets.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

/// Connects to a host, or to the proxy that stands before it.
pub(super) async fn connect(host: &str, port: u16, upstream: Option<&Upstream>) -> Result<TcpStream, String> {
    let (host, port, what) = match upstream {
        Some(upstream) => (upstream.host.as_str(), upstream.port, "the proxy "),
        None => (bare(host), port, ""),
    };
    let stream = match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(format!("cannot connect to {what}{host}:{port}: {error}")),
        Err(_) => {
            return Err(format!("cannot connect to {what}{host}:{port}: no answer in {} s", CONNECT_WITHIN.as_secs()));
        }
    };
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// A way to a host for bytes of any kind.
pub(super) async fn tunnel(host: &str, port: u16, upstream: Option<&Upstream>) -> Result<Box<dyn Io>, String> {
    let stream = connect(host, port, upstream).await?;
    let Some(upstream) = upstream else { return Ok(Box::new(stream)) };
    let refused =
        |why: String| format!("the proxy {}:{} opens no way to {host}:{port}: {why}", upstream.host, upstream.port);
    let asked = tokio::time::timeout(CONNECT_WITHIN, ask(stream, &format!("{host}:{port}"), upstream)).await;
    match asked {
        Ok(Ok(io)) => Ok(io),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(_) => Err(refused(format!("no answer in {} s", CONNECT_WITHIN.as_secs()))),
    }
}

async fn ask(
    stream: TcpStream,
    authority: &str,
    upstream: &Upstream,
) -> Result<Box<dyn Io>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer, or hands the connection over.
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::builder().method(Method::CONNECT).uri(authority).header(HOST, authority);
    if let Some(authorization) = &upstream.authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()).into());
    }
    Ok(Box::new(TokioIo::new(hyper::upgrade::on(response).await?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_an_http_url() {
        let told = |url| Upstream::parse(url).map(|u| (u.host, u.port, u.authorization));
        let basic = |text: &str| Some(HeaderValue::try_from(format!("Basic {}", STANDARD.encode(text))).unwrap());
        assert_eq!(told("http://proxy.example:3128"), Some(("proxy.example".into(), 3128, None)));
        assert_eq!(told("http://proxy.example/"), Some(("proxy.example".into(), 80, None)));
        assert_eq!(told("http://[::1]:3128"), Some(("::1".into(), 3128, None)));
        assert_eq!(told("http://me:p%40ss@h:1"), Some(("h".into(), 1, basic("me:p@ss"))));
        for wrong in ["https://h:1", "socks5://h:1", "h:1", "", "http://"] {
            assert_eq!(told(wrong), None, "{wrong}");
        }
    }
}
