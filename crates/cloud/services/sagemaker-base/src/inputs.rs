//! What requests of several kinds name and must exist: roles, images, objects in S3, tags.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::{ContainerPlan, SageMaker, refuse};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::objects::{ObjectError, Objects, parse_s3_uri};
use sagewright_cloud_core::runner::MODEL_MONITOR;
use sagewright_cloud_core::runner::workload::names_script;

/// Tags that a resource can have.
pub const MAX_TAGS: usize = 50;

/// One request cannot ask for any number of instances: each is a process on this machine.
///
/// # Errors
/// AWS's text for a service limit.
pub fn within_limit(limit: u32, kind: &str, usage: &str, count: u64) -> Result<(), ApiError> {
    if count <= u64::from(limit) {
        return Ok(());
    }
    Err(ApiError::new(
        "ResourceLimitExceeded",
        400,
        format!(
            "The account-level service limit '{kind} for {usage}' is {limit} Instances, with current utilization of 0 Instances and a request delta of {count} Instances. The embedded cloud runs each instance as a process on this machine."
        ),
    ))
}

/// Where a path of a container is below `/opt/ml`; `None` where it is not below `/opt/ml/PARENT`, or not plain.
pub fn below_opt_ml(path: &str, parent: &str) -> Option<PathBuf> {
    let below = path.strip_prefix("/opt/ml/")?.trim_matches('/');
    let rest = below.strip_prefix(parent)?;
    let plain = below.split('/').all(|part| !matches!(part, "" | "." | "..")) && !below.contains('\0');
    (plain && !rest.is_empty()).then(|| PathBuf::from(below))
}

impl SageMaker {
    /// The role exists and trusts SageMaker to act for a resource.
    pub async fn check_role(&self, call: &Call, role: Option<&str>, source_arn: &str) -> Result<(), ApiError> {
        let Some(role) = role else { return Ok(()) };
        self.roles().assumable(&call.caller.account, role, source_arn).await.map_err(|why| {
            tracing::debug!(role, why, "a role was refused");
            ApiError::validation(format!(
                "Could not assume role {role}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role."
            ))
        })
    }

    /// The image can be run here. AWS would accept any URI and let the job or endpoint fail; here nothing could ever
    /// run it, so it is refused before anything is made, in the runner's words.
    pub fn check_image(&self, image: &str) -> Result<(), ApiError> {
        if self.env().runner.built_in(image) == Some(MODEL_MONITOR) {
            return Err(refuse::instead(
                &format!("The image {image} of Model Monitor, which neither trains nor serves,"),
                "Run it in a processing job",
            ));
        }
        self.check_processing_image(image)
    }

    /// The same for the image of a processing job.
    ///
    /// # Errors
    /// The same.
    pub fn check_processing_image(&self, image: &str) -> Result<(), ApiError> {
        self.env().runner.check(image).map_err(|e| ApiError::validation(e.to_string()))
    }

    /// The same for an image that is to run a script or a command line of the user's.
    ///
    /// # Errors
    /// The same.
    pub fn check_script_image(&self, image: &str) -> Result<(), ApiError> {
        self.env().runner.check_script(image).map_err(|e| ApiError::validation(e.to_string()))
    }

    /// The same for the image of a container that serves a model, by what its environment names.
    ///
    /// # Errors
    /// The same.
    pub fn check_serving_image(&self, container: &ContainerPlan) -> Result<(), ApiError> {
        if names_script(&container.environment) {
            self.check_script_image(&container.image)
        } else {
            self.check_image(&container.image)
        }
    }

    /// The instances of a request are within the limit.
    pub fn check_instances(&self, kind: &str, usage: &str, count: u64) -> Result<(), ApiError> {
        within_limit(self.inner.execution.instances, kind, usage, count)
    }

    /// Whether at least one object's key starts with the URI's.
    pub async fn any_object(&self, call: &Call, uri: &str) -> Result<bool, ApiError> {
        let Some((bucket, prefix)) = parse_s3_uri(uri) else { return Ok(false) };
        self.objects(call, bucket, prefix, |objects, account, bucket, prefix| objects.any(account, bucket, prefix))
            .await
            .map(|any| any == Some(true))
    }

    /// Whether the object of the URI is there.
    pub async fn object(&self, call: &Call, uri: &str) -> Result<bool, ApiError> {
        let Some((bucket, key)) = parse_s3_uri(uri) else { return Ok(false) };
        self.objects(call, bucket, key, |objects, account, bucket, key| objects.head(account, bucket, key))
            .await
            .map(|found| found.is_some())
    }

    /// Whether the URI's bucket is there and the account's.
    pub async fn bucket(&self, call: &Call, uri: &str) -> Result<bool, ApiError> {
        let Some((bucket, key)) = parse_s3_uri(uri) else { return Ok(false) };
        self.objects(call, bucket, key, |objects, account, bucket, key| objects.any(account, bucket, key))
            .await
            .map(|any| any.is_some())
    }

    /// Asks the embedded S3, on a thread for blocking work.
    async fn objects<T: Send + 'static>(
        &self,
        call: &Call,
        bucket: &str,
        key: &str,
        ask: fn(&dyn Objects, &str, &str, &str) -> Result<T, ObjectError>,
    ) -> Result<Option<T>, ApiError> {
        let objects = Arc::clone(&self.env().objects);
        let (account, bucket, key) = (call.caller.account.clone(), bucket.to_owned(), key.to_owned());
        let asked = tokio::task::spawn_blocking(move || ask(&*objects, &account, &bucket, &key)).await;
        found(asked.map_err(|e| ApiError::internal(e.to_string()))?)
    }
}

/// What is missing or another's counts as absent; a broken disk does not.
fn found<T>(result: Result<T, ObjectError>) -> Result<Option<T>, ApiError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ObjectError::Storage { .. }) => result.map(Some).map_err(|e| ApiError::internal(e.to_string())),
        Err(_) => Ok(None),
    }
}

/// The `Tags` of a request, checked.
pub fn tags(call: &Call) -> Result<Vec<(String, String)>, ApiError> {
    let Some(list) = call.input.get("Tags").and_then(Value::as_array) else { return Ok(Vec::new()) };
    let mut tags: Vec<(String, String)> = Vec::with_capacity(list.len());
    for tag in list {
        let text = |member| tag.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (key, value) = (text("Key"), text("Value"));
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(ApiError::validation("aws: prefixed tag key names are not allowed for external use."));
        }
        if tags.iter().any(|(k, _)| *k == key) {
            return Err(ApiError::validation(format!(
                "Duplicate tag key \"{key}\" in the request. Tag keys must be unique."
            )));
        }
        tags.push((key, value));
    }
    Ok(tags)
}
