//! `UpdateEndpointWeightsAndCapacities`

use serde_json::{Value, json};

use super::plan::{Deployment, Deployments};
use super::{KIND, changeable, deploy, deployments};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, arn, fields, key, required};

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "EndpointName")?;
    let key = key(call, KIND, name);
    let wanted = call.input.get("DesiredWeightsAndCapacities").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let updated = sm
        .change(KIND, &key, |record| {
            changeable(record)?;
            let Deployments { current, down, epoch, .. } = deployments(record)?;
            let epoch = epoch + 1;
            let Some(current) = current else { return Err(super::in_progress(record)) };
            let mut next = current.clone();
            next.started = call.now.as_millisecond();
            apply(sm, &mut next, wanted)?;
            let weights_only = current.same_servers(&next);
            record.status = "Updating".to_owned();
            record.modified = next.started;
            let stored = fields(record)?;
            stored.swap_remove("FailureReason");
            stored.insert(
                HIDDEN.to_owned(),
                json!(Deployments { current: Some(current), next: Some(next), epoch, weights_only, down }),
            );
            Ok((record.arn.clone(), epoch))
        })
        .await?;
    let (arn, epoch) = updated.ok_or_else(|| KIND.missing(&arn(call, KIND, name)))?;
    deploy::launch(sm, key, epoch);
    Ok(json!({ "EndpointArn": arn }))
}

fn apply(sm: &SageMaker, next: &mut Deployment, wanted: &[Value]) -> Result<(), ApiError> {
    let mut seen: Vec<&str> = Vec::new();
    for wish in wanted {
        let name = wish["VariantName"].as_str().unwrap_or_default();
        if seen.contains(&name) {
            return Err(ApiError::validation(format!(
                "The variant name \"{name}\" was non-unique within the request."
            )));
        }
        seen.push(name);
        let config = next.config.clone();
        let Some(variant) = next.variant(name) else {
            return Err(ApiError::validation(format!(
                "The variant name(s) \"{name}\" is/are not present within endpoint configuration \"{config}\"."
            )));
        };
        if let Some(weight) = wish["DesiredWeight"].as_f64() {
            variant.weight = weight;
        }
        if let Some(count) = wish["DesiredInstanceCount"].as_u64() {
            if variant.serverless.is_some() || count == 0 {
                return Err(ApiError::validation(format!(
                    "DesiredInstanceCount {count} is not valid for the variant \"{name}\": it must be at least 1, and is not for serverless variants."
                )));
            }
            sm.check_instances(variant.instance_type.as_deref().unwrap_or_default(), "endpoint usage", count)?;
            variant.instances = u32::try_from(count).ok();
        }
        if let Some(Value::Object(update)) = wish.get("ServerlessUpdateConfig") {
            let Some(Value::Object(serverless)) = &mut variant.serverless else {
                return Err(ApiError::validation(format!(
                    "ServerlessUpdateConfig can not be set for the variant \"{name}\", which is not serverless."
                )));
            };
            serverless.extend(update.clone());
        }
    }
    if next.variants.iter().all(|v| v.weight == 0.0) {
        return Err(ApiError::validation(
            "At least one production variant must have a DesiredWeight greater than zero.",
        ));
    }
    Ok(())
}
