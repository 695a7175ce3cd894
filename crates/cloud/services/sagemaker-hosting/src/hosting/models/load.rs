//! From S3 into the container.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri};
use serde_json::json;
use tokio::sync::oneshot;

use super::{LONGEST_ANSWER, Model, Models, NoModel, Source, request};
use crate::hosting::errors;
use crate::hosting::pool::{Incoming, SendError};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_transfer::unpack::{UnpackError, unpack};

/// How long a model may take until it is loaded (developer guide, "Invoke a Multi-Model Endpoint").
const LOADING: Duration = Duration::from_secs(360);

impl Models {
    pub(super) async fn load(self: Arc<Self>, model: Arc<Model>) {
        let late = self.source.clock.sleep(LOADING);
        let outcome = tokio::select! {
            biased;
            outcome = self.bring(&model) => outcome,
            () = late => Err(NoModel::Error(errors::not_ready(&model.target))),
        };
        if outcome.is_err() {
            self.forget(&model);
        }
        model.loaded.send_replace(Some(outcome));
    }

    /// Fetches a model and has the container load it; others make room where there is none.
    async fn bring(self: &Arc<Self>, model: &Arc<Model>) -> Result<(), NoModel> {
        let Source { endpoint, container, .. } = &self.source;
        let bytes = self.fetch(model).await?;
        let root = self.admit(model, bytes)?;
        let url = root.join("models").join(&model.name).join("model");
        let body = Bytes::from(json!({ "model_name": model.name, "url": url }).to_string());
        loop {
            let (status, text) = match self.post(model, body.clone()).await {
                Ok(answer) => (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()),
                Err(SendError::Refused) => return Err(NoModel::Refused),
                Err(SendError::Broken(why)) => return Err(NoModel::Broken(why)),
                Err(why @ SendError::TooLong) => (0, errors::silent(container, &why, LONGEST_ANSWER)),
            };
            match status {
                // Conflict: it is loaded already.
                200..300 | 409 => return Ok(()),
                // Insufficient storage: the container wants others unloaded.
                507 if self.make_room().await => {}
                _ => return Err(NoModel::Error(errors::model(endpoint, container, status, &text))),
            }
        }
    }

    /// Puts the model's files in place and tells their bytes.
    async fn fetch(self: &Arc<Self>, model: &Arc<Model>) -> Result<u64, NoModel> {
        let (models, model) = (self.clone(), model.clone());
        let placed = tokio::task::spawn_blocking(move || {
            let folder = models.folder(&model);
            let placed = models.place(&model, &folder);
            if placed.is_err() || model.abandoned.load(Ordering::SeqCst) {
                let _ = fs::remove_dir_all(&folder);
            }
            placed
        });
        let placed =
            placed.await.unwrap_or_else(|e| Err(ApiError::internal(format!("loading the model broke off: {e}"))));
        placed.map_err(NoModel::Error)
    }

    fn place(&self, model: &Model, folder: &Path) -> Result<u64, ApiError> {
        let Source { objects, endpoint, uri, container, limit, .. } = &self.source;
        let uri = format!("{}/{}", uri.trim_end_matches('/'), model.key());
        let (bucket, key) = parse_s3_uri(&uri).ok_or_else(|| ApiError::internal(format!("{uri} is not an S3 URI")))?;
        let (_, file) = objects.open(&endpoint.account, bucket, key).map_err(|_| errors::no_model(bucket, key))?;
        let target = folder.join("model");
        // Not the folders above it: where they are gone, so is the server.
        for made in [folder, &target] {
            fs::create_dir(made).map_err(|e| ApiError::internal(format!("cannot make {}: {e}", made.display())))?;
        }
        unpack(file, &target, *limit).map_err(|error| match error {
            UnpackError::TooLarge(_) => self.full(model, &error),
            UnpackError::Disk { .. } => ApiError::internal(error.to_string()),
            error => errors::validation(errors::extract(container, &uri, &error)),
        })
    }

    /// Has others go until all are within the limit, and tells where the container finds its folder.
    fn admit(self: &Arc<Self>, model: &Arc<Model>, bytes: u64) -> Result<PathBuf, NoModel> {
        let mut state = self.lock();
        state.of(model).ok_or(NoModel::Refused)?.bytes = bytes;
        let limit = self.source.limit;
        loop {
            let all: u64 = state.entries.values().map(|entry| entry.bytes).sum();
            if all <= limit {
                return Ok(state.root.clone());
            }
            if self.evict(&mut state).is_none() {
                // It is forgotten in a moment, and must not count until then.
                if let Some(entry) = state.of(model) {
                    entry.bytes = 0;
                }
                let why = format!("with the models in use it takes {all} bytes, and there are {limit}");
                return Err(NoModel::Error(self.full(model, &why)));
            }
        }
    }

    fn full(&self, model: &Model, why: &dyn Display) -> ApiError {
        let Source { endpoint, container, .. } = &self.source;
        errors::model(endpoint, container, 507, &format!("{} does not fit: {why}", model.target))
    }

    /// Tells the container to load a model. What nobody waits for any more when it answers is unloaded.
    async fn post(self: &Arc<Self>, model: &Arc<Model>, body: Bytes) -> Result<Incoming, SendError> {
        let (tell, told) = oneshot::channel();
        let (models, model) = (self.clone(), model.clone());
        tokio::spawn(async move {
            let request = request(Method::POST, &model, Uri::from_static("/models"), body);
            // Not on a kept connection: if that broke, the container would be told twice.
            let answer = models.pool.send_fresh(&request, LONGEST_ANSWER).await;
            if tell.send(answer).is_err() {
                models.unload(model).await;
            }
        });
        told.await.unwrap_or_else(|_| Err(SendError::Broken("the call was given up".into())))
    }
}
