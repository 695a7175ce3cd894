//! The models of a multi-model server: each is fetched and loaded when a request first asks for it, and unloaded when
//! room is needed. The calls are those of SageMaker's contract for multi-model containers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::pool::{Incoming, Outgoing, Pool, SendError};
use super::{errors, model};
use crate::api::ApiError;
use crate::clock::SharedClock;
use crate::objects::Objects;
use crate::sagemaker::ports::EndpointKey;

/// What the request asked for, told to the container for its log.
pub(super) const TARGET_MODEL: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-model");
/// How long a model may take until it is loaded (developer guide, "Invoke a Multi-Model Endpoint").
const LOADING: Duration = Duration::from_secs(360);
/// Longest answer to a call that loads, looks or unloads.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Where the models are, and what they may take.
pub(super) struct Source {
    pub objects: Arc<dyn Objects>,
    pub clock: SharedClock,
    pub endpoint: EndpointKey,
    /// Name of the container.
    pub container: String,
    /// S3 URI that names of models are appended to.
    pub uri: String,
    /// Whether a model stays loaded after a request.
    pub cached: bool,
    /// Folder that the container sees as `/opt/ml`.
    pub base: PathBuf,
    /// Most bytes of all models that are there at once.
    pub limit: u64,
}

/// The models of one server.
pub(super) struct Models {
    source: Source,
    pool: Arc<Pool>,
    state: Mutex<State>,
    // One at a time, so that each knows what room there is.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Where the container finds `base`.
    root: PathBuf,
    /// By `TargetModel`.
    entries: HashMap<String, Arc<Model>>,
    turn: u64,
}

/// A model that is loaded, or being loaded.
struct Model {
    /// The name by which the container knows it: never used twice.
    name: String,
    /// When it was last asked for, in turns.
    used: AtomicU64,
    /// Requests that use it or wait for it; changed with the table locked.
    users: AtomicUsize,
    bytes: AtomicU64,
    /// The container was told to load it and has not answered.
    asked: AtomicBool,
    /// Nobody asks for it any more, so that its folder is to go.
    abandoned: AtomicBool,
    loaded: watch::Sender<Option<Result<(), ApiError>>>,
}

/// A loaded model that stays while a request holds this.
pub(super) struct Lease {
    models: Arc<Models>,
    target: String,
    model: Arc<Model>,
}

impl Lease {
    /// Where the model takes requests.
    pub fn invocations(&self) -> Uri {
        path(&format!("/models/{}/invoke", self.model.name))
    }

    /// Whether the container has lost the model; then it is loaded anew when it is asked for again.
    pub async fn is_lost(&self) -> bool {
        let answer = self.models.call(Method::GET, self.model.path(), Bytes::new()).await;
        let lost = matches!(answer, Ok(answer) if answer.status == StatusCode::NOT_FOUND);
        if lost {
            self.models.forget(&self.target, &self.model);
        }
        lost
    }
}

impl Drop for Lease {
    /// A model that is not to be kept goes with the last request that uses it.
    fn drop(&mut self) {
        let mut state = self.models.lock();
        let last = self.model.users.fetch_sub(1, Ordering::Relaxed) == 1;
        if last && !self.models.source.cached && self.model.ready() && is(&state, &self.target, &self.model) {
            state.entries.remove(&self.target);
            let (models, model) = (self.models.clone(), self.model.clone());
            // A request may also end with the runtime.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(async move { models.unload(&model).await });
            }
        }
    }
}

impl Model {
    fn new() -> Arc<Self> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        Arc::new(Self {
            name,
            used: AtomicU64::new(0),
            users: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            loaded: watch::Sender::new(None),
        })
    }

    fn ready(&self) -> bool {
        self.loaded.borrow().is_some()
    }

    fn path(&self) -> Uri {
        path(&format!("/models/{}", self.name))
    }
}

fn path(text: &str) -> Uri {
    Uri::try_from(text).unwrap_or_else(|_| Uri::from_static("/models"))
}

