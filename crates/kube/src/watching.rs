//! Watches of the cluster. Each goes on until its receiver is gone.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace as KubeNamespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Api, Client, Resource};
use sagewright_kinds::Kind;
use sagewright_legacy::LegacyKind;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;

use crate::api::with_causes;
use crate::declared::{Declared, Key};
use crate::legacy::{OWNER, OWNER_NAME, Owner};
use crate::message::{Message, SourceId, Watched};
use crate::queue::KindIndex;
use crate::scope::{Namespace, RoleSelector, misspelled};
use crate::seen::{Seen, resource_of};

/// Objects that a page of a listing holds: it is in memory whole.
const PAGE: u32 = 250;
/// Between looks for a kind that the cluster does not have.
const UNSERVED: Duration = Duration::from_secs(10);

/// Watches the objects of a kind.
pub(crate) async fn objects(
    client: Client,
    (index, kind): (KindIndex, &'static Kind),
    namespace: Option<String>,
    labels: Option<String>,
    source: SourceId,
    out: Sender<Message>,
) {
    let resource = resource_of(kind);
    let api: Api<Seen> = match &namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let config = Config { label_selector: labels, ..Config::default() };
    let key = |seen: &Seen| Key {
        kind: index,
        namespace: seen.metadata.namespace.clone().unwrap_or_default().into(),
        name: seen.metadata.name.clone().unwrap_or_default().into(),
    };
    let ended = follow(api, config, kind.plural(), true, &out, |what| {
        Some(Message::Objects(
            source,
            match what {
                Watched::Reset => Watched::Reset,
                Watched::Complete => Watched::Complete,
                Watched::Shown(seen) => Watched::Shown(Box::new((key(&seen), Declared::seen(kind, seen)))),
                Watched::Gone(seen) => Watched::Gone((key(&seen), seen.metadata.uid.unwrap_or_default())),
            },
        ))
    });
    if ended.await == Ended::Unserved {
        // The controller is gone otherwise.
        drop(out.send(Message::Unserved(source)).await);
    }
}

/// Where watches look: in each of these namespaces, or where none is chosen in all at once.
pub(crate) fn places(namespaces: &[String]) -> Vec<Option<String>> {
    if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() }
}

/// Watches namespaces: their annotations and labels.
pub(crate) async fn namespaces(client: Client, out: Sender<Message>) {
    let api: Api<PartialObjectMeta<KubeNamespace>> = Api::all(client);
    follow(api, Config::default(), "namespaces", false, &out, |what| {
        Some(Message::Namespaces(match what {
            Watched::Reset => Watched::Reset,
            Watched::Complete => Watched::Complete,
            Watched::Shown(one) => {
                let meta = one.metadata;
                let (name, annotations) = (meta.name.unwrap_or_default(), meta.annotations.unwrap_or_default());
                for (annotation, meant) in misspelled(&annotations) {
                    tracing::warn!(
                        namespace = name,
                        annotation,
                        "nothing heeds this annotation of a namespace; did you mean `{meant}`?"
                    );
                }
                Watched::Shown((name, Namespace::new(annotations, meta.labels.unwrap_or_default())))
            }
            Watched::Gone(one) => Watched::Gone(one.metadata.name.unwrap_or_default()),
        }))
    })
    .await;
}

/// Watches a ConfigMap of roles.
pub(crate) async fn roles(client: Client, namespace: String, name: &'static str, out: Sender<Message>) {
    let api: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let config = Config::default().fields(&format!("metadata.name={name}"));
    let mut latest = BTreeMap::new();
    let mut listed = false;
    follow(api, config, name, false, &out, |what| {
        // Nothing is told while it is listed anew: it may be there after all.
        match what {
            Watched::Reset => (listed, latest) = (false, BTreeMap::new()),
            Watched::Complete => listed = true,
            Watched::Shown(map) => latest = map.data.unwrap_or_default(),
            Watched::Gone(_) => latest = BTreeMap::new(),
        }
        listed.then(|| Message::Roles(name, latest.clone()))
    })
    .await;
}

/// Watches `IAMRoleSelector`s.
pub(crate) async fn selectors(client: Client, out: Sender<Message>) {
    let resource = ApiResource {
        group: "services.k8s.aws".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "services.k8s.aws/v1alpha1".to_owned(),
        kind: "IAMRoleSelector".to_owned(),
        plural: "iamroleselectors".to_owned(),
    };
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    follow(api, Config::default(), "iamroleselectors", false, &out, |what| {
        Some(Message::Selectors(match what {
            Watched::Reset => Watched::Reset,
            Watched::Complete => Watched::Complete,
            Watched::Shown(one) => {
                let name = one.metadata.name.unwrap_or_default();
                let selector = RoleSelector::read(&name, one.data.get("spec").unwrap_or(&serde_json::Value::Null));
                Watched::Shown((name, selector))
            }
            Watched::Gone(one) => Watched::Gone(one.metadata.name.unwrap_or_default()),
        }))
    })
    .await;
}

