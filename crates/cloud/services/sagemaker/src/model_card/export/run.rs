//! An export job at work.

use std::sync::Arc;

use sagewright_cloud_core::objects::{ObjectError, parse_s3_uri, put_bytes};
use sagewright_cloud_core::records::{CommitError, Fault, Key, Record, StoreError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::cut;
use serde_json::json;

use crate::model_card::{VERSION, content, id, latest, pdf, version};

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// S3 does not take it.
    #[error(transparent)]
    S3(#[from] ObjectError),
    /// The card was deleted.
    #[error("Version {1} of the model card {0} is not there any more")]
    Gone(String, i64),
    /// This program failed.
    #[error("the PDF was not written: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Writes the PDF of a job and ends the job. A process that dies in between is followed by one that writes the same object again.
/// `card` is the card's id.
pub async fn run(sm: &SageMaker, key: &Key, card: &str, cancel: Write) -> Result<(), CommitError> {
    let store = &sm.env().store;
    let Some(mut found) = store.get(key).await?.filter(|found| found.record.status == "InProgress") else {
        return store.commit(vec![cancel]).await;
    };
    let job = &mut found.record;
    let outcome = match exported(sm, card, job).await? {
        Ok(version) => export(sm, job, version).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(uri) => {
            "Completed".clone_into(&mut job.status);
            job.body["ExportArtifacts"] = json!({ "S3ExportArtifacts": uri });
        }
        // The timer is tried again.
        Err(ExportError::S3(error)) if error.may_pass() => {
            let (verb, source) = ("written", Box::new(error));
            return Err(CommitError::Store(StoreError::Database { verb, fault: Fault::Other, source }));
        }
        Err(error) => {
            "Failed".clone_into(&mut job.status);
            job.body["FailureReason"] = json!(cut(&error.to_string()));
        }
    }
    job.modified = sm.now();
    let mut batch = vec![cancel];
    batch.extend(sm.news(Kind::MODEL_CARD_EXPORT_JOB, job, &job.status));
    batch.push(Write::Replace(found));
    store.commit(batch).await
}

/// The version that a job is about.
async fn exported(sm: &SageMaker, card: &str, job: &Record) -> Result<Result<Record, ExportError>, StoreError> {
    let (store, number) = (&sm.env().store, job.body["ModelCardVersion"].as_i64().unwrap_or_default());
    let key = |kind: Kind, name: &str| Key::new(&job.key.account, &job.key.region, kind.as_str(), name);
    if let Some(version) = store.record(&key(VERSION, &format!("{card}/{number}"))).await? {
        return Ok(Ok(version));
    }
    // A card that was recorded before versions were kept has its latest one alone.
    let name = job.body["ModelCardName"].as_str().unwrap_or_default();
    let found = store.record(&key(Kind::MODEL_CARD, &name.to_ascii_lowercase())).await?;
    let found = found.filter(|found| id(found) == card && latest(found) == number);
    Ok(found.map(|found| version(&found, found.modified)).ok_or_else(|| ExportError::Gone(name.to_owned(), number)))
}

/// Where the PDF of a job goes: below the output path, as `<card>-<version>-<time>.pdf`.
pub fn uri(path: &str, version: &Record, created: i64) -> String {
    let name = version.body["ModelCardName"].as_str().unwrap_or_default();
    format!("{}/{name}-{}-{created}.pdf", path.trim_end_matches('/'), version.body["ModelCardVersion"])
}

/// Puts the PDF where it belongs.
async fn export(sm: &SageMaker, job: &Record, version: Record) -> Result<String, ExportError> {
    let path = job.body["OutputConfig"]["S3OutputPath"].as_str().unwrap_or_default();
    let uri = uri(path, &version, job.created);
    let (objects, folder) = (Arc::clone(&sm.env().objects), sm.env().work.join("model-cards"));
    let (account, put) = (job.key.account.clone(), uri.clone());
    let written = tokio::task::spawn_blocking(move || {
        let place = parse_s3_uri(&put).unwrap_or_default();
        put_bytes(&*objects, &folder, &account, place, &document(&version)).map(drop)
    });
    written.await??;
    Ok(uri)
}

fn document(version: &Record) -> Vec<u8> {
    let text = |member: &str| version.body[member].as_str().unwrap_or_default();
    let sections = content::check("Content", text("Content")).unwrap_or_default();
    let facts = [
        ("Version", version.body["ModelCardVersion"].to_string()),
        ("Status", text("ModelCardStatus").to_owned()),
        ("ARN", version.arn.clone()),
        ("Created", jiff::Timestamp::from_millisecond(version.created).unwrap_or_default().to_string()),
    ];
    pdf::document(&pdf::lines(text("ModelCardName"), &facts, &sections))
}
