//! An endpoint's requests per second and p99, beside the bare model behind plain Python HTTP servers; and what a request through the
//! embedded cloud takes longer than one to its model server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::client::{self, Client};
use super::digits::{self, BUCKET, IMAGE, ROLE};
use super::peers::{Peer, Server, free_address};
use super::stats::{median, percentile};
use super::table::Table;
use super::{Better, Row, Setup};
use crate::process::{self, Group};

/// Requests of one run, over all clients.
const REQUESTS: usize = 4000;

/// Connections.
const CLIENTS: usize = 4;

/// Requests of a block, on one connection.
const BLOCK: usize = 200;

/// Headers of a request that nobody signs.
const PLAIN: [(&str, &str); 2] = [("host", "localhost"), ("content-type", "text/csv")];

/// The built-in algorithm, as its image is played.
const IMAGE_PROGRAM: &str = "xgboost:1.7-1";

/// Longest start of a server.
const PATIENCE: Duration = Duration::from_secs(120);

/// Adds the serving rows.
pub fn measure(setup: &Setup, table: &mut Table) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let server = Server::start(Peer::Ours, setup, &dir.path().join("cloud"))?;
    digits::upload(&server)?;
    super::training::job(&server, "bench-model", 10)?;
    deploy(&server, "bench")?;
    let archive = format!("/{BUCKET}/models/bench-model/output/model.tar.gz");
    let answer = Client::connect(server.address)?.signed(&server.signer.of("s3"), "GET", &archive, &[], b"")?;
    answer.must()?;
    let status = {
        let packed = dir.path().join("model.tar.gz");
        std::fs::write(&packed, &answer.body)?;
        Command::new("tar").arg("-xzf").arg(&packed).arg("-C").arg(dir.path()).status()?
    };
    ensure!(status.success(), "the trained model cannot be unpacked");
    let model = dir.path().join("xgboost-model");
    let (_bare, bare_address) = bare(setup, "bare_serve.py", &model)?;
    let (_asgi, asgi_address) = bare(setup, "bare_asgi.py", &model)?;

    let rows = digits::rows()?;
    let endpoint = |client: &Client, row: &[u8]| {
        let headers = [("content-type", "text/csv")];
        client.prepare_signed(&server.signer, "POST", "/endpoints/bench/invocations", &headers, row)
    };
    let plain = |_: &Client, row: &[u8]| client::message("POST", "/", &PLAIN, row);
    let (mut ours, mut peer, mut asgi) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..setup.runs {
        ours.push(load(server.address, &rows, &endpoint)?);
        peer.push(load(bare_address, &rows, &plain)?);
        asgi.push(load(asgi_address, &rows, &plain)?);
    }
    let pick = |runs: &[(f64, f64)], f: fn(&(f64, f64)) -> f64| median(&runs.iter().map(f).collect::<Vec<_>>());
    let what = format!("endpoint, one row a request, {CLIENTS} connections");
    let rate = Row::new(&what, "requests/s", Better::Higher, pick(&ours, |r| r.0)).peer("bare", pick(&peer, |r| r.0));
    table.push(rate.aim_ratio(3.0).note("bare: the same model behind Python's ThreadingHTTPServer, unsigned requests"));
    let p99 = Row::new(format!("{what}, p99"), "ms", Better::Lower, pick(&ours, |r| r.1));
    table.push(p99.peer("bare", pick(&peer, |r| r.1)).peer("uvicorn", pick(&asgi, |r| r.1)));
    let rate = Row::new(what, "requests/s", Better::Higher, pick(&ours, |r| r.0)).peer("uvicorn", pick(&asgi, |r| r.0));
    table.push(rate.aim(5000.0).note("uvicorn: the same model, uvloop and httptools, no framework, unsigned requests"));
    overhead(setup, &server, dir.path(), &rows, table)
}

/// What the way through the embedded cloud adds to a request: it, and its model server alone, on one connection each, in turn.
fn overhead(setup: &Setup, server: &Server, dir: &Path, rows: &[Vec<u8>], table: &mut Table) -> Result<()> {
    let (_alone, address) = alone(setup, dir)?;
    let (mut through, mut direct) = (Client::connect(server.address)?.awake(), Client::connect(address)?.awake());
    let headers = [("content-type", "text/csv")];
    let mut added = Vec::new();
    for _ in 0..setup.runs {
        let mut both = (Vec::new(), Vec::new());
        // In turn, so that whatever else the machine does is in both.
        for block in 0..REQUESTS / BLOCK {
            let rows = || rows.iter().cycle().skip(block * 17).take(BLOCK);
            let signed =
                |row| through.prepare_signed(&server.signer, "POST", "/endpoints/bench/invocations", &headers, row);
            let signed = rows().map(|row| signed(row)).collect::<Result<Vec<_>>>()?;
            let plain =
                rows().map(|row| client::message("POST", "/invocations", &PLAIN, row)).collect::<Result<Vec<_>>>()?;
            both.0.extend(times(&mut through, &signed)?);
            both.1.extend(times(&mut direct, &plain)?);
        }
        process::fail_if_interrupted()?;
        added.push([50.0, 99.0].map(|percent| percentile(&both.0, percent) - percentile(&both.1, percent)));
    }
    for (at, name, aim) in [(0, "p50", 0.15), (1, "p99", 1.0)] {
        let value = median(&added.iter().map(|run| run[at]).collect::<Vec<_>>());
        let what = format!("endpoint, what a request takes longer than one to its model server, {name}");
        table.push(Row::new(what, "ms", Better::Lower, value).aim(aim));
    }
    Ok(())
}

