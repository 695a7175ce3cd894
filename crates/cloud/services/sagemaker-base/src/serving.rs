//! How requests reach a production variant: at once or through a queue, to instances or to what starts when it is asked.

use serde::{Deserialize, Serialize};

/// How requests reach a variant. The default is real time, on instances, in turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Serving {
    /// Requests go through a queue: `AsyncInferenceConfig`.
    pub asynchronous: Option<AsyncPlan>,
    /// The variant has no instances of its own: `ServerlessConfig`.
    pub serverless: Option<ServerlessPlan>,
    /// A request goes to the instance with the fewest requests under way: `LEAST_OUTSTANDING_REQUESTS`.
    pub least_outstanding: bool,
}

/// An `AsyncInferenceConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncPlan {
    /// `S3OutputPath`
    pub output: String,
    /// `S3FailurePath`
    pub failure: Option<String>,
    /// `MaxConcurrentInvocationsPerInstance`
    pub concurrent: Option<u32>,
    /// Who is told of answers.
    pub success: Option<Topic>,
    /// Who is told of failures.
    pub error: Option<Topic>,
}

/// An SNS topic that is told what came of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Its ARN.
    pub arn: String,
    /// Whether the model's answer is in the message: `IncludeInferenceResponseIn`.
    pub with_response: bool,
}

/// A `ServerlessConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerlessPlan {
    /// Requests at the same time; more are throttled.
    pub max_concurrency: u32,
    /// `ProvisionedConcurrency`; the variant is always up where it is not zero.
    pub provisioned: u32,
}
