//! The last lines of a resource's log.

use std::time::Duration;

use sagewright_decide::log_end::{LINES, unreadable, words};
use sagewright_port::cloud::CloudError;
use serde_json::{Value, json};

use super::calls::Calls;

/// How long all calls for one log may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Streams that are read: those that were written to last.
const STREAMS: usize = 3;
/// Pages of one stream that are read back: a page may be empty though there are earlier lines.
const PAGES: usize = 3;

/// What is to be said of a log. That it cannot be read is said too: nothing else depends on it.
pub(crate) async fn read(calls: &Calls, group: &str, prefix: &str) -> String {
    let now = calls.clock.now();
    let until = now.checked_add(PATIENCE).unwrap_or(now);
    let deadline = calls.deadline.map_or(until, |deadline| deadline.min(until));
    let calls = Calls { deadline: Some(deadline), ..calls.clone() };
    match last_lines(&calls, group, prefix).await {
        Ok(lines) => words(&lines),
        // SageMaker makes the group with the first line.
        Err(error) if error.code == "ResourceNotFoundException" => words(&[]),
        Err(error) => unreadable(&format!("{}: {}", error.code, error.message)),
    }
}

async fn last_lines(calls: &Calls, group: &str, prefix: &str) -> Result<Vec<String>, CloudError> {
    let input = if prefix.is_empty() {
        json!({"logGroupName": group, "orderBy": "LastEventTime", "descending": true, "limit": STREAMS})
    } else {
        json!({"logGroupName": group, "logStreamNamePrefix": prefix})
    };
    let output = calls.other("logs", "DescribeLogStreams", input).await?;
    let mut streams: Vec<(i64, &str)> = items(&output, "logStreams")
        .filter_map(|s| Some((s["lastEventTimestamp"].as_i64().unwrap_or_default(), s["logStreamName"].as_str()?)))
        .collect();
    streams.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut lines = Vec::new();
    for (_, stream) in streams.into_iter().take(STREAMS) {
        end_of(calls, group, stream, &mut lines).await?;
    }
    // Lines of one moment stay in the order of their stream.
    lines.sort_by_key(|(at, _)| *at);
    let skipped = lines.len().saturating_sub(LINES);
    Ok(lines.into_iter().skip(skipped).map(|(_, line)| line).collect())
}

/// Adds the last lines of a stream.
async fn end_of(calls: &Calls, group: &str, stream: &str, lines: &mut Vec<(i64, String)>) -> Result<(), CloudError> {
    let mut input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": false, "limit": LINES});
    let mut pages = Vec::new();
    let mut count = 0;
    while pages.len() < PAGES && count < LINES {
        let output = calls.other("logs", "GetLogEvents", input.clone()).await?;
        let text = |event: &Value| event["message"].as_str().unwrap_or_default().to_owned();
        let page: Vec<(i64, String)> = items(&output, "events")
            .map(|event| (event["timestamp"].as_i64().unwrap_or_default(), text(event)))
            .collect();
        count += page.len();
        pages.push(page);
        let earlier = &output["nextBackwardToken"];
        if !earlier.is_string() || *earlier == input["nextToken"] {
            break;
        }
        input["nextToken"] = earlier.clone();
    }
    lines.extend(pages.into_iter().rev().flatten());
    Ok(())
}

fn items<'o>(output: &'o Value, member: &str) -> impl Iterator<Item = &'o Value> {
    output[member].as_array().into_iter().flatten()
}
