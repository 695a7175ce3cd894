//! A raw HTTP/1.1 client that keeps its connection: as little as possible between the clock and the server.
//!
//! Requests can be prepared, signature and all, before the clock starts.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::signature::{Signed, Signer, digest};

/// Longest wait for a part of an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One connection.
pub struct Client {
    address: SocketAddr,
    host: String,
    stream: BufReader<Stream>,
}

/// A connection, and how its answers are waited for.
struct Stream {
    tcp: TcpStream,
    awake: bool,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.awake {
            return self.tcp.read(buffer);
        }
        self.tcp.set_nonblocking(true)?;
        let start = Instant::now();
        let read = loop {
            match self.tcp.read(buffer) {
                Err(e) if e.kind() == ErrorKind::WouldBlock && start.elapsed() < TIMEOUT => std::hint::spin_loop(),
                read => break read,
            }
        };
        // Writing waits as usual.
        self.tcp.set_nonblocking(false)?;
        read
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, of a successful answer.
    pub fn json(&self) -> Result<Value> {
        self.must()?;
        serde_json::from_slice(&self.body).context("the answer is not JSON")
    }

    /// An error unless the answer is a success.
    pub fn must(&self) -> Result<()> {
        let text = String::from_utf8_lossy(&self.body);
        ensure!(self.status / 100 == 2, "HTTP {}: {}", self.status, text.chars().take(500).collect::<String>());
        Ok(())
    }
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self { address, host: address.to_string(), stream: open(address)? })
    }

    /// Stays awake on a core of its own while it waits, instead of sleeping until the system wakes it: what is measured
    /// is then the server, and not how long this machine takes to wake a client, which on a virtual machine can be
    /// longer than the server's own work. For one client; several would take the cores from the server.
    pub fn awake(mut self) -> Self {
        self.stream.get_mut().awake = true;
        self
    }

    /// Sends an operation of a JSON protocol and reads the answer.
    pub fn call(&mut self, signer: &Signer, target: &str, body: &Value) -> Result<Answer> {
        let message = self.prepare_call(signer, target, body)?;
        self.exchange(&message)
    }

    /// Sends a signed request and reads the answer. `headers` are lower-case and sorted.
    pub fn signed(
        &mut self,
        signer: &Signer,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let message = self.prepare_signed(signer, method, path, headers, body)?;
        self.exchange(&message)
    }

    /// The bytes of a signed operation of a JSON protocol.
    pub fn prepare_call(&self, signer: &Signer, target: &str, body: &Value) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(body)?;
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        self.prepare_signed(signer, "POST", "/", &headers, &body)
    }

    /// The bytes of a signed request; a server takes them for five minutes.
    pub fn prepare_signed(
        &self,
        signer: &Signer,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<u8>> {
        let mut message = self.prepare_head(signer, method, path, headers, &digest(body), body.len() as u64)?;
        message.extend_from_slice(body);
        Ok(message)
    }

    /// The bytes of a signed request before its body, which has a hash and a length.
    pub fn prepare_head(
        &self,
        signer: &Signer,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        hash: &str,
        length: u64,
    ) -> Result<Vec<u8>> {
        let time = Signer::time(Timestamp::now());
        let mut all = headers.to_vec();
        all.extend([("host", self.host.as_str()), ("x-amz-content-sha256", hash), ("x-amz-date", &time)]);
        all.sort_unstable();
        let authorization = signer.authorization(&Signed { method, path, body: hash, headers: &all }, &time)?;
        all.push(("authorization", &authorization));
        head(method, path, &all, length)
    }

    /// Sends the bytes of a request and reads the answer.
    pub fn exchange(&mut self, message: &[u8]) -> Result<Answer> {
        self.send(message)?;
        self.answer()
    }

    /// Sends the head of a request and a body of `block` over and over, and reads the answer.
    pub fn upload(&mut self, head: &[u8], block: &[u8], length: u64) -> Result<Answer> {
        self.send(head)?;
        let mut left = length;
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            self.send(&block[..size])?;
            left -= size as u64;
        }
        self.answer()
    }

    /// Sends a request and throws the answer's body away; how long it was.
    pub fn download(&mut self, message: &[u8]) -> Result<u64> {
        self.send(message)?;
        let head = read_head(&mut self.stream)?;
        ensure!(head.status == 200, "HTTP {}", head.status);
        let length = head.length.context("the answer has no length")? as u64;
        let mut body = (&mut self.stream).take(length);
        let mut room = vec![0; 256 * 1024];
        let mut seen = 0;
        loop {
            match body.read(&mut room).context("no answer")? {
                0 => break,
                read => seen += read as u64,
            }
        }
        ensure!(seen == length, "the answer was cut short");
        Ok(seen)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().tcp.write_all(bytes).context("cannot send a request")
    }

    fn answer(&mut self) -> Result<Answer> {
        let (answer, close) = read(&mut self.stream)?;
        if close {
            let awake = self.stream.get_ref().awake;
            self.stream = open(self.address)?;
            self.stream.get_mut().awake = awake;
        }
        Ok(answer)
    }
}

