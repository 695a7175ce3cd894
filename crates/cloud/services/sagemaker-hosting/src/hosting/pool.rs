//! Kept-alive connections to one model server.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::header::{HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use sagewright_cloud_sagemaker_base::ports::{Body, OpenBody};

/// Bytes of a body that are read at once.
const CHUNK: usize = 256 * 1024;
/// Connections kept for later.
const MOST_IDLE: usize = 64;
/// How long a connection is used again: less than the shortest that servers keep one, which is gunicorn's two seconds. A
/// request that is sent just when the server closes cannot be sent again.
const MOST_AGE: Duration = Duration::from_secs(1);
/// The header that shows one of our own servers that a request comes from here.
const SECRET: HeaderName = HeaderName::from_static("x-sagewright-server-secret");

/// A body on its way.
type Sent = Either<Full<Bytes>, StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>>;

/// A connection with what drives it: no task of its own, so that an answer wakes nobody but who waits for it. Whether
/// the server has closed it is seen when it is used again.
struct Link {
    sender: SendRequest<Sent>,
    /// `None` once the connection has ended.
    driver: Option<Connection<TokioIo<TcpStream>, Sent>>,
    /// Since when nothing was sent on it.
    idle: Instant,
}

/// Connections to a server, which may move to another port when it is started again.
pub(super) struct Pool {
    state: Mutex<State>,
    secret: Option<HeaderValue>,
    /// How long connections are kept.
    age: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(None)
    }
}

