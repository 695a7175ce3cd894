//! `CreateImageVersion`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::recorded::life;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, body, next_version};
use serde_json::{Value, json};

use super::{free, image, kind, versions};

/// The next version of an image.
pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (images, kind) = (kind("Image")?, kind("ImageVersion")?);
    // Aliases are looked at and given under one lock.
    let _guard = sm.registry().await;
    let image = image(sm, call).await?;
    let others = versions(sm, &image.key).await?;
    let token = call.text("ClientToken");
    if let Some(made) = others.iter().find(|v| token.is_some() && v.body[HIDDEN]["token"].as_str() == token) {
        return Ok(json!({ "ImageVersionArn": made.arn }));
    }
    free(&others, call.input.get("Aliases"), &Value::Null)?;
    let status = kind.0.status.map_or("", |life| life.created);
    let created = sm
        .change_with(images, &image.key, |image, batch| {
            if image.status == "DELETING" {
                return Err(ApiError::in_use(format!("The image {} is being deleted.", image.arn)));
            }
            let next = next_version(image)?;
            let mut stored = body(call, &["ClientToken"]);
            stored.insert("Version".to_owned(), json!(next));
            stored.insert("ImageArn".to_owned(), json!(image.arn));
            stored.insert(HIDDEN.to_owned(), json!({ "token": token }));
            let version = SageMaker::record(call, kind, &format!("{}/{next}", image.key.name), status, stored);
            let arn = version.arn.clone();
            batch.extend(sm.news(kind, &version, status));
            batch.extend(life::timer(kind, &version, version.created));
            batch.push(Write::Insert(version));
            Ok(arn)
        })
        .await?;
    let arn = created.ok_or_else(|| images.missing(&image.arn))?;
    Ok(json!({ "ImageVersionArn": arn }))
}
