//! An asynchronous request, as its record keeps it until it is done.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::ports::EndpointKey;
use sagewright_cloud_sagemaker_base::serving::Topic;

/// Kind of the records.
pub(super) const KIND: &str = "sagemaker-async-request";

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    /// The call's input, by AWS's names.
    pub input: Value,
    /// `Body`, in base64.
    pub body: Option<String>,
    pub inference_id: String,
    /// When it came, milliseconds since 1970.
    pub received: i64,
    /// When it is too old to be begun.
    pub expires: i64,
    /// How long the model may take.
    pub timeout_seconds: u64,
    pub output: String,
    pub failure: Option<String>,
    pub success_topic: Option<Topic>,
    pub error_topic: Option<Topic>,
}

impl Request {
    pub fn text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// `Body`.
    pub fn payload(&self) -> Option<Bytes> {
        self.body.as_deref().map(|text| STANDARD.decode(text).unwrap_or_default().into())
    }

    /// The record of a new request.
    pub fn record(&self, endpoint: &EndpointKey, id: &str) -> Record {
        Record {
            key: key(endpoint, &format!("{}{:015}-{id}", prefix(endpoint), self.received)),
            arn: String::new(),
            status: String::new(),
            created: self.received,
            modified: self.received,
            body: serde_json::to_value(self).unwrap_or_default(),
        }
    }

    /// The request of a record; `None` where it is damaged.
    pub fn of(record: &Record) -> Option<Self> {
        Self::deserialize(&record.body).ok()
    }
}

/// What `Body` is kept as.
pub(super) fn kept(payload: &Bytes) -> String {
    STANDARD.encode(payload)
}

/// What the names of an endpoint's records begin with. Behind it, they are in the order in which requests came.
pub(super) fn prefix(endpoint: &EndpointKey) -> String {
    format!("{}/", endpoint.name)
}

pub(super) fn key(endpoint: &EndpointKey, name: &str) -> Key {
    Key::new(&endpoint.account, &endpoint.region, KIND, name)
}
