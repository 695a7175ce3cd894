//! `UpdatePipeline`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, CommitError, Record, Versioned, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, body, fields, hidden, user};
use serde_json::{Value, json};

use super::create::ELSEWHERE;
use super::{alias, version};

/// Another definition is a new version; the same one is none.
pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = version::named(call)?;
    if sm.env().store.shared(&key).await?.is_none() {
        return Err(Kind::PIPELINE.missing(&arn));
    }
    let definition = super::given(sm, call).await?;
    sm.check_role(call, call.text("RoleArn"), &arn).await?;
    let aliases = alias::given(call.input.get("PipelineVersionAliases"));
    let given = body(call, &[ELSEWHERE, &["PipelineName"]].concat());
    let now = call.now.as_millisecond();
    loop {
        let found = sm.env().store.get(&key).await?.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
        let mut record = found.record;
        let mut number = version::latest(&record);
        let mut batch = Batch::new();
        match &definition {
            Some(definition) if !is_same(definition, &version::find(sm, &record, None).await?) => {
                number += 1;
                batch.push(version::insert(&key, number, definition, now));
                alias::change(&mut record, number, &aliases, &[])?;
            }
            _ if !aliases.is_empty() => {
                return Err(ApiError::validation(
                    "PipelineVersionAliases can be given only when the pipeline definition changes. To change the aliases of an existing version, use UpdatePipelineVersion.",
                ));
            }
            _ => {}
        }
        record.modified = now;
        let stored = fields(&mut record)?;
        stored.extend(given.clone());
        stored.insert("LastModifiedBy".to_owned(), user(call));
        hidden(stored).insert("version".to_owned(), json!(number));
        batch.insert(0, Write::Replace(Versioned { record, version: found.version }));
        match sm.env().store.commit(batch).await {
            Ok(()) => return Ok(json!({ "PipelineArn": arn, "PipelineVersionId": number })),
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Whether a definition says what a version says. Spaces and the order of members say nothing.
fn is_same(definition: &str, version: &Record) -> bool {
    let stored = version.body["PipelineDefinition"].as_str().unwrap_or_default();
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    stored == definition || (parse(stored).is_some() && parse(stored) == parse(definition))
}
