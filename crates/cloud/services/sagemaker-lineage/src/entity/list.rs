//! `ListArtifacts`, `ListActions`, `ListContexts`.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Map, Value, json};

use super::artifact_prefix;

pub async fn artifacts(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // An index has them.
    let of_source = call.text("SourceUri").map(|uri| Filter::NameStarts(artifact_prefix(uri)));
    list(sm, call, Kind::ARTIFACT, of_source).await
}

pub async fn actions(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    list(sm, call, Kind::ACTION, None).await
}

pub async fn contexts(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    list(sm, call, Kind::CONTEXT, None).await
}

async fn list(sm: &SageMaker, call: &Call, kind: Kind, index: Option<Filter>) -> Result<Value, ApiError> {
    let noun = kind.0.noun;
    let mut filters: Vec<Filter> = index.into_iter().collect();
    let own = format!("{noun}Type");
    for (member, path) in [("SourceUri", "Source.SourceUri"), (&*own, &*own)] {
        filters.extend(call.text(member).map(|value| Filter::Member(path.to_owned(), value.to_owned())));
    }
    let (arn, name) = (kind.arn_member(), format!("{noun}Name"));
    let summary = [&*arn, &*name, "Source", &*own, "Status", "CreationTime", "LastModifiedTime"];
    let listing = Listing { kind, result: "", summary: &[], descending: true, filters };
    let (records, next) = listing::page(sm, call, &listing).await?;
    let items = records.into_iter().map(|record| {
        let mut shown = resource::describe(kind, record);
        if kind == Kind::ACTION {
            shown.entry("Status").or_insert_with(|| json!("Unknown"));
        }
        resource::pick(shown, &summary)
    });
    let mut out = Map::from_iter([(format!("{noun}Summaries"), items.collect())]);
    out.extend(next.map(|token| ("NextToken".to_owned(), Value::String(token))));
    Ok(Value::Object(out))
}
