//! The legacy kinds (`sagemaker.aws.amazon.com/v1`): each object stands for objects of today's kinds, which are kept in the
//! cluster as its children. AWS is never called here: the controller of today's kinds does the work, and what it finds
//! comes back into the legacy object's status.

mod children;
mod look;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use kube::Client;
use sagewright_legacy::LegacyKind;
use sagewright_port::clock::Clock;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::api::{Api, ApiError};
pub(crate) use children::{OWNER, OWNER_NAME};

use crate::options::Options;
use crate::watching;

/// Looks at the same time.
const AT_ONCE: usize = 8;
/// Changes that wait: watches wait when there are more.
const WAITING: usize = 256;
/// The pause after a look that the API server refused.
const AGAIN: Duration = Duration::from_secs(5);
/// Between looks for the group, where the cluster does not serve it.
const UNSERVED: Duration = Duration::from_secs(30);

/// A legacy object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// What looks work with.
struct Context {
    api: Api,
    clock: Arc<dyn Clock>,
}

/// Keeps the children of legacy objects, for ever. Where the cluster does not serve the group, it is looked for again.
pub(crate) async fn run(api: Api, client: Client, options: Options, clock: Arc<dyn Clock>) {
    let served = loop {
        match api.served(sagewright_legacy::GROUP, sagewright_legacy::VERSION).await {
            Ok(served) if !served.is_empty() => break served,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "cannot ask whether the legacy kinds are served"),
        }
        tokio::time::sleep(UNSERVED).await;
    };
    let (out, mut inbox) = mpsc::channel(WAITING);
    let kinds: Vec<&'static LegacyKind> = sagewright_legacy::kinds::KINDS
        .iter()
        .filter(|kind| served.iter().any(|plural| plural == kind.plural))
        .collect();
    let namespaces: Vec<Option<String>> = match options.namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    for namespace in &namespaces {
        for kind in &kinds {
            let labels = options.label_selector.clone();
            tokio::spawn(watching::legacy(client.clone(), kind, namespace.clone(), labels, out.clone()));
        }
        for kind in children::kinds(&kinds) {
            tokio::spawn(watching::children(client.clone(), kind, namespace.clone(), out.clone()));
        }
    }
    tracing::info!(kinds = kinds.len(), "serving legacy kinds");
    let context = Context { api, clock };
    let mut due: HashMap<Owner, Instant> = HashMap::new();
    let mut running = FuturesUnordered::new();
    let mut at_work: Vec<Owner> = Vec::new();
    loop {
        let now = Instant::now();
        while at_work.len() < AT_ONCE
            && let Some(owner) =
                due.iter().find(|(owner, at)| **at <= now && !at_work.contains(owner)).map(|(owner, _)| owner.clone())
        {
            due.remove(&owner);
            at_work.push(owner.clone());
            let context = &context;
            running.push(async move {
                let done = look::look(context, &owner).await;
                (owner, done)
            });
        }
        let next = due.iter().filter(|(owner, _)| !at_work.contains(owner)).map(|(_, at)| *at).min();
        tokio::select! {
            message = inbox.recv() => {
                let Some(owner) = message else { return };
                due.insert(owner, Instant::now());
            }
            Some((owner, done)) = running.next(), if !at_work.is_empty() => {
                at_work.retain(|other| *other != owner);
                if let Err(error) = done {
                    let error: ApiError = error;
                    let (kind, namespace, name) = (owner.kind, owner.namespace.as_str(), owner.name.as_str());
                    tracing::warn!(kind, namespace, name, %error, "cannot read or write a legacy object or its children; trying again");
                    due.entry(owner).or_insert_with(|| Instant::now() + AGAIN);
                }
            }
            () = tokio::time::sleep_until(next.unwrap_or(now)), if next.is_some() && at_work.len() < AT_ONCE => {}
        }
    }
}