#[derive(Default)]
struct State {
    address: Option<SocketAddr>,
    idle: Vec<Link>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Body,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Incoming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer whose body comes as it is asked for. Dropping it closes the connection.
pub(super) struct Flow {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: hyper::body::Incoming,
    _driver: Driver,
}

/// What drives a connection, for as long as somebody wants what comes over it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Flow {
    /// The next piece, as the server sent it; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, SendError>> {
        loop {
            match self.body.frame().await? {
                Ok(frame) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Some(Ok(data)),
                    // Trailers say nothing to anybody.
                    _ => {}
                },
                Err(error) => return Some(Err(broken(&error))),
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// It broke off, or has more than `limit` bytes.
    pub async fn whole(mut self, limit: usize) -> Result<Incoming, SendError> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            if body.len() + piece.len() > limit {
                return Err(SendError::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Incoming { status: self.status, headers: self.headers, body: body.freeze() })
    }
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum SendError {
    /// No connection, or one that ended before the request was on its way: the server has seen nothing of it.
    Refused,
    /// The connection broke; the server may have seen the request.
    Broken(String),
    /// The answer is longer than allowed.
    TooLong,
}

impl Pool {
    /// Connections to a server that answers who shows `secret`.
    pub fn new(secret: Option<&str>) -> Self {
        let secret = secret.and_then(|secret| HeaderValue::from_str(secret).ok()).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self { state: Mutex::default(), secret, age: MOST_AGE }
    }

    /// Sets where the server is now, or that it is gone.
    pub fn point(&self, address: Option<SocketAddr>) {
        *self.lock() = State { address, idle: Vec::new() };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and reads the whole answer. Dropping the future closes the connection.
    ///
    /// A kept connection may have been closed by the server in the meantime. The request is sent once more if nothing of
    /// it was sent, or if doing it twice is the same as once: a prediction may be neither free nor without effect.
    pub async fn send(&self, request: &Outgoing, limit: usize) -> Result<Incoming, SendError> {
        let address = self.lock().address.ok_or(SendError::Refused)?;
        while let Some(mut link) = self.take(address) {
            match link.exchange(request, self.secret.as_ref(), address, limit).await {
                Ok(answer) => {
                    self.keep(address, link);
                    return Ok(answer);
                }
                Err(SendError::Refused) => {}
                Err(SendError::Broken(_)) if request.method.is_idempotent() => break,
                Err(other) => return Err(other),
            }
        }
        self.fresh(address, request, limit).await
    }

    /// A kept connection that is open as far as can be told.
    fn take(&self, address: SocketAddr) -> Option<Link> {
        loop {
            let mut link = {
                let mut state = self.lock();
                if state.address == Some(address) { state.idle.pop() } else { None }
            }?;
            // What the server did meanwhile is seen now, for nobody looked.
            let ended = link.driver.as_mut().is_none_or(|driver| driver.now_or_never().is_some());
            if !ended && link.idle.elapsed() < self.age {
                return Some(link);
            }
        }
    }

    /// As [`Pool::send`], on a new connection: the server sees the request once at most.
    pub async fn send_fresh(&self, request: &Outgoing, limit: usize) -> Result<Incoming, SendError> {
        let address = self.lock().address.ok_or(SendError::Refused)?;
        self.fresh(address, request, limit).await
    }

    async fn fresh(&self, address: SocketAddr, request: &Outgoing, limit: usize) -> Result<Incoming, SendError> {
        let mut link = Link::open(address).await.map_err(|_| SendError::Refused)?;
        let answer = link.exchange(request, self.secret.as_ref(), address, limit).await?;
        self.keep(address, link);
        Ok(answer)
    }

    /// Sends one request on a new connection, to a server that is not up yet.
    pub async fn send_once(&self, address: SocketAddr, request: &Outgoing) -> Result<Incoming, SendError> {
        let mut link = Link::open(address).await.map_err(|_| SendError::Refused)?;
        link.exchange(request, self.secret.as_ref(), address, 1024 * 1024).await
    }

    /// Sends a request on a connection of its own; complete with the head of the answer, whose body comes as it is asked for.
    pub async fn open(&self, request: &Outgoing) -> Result<Flow, SendError> {
        let address = self.lock().address.ok_or(SendError::Refused)?;
        let Link { mut sender, driver, .. } = Link::open(address).await.map_err(|_| SendError::Refused)?;
        let driver = Driver(tokio::spawn(async move {
            if let Some(driver) = driver {
                let _ = driver.await;
            }
        }));
        let (head, body) = respond(&mut sender, request, self.secret.as_ref(), address).await?.into_parts();
        Ok(Flow { status: head.status, headers: head.headers, body, _driver: driver })
    }

    fn keep(&self, address: SocketAddr, mut link: Link) {
        link.idle = Instant::now();
        let mut state = self.lock();
        if state.address == Some(address)
            && link.driver.is_some()
            && !link.sender.is_closed()
            && state.idle.len() < MOST_IDLE
        {
            state.idle.push(link);
        }
    }
}

impl Link {
    async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        Ok(Self { sender, driver: Some(driver), idle: Instant::now() })
    }

    async fn exchange(
        &mut self,
        outgoing: &Outgoing,
        secret: Option<&HeaderValue>,
        address: SocketAddr,
        limit: usize,
    ) -> Result<Incoming, SendError> {
        let mut exchange = pin!(exchange(&mut self.sender, outgoing, secret, address, limit));
        if let Some(driver) = &mut self.driver {
            tokio::select! {
                biased;
                answer = exchange.as_mut() => return answer,
                // Closed: what it has read, or why it failed, is what the exchange ends with.
                _ = driver => {}
            }
        }
        // A request that the ended connection never took is given up with it, and would wait for ever otherwise.
        self.driver = None;
        exchange.await
    }
}

/// What a thread reads, as it is wanted.
fn chunks(open: OpenBody) -> BoxStream<'static, io::Result<Frame<Bytes>>> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let mut chunk = vec![0; CHUNK];
        let mut read = open().map(|reader| (reader, 0));
        loop {
            read = read.and_then(|(mut reader, _)| reader.read(&mut chunk).map(|length| (reader, length)));
            let sent = match &read {
                Ok((_, 0)) => return,
                Ok((_, length)) => {
                    sender.blocking_send(Ok(Bytes::copy_from_slice(chunk.get(..*length).unwrap_or(&[]))))
                }
                Err(error) => {
                    let _ = sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk: io::Result<Bytes>| (chunk.map(Frame::data), receiver))
    })
    .boxed()
}

async fn exchange(
    sender: &mut SendRequest<Sent>,
    outgoing: &Outgoing,
    secret: Option<&HeaderValue>,
    address: SocketAddr,
    limit: usize,
) -> Result<Incoming, SendError> {
    let response = respond(sender, outgoing, secret, address).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|e| if e.is::<LengthLimitError>() { SendError::TooLong } else { broken(&e) })?;
    Ok(Incoming { status: head.status, headers: head.headers, body: body.to_bytes() })
}

fn broken(error: &dyn std::fmt::Display) -> SendError {
    SendError::Broken(error.to_string())
}

