//! The kinds of resources: how their ARNs, keys, members and errors look. What is common to all kinds is here once.

use sagewright_model::Arn;
use serde_json::{Map, Value, json};

use super::SageMaker;
pub use super::kind::Kind;
use super::recorded::life;
use super::state::DELETED;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, CommitError, Key, Record, Write};

/// Member of a stored body that no answer shows.
pub const HIDDEN: &str = "_";

/// Which run of a job or deployment a record is about, from 0. What an earlier run tells afterwards is not recorded.
#[must_use]
pub fn epoch(record: &Record) -> u64 {
    record.body[HIDDEN]["epoch"].as_u64().unwrap_or(0)
}

/// The number of the next version of what a record stands for, from 1. Numbers count up in the record, so that none is used
/// twice.
///
/// # Errors
/// The record is damaged.
pub fn next_version(record: &mut Record) -> Result<u64, ApiError> {
    let hidden = hidden(fields(record)?);
    let next = hidden.get("versions").and_then(Value::as_u64).unwrap_or(0) + 1;
    hidden.insert("versions".to_owned(), json!(next));
    Ok(next)
}

/// The hidden members of a stored body, to change.
pub fn hidden(stored: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let hidden = stored.entry(HIDDEN).or_insert_with(|| json!({}));
    if !hidden.is_object() {
        *hidden = json!({});
    }
    match hidden {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object"),
    }
}

/// Names differ by more than case: AWS writes them in lower case in ARNs, and so do the keys.
pub fn key(call: &Call, kind: Kind, name: &str) -> Key {
    Key::new(&call.caller.account, &call.region, kind.as_str(), &name.to_ascii_lowercase())
}

/// ARN of a resource of the caller's account and region.
#[must_use]
pub fn arn(call: &Call, kind: Kind, name: &str) -> String {
    call.arn(&format!("{}/{}", kind.as_str(), name.to_ascii_lowercase()))
}

/// Key and ARN of a resource that a caller names by name or by ARN. An ARN of another account, region or kind names
/// nothing that the caller can see.
pub fn locate(call: &Call, kind: Kind, name_or_arn: &str) -> Result<(Key, String), ApiError> {
    let Some(rest) = name_or_arn.strip_prefix("arn:").map(|_| name_or_arn) else {
        return Ok((key(call, kind, name_or_arn), arn(call, kind, name_or_arn)));
    };
    let (found, name) = parse_arn(call, rest).ok_or_else(|| kind.missing(name_or_arn))?;
    if found != kind {
        return Err(kind.missing(name_or_arn));
    }
    Ok((key(call, kind, &name), arn(call, kind, &name)))
}

/// Kind and name of an ARN of the caller's own account and region.
pub fn parse_arn(call: &Call, text: &str) -> Option<(Kind, String)> {
    let arn: Arn = text.parse().ok()?;
    if arn.service != "sagemaker" || arn.region != call.region || arn.account != call.caller.account {
        return None;
    }
    let (kind, name) = arn.resource.split_once('/')?;
    let kind = Kind::all().find(|k| k.as_str().eq_ignore_ascii_case(kind))?;
    Some((kind, name.to_owned()))
}

/// Epoch seconds.
#[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are far below 2^52
#[must_use]
pub const fn epoch_seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// Epoch seconds, as the JSON protocols write time.
pub fn seconds(millis: i64) -> Value {
    json!(epoch_seconds(millis))
}

/// Members that a record itself knows, by the names that kinds have for them.
const CREATED: &[&str] = &["CreationTime", "CreateDate", "CreatedAt"];
const MODIFIED: &[&str] = &["LastModifiedTime", "LastUpdatedDate", "LastModifiedAt"];

