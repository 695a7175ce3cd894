//! The legacy kinds (`sagemaker.aws.amazon.com/v1`): each object stands for objects of today's kinds, which are kept in the
//! cluster as its children. The controller of today's kinds does the work in AWS, and what it finds comes back into the legacy
//! object's status. AWS is called here for one thing alone: which training jobs a tuning job has made (`mirrors`).

mod children;
mod look;
mod mirrors;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use kube::Client;
use sagewright_legacy::LegacyKind;
use sagewright_port::clock::Clock;
use sagewright_port::cloud::Cloud;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::api::{Api, ApiError};
pub(crate) use children::{OWNER, OWNER_NAME};

use crate::due::Due;
use crate::events::Recorder;
use crate::options::Options;
use crate::scope::Tables;
use crate::watching;

/// Looks at the same time.
const AT_ONCE: usize = 8;
/// Changes that wait: watches wait when there are more.
const WAITING: usize = 256;
/// The pause after a look that the API server refused.
const AGAIN: Duration = Duration::from_secs(5);
/// Between looks for kinds that the cluster does not serve.
const UNSERVED: Duration = Duration::from_secs(10);

/// A legacy object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// What looks work with.
struct Context {
    api: Api,
    clock: Arc<dyn Clock>,
    recorder: Recorder,
    cloud: Arc<dyn Cloud>,
    /// Only objects with its labels are watched, children too.
    options: Options,
    /// What scopes are told from; nothing before it is known.
    tables: watch::Receiver<Option<Arc<Tables>>>,
}

/// The ports of the legacy kinds.
pub(crate) struct Ports {
    pub(crate) api: Api,
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Recorder,
}

/// Keeps the children of legacy objects, for ever.
pub(crate) async fn run(options: Options, ports: Ports, tables: watch::Receiver<Option<Arc<Tables>>>) {
    let Ports { api, cloud, clock, recorder } = ports;
    let client = api.client();
    let context = Context { api: api.clone(), clock, recorder, cloud, options: options.clone(), tables };
    let (out, mut inbox) = mpsc::channel(WAITING);
    tokio::spawn(watch_served(api, client, options, out));
    let mut due: Due<Owner> = Due::default();
    let mut running = FuturesUnordered::new();
    // Objects under a look, and whether something happened meanwhile.
    let mut at_work: HashMap<Owner, bool> = HashMap::new();
    loop {
        let now = Instant::now();
        while at_work.len() < AT_ONCE
            && let Some(owner) = due.take(now)
        {
            at_work.insert(owner.clone(), false);
            let context = &context;
            running.push(async move {
                let done = look::look(context, &owner).await;
                (owner, done)
            });
        }
        let next = due.next().filter(|_| at_work.len() < AT_ONCE);
        tokio::select! {
            message = inbox.recv() => {
                let Some(owner) = message else { return };
                match at_work.get_mut(&owner) {
                    Some(again) => *again = true,
                    None => due.insert(owner, Instant::now()),
                }
            }
            Some((owner, done)) = running.next(), if !at_work.is_empty() => {
                let again = at_work.remove(&owner).unwrap_or_default();
                let pause = done.unwrap_or_else(|error: ApiError| {
                    let (kind, namespace, name) = (owner.kind, owner.namespace.as_str(), owner.name.as_str());
                    tracing::warn!(kind, namespace, name, %error, "cannot read or write a legacy object or its children; trying again");
                    Some(AGAIN)
                });
                if let Some(pause) = pause.filter(|_| !again).or(again.then_some(Duration::ZERO)) {
                    due.insert(owner, Instant::now() + pause);
                }
            }
            () = tokio::time::sleep_until(next.unwrap_or(now)), if next.is_some() => {}
        }
    }
}

/// Watches the kinds that the cluster serves and the kinds of their children. Those whose CRDs are not there yet are looked for
/// again.
async fn watch_served(api: Api, client: Client, options: Options, out: mpsc::Sender<Owner>) {
    let namespaces = watching::places(&options.namespaces);
    let mut missing: Vec<&'static LegacyKind> = sagewright_legacy::kinds::KINDS.iter().collect();
    let mut watched: Vec<&'static str> = Vec::new();
    while !missing.is_empty() && !out.is_closed() {
        let served = api.served(sagewright_legacy::GROUP, sagewright_legacy::VERSION).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "cannot ask whether the legacy kinds are served");
            Vec::new()
        });
        let is_served = |kind: &&'static LegacyKind| served.iter().any(|plural| plural == kind.plural);
        let (found, others): (Vec<_>, Vec<_>) = missing.into_iter().partition(is_served);
        missing = others;
        let children: Vec<_> =
            children::kinds(&found).into_iter().filter(|kind| !watched.contains(&kind.name())).collect();
        for namespace in &namespaces {
            for kind in &found {
                let labels = options.label_selector.clone();
                tokio::spawn(watching::legacy(client.clone(), kind, namespace.clone(), labels, out.clone()));
            }
            for kind in &children {
                tokio::spawn(watching::children(client.clone(), kind, namespace.clone(), out.clone()));
            }
        }
        watched.extend(children.iter().map(|kind| kind.name()));
        if !found.is_empty() {
            tracing::info!(kinds = found.len(), "serving legacy kinds");
        }
        tokio::time::sleep(UNSERVED).await;
    }
}