/// Starts the built-in algorithm's model server alone, over the model in a folder.
fn alone(setup: &Setup, dir: &Path) -> Result<(Group, SocketAddr)> {
    let base = dir.join("alone");
    std::fs::create_dir_all(base.join("model"))?;
    std::fs::copy(dir.join("xgboost-model"), base.join("model").join("xgboost-model"))?;
    let address = free_address()?;
    let mut command = Command::new(&setup.binary);
    command.args(["algorithm", IMAGE_PROGRAM, "serve"]).env("SAGEMAKER_BASE_DIR", &base);
    command.env("SAGEMAKER_BIND_TO_PORT", address.port().to_string());
    Ok((listening(command, address, "the model server")?, address))
}

fn deploy(server: &Server, name: &str) -> Result<()> {
    let model = json!({"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {
        "Image": IMAGE, "ModelDataUrl": format!("s3://{BUCKET}/models/bench-model/output/model.tar.gz")}});
    server.call("CreateModel", &model)?.must()?;
    let config = json!({"EndpointConfigName": name, "ProductionVariants": [{"VariantName": "all", "ModelName": name,
        "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}]});
    server.call("CreateEndpointConfig", &config)?.must()?;
    server.call("CreateEndpoint", &json!({"EndpointName": name, "EndpointConfigName": name}))?.must()?;
    let start = Instant::now();
    loop {
        process::fail_if_interrupted()?;
        let described = server.call("DescribeEndpoint", &json!({"EndpointName": name}))?.json()?;
        match described["EndpointStatus"].as_str() {
            Some("InService") => return Ok(()),
            Some("Creating") => {}
            _ => bail!("the endpoint is {}: {}", described["EndpointStatus"], described["FailureReason"]),
        }
        ensure!(start.elapsed() < PATIENCE, "the endpoint is not in service after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a server of the bare model.
fn bare(setup: &Setup, script: &str, model: &Path) -> Result<(Group, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(setup.bare.python());
    let script = crate::root().join("crates/xtask/src/bench").join(script);
    command.arg(script).arg(model).arg(address.port().to_string());
    Ok((listening(command, address, "the bare server")?, address))
}

/// Starts a server and waits until it listens.
fn listening(mut command: Command, address: SocketAddr, what: &str) -> Result<Group> {
    command.env("OMP_NUM_THREADS", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut group = Group::start(&mut command)?;
    let start = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        process::fail_if_interrupted()?;
        if let Some(status) = group.child().try_wait()? {
            bail!("{what} ended with {status}");
        }
        ensure!(start.elapsed() < PATIENCE, "{what} has not answered in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(group)
}

/// Sends all requests from several connections; requests per second and p99 in milliseconds.
fn load<F>(address: SocketAddr, rows: &[Vec<u8>], request: &F) -> Result<(f64, f64)>
where
    F: Fn(&Client, &[u8]) -> Result<Vec<u8>>,
{
    let prepare = |i: usize| {
        let client = Client::connect(address)?;
        let rows = rows.iter().cycle().skip(i * 17).take(REQUESTS / CLIENTS);
        let messages = rows.map(|row| request(&client, row)).collect::<Result<Vec<_>>>()?;
        Ok((client, messages))
    };
    let mut loads = (0..CLIENTS).map(prepare).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let times: Vec<Result<Vec<f64>>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            loads.iter_mut().map(|(client, messages)| scope.spawn(|| times(client, messages))).collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|_| bail!("a client thread ended early"))).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    process::fail_if_interrupted()?;
    let times = times.into_iter().collect::<Result<Vec<_>>>().context("a request failed")?.concat();
    Ok((times.len() as f64 / seconds, percentile(&times, 99.0)))
}

/// Sends requests one after another; the milliseconds that each took.
fn times(client: &mut Client, messages: &[Vec<u8>]) -> Result<Vec<f64>> {
    messages
        .iter()
        .map(|message| {
            let start = Instant::now();
            client.exchange(message)?.must()?;
            Ok(start.elapsed().as_secs_f64() * 1000.0)
        })
        .collect()
}
