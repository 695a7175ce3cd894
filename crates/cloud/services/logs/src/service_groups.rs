//! Log groups.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Streams;
use super::service::{Request, after, disk, exists, group, group_arn, invalid, limit, no_group, refuse_members, token};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Key, Record};

/// What the files tell of a group.
struct Summary {
    name: String,
    bytes: u64,
    /// When its first event was stored.
    oldest: Option<i64>,
}

impl Request {
    pub(super) async fn create_group(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, &["kmsKeyId", "deletionProtectionEnabled"])?;
        if call.text("logGroupClass").is_some_and(|class| class != "STANDARD") {
            refuse_members(call, &["logGroupClass"])?;
        }
        let group = call.text("logGroupName").unwrap_or_default();
        let tags = call.input.get("tags").and_then(Value::as_object).into_iter().flatten();
        let tags: Vec<_> = tags.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect();
        let _alone = self.groups().await;
        let there = self.files(|streams, call| {
            let group = call.text("logGroupName").unwrap_or_default();
            // A start looks for groups that were not made whole where there are regions.
            streams.create_region(&call.caller.account, &call.region).map_err(|e| disk(&e))?;
            Ok(streams.has_group(&call.caller.account, &call.region, group))
        });
        if there.await? {
            return Err(exists("log group"));
        }
        // The group is there once its folder is: whenever this process is killed, it has all of its tags or is not there.
        self.forget(call, group).await?;
        self.store().insert(record(call, group), tags, Batch::new()).await?;
        let made = self.files(|streams, call| {
            let group = call.text("logGroupName").unwrap_or_default();
            streams.create_group(&call.caller.account, &call.region, group).map_err(|e| disk(&e))
        });
        match made.await {
            Ok(true) => Ok(Value::Null),
            // A job has written to it meanwhile.
            Ok(false) => Err(exists("log group")),
            Err(error) => {
                self.forget(call, group).await?;
                Err(error)
            }
        }
    }

    pub(super) async fn delete_group(&self, call: &Call) -> Result<Value, ApiError> {
        let _alone = self.groups().await;
        let removed = self.files(|streams, call| {
            let group = call.text("logGroupName").unwrap_or_default();
            streams.delete_group(&call.caller.account, &call.region, group).map_err(|e| disk(&e))
        });
        let removed = removed.await?.ok_or_else(no_group)?;
        // While its files are there, a start knows that it may have to do this.
        self.forget(call, call.text("logGroupName").unwrap_or_default()).await?;
        let cleared = self.files(move |_, _| {
            removed.clear();
            Ok(Value::Null)
        });
        cleared.await
    }

    pub(super) async fn describe_groups(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, &["accountIdentifiers", "includeLinkedAccounts", "logGroupIdentifiers"])?;
        if call.text("logGroupNamePrefix").is_some() && call.text("logGroupNamePattern").is_some() {
            return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
        }
        let (page, next) = self.files(page).await?;
        let mut groups = Vec::with_capacity(page.len());
        for summary in page {
            groups.push(self.describe_group(call, &summary).await?);
        }
        if call.text("logGroupNamePattern").is_some_and(|part| !part.is_empty()) {
            // AWS tells less of groups that it found by a part of their name.
            groups.iter_mut().filter_map(Value::as_object_mut).for_each(|group| drop(group.remove("storedBytes")));
        }
        Ok(json!({"logGroups": groups, "nextToken": next}))
    }

    async fn describe_group(&self, call: &Call, summary: &Summary) -> Result<Value, ApiError> {
        let record = self.group_record(call, &summary.name).await?;
        let oldest = summary.oldest.unwrap_or(i64::MAX).min(call.now.as_millisecond());
        let arn = group_arn(call, &summary.name);
        Ok(json!({
            "logGroupName": summary.name,
            "creationTime": record.as_ref().map_or(oldest, |r| r.created.min(oldest)),
            "retentionInDays": record.map(|r| r.body["retentionInDays"].clone()),
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "storedBytes": summary.bytes,
            "logGroupClass": "STANDARD",
            "deletionProtectionEnabled": false,
        }))
    }

    /// How long AWS would keep the events of a group; older ones are not taken.
    pub(super) async fn retention(&self, call: &Call, group: &str) -> Result<Option<SignedDuration>, ApiError> {
        let days = self.group_record(call, group).await?.and_then(|record| record.body["retentionInDays"].as_i64());
        Ok(days.map(|days| SignedDuration::from_hours(days.saturating_mul(24))))
    }

    pub(super) async fn put_retention(&self, call: &Call) -> Result<Value, ApiError> {
        self.set_retention(call, call.input.get("retentionInDays").unwrap_or(&Value::Null)).await
    }

    pub(super) async fn delete_retention(&self, call: &Call) -> Result<Value, ApiError> {
        self.set_retention(call, &Value::Null).await
    }

    /// Retention is recorded and told; events are not removed by it.
    async fn set_retention(&self, call: &Call, days: &Value) -> Result<Value, ApiError> {
        let group = self.files(group).await?;
        let record = record(call, &group);
        let key = record.key.clone();
        // A group that jobs have made gets its record now.
        self.store().insert(record, Vec::new(), Batch::new()).await?;
        let set = self.store().update(&key, |group, _| {
            group.body["retentionInDays"] = days.clone();
            Ok::<_, ApiError>(())
        });
        set.await?;
        Ok(Value::Null)
    }
}

/// The groups that a call asks for, and the token of those after them.
fn page(streams: &Streams, call: &Call) -> Result<(Vec<Summary>, Option<String>), ApiError> {
    let (account, region) = (&call.caller.account, &call.region);
    let prefix = call.text("logGroupNamePrefix").unwrap_or_default();
    let part = call.text("logGroupNamePattern").unwrap_or_default();
    let after = after(call)?;
    let after = after.as_ref().and_then(Value::as_str);
    let names = streams.groups(account, region);
    let mut rest = names
        .into_iter()
        .filter(|name| name.starts_with(prefix) && name.contains(part) && after.is_none_or(|a| name.as_str() > a));
    let page: Vec<String> = rest.by_ref().take(limit(call, 50)).collect();
    let next = rest.next().and_then(|_| page.last()).map(|name| token(&json!(name)));
    let mut groups = Vec::with_capacity(page.len());
    for name in page {
        let (mut bytes, mut oldest) = (0, None::<i64>);
        for stream in streams.streams(account, region, &name) {
            if let Some(summary) = streams.summary(account, region, &name, &stream).map_err(|e| disk(&e))? {
                bytes += summary.bytes;
                oldest = oldest.into_iter().chain(summary.first_stored).min();
            }
        }
        groups.push(Summary { name, bytes, oldest });
    }
    Ok((groups, next))
}

fn record(call: &Call, group: &str) -> Record {
    let created = call.now.as_millisecond();
    Record {
        key: Key::new(&call.caller.account, &call.region, "log-group", group),
        arn: group_arn(call, group),
        status: String::new(),
        created,
        modified: created,
        body: json!({}),
    }
}
