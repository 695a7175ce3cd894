//! The control plane: start, memory at rest, create and describe, and what survives a kill.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::json;

use super::client::Client;
use super::peers::{Peer, Server};
use super::stats::median;
use super::table::Table;
use super::{Better, Row, Setup};
use crate::process;

/// Models made and described in one run.
const PAIRS: usize = 2000;

/// Connections of the measurement with several clients.
const CLIENTS: usize = 4;

#[derive(Default)]
struct Values {
    start: Vec<f64>,
    memory: Vec<f64>,
    sequential: Vec<f64>,
    asleep: Vec<f64>,
    concurrent: Vec<f64>,
}

/// Adds the control plane's rows.
pub fn measure(setup: &Setup, table: &mut Table) -> Result<()> {
    let peers = Peer::here();
    let mut values: BTreeMap<&str, Values> = BTreeMap::new();
    let mut survived = 0;
    let mut failures = Vec::new();
    for _ in 0..setup.runs {
        for peer in &peers {
            match one_run(*peer, setup, values.entry(peer.name()).or_default()) {
                Ok(count) if *peer == Peer::Ours => survived = count,
                Ok(_) => {}
                Err(e) if *peer == Peer::Ours => return Err(e),
                Err(e) => failures.push(format!("{}: {e:#}", peer.name())),
            }
            process::fail_if_interrupted()?;
        }
    }
    let row = |what: &str, unit, better, pick: fn(&Values) -> &Vec<f64>| {
        let ours = values.get("ours").map_or(0.0, |v| median(pick(v)));
        peers.iter().skip(1).fold(Row::new(what, unit, better, ours), |row, peer| {
            match values.get(peer.name()).filter(|v| !pick(v).is_empty()) {
                Some(v) => row.peer(peer.name(), median(pick(v))),
                None => row,
            }
        })
    };
    let note = "CreateModel and DescribeModel in turn: a training job would really train here, and only here";
    table.push(
        row("create+describe, 1 connection", "requests/s", Better::Higher, |v| &v.sequential).aim(10_000.0).note(note),
    );
    table.push(row("the same, client asleep while it waits", "requests/s", Better::Higher, |v| &v.asleep));
    let what = format!("create+describe, {CLIENTS} connections");
    table.push(row(&what, "requests/s", Better::Higher, |v| &v.concurrent));
    let lasting =
        Row::new("acknowledged writes after kill -9", "%", Better::Higher, survived as f64 * 100.0 / PAIRS as f64);
    table.push(lasting.aim(100.0));
    table.push(row("start to first answer", "ms", Better::Lower, |v| &v.start).aim(30.0));
    table.push(row("memory at rest", "MB", Better::Lower, |v| &v.memory).aim(30.0));
    failures.into_iter().for_each(|f| table.push(Row::failed("a peer could not be measured", f)));
    Ok(())
}

/// Measures a peer once; returns how many models were still there after a kill.
fn one_run(peer: Peer, setup: &Setup, values: &mut Values) -> Result<usize> {
    let data = tempfile::tempdir()?;
    let mut server = Server::start(peer, setup, data.path())?;
    values.start.push(server.first_answer.as_secs_f64() * 1000.0);
    // At rest: what start-up left to do is done.
    std::thread::sleep(Duration::from_secs(1));
    values.memory.push(server.memory()?);
    values.sequential.push(pairs(&server, "one", PAIRS, Client::awake)?);
    values.asleep.push(pairs(&server, "asleep", PAIRS, |client| client)?);
    values.concurrent.push(many(&server)?);

    if peer != Peer::Ours {
        return Ok(0);
    }
    pairs(&server, "last", 1, |client| client)?;
    server.kill();
    let again = Server::start(peer, setup, data.path())?;
    let mut client = Client::connect(again.address)?;
    let mut found = 0;
    for i in 0..PAIRS {
        let input = json!({"ModelName": format!("one-{i}")});
        found += usize::from(client.call(&again.signer, "SageMaker.DescribeModel", &input)?.status == 200);
    }
    ensure!(again.call("DescribeModel", &json!({"ModelName": "last-0"}))?.status == 200, "the last write was lost");
    Ok(found)
}

/// A connection and what is to be sent on it.
struct Load {
    client: Client,
    messages: Vec<Vec<u8>>,
}

impl Load {
    /// Prepares the requests that make and describe models.
    fn pairs(server: &Server, prefix: &str, count: usize) -> Result<Self> {
        let client = Client::connect(server.address)?;
        let mut messages = Vec::with_capacity(count * 2);
        for i in 0..count {
            let name = format!("{prefix}-{i}");
            let model = json!({
                "ModelName": name,
                "ExecutionRoleArn": "arn:aws:iam::000000000000:role/sagewright-execution",
                "PrimaryContainer": {
                    "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                },
            });
            messages.push(client.prepare_call(&server.signer, "SageMaker.CreateModel", &model)?);
            let describe = json!({"ModelName": name});
            messages.push(client.prepare_call(&server.signer, "SageMaker.DescribeModel", &describe)?);
        }
        Ok(Self { client, messages })
    }

    fn run(&mut self) -> Result<()> {
        for (i, message) in self.messages.iter().enumerate() {
            self.client.exchange(message)?.must()?;
            if i % 200 == 0 {
                process::fail_if_interrupted()?;
            }
        }
        Ok(())
    }
}

/// Makes and describes models on one connection, which waits as `wait` makes it; requests per second.
fn pairs(server: &Server, prefix: &str, count: usize, wait: fn(Client) -> Client) -> Result<f64> {
    let mut load = Load::pairs(server, prefix, count)?;
    load.client = wait(load.client);
    let start = Instant::now();
    load.run()?;
    Ok((count * 2) as f64 / start.elapsed().as_secs_f64())
}

/// The same on several connections.
fn many(server: &Server) -> Result<f64> {
    let loads = (0..CLIENTS).map(|i| Load::pairs(server, &format!("many{i}"), PAIRS / CLIENTS));
    let mut loads = loads.collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = loads.iter_mut().map(|load| scope.spawn(|| load.run())).collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| bail!("a client thread ended early")))
    })?;
    Ok((PAIRS * 2) as f64 / start.elapsed().as_secs_f64())
}
