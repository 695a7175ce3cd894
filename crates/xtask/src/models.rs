//! `cargo xtask models`: the facts of the AWS service models, from botocore's package on PyPI.
//!
//! Names, types, constraints, operations, errors, paginators and waiters are kept; documentation,
//! examples and endpoint rules are not.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const BOTOCORE: &str = "1.44.5";

macro_rules! services {
    ($($id:literal),* $(,)?) => {
        const SERVICES: &[&str] = &[$($id),*];
    };
}
include!("../../../models/services.rs");

/// Keys that hold prose or serve only botocore's own code.
const DROPPED: &[&str] = &[
    "documentation",
    "documentationUrl",
    "deprecatedMessage",
    "deprecatedSince",
    "contextParam",
    "staticContextParams",
    "operationContextParams",
    "httpChecksum",
    "readonly",
    "box",
    "synthetic",
];

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when the committed files are not what this command makes
    #[arg(long)]
    pub check: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let dir = crate::root().join("models");
    let work = tempfile::tempdir().context("cannot make a temporary directory")?;
    let wheel = download(work.path())?;
    let mut stale = Vec::new();
    for (name, text) in generate(&wheel)? {
        let path = dir.join(&name);
        if args.check {
            if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
                stale.push(name);
            }
        } else {
            fs::create_dir_all(&dir)?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            println!("models/{name}");
        }
    }
    ensure!(
        stale.is_empty(),
        "models/ is not what botocore {BOTOCORE} gives: {}; run `cargo xtask models`",
        stale.join(", ")
    );
    Ok(())
}

fn download(into: &Path) -> Result<PathBuf> {
    let mut pip = Command::new(crate::python());
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--dest"])
        .arg(into)
        .arg(format!("botocore=={BOTOCORE}"));
    let status = crate::process::run(&mut pip).context("install Python 3.9 or newer with pip")?;
    ensure!(status.success(), "pip could not download botocore {BOTOCORE}: see its message above");
    for entry in fs::read_dir(into)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "whl") {
            return Ok(path);
        }
    }
    bail!("pip left no wheel in {}", into.display())
}

fn generate(wheel: &Path) -> Result<Vec<(String, String)>> {
    let digest = hex::encode(Sha256::digest(fs::read(wheel)?));
    let mut zip = zip::ZipArchive::new(BufReader::new(File::open(wheel)?))?;
    let names: Vec<String> = zip.file_names().map(|n| n.map(|n| n.into_owned())).collect::<Result<_, _>>()?;
    let mut read = |name: &str| -> Result<Value> {
        let mut raw = Vec::new();
        zip.by_name(name)?.read_to_end(&mut raw)?;
        if name.ends_with(".gz") {
            let mut out = Vec::new();
            GzDecoder::new(raw.as_slice()).read_to_end(&mut out)?;
            raw = out;
        }
        serde_json::from_slice(&raw).with_context(|| format!("{name} is not JSON"))
    };
    let newest = |service: &str, file: &str| {
        let prefix = format!("botocore/data/{service}/");
        names
            .iter()
            .filter(|n| {
                n.strip_prefix(&prefix)
                    .and_then(|rest| rest.split_once('/'))
                    .is_some_and(|(_, f)| f == file || f.strip_suffix(".gz") == Some(file))
            })
            .max()
            .cloned()
    };

    let mut out = Vec::new();
    let mut table = String::new();
    for service in SERVICES {
        let model = newest(service, "service-2.json").with_context(|| format!("botocore has no model of {service}"))?;
        let model = read(&model)?;
        let optional = |key: &str, name: Option<String>, read: &mut dyn FnMut(&str) -> Result<Value>| {
            name.map_or(Ok(json!({})), |n| read(&n).map(|v| v[key].clone()))
        };
        let paginators = optional("pagination", newest(service, "paginators-1.json"), &mut read)?;
        let waiters = optional("waiters", newest(service, "waiters-2.json"), &mut read)?;
        let metadata = &model["metadata"];
        writeln!(
            table,
            "| `{service}` | {} | {} | {} | {} |",
            metadata["apiVersion"].as_str().unwrap_or(""),
            metadata["protocol"].as_str().unwrap_or(""),
            model["operations"].as_object().map_or(0, Map::len),
            model["shapes"].as_object().map_or(0, Map::len),
        )?;
        out.push((format!("{service}.json"), render(&model, paginators, waiters)?));
    }
    out.push(("partitions.json".to_owned(), partitions(&read("botocore/data/partitions.json")?)?));
    out.push(("PROVENANCE.md".to_owned(), provenance(&digest, &table)));
    Ok(out)
}

