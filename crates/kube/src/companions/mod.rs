//! The small kinds of `services.k8s.aws`, which stand for no resource in AWS: `FieldExport` and `AdoptedResource`.
//!
//! Each kind is one task: what changed is reconciled one object after the other, and what failed is tried again later.

mod adopted;
mod export;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kube::api::ApiResource;
use sagewright_decide::conditions::{READY, RECOVERABLE, SYNCED, TERMINAL, merge, read, write};
use sagewright_decide::{Condition, ConditionStatus};
use sagewright_kinds::Kind;
use sagewright_objects::Object;
use sagewright_port::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::api::{Api, ApiError, Place};
use crate::conditions;
use crate::due::Due;
use crate::events::{self, Recorder};
use crate::finalizer;
use crate::status::merge_patch;
use crate::watching::{self, Companion as Shown};

pub(crate) use adopted::AdoptedResources;
pub(crate) use export::FieldExports;

/// The group of the kinds.
pub(crate) const GROUP: &str = "services.k8s.aws";
/// Their version.
pub(crate) const VERSION: &str = "v1alpha1";
/// The pause before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// An object of ours that a look found as declared: what is copied from it may be new.
pub(crate) struct Looked {
    pub(crate) kind: &'static Kind,
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

/// Namespace and name.
pub(crate) type Name = (String, String);

/// What a step came to.
pub(crate) enum Step {
    /// It is done, until something changes; the condition that says so.
    Done(&'static str),
    /// It is not yet as wanted: why.
    Later(String, Duration),
    /// It cannot be done as it is declared: why.
    Never(String),
}

/// What tasks work with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) api: Api,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Recorder,
    /// Namespaces that are watched; all without one.
    pub(crate) namespaces: Vec<String>,
    /// Namespaces other than an object's own may be written to.
    pub(crate) cross_namespace: bool,
    /// The namespace of the ConfigMaps that say which roles the operator takes on.
    pub(crate) own_namespace: String,
}

/// One of the kinds.
pub(crate) trait Companion: Send + 'static {
    /// Kind and plural.
    const NAMES: (&'static str, &'static str);
    /// The object that one depends on: its group, kind and name, in the same namespace.
    fn source(spec: &Value) -> Option<[String; 3]>;
    /// Does what an object asks for.
    fn step(tools: &Tools, object: &Object) -> impl Future<Output = Result<Step, ApiError>> + Send;
}

/// Reconciles objects of a kind until `looked` ends.
pub(crate) async fn run<C: Companion>(tools: Tools, mut looked: mpsc::UnboundedReceiver<Looked>) {
    let (kind, plural) = C::NAMES;
    let resource = ApiResource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        api_version: format!("{GROUP}/{VERSION}"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let (out, mut seen) = mpsc::channel(64);
    for namespace in watching::places(&tools.namespaces) {
        tokio::spawn(watching::companions(tools.api.client(), resource.clone(), namespace, out.clone()));
    }
    drop(out);
    let mut due: Due<Name> = Due::default();
    let mut sources = Sources::default();
    loop {
        let next = due.next();
        tokio::select! {
            shown = seen.recv() => match shown {
                Some(Shown { namespace, name, spec }) => {
                    let name = (namespace, name);
                    sources.set(&name, C::source(&spec));
                    due.insert(name, Instant::now());
                }
                None => return,
            },
            one = looked.recv() => {
                let Some(one) = one else { return };
                for name in sources.users(&one) {
                    due.insert(name.clone(), Instant::now());
                }
            }
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let Some(name) = due.take(Instant::now()) else { continue };
                match reconcile::<C>(&tools, &name).await {
                    Next::Gone => sources.set(&name, None),
                    Next::Rest => {}
                    Next::In(pause) => due.insert(name, Instant::now() + pause),
                }
            }
        }
    }
}

/// An object that others depend on: its namespace, and its group, kind and name.
type Source = (String, [String; 3]);

/// Which objects depend on which.
#[derive(Debug, Default)]
struct Sources {
    users: HashMap<Source, HashSet<Name>>,
    of: HashMap<Name, Source>,
}

impl Sources {
    /// An object depends on that one of its namespace, and on no other.
    fn set(&mut self, name: &Name, source: Option<[String; 3]>) {
        if let Some(before) = self.of.remove(name)
            && let Some(users) = self.users.get_mut(&before)
        {
            users.remove(name);
            if users.is_empty() {
                self.users.remove(&before);
            }
        }
        if let Some(source) = source.map(|source| (name.0.clone(), source)) {
            self.users.entry(source.clone()).or_default().insert(name.clone());
            self.of.insert(name.clone(), source);
        }
    }