/// The bytes of a request, in one piece, so that no delayed acknowledgement comes between head and body.
pub fn message(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>> {
    let mut message = head(method, path, headers, body.len() as u64)?;
    message.extend_from_slice(body);
    Ok(message)
}

/// The bytes of a request before its body.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: u64) -> Result<Vec<u8>> {
    let mut message = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        write!(message, "{name}: {value}\r\n")?;
    }
    write!(message, "content-length: {length}\r\n\r\n")?;
    Ok(message)
}

fn open(address: SocketAddr) -> Result<BufReader<Stream>> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(BufReader::with_capacity(64 * 1024, Stream { tcp: stream, awake: false }))
}

/// What an answer says before its body.
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    close: bool,
}

fn read_head(stream: &mut impl BufRead) -> Result<Head> {
    let head = line(stream)?;
    let status =
        head.split(' ').nth(1).and_then(|s| s.parse().ok()).with_context(|| format!("`{head}` is not HTTP"))?;
    let (mut length, mut chunked, mut close) = (None, false, head.starts_with("HTTP/1.0"));
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').with_context(|| format!("`{line}` is not a header"))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse::<usize>().context("a content-length is not a number")?),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => close = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    Ok(Head { status, length, chunked, close })
}

/// Reads one answer; also tells whether the server closes the connection after it.
fn read(stream: &mut impl BufRead) -> Result<(Answer, bool)> {
    let Head { status, length, chunked, mut close } = read_head(stream)?;
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = line(stream)?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
                .with_context(|| format!("`{size}` is not a chunk's size"))?;
            take(stream, size, &mut body)?;
            let end = line(stream)?;
            ensure!(end.is_empty(), "a chunk is longer than it says");
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = length {
        take(stream, length, &mut body)?;
    } else if status != 204 {
        stream.read_to_end(&mut body)?;
        close = true;
    }
    Ok((Answer { status, body }, close))
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut bytes = Vec::new();
    stream.read_until(b'\n', &mut bytes).context("no answer")?;
    if bytes.pop() != Some(b'\n') {
        bail!("the server closed the connection in the middle of an answer");
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn take(stream: &mut impl BufRead, length: usize, body: &mut Vec<u8>) -> Result<()> {
    let start = body.len();
    stream.take(length as u64).read_to_end(body)?;
    ensure!(body.len() - start == length, "the answer was cut short");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_lengths_are_read() {
        for (text, status, body, close) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcREST", 200, "abc", false),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
                200,
                "abcde",
                false,
            ),
            ("HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 400, "", true),
            ("HTTP/1.0 200 OK\r\n\r\nall the rest", 200, "all the rest", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", false),
        ] {
            let (answer, closes) = read(&mut text.as_bytes()).unwrap();
            assert_eq!((answer.status, answer.body.as_slice(), closes), (status, body.as_bytes(), close), "{text:?}");
        }
        for text in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "nonsense\r\n\r\n"] {
            assert!(read(&mut text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
