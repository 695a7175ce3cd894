//! Transfers: 1 GiB up and down, beside nginx, and the memory that the server takes meanwhile.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::client::{self, Client};
use super::nginx::Nginx;
use super::peers::{Peer, Server};
use super::signature::UNSIGNED;
use super::stats::median;
use super::table::Table;
use super::{Better, Row, Setup};
use crate::process;

const SIZE: u64 = 1 << 30;
const BLOCK: usize = 1 << 20;
/// What nginx's speed is to be matched by.
const AIM: f64 = 0.8;

#[derive(Default)]
struct Values {
    up: Vec<f64>,
    signed: Vec<f64>,
    down: Vec<f64>,
}

/// Adds the transfers' rows.
pub fn measure(setup: &Setup, table: &mut Table) -> Result<()> {
    // Content that no shortcut of a file system applies to.
    let block: Vec<u8> = (0..BLOCK).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let hash = hash(&block);
    let (data, folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut server = Server::start(Peer::Ours, setup, data.path())?;
    let nginx = Nginx::start(folder.path())?;
    let signer = server.signer.of("s3");
    Client::connect(server.address)?.signed(&signer, "PUT", "/transfer", &[], b"")?.must()?;
    let before = server.memory()?;
    forget_peak(&mut server);
    let (mut ours, mut theirs) = (Values::default(), Values::default());
    for _ in 0..setup.runs {
        if let Some(nginx) = &nginx {
            let mut client = Client::connect(nginx.address)?;
            let host = nginx.address.to_string();
            let head = client::head("PUT", "/file", &[("host", &host)], SIZE)?;
            theirs.up.push(up(&mut client, &head, &block)?);
            theirs.down.push(down(&mut client, &client::head("GET", "/file", &[("host", &host)], 0)?)?);
        }
        let mut client = Client::connect(server.address)?;
        for (hash, times) in [(&*hash, &mut ours.signed), (UNSIGNED, &mut ours.up)] {
            let head = client.prepare_head(&signer, "PUT", "/transfer/file", &[], hash, SIZE)?;
            times.push(up(&mut client, &head, &block)?);
        }
        let get = client.prepare_signed(&signer, "GET", "/transfer/file", &[], b"")?;
        ours.down.push(down(&mut client, &get)?);
        process::fail_if_interrupted()?;
    }
    let peak = peak(&mut server);
    let row = |what: &str, ours: &[f64], theirs: &[f64]| {
        let row = Row::new(what, "MB/s", Better::Higher, median(ours)).aim_ratio(AIM);
        if theirs.is_empty() {
            row.note("nginx is not on the path, and was not measured")
        } else {
            row.peer("nginx", median(theirs))
        }
    };
    table.push(row("PUT 1 GiB, body not signed", &ours.up, &theirs.up));
    table.push(row("PUT 1 GiB, body signed", &ours.signed, &theirs.up));
    table.push(row("GET 1 GiB", &ours.down, &theirs.down));
    if let Some(peak) = peak {
        table.push(Row::new("most memory meanwhile", "MB", Better::Lower, peak).peer("before", before));
    }
    Ok(())
}

/// SHA-256 of a body of `block` over and over.
fn hash(block: &[u8]) -> String {
    let mut hash = Sha256::new();
    for _ in 0..SIZE / block.len() as u64 {
        hash.update(block);
    }
    hex::encode(hash.finalize())
}

/// Megabytes a second.
fn up(client: &mut Client, head: &[u8], block: &[u8]) -> Result<f64> {
    let start = Instant::now();
    client.upload(head, block, SIZE)?.must().context("an upload failed")?;
    Ok(speed(start))
}

fn down(client: &mut Client, message: &[u8]) -> Result<f64> {
    let start = Instant::now();
    let length = client.download(message).context("a download failed")?;
    anyhow::ensure!(length == SIZE, "{length} bytes came in place of {SIZE}");
    Ok(speed(start))
}

fn speed(start: Instant) -> f64 {
    SIZE as f64 / 1e6 / start.elapsed().as_secs_f64()
}

/// From here on, [`peak`] tells the most memory.
fn forget_peak(server: &mut Server) {
    fs::write(format!("/proc/{}/clear_refs", server.id()), "5").ok();
}

/// The most resident memory, in megabytes, where the system tells it.
fn peak(server: &mut Server) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kilobytes| kilobytes / 1000.0)
}
