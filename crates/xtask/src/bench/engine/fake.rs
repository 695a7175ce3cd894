//! HTTP/1.1 for the fake: a thread a connection, kept alive.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::store::Store;

/// A body that is longer is none of the measured program's.
const LONGEST_BODY: usize = 1 << 20;

/// A fake of what SageMaker does for models. It ends with this program.
pub struct Fake {
    address: SocketAddr,
    store: Arc<Mutex<Store>>,
}

impl Fake {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let address = listener.local_addr()?;
        let store: Arc<Mutex<Store>> = Arc::default();
        let shared = Arc::clone(&store);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                let store = Arc::clone(&shared);
                // A client that goes away ends its thread.
                std::thread::spawn(move || serve(&stream, &store).ok());
            }
        });
        Ok(Self { address, store })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that came.
    pub fn calls(&self) -> u64 {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    /// Models that are there.
    pub fn models(&self) -> usize {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn serve(stream: &TcpStream, store: &Mutex<Store>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some((target, body)) = request(&mut reader)? {
        let input: Value = serde_json::from_slice(&body)?;
        let operation = target.rsplit('.').next().unwrap_or_default();
        let (status, output) = match store.lock().unwrap_or_else(PoisonError::into_inner).call(operation, &input) {
            Ok(output) => ("200 OK", output),
            Err(error) => ("400 Bad Request", error),
        };
        let output = output.to_string();
        let length = output.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\nx-amzn-requestid: fake\r\ncontent-length: {length}\r\n\r\n"
        );
        (&mut &*stream).write_all(format!("{head}{output}").as_bytes())?;
    }
    Ok(())
}

/// The operation and the body of the next request; nothing when the client has closed the connection.
fn request(reader: &mut impl BufRead) -> Result<Option<(String, Vec<u8>)>> {
    let (mut target, mut length, mut line) = (String::new(), 0, String::new());
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        ensure!(reader.read_line(&mut line)? > 0, "a request ends in its head");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => value.trim().clone_into(&mut target),
            "content-length" => length = value.trim().parse()?,
            _ => {}
        }
    }
    ensure!(length <= LONGEST_BODY, "a body of {length} bytes");
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((target, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let one = "POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListModels\r\ncontent-length: 2\r\n\r\n{}";
        let both = format!("{one}{one}");
        let mut reader = both.as_bytes();
        for _ in 0..2 {
            let (target, body) = request(&mut reader).unwrap().unwrap();
            assert_eq!((target.as_str(), body.as_slice()), ("SageMaker.ListModels", b"{}".as_slice()));
        }
        assert!(request(&mut reader).unwrap().is_none());
    }
}
