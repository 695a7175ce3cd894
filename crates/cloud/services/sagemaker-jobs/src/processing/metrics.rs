//! Metrics for CloudWatch that the container of a monitoring job leaves in files: a line of JSON for each.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-cloudwatch.html>

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use sagewright_cloud_core::metrics::{Datum, Metric, Stats};
use sagewright_cloud_sagemaker_base::JobTask;
use sagewright_cloud_transfer::plain;
use serde_json::Value;

use crate::job::hosts::HostFolder;

/// The folder below `/opt/ml`.
const FOLDER: &str = "output/metrics/cloudwatch";
/// Most bytes that are read, and most metrics that a job can leave.
const MOST_BYTES: u64 = 16 << 20;
const MOST: usize = 30_000;

/// The namespace of a job's metrics; `None` for one that monitors no endpoint, or does not publish.
pub(super) fn namespace(environment: &BTreeMap<String, String>) -> Option<&'static str> {
    let is = |name: &str, value: &str| environment.get(name).is_some_and(|text| text == value);
    let monitors = environment.get("sagemaker_monitoring_schedule_name").is_some_and(|name| !name.is_empty());
    if !monitors || !is("publish_cloudwatch_metrics", "Enabled") {
        return None;
    }
    Some(if is("analysis_type", "MODEL_QUALITY") {
        "aws/sagemaker/Endpoints/model-metrics"
    } else {
        "aws/sagemaker/Endpoints/data-metrics"
    })
}

/// What the containers left, and lines for the log on what was left out.
pub(super) fn read(hosts: &[HostFolder], task: &JobTask, namespace: &str) -> (Vec<Datum>, Vec<String>) {
    let (mut data, mut told, mut wrong) = (Vec::new(), Vec::new(), 0u64);
    for host in hosts {
        let files = fs::canonicalize(&host.base).and_then(|base| fs::read_dir(base.join(FOLDER)));
        for entry in files.into_iter().flatten().flatten() {
            // A link or a pipe in the file's place could tell of other files, or never end.
            let Ok(file) = plain::open(&entry.path()) else { continue };
            let (text, whole) = match begin(file) {
                Ok(read) => read,
                Err(error) => {
                    told.push(format!("{} cannot be read, and was left out: {error}", shown(host, &entry)));
                    continue;
                }
            };
            if !whole {
                told.push(format!("{} is longer than {MOST_BYTES} bytes; the rest was left out.", shown(host, &entry)));
            }
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                match serde_json::from_str(line).ok().and_then(|line| datum(&line, task, namespace)) {
                    Some(datum) if data.len() < MOST => data.push(datum),
                    _ => wrong += 1,
                }
            }
        }
    }
    if wrong > 0 {
        told.push(format!(
            "{wrong} lines below /opt/ml/{FOLDER} are no metrics, or more than {MOST}, and were left out."
        ));
    }
    (data, told)
}

fn shown(host: &HostFolder, file: &fs::DirEntry) -> String {
    host.shown(&Path::new(FOLDER).join(file.file_name()))
}

/// The lines of a file within the bound, and whether these are all.
fn begin(file: impl Read) -> io::Result<(String, bool)> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    let whole = u64::try_from(bytes.len()).is_ok_and(|length| length <= MOST_BYTES);
    if !whole {
        // The last line may not be whole.
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or_default());
    }
    String::from_utf8(bytes).map(|text| (text, whole)).map_err(io::Error::other)
}

