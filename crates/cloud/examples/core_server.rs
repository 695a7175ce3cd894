//! The embedded cloud without SageMaker and S3: STS, IAM and CloudWatch Logs on a free port, for tests and measurements.
//!
//! `core_server DATA [ACCOUNT…]` prints one line of JSON: endpoint, region and an access key of each account.
//! It stops when its standard input ends.

use std::net::{Ipv4Addr, SocketAddr};

use sagewright_cloud::config::Config;
use sagewright_cloud::server::bind;

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments.next().ok_or("usage: core_server DATA [ACCOUNT…]")?;
    let accounts: Vec<String> = arguments.collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut config = Config::new(data);
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let region = config.region.clone();
        let running = bind(config).await?.server().start()?;
        let mut keys = serde_json::Map::new();
        for account in std::iter::once("000000000000".to_owned()).chain(accounts) {
            let key = running.credentials(&account).await.map_err(|e| e.message)?;
            keys.insert(account, serde_json::json!({"access_key": key.id, "secret_key": key.secret.reveal()}));
        }
        let facts = serde_json::json!({"endpoint_url": running.endpoint_url(), "region": region, "accounts": keys});
        println!("{facts}");
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
        running.shutdown().await;
        Ok(())
    })
}
