//! A signing HTTP/1.1 client on a plain socket, written apart from the server's own signature check.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// An access key, with the token of a session.
#[derive(Clone)]
pub struct Key {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The text of the first element of this name.
    pub fn element(&self, name: &str) -> String {
        let text = self.text();
        let start = text.find(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {text}")) + name.len() + 2;
        text[start..].split('<').next().unwrap().to_owned()
    }
}

/// A keep-alive connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// What is signed and sent.
pub struct Outgoing<'a> {
    pub service: &'a str,
    pub path: &'a str,
    pub headers: Vec<(&'a str, String)>,
    pub body: &'a [u8],
    pub at: Timestamp,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        Self { stream: BufReader::new(stream), address }
    }

    /// A signed form request.
    pub fn query(&mut self, service: &str, key: &Key, body: &str) -> Answer {
        let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let out = Outgoing { service, path: "/", headers, body: body.as_bytes(), at: Timestamp::now() };
        self.send(&self.signed(key, &out))
    }

    /// A signed JSON request.
    pub fn json(&mut self, service: &str, key: &Key, target: &str, body: &str) -> Answer {
        let headers =
            vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", target.to_owned())];
        let out = Outgoing { service, path: "/", headers, body: body.as_bytes(), at: Timestamp::now() };
        self.send(&self.signed(key, &out))
    }

    /// The bytes of a signed POST.
    pub fn signed(&self, key: &Key, out: &Outgoing<'_>) -> Vec<u8> {
        self.signed_for(key, out, "us-east-1", &[])
    }

    /// The same for any region, and with headers that the signature does not cover.
    pub fn signed_for(&self, key: &Key, out: &Outgoing<'_>, region: &str, unsigned: &[(&str, &str)]) -> Vec<u8> {
        let stamp = out.at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &stamp[..8];
        let mut headers: Vec<(&str, String)> = out.headers.clone();
        headers.push(("host", self.address.to_string()));
        headers.push(("x-amz-date", stamp.clone()));
        if let Some(token) = &key.token {
            headers.push(("x-amz-security-token", token.clone()));
        }
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(n, _)| *n).collect();
        let names = names.join(";");
        let mut canonical = format!("POST\n{}\n\n", out.path);
        for (name, value) in &headers {
            canonical.push_str(&format!("{name}:{value}\n"));
        }
        canonical.push_str(&format!("\n{names}\n{}", hex::encode(Sha256::digest(out.body))));
        let scope = format!("{day}/{region}/{}/aws4_request", out.service);
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
        let mut signing = format!("AWS4{}", key.secret).into_bytes();
        for part in scope.split('/') {
            signing = mac(&signing, part.as_bytes());
        }
        let signature = hex::encode(mac(&signing, to_sign.as_bytes()));
        let mut text = format!("POST {} HTTP/1.1\r\ncontent-length: {}\r\n", out.path, out.body.len());
        for (name, value) in &headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in unsigned {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!(
            "authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}\r\n\r\n",
            key.id
        ));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(out.body);
        bytes
    }

    pub fn send(&mut self, request: &[u8]) -> Answer {
        self.write(request);
        self.receive().expect("an answer")
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// No more will be sent.
    pub fn finish(&mut self) {
        self.stream.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// The next answer; `None` where the connection is closed.
    pub fn receive(&mut self) -> Option<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let length = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length"))?.1.parse().ok()?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some(Answer { status, headers, body })
    }
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
