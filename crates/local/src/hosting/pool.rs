//! Kept-alive connections to one model server.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Connections kept for later.
const MOST_IDLE: usize = 64;

type Sender = SendRequest<Full<Bytes>>;

/// Connections to a server, which may move to another port when it is started again.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    address: Option<SocketAddr>,
    idle: Vec<Sender>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Incoming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum SendError {
    /// No connection: the server has seen nothing of the request.
    Refused,
    /// The connection broke; the server may have seen the request.
    Broken(String),
    /// The answer is longer than allowed.
    TooLong,
}

impl Pool {
    /// Sets where the server is now, or that it is gone.
    pub fn point(&self, address: Option<SocketAddr>) {
        *self.lock() = State { address, idle: Vec::new() };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and reads the whole answer. Dropping the future closes the connection.
    ///
    /// A kept connection may have been closed by the server in the meantime; then the request is sent once more on a
    /// new one.
    pub async fn send(&self, request: &Outgoing, limit: usize) -> Result<Incoming, SendError> {
        let address = self.lock().address.ok_or(SendError::Refused)?;
        loop {
            let kept = {
                let mut state = self.lock();
                if state.address == Some(address) { state.idle.pop() } else { None }
            };
            let Some(mut sender) = kept else { break };
            if sender.is_closed() || sender.ready().await.is_err() {
                continue;
            }
            match exchange(&mut sender, request, address, limit).await {
                Ok(answer) => {
                    self.keep(address, sender);
                    return Ok(answer);
                }
                Err(SendError::Broken(_)) => break,
                Err(other) => return Err(other),
            }
        }
        let mut sender = connect(address).await.map_err(|_| SendError::Refused)?;
        let answer = exchange(&mut sender, request, address, limit).await?;
        self.keep(address, sender);
        Ok(answer)
    }

    fn keep(&self, address: SocketAddr, sender: Sender) {
        let mut state = self.lock();
        if state.address == Some(address) && !sender.is_closed() && state.idle.len() < MOST_IDLE {
            state.idle.push(sender);
        }
    }
}

/// Sends one request on a new connection.
pub(super) async fn send_once(address: SocketAddr, request: &Outgoing) -> Result<Incoming, SendError> {
    let mut sender = connect(address).await.map_err(|_| SendError::Refused)?;
    exchange(&mut sender, request, address, 1024 * 1024).await
}

async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    // Ends with the connection; its errors are seen by the request.
    tokio::spawn(connection);
    Ok(sender)
}

async fn exchange(
    sender: &mut Sender,
    outgoing: &Outgoing,
    address: SocketAddr,
    limit: usize,
) -> Result<Incoming, SendError> {
    let broken = |e: &dyn std::fmt::Display| SendError::Broken(e.to_string());
    let mut request = Request::new(Full::new(outgoing.body.clone()));
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = outgoing.uri.clone();
    *request.headers_mut() = outgoing.headers.clone();
    if let Ok(host) = HeaderValue::from_maybe_shared(Bytes::from(address.to_string())) {
        request.headers_mut().insert(HOST, host);
    }
    let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|e| if e.is::<LengthLimitError>() { SendError::TooLong } else { broken(&e) })?;
    Ok(Incoming { status: head.status, headers: head.headers, body: body.to_bytes() })
}
