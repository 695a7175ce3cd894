//! Versions of images. Requests name one by its number, by an alias, or not at all: the latest is meant then.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod update;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Key, Order, Query, Record};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::recorded::{self, rows};
use sagewright_cloud_sagemaker_base::resource::{Kind, locate, required};
use serde_json::{Value, json};

fn kind(noun: &str) -> Result<Kind, ApiError> {
    let row = rows::recorded().find(|row| row.noun == noun);
    row.map(Kind).ok_or_else(|| ApiError::internal(format!("no row for {noun}")))
}

/// The image that a call names.
async fn image(sm: &SageMaker, call: &Call) -> Result<Record, ApiError> {
    sm.find(call, kind("Image")?, required(call, "ImageName")?).await
}

/// The versions of an image, latest first.
async fn versions(sm: &SageMaker, image: &Key) -> Result<Vec<Record>, ApiError> {
    let query = Query {
        filters: vec![Filter::NameStarts(format!("{}/", image.name))],
        order: Order::Name,
        numbered: true,
        descending: true,
        ..Query::all(&image.account, &image.region, kind("ImageVersion")?.as_str())
    };
    Ok(sm.env().store.find(query).await?.into_iter().map(|found| found.record).collect())
}

fn aliases(version: &Record) -> impl Iterator<Item = &str> {
    version.body["Aliases"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The call with the number of the version that it names.
async fn numbered(sm: &SageMaker, call: &Call) -> Result<Call, ApiError> {
    let image = image(sm, call).await?;
    let number = match (call.input.get("Version").filter(|v| !v.is_null()), call.text("Alias")) {
        (Some(number), _) => number.clone(),
        (None, alias) => {
            let versions = versions(sm, &image.key).await?;
            let found = versions.iter().find(|version| alias.is_none_or(|alias| aliases(version).any(|a| a == alias)));
            let which = alias.map_or_else(|| "a version".to_owned(), |alias| format!("the alias {alias}"));
            let missing = || ApiError::not_found(format!("The image {} does not have {which}.", image.arn));
            found.ok_or_else(missing)?.body["Version"].clone()
        }
    };
    let mut input = call.input.clone();
    input["Version"] = number;
    Ok(Call {
        caller: call.caller.clone(),
        region: call.region.clone(),
        service: call.service,
        operation: call.operation,
        input,
        now: call.now,
        wall: call.wall,
        request_id: call.request_id.clone(),
        payload: call.payload.clone(),
    })
}

/// `DescribeImageVersion`
pub(super) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    recorded::describe::describe(sm, &numbered(sm, call).await?, kind("ImageVersion")?).await
}

/// Refuses aliases that another version of the image has.
fn free(versions: &[Record], wanted: Option<&Value>, own: &Value) -> Result<(), ApiError> {
    for alias in wanted.and_then(Value::as_array).into_iter().flatten() {
        let other = |version: &&Record| version.body["Version"] != *own && aliases(version).any(|a| json!(a) == *alias);
        if let Some(version) = versions.iter().find(other) {
            return Err(ApiError::in_use(format!("The alias {alias} is that of {}.", version.arn)));
        }
    }
    Ok(())
}

/// Key of a version's image.
fn image_key(call: &Call, name: &str) -> Result<Key, ApiError> {
    locate(call, kind("Image")?, name).map(|(key, _)| key)
}
