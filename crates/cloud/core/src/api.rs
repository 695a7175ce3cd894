//! What a service of the embedded cloud gets and gives: an authenticated, parsed, validated call; output or an AWS error.

use std::borrow::Cow;
use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_model::Service;
use serde_json::{Map, Value};

use crate::clock::SimTime;
use crate::events::EventStream;

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Twelve-digit account id; state is kept apart by it.
    pub account: String,
    /// For example `arn:aws:iam::000000000000:user/local` or an assumed role's session.
    pub principal_arn: String,
    /// STS `UserId` of the principal.
    pub user_id: String,
    /// The access key that signed.
    pub access_key: String,
    /// The address that the call came from, where it came over a connection.
    pub source_ip: Option<IpAddr>,
}

/// One call of one operation, after signature, protocol and model have been checked.
#[derive(Debug, Clone)]
pub struct Call {
    /// The authenticated caller.
    pub caller: Caller,
    /// Region of the SigV4 scope.
    pub region: String,
    /// Model of the service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static sagewright_model::Operation,
    /// Input under AWS's member names. Timestamps are what the wire gave (number or text); blobs are base64 text.
    pub input: Value,
    /// Time of arrival in AWS's time: what resources show.
    pub now: SimTime,
    /// Time of arrival on the machine's clock: credentials, and all of IAM and STS.
    pub wall: Timestamp,
    /// Request id, as answered in the headers.
    pub request_id: String,
    /// The HTTP body, where the input's payload is a blob (`InvokeEndpoint`); such a member is not in `input`.
    pub payload: Bytes,
}

/// What a service answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    /// Output under AWS's member names; timestamps are RFC 3339 text or epoch seconds.
    pub value: Value,
    /// The HTTP body, where the output's payload is a blob.
    pub payload: Bytes,
    /// The HTTP body, where the output's payload is a stream of events.
    pub events: Option<EventStream>,
}

impl From<Value> for Output {
    fn from(value: Value) -> Self {
        Self { value, ..Self::default() }
    }
}

impl Call {
    /// A text member of the input, empty text included.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// The partition of the call's region: `aws`, `aws-cn`, …
    #[must_use]
    pub fn partition(&self) -> &'static str {
        sagewright_model::partition_of(&self.region).map_or("aws", |partition| partition.id.as_str())
    }

    /// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE` in the caller's account and region.
    #[must_use]
    pub fn arn(&self, resource: &str) -> String {
        let partition = self.partition();
        let service = match self.service.id {
            "sagemaker-runtime" | "sagemaker-featurestore-runtime" | "sagemaker-metrics" => "sagemaker",
            other => other,
        };
        ["arn", partition, service, &self.region, &self.caller.account, resource].join(":")
    }
}

/// An ARN as it stands in a partition. An account of the embedded cloud is in all partitions, and its ARNs are told as of
/// that in which they are asked for.
#[must_use]
pub fn in_partition(arn: &str, partition: &str) -> String {
    match arn.splitn(3, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, rest] => format!("arn:{partition}:{rest}"),
        _ => arn.to_owned(),
    }
}

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// Error code (`ValidationException`, `ResourceNotFound`, …).
    pub code: Cow<'static, str>,
    /// Text for people; `{request_id}` is not expanded.
    pub message: String,
    /// HTTP status.
    pub status: u16,
    /// Further members of the error shape.
    pub members: Map<String, Value>,
    /// The same call fails in the same way until a person does something: what is stored is damaged.
    pub lasting: bool,
}

impl std::error::Error for ApiError {}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl ApiError {
    /// An error with a code, a status and a message.
    pub fn new(code: impl Into<Cow<'static, str>>, status: u16, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status, members: Map::new(), lasting: false }
    }

    /// `ValidationException`, 400.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", 400, message)
    }

    /// SageMaker's `ResourceNotFound`, 400.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFound", 400, message)
    }

    /// SageMaker's `ResourceInUse`, 400.
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new("ResourceInUse", 400, message)
    }

    /// `AccessDeniedException`, 400.
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDeniedException", 400, message)
    }

    /// Something of ours broke; the message says what.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalFailure", 500, message)
    }
}

impl From<crate::records::StoreError> for ApiError {
    fn from(error: crate::records::StoreError) -> Self {
        let lasting = error.is_lasting();
        Self { lasting, ..Self::internal(error.to_string()) }
    }
}

/// One service of the embedded cloud.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Answers a call. An operation that is not emulated is refused by name with [`unsupported`].
    ///
    /// # Errors
    /// The AWS error to answer with.
    async fn call(&self, call: Call) -> Result<Output, ApiError>;
}

/// What an operation gives in the end.
pub type Answer<'a> = BoxFuture<'a, Result<Value, ApiError>>;

/// Answers one operation of a service. The call is authenticated, and valid by the service model.
pub type Operation<S> = for<'a> fn(&'a S, &'a Call) -> Answer<'a>;

/// A table of a service's operations: `Iam: "GetRole" => roles::get`, each an `async fn(&Iam, &Call)`.
#[macro_export]
macro_rules! operations {
    ($service:ty: $($name:literal => $operation:path),* $(,)?) => {
        &[$(($name, {
            fn run<'a>(service: &'a $service, call: &'a $crate::api::Call) -> $crate::api::Answer<'a> {
                Box::pin($operation(service, call))
            }
            run
        })),*]
    };
}

/// Answers by a table of operations.
///
/// # Errors
/// The operation's own, or the refusal of one that the table does not have.
pub async fn answer<S>(table: &[(&str, Operation<S>)], service: &S, call: &Call) -> Result<Output, ApiError> {
    match table.iter().find(|(name, _)| call.operation.name == *name) {
        Some((_, operation)) => operation(service, call).await.map(Output::from),
        None => Err(unsupported(call)),
    }
}

/// The refusal of an operation that the embedded cloud does not have.
#[must_use]
pub fn unsupported(call: &Call) -> ApiError {
    ApiError::new(
        "NotImplemented",
        501,
        format!(
            "{} {} is not supported by the embedded cloud; use a real AWS account for it (unset AWS_ENDPOINT_URL)",
            call.service.metadata.service_id, call.operation.name
        ),
    )
}
