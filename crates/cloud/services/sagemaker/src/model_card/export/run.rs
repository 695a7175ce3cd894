//! An export job at work.

use std::sync::Arc;

use sagewright_cloud_core::objects::{ObjectError, parse_s3_uri};
use sagewright_cloud_core::records::{CommitError, Fault, Key, Record, StoreError, Write};
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::cut;
use serde_json::json;

use crate::model_card::{content, pdf};

/// Writes the PDF of a job and ends the job. A process that dies in between is followed by one that writes the same object again.
pub async fn run(sm: &SageMaker, key: &Key, version: impl Fn(&str) -> Key, cancel: Write) -> Result<(), CommitError> {
    let store = &sm.env().store;
    let Some(mut found) = store.get(key).await?.filter(|found| found.record.status == "InProgress") else {
        return store.commit(vec![cancel]).await;
    };
    let job = &mut found.record;
    let version = version(&job.body["ModelCardVersion"].to_string());
    let outcome = match store.record(&version).await? {
        Some(version) => export(sm, job, &version).await,
        None => Err(ObjectError::NoSuchKey { bucket: "model-card".to_owned(), key: version.name }),
    };
    match outcome {
        Ok(uri) => {
            "Completed".clone_into(&mut job.status);
            job.body["ExportArtifacts"] = json!({ "S3ExportArtifacts": uri });
        }
        // A disk that is full may have room again: the timer is tried again.
        Err(error @ ObjectError::Storage { .. }) => {
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

/// Puts the PDF below the output path, as `<card>-<version>-<time>.pdf`.
async fn export(sm: &SageMaker, job: &Record, version: &Record) -> Result<String, ObjectError> {
    let text = |record: &Record, member: &str| record.body[member].as_str().unwrap_or_default().to_owned();
    let name = text(version, "ModelCardName");
    let number = version.body["ModelCardVersion"].to_string();
    let path = job.body["OutputConfig"]["S3OutputPath"].as_str().unwrap_or_default().trim_end_matches('/');
    let uri = format!("{path}/{name}-{number}-{}.pdf", job.created);
    let sections = content::check("Content", &text(version, "Content")).unwrap_or_default();
    let facts = [
        ("Version", number),
        ("Status", text(version, "ModelCardStatus")),
        ("ARN", version.arn.clone()),
        ("Created", jiff::Timestamp::from_millisecond(version.created).unwrap_or_default().to_string()),
    ];
    let bytes = pdf::document(&pdf::lines(&name, &facts, &sections));
    let (objects, folder) = (Arc::clone(&sm.env().objects), sm.env().work.join("model-cards"));
    let account = job.key.account.clone();
    let put = uri.clone();
    let written = tokio::task::spawn_blocking(move || {
        let (bucket, key) = parse_s3_uri(&put).unwrap_or_default();
        let broken = |why: String| ObjectError::Storage { bucket: bucket.to_owned(), key: key.to_owned(), why };
        let path = work::new(&folder);
        let done = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, bytes));
        let done = done.map_err(|error| broken(format!("{}: {error}", path.display())));
        let done = done.and_then(|()| objects.put_file(&account, bucket, key, &path));
        // Where it was not moved.
        drop(std::fs::remove_file(&path));
        done.map(drop)
    });
    let broken = |error: tokio::task::JoinError| ObjectError::Storage {
        bucket: String::new(),
        key: uri.clone(),
        why: error.to_string(),
    };
    written.await.map_err(broken)??;
    Ok(uri)
}
