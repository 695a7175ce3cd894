//! From S3 into the container.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri};
use serde_json::json;
use tokio::sync::oneshot;

use super::{LONGEST_ANSWER, Model, Models, NoModel, Source, holds, request};
use crate::api::ApiError;
use crate::hosting::pool::{Incoming, SendError};
use crate::hosting::{errors, model};

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
        let full = |why: &str| {
            let text = format!("{} does not fit: {why}", model.target);
            NoModel::Error(errors::model(endpoint, container, 507, &text))
        };
        let bytes = self.fetch(model).await.map_err(NoModel::Error)?.map_err(|why| full(&why))?;
        self.fit(model, bytes).map_err(|why| full(&why))?;
        let root = {
            let state = self.lock();
            if !holds(&state, model) {
                return Err(NoModel::Refused);
            }
            state.root.clone()
        };
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

    /// Puts the model's files in place and tells their bytes, or why they are too many whatever else is there.
    async fn fetch(&self, model: &Arc<Model>) -> Result<Result<u64, String>, ApiError> {
        let Source { objects, endpoint, uri, container, limit, .. } = &self.source;
        let uri = format!("{}/{}", uri.trim_end_matches('/'), model.key());
        let (objects, account, container) = (objects.clone(), endpoint.account.clone(), container.clone());
        let (folder, model, limit) = (self.folder(model), model.clone(), *limit);
        let placed = tokio::task::spawn_blocking(move || {
            let placed = model::one_of_many(&*objects, &account, &uri, &container, &folder, limit);
            if !matches!(placed, Ok(Ok(_))) || model.abandoned.load(Ordering::SeqCst) {
                let _ = std::fs::remove_dir_all(&folder);
            }
            placed
        });
        placed.await.map_err(|e| ApiError::internal(format!("loading the model broke off: {e}")))?
    }

    /// Has others go until all are within the limit.
    fn fit(self: &Arc<Self>, model: &Model, bytes: u64) -> Result<(), String> {
        let mut state = self.lock();
        model.bytes.store(bytes, Ordering::Relaxed);
        loop {
            let all: u64 = state.entries.values().map(|model| model.bytes.load(Ordering::Relaxed)).sum();
            let limit = self.source.limit;
            if all <= limit {
                return Ok(());
            }
            if self.evict(&mut state).is_none() {
                model.bytes.store(0, Ordering::Relaxed);
                return Err(format!("with the models in use it takes {all} bytes, and there are {limit}"));
            }
        }
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
