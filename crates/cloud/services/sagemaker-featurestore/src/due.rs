//! What happens to feature groups and their records by itself, by timers.

use std::sync::Arc;

use sagewright_cloud_core::records::{CommitError, Filter, Key, Query, StoreError, Timer, Write};
use sagewright_cloud_core::timers::Due;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::features::METADATA;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::state::DELETED;

use crate::group::Group;
use crate::offline::flush;
use crate::record::Stored;
use crate::state::{self, OFFLINE, ONLINE, State};

/// Whose timers these are.
pub const OWNER: &str = "feature-store";

/// How long a group is being created or deleted, in milliseconds of the embedded cloud's time.
pub const STEP: i64 = 1000;

/// Records that one commit removes.
const TOGETHER: usize = 500;

/// Does what is due.
#[must_use]
pub fn due(sm: &SageMaker) -> Due {
    let owner = sm.clone();
    Arc::new(move |timer| {
        let sm = owner.clone();
        Box::pin(async move { run(&sm, &timer).await })
    })
}

/// The group that a timer is about.
pub struct About {
    /// Key of its record.
    pub key: Key,
    /// Its id.
    pub id: String,
}

async fn run(sm: &SageMaker, timer: &Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default().to_owned();
    let key = Key::new(&text("account"), &text("region"), Kind::FEATURE_GROUP.as_str(), &text("group"));
    let about = About { key, id: text("id") };
    let cancel = Write::CancelTimer { id: timer.id.clone(), due: timer.due };
    let _turn = sm.turn(&about.id).await;
    let outcome = match &*text("what") {
        "created" => created(sm, &about, cancel).await,
        "expire" => expire(sm, &about, &text("record"), cancel).await,
        "flush" => flush::due(sm, &about, cancel).await,
        "deleted" => deleted(sm, &about, cancel).await,
        _ => sm.env().store.commit(vec![cancel]).await,
    };
    sm.timer_done(outcome)
}

async fn created(sm: &SageMaker, about: &About, cancel: Write) -> Result<(), CommitError> {
    let store = &sm.env().store;
    let mut batch = vec![cancel];
    let found = store.get(&about.key).await?.filter(|found| found.record.status == "Creating");
    if let Some(mut found) = found.filter(|found| Group::read(&found.record).id == about.id) {
        "Created".clone_into(&mut found.record.status);
        batch.extend(sm.news(Kind::FEATURE_GROUP, &found.record, "Created"));
        batch.push(Write::Replace(found));
    }
    store.commit(batch).await
}

/// Removes a record that has expired. One that was written anew has a timer of its own, or none.
async fn expire(sm: &SageMaker, about: &About, record: &str, cancel: Write) -> Result<(), CommitError> {
    let (store, now) = (&sm.env().store, sm.now());
    let mut batch = vec![cancel];
    let key = Key::new(&about.key.account, &about.key.region, ONLINE, &format!("{}/{record}", about.id));
    let found = store.get(&key).await?;
    let stored = found.as_ref().and_then(|found| Stored::read(&found.record)).filter(|stored| !stored.lives(now));
    if let Some((found, stored)) = found.zip(stored)
        && let Some(state) = store.get(&state::key(&about.key, &about.id)).await?
    {
        let mut next = State::read(&state.record);
        next.bytes -= stored.size();
        batch.push(Write::Delete { key, version: Some(found.version) });
        batch.push(next.replace(state, now));
    }
    store.commit(batch).await
}

/// Goes on with a deletion: rows reach S3, records go, then the group. Each step is a commit, after which the timer is still due.
async fn deleted(sm: &SageMaker, about: &About, cancel: Write) -> Result<(), CommitError> {
    let store = &sm.env().store;
    let Some(found) = store.get(&about.key).await?.filter(|found| Group::read(&found.record).id == about.id) else {
        return store.commit(vec![cancel]).await;
    };
    let stored = store.get(&state::key(&about.key, &about.id)).await?;
    let state = stored.map(|stored| (State::read(&stored.record), stored));
    if let Some((mut state, stored)) = state.filter(|(state, _)| state.flushed < state.next) {
        return match flush::write_some(sm, about).await? {
            flush::Done::Written => Ok(()),
            flush::Done::Blocked(why) if why.may_pass() => {
                flush::show(sm, about, Some(&why)).await?;
                let due = sm.now() + flush::AGAIN;
                store.commit(vec![state::timer(&about.key, &about.id, "deleted", None, due)]).await
            }
            // A bucket that is gone, or another's, holds no deletion: AWS has nowhere to write the rows to.
            flush::Done::Blocked(error) => {
                tracing::warn!(group = about.key.name, %error, "rows of a deleted feature group do not reach S3");
                // The portion that could not be written was noted meanwhile.
                let stored = store.get(&stored.record.key).await?.unwrap_or(stored);
                (state.flushed, state.writing) = (state.next, None);
                store.commit(vec![state.replace(stored, sm.now())]).await
            }
        };
    }
    for kind in [OFFLINE, ONLINE, METADATA] {
        let query = Query {
            filters: vec![Filter::NameStarts(format!("{}/", about.id))],
            limit: TOGETHER,
            ..Query::all(&about.key.account, &about.key.region, kind)
        };
        let found = store.find(query).await?;
        if !found.is_empty() {
            let gone = found.into_iter().map(|found| Write::Delete { key: found.record.key, version: None });
            return store.commit(gone.collect()).await;
        }
    }
    // Tags are written under the same lock, so that none is left behind for a later group of the same name.
    let _guard = sm.exclusive().await;
    let mut batch = vec![cancel];
    batch.extend(sm.news(Kind::FEATURE_GROUP, &found.record, DELETED));
    batch.push(Write::Delete { key: about.key.clone(), version: Some(found.version) });
    batch.push(Write::Delete { key: state::key(&about.key, &about.id), version: None });
    store.commit(batch).await
}
