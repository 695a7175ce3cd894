//! An HTTP client that answers from a script, a clock that only moves when told, and sleep without waiting.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use sagewright_aws::{Aws, Builder};
use sagewright_port::cloud::{Role, Target};

/// A request that was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: String,
    pub uri: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Sent {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// `REGION/SERVICE` of the signature's scope.
    pub fn scope(&self) -> String {
        let authorization = self.header("authorization").expect("the request is not signed");
        let credential = authorization.split("Credential=").nth(1).unwrap().split(',').next().unwrap();
        let parts: Vec<&str> = credential.split('/').collect();
        format!("{}/{}", parts[2], parts[3])
    }

    /// The request as text, without what differs between runs and machines.
    pub fn text(&self) -> String {
        let mut headers: Vec<String> = self
            .headers
            .iter()
            .filter(|(n, _)| !matches!(n.as_str(), "user-agent" | "x-amz-user-agent" | "amz-sdk-invocation-id"))
            .map(|(n, v)| match v.split_once("Signature=") {
                Some((before, _)) if n == "authorization" => format!("{n}: {before}Signature=…"),
                _ => format!("{n}: {v}"),
            })
            .collect();
        headers.sort();
        format!("{} {}\n{}\n\n{}", self.method, self.uri, headers.join("\n"), self.body)
    }
}

/// The access key that signed a request.
pub fn signer(sent: &Sent) -> String {
    let authorization = sent.header("authorization").expect("the request is not signed");
    authorization.split("Credential=").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

/// An answer of the script.
#[derive(Debug, Clone)]
pub enum Answer {
    Http(u16, Vec<(&'static str, String)>, String),
    Reset,
    Refused,
}

pub fn ok(body: &str) -> Answer {
    Answer::Http(200, vec![("x-amzn-requestid", "req-ok".to_owned())], body.to_owned())
}

pub fn status(status: u16, body: &str) -> Answer {
    Answer::Http(status, vec![("x-amzn-requestid", "req-1".to_owned())], body.to_owned())
}

type Reply = dyn Fn(&Sent) -> Answer + Send + Sync;

/// The client: answers by a script, or by a function of the request.
#[derive(Clone)]
pub struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    reply: Option<Arc<Reply>>,
    sent: Arc<Mutex<Vec<Sent>>>,
    connectors: Arc<Mutex<u32>>,
    patience: Arc<Mutex<Vec<Option<Duration>>>>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            reply: None,
            sent: Arc::default(),
            connectors: Arc::default(),
            patience: Arc::default(),
        }
    }

    pub fn by(reply: impl Fn(&Sent) -> Answer + Send + Sync + 'static) -> Self {
        Self { reply: Some(Arc::new(reply)), ..Self::new([]) }
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub fn last(&self) -> Sent {
        self.sent().pop().expect("nothing was sent")
    }

    /// What the function would answer.
    pub fn answer(&self, sent: &Sent) -> Answer {
        (self.reply.as_ref().expect("the script answers by a function"))(sent)
    }

    /// How long each answer's first byte was waited for at most.
    pub fn patience(&self) -> Vec<Option<Duration>> {
        self.patience.lock().unwrap().clone()
    }

    pub fn connectors(&self) -> u32 {
        *self.connectors.lock().unwrap()
    }
}

impl HttpClient for Script {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.patience.lock().unwrap().push(settings.read_timeout());
        *self.connectors.lock().unwrap() += 1;
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let script = self.clone();
        HttpConnectorFuture::new(async move {
            let mut sent = Sent {
                method: request.method().to_owned(),
                uri: request.uri().to_owned(),
                headers: request.headers().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                body: String::new(),
            };
            let body = request.into_body().collect().await.expect("the body can be read").to_bytes();
            sent.body = String::from_utf8_lossy(&body).into_owned();
            script.sent.lock().unwrap().push(sent.clone());
            // The network takes its time: calls at the same time get to meet.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let answer = match &script.reply {
                Some(reply) => reply(&sent),
                None => script.answers.lock().unwrap().pop_front().unwrap_or_else(|| panic!("no answer for {sent:?}")),
            };
            match answer {
                Answer::Http(status, headers, body) => {
                    // As from the network: a body to be read, which the runtime cannot look into.
                    let body = SdkBody::from_body_1_x(http_body_util::Full::new(bytes::Bytes::from(body)));
                    let mut response = HttpResponse::new(status.try_into().unwrap(), body);
                    for (name, value) in headers {
                        response.headers_mut().insert(name, value);
                    }
                    Ok(response)
                }
                Answer::Reset => {
                    Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()))
                }
                Answer::Refused => {
                    Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()))
                }
            }
        })
    }
}

/// Time that moves when told, or when something sleeps.
#[derive(Debug, Clone)]
pub struct Clock {
    now: Arc<Mutex<SystemTime>>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl Default for Clock {
    fn default() -> Self {
        let start: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        Self { now: Arc::new(Mutex::new(start.into())), slept: Arc::default() }
    }
}

impl Clock {
    pub fn advance(&self, by: Duration) {
        *self.now.lock().unwrap() += by;
    }

    /// Somebody sets the clock back.
    pub fn set_back(&self, by: Duration) {
        *self.now.lock().unwrap() -= by;
    }

    /// RFC 3339 text of a moment from now.
    pub fn after(&self, by: Duration) -> String {
        let then = jiff::Timestamp::try_from(*self.now.lock().unwrap() + by).unwrap();
        then.to_string()
    }

    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        *self.now.lock().unwrap()
    }
}

impl AsyncSleep for Clock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.clone();
        Sleep::new(async move {
            clock.advance(duration);
            clock.slept.lock().unwrap().push(duration);
            tokio::task::yield_now().await;
        })
    }
}

pub const KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI-secret";

/// A builder over a script, with fixed credentials and an empty environment.
pub fn builder(script: &Script, clock: &Clock) -> Builder {
    Aws::builder()
        .environment(&[], &[])
        .http_client(script.clone())
        .time_source(clock.clone())
        .sleep(clock.clone())
        .credentials(KEY, SECRET, None)
}

pub async fn client(script: &Script) -> Aws {
    builder(script, &Clock::default()).build().await.unwrap()
}

pub fn target(region: &str) -> Target {
    Target::new(region.parse().unwrap())
}

pub fn role(arn: &str) -> Role {
    Role { arn: arn.to_owned(), external_id: None, session_name: None }
}

/// One request from a connection: its head and its body. `None` when the connection ends; what came after stays in the buffer.
pub async fn request(stream: &mut tokio::net::TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    use tokio::io::AsyncReadExt as _;
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        stream.read_buf(buffer).await.ok().filter(|n| *n > 0)?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|l| l.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |l| l.trim().parse().unwrap());
    while buffer.len() < end + length {
        stream.read_buf(buffer).await.ok().filter(|n| *n > 0)?;
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some((head, body))
}
