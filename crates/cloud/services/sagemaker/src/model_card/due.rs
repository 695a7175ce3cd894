//! What happens to model cards by itself, by timers: exports are written, and what a deleted card had goes.

use std::sync::Arc;

use sagewright_cloud_core::records::{CommitError, Filter, Key, Query, StoreError, Timer, Write};
use sagewright_cloud_core::timers::Due;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;

use super::{VERSION, export};

/// Records that one commit removes: a version has up to 100 KB.
const TOGETHER: usize = 100;

/// Does what is due.
#[must_use]
pub fn due(sm: &SageMaker) -> Due {
    let owner = sm.clone();
    Arc::new(move |timer| {
        let sm = owner.clone();
        Box::pin(async move { run(&sm, &timer).await })
    })
}

async fn run(sm: &SageMaker, timer: &Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default();
    let cancel = Write::CancelTimer { id: timer.id.clone(), due: timer.due };
    let key = |kind: Kind, name: &str| {
        Key::new(text("account"), text("region"), kind.as_str(), &format!("{}/{name}", text("id")))
    };
    let outcome = match text("what") {
        "export" => export::run::run(sm, &key(Kind::MODEL_CARD_EXPORT_JOB, text("job")), text("id"), cancel).await,
        "purge" => purge(sm, &key(VERSION, ""), cancel).await,
        _ => sm.env().store.commit(vec![cancel]).await,
    };
    sm.timer_done(outcome)
}

/// Removes some of what a card had; the timer is still due until nothing is left.
async fn purge(sm: &SageMaker, of: &Key, cancel: Write) -> Result<(), CommitError> {
    let store = &sm.env().store;
    for kind in [VERSION, Kind::MODEL_CARD_EXPORT_JOB] {
        let query = Query {
            filters: vec![Filter::NameStarts(of.name.clone())],
            limit: TOGETHER,
            ..Query::all(&of.account, &of.region, kind.as_str())
        };
        let found = store.find(query).await?;
        if !found.is_empty() {
            let gone = found.into_iter().map(|found| Write::Delete { key: found.record.key, version: None });
            return store.commit(gone.collect()).await;
        }
    }
    store.commit(vec![cancel]).await
}
