//! From rows that wait to objects in S3.
//!
//! Which rows are written, and under which names, is kept before they are written. A process that ends in between is followed by one
//! that writes the same objects again: no row is lost, and none is there twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use sagewright_cloud_core::objects::{ObjectError, put_bytes};
use sagewright_cloud_core::records::{Batch, CommitError, Filter, Key, Query, Record, StoreError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{cut, fields, hidden};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::file;
use super::numbered;
use crate::due::About;
use crate::event_time;
use crate::group::{Group, weight};
use crate::state::{self, BUFFERED, KIND, OFFLINE, State};

/// How long rows wait for others, in milliseconds of the embedded cloud's time. AWS takes up to 15 minutes.
const WAIT: i64 = 15_000;
/// How long rows wait that S3 did not take, likewise.
pub const AGAIN: i64 = 4 * WAIT;
/// After so many rows, they are written at once.
const ROWS: u64 = 2000;
/// Bytes of rows that are written together.
const BYTES: usize = 16 * 1024 * 1024;
/// Rows that are read together: each can have 350 KB.
const READ: usize = 64;

/// Rows that are written together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Portion {
    /// Those before this number.
    pub through: u64,
    /// When, in milliseconds since 1970: what `write_time` shows.
    pub at: i64,
    /// Start of the names' random ends.
    pub salt: String,
}

/// How writing ended.
pub enum Done {
    /// Rows are in S3, or there were none.
    Written,
    /// They are not.
    Blocked(Obstacle),
}

/// Why rows do not reach S3.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// S3 does not take them.
    #[error(transparent)]
    Refused(#[from] ObjectError),
    /// No file can be made of them.
    #[error("{0}")]
    Damaged(String),
    /// This program failed.
    #[error("writing failed: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl Obstacle {
    /// Whether the rows may reach S3 later, though nobody changes anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused(error) => error.may_pass(),
            Self::Damaged(_) => false,
            Self::Broken(_) => true,
        }
    }
}

/// A row as its record has it.
#[derive(Debug, Deserialize)]
pub struct Row {
    /// Event time in milliseconds since 1970.
    pub at: i64,
    /// When it was put, in milliseconds since 1970.
    pub called: i64,
    /// It tells of a deletion.
    pub deleted: bool,
    /// The values, as `FeatureValue`s.
    pub values: Vec<Value>,
}

/// The timer that a new row needs: the first one of those that wait, and each that is one too many.
pub fn timer(group: &Key, id: &str, state: &State, now: i64) -> Option<Write> {
    let waiting = state.next - state.flushed;
    let due = match waiting {
        1 => now + WAIT,
        _ if waiting.is_multiple_of(ROWS) => now,
        _ => return None,
    };
    Some(state::timer(group, id, "flush", None, due))
}

/// A timer of rows is due.
pub async fn due(sm: &SageMaker, about: &About, cancel: Write) -> Result<(), CommitError> {
    let store = &sm.env().store;
    let outcome = write_some(sm, about).await?;
    let state = store.get(&state::key(&about.key, &about.id)).await?.map(|found| State::read(&found.record));
    let more = state.is_some_and(|state| state.flushed < state.next && !state.closed);
    let blocked = match outcome {
        Done::Written => None,
        Done::Blocked(why) => Some(why),
    };
    let wait = if blocked.is_some() { AGAIN } else { 0 };
    show(sm, about, blocked.as_ref()).await?;
    let next = if more { state::timer(&about.key, &about.id, "flush", None, sm.now() + wait) } else { cancel };
    store.commit(vec![next]).await
}

/// Records whether the group's offline store takes rows, which is its `OfflineStoreStatus`.
pub async fn show(sm: &SageMaker, about: &About, blocked: Option<&Obstacle>) -> Result<(), StoreError> {
    let blocked = blocked.map(|why| cut(&why.to_string()).to_owned());
    let store = &sm.env().store;
    let shown = store.shared(&about.key).await?.map(|found| found.record.body["_"]["blocked"].clone());
    let wanted = blocked.as_ref().map_or(Value::Null, |why| json!(why));
    if shown.is_none_or(|shown| shown == wanted) {
        return Ok(());
    }
    let shown = store.update(&about.key, |record, _| {
        let hidden = hidden(fields(record)?);
        match &blocked {
            Some(why) => hidden.insert("blocked".to_owned(), json!(why)),
            None => hidden.shift_remove("blocked"),
        };
        Ok::<_, sagewright_cloud_core::api::ApiError>(())
    });
    shown.await.map(drop)
}

