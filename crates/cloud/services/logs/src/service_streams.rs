//! Log streams.

use std::io::ErrorKind;

use serde_json::{Value, json};

use super::Streams;
use super::index::Summary;
use super::service::{
    Request, after, disk, exists, group, group_arn, group_name, invalid, limit, no_group, no_stream, token,
};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Key, Record};

impl Request {
    pub(super) async fn create_stream(&self, call: &Call) -> Result<Value, ApiError> {
        let made = self.files(|streams, call| {
            let group = group(streams, call)?;
            let stream = call.text("logStreamName").unwrap_or_default();
            match streams.create_stream(&call.caller.account, &call.region, &group, stream) {
                Ok(true) => Ok(group),
                Ok(false) => Err(exists("log stream")),
                Err(e) if e.kind() == ErrorKind::NotFound => Err(no_group()),
                Err(e) => Err(disk(&e)),
            }
        });
        let group = made.await?;
        let stream = call.text("logStreamName").unwrap_or_default();
        let now = call.now.as_millisecond();
        let record = Record {
            key: key(call, &group, stream),
            arn: stream_arn(call, &group, stream),
            status: String::new(),
            created: now,
            modified: now,
            body: json!({"group": group}),
        };
        // One of that name whose removal was cut short.
        self.store().delete(&record.key).await?;
        self.store().insert(record, Vec::new(), Batch::new()).await?;
        Ok(Value::Null)
    }

    pub(super) async fn delete_stream(&self, call: &Call) -> Result<Value, ApiError> {
        let removed = self.files(|streams, call| {
            let group = group(streams, call)?;
            let stream = call.text("logStreamName").unwrap_or_default();
            let removed = streams.delete_stream(&call.caller.account, &call.region, &group, stream);
            if removed.map_err(|e| disk(&e))? { Ok(group) } else { Err(no_stream()) }
        });
        let group = removed.await?;
        self.store().delete(&key(call, &group, call.text("logStreamName").unwrap_or_default())).await?;
        Ok(Value::Null)
    }

    pub(super) async fn describe_streams(&self, call: &Call) -> Result<Value, ApiError> {
        if call.text("logGroupName").is_some() && call.text("logGroupIdentifier").is_some() {
            let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
            return Err(ApiError::new("ValidationException", 400, message));
        }
        let group = group_name(call)?;
        let (page, next) = self.files(page).await?;
        let mut streams = Vec::with_capacity(page.len());
        for (name, summary) in page {
            streams.push(self.describe_stream(call, &group, &name, &summary).await?);
        }
        Ok(json!({"logStreams": streams, "nextToken": next}))
    }

    async fn describe_stream(
        &self,
        call: &Call,
        group: &str,
        stream: &str,
        summary: &Summary,
    ) -> Result<Value, ApiError> {
        let record = self.store().record(&key(call, group, stream)).await?;
        let created = record.map(|r| r.created).or(summary.first_stored).unwrap_or_default();
        Ok(json!({
            "logStreamName": stream,
            "creationTime": created,
            "firstEventTimestamp": summary.oldest,
            "lastEventTimestamp": summary.newest,
            "lastIngestionTime": summary.last_stored,
            "arn": stream_arn(call, group, stream),
            "storedBytes": 0,
        }))
    }
}

/// Streams with what their files tell of them, and the token of those after them.
type Page = (Vec<(String, Summary)>, Option<String>);

/// The streams that a call asks for.
fn page(streams: &Streams, call: &Call) -> Result<Page, ApiError> {
    let group = group(streams, call)?;
    let by_time = call.text("orderBy") == Some("LastEventTime");
    let descending = call.input.get("descending").and_then(Value::as_bool).unwrap_or(false);
    let prefix = call.text("logStreamNamePrefix");
    if by_time && prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let (account, region) = (&call.caller.account, &call.region);
    let glance = |stream: &str| streams.summary(account, region, &group, stream).map_err(|e| disk(&e));
    let mut found: Vec<(i64, String)> = Vec::new();
    for stream in streams.streams(account, region, &group) {
        if !stream.starts_with(prefix.unwrap_or_default()) {
            continue;
        }
        let order = if by_time { glance(&stream)?.and_then(|s| s.newest) } else { None };
        found.push((order.unwrap_or_default(), stream));
    }
    found.sort();
    if descending {
        found.reverse();
    }
    if let Some(after) = after(call)? {
        let last = (after[0].as_i64().unwrap_or_default(), after[1].as_str().unwrap_or_default().to_owned());
        found.retain(|here| if descending { *here < last } else { *here > last });
    }
    let size = limit(call, 50);
    let next = found.get(size).and_then(|_| found.get(size - 1)).map(|(order, name)| token(&json!([order, name])));
    found.truncate(size);
    let mut page = Vec::with_capacity(found.len());
    for (_, name) in found {
        if let Some(summary) = glance(&name)? {
            page.push((name, summary));
        }
    }
    Ok((page, next))
}

fn key(call: &Call, group: &str, stream: &str) -> Key {
    // Neither name can hold the colon.
    Key::new(&call.caller.account, &call.region, "log-stream", &format!("{group}:{stream}"))
}

fn stream_arn(call: &Call, group: &str, stream: &str) -> String {
    format!("{}:log-stream:{stream}", group_arn(call, group))
}
