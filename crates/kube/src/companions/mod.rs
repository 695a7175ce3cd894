//! The small kinds of `services.k8s.aws`, which stand for no resource in AWS: `FieldExport` and `AdoptedResource`.
//!
//! Each kind is one task: what changed is reconciled one object after the other, and what failed is tried again later.

mod adopted;
mod export;

use std::collections::{BTreeMap, HashMap, HashSet};
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
use crate::events::{self, Recorder};
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
    let namespaces: Vec<Option<String>> = match tools.namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    for namespace in namespaces {
        tokio::spawn(watching::companions(tools.api.client(), resource.clone(), namespace, out.clone()));
    }
    drop(out);
    let mut due: BTreeMap<(Instant, Name), ()> = BTreeMap::new();
    let mut sources: HashMap<(String, [String; 3]), HashSet<Name>> = HashMap::new();
    loop {
        let next = due.keys().next().cloned();
        let pause = async {
            match &next {
                Some((at, _)) => tokio::time::sleep_until(*at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            shown = seen.recv() => match shown {
                Some(Shown { namespace, name, spec }) => {
                    if let Some(source) = C::source(&spec) {
                        sources.entry((namespace.clone(), source)).or_default().insert((namespace.clone(), name.clone()));
                    }
                    due.insert((Instant::now(), (namespace, name)), ());
                }
                None => return,
            },
            one = looked.recv() => {
                let Some(one) = one else { return };
                let source = [one.kind.group().to_owned(), one.kind.name().to_owned(), one.name.to_string()];
                for name in sources.get(&(one.namespace.to_string(), source)).into_iter().flatten() {
                    due.insert((Instant::now(), name.clone()), ());
                }
            }
            () = pause => {
                let Some(key) = next else { continue };
                due.remove(&key);
                let (_, name) = key;
                // Once is enough for all that is due by now.
                let now = Instant::now();
                due.retain(|(at, other), ()| *at > now || *other != name);
                if let Some(again) = reconcile::<C>(&tools, &name).await {
                    due.insert((Instant::now() + again, name), ());
                }
            }
        }
    }
}

/// One step for one object. When to try again.
async fn reconcile<C: Companion>(tools: &Tools, (namespace, name): &Name) -> Option<Duration> {
    let (kind, plural) = C::NAMES;
    let place = Place::new(GROUP, VERSION, Some(namespace), plural);
    match attempt::<C>(tools, &place, name).await {
        Ok(again) => again,
        Err(error) => {
            tracing::warn!(kind, namespace, name, %error, "cannot reconcile the object; trying again");
            Some(AGAIN)
        }
    }
}

async fn attempt<C: Companion>(tools: &Tools, place: &Place, name: &str) -> Result<Option<Duration>, ApiError> {
    let Some(found) = tools.api.get(place, name).await? else { return Ok(None) };
    let object = Object::from_value(found).map_err(|error| ApiError::new(0, error.message))?;
    let other = &object.metadata.other;
    if other.get("deletionTimestamp").is_some_and(|at| !at.is_null()) {
        return release::<C>(tools, place, &object).await.map(|()| None);
    }
    let now = tools.clock.now();
    let before = object.status.clone();
    let (all, again) = match C::step(tools, &object).await? {
        Step::Done(condition) => {
            let holds = |kind: &str| Condition::new(kind, ConditionStatus::True, "", "");
            let mut kinds = vec![SYNCED, condition, READY];
            kinds.dedup();
            (kinds.into_iter().map(holds).collect(), None)
        }
        Step::Later(why, again) => (failed(RECOVERABLE, "Waiting", &why), Some(again)),
        Step::Never(why) => (failed(TERMINAL, "Invalid", &why), None),
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
    Ok(again)
}

fn failed(kind: &str, reason: &str, why: &str) -> Vec<Condition> {
    let of = |kind: &str, status| Condition::new(kind, status, reason, why);
    vec![of(kind, ConditionStatus::True), of(SYNCED, ConditionStatus::False), of(READY, ConditionStatus::False)]
}

/// ACK's finalizer goes: nothing has to be done before.
async fn release<C: Companion>(tools: &Tools, place: &Place, object: &Object) -> Result<(), ApiError> {
    let ours = format!("finalizers.{GROUP}/{}", C::NAMES.0);
    let mut finalizers = crate::finalizer::all(object);
    let held = finalizers.len();
    finalizers.retain(|one| *one != ours);
    if finalizers.len() < held {
        let other = &object.metadata.other;
        let version = other.get("resourceVersion");
        let patch =
            json!({"metadata": {"uid": other.get("uid"), "resourceVersion": version, "finalizers": finalizers}});
        tools.api.patch(place, &object.metadata.name, &patch).await?;
    }
    Ok(())
}
