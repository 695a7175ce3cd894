//! `BatchGetRecord`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use serde_json::{Value, json};

use super::find;
use crate::group::Group;

/// Bytes of records in one answer; what is beyond is answered as unprocessed.
const LONGEST: i64 = 16 * 1024 * 1024;

pub async fn get(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (mut records, mut errors, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let mut size = 0;
    for asked in call.input["Identifiers"].as_array().into_iter().flatten() {
        let name = &asked["FeatureGroupName"];
        let identifiers = || asked["RecordIdentifiersValueAsString"].as_array().into_iter().flatten();
        let group = match group(sm, call, asked).await {
            Ok(group) => group,
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => {
                errors.extend(identifiers().map(|identifier| {
                    json!({
                        "FeatureGroupName": name, "RecordIdentifierValueAsString": identifier,
                        "ErrorCode": error.code, "ErrorMessage": error.message,
                    })
                }));
                continue;
            }
        };
        let mut rest: Vec<&Value> = Vec::new();
        for identifier in identifiers() {
            if size >= LONGEST {
                rest.push(identifier);
                continue;
            }
            let text = identifier.as_str().unwrap_or_default();
            let Some(stored) = find(sm, &group, text, call.now.as_millisecond()).await? else { continue };
            size += stored.size();
            let mut shown = stored.show(&asked["FeatureNames"], &call.input["ExpirationTimeResponse"]);
            shown["FeatureGroupName"] = name.clone();
            shown["RecordIdentifierValueAsString"] = identifier.clone();
            records.push(shown);
        }
        if !rest.is_empty() {
            let mut again = asked.clone();
            again["RecordIdentifiersValueAsString"] = json!(rest);
            left.push(again);
        }
    }
    Ok(json!({ "Records": records, "Errors": errors, "UnprocessedIdentifiers": left }))
}

async fn group(sm: &SageMaker, call: &Call, asked: &Value) -> Result<Group, ApiError> {
    let group = Group::of(sm, call, asked["FeatureGroupName"].as_str().unwrap_or_default()).await?;
    group.online()?;
    group.check_names(&asked["FeatureNames"])?;
    Ok(group)
}
