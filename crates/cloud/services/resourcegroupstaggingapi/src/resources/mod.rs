//! Resources with their tags.

pub(super) mod get;
pub(super) mod tag;
pub(super) mod untag;

use serde_json::{Map, Value, json};

use super::owner::{Change, Owner};
use super::{Tagging, arns};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_model::{Arn, service, validate};

/// Makes a change to all resources of the input, each through its service; what failed is told of each by itself.
async fn change(tagging: &Tagging, call: &Call, change: Change<'_>) -> Result<Value, ApiError> {
    let mut failed = Map::new();
    for (text, arn) in arns(call)? {
        if let Err(error) = change_one(tagging, call, text, &arn, change).await {
            let info = json!({"StatusCode": error.status, "ErrorCode": error.code, "ErrorMessage": error.message});
            failed.insert(text.to_owned(), info);
        }
    }
    Ok(json!({"FailedResourcesMap": failed}))
}

async fn change_one(tagging: &Tagging, call: &Call, text: &str, arn: &Arn, change: Change<'_>) -> Result<(), ApiError> {
    let owner = Owner::of(arn).and_then(|owner| Some((owner, tagging.services.get(owner.service)?)));
    let Some((owner, handler)) = owner else {
        return Err(ApiError::new(
            "NotImplemented",
            501,
            format!(
                "Tags of {text} are not supported by the embedded cloud; use a real AWS account for them (unset AWS_ENDPOINT_URL)"
            ),
        ));
    };
    if !owner.meets(call, arn) {
        return Err(super::invalid(format!(
            "{text} is not a resource of account {} in {}. Call in the account and region of the resource; what has no region is tagged in the first region of its partition.",
            call.caller.account, call.region
        )));
    }
    let (operation, input) = owner.request(text, change);
    let missing = || ApiError::internal(format!("the model of {} has no {operation}", owner.service));
    let model = service(owner.service).ok_or_else(missing)?;
    let shape = model.input(operation).ok_or_else(missing)?;
    validate(model, shape, &input).map_err(|invalid| ApiError::new(invalid.code(), 400, invalid.to_string()))?;
    let own = Call {
        caller: call.caller.clone(),
        region: call.region.clone(),
        service: model,
        operation: model.operation(operation).ok_or_else(missing)?,
        input,
        now: call.now,
        wall: call.wall,
        request_id: call.request_id.clone(),
        payload: call.payload.clone(),
    };
    handler.call(own).await.map(drop)
}