/// A record as its describe operation shows it.
pub fn describe(kind: Kind, record: Record) -> Map<String, Value> {
    let shape = sagewright_model::service("sagemaker").and_then(|s| {
        let output = s.output(&format!("Describe{}", kind.0.noun))?;
        output.members.get(kind.0.wrapper).map_or(Some(output), |inner| s.target(inner))
    });
    let shows = |member: &str| shape.is_some_and(|s| s.members.contains_key(member));
    let mut out = match record.body {
        Value::Object(body) => body,
        _ => Map::new(),
    };
    out.shift_remove(HIDDEN);
    out.insert(kind.arn_member(), Value::String(record.arn));
    out.extend(CREATED.iter().filter(|m| shows(m)).map(|m| ((*m).to_owned(), seconds(record.created))));
    if let Some(life) = kind.0.status {
        out.insert(life.member.to_owned(), Value::String(record.status));
    }
    // A model package that was never changed shows no time of a change.
    if kind != Kind::MODEL_PACKAGE || record.modified != record.created {
        out.extend(MODIFIED.iter().filter(|m| shows(m)).map(|m| ((*m).to_owned(), seconds(record.modified))));
    }
    out
}

/// The chosen members of a described record, for summaries.
pub fn pick(mut described: Map<String, Value>, members: &[&str]) -> Value {
    members.iter().filter_map(|m| described.swap_remove(*m).map(|v| ((*m).to_owned(), v))).collect::<Map<_, _>>().into()
}

/// The input without what is kept elsewhere.
pub fn body(call: &Call, without: &[&str]) -> Map<String, Value> {
    let mut body = match &call.input {
        Value::Object(input) => input.clone(),
        _ => Map::new(),
    };
    // The wire ignores members that the model does not have, as AWS does; what is kept must not be written by them.
    let shape = call.service.input(&call.operation.name);
    let known = |member: &str| shape.is_some_and(|shape| shape.members.contains_key(member));
    body.retain(|member, value| !value.is_null() && known(member) && !without.contains(&member.as_str()));
    body
}

/// A required text member. Validation against the model has made sure of it.
pub fn required<'a>(call: &'a Call, member: &str) -> Result<&'a str, ApiError> {
    call.text(member).ok_or_else(|| {
        ApiError::validation(format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            sagewright_model::name::to_message(member)
        ))
    })
}

impl SageMaker {
    /// The record that a caller names, or the kind's own "not found".
    pub async fn find(&self, call: &Call, kind: Kind, name_or_arn: &str) -> Result<Record, ApiError> {
        let (key, arn) = locate(call, kind, name_or_arn)?;
        self.env().store.record(&key).await?.ok_or_else(|| kind.missing(&arn))
    }

    /// The record of an ARN of the caller's own, `name` being what follows its type.
    ///
    /// # Errors
    /// There is none.
    pub async fn of_arn(&self, call: &Call, kind: Kind, name: &str, arn: &str) -> Result<Record, ApiError> {
        if !kind.0.arn_id && kind.0.marked.is_empty() {
            return self.find(call, kind, name).await;
        }
        let records = self.env().store.list(&call.caller.account, &call.region, kind.as_str()).await?;
        records.into_iter().find(|r| r.arn == arn).ok_or_else(|| kind.missing(arn))
    }

    /// Adds a record, and tells its ARN, or answers that its name is taken.
    pub async fn insert(
        &self,
        call: &Call,
        kind: Kind,
        name: &str,
        status: &str,
        body: Map<String, Value>,
        tags: Vec<(String, String)>,
    ) -> Result<String, ApiError> {
        let record = Self::record(call, kind, name, status, body);
        let arn = record.arn.clone();
        self.insert_record(kind, record, tags).await?;
        Ok(arn)
    }

    /// A record that a call creates.
    #[must_use]
    pub fn record(call: &Call, kind: Kind, name: &str, status: &str, body: Map<String, Value>) -> Record {
        let now = call.now.as_millisecond();
        Record {
            key: key(call, kind, name),
            arn: arn(call, kind, name),
            status: status.to_owned(),
            created: now,
            modified: now,
            body: Value::Object(body),
        }
    }

    /// Adds a record, or answers that its name is taken. Its status is news.
    ///
    /// # Errors
    /// The name is taken.
    pub async fn insert_record(&self, kind: Kind, record: Record, tags: Vec<(String, String)>) -> Result<(), ApiError> {
        let mut more = self.news(kind, &record, &record.status);
        more.extend(life::timer(kind, &record, record.created));
        let due = first_timer(&more);
        let arn = record.arn.clone();
        if !self.env().store.insert(record, tags, more).await? {
            return Err(kind.taken(&arn));
        }
        self.committed(due);
        Ok(())
    }

