//! Plain requests to the API server, for commands that work on more than one object.

use kube::api::{ListParams, Patch, PatchParams, PostParams, Request};
use serde_json::Value;

use super::Cluster;
use crate::api::{Api, ApiError, MANAGER, PAGE, Raw};

/// A request that had no success.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct RequestError {
    /// What was asked: `read /apis/apps/v1/deployments`.
    what: String,
    source: ApiError,
}

impl RequestError {
    /// Whether the object has changed since it was read, or is there already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.source.is_conflict()
    }

    /// Whether it is for want of rights.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.source.code == 403
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self.source.code {
            0 => "check the address of the kubeconfig's context, and whether the API server is there",
            403 => {
                "`kubectl auth can-i --list` shows what you may do; the command needs the rights of whoever installs controllers"
            }
            409 => "somebody else changed it meanwhile: run the command again",
            _ => "run the command again; it goes on where it was",
        }
    }
}

impl Cluster {
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// What is at a path of the API; nothing where there is nothing.
    ///
    /// # Errors
    /// The API server does not answer, or refuses.
    pub async fn read(&self, path: &str) -> Result<Option<Value>, RequestError> {
        self.api.path(path).await.map_err(|source| RequestError { what: format!("read {path}"), source })
    }

    /// All objects of a collection, page by page; none where the cluster does not have it. With a selector only those with its
    /// labels.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn all(&self, path: &str, labels: Option<&str>) -> Result<Vec<Value>, RequestError> {
        let failed = |source| RequestError { what: format!("list {path}"), source };
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = labels.filter(|labels| !labels.is_empty()).map(str::to_owned);
        let mut all = Vec::new();
        loop {
            let request = Request::new(path).list(&params);
            let Some(page) = self.api.sent(request).await.map_err(failed)? else { return Ok(all) };
            let next = page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().to_owned();
            all.extend(page.get("items").and_then(Value::as_array).into_iter().flatten().cloned());
            if next.is_empty() {
                return Ok(all);
            }
            params.continue_token = Some(next);
        }
    }

    /// Changes the object `name` of a collection by a merge patch.
    ///
    /// # Errors
    /// As [`Self::read`], or there is no such object.
    pub async fn patch(&self, path: &str, name: &str, patch: &Value) -> Result<Value, RequestError> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let request = Request::new(path).patch(name, &params, &Patch::Merge(patch));
        self.write("change", path, name, request).await
    }

    /// Replaces the object `name` of a collection, if it is still what was read.
    ///
    /// # Errors
    /// As [`Self::patch`].
    pub async fn replace(&self, path: &str, name: &str, object: &Value) -> Result<Value, RequestError> {
        let request = Request::new(path).replace(name, &by_us(), object.to_string().into_bytes());
        self.write("replace", path, name, request).await
    }

    /// Creates an object in a collection.
    ///
    /// # Errors
    /// As [`Self::read`], or it is there already.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, RequestError> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let request = Request::new(path).create(&by_us(), object.to_string().into_bytes());
        self.write("create", path, name, request).await
    }

    async fn write(&self, verb: &str, path: &str, name: &str, request: Raw) -> Result<Value, RequestError> {
        let failed = |source| RequestError { what: format!("{verb} {path}/{name}"), source };
        let missing = || failed(ApiError::new(404, "there is no such object"));
        self.api.sent(request).await.map_err(failed)?.ok_or_else(missing)
    }
}

fn by_us() -> PostParams {
    PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }
}
