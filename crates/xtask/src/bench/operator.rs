//! The operator beside ACK's controller: what a fleet of objects costs, against a real API server and the embedded cloud.
//!
//! `tests/kube/operator_costs.py` runs them one after the other and measures them from outside, by what the system, the cloud
//! and the API server count.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::table::Table;
use super::{Args, Better, Row, release_build};
use crate::kube::programs;
use crate::process;

/// Fleets without `--count`.
const COUNTS: [u32; 3] = [100, 1_000, 10_000];
const OURS: &str = "sagewright";
/// The part of ACK's processor time that is aimed at, and its seconds for each model where it is not measured: those of the issue
/// that set the aims.
const PART_OF_ACK: f64 = 0.2;
const ACK_SECONDS: f64 = 0.0045;

/// A line of the measuring program: one operator with one fleet.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fleet {
    operator: String,
    models: u32,
    endpoints: u32,
    /// Calls by operation, by phase.
    operations: BTreeMap<String, BTreeMap<String, u64>>,
    #[serde(flatten)]
    values: BTreeMap<String, f64>,
}

impl Fleet {
    fn name(&self) -> String {
        let endpoints =
            if self.endpoints > 0 { format!(" beside {} endpoints", self.endpoints) } else { String::new() };
        format!("{} models{endpoints}", self.models)
    }

    /// What was called in a phase: `CreateModel 100, ListModels 2`.
    fn called(&self, phase: &str) -> String {
        let calls = self.operations.get(phase).into_iter().flatten();
        let each: Vec<_> = calls.map(|(name, n)| format!("{} {n}", name.rsplit('.').next().unwrap_or(name))).collect();
        each.join(", ")
    }
}

/// What is shown of a fleet: a value of the measuring program, in words, its unit, its aim, and the phase whose calls it counts.
struct Shown(&'static str, &'static str, &'static str, Option<f64>, &'static str);

const SHOWN: &[Shown] = &[
    Shown("readySeconds", "first apply to all ready", "s", None, ""),
    Shown("readyAfterLastSeconds", "last apply to all ready", "s", Some(5.0), ""),
    Shown("cpuSeconds", "processor time until settled", "s", None, ""),
    Shown("callsEach", "AWS calls each", "", Some(1.1), "converge"),
    Shown("writesEach", "writes to the API server each", "", None, ""),
    Shown("peakMegabytes", "peak memory", "MB", Some(60.0), ""),
    Shown("restMegabytes", "memory at rest", "MB", Some(60.0), ""),
    Shown("callsAtRest", "AWS calls a minute at rest", "", Some(10.0), "rest"),
    Shown("writesAtRest", "writes to the API server a minute at rest", "", Some(0.0), ""),
    Shown("cpuAtRest", "processor time a minute at rest", "s", None, ""),
    Shown("callsAfterRestart", "AWS calls in the minute after a restart", "", Some(300.0), "restart"),
    Shown("writesAfterRestart", "writes to the API server in that minute", "", Some(0.0), ""),
    Shown("firstReconcileSeconds", "start to first reconcile", "s", Some(1.0), ""),
    Shown("emptyMegabytes", "memory with one object", "MB", None, ""),
];

/// Adds the operator's rows.
pub fn measure(args: &Args, table: &mut Table) -> Result<()> {
    let binary = match &args.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => release_build()?,
    };
    let mut program = Command::new(crate::python());
    program.arg(crate::root().join("tests/kube/operator_costs.py")).arg("--programs").arg(programs::ready()?);
    program.arg("--sagewright").arg(binary).env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(ack) = &args.ack {
        program.arg("--ack").arg(std::path::absolute(ack)?);
    }
    let counts = if args.count.is_empty() { &COUNTS[..] } else { &args.count };
    program.args(counts.iter().map(u32::to_string));
    let mut fleets = Vec::new();
    let mut wrong = None;
    let status = process::read_lines(&mut program, |line| match serde_json::from_str::<Fleet>(line) {
        Ok(fleet) => fleets.push(fleet),
        Err(error) => wrong = Some(format!("not a measurement: {line} ({error})")),
    })?;
    for ours in fleets.iter().filter(|fleet| fleet.operator == OURS) {
        let others =
            fleets.iter().filter(|f| f.operator != OURS && (f.models, f.endpoints) == (ours.models, ours.endpoints));
        rows(ours, &others.collect::<Vec<_>>()).into_iter().for_each(|row| table.push(row));
    }
    ensure!(status.success(), "the measurement ended with {status}: see its messages above");
    wrong.map_or(Ok(()), |wrong| Err(anyhow::anyhow!(wrong))).context("the measuring program")
}

/// The rows of a fleet.
fn rows(ours: &Fleet, others: &[&Fleet]) -> Vec<Row> {
    let shown = SHOWN.iter().filter_map(|Shown(key, words, unit, aim, phase)| {
        let row = Row::new(format!("{}: {words}", ours.name()), unit, Better::Lower, *ours.values.get(*key)?);
        let with = |row: Row, other: &&Fleet| match other.values.get(*key) {
            Some(value) => row.peer(&other.operator, *value),
            None => row,
        };
        let row = others.iter().fold(row, with).note(ours.called(phase));
        Some(match (*key, aim) {
            ("cpuSeconds", _) if others.is_empty() => row.aim(f64::from(ours.models) * ACK_SECONDS * PART_OF_ACK),
            ("cpuSeconds", _) => row.aim_ratio(PART_OF_ACK),
            (_, Some(aim)) => row.aim(*aim),
            (_, None) => row,
        })
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fleet(operator: &str, cpu: f64) -> Fleet {
        let line = json!({
            "operator": operator, "models": 1000, "endpoints": 0, "cpuSeconds": cpu, "callsEach": 1.0, "applySeconds": 3.0,
            "operations": {"converge": {"sagemaker.CreateModel": 1000, "sagemaker.ListModels": 10}},
        });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn a_fleet_is_held_against_ack_where_that_was_measured_and_else_against_what_was_published() {
        let (ours, ack) = (fleet(OURS, 1.0), fleet("ack", 6.0));
        for (others, aims) in [(vec![], "≤ 0.900 missed"), (vec![&ack], "≤ 0.200 × met")] {
            let mut table = Table::default();
            rows(&ours, &others).into_iter().for_each(|row| table.push(row));
            let text = table.text();
            assert!(
                text.contains("1000 models: AWS calls each") && text.contains("CreateModel 1000, ListModels 10"),
                "{text}"
            );
            assert!(text.contains(aims), "{text}");
        }
    }
}