/// Sends a request; complete with the head of the answer.
async fn respond(
    sender: &mut SendRequest<Sent>,
    outgoing: &Outgoing,
    secret: Option<&HeaderValue>,
    address: SocketAddr,
) -> Result<Response<hyper::body::Incoming>, SendError> {
    sender.ready().await.map_err(|_| SendError::Refused)?;
    let mut request = Request::new(match &outgoing.body {
        Body::Whole(bytes) => Either::Left(Full::new(bytes.clone())),
        Body::Chunks(open) => Either::Right(StreamBody::new(chunks(open.clone()))),
    });
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = outgoing.uri.clone();
    *request.headers_mut() = outgoing.headers.clone();
    if let Ok(host) = HeaderValue::from_maybe_shared(Bytes::from(address.to_string())) {
        request.headers_mut().insert(HOST, host);
    }
    // Not one that a caller made up.
    request.headers_mut().remove(SECRET);
    if let Some(secret) = secret {
        request.headers_mut().insert(SECRET, secret.clone());
    }
    // A request that comes back was not begun to be sent.
    sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
        Some(_) => SendError::Refused,
        None => broken(error.error()),
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn ping() -> Outgoing {
        ask(Method::GET)
    }

    fn ask(method: Method) -> Outgoing {
        let uri = Uri::from_static("/ping");
        Outgoing { method, uri, headers: HeaderMap::new(), body: Bytes::new().into() }
    }

    #[tokio::test]
    async fn a_connection_that_the_server_has_closed_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Pool { age: Duration::MAX, ..Pool::default() };
        pool.point(Some(listener.local_addr().unwrap()));
        let (tell, mut closed) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            for answered in 1..=3 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                drop(stream);
                tell.send(answered).unwrap();
            }
        });
        for answered in 1..=3 {
            let answer = tokio::time::timeout(Duration::from_secs(10), pool.send(&ping(), 10)).await;
            assert_eq!(answer.expect("an answer in time").expect("an answer").status, StatusCode::OK);
            assert_eq!(closed.recv().await, Some(answered));
            // The end of the connection is known here before it is used again.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }
        server.await.unwrap();
    }

    /// Answers the first request on each connection, and closes it when it has read the second.
    async fn closer(listener: TcpListener, seen: mpsc::UnboundedSender<String>) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            tokio::spawn(async move {
                for answered in [true, false] {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    seen.send(String::from_utf8(head).unwrap()).unwrap();
                    if answered {
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                }
            });
        }
    }

    #[tokio::test]
    async fn a_server_that_dies_over_a_request_sees_it_twice_only_where_that_is_the_same_as_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pool = Pool { age: Duration::MAX, ..Pool::default() };
        let (tell, mut seen) = mpsc::unbounded_channel();
        let server = tokio::spawn(closer(listener, tell));
        let mut count = || std::iter::from_fn(|| seen.try_recv().ok()).count();
        for (method, sent) in [(Method::GET, 2), (Method::DELETE, 2), (Method::POST, 1)] {
            pool.point(Some(address));
            let answer = pool.send(&ask(method.clone()), 10).await;
            assert_eq!((answer.unwrap().status, count()), (StatusCode::OK, 1), "the first {method}");
            let again =
                tokio::time::timeout(Duration::from_secs(10), pool.send(&ask(method.clone()), 10)).await.unwrap();
            match &again {
                Ok(answer) => assert_eq!((answer.status, sent), (StatusCode::OK, 2), "{method}"),
                Err(SendError::Broken(_)) => assert_eq!(sent, 1, "{method}"),
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!(count(), sent, "{method} on a connection that breaks");
        }
        server.abort();
    }

    #[tokio::test]
    async fn the_secret_is_shown_and_no_other_is_passed_on() {
        let mut forged = ping();
        forged.headers.insert(SECRET, HeaderValue::from_static("made up"));
        for (secret, shown) in [(Some("s3cret"), Some("s3cret")), (None, None)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (tell, mut seen) = mpsc::unbounded_channel();
            let server = tokio::spawn(closer(listener, tell));
            Pool::new(secret).send_once(address, &forged).await.unwrap();
            let head = seen.recv().await.unwrap();
            let found = head.lines().find_map(|line| line.strip_prefix("x-sagewright-server-secret: "));
            assert_eq!(found, shown, "{head}");
            server.abort();
        }
    }
}
