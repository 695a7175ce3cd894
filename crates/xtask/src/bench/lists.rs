//! Listings: a page of 100 resources, out of 1,000 and out of 100,000.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::digits::{IMAGE, ROLE};
use super::peers::{Peer, Server};
use super::stats::median;
use super::table::Table;
use super::{Better, Row, Setup};
use crate::process;

const FEW: usize = 1_000;
const MANY: usize = 100_000;
/// Connections that create resources.
const CLIENTS: usize = 4;
/// Requests that are signed and sent at a time.
const BATCH: usize = 500;
/// How often each listing is asked for in one run.
const ASKED: usize = 20;
/// How long what was created may take to settle.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is listed: its name, operation and further input.
type Listing = (&'static str, &'static str, &'static str);

const LISTINGS: &[Listing] = &[
    ("models", "ListModels", "{}"),
    ("models, oldest first", "ListModels", r#"{"SortOrder": "Ascending"}"#),
    ("models by name", "ListModels", r#"{"SortBy": "Name", "SortOrder": "Ascending"}"#),
    ("models, NameContains", "ListModels", r#"{"NameContains": "thing-"}"#),
    ("notebooks by status", "ListNotebookInstances", r#"{"SortBy": "Status"}"#),
    ("notebooks, StatusEquals", "ListNotebookInstances", r#"{"StatusEquals": "InService"}"#),
];

/// Adds the listings' rows.
pub fn measure(setup: &Setup, table: &mut Table) -> Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::start(Peer::Ours, setup, data.path())?;
    let times = |from, to| -> Result<Vec<[f64; 2]>> {
        fill(&server, from, to)?;
        settle(&server, to - 1)?;
        let mut client = Client::connect(server.address)?.awake();
        LISTINGS.iter().map(|listing| pages(&mut client, &server, setup.runs * ASKED, *listing)).collect()
    };
    let few = times(0, FEW)?;
    let many = times(FEW, MANY)?;
    for ((what, ..), (few, many)) in LISTINGS.iter().zip(few.into_iter().zip(many)) {
        for (page, i) in [("", 0), (", fifth page", 1)] {
            let row = Row::new(format!("100 of 100,000 {what}{page}"), "ms", Better::Lower, many[i]);
            table.push(row.peer("of 1,000", few[i]).aim_ratio(3.0));
        }
    }
    Ok(())
}

/// Creates models and notebook instances with the numbers from `from` to `to`, through the API.
fn fill(server: &Server, from: usize, to: usize) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|of| scope.spawn(move || create(server, (from..to).skip(of).step_by(CLIENTS).collect())))
            .collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| bail!("a client thread ended early")))
    })
}

fn create(server: &Server, numbers: Vec<usize>) -> Result<()> {
    let mut client = Client::connect(server.address)?;
    for numbers in numbers.chunks(BATCH) {
        process::fail_if_interrupted()?;
        for number in numbers {
            let name = name(*number);
            let model = json!({"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}});
            let notebook = json!({"NotebookInstanceName": name, "InstanceType": "ml.t3.medium", "RoleArn": ROLE});
            client.call(&server.signer, "SageMaker.CreateModel", &model)?.must()?;
            client.call(&server.signer, "SageMaker.CreateNotebookInstance", &notebook)?.must()?;
        }
    }
    Ok(())
}

/// Waits until nothing is left to do for what was created: notebook instances come into service by themselves.
fn settle(server: &Server, last: usize) -> Result<()> {
    let start = Instant::now();
    let input = json!({"NotebookInstanceName": name(last)});
    while server.call("DescribeNotebookInstance", &input)?.json()?["NotebookInstanceStatus"] != "InService" {
        process::fail_if_interrupted()?;
        ensure!(start.elapsed() < PATIENCE, "a notebook instance is not in service after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Names do not come in order: 7,919 has no divisor in common with 100,000, so that each number is met once.
fn name(number: usize) -> String {
    format!("thing-{:06}", number * 7_919 % MANY)
}

/// Milliseconds of the first and of the fifth page of a listing.
fn pages(client: &mut Client, server: &Server, count: usize, (_, operation, input): Listing) -> Result<[f64; 2]> {
    let mut input: Value = serde_json::from_str(input)?;
    input["MaxResults"] = json!(100);
    let target = format!("SageMaker.{operation}");
    let first = page(client, server, count, &target, &input)?;
    for _ in 1..5 {
        let answer = client.call(&server.signer, &target, &input)?.json()?;
        input["NextToken"] = answer.get("NextToken").context("a listing has no next page")?.clone();
    }
    Ok([first, page(client, server, count, &target, &input)?])
}

fn page(client: &mut Client, server: &Server, count: usize, target: &str, input: &Value) -> Result<f64> {
    let message = client.prepare_call(&server.signer, target, input)?;
    let times = (0..count).map(|_| {
        let start = Instant::now();
        client.exchange(&message)?.must()?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    });
    Ok(median(&times.collect::<Result<Vec<_>>>()?))
}
