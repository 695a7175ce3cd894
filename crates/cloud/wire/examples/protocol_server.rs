//! A service in the protocol of any of botocore's models, for tests of the codecs against botocore's own.
//!
//! ```text
//! cargo run -p sagewright-cloud-wire --example protocol_server -- service-2.json
//! ```
//!
//! Prints `listening on 127.0.0.1:PORT`, then serves until it is killed. `PUT /_answer` takes what the next request is answered
//! with, `{"output": …}` or `{"error": {"code": …, "status": …, "message": …, "members": {…}}}`; blobs are base64. `GET /_read`
//! tells how the last request was read: `{"operation": …, "input": …, "payload": …}`. Signatures are not checked, and of a
//! model's constraints only types and required members count.

#![allow(clippy::print_stdout)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sagewright_cloud_core::api::{ApiError, Output};
use sagewright_cloud_wire::protocol::{self, Wire};
use sagewright_model::{Protocol, Service};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Server {
    service: &'static Service,
    wire: Wire,
    /// What comes next, and what came last.
    state: Mutex<(Value, Value)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let model = std::env::args().nth(1).ok_or("usage: protocol_server MODEL")?;
    let mut model: Value = serde_json::from_slice(&std::fs::read(model)?)?;
    for shape in model["shapes"].as_object_mut().into_iter().flatten().filter_map(|(_, s)| s.as_object_mut()) {
        shape.retain(|key, _| !matches!(key.as_str(), "min" | "max" | "pattern" | "enum"));
    }
    // Models live as long as the process.
    let text: &'static str = Box::leak(model.to_string().into_boxed_str());
    let service: &'static Service = Box::leak(Box::new(serde_json::from_str(text)?));
    let wire = match service.protocol() {
        Protocol::Json => Wire::Json,
        Protocol::RestJson => Wire::RestJson,
        Protocol::RestXml => Wire::RestXml,
        Protocol::Query => Wire::Query,
        Protocol::RpcV2Cbor => Wire::RpcV2Cbor,
    };
    let server = Arc::new(Server { service, wire, state: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let answer = service_fn(|request| server.serve(request));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Server {
    async fn serve(&self, request: Request<hyper::body::Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, last) = &mut *state;
        let response = match parts.uri.path() {
            "/_answer" => {
                *next = serde_json::from_slice(&body).unwrap_or_default();
                Response::new(Bytes::new())
            }
            "/_read" => Response::new(Bytes::from(last.to_string())),
            _ => match protocol::read(self.service, self.wire, &parts, body) {
                Ok(read) => {
                    let payload = STANDARD.encode(&read.payload);
                    *last = json!({"operation": &*read.operation.name, "input": read.input, "payload": payload});
                    self.answer(read.operation, next.take())
                }
                Err(error) => protocol::write_error(Some(self.service), self.wire, &error, "id"),
            },
        };
        Ok(response.map(Full::new))
    }

    fn answer(&self, operation: &'static sagewright_model::Operation, mut next: Value) -> Response<Bytes> {
        let error = next["error"].take();
        if let Some(code) = error["code"].as_str() {
            let status = error["status"].as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(400);
            let message = error["message"].as_str().unwrap_or_default();
            let mut told = ApiError::new(code.to_owned(), status, message);
            told.members = error["members"].as_object().cloned().unwrap_or_default();
            return protocol::write_error(Some(self.service), self.wire, &told, "id");
        }
        let payload = next["payload"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let output = Output { value: next["output"].take(), payload: payload.into(), ..Output::default() };
        protocol::write(self.service, self.wire, operation, output, "id")
    }
}
