//! The models of a multi-model server: each is fetched and loaded when a request first asks for it, and unloaded when
//! room is needed. The calls are those of SageMaker's contract for multi-model containers.

mod lease;
mod load;

use std::collections::{HashMap, hash_map};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::pool::{Incoming, Outgoing, Pool, SendError};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::objects::Objects;
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

pub(super) use lease::Lease;

/// What the request asked for, told to the container for its log.
pub(super) const TARGET_MODEL: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-model");
/// Longest answer to a call that loads, looks or unloads.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Where the models are, and what they may take.
pub(super) struct Source {
    pub objects: Arc<dyn Objects>,
    pub clock: SharedWall,
    pub endpoint: EndpointKey,
    /// Name of the container.
    pub container: String,
    /// S3 URI that names of models are appended to.
    pub uri: String,
    /// Whether a model stays loaded after a request.
    pub cached: bool,
    /// Folder that the container sees as `/opt/ml`.
    pub base: PathBuf,
    /// Most bytes of all models that are there at once; one that is being fetched may exceed it until others are gone.
    pub limit: u64,
}

/// Why there is no model.
#[derive(Debug, Clone)]
pub(super) enum NoModel {
    /// The server takes no connections.
    Refused,
    /// The server broke off.
    Broken(String),
    Error(ApiError),
}

/// The models of one server.
pub(super) struct Models {
    source: Source,
    pool: Arc<Pool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where the container finds `base`.
    root: PathBuf,
    /// By key below the source's URI.
    entries: HashMap<String, Entry>,
    turn: u64,
}

/// A model with what it is chosen by when others need room.
struct Entry {
    model: Arc<Model>,
    /// When it was last asked for, in turns.
    used: u64,
    /// Requests that use it or wait for it.
    users: usize,
    bytes: u64,
}

impl State {
    /// The entry of this very model: its server may have been started again since.
    fn of(&mut self, model: &Arc<Model>) -> Option<&mut Entry> {
        self.entries.get_mut(model.key()).filter(|entry| Arc::ptr_eq(&entry.model, model))
    }
}

/// A model that is loaded, or being loaded.
struct Model {
    /// The name by which the container knows it: never used twice.
    name: String,
    /// `TargetModel` of the request that asked first.
    target: String,
    /// Nobody asks for it any more, so that its folder is to go.
    abandoned: AtomicBool,
    loaded: watch::Sender<Option<Result<(), NoModel>>>,
}

impl Model {
    fn new(target: &str) -> Arc<Self> {
        Arc::new(Self {
            name: uuid::Uuid::new_v4().simple().to_string(),
            target: target.to_owned(),
            abandoned: AtomicBool::new(false),
            loaded: watch::Sender::new(None),
        })
    }

    /// Its key below the source's URI.
    fn key(&self) -> &str {
        key(&self.target)
    }

    fn ready(&self) -> bool {
        self.loaded.borrow().is_some()
    }

    fn path(&self, verb: &str) -> Uri {
        Uri::try_from(format!("/models/{}{verb}", self.name)).unwrap_or_else(|_| Uri::from_static("/models"))
    }
}

/// `TargetModel` with and without a slash at its start is one model.
fn key(target: &str) -> &str {
    target.trim_start_matches('/')
}

impl Models {
    pub fn new(source: Source, pool: Arc<Pool>) -> Arc<Self> {
        Arc::new(Self { source, pool, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server starts, sees its folder at `root` and has no model; or it has ended.
    pub fn reset(&self, root: &Path) {
        let before = std::mem::replace(&mut *self.lock(), State { root: root.to_owned(), ..State::default() });
        before.entries.into_values().for_each(|entry| self.remove(&entry.model));
    }

    /// Whether a model is there without waiting.
    pub fn holds(&self, target: &str) -> bool {
        self.lock().entries.get(key(target)).is_some_and(|entry| entry.model.ready())
    }

    /// A model, loaded. Loading goes on when nobody waits for it any more.
    pub async fn get(self: &Arc<Self>, target: &str) -> Result<Lease, NoModel> {
        let (lease, fresh) = {
            let mut state = self.lock();
            state.turn += 1;
            let turn = state.turn;
            let entry = state.entries.entry(key(target).to_owned());
            let fresh = matches!(entry, hash_map::Entry::Vacant(_));
            let entry = entry.or_insert_with(|| Entry { model: Model::new(target), used: 0, users: 0, bytes: 0 });
            entry.used = turn;
            entry.users += 1;
            (Lease { models: self.clone(), model: entry.model.clone() }, fresh)
        };
        if fresh {
            tokio::spawn(self.clone().load(lease.model.clone()));
        }
        let mut loaded = lease.model.loaded.subscribe();
        let outcome = loaded.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or(Err(NoModel::Refused)).map(|()| lease)
    }

    /// Unloads the model that has been unused for longest; `false` when all are in use.
    pub async fn make_room(self: &Arc<Self>) -> bool {
        let evicted = self.evict(&mut self.lock());
        let Some(unloading) = evicted else { return false };
        // However that ended, it is gone.
        let _ = unloading.await;
        true
    }

    /// Begins to unload the model that has been unused for longest.
    fn evict(self: &Arc<Self>, state: &mut State) -> Option<JoinHandle<()>> {
        let unused = state.entries.iter().filter(|(_, entry)| entry.users == 0 && entry.model.ready());
        let oldest = unused.min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())?;
        let entry = state.entries.remove(&oldest)?;
        Some(tokio::spawn(self.clone().unload(entry.model)))
    }

    /// In a task of its own: whoever asked for it may not live to see its end.
    async fn unload(self: Arc<Self>, model: Arc<Model>) {
        // Whatever it answers, it is not asked for this model again.
        let _ = self.call(Method::DELETE, &model, model.path("")).await;
        self.remove(&model);
    }

    fn forget(&self, model: &Arc<Model>) {
        let mut state = self.lock();
        if state.of(model).is_some() {
            state.entries.remove(model.key());
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

    async fn call(&self, method: Method, model: &Model, uri: Uri) -> Result<Incoming, SendError> {
        self.pool.send(&request(method, model, uri, Bytes::new()), LONGEST_ANSWER).await
    }
}

fn request(method: Method, model: &Model, uri: Uri, body: Bytes) -> Outgoing {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, json.clone());
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, json);
    }
    if let Ok(target) = HeaderValue::from_str(&model.target) {
        headers.insert(TARGET_MODEL, target);
    }
    Outgoing { method, uri, headers, body: body.into() }
}