fn datum(line: &Value, task: &JobTask, namespace: &str) -> Option<Datum> {
    let name = line["MetricName"].as_str().filter(|name| !name.is_empty())?;
    let at: Timestamp = line["Timestamp"].as_str()?.parse().ok()?;
    let mut metric = Metric::new(&task.account, &task.region, namespace, name);
    for dimension in line["Dimensions"].as_array().into_iter().flatten() {
        metric = metric.with(dimension["Name"].as_str()?, dimension["Value"].as_str()?);
    }
    let set = &line["StatisticValues"];
    let number = |member: &str| set[member].as_f64().filter(|number| number.is_finite());
    let stats = match line["Value"].as_f64() {
        Some(value) => Stats::of(value),
        None => {
            let [count, sum, minimum, maximum] = ["SampleCount", "Sum", "Minimum", "Maximum"].map(number);
            let (count, minimum, maximum) = (count.filter(|count| *count > 0.0)?, minimum?, maximum?);
            // As PutMetricData takes it.
            Some(Stats::set(count, sum?, minimum, maximum)).filter(|_| minimum <= maximum)?
        }
    };
    let unit = line["Unit"].as_str().unwrap_or("None").to_owned();
    Some(Datum { metric, unit, at: at.as_millisecond(), fine: false, stats })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_metrics_of_the_jobs_account() {
        let folder = tempfile::tempdir().unwrap();
        let host = HostFolder { name: "algo-1".to_owned(), base: folder.path().to_path_buf() };
        fs::create_dir_all(folder.path().join(FOLDER)).unwrap();
        let dimensions = json!([{ "Name": "MonitoringSchedule", "Value": "s" }, { "Name": "Endpoint", "Value": "e" }]);
        let lines = [
            json!({ "MetricName": "a", "Timestamp": "2026-01-01T00:00:00Z", "Dimensions": dimensions, "Value": 2.5 }),
            json!({
                "MetricName": "b", "Timestamp": "2026-01-01T00:00:00Z",
                "StatisticValues": { "SampleCount": 2.0, "Sum": 4.0, "Minimum": 1.0, "Maximum": 3.0 },
            }),
            json!({ "MetricName": "c", "Timestamp": "never", "Value": 1 }),
            json!({ "MetricName": "d", "Timestamp": "2026-01-01T00:00:00Z" }),
            json!({
                "MetricName": "e", "Timestamp": "2026-01-01T00:00:00Z",
                "StatisticValues": { "SampleCount": 0.0, "Sum": 0.0, "Minimum": 0.0, "Maximum": 0.0 },
            }),
        ];
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(folder.path().join(FOLDER).join("m.jsonl"), text + "{\n").unwrap();
        let task = JobTask {
            account: "1".to_owned(),
            region: "r".to_owned(),
            arn: String::new(),
            name: "j".to_owned(),
            id: String::new(),
            request: Value::Null,
            epoch: 1,
            spent: std::time::Duration::ZERO,
            interrupted: None,
        };
        // A line that the bound cuts is left out, and what is before it is not.
        let long = format!("{}\n{}", lines[0], "{".repeat(17 << 20));
        fs::write(folder.path().join(FOLDER).join("n.jsonl"), long).unwrap();
        let (mut data, mut told) = read(&[host], &task, "n");
        told.sort();
        assert_eq!(
            told,
            [
                "/opt/ml/output/metrics/cloudwatch/n.jsonl of algo-1 is longer than 16777216 bytes; the rest was left out.",
                "4 lines below /opt/ml/output/metrics/cloudwatch are no metrics, or more than 30000, and were left out.",
            ]
        );
        data.sort_by(|a, b| a.metric.cmp(&b.metric));
        assert_eq!(data.remove(0), data[0]);
        let metric = Metric::new("1", "r", "n", "a").with("Endpoint", "e").with("MonitoringSchedule", "s");
        assert_eq!(data[0], Datum { fine: false, ..Datum::new(metric, "None", 1_767_225_600_000, 2.5) });
        assert_eq!(data[1].stats, Stats::set(2.0, 4.0, 1.0, 3.0));
    }

    #[test]
    fn only_what_monitors_an_endpoint_and_publishes_has_metrics() {
        let environment =
            |list: &[(&str, &str)]| list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let schedule = ("sagemaker_monitoring_schedule_name", "s");
        let enabled = ("publish_cloudwatch_metrics", "Enabled");
        for (list, expected) in [
            (&[schedule, enabled][..], Some("aws/sagemaker/Endpoints/data-metrics")),
            (&[schedule, enabled, ("analysis_type", "MODEL_QUALITY")], Some("aws/sagemaker/Endpoints/model-metrics")),
            (&[schedule, ("publish_cloudwatch_metrics", "Disabled")], None),
            (&[enabled], None),
        ] {
            assert_eq!(namespace(&environment(list)), expected, "{list:?}");
        }
    }
}
