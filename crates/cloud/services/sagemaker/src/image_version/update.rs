//! `UpdateImageVersion`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{arn, body, fields, key, required};
use serde_json::{Value, json};

use super::{free, image_key, kind, numbered, versions};

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let kind = kind("ImageVersion")?;
    let _guard = sm.registry().await;
    let call = numbered(sm, call).await?;
    let image = image_key(&call, required(&call, "ImageName")?)?;
    let (added, deleted) = (list(&call, "AliasesToAdd"), list(&call, "AliasesToDelete"));
    free(&versions(sm, &image).await?, Some(&json!(added)), &call.input["Version"])?;
    let given = body(&call, &["ImageName", "Version", "Alias", "AliasesToAdd", "AliasesToDelete"]);
    let name = format!("{}/{}", image.name, call.input["Version"]);
    let changed = sm
        .change(kind, &key(&call, kind, &name), |record| {
            if record.status != "CREATED" {
                return Err(ApiError::in_use(format!("{} cannot be updated in status {}.", record.arn, record.status)));
            }
            record.modified = call.now.as_millisecond();
            let stored = fields(record)?;
            stored.extend(given.clone());
            let mut aliases = stored.get("Aliases").and_then(Value::as_array).cloned().unwrap_or_default();
            aliases.retain(|alias| !deleted.contains(alias));
            aliases.extend(added.iter().filter(|alias| !aliases.contains(alias)).cloned().collect::<Vec<_>>());
            stored.insert("Aliases".to_owned(), json!(aliases));
            Ok(record.arn.clone())
        })
        .await?;
    let arn = changed.ok_or_else(|| kind.missing(&arn(&call, kind, &name)))?;
    Ok(json!({ "ImageVersionArn": arn }))
}

fn list(call: &Call, member: &str) -> Vec<Value> {
    call.input.get(member).and_then(Value::as_array).cloned().unwrap_or_default()
}
