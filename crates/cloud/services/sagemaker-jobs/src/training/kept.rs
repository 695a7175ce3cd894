//! Folders of a job that S3 has as well: checkpoints, and what the debugger's hook and TensorBoard write.

use std::path::{Path, PathBuf};

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::refuse;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::job::location::Location;
use crate::job::request::{below_opt_ml, s3};

/// The SDK's folder of checkpoints.
pub(crate) const CHECKPOINTS: &str = "/opt/ml/checkpoints";
/// Where TensorBoard's files are without a `LocalPath`.
const TENSORBOARD: &str = "/opt/ml/output/tensorboard";
/// Where the debugger's hook writes without a `LocalPath`.
const TENSORS: &str = "/opt/ml/output/tensors";

/// A job's processes see a folder of this machine as `/opt/ml` and nothing beside it; what else is below it has its use.
const TAKEN: &[&str] =
    &["code", "home", "input", "model", "output/data", "output/failure", "output/intermediate", "tmp"];

/// A folder that is kept in S3 while the job runs.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub remote: Location,
    /// Below the job's folder.
    pub folder: PathBuf,
    /// What S3 has is there before the program starts.
    pub restored: bool,
    /// A file below `input/config` that tells the program of it.
    pub config: Option<(&'static str, Value)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Checkpoint {
    s3_uri: String,
    local_path: Option<String>,
}

/// What only goes to S3, below a prefix for the job.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Watched {
    #[serde(rename = "S3OutputPath")]
    output: String,
    local_path: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The folders that a request asks for.
///
/// # Errors
/// A folder or a place cannot be used.
pub(super) fn all(
    job: &str,
    checkpoints: Option<Checkpoint>,
    tensorboard: Option<Watched>,
    hook: Option<Watched>,
) -> Result<Vec<Kept>, ApiError> {
    let mut all = Vec::new();
    if let Some(Checkpoint { s3_uri, local_path }) = checkpoints {
        let local = local_path.unwrap_or_else(|| CHECKPOINTS.to_owned());
        let (folder, remote) = (below("CheckpointConfig", &local, CHECKPOINTS)?, s3(&s3_uri)?);
        let config = json!({"S3Uri": remote.uri(), "LocalPath": local});
        all.push(Kept { remote, folder, restored: true, config: Some(("checkpointconfig.json", config)) });
    }
    if let Some(Watched { output, local_path, .. }) = tensorboard {
        let folder = below("TensorBoardOutputConfig", local_path.as_deref().unwrap_or(TENSORBOARD), TENSORBOARD)?;
        let remote = s3(&output)?.join(&format!("{job}/tensorboard-output"));
        all.push(Kept { remote, folder, restored: false, config: None });
    }
    if let Some(Watched { output, local_path, mut rest }) = hook {
        let local = local_path.unwrap_or_else(|| TENSORS.to_owned());
        let (folder, remote) = (below("DebugHookConfig", &local, TENSORS)?, s3(&output)?);
        rest.insert("S3OutputPath".to_owned(), json!(output));
        rest.insert("LocalPath".to_owned(), json!(local));
        let config = Some(("debughookconfig.json", Value::Object(rest)));
        all.push(Kept { remote: remote.join(&format!("{job}/debug-output")), folder, restored: false, config });
    }
    if let Some(twice) = all.iter().enumerate().find_map(|(n, kept)| {
        all.iter()
            .skip(n + 1)
            .find(|other| kept.folder.starts_with(&other.folder) || other.folder.starts_with(&kept.folder))
    }) {
        return Err(ApiError::validation(format!(
            "CheckpointConfig, TensorBoardOutputConfig and DebugHookConfig need a LocalPath of their own each: /opt/ml/{} is, or is inside, another one's.",
            twice.folder.display()
        )));
    }
    Ok(all)
}

fn below(member: &str, local: &str, instead: &str) -> Result<PathBuf, ApiError> {
    let of_its_own = |folder: &PathBuf| {
        let taken = |taken: &&str| folder.starts_with(taken) || Path::new(taken).starts_with(folder);
        !TAKEN.iter().any(taken)
    };
    below_opt_ml(local, "").filter(of_its_own).ok_or_else(|| {
        refuse::instead(
            &format!("{member}.LocalPath {local}"),
            &format!("Use {instead} or another folder of its own below /opt/ml"),
        )
    })
}
