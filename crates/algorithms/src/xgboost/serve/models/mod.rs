//! Many models in one server, as SageMaker's multi-model endpoints want them: the platform loads,
//! lists, unloads and invokes models by name.
//!
//! The routes are from the container contract in SageMaker's developer guide (page
//! `mms-container-apis`); where it is silent (error bodies, the page size, the status of a model
//! that cannot be loaded) awslabs' multi-model-server is followed.

mod refusal;
mod registry;
mod request;

use std::path::Path;

use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::super::ffi::Xgboost;
use super::answer::Answer;
use super::invocation::{self, Predictor, Unread};
use super::model::Model;
use super::settings::Settings;
use crate::contract::Container;
use crate::log;
use refusal::Refusal;
use registry::{LoadError, Loaded, Registry};
use request::{LoadRequest, Page, Target};

/// A request to load a model is two short texts.
const MAX_LOAD_REQUEST: usize = 64 * 1024;

/// The name that the client of the endpoint used for the model; the contract has it for logs.
const TARGET_MODEL: &str = "x-amzn-sagemaker-target-model";

/// The models of a server, and what loads them.
pub(super) struct Models {
    library: Xgboost,
    container: Container,
    loaded: Registry<Model>,
}

impl Models {
    pub(super) fn new(library: Xgboost, container: Container) -> Self {
        Self { library, container, loaded: Registry::default() }
    }

    /// Answers the routes below `/models`, and refuses all others.
    pub(super) async fn respond(&self, settings: &Settings, request: Request<Incoming>) -> Answer {
        self.route(settings, request).await.unwrap_or_else(Refusal::into_answer)
    }

    /// Answers `POST /invocations`, which names no model.
    pub(super) async fn refuse_unnamed(&self, settings: &Settings, request: Request<Incoming>) -> Answer {
        drain(request, settings.max_content).await;
        Refusal::no_resource(
            "/invocations answers for a server of one model, and this one serves many \
             (SAGEMAKER_MULTI_MODEL is true); send the request to /models/NAME/invoke",
        )
        .into_answer()
    }

    async fn route(&self, settings: &Settings, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let target = Target::parse(request.uri().path())?;
        match (target, request.method()) {
            (Target::All, &Method::GET) => self.list(request.uri().query()),
            (Target::All, &Method::POST) => self.load(request).await,
            (Target::One(name), &Method::GET) => self.describe(&name),
            (Target::One(name), &Method::DELETE) => self.unload(&name),
            (Target::Invoke(name), &Method::POST) => self.invoke(&name, settings, request).await,
            (_, method) => Err(Refusal::method(method, request.uri().path())),
        }
    }

    async fn load(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let (head, body) = request.into_parts();
        let body = invocation::read(body, MAX_LOAD_REQUEST).await.map_err(|unread| match unread {
            Unread::TooLarge => Refusal::too_large(MAX_LOAD_REQUEST),
            Unread::BrokenOff(reason) => Refusal::bad(reason),
        })?;
        let LoadRequest { name, url } = LoadRequest::parse(&body)?;
        let folder = self.container.resolve(&url);
        // A large model takes seconds: other requests of the thread are moved away first.
        tokio::task::block_in_place(|| self.load_folder(&head.headers, &name, &url, &folder))
    }

    fn load_folder(&self, headers: &HeaderMap, name: &str, url: &str, folder: &Path) -> Result<Answer, Refusal> {
        match self.loaded.load(name, url, || Model::load(&self.library, &self.container, folder)) {
            Ok(loaded) => {
                log::info(&format!("{} loaded from {url:?}: {}", label(name, headers), loaded.model));
                Ok(status(&format!("Model {name:?} is loaded")))
            }
            Err(LoadError::Loaded) => {
                Err(Refusal::conflict(format!("Model {name:?} is loaded already; unload it first to load another")))
            }
            Err(LoadError::Loading) => {
                Err(Refusal::conflict(format!("Model {name:?} is being loaded already; ask again when it is loaded")))
            }
            Err(LoadError::Failed(reason)) => Err(Refusal::failed(format!("Model {name:?} is not loaded: {reason}"))),
        }
    }

    fn list(&self, query: Option<&str>) -> Result<Answer, Refusal> {
        let page = Page::parse(query)?;
        let (models, more) = self.loaded.list(page.after.as_deref(), page.limit);
        let mut body = json!({});
        if let (true, Some(last)) = (more, models.last()) {
            body["nextPageToken"] = Page::token(&last.name).into();
        }
        body["models"] = models.iter().map(|loaded| description(loaded)).collect();
        Ok(Answer::json(StatusCode::OK, &body))
    }

    fn describe(&self, name: &str) -> Result<Answer, Refusal> {
        let loaded = self.loaded.find(name).ok_or_else(|| Refusal::no_model(name))?;
        Ok(Answer::json(StatusCode::OK, &description(&loaded)))
    }

    /// Requests that the model is answering keep it until they have ended.
    fn unload(&self, name: &str) -> Result<Answer, Refusal> {
        let unloaded = self.loaded.unload(name).ok_or_else(|| Refusal::no_model(name))?;
        tokio::task::block_in_place(|| drop(unloaded));
        log::info(&format!("model {name:?} unloaded"));
        Ok(status(&format!("Model {name:?} is unloaded")))
    }

    async fn invoke(&self, name: &str, settings: &Settings, request: Request<Incoming>) -> Result<Answer, Refusal> {
        // The model is the request's from its start, so that unloading does not cut the request off.
        let Some(loaded) = self.loaded.find(name) else {
            drain(request, settings.max_content).await;
            return Err(Refusal::no_model(name));
        };
        let label = label(name, request.headers());
        Ok(Predictor { model: &loaded.model, settings, name: Some(&label) }.answer(request).await)
    }
}

/// Reads a body that nobody needs: a client that still sends when the connection is closed may
/// never see its answer.
async fn drain(request: Request<Incoming>, limit: usize) {
    let _ = invocation::read(request.into_body(), limit).await;
}

fn description(loaded: &Loaded<Model>) -> Value {
    json!({"modelName": loaded.name, "modelUrl": loaded.url})
}

fn status(text: &str) -> Answer {
    Answer::json(StatusCode::OK, &json!({"status": text}))
}

/// A model in the log: the platform's name for it, and its client's if that is known.
fn label(name: &str, headers: &HeaderMap) -> String {
    match headers.get(TARGET_MODEL).and_then(|value| value.to_str().ok()) {
        Some(target) => format!("model {name:?} ({target})"),
        None => format!("model {name:?}"),
    }
}
