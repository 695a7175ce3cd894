//! What the embedded cloud does of each operation of its services.

use sagewright_model::{Service, service};

use crate::sagemaker::kind::Kind;
use crate::sagemaker::recorded::{operations as recorded, rows::REFUSED};

/// What stands behind an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does what it does in AWS.
    Real,
    /// Resources are kept, with nothing that runs behind them.
    Recorded,
    /// It is refused by name, with what to do instead.
    Refused(&'static str),
    /// It is refused by name.
    Unknown,
}

/// The services that the embedded cloud has, by botocore's names.
pub const SERVICES: &[&str] = &[
    "sagemaker",
    "sagemaker-runtime",
    "sagemaker-featurestore-runtime",
    "sagemaker-metrics",
    "s3",
    "iam",
    "sts",
    "logs",
    "cloudwatch",
    "application-autoscaling",
    "resourcegroupstaggingapi",
];

/// All operations of a service's model in alphabetical order; nothing for a service that is not here.
#[must_use]
pub fn operations(id: &str) -> Vec<(&'static str, State)> {
    let Some(service) = service(id).filter(|_| SERVICES.contains(&id)) else { return Vec::new() };
    let recorded = recorded();
    let mut out: Vec<_> = service
        .operations
        .keys()
        .map(|name| {
            let state = match () {
                () if real(service, name) => State::Real,
                () if id == "sagemaker" => match recorded.get(*name) {
                    Some((kind, _)) if kind.recorded() => State::Recorded,
                    Some(_) => State::Real,
                    None => refused(name).map_or(State::Unknown, State::Refused),
                },
                () => State::Unknown,
            };
            (*name, state)
        })
        .collect();
    out.sort_unstable_by_key(|(name, _)| *name);
    out
}

fn real(service: &Service, operation: &str) -> bool {
    fn has<T>(table: &[(&str, T)], operation: &str) -> bool {
        table.iter().any(|(name, _)| *name == operation)
    }
    match service.id {
        "sagemaker" => [
            sagewright_cloud_sagemaker::OPERATIONS,
            sagewright_cloud_sagemaker_jobs::OPERATIONS,
            sagewright_cloud_sagemaker_tuning::OPERATIONS,
            sagewright_cloud_sagemaker_hosting::OPERATIONS,
            sagewright_cloud_sagemaker_monitoring::OPERATIONS,
            sagewright_cloud_sagemaker_lineage::OPERATIONS,
            sagewright_cloud_sagemaker_pipelines::OPERATIONS,
            sagewright_cloud_sagemaker_featurestore::OPERATIONS,
        ]
        .iter()
        .any(|table| has(table, operation)),
        "sagemaker-runtime" => sagewright_cloud_sagemaker_hosting::RUNTIME_OPERATIONS.contains(&operation),
        "sagemaker-featurestore-runtime" => has(sagewright_cloud_sagemaker_featurestore::RUNTIME_OPERATIONS, operation),
        "sagemaker-metrics" => has(sagewright_cloud_sagemaker_lineage::METRICS_OPERATIONS, operation),
        "iam" => has(sagewright_cloud_iam::OPERATIONS, operation),
        "sts" => has(sagewright_cloud_sts::OPERATIONS, operation),
        "cloudwatch" => has(sagewright_cloud_cloudwatch::OPERATIONS, operation),
        "application-autoscaling" => has(sagewright_cloud_applicationautoscaling::OPERATIONS, operation),
        "resourcegroupstaggingapi" => has(sagewright_cloud_resourcegroupstaggingapi::OPERATIONS, operation),
        "logs" => has(crate::logs::OPERATIONS, operation),
        "s3" => {
            let plain = operation.to_ascii_lowercase();
            crate::s3::OPERATIONS.iter().any(|name| name.replace('_', "") == plain)
        }
        _ => false,
    }
}

/// What to do instead of creating a kind that nothing here runs.
fn refused(operation: &str) -> Option<&'static str> {
    let noun = operation.strip_prefix("Create")?;
    REFUSED.iter().find(|(refused, ..)| *refused == noun).map(|(_, _, instead)| *instead)
}

/// The kinds that are recorded, in alphabetical order.
#[must_use]
pub fn recorded_kinds() -> Vec<&'static str> {
    let mut out: Vec<_> = Kind::all().filter(|kind| kind.recorded()).map(|kind| kind.0.noun).collect();
    out.sort_unstable();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_tells_what_is_real_recorded_and_refused() {
        let of = |service: &str, operation: &str| {
            let all = operations(service);
            all.into_iter().find(|(name, _)| *name == operation).map(|(_, state)| state)
        };
        assert_eq!(of("sagemaker", "CreateTrainingJob"), Some(State::Real));
        assert_eq!(of("sagemaker", "DescribeHub"), Some(State::Recorded));
        assert_eq!(of("sagemaker", "ListModelCards"), Some(State::Real));
        assert_eq!(of("sagemaker", "DescribeProcessingJob"), Some(State::Real));
        assert!(matches!(of("sagemaker", "CreateCompilationJob"), Some(State::Refused(_))));
        assert_eq!(of("sagemaker", "CreatePresignedDomainUrl"), Some(State::Unknown));
        for (service, operation) in [
            ("s3", "PutObject"),
            ("s3", "ListObjectsV2"),
            ("iam", "CreateRole"),
            ("sts", "AssumeRole"),
            ("logs", "GetLogEvents"),
            ("cloudwatch", "PutMetricData"),
            ("application-autoscaling", "PutScalingPolicy"),
            ("resourcegroupstaggingapi", "GetResources"),
            ("sagemaker-runtime", "InvokeEndpoint"),
            ("sagemaker-featurestore-runtime", "BatchGetRecord"),
            ("sagemaker-metrics", "BatchPutMetrics"),
        ] {
            assert_eq!(of(service, operation), Some(State::Real), "{service} {operation}");
        }
        assert_eq!(operations("sqs"), []);
    }
}
