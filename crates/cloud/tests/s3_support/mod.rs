//! A server on loopback and a client that signs by hand, so that requests can be wrong on purpose.

#![allow(dead_code, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sagewright_cloud::s3::{Caller, Clock, Credentials, S3Config, Store, service};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";

pub(crate) fn clock() -> Clock {
    Arc::new(jiff::Timestamp::now)
}

struct Keys;

#[async_trait::async_trait]
impl Credentials for Keys {
    async fn lookup(&self, access_key: &str) -> Option<Caller> {
        let (account, token, expired) = match access_key {
            "AKIDTEST" => (ACCOUNT, None, false),
            "AKIDOTHER" => (OTHER, None, false),
            "ASIATEST" => (ACCOUNT, Some("token"), false),
            "ASIAEXPIRED" => (ACCOUNT, Some("token"), true),
            _ => return None,
        };
        Some(Caller {
            account: account.to_owned(),
            secret_key: "secret".to_owned(),
            session_token: token.map(str::to_owned),
            principal_arn: format!("arn:aws:iam::{account}:user/test"),
            expired,
        })
    }
}

/// A server with a store of its own.
pub(crate) struct Server {
    pub(crate) root: TempDir,
    pub(crate) store: Store,
    pub(crate) address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path(), clock()).unwrap();
        let s3 = service(&S3Config::default(), store.clone(), Arc::new(Keys));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let s3 = s3.clone();
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let s3 = s3.clone();
                        async move { Ok::<_, std::convert::Infallible>(s3.call(request).await) }
                    });
                    let _ =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { root, store, address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// How many content files there are.
    pub(crate) fn files(&self) -> usize {
        content_files(self.root.path())
    }

    pub(crate) async fn send(&self, request: Signed) -> Answer {
        let request = request.build(self.address);
        self.raw(request).await
    }

    /// Sends a request as it is.
    pub(crate) async fn raw(&self, request: http::Request<Full<Bytes>>) -> Answer {
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }
}

pub(crate) fn content_files(root: &std::path::Path) -> usize {
    std::fs::read_dir(root.join("objects"))
        .unwrap()
        .flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap())
        .count()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The error code in the document.
    pub(crate) fn code(&self) -> String {
        self.element("Code")
    }

    /// The text of the first element of this name; empty where there is none.
    pub(crate) fn element(&self, name: &str) -> String {
        let text = self.text();
        let bare = text.split(&format!("<{name}>")).nth(1);
        let with_attributes = text.split(&format!("<{name} ")).nth(1).and_then(|rest| Some(rest.split_once('>')?.1));
        let value = bare.or(with_attributes).and_then(|rest| rest.split('<').next());
        value.unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code().as_str()), (status, code), "{self:?}");
        assert!(!self.header("x-amz-request-id").is_empty(), "{self:?}");
    }
}

/// A request to be signed.
pub(crate) struct Signed {
    method: Method,
    host: Option<String>,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    access_key: String,
    region: String,
    /// Whether `Date` says when, and no `X-Amz-Date`.
    dated: bool,
    /// What `x-amz-content-sha256` says, unless it is the truth.
    payload: Option<String>,
    /// Headers that the signature does not cover.
    unsigned: Vec<(String, String)>,
}

impl Signed {
    /// `target` is a path with an optional query, both encoded.
    pub(crate) fn new(method: Method, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            host: None,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            access_key: "AKIDTEST".to_owned(),
            region: "us-east-1".to_owned(),
            dated: false,
            payload: None,
            unsigned: Vec::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new(Method::GET, target)
    }

    pub(crate) fn put(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::with_body(Method::PUT, target, body)
    }

    pub(crate) fn with_body(method: Method, target: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new(method, target);
        request.body = body.into();
        request
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header after signing.
    pub(crate) fn unsigned(mut self, name: &str, value: &str) -> Self {
        self.unsigned.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn access_key(mut self, key: &str) -> Self {
        self.access_key = key.to_owned();
        self
    }

    /// The region to sign for.
    pub(crate) fn region(mut self, region: &str) -> Self {
        self.region = region.to_owned();
        self
    }

    /// Dates the request by `Date` alone.
    pub(crate) fn dated(mut self) -> Self {
        self.dated = true;
        self
    }

    pub(crate) fn payload(mut self, payload: &str) -> Self {
        self.payload = Some(payload.to_owned());
        self
    }

    /// The request as text, signed, for sending it by hand.
    pub(crate) fn head(&self, address: SocketAddr) -> (Vec<(String, String)>, String) {
        let now = jiff::Timestamp::now();
        let text = now.to_string();
        let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect();
        let time = format!("{}Z", &digits[..15]);
        let date = time[..8].to_owned();
        let payload = self.payload.clone().unwrap_or_else(|| hex::encode(Sha256::digest(&self.body)));
        let host = self.host.clone().unwrap_or_else(|| address.to_string());
        let mut headers = self.headers.clone();
        headers.push(("host".into(), host));
        headers.push(match self.dated {
            true => ("date".into(), now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            false => ("x-amz-date".into(), time.clone()),
        });
        headers.push(("x-amz-content-sha256".into(), payload.clone()));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let listed: String = headers.iter().map(|(n, v)| format!("{n}:{}\n", v.trim())).collect();
        let mut query: Vec<String> = self
            .query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
            .collect();
        query.sort();
        let canonical = format!("{}\n{}\n{}\n{listed}\n{names}\n{payload}", self.method, self.path, query.join("&"));
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let mut key = b"AWS4secret".to_vec();
        for part in [date.as_str(), self.region.as_str(), "s3", "aws4_request"] {
            key = sign(&key, part);
        }
        let signature = hex::encode(sign(&key, &to_sign));
        headers.push((
            "authorization".into(),
            format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
                self.access_key
            ),
        ));
        headers.extend(self.unsigned.clone());
        let target = match self.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        };
        (headers, target)
    }

    pub(crate) fn build(self, address: SocketAddr) -> http::Request<Full<Bytes>> {
        let (headers, target) = self.head(address);
        let mut request = http::Request::builder().method(self.method).uri(format!("http://{address}{target}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(Full::from(self.body)).unwrap()
    }
}

pub(crate) fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
