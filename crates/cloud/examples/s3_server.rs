//! The S3 of the embedded cloud alone, for tests and for trying clients against it.
//!
//! ```text
//! cargo run -p sagewright-cloud --example s3_server -- --port 0 --root DIR
//! ```
//!
//! Prints `listening on 127.0.0.1:PORT`, then serves until it is killed. Keys, all with the secret
//! `secret`: `AKIDTEST` (account 111122223333), `AKIDOTHER` (444455556666), `ASIATEST` (account
//! 111122223333, session token `token`), `ASIAEXPIRED` (the same, expired).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sagewright_cloud::s3::{Caller, Credentials, S3Config, Store, service};
use tokio::net::TcpListener;

struct FixedKeys;

#[async_trait::async_trait]
impl Credentials for FixedKeys {
    async fn lookup(&self, access_key: &str) -> Option<Caller> {
        let (account, session_token, expired) = match access_key {
            "AKIDTEST" => ("111122223333", None, false),
            "AKIDOTHER" => ("444455556666", None, false),
            "ASIATEST" => ("111122223333", Some("token"), false),
            "ASIAEXPIRED" => ("111122223333", Some("token"), true),
            _ => return None,
        };
        Some(Caller {
            account: account.to_owned(),
            secret_key: "secret".to_owned(),
            session_token: session_token.map(str::to_owned),
            principal_arn: format!("arn:aws:iam::{account}:user/test"),
            expired,
        })
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut port = 0;
    let mut root = PathBuf::from("s3-data");
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--port" => port = value()?.parse()?,
            "--root" => root = value()?.into(),
            other => return Err(format!("unknown argument {other}: use --port and --root").into()),
        }
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(port, root))
}

async fn serve(port: u16, root: PathBuf) -> Result<(), Failure> {
    let store = Store::new(root, Arc::new(jiff::Timestamp::now))?;
    let s3 = service(&S3Config::default(), store, Arc::new(FixedKeys));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let s3 = s3.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let s3 = s3.clone();
                async move { Ok::<_, std::convert::Infallible>(s3.call(request).await) }
            });
            // A client that goes away is no concern of the server's.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

#[allow(clippy::print_stdout)]
fn announce(address: SocketAddr) {
    println!("listening on {address}");
}
