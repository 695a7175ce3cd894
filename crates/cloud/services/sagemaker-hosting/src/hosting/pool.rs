//! Kept-alive connections to one model server.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Connections kept for later.
const MOST_IDLE: usize = 64;

/// A connection with what drives it: no task of its own, so that an answer wakes nobody but who waits for it. Whether
/// the server has closed it is seen when it is used again.
struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
}

/// Connections to a server, which may move to another port when it is started again.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
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
        let kept = {
            let mut state = self.lock();
            if state.address == Some(address) { state.idle.pop() } else { None }
        };
        if let Some(mut link) = kept {
            match link.exchange(request, address, limit).await {
                Ok(answer) => {
                    self.keep(address, link);
                    return Ok(answer);
                }
                Err(SendError::Broken(_)) => {}
                Err(other) => return Err(other),
            }
        }
        self.fresh(address, request, limit).await
    }

    /// As [`Pool::send`], on a new connection: the server sees the request once at most.
    pub async fn send_fresh(&self, request: &Outgoing, limit: usize) -> Result<Incoming, SendError> {
        let address = self.lock().address.ok_or(SendError::Refused)?;
        self.fresh(address, request, limit).await
    }

    async fn fresh(&self, address: SocketAddr, request: &Outgoing, limit: usize) -> Result<Incoming, SendError> {
        let mut link = Link::open(address).await.map_err(|_| SendError::Refused)?;
        let answer = link.exchange(request, address, limit).await?;
        self.keep(address, link);
        Ok(answer)
    }

    fn keep(&self, address: SocketAddr, link: Link) {
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

/// Sends one request on a new connection.
pub(super) async fn send_once(address: SocketAddr, request: &Outgoing) -> Result<Incoming, SendError> {
    let mut link = Link::open(address).await.map_err(|_| SendError::Refused)?;
    link.exchange(request, address, 1024 * 1024).await
}

impl Link {
    async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        Ok(Self { sender, driver: Some(driver) })
    }

    async fn exchange(
        &mut self,
        outgoing: &Outgoing,
        address: SocketAddr,
        limit: usize,
    ) -> Result<Incoming, SendError> {
        let mut exchange = pin!(exchange(&mut self.sender, outgoing, address, limit));
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

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    outgoing: &Outgoing,
    address: SocketAddr,
    limit: usize,
) -> Result<Incoming, SendError> {
    let broken = |e: &dyn std::fmt::Display| SendError::Broken(e.to_string());
    sender.ready().await.map_err(|e| broken(&e))?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;

    fn ping() -> Outgoing {
        let uri = Uri::from_static("/ping");
        Outgoing { method: Method::GET, uri, headers: HeaderMap::new(), body: Bytes::new() }
    }

    #[tokio::test]
    async fn a_connection_that_the_server_has_closed_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Pool::default();
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
}
