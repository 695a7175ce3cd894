//! Where the data of an execution's window is.

use std::sync::Arc;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::objects::{ObjectError, Objects, parse_s3_uri};
use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::{EndpointKey, SageMaker};

use super::request::{Data, Job};
use super::{State, window};

/// Where the data of a job is. The inner error is a `FailureReason`.
pub(super) async fn find(sm: &SageMaker, key: &Key, state: &State, job: Job) -> Result<Result<Data, String>, ApiError> {
    let name = state.plan.endpoint_name().unwrap_or_default();
    let endpoint = Key::new(&key.account, &key.region, Kind::ENDPOINT.as_str(), &name.to_ascii_lowercase());
    let Some(record) = sm.env().store.record(&endpoint).await? else {
        return Ok(Err(format!("Could not find endpoint \"{name}\".")));
    };
    let Some(uri) = record.body["DataCaptureConfig"]["DestinationS3Uri"].as_str() else {
        return Ok(Err(format!(
            "The endpoint \"{name}\" captures no data. Update it to an endpoint configuration with a DataCaptureConfig."
        )));
    };
    let name = record.body["EndpointName"].as_str().unwrap_or(name).to_owned();
    let captured = format!("{}/{name}", uri.trim_end_matches('/'));
    // What was captured until now is about to be looked at.
    let flushed = EndpointKey { account: key.account.clone(), region: key.region.clone(), name };
    sm.execution().host.flush(&flushed).await;
    let look = Look { objects: Arc::clone(&sm.env().objects), account: key.account.clone() };
    let state = state.clone();
    let found = tokio::task::spawn_blocking(move || look.find(&state, job, captured)).await;
    match found.map_err(|error| ApiError::internal(error.to_string()))? {
        Err(error @ ObjectError::Storage { .. }) => Err(ApiError::internal(error.to_string())),
        Err(error) => Ok(Err(format!("ClientError: Failed to look for the data to analyse. {error}"))),
        Ok(data) => Ok(Ok(data)),
    }
}

/// Looks into S3 as an account. Blocks.
struct Look {
    objects: Arc<dyn Objects>,
    account: String,
}

impl Look {
    fn find(&self, state: &State, job: Job, captured: String) -> Result<Data, ObjectError> {
        // Of what was captured only that is analysed which was merged: where no record of an hour has ground truth there is nothing.
        let source = if job == Job::Analyse && state.merges() { state.merged() } else { captured };
        let hours = window::hours(state.window);
        let mut data = Data { source, ..Data::default() };
        // Of every variant that the endpoint had, though an update may have removed it. Folders of one follow each other.
        for variant in self.folders(&data.source)? {
            for hour in &hours {
                if self.any(&format!("{}/{variant}/{hour}/", data.source))? {
                    data.found.push((variant.clone(), hour.clone()));
                }
            }
        }
        if let Some(truth) = state.plan.truth.as_ref().filter(|_| job == Job::Merge) {
            for hour in window::hours(state.truths()) {
                if self.any(&format!("{}/{hour}/", truth.trim_end_matches('/')))? {
                    data.truths.push(hour);
                }
            }
        }
        Ok(data)
    }

    fn any(&self, folder: &str) -> Result<bool, ObjectError> {
        parse_s3_uri(folder).map_or(Ok(false), |(bucket, prefix)| self.objects.any(&self.account, bucket, prefix))
    }

    fn folders(&self, of: &str) -> Result<Vec<String>, ObjectError> {
        let uri = format!("{of}/");
        parse_s3_uri(&uri)
            .map_or(Ok(Vec::new()), |(bucket, prefix)| self.objects.folders(&self.account, bucket, prefix))
    }
}