/// An object of a small kind that is there, has changed or went.
pub(crate) struct Companion {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) spec: serde_json::Value,
}

/// Watches the objects of a small kind. Where the cluster does not have it, it is looked for again.
pub(crate) async fn companions(
    client: Client,
    resource: ApiResource,
    namespace: Option<String>,
    out: Sender<Companion>,
) {
    let mut was_missing = false;
    let follow = || {
        follow(
            seen_in(client.clone(), &resource, namespace.as_deref()),
            Config::default(),
            &resource.plural,
            true,
            &out,
            |what| match what {
                Watched::Shown(seen) | Watched::Gone(seen) => Some(Companion {
                    namespace: seen.metadata.namespace.unwrap_or_default(),
                    name: seen.metadata.name.unwrap_or_default(),
                    spec: seen.spec,
                }),
                _ => None,
            },
        )
    };
    while follow().await == Ended::Unserved {
        if !std::mem::replace(&mut was_missing, true) {
            let kind = &resource.kind;
            tracing::info!(kind, "this kind has no CRD in the cluster; it is looked for again every 10 seconds");
        }
        tokio::time::sleep(UNSERVED).await;
    }
}

/// Watches the objects of a legacy kind.
pub(crate) async fn legacy(
    client: Client,
    kind: &'static LegacyKind,
    namespace: Option<String>,
    labels: Option<String>,
    out: Sender<Owner>,
) {
    let resource = ApiResource {
        group: sagewright_legacy::GROUP.to_owned(),
        version: sagewright_legacy::VERSION.to_owned(),
        api_version: format!("{}/{}", sagewright_legacy::GROUP, sagewright_legacy::VERSION),
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    };
    let config = Config { label_selector: labels, ..Config::default() };
    follow(seen_in(client, &resource, namespace.as_deref()), config, kind.plural, false, &out, |what| {
        let meta = changed(what)?;
        Some(Owner { kind: kind.kind, namespace: meta.namespace?, name: meta.name? })
    })
    .await;
}

/// Watches the objects of a kind that legacy objects stand for.
pub(crate) async fn children(client: Client, kind: &'static Kind, namespace: Option<String>, out: Sender<Owner>) {
    let config = Config::default().labels(OWNER);
    let api = seen_in(client, &resource_of(kind), namespace.as_deref());
    follow(api, config, kind.plural(), false, &out, |what| {
        let mut meta = changed(what)?;
        let owner = meta.annotations.as_mut()?.remove(OWNER_NAME)?;
        let (kind, name) = owner.split_once('/')?;
        let row = sagewright_legacy::find(kind)?;
        Some(Owner { kind: row.kind, namespace: meta.namespace?, name: name.to_owned() })
    })
    .await;
}

fn seen_in(client: Client, resource: &ApiResource, namespace: Option<&str>) -> Api<Seen> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    }
}

/// The metadata of what is there, has changed or went.
fn changed(what: Watched<Seen, Seen>) -> Option<ObjectMeta> {
    match what {
        Watched::Shown(seen) | Watched::Gone(seen) => Some(seen.metadata),
        Watched::Reset | Watched::Complete => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Nobody listens any more.
    Unheard,
    /// The API server has no such kind.
    Unserved,
}

/// Tells what a watch shows. What cannot be watched is told once for each reason, and tried again.
async fn follow<K, M>(
    api: Api<K>,
    config: Config,
    what: &str,
    may_go: bool,
    out: &Sender<M>,
    mut message: impl FnMut(Watched<K, K>) -> Option<M>,
) -> Ended
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut events = Box::pin(watcher(api, config.page_size(PAGE)).default_backoff());
    let mut told = String::new();
    while let Some(event) = events.next().await {
        let shown = match event {
            Ok(Event::Init) => Watched::Reset,
            Ok(Event::InitApply(one) | Event::Apply(one)) => Watched::Shown(one),
            Ok(Event::InitDone) => Watched::Complete,
            Ok(Event::Delete(one)) => Watched::Gone(one),
            Err(error) if may_go && is_unserved(&error) => return Ended::Unserved,
            Err(error) => {
                let why = with_causes(&error);
                if why == told {
                    tracing::debug!(what, error = why, "cannot watch");
                } else {
                    tracing::warn!(what, error = why, "cannot watch; trying again");
                    told = why;
                }
                continue;
            }
        };
        if matches!(shown, Watched::Complete) {
            told.clear();
        }
        let Some(message) = message(shown) else { continue };
        if out.send(message).await.is_err() {
            return Ended::Unheard;
        }
    }
    Ended::Unheard
}

fn is_unserved(error: &Error) -> bool {
    let of = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
    match error {
        Error::InitialListFailed(error) | Error::WatchStartFailed(error) => of(error),
        _ => false,
    }
}
