//! The engine over a fake of SageMaker: what a fleet of models costs a controller, and a set a delivery.
//!
//! What is measured is a process of its own (the example `fleet` of `sagewright-aws`), and measures itself; the fake
//! answers from this process, so that its time and memory count for nothing.

mod fake;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::stats::median;
use super::table::Table;
use super::{Args, Better, Row};
use crate::process::{self, Group, cargo};
use fake::Fake;

/// Models of the controller's fleet, and of the largest set.
const FLEET: usize = 10_000;
/// Sizes of sets.
const SETS: [usize; 3] = [1_000, 5_000, FLEET];
/// What ACK's controller needs for the same fleet. Not measured here: these are the figures of the issue that set the aims.
const ACK_CALLS: f64 = 4.6;
const ACK_MEGABYTES: f64 = 154.0;
const ACK: &str = "ACK, as published";

/// A line of the measured program.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lap {
    phase: String,
    cpu_seconds: f64,
    calls: u64,
    peak_megabytes: Option<f64>,
    by_operation: BTreeMap<String, u64>,
}

/// The laps of all runs, by phase.
#[derive(Default)]
struct Laps(BTreeMap<String, Vec<Lap>>);

impl Laps {
    fn median(&self, phase: &str, value: impl Fn(&Lap) -> f64) -> f64 {
        median(&self.0.get(phase).into_iter().flatten().map(value).collect::<Vec<_>>())
    }

    /// Microseconds of processor time for each of `objects`.
    fn cpu(&self, phase: &str, objects: usize) -> f64 {
        self.median(phase, |lap| lap.cpu_seconds * 1e6 / objects as f64)
    }

    fn calls(&self, phase: &str) -> f64 {
        self.median(phase, |lap| lap.calls as f64)
    }

    /// What was called in the last run: `CreateModel 10000, ListModels 101`.
    fn operations(&self, phase: &str) -> String {
        let last = self.0.get(phase).and_then(|laps| laps.last());
        let each: Vec<_> =
            last.into_iter().flat_map(|lap| &lap.by_operation).map(|(o, n)| format!("{o} {n}")).collect();
        each.join(", ")
    }
}

/// Adds the engine's rows.
pub fn measure(args: &Args, table: &mut Table) -> Result<()> {
    let program = match &args.fleet {
        Some(program) => std::path::absolute(program)?,
        None => release_build()?,
    };
    let run = |way, count| run(&program, way, count, args.runs);
    let fleet = run("controller", FLEET)?;
    controller(&fleet, table);
    let sets = SETS.iter().map(|size| Ok((*size, run("set", *size)?))).collect::<Result<Vec<_>>>()?;
    for phase in ["plan", "apply", "plan again", "delete"] {
        set(phase, &sets, table);
    }
    Ok(())
}

fn release_build() -> Result<PathBuf> {
    let mut build = cargo(["build", "--release", "--locked", "--package", "sagewright-aws", "--example", "fleet"]);
    process::must(&mut build, "the release build failed")?;
    Ok(crate::target().join("release/examples/fleet"))
}

fn controller(fleet: &Laps, table: &mut Table) {
    let each = FLEET as f64;
    let words = |phase: &str| match phase {
        "create" => "10,000 models, create and settle",
        "resync" => "10,000 models, resync, nothing changed",
        "delete" => "10,000 models, delete",
        _ => "10,000 models, one changed",
    };
    for phase in ["create", "resync", "change one", "delete"] {
        let calls =
            Row::new(format!("{}: calls an object", words(phase)), "", Better::Lower, fleet.calls(phase) / each);
        let calls = calls.note(fleet.operations(phase));
        table.push(if phase == "create" { calls.peer(ACK, ACK_CALLS).aim(1.1) } else { calls });
        let cpu = fleet.cpu(phase, FLEET);
        table.push(Row::new(format!("{}: processor time an object", words(phase)), "µs", Better::Lower, cpu));
    }
    let peak = fleet.median("delete", |lap| lap.peak_megabytes.unwrap_or_default());
    let row = Row::new("10,000 models: peak memory of the controller", "MB", Better::Lower, peak);
    table.push(if peak > 0.0 {
        row.peer(ACK, ACK_MEGABYTES).aim(60.0)
    } else {
        Row::failed("10,000 models: peak memory of the controller", "this system does not tell it".to_owned())
    });
}

fn set(phase: &str, sets: &[(usize, Laps)], table: &mut Table) {
    let of = |(size, laps): &(usize, Laps)| laps.cpu(phase, *size);
    let what = |size: usize| format!("set of {size}, {phase}: processor time an object");
    let Some((least, larger)) = sets.split_first() else { return };
    let base = of(least);
    table.push(Row::new(what(least.0), "µs", Better::Lower, base));
    for of_size in larger {
        let row = Row::new(what(of_size.0), "µs", Better::Lower, of(of_size));
        table.push(row.peer(&format!("set of {}", least.0), base).aim_ratio(1.1));
    }
}

/// Runs the measured program so many times, each with a fake of its own.
fn run(program: &Path, way: &str, count: usize, runs: u32) -> Result<Laps> {
    let mut laps = Laps::default();
    for _ in 0..runs {
        let fake = Fake::start()?;
        let mut command = Command::new(program);
        command.args([way, &fake.url(), &count.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut group = Group::start(&mut command).with_context(|| format!("cannot start {}", program.display()))?;
        let output = group.child().stdout.take().context("a child has no output")?;
        let reader = std::thread::spawn(|| std::io::read_to_string(output));
        let status = group.wait()?;
        let Ok(text) = reader.join() else { bail!("the reader of the measured program ended early") };
        ensure!(status.success(), "the measured program ended with {status}");
        let mut calls = 0;
        for line in text?.lines() {
            let lap: Lap = serde_json::from_str(line).with_context(|| format!("not a measurement: {line}"))?;
            calls += lap.calls;
            laps.0.entry(lap.phase.clone()).or_default().push(lap);
        }
        // What is sent again by the client is a call, too.
        ensure!(calls == fake.calls(), "{calls} calls were counted, and {} came", fake.calls());
        ensure!(fake.models() == 0, "{} models are left", fake.models());
    }
    Ok(laps)
}
