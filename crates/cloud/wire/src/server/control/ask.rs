//! The other side of the control endpoint.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sagewright_cloud_core::identity::Secret;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{CLOCK, INTERRUPT};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a cloud did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No connection.
    #[error("cannot reach the embedded cloud at {0}: {1}")]
    Unreachable(SocketAddr, io::Error),
    /// No answer.
    #[error("the embedded cloud at {0} did not answer as it should: {1}")]
    Broken(SocketAddr, String),
    /// It answered that it would not.
    #[error("{0}")]
    Refused(String),
}

/// Asks a cloud what its clocks tell; changes the simulated one first, where a change is given. The answer has
/// `simulated`, `wall`, `aheadSeconds` and `speed`.
///
/// # Errors
/// It cannot be reached, or refuses.
pub async fn ask(cloud: SocketAddr, pass: &Secret, change: Option<&Value>) -> Result<Value, AskError> {
    ask_at(CLOCK, cloud, pass, change).await
}

/// Takes the spot instances of a training job away: `account`, `region` and `trainingJob` name it.
///
/// # Errors
/// The cloud cannot be reached, or refuses.
pub async fn interrupt(cloud: SocketAddr, pass: &Secret, job: &Value) -> Result<Value, AskError> {
    ask_at(INTERRUPT, cloud, pass, Some(job)).await
}

async fn ask_at(path: &str, cloud: SocketAddr, pass: &Secret, change: Option<&Value>) -> Result<Value, AskError> {
    let late = |_| AskError::Broken(cloud, format!("not within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, exchange(path, cloud, pass, change)).await.map_err(late)?
}

async fn exchange(path: &str, cloud: SocketAddr, pass: &Secret, change: Option<&Value>) -> Result<Value, AskError> {
    let broken = |error: &dyn std::fmt::Display| AskError::Broken(cloud, error.to_string());
    let stream = TcpStream::connect(cloud).await.map_err(|error| AskError::Unreachable(cloud, error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let driver = tokio::spawn(connection);
    let request = Request::builder()
        .method(if change.is_some() { Method::POST } else { Method::GET })
        .uri(path)
        .header(HOST, cloud.to_string())
        .header(AUTHORIZATION, format!("Bearer {}", pass.reveal()))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(change.map_or_else(Bytes::new, |change| Bytes::from(change.to_string()))))
        .map_err(|error| broken(&error))?;
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
    driver.abort();
    let told: Value = serde_json::from_slice(&body).map_err(|error| broken(&format!("{status}: {error}")))?;
    match told.get("message").and_then(Value::as_str) {
        _ if status.is_success() => Ok(told),
        Some(message) => Err(AskError::Refused(message.to_owned())),
        None => Err(broken(&status)),
    }
}