/// Writes some of the rows that wait; the caller has the group's turn.
pub async fn write_some(sm: &SageMaker, about: &About) -> Result<Done, CommitError> {
    let store = &sm.env().store;
    let state_key = state::key(&about.key, &about.id);
    let Some(found) = store.get(&about.key).await? else { return Ok(Done::Written) };
    let group = Group::read(&found.record);
    let Some(found) = store.get(&state_key).await? else { return Ok(Done::Written) };
    let mut state = State::read(&found.record);
    if state.flushed >= state.next || group.id != about.id {
        return Ok(Done::Written);
    }
    let rows = read(sm, &group, &state).await?;
    let portion = match state.writing.clone() {
        Some(portion) => portion,
        None => {
            let portion = Portion {
                through: state.flushed + rows.len() as u64,
                at: sm.now(),
                salt: Uuid::new_v4().simple().to_string()[..10].to_owned(),
            };
            state.writing = Some(portion.clone());
            store.commit(vec![state.replace(found, sm.now())]).await?;
            portion
        }
    };
    let count = usize::try_from(portion.through - state.flushed).unwrap_or(usize::MAX);
    if let Err(error) = put(sm, &group, &portion, rows, count).await {
        tracing::warn!(group = group.name, %error, "rows do not reach the offline store");
        return Ok(Done::Blocked(error));
    }
    let Some(found) = store.get(&state_key).await? else { return Ok(Done::Written) };
    let mut state = State::read(&found.record);
    let written = state.flushed..portion.through;
    let mut batch: Batch = written
        .map(|number| Write::Delete { key: state::key_within(&group, OFFLINE, &numbered(number)), version: None })
        .collect();
    state.flushed = portion.through;
    state.writing = None;
    batch.push(state.replace(found, sm.now()));
    store.commit(batch).await?;
    Ok(Done::Written)
}

/// The rows that are being written, or else as many as are written together.
async fn read(sm: &SageMaker, group: &Group, state: &State) -> Result<Vec<Record>, StoreError> {
    let prefix = format!("{}/", group.id);
    let most = state.writing.as_ref().map_or(ROWS, |portion| portion.through - state.flushed);
    let (mut rows, mut bytes, mut after): (Vec<Record>, usize, Option<(Value, String)>) = (Vec::new(), 0, None);
    while (rows.len() as u64) < most {
        let limit = READ.min(usize::try_from(most).unwrap_or(READ) - rows.len());
        let query = Query {
            filters: vec![Filter::NameStarts(prefix.clone())],
            after: after.take(),
            limit,
            ..Query::all(&group.key.account, &group.key.region, OFFLINE)
        };
        let found = sm.env().store.find(query).await?;
        let full = found.len() == limit;
        after = found.last().map(|last| (last.position.clone(), last.tie.clone()));
        for found in found {
            bytes += found.record.body["values"].as_array().into_iter().flatten().map(weight).sum::<usize>();
            rows.push(found.record);
        }
        // What was kept as one portion is written as one, whatever its size.
        if !full || (bytes >= BYTES && state.writing.is_none()) {
            break;
        }
    }
    Ok(rows)
}

/// Writes rows, an object for each hour of event time.
async fn put(
    sm: &SageMaker,
    group: &Group,
    portion: &Portion,
    rows: Vec<Record>,
    count: usize,
) -> Result<(), Obstacle> {
    let Some((bucket, prefix)) = group.offline.clone() else { return Ok(()) };
    let mut hours: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for record in rows.into_iter().take(count) {
        let row = Row::deserialize(&record.body);
        let row = row.map_err(|error| Obstacle::Damaged(format!("a row is damaged: {error}")))?;
        hours.entry(row.at.div_euclid(3_600_000)).or_default().push(row);
    }
    let objects = Arc::clone(&sm.env().objects);
    let folder = sm.env().work.join("feature-store");
    let (account, definitions, portion) = (group.key.account.clone(), group.definitions.clone(), portion.clone());
    let written = tokio::task::spawn_blocking(move || {
        for (number, (_, rows)) in hours.iter().enumerate() {
            let key = format!("{prefix}/{}", name(rows, &portion, number));
            let bytes = file::parquet(&definitions, rows, portion.at).map_err(Obstacle::Damaged)?;
            put_bytes(&*objects, &folder, &account, (&bucket, &key), &bytes)?;
        }
        Ok(())
    });
    written.await?
}

/// `year=2020/month=06/day=30/hour=00/20200630T004401Z_108934320012Az11.parquet`: the hour of the rows, their latest event
/// time, and 16 letters and digits.
fn name(rows: &[Row], portion: &Portion, number: usize) -> String {
    let latest = rows.iter().map(|row| row.at).max().unwrap_or_default();
    let day = event_time::utc(latest).strftime("year=%Y/month=%m/day=%d/hour=%H/%Y%m%dT%H%M%SZ");
    format!("{day}_{}{number:06x}.parquet", portion.salt)
}

/// How many bytes the key of an object has behind the group's prefix.
pub const TAIL: usize = "/year=2020/month=06/day=30/hour=00/20200630T004401Z_108934320012Az11.parquet".len();

/// Writes all rows that wait, of all groups: the process is about to end. What S3 does not take stays for the next process.
pub async fn flush_all(sm: &SageMaker) {
    let buffered = match sm.env().store.with_status(KIND, BUFFERED).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "rows for offline stores wait for the next start");
            return;
        }
    };
    for record in buffered {
        let Key { account, region, name: id, .. } = &record.key;
        let group = record.body["group"].as_str().unwrap_or_default();
        let key = Key::new(account, region, Kind::FEATURE_GROUP.as_str(), group);
        let about = About { key, id: id.clone() };
        let _turn = sm.turn(id).await;
        loop {
            let waiting = async {
                let found = sm.env().store.get(&state::key(&about.key, id)).await?;
                let state = found.map(|found| State::read(&found.record));
                let waits = state.is_some_and(|state| state.flushed < state.next);
                Ok::<bool, CommitError>(waits && matches!(write_some(sm, &about).await?, Done::Written))
            };
            match waiting.await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(group, %error, "rows for an offline store wait for the next start");
                    break;
                }
            }
        }
    }
}
