//! The connection to a container engine. Each request has its own, so that an engine may end and start again, and what is read of an
//! answer is bounded.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{BollardRequest, Docker};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use sagewright_cloud_core::clock::SharedWall;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Longest wait for an answer that does not depend on a container; a stop has its grace besides.
const PATIENCE: Duration = Duration::from_secs(300);

/// Longest wait for an answer that needs no work of the engine's.
pub const SHORT: Duration = Duration::from_secs(10);

/// For answers that come when a container writes or ends: in seconds, a year.
const EVER: u64 = 365 * 24 * 3600;

/// Most bytes of an answer other than a container's output. A container is described in some kilobytes.
const LONGEST: u64 = 16 << 20;

/// Where an engine answers.
#[derive(Debug, Clone)]
enum Place {
    Socket(PathBuf),
    Address(String),
}

/// A container engine.
#[derive(Clone)]
pub struct Engine {
    /// For all requests but those for output: answers are bounded.
    pub calls: Docker,
    /// For output, which has no bound and no time.
    pub streams: Docker,
    /// For what has to be waited for.
    pub clock: SharedWall,
}

impl Engine {
    /// The engine at `unix:///PATH` or `tcp://HOST:PORT`. Nothing is asked yet.
    ///
    /// # Errors
    /// `host` has another form; what to do.
    pub fn at(host: &str, clock: SharedWall) -> Result<Self, String> {
        let place = match host.split_once("://") {
            Some(("unix", path)) => Place::Socket(path.into()),
            Some(("tcp" | "http", address)) => Place::Address(address.trim_end_matches('/').to_owned()),
            None if host.starts_with('/') => Place::Socket(host.into()),
            _ => {
                return Err(format!(
                    "the container engine at {host} cannot be reached: unix:///PATH and tcp://HOST:PORT without TLS are supported \
                     in DOCKER_HOST; forward the engine's socket to this machine, as with ssh -L"
                ));
            }
        };
        let client = |most: u64, patience: u64| {
            let place = place.clone();
            let transport = move |request| {
                let place = place.clone();
                async move { send(&place, most, request).await }
            };
            let version = bollard::API_DEFAULT_VERSION;
            Docker::connect_with_custom_transport(transport, Some("http://engine"), patience, version)
                .map_err(|error| error.to_string())
        };
        Ok(Self { calls: client(LONGEST, PATIENCE.as_secs())?, streams: client(u64::MAX, EVER)?, clock })
    }

    /// Gives an answer up that has not come within a time, begun or not.
    pub async fn within<T>(&self, limit: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            told = call => told,
            () = self.clock.sleep(limit) => Err(Error::RequestTimeoutError),
        }
    }

    /// The same with the limit of ordinary calls.
    pub async fn ask<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.within(PATIENCE, call).await
    }
}

/// An error with its causes.
pub fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let further = error.to_string();
        // Transparent errors say the same as their causes.
        if !text.ends_with(&further) {
            text = format!("{text}: {further}");
        }
        cause = error.source();
    }
    text
}

async fn send(place: &Place, most: u64, request: BollardRequest) -> Result<Response<Incoming>, Error> {
    match place {
        Place::Socket(path) => exchange(UnixStream::connect(path).await?, most, request).await,
        Place::Address(address) => exchange(TcpStream::connect(address).await?, most, request).await,
    }
}

async fn exchange<S>(stream: S, most: u64, mut request: BollardRequest) -> Result<Response<Incoming>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(Bounded { stream, left: most })).await?;
    // It ends when the answer was read, or is dropped.
    tokio::spawn(connection);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::try_from(path).map_err(hyper::http::Error::from)?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
    Ok(sender.send_request(request).await?)
}

/// A connection of which so many bytes can be read.
struct Bounded<S> {
    stream: S,
    left: u64,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let read = buffer.filled().len().saturating_sub(before) as u64;
        match self.left.checked_sub(read) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::other("the container engine's answer is too long"))),
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
