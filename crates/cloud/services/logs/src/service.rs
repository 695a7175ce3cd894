//! The CloudWatch Logs API.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use super::Streams;
use sagewright_cloud_core::api::{ApiError, Call, Handler, Operation, Output, answer};
use sagewright_cloud_core::operations;
use sagewright_cloud_core::records::{Key, Record, SharedRecords};
use sagewright_cloud_core::region::partition;

/// The operations of this service.
pub const OPERATIONS: &[(&str, Operation<Request>)] = operations! { Request:
    "CreateLogGroup" => Request::create_group,
    "DeleteLogGroup" => Request::delete_group,
    "DescribeLogGroups" => Request::describe_groups,
    "PutRetentionPolicy" => Request::put_retention,
    "DeleteRetentionPolicy" => Request::delete_retention,
    "CreateLogStream" => Request::create_stream,
    "DeleteLogStream" => Request::delete_stream,
    "DescribeLogStreams" => Request::describe_streams,
    "PutLogEvents" => Request::put_events,
    "GetLogEvents" => Request::get_events,
    "FilterLogEvents" => Request::filter_events,
    "TagResource" => Request::tag,
    "UntagResource" => Request::untag,
    "ListTagsForResource" => Request::list_tags,
};

/// CloudWatch Logs over the embedded cloud's streams; groups that jobs write need not be created.
#[derive(Debug, Clone)]
pub struct LogsService {
    pub(super) store: SharedRecords,
    pub(super) streams: Streams,
    /// Held while a group is made or removed.
    groups: Arc<Mutex<()>>,
}

impl LogsService {
    /// The service over its store (creation times, retention, tags) and its streams.
    #[must_use]
    pub fn new(store: SharedRecords, streams: Streams) -> Self {
        Self { store, streams, groups: Arc::default() }
    }
}

#[async_trait]
impl Handler for LogsService {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        let request = Request { service: self.clone(), call: Arc::new(call) };
        answer(OPERATIONS, &request, &request.call).await
    }
}

/// One call, with what answers it.
#[derive(Debug)]
pub struct Request {
    service: LogsService,
    call: Arc<Call>,
}

impl Request {
    pub(super) fn store(&self) -> &SharedRecords {
        &self.service.store
    }

    /// Removes all that the store knows of a group without a folder.
    pub(super) async fn forget(&self, call: &Call, group: &str) -> Result<(), ApiError> {
        Ok(self.service.forget(&call.caller.account, &call.region, group).await?)
    }

    /// Held while a group is made or removed.
    pub(super) async fn groups(&self) -> MutexGuard<'_, ()> {
        self.service.groups.lock().await
    }

    /// Reads and writes files, which may take a while, on a thread for it.
    pub(super) async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Streams, &Call) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (streams, call) = (self.service.streams.clone(), Arc::clone(&self.call));
        let done = tokio::task::spawn_blocking(move || work(&streams, &call)).await;
        done.unwrap_or_else(|e| Err(ApiError::internal(format!("CloudWatch Logs failed: {e}"))))
    }

    /// What the store knows of a group; nothing of one that only jobs have written to.
    pub(super) async fn group_record(&self, call: &Call, group: &str) -> Result<Option<Record>, ApiError> {
        Ok(self.store().record(&Key::new(&call.caller.account, &call.region, "log-group", group)).await?)
    }
}

/// The group that a call names.
pub(super) fn group_name(call: &Call) -> Result<String, ApiError> {
    match (call.text("logGroupName"), call.text("logGroupIdentifier")) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(identifier)) => Ok(group_of_arn(identifier).unwrap_or(identifier).to_owned()),
        (Some(_), Some(_)) => Err(invalid("LogGroup name and LogGroup ARN are mutually exclusive parameters.")),
        (None, None) => Err(invalid("Either LogGroup name or LogGroup ARN must be specified.")),
    }
}

/// The group that a call names, which has to exist.
pub(super) fn group(streams: &Streams, call: &Call) -> Result<String, ApiError> {
    let name = group_name(call)?;
    if streams.has_group(&call.caller.account, &call.region, &name) { Ok(name) } else { Err(no_group()) }
}

/// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`
pub(super) fn group_arn(call: &Call, group: &str) -> String {
    arn_of_group(&call.caller.account, &call.region, group)
}

pub(super) fn arn_of_group(account: &str, region: &str, group: &str) -> String {
    format!("arn:{}:logs:{region}:{account}:log-group:{group}", partition(region))
}

/// The name in a group's ARN, with or without `:*` at its end.
pub(super) fn group_of_arn(arn: &str) -> Option<&str> {
    let name = arn.strip_prefix("arn:")?.split_once(":log-group:")?.1;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", 400, message)
}

pub(super) fn no_group() -> ApiError {
    ApiError::new("ResourceNotFoundException", 400, "The specified log group does not exist.")
}

pub(super) fn no_stream() -> ApiError {
    ApiError::new("ResourceNotFoundException", 400, "The specified log stream does not exist.")
}

pub(super) fn exists(what: &str) -> ApiError {
    ApiError::new("ResourceAlreadyExistsException", 400, format!("The specified {what} already exists"))
}

pub(super) fn disk(error: &std::io::Error) -> ApiError {
    if error.kind() == std::io::ErrorKind::InvalidFilename {
        return invalid(
            "The name is too long for a file of the embedded cloud: up to 240 letters, digits, `.`, `-` and `_`, of which each other character counts as three or more.",
        );
    }
    ApiError::new("ServiceUnavailableException", 500, format!("the log files could not be used: {error}"))
}

/// Refuses members that would change the outcome and are not built.
pub(super) fn refuse_members(call: &Call, members: &[&str]) -> Result<(), ApiError> {
    let given = |m: &&&str| call.input.get(**m).is_some_and(|v| !v.is_null() && *v != json!(false));
    match members.iter().find(given) {
        Some(member) => Err(ApiError::new(
            "NotImplemented",
            501,
            format!(
                "{member} of CloudWatch Logs {} is not supported by the embedded cloud; leave it out",
                call.operation.name
            ),
        )),
        None => Ok(()),
    }
}

/// A token that says after which item the next page starts.
pub(super) fn token(last: &Value) -> String {
    URL_SAFE_NO_PAD.encode(last.to_string())
}

/// The item of a `nextToken`.
pub(super) fn after(call: &Call) -> Result<Option<Value>, ApiError> {
    let Some(token) = call.text("nextToken") else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let value = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    value.map(Some).ok_or_else(|| invalid("The specified nextToken is invalid."))
}

/// The limit of a call, or else a default.
pub(super) fn limit(call: &Call, default: usize) -> usize {
    let given = call.input.get("limit").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    given.unwrap_or(default).max(1)
}
