//! The instances of a job: the programs work on one, which has to have all data.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::contract::Container;

/// Whether this instance does the work. The others would do it once more, and put its metrics again.
///
/// # Errors
/// The data is dealt out among the instances, so that none has all of it.
pub(super) fn works(container: &Container) -> Result<bool, String> {
    let resources = config(container, "resourceconfig.json")?;
    let hosts = resources["hosts"].as_array().map_or(&[][..], Vec::as_slice);
    if hosts.len() < 2 {
        return Ok(true);
    }
    let job = config(container, "processingjobconfig.json")?;
    let sharded = |input: &&Value| input["S3Input"]["S3DataDistributionType"] == "ShardedByS3Key";
    if let Some(input) = job["ProcessingInputs"].as_array().into_iter().flatten().find(sharded) {
        return Err(format!(
            "the input {} is ShardedByS3Key, and the job has {} instances: the built-in analyser works on one, which has to have \
             all data. Use FullyReplicated, or an InstanceCount of 1.",
            input["InputName"].as_str().unwrap_or_default(),
            hosts.len()
        ));
    }
    Ok(hosts.first() == Some(&resources["current_host"]))
}

/// A document of `/opt/ml/config`; `null` where there is none.
fn config(container: &Container, name: &str) -> Result<Value, String> {
    let path = container.resolve(&format!("/opt/ml/config/{name}"));
    if !Path::new(&path).exists() {
        return Ok(Value::Null);
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", container.shown(&path)))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is not valid JSON: {error}", container.shown(&path)))
}
