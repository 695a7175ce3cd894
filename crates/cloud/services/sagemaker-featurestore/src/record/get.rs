//! `GetRecord`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::find;
use crate::group::Group;

/// The latest record; nothing where there is none.
pub async fn get(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let group = Group::of(sm, call, required(call, "FeatureGroupName")?).await?;
    group.online()?;
    let names = &call.input["FeatureNames"];
    group.check_names(names)?;
    let identifier = required(call, "RecordIdentifierValueAsString")?;
    let found = find(sm, &group, identifier, call.now.as_millisecond()).await?;
    Ok(found.map_or_else(|| json!({}), |stored| stored.show(names, &call.input["ExpirationTimeResponse"])))
}
