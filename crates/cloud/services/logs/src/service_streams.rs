//! Log streams.

use std::io::ErrorKind;

use serde_json::{Value, json};

use super::index::Summary;
use super::service::{LogsService, after, disk, exists, group_arn, invalid, limit, no_group, no_stream, token};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::{Key, Record};

impl LogsService {
    pub(super) fn create_stream(&self, call: &Call) -> Result<Value, ApiError> {
        let group = self.group(call)?;
        let stream = call.text("logStreamName").unwrap_or_default();
        match self.streams.create_stream(&call.caller.account, &call.region, &group, stream) {
            Ok(true) => {}
            Ok(false) => return Err(exists("log stream")),
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(no_group()),
            Err(e) => return Err(disk(&e)),
        }
        let now = call.now.as_millisecond();
        let key = key(call, &group, stream);
        // One of that name whose removal was cut short.
        self.store.delete(&key)?;
        self.store.insert(
            &Record {
                key,
                arn: stream_arn(call, &group, stream),
                status: String::new(),
                created: now,
                modified: now,
                body: json!({"group": group}),
            },
            &[],
        )?;
        Ok(Value::Null)
    }

    pub(super) fn delete_stream(&self, call: &Call) -> Result<Value, ApiError> {
        let group = self.group(call)?;
        let stream = call.text("logStreamName").unwrap_or_default();
        let removed = self.streams.delete_stream(&call.caller.account, &call.region, &group, stream);
        if !removed.map_err(|e| disk(&e))? {
            return Err(no_stream());
        }
        self.store.delete(&key(call, &group, stream))?;
        Ok(Value::Null)
    }

    pub(super) fn describe_streams(&self, call: &Call) -> Result<Value, ApiError> {
        if call.text("logGroupName").is_some() && call.text("logGroupIdentifier").is_some() {
            let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
            return Err(ApiError::new("ValidationException", 400, message));
        }
        let group = self.group(call)?;
        let by_time = call.text("orderBy") == Some("LastEventTime");
        let descending = call.input.get("descending").and_then(Value::as_bool).unwrap_or(false);
        let prefix = call.text("logStreamNamePrefix");
        if by_time && prefix.is_some() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let (account, region) = (&call.caller.account, &call.region);
        let mut found: Vec<(i64, String)> = Vec::new();
        for stream in self.streams.streams(account, region, &group) {
            if !stream.starts_with(prefix.unwrap_or_default()) {
                continue;
            }
            let order = if by_time { self.glance(call, &group, &stream)?.and_then(|s| s.newest) } else { None };
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
        let mut streams = Vec::with_capacity(found.len());
        for (_, name) in found {
            if let Some(summary) = self.glance(call, &group, &name)? {
                streams.push(self.describe_stream(call, &group, &name, &summary)?);
            }
        }
        Ok(json!({"logStreams": streams, "nextToken": next}))
    }

    fn glance(&self, call: &Call, group: &str, stream: &str) -> Result<Option<Summary>, ApiError> {
        self.streams.summary(&call.caller.account, &call.region, group, stream).map_err(|e| disk(&e))
    }

    fn describe_stream(&self, call: &Call, group: &str, stream: &str, summary: &Summary) -> Result<Value, ApiError> {
        let record = self.store.get(&key(call, group, stream))?;
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

fn key(call: &Call, group: &str, stream: &str) -> Key {
    // Neither name can hold the colon.
    Key::new(&call.caller.account, &call.region, "log-stream", &format!("{group}:{stream}"))
}

fn stream_arn(call: &Call, group: &str, stream: &str) -> String {
    format!("{}:log-stream:{stream}", group_arn(call, group))
}