    /// Changes a record; `change` may be called again where another change came first. A changed status is news. `None`
    /// where there is no such record.
    ///
    /// # Errors
    /// What `change` refuses with.
    pub async fn change<T>(
        &self,
        kind: Kind,
        key: &Key,
        mut change: impl FnMut(&mut Record) -> Result<T, ApiError> + Send,
    ) -> Result<Option<T>, ApiError> {
        self.change_with(kind, key, |record, _| change(record)).await
    }

    /// As [`SageMaker::change`], with further writes that `change` puts into the same commit.
    ///
    /// # Errors
    /// What `change` refuses with.
    pub async fn change_with<T>(
        &self,
        kind: Kind,
        key: &Key,
        mut change: impl FnMut(&mut Record, &mut Batch) -> Result<T, ApiError> + Send,
    ) -> Result<Option<T>, ApiError> {
        let mut due = None;
        let now = self.now();
        let out = self
            .env()
            .store
            .update(key, |record, batch| {
                let before = statuses(kind, record);
                let out = change(record, batch)?;
                if record.status != before.0 {
                    batch.extend(life::timer(kind, record, now));
                }
                batch.extend(self.news_since(kind, &before, record));
                due = first_timer(batch);
                Ok::<T, ApiError>(out)
            })
            .await?;
        let out = out.transpose()?;
        self.committed(due);
        Ok(out)
    }

    /// A write that depends on no record's version.
    ///
    /// # Errors
    /// The store failed.
    pub async fn write(&self, write: Write) -> Result<(), ApiError> {
        Ok(self.env().store.write(write).await?)
    }

    /// Removes a record and its tags, as it was when `check` allowed it; answers "not found" where there is none.
    ///
    /// # Errors
    /// There is none, or `check` refuses.
    pub async fn remove_if(
        &self,
        kind: Kind,
        key: &Key,
        arn: &str,
        check: impl Fn(&Record) -> Result<(), ApiError> + Send,
    ) -> Result<Record, ApiError> {
        // Tags are written under the same lock, so that none is left behind for a later resource of the same name.
        let _guard = self.exclusive().await;
        loop {
            let Some(found) = self.env().store.get(key).await? else { return Err(kind.missing(arn)) };
            check(&found.record)?;
            let mut batch = vec![Write::Delete { key: key.clone(), version: Some(found.version) }];
            batch.extend(self.news(kind, &found.record, DELETED));
            match self.env().store.commit(batch).await {
                Ok(()) => {
                    self.committed(None);
                    return Ok(found.record);
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// Removes a record and its tags; answers "not found" where there is none.
    ///
    /// # Errors
    /// There is none.
    pub async fn remove(&self, kind: Kind, key: &Key, arn: &str) -> Result<(), ApiError> {
        self.remove_if(kind, key, arn, |_| Ok(())).await.map(drop)
    }
}

/// When the first timer that a commit sets is due, in milliseconds since 1970.
pub fn first_timer(batch: &Batch) -> Option<i64> {
    let due = |write: &Write| if let Write::SetTimer(timer) = write { Some(timer.due) } else { None };
    batch.iter().filter_map(due).min()
}

/// Status and second status of a record.
pub(crate) fn statuses(kind: Kind, record: &Record) -> (String, Option<Value>) {
    (record.status.clone(), record.body.get(kind.0.second_status).cloned())
}

/// The stored members of a record, to change.
pub fn fields(record: &mut Record) -> Result<&mut Map<String, Value>, ApiError> {
    let arn = &record.arn;
    record
        .body
        .as_object_mut()
        .ok_or_else(|| ApiError::internal(format!("the stored {arn} is damaged; `sagewright local reset` starts over")))
}

/// AWS's limit of `FailureReason`, in characters.
pub const MAX_REASON: usize = 1024;

/// The first 1,024 characters of a `FailureReason`.
pub fn cut(reason: &str) -> &str {
    reason.char_indices().nth(MAX_REASON).map_or(reason, |(end, _)| &reason[..end])
}

/// `CreatedBy` and `LastModifiedBy`: the principal that called.
#[must_use]
pub fn user(call: &Call) -> Value {
    json!({ "IamIdentity": { "Arn": call.caller.principal_arn, "PrincipalId": call.caller.user_id } })
}
