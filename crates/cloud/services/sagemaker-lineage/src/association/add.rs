//! `AddAssociation`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::CommitError;
use sagewright_cloud_sagemaker_base::resource::{required, user};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::{Association, End};
use crate::entity::{find, type_of};

pub async fn add(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Entities are deleted under the same lock.
    let _guard = sm.exclusive().await;
    let (from, source) = find(sm, call, required(call, "SourceArn")?).await?;
    let (to, destination) = find(sm, call, required(call, "DestinationArn")?).await?;
    let of_experiments = |kind: Kind| [Kind::EXPERIMENT, Kind::TRIAL_COMPONENT].contains(&kind);
    if of_experiments(from) && of_experiments(to) {
        return Err(ApiError::validation(format!(
            "An association cannot lead from one experiment entity to another, as from {} to {}.",
            source.arn, destination.arn
        )));
    }
    if source.arn == destination.arn {
        return Err(ApiError::validation(format!("{} cannot be associated with itself.", source.arn)));
    }
    let association = Association {
        source: End { arn: source.arn.clone(), kind: type_of(from, &source) },
        destination: End { arn: destination.arn.clone(), kind: type_of(to, &destination) },
        kind: call.text("AssociationType").map(str::to_owned),
        by: Some(user(call)),
    };
    let batch = association.writes(&call.caller.account, &call.region, call.now.as_millisecond());
    match sm.env().store.commit(batch).await {
        Ok(()) => Ok(json!({ "SourceArn": source.arn, "DestinationArn": destination.arn })),
        Err(CommitError::Conflict(_)) => Err(ApiError::validation(format!(
            "An association from {} to {} already exists.",
            source.arn, destination.arn
        ))),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
