//! Asks what answers at an endpoint whether it is an embedded cloud.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// An embedded cloud says less.
const LARGEST: u64 = 16 << 10;

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody listens.
    Refused,
    /// An embedded cloud.
    Embedded,
    /// Something else, or nothing in time.
    Other,
}

/// What answers at a URL. One with TLS is no embedded cloud.
pub(crate) async fn probe(url: &str) -> Answer {
    let Some(authority) = authority(url) else { return Answer::Other };
    match tokio::time::timeout(PATIENCE, ask(&authority)).await {
        Ok(Ok(answer)) if is_embedded(&answer) => Answer::Embedded,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Answer::Refused,
        _ => Answer::Other,
    }
}

/// Host and port of a plain HTTP URL.
fn authority(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty() && !authority.contains('@'))?;
    let port = authority.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    Some(if port.is_some() { authority.to_owned() } else { format!("{authority}:80") })
}

async fn ask(authority: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET /_sagewright/health HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        (&mut stream).take(LARGEST).read_to_end(&mut answer).await
    };
    // Who was reached listens, whatever becomes of the request.
    drop(exchange.await);
    Ok(answer)
}

/// Whether an answer is an embedded cloud's: what it says of its health.
fn is_embedded(answer: &[u8]) -> bool {
    let Some(body) = answer.windows(4).position(|four| four == b"\r\n\r\n").and_then(|at| answer.get(at + 4..)) else {
        return false;
    };
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    answer.starts_with(b"HTTP/1.1 200") && told["status"] == "ok" && told["services"].is_array() && told["pid"].is_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_has_somebody_to_ask() {
        assert_eq!(authority("http://127.0.0.1:4599/").as_deref(), Some("127.0.0.1:4599"));
        assert_eq!(authority("http://cloud").as_deref(), Some("cloud:80"));
        for other in ["https://cloud", "http://", "http://user@cloud", "cloud"] {
            assert_eq!(authority(other), None, "{other}");
        }
    }

    #[test]
    fn an_embedded_cloud_is_known_by_its_own_answer() {
        let body = r#"{"status":"ok","version":"0.1.0","services":["s3"],"pid":7}"#;
        assert!(is_embedded(format!("HTTP/1.1 200 OK\r\na: b\r\n\r\n{body}").as_bytes()));
        assert!(!is_embedded(format!("HTTP/1.1 404 Not Found\r\n\r\n{body}").as_bytes()));
        // LocalStack's health, and no health at all.
        assert!(!is_embedded(b"HTTP/1.1 200 OK\r\n\r\n{\"services\": {\"s3\": \"available\"}}"));
        assert!(!is_embedded(b"HTTP/1.1 200 OK\r\n\r\n<html>"));
        assert!(!is_embedded(b""));
    }
}