impl Models {
    pub fn new(source: Source, pool: Arc<Pool>) -> Arc<Self> {
        Arc::new(Self { source, pool, state: Mutex::default(), fetching: tokio::sync::Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server starts, sees its folder at `root` and has no model; or it has ended.
    pub fn reset(&self, root: &Path) {
        let before = std::mem::replace(&mut *self.lock(), State { root: root.to_owned(), ..State::default() });
        before.entries.into_values().for_each(|model| self.remove(&model));
    }

    /// Whether a model is there without waiting.
    pub fn holds(&self, target: &str) -> bool {
        self.lock().entries.get(target).is_some_and(|model| model.ready())
    }

    /// A model, loaded. Loading goes on when nobody waits for it any more.
    pub async fn get(self: &Arc<Self>, target: &str) -> Result<Lease, ApiError> {
        let (lease, fresh) = {
            let mut state = self.lock();
            state.turn += 1;
            let turn = state.turn;
            let known = state.entries.get(target).cloned();
            let model = known.clone().unwrap_or_else(Model::new);
            model.used.store(turn, Ordering::Relaxed);
            model.users.fetch_add(1, Ordering::Relaxed);
            if known.is_none() {
                state.entries.insert(target.to_owned(), model.clone());
            }
            (Lease { models: self.clone(), target: target.to_owned(), model }, known.is_none())
        };
        if fresh {
            tokio::spawn(self.clone().load(target.to_owned(), lease.model.clone()));
        }
        let mut loaded = lease.model.loaded.subscribe();
        let outcome = loaded.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(errors::unavailable(&self.source.endpoint))).map(|()| lease)
    }

    /// Unloads the model that has been unused for longest; `false` when all are in use.
    pub async fn make_room(&self) -> bool {
        let oldest = {
            let mut state = self.lock();
            let unused = |model: &Model| model.ready() && model.users.load(Ordering::Relaxed) == 0;
            let idle = state.entries.iter().filter(|(_, model)| unused(model));
            let oldest = idle.min_by_key(|(_, model)| model.used.load(Ordering::Relaxed)).map(|(name, _)| name.clone());
            oldest.and_then(|name| state.entries.remove(&name))
        };
        let Some(model) = oldest else { return false };
        self.unload(&model).await;
        true
    }

    async fn load(self: Arc<Self>, target: String, model: Arc<Model>) {
        let late = self.source.clock.sleep(LOADING);
        let outcome = tokio::select! {
            biased;
            outcome = self.bring(&target, &model) => outcome,
            () = late => Err(errors::not_ready(&target)),
        };
        let failed = outcome.is_err();
        if failed {
            self.forget(&target, &model);
        }
        model.loaded.send_replace(Some(outcome));
        if failed && model.asked.load(Ordering::Relaxed) {
            // It may have it, or come to have it.
            let _ = self.call(Method::DELETE, model.path(), Bytes::new()).await;
        }
    }

    /// Fetches a model and has the container load it; others make room where there is none.
    async fn bring(&self, target: &str, model: &Arc<Model>) -> Result<(), ApiError> {
        let Source { endpoint, container, limit, .. } = &self.source;
        let one = self.fetching.lock().await;
        loop {
            let taken: u64 = self.lock().entries.values().map(|model| model.bytes.load(Ordering::Relaxed)).sum();
            match self.fetch(target, model, limit.saturating_sub(taken)).await? {
                Ok(bytes) => {
                    model.bytes.store(bytes, Ordering::Relaxed);
                    break;
                }
                Err(_) if self.make_room().await => {}
                Err(why) => {
                    return Err(errors::model(endpoint, container, 507, &format!("{target} does not fit: {why}")));
                }
            }
        }
        drop(one);
        let root = {
            let state = self.lock();
            if !is(&state, target, model) {
                return Err(errors::unavailable(endpoint));
            }
            state.root.clone()
        };
        let url = root.join("models").join(&model.name).join("model");
        let body = Bytes::from(json!({ "model_name": model.name, "url": url }).to_string());
        loop {
            model.asked.store(true, Ordering::Relaxed);
            let answer = self.call(Method::POST, Uri::from_static("/models"), body.clone()).await;
            model.asked.store(answer.is_err(), Ordering::Relaxed);
            let (status, text) = match answer {
                Ok(answer) => (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()),
                Err(SendError::Refused) => return Err(errors::unavailable(endpoint)),
                Err(why) => (0, errors::silent(container, &why, LONGEST_ANSWER)),
            };
            match status {
                // Conflict: it is loaded already.
                200..300 | 409 => return Ok(()),
                // Insufficient storage: the container wants others unloaded.
                507 if self.make_room().await => {}
                _ => return Err(errors::model(endpoint, container, status, &text)),
            }
        }
    }

    /// Puts the model's files in place and tells their bytes, or why they do not fit into `room`.
    async fn fetch(&self, target: &str, model: &Arc<Model>, room: u64) -> Result<Result<u64, String>, ApiError> {
        let Source { objects, endpoint, uri, container, .. } = &self.source;
        let uri = format!("{}/{}", uri.trim_end_matches('/'), target.trim_start_matches('/'));
        let (objects, account, container) = (objects.clone(), endpoint.account.clone(), container.clone());
        let (folder, model) = (self.folder(model), model.clone());
        let placed = tokio::task::spawn_blocking(move || {
            let placed = model::one_of_many(&*objects, &account, &uri, &container, &folder, room);
            if !matches!(placed, Ok(Ok(_))) || model.abandoned.load(Ordering::SeqCst) {
                let _ = std::fs::remove_dir_all(&folder);
            }
            placed
        });
        placed.await.map_err(|e| ApiError::internal(format!("loading the model broke off: {e}")))?
    }

    async fn unload(&self, model: &Model) {
        // Whatever it answers, it is not asked for this model again.
        let _ = self.call(Method::DELETE, model.path(), Bytes::new()).await;
        self.remove(model);
    }

    fn forget(&self, target: &str, model: &Arc<Model>) {
        let mut state = self.lock();
        if is(&state, target, model) {
            state.entries.remove(target);
        }
        drop(state);
        self.remove(model);
    }

    fn folder(&self, model: &Model) -> PathBuf {
        self.source.base.join("models").join(&model.name)
    }

    fn remove(&self, model: &Model) {
        // Whoever is still filling the folder removes it at the end.
        model.abandoned.store(true, Ordering::SeqCst);
        let folder = self.folder(model);
        tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder));
    }

    async fn call(&self, method: Method, uri: Uri, body: Bytes) -> Result<Incoming, SendError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.pool.send(&Outgoing { method, uri, headers, body }, LONGEST_ANSWER).await
    }
}

/// Whether the table still has this very model: its server may have been started again since.
fn is(state: &State, target: &str, model: &Arc<Model>) -> bool {
    state.entries.get(target).is_some_and(|known| Arc::ptr_eq(known, model))
}
