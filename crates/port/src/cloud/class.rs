//! Which failures pass by themselves, and which do not: a table, with the source of each row.

use super::{CloudError, Stage};

/// Whether, and how soon, the same call may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Never: the input itself is wrong.
    Terminal,
    /// After something on the caller's side has changed: the input, what it names, the credentials. A command stops;
    /// a controller looks again now and then.
    Rejected,
    /// After a quota has been raised or a policy attached, which may happen at any time: try again with long pauses,
    /// and show why.
    Blocked,
    /// Soon, at a lower rate.
    Throttle,
    /// Soon.
    Transient,
}

impl Class {
    /// Whether the failure may pass without a change on the caller's side.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Blocked | Self::Throttle | Self::Transient)
    }

    pub(super) fn of(error: &CloudError) -> Self {
        match error.stage {
            Stage::Input => return Self::Terminal,
            Stage::Queue => return Self::Throttle,
            Stage::Credentials | Stage::Transport | Stage::Service | Stage::Answer => {}
        }
        if error.stage == Stage::Transport {
            return Self::of_code(&error.code).unwrap_or(Self::Transient);
        }
        Self::of_answer(&error.code, error.status)
    }

    /// The class of a service's answer.
    #[must_use]
    pub fn of_answer(code: &str, status: Option<u16>) -> Self {
        Self::of_code(code).unwrap_or(match status {
            Some(429) => Self::Throttle,
            // RFC 9110; the SDKs' retry behaviour has the same list. 501 says that no later try is answered.
            Some(408 | 500 | 502 | 503 | 504) => Self::Transient,
            _ => Self::Rejected,
        })
    }

    /// The class of an error code, where the code alone says it.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        CODES.iter().find(|(_, codes, _)| codes.contains(&code)).map(|(class, ..)| *class)
    }
}

impl CloudError {
    /// What kind of failure it is: whether, and how soon, the same call may succeed.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::of(self)
    }

    /// Whether the service slowed the caller down. A quota is no throttle.
    #[must_use]
    pub fn is_throttle(&self) -> bool {
        self.class() == Class::Throttle
    }
}

/// A class, the codes of it, and who says so.
type Row = (Class, &'static [&'static str], &'static str);

/// Error codes by class. Each code stands once. Codes of single kinds (in use, not there yet) are in the kinds' rows.
pub(super) const CODES: &[Row] = &[
    (
        Class::Terminal,
        &["InvalidParameterCombination", "InvalidParameterValue", "MissingParameter"],
        "ACK's sagemaker-controller, `terminal_codes` of every kind in generator.yaml",
    ),
    (
        Class::Throttle,
        &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottledException",
            "RequestThrottled",
            "TooManyRequestsException",
            "ProvisionedThroughputExceededException",
            "TransactionInProgressException",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "SlowDown",
            "PriorRequestNotComplete",
            "EC2ThrottledException",
        ],
        "AWS SDKs, standard retry mode: throttling errors (aws-runtime, THROTTLING_ERRORS), but LimitExceededException",
    ),
    (
        Class::Blocked,
        &["LimitExceededException", "LimitExceeded"],
        "models of application-autoscaling, logs and iam (code LimitExceeded): a number of resources is exceeded. The \
         SDKs count it as a throttle for DynamoDB's sake, which is not called here",
    ),
    (
        Class::Blocked,
        &["ResourceLimitExceeded", "ServiceQuotaExceededException", "TooManyBuckets"],
        "models of sagemaker and logs, S3's list of error responses: a quota is reached",
    ),
    (
        Class::Blocked,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "NotAuthorized",
            "OptInRequired",
            "Forbidden",
            "FailedResourceAccessException",
        ],
        "AWS's common errors, S3's and EC2's lists of error responses, model of application-autoscaling: a policy, a \
         role or a subscription is missing. `Forbidden` is an answer of status 403 without a code (HEAD)",
    ),
    (
        Class::Transient,
        &["RequestTimeout", "RequestTimeoutException"],
        "AWS SDKs, standard retry mode: transient errors (aws-runtime, TRANSIENT_ERRORS)",
    ),
    (
        Class::Transient,
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "InternalServiceException",
            "InternalDependencyException",
            "ServiceFailure",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
        "AWS's common errors, S3's list of error responses, models of sagemaker-runtime, logs, iam and \
         application-autoscaling: faults of the service",
    ),
    (
        Class::Transient,
        &["ModelNotReadyException"],
        "model of sagemaker-runtime: status 429, but the model is still being loaded; a lower rate does not help",
    ),
    (
        Class::Transient,
        &[
            "ConcurrentUpdateException",
            "ConcurrentModification",
            "EntityTemporarilyUnmodifiable",
            "OperationAborted",
            "OperationAbortedException",
            "IDPCommunicationError",
        ],
        "models of application-autoscaling, iam, logs and sts, S3's list: another change is under way, or a peer of the \
         service did not answer; the documents say to try again",
    ),
    (
        Class::Transient,
        &["CredentialsTimeout", "CredentialsUnavailable", "UnreadableAnswer"],
        "this program: a source of credentials did not answer, or a service answered with something else than its model",
    ),
    (
        Class::Rejected,
        &["AnswerTooLarge", "NotTrusted", "RepeatedToken"],
        "this program: an answer beyond its bounds, a certificate that no authority signed, a listing that does not end",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_code_stands_once_and_has_a_source() {
        let mut seen = HashSet::new();
        for (class, codes, source) in CODES {
            assert!(!source.is_empty(), "{class:?}");
            for code in *codes {
                assert!(seen.insert(code), "{code} stands twice");
            }
        }
    }
}
