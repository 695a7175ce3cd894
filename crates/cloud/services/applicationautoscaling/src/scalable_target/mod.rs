//! Scalable targets.

pub(super) mod deregister;
pub(super) mod describe;
pub(super) mod register;

use serde_json::{Value, json};

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_core::scaling::Scalable;

use crate::kept::{Held, Target, target_key};
use crate::resource::{NAMESPACE, told};
use crate::{AutoScaling, missing, seconds};

/// The service-linked role, which scales SageMaker's endpoints whatever role a request names.
pub(crate) fn role_arn(partition: &str, account: &str) -> String {
    format!(
        "arn:{partition}:iam::{account}:role/aws-service-role/{NAMESPACE}.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )
}

/// The target that a request needs.
pub(crate) async fn registered(autoscaling: &AutoScaling, of: &Scalable) -> Result<Held<Target>, ApiError> {
    let held = autoscaling.held::<Target>(&target_key(of)).await?;
    held.ok_or_else(|| missing(format!("No scalable target registered for {}", told(of))))
}

impl Target {
    /// As the API shows it.
    fn shown(&self, record: &Record) -> Value {
        let partition = record.arn.split(':').nth(1).unwrap_or("aws");
        json!({
            "ServiceNamespace": NAMESPACE,
            "ResourceId": self.resource,
            "ScalableDimension": self.dimension,
            "MinCapacity": self.bounds.min,
            "MaxCapacity": self.bounds.max,
            "RoleARN": role_arn(partition, &record.key.account),
            "CreationTime": seconds(record.created),
            "SuspendedState": self.suspended,
            "ScalableTargetARN": record.arn,
        })
    }
}