/// One line for each operation, shape, paginator and waiter, so that an update can be reviewed.
fn render(model: &Value, paginators: Value, waiters: Value) -> Result<String> {
    let mut text = String::from("{\n");
    let mut metadata = model["metadata"].clone();
    if let Some(map) = metadata.as_object_mut() {
        for key in ["serviceFullName", "serviceAbbreviation", "uid", "auth", "signatureVersion"] {
            map.remove(key);
        }
    }
    write!(text, "\"metadata\":{}", serde_json::to_string(&metadata)?)?;
    let sections = [
        ("operations", model["operations"].clone()),
        ("shapes", model["shapes"].clone()),
        ("paginators", paginators),
        ("waiters", waiters),
    ];
    for (name, section) in sections {
        write!(text, ",\n\"{name}\":{{")?;
        let entries = section.as_object().cloned().unwrap_or_default();
        for (i, (key, mut value)) in entries.into_iter().enumerate() {
            strip(&mut value, 0);
            let comma = if i == 0 { "" } else { "," };
            write!(text, "{comma}\n{}:{}", serde_json::to_string(&key)?, value)?;
        }
        text.push_str("\n}");
    }
    text.push_str("\n}\n");
    Ok(text)
}

/// Drops prose. `members` holds members' names, which may be any word, so its keys are kept.
fn strip(value: &mut Value, depth: usize) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !DROPPED.contains(&key.as_str()));
            for (key, child) in map.iter_mut() {
                if key == "members" && depth == 0 {
                    if let Some(members) = child.as_object_mut() {
                        members.values_mut().for_each(|m| strip(m, depth + 2));
                    }
                } else {
                    strip(child, depth + 1);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|v| strip(v, depth + 1)),
        _ => {}
    }
}

fn partitions(source: &Value) -> Result<String> {
    let mut list = Vec::new();
    for p in source["partitions"].as_array().context("partitions.json has no partitions")? {
        let regions: Vec<&String> = p["regions"]
            .as_object()
            .context("a partition has no regions")?
            .keys()
            .filter(|r| !r.ends_with("-global"))
            .collect();
        list.push(json!({
            "id": p["id"],
            "dnsSuffix": p["outputs"]["dnsSuffix"],
            "dualStackDnsSuffix": p["outputs"]["dualStackDnsSuffix"],
            "implicitGlobalRegion": p["outputs"]["implicitGlobalRegion"],
            "regionRegex": p["regionRegex"],
            "regions": regions,
        }));
    }
    let mut text = String::from("[\n");
    for (i, p) in list.iter().enumerate() {
        let comma = if i + 1 == list.len() { "" } else { "," };
        writeln!(text, "{p}{comma}")?;
    }
    text.push_str("]\n");
    Ok(text)
}

fn provenance(digest: &str, table: &str) -> String {
    format!(
        "# Where these files come from\n\n\
         Made by `cargo xtask models` from the Python package botocore {BOTOCORE} on PyPI\n\
         (wheel SHA-256 `{digest}`), licensed under Apache-2.0, copyright Amazon.com, Inc.\n\
         or its affiliates. `cargo xtask models --check` proves that they are what it makes.\n\n\
         Facts only: names, types, constraints, operations, errors, paginators, waiters, partitions.\n\
         Documentation text, examples and endpoint rules are left out.\n\n\
         | service | API version | protocol | operations | shapes |\n| --- | --- | --- | --- | --- |\n{table}"
    )
}
