//! Ground truth, merged into what was captured: `sagemaker-model-monitor-groundtruth-merger`.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html>

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

use serde_json::{Map, Value};

use super::data::{Span, event, files, lines};
use super::environment::Environment;
use crate::contract::Container;

/// Most bytes of ground truth for one run: it is held in memory.
const MOST: usize = 512 << 20;
/// What a record takes in memory besides its texts.
const ENTRY: usize = 64;

/// Merges; gives the exit message.
pub(super) fn run(container: &Container, environment: &Environment) -> Result<String, String> {
    let folder = |name: &str| environment.required(name).map(|path| container.resolve(path));
    let truths = truths(container, &folder("ground_truth_source")?)?;
    let (source, output) = (folder("dataset_source")?, folder("output_path")?);
    let span = Span::of(environment);
    let (mut merged, mut captured) = (0u64, 0u64);
    for path in files(container, &source)? {
        let relative = path.strip_prefix(&source).unwrap_or(&path);
        let (of_file, all) = merge(&path, &output.join(relative), &truths, &span)
            .map_err(|why| format!("{}: {why}", relative.display()))?;
        merged += of_file;
        captured += all;
    }
    crate::log::info(&format!("merged {merged} of {captured} captured records with {} of ground truth", truths.len()));
    if merged == 0 {
        return Err(format!(
            "No ground truth could be merged: none of the {} ground truth records has the inferenceId or eventId of one of the \
             {captured} captured records.",
            truths.len()
        ));
    }
    Ok(format!("Completed: Job completed successfully. {merged} records were merged."))
}

/// What merged data has of a record of ground truth.
fn kept(truth: &Value) -> Map<String, Value> {
    let members = ["data", "encoding"].into_iter().filter(|member| !truth[member].is_null());
    members.map(|member| (member.to_owned(), truth[member].clone())).collect()
}

/// Ground truth by the id of its event, as text; of several with one id the last counts.
fn truths(container: &Container, folder: &Path) -> Result<HashMap<String, String>, String> {
    let (mut out, mut bytes) = (HashMap::new(), 0);
    for path in files(container, folder)? {
        let input = BufReader::new(File::open(&path).map_err(|error| error.to_string())?);
        let take = |line: &str| {
            let value: Value =
                serde_json::from_str(line).map_err(|error| format!("a line is not valid JSON: {error}"))?;
            let id =
                value["eventMetadata"]["eventId"].as_str().ok_or("a line has no eventMetadata.eventId")?.to_owned();
            if value["groundTruthData"]["data"].is_null() {
                return Err(format!("the ground truth of the event {id} has no groundTruthData.data"));
            }
            let truth = Value::Object(kept(&value["groundTruthData"])).to_string();
            bytes += id.len() + truth.len() + ENTRY;
            if bytes > MOST {
                return Err(format!("there are more than {MOST} bytes of ground truth for one run"));
            }
            out.insert(id, truth);
            Ok(())
        };
        lines(input, take).map_err(|why| format!("ground truth {}: {why}", container.shown(&path)))?;
    }
    Ok(out)
}

/// Merges a file; gives the records that it has merged and read. A file of which nothing is merged is not written.
fn merge(path: &Path, to: &Path, truths: &HashMap<String, String>, span: &Span) -> Result<(u64, u64), String> {
    let input = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let (mut merged, mut all) = (0, 0);
    let mut output: Option<BufWriter<File>> = None;
    lines(input, |line| {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("a line is not valid JSON: {error}"))?;
        if !span.has(&value) {
            return Ok(());
        }
        all += 1;
        let Some(truth) = truths.get(&event(&value)?.id) else { return Ok(()) };
        merged += 1;
        let (data, metadata) = (&value["captureData"], &value["eventMetadata"]);
        let failed = |error: std::io::Error| format!("cannot write the merged records: {error}");
        let file = match &mut output {
            Some(file) => file,
            None => {
                fs::create_dir_all(to.parent().unwrap_or(to)).map_err(failed)?;
                output.insert(BufWriter::new(File::create(to).map_err(failed)?))
            }
        };
        writeln!(
            file,
            r#"{{"eventVersion":"0","groundTruthData":{truth},"captureData":{data},"eventMetadata":{metadata}}}"#
        )
        .map_err(failed)
    })?;
    if let Some(mut file) = output {
        file.flush().map_err(|error| format!("cannot write the merged records: {error}"))?;
    }
    Ok((merged, all))
}
