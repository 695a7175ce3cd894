//! One look at one object: read it, find its scope, let the engine take it one step further, write down what came of it.

mod conclude;
mod document;
mod engine;
mod generated;

use std::sync::Arc;
use std::time::Duration;

use sagewright_decide::Claims;
use sagewright_engine::Engine;
use sagewright_engine::reconcile::Memory;
use sagewright_engine::watch::{ContentHash, Settled, Shown};
use sagewright_kinds::Kind;
use sagewright_objects::ObjectId;
use sagewright_port::clock::Clock;
use sagewright_port::cloud::Target;
use tokio::sync::{Semaphore, mpsc};

use crate::api::{Api, ApiError};
use crate::declared::Key;
use crate::events::Recorder;
use crate::generated::Taken;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::referents::Given;
use crate::scope::Tables;
use document::Document;

/// The pause before the next try, after a request to the API server had no success.
const AFTER_A_FAILURE: Duration = Duration::from_secs(2);

/// How often that pause is doubled while the API server refuses what is sent: it then takes a minute until a right that was missing
/// is noticed.
const MOST_DOUBLED: u8 = 5;

/// The same, after somebody else was faster: what is there now is read at once, but not in a storm.
const AFTER_A_CONFLICT: Duration = Duration::from_millis(100);

/// What looks share.
pub(crate) struct Context {
    pub(crate) api: Api,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    pub(crate) claims: Arc<Claims>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) recorder: Recorder,
    /// One look at a time asks AWS what uses older resources: it may read many.
    pub(crate) retiring: Semaphore,
    /// Who copies from objects is told of those that are as declared.
    pub(crate) looked: Option<mpsc::UnboundedSender<crate::companions::Looked>>,
}

/// What to look at, and what is known of it.
pub(crate) struct Task {
    pub(crate) key: Arc<Key>,
    pub(crate) kind: &'static Kind,
    /// What this process remembers of the object with that uid; else what its status says counts.
    pub(crate) known: Option<(Box<str>, Memory)>,
    /// What the poll of its kind shows, and where.
    pub(crate) listing: Option<(Target, Shown)>,
    /// It was settled: nobody waits for what the look gives.
    pub(crate) settled: bool,
    /// Whether those that refer to it have settled on what it gives; told of objects with older resources.
    pub(crate) taken: Taken,
    pub(crate) tables: Arc<Tables>,
}

/// What a look came to.
pub(crate) struct Looked {
    pub(crate) result: Result<Looking, ApiError>,
    /// What has to be remembered, whatever came of it; with the object's uid.
    pub(crate) known: Option<(Box<str>, Memory)>,
}

/// What a look found.
pub(crate) enum Looking {
    /// There is no such object, or nothing of ours holds it.
    Gone,
    Found(Box<Found>),
}

/// An object after a look.
pub(crate) struct Found {
    pub(crate) hash: ContentHash,
    pub(crate) deleting: bool,
    /// Where its resource is; nothing where that cannot be said.
    pub(crate) target: Option<Target>,
    /// Its resource's name in AWS.
    pub(crate) resource: Option<String>,
    pub(crate) settled: Option<Settled>,
    /// What was declared when its resource was created, where nothing was looked at since.
    pub(crate) made: Option<ContentHash>,
    /// When to look again, unless something changes before.
    pub(crate) again: Option<Duration>,
    /// Its status in AWS is awaited to change.
    pub(crate) changing: bool,
    /// It is as declared: others that refer to it can go on.
    pub(crate) synced: bool,
    /// It has made older resources that may go.
    pub(crate) retires: bool,
    /// What the objects gave to which it refers.
    pub(crate) relied: Given,
    pub(crate) waits: Vec<(&'static Kind, ObjectId)>,
    pub(crate) result: &'static str,
}

/// Looks at an object.
pub(crate) async fn look(context: &Context, mut task: Task) -> Looked {
    let mut known = task.known.take();
    let result = attempt(context, &task, &mut known).await;
    Looked { result, known }
}

impl Looked {
    /// When to look again after a request that had no success; `refused` looks in a row were refused.
    pub(crate) fn pause(error: &ApiError, refused: u8) -> Duration {
        if error.is_conflict() {
            return AFTER_A_CONFLICT;
        }
        AFTER_A_FAILURE * (1 << refused.saturating_sub(1).min(MOST_DOUBLED))
    }
}

async fn attempt(context: &Context, task: &Task, known: &mut Option<(Box<str>, Memory)>) -> Result<Looking, ApiError> {
    let Some(document) = Document::read(context, task).await? else { return Ok(Looking::Gone) };
    if document.declared.deleting && !document.declared.held {
        return Ok(Looking::Gone);
    }
    let uid: Box<str> = document.declared.uid.as_str().into();
    let memory = match known.take() {
        Some((of, memory)) if of == uid => memory,
        _ => document.declared.remembered.memory.clone(),
    };
    let (_, memory) = known.insert((uid, memory));
    engine::reconcile(context, task, document, memory).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_again_and_again_is_tried_less_and_less_often() {
        let seconds = |code, refused| Looked::pause(&ApiError::new(code, "no"), refused).as_secs_f64();
        assert_eq!([1, 2, 3, 6, 200].map(|refused| seconds(403, refused)), [2.0, 4.0, 8.0, 64.0, 64.0]);
        assert_eq!((seconds(0, 0), seconds(503, 0), seconds(409, 0)), (2.0, 2.0, 0.1));
    }
}