    fn users(&self, looked: &Looked) -> impl Iterator<Item = &Name> {
        let Looked { kind, namespace, name } = looked;
        let source = [kind.group().to_owned(), kind.name().to_owned(), name.to_string()];
        self.users.get(&(namespace.to_string(), source)).into_iter().flatten()
    }
}

/// When an object is looked at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It is not there any more.
    Gone,
    /// When something changes.
    Rest,
    In(Duration),
}

/// One step for one object.
async fn reconcile<C: Companion>(tools: &Tools, (namespace, name): &Name) -> Next {
    let (kind, plural) = C::NAMES;
    let place = Place::new(GROUP, VERSION, Some(namespace), plural);
    attempt::<C>(tools, &place, name).await.unwrap_or_else(|error| {
        tracing::warn!(kind, namespace, name, %error, "cannot reconcile the object; trying again");
        Next::In(AGAIN)
    })
}

async fn attempt<C: Companion>(tools: &Tools, place: &Place, name: &str) -> Result<Next, ApiError> {
    let Some(found) = tools.api.get(place, name).await? else { return Ok(Next::Gone) };
    let object = Object::from_value(found).map_err(|error| ApiError::new(0, error.message))?;
    let other = &object.metadata.other;
    if finalizer::is_deleting(&object) {
        return release::<C>(tools, place, &object).await.map(|()| Next::Rest);
    }
    let now = tools.clock.now();
    let before = object.status.clone();
    let step = match C::step(tools, &object).await {
        Err(error) if error.is_refusal() => Step::Later(format!("the cluster refuses: {error}"), AGAIN),
        step => step?,
    };
    let (all, next) = match step {
        Step::Done(condition) => {
            let holds = |kind: &str| Condition::new(kind, ConditionStatus::True, "", "");
            let mut kinds = vec![SYNCED, condition, READY];
            kinds.dedup();
            (kinds.into_iter().map(holds).collect(), Next::Rest)
        }
        Step::Later(why, again) => (failed(RECOVERABLE, "Waiting", &why), Next::In(again)),
        Step::Never(why) => (failed(TERMINAL, "Invalid", &why), Next::Rest),
    };
    let mut status = if before.is_object() { before.clone() } else { json!({}) };
    write(&mut status, &merge(&read(&before), all, now));
    conditions::arrange(&mut status);
    if let Some(patch) = merge_patch(&before, &status) {
        let patch = json!({"metadata": {"uid": other.get("uid")}, "status": patch});
        tools.api.patch_status(place, name, &patch).await?;
        for note in events::turned(&before, &status, false) {
            tools.recorder.tell(&object, &note, now);
        }
    }
    Ok(next)
}

fn failed(kind: &str, reason: &str, why: &str) -> Vec<Condition> {
    let of = |kind: &str, status| Condition::new(kind, status, reason, why);
    vec![of(kind, ConditionStatus::True), of(SYNCED, ConditionStatus::False), of(READY, ConditionStatus::False)]
}

/// ACK's finalizer goes: nothing has to be done before.
async fn release<C: Companion>(tools: &Tools, place: &Place, object: &Object) -> Result<(), ApiError> {
    let ours = format!("finalizers.{GROUP}/{}", C::NAMES.0);
    if finalizer::all(object).contains(&ours) {
        tools.api.patch(place, &object.metadata.name, &finalizer::patch(&ours, object, false)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_objects_that_are_gone_or_depend_on_another_one() {
        let kind = sagewright_kinds::find("Model").unwrap();
        let looked = |name: &str| Looked { kind, namespace: "team".into(), name: name.into() };
        let source = |name: &str| Some([kind.group().to_owned(), "Model".to_owned(), name.to_owned()]);
        let name = |name: &str| ("team".to_owned(), name.to_owned());
        let mut sources = Sources::default();
        for (export, of) in [("one", "a"), ("two", "a"), ("one", "b")] {
            sources.set(&name(export), source(of));
        }
        let users = |sources: &Sources, of: &str| sources.users(&looked(of)).cloned().collect::<Vec<_>>();
        assert_eq!((users(&sources, "a"), users(&sources, "b")), (vec![name("two")], vec![name("one")]));
        ["one", "two"].into_iter().for_each(|export| sources.set(&name(export), None));
        assert!(sources.users.is_empty() && sources.of.is_empty());
    }
}
