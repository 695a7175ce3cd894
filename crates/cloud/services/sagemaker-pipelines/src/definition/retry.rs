//! Retry policies of a step: what is tried again, when, and how often.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a policy may name.
const EXCEPTIONS: &[(&str, Exception)] = &[
    ("Step.SERVICE_FAULT", Exception::ServiceFault),
    ("Step.THROTTLING", Exception::Throttling),
    ("SageMaker.JOB_INTERNAL_ERROR", Exception::InternalError),
    ("SageMaker.CAPACITY_ERROR", Exception::Capacity),
    ("SageMaker.RESOURCE_LIMIT", Exception::ResourceLimit),
];

/// Why a step failed, as far as policies tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exception {
    /// The operation that the step calls failed by itself.
    ServiceFault,
    /// The operation was called too often.
    Throttling,
    /// The job failed with `InternalServerError`.
    InternalError,
    /// There were no instances for the job.
    Capacity,
    /// The account may not have the resource.
    ResourceLimit,
    /// Anything else: never tried again.
    Other,
}

impl Exception {
    /// As reasons have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceFault => "SERVICE_FAULT",
            Self::Throttling => "THROTTLING",
            Self::InternalError => "SAGEMAKER_JOB_INTERNAL_ERROR",
            Self::Capacity => "SAGEMAKER_CAPACITY_ERROR",
            Self::ResourceLimit => "SAGEMAKER_RESOURCE_LIMIT",
            Self::Other => "SAGEMAKER_JOB_ERROR",
        }
    }
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// What it is for.
    pub exceptions: Vec<Exception>,
    /// Milliseconds before the first retry.
    pub interval: f64,
    /// By what the interval grows with each retry.
    pub rate: f64,
    /// Retries at most.
    pub most: Option<u32>,
    /// Milliseconds from the first start of the step, after which none is tried.
    pub expires: Option<i64>,
}

impl Retry {
    /// What SageMaker does by itself.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            exceptions: vec![Exception::ServiceFault, Exception::Throttling],
            interval: 1000.0,
            rate: 2.0,
            most: Some(MOST),
            expires: None,
        }
    }

    /// When to try again, after so many retries by this policy; `None`: not any more.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // far below 2^63 by the bound
    pub fn next(&self, retries: u32, first: i64, now: i64) -> Option<i64> {
        if self.most.is_some_and(|most| retries >= most) || self.expires.is_some_and(|ms| now - first >= ms) {
            return None;
        }
        let pause = self.interval * self.rate.powi(i32::try_from(retries).unwrap_or(i32::MAX));
        Some(now + pause.clamp(0.0, LONGEST) as i64)
    }
}

/// `MaxAttempts` where a policy says nothing, and the most it may say ("Retry Policy for Pipeline Steps").
const MOST: u32 = 5;
const CAP: f64 = 20.0;
/// The most that `IntervalSeconds` and `ExpireAfterMin` may be.
const LONGEST_INTERVAL: f64 = 43_200.0;
const LONGEST_EXPIRY: f64 = 14_400.0;
/// No pause is longer: 12 hours, in milliseconds.
const LONGEST: f64 = 43_200_000.0;

/// Reads the policies of a step.
///
/// # Errors
/// What is wrong with one.
pub fn parse(policies: &Value) -> Result<Vec<Retry>, String> {
    let list = policies.as_array().ok_or("RetryPolicies must be a list.")?;
    list.iter().map(policy).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked against their bounds
fn policy(policy: &Value) -> Result<Retry, String> {
    let names = policy.get("ExceptionType").and_then(Value::as_array).filter(|names| !names.is_empty());
    let exceptions = names.ok_or("A retry policy has no ExceptionType.")?.iter().map(|name| {
        let known = EXCEPTIONS.iter().find(|(known, _)| name.as_str() == Some(known));
        known.map(|(_, exception)| *exception).ok_or_else(|| {
            let known: Vec<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
            format!("The ExceptionType {name} of a retry policy must be one of {}.", known.join(", "))
        })
    });
    let number = |member: &str, most: f64| match policy.get(member).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => match value.as_f64().filter(|n| (0.0..=most).contains(n)) {
            Some(n) => Ok(Some(n)),
            None => Err(format!("{member} of a retry policy is {value}; it must be a number from 0 to {most}.")),
        },
    };
    let (most, expires) = (number("MaxAttempts", CAP)?, number("ExpireAfterMin", LONGEST_EXPIRY)?);
    if most.is_some() && expires.is_some() {
        return Err("A retry policy has both MaxAttempts and ExpireAfterMin; it takes one of them.".to_owned());
    }
    Ok(Retry {
        exceptions: exceptions.collect::<Result<_, _>>()?,
        interval: number("IntervalSeconds", LONGEST_INTERVAL)?.unwrap_or(1.0) * 1000.0,
        rate: number("BackoffRate", f64::MAX)?.unwrap_or(2.0),
        most: match (most, expires) {
            (Some(most), _) => Some(most as u32),
            (None, Some(_)) => None,
            (None, None) => Some(MOST),
        },
        expires: expires.map(|minutes| (minutes * 60_000.0) as i64),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let policies = json!([
            {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 10, "BackoffRate": 3, "MaxAttempts": 3},
            {"ExceptionType": ["Step.THROTTLING"], "ExpireAfterMin": 1},
            {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 43200, "BackoffRate": 1e300},
            {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 0},
        ]);
        let [limit, throttling, capacity, never] = <[Retry; 4]>::try_from(parse(&policies).unwrap()).unwrap();
        let due: Vec<_> = (0..4).map(|retries| limit.next(retries, 0, 100)).collect();
        assert_eq!(due, [Some(10_100), Some(30_100), Some(90_100), None]);
        assert_eq!(throttling.next(0, 0, 59_999), Some(60_999));
        assert_eq!(throttling.next(9, 0, 60_000), None);
        assert_eq!(capacity.next(4, 0, 0), Some(43_200_000), "no pause is longer than half a day");
        assert_eq!(capacity.next(5, 0, 0), None, "five retries where nothing is said");
        assert_eq!(never.next(0, 0, 0), None);
    }

    #[test]
    fn policies_of_another_form_are_refused() {
        for (policy, why) in [
            (json!({}), "has no ExceptionType"),
            (json!({"ExceptionType": ["Other"]}), "must be one of Step.SERVICE_FAULT"),
            (json!({"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 21}), "from 0 to 20"),
            (json!({"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": -1}), "from 0 to 43200"),
            (json!({"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1, "ExpireAfterMin": 1}), "one of them"),
        ] {
            let told = parse(&json!([policy])).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        assert!(parse(&json!({})).is_err());
    }
}
