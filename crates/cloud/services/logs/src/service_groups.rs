//! Log groups.

use std::sync::PoisonError;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::service::{LogsService, after, disk, exists, group_arn, invalid, limit, no_group, refuse_members, token};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::{Key, Record};

impl LogsService {
    pub(super) fn create_group(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, &["kmsKeyId", "deletionProtectionEnabled"])?;
        if call.text("logGroupClass").is_some_and(|class| class != "STANDARD") {
            refuse_members(call, &["logGroupClass"])?;
        }
        let group = call.text("logGroupName").unwrap_or_default();
        let tags = call.input.get("tags").and_then(Value::as_object).into_iter().flatten();
        let tags: Vec<_> = tags.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect();
        let (account, region) = (&call.caller.account, &call.region);
        let _alone = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if self.streams.has_group(account, region, group) {
            return Err(exists("log group"));
        }
        // The group is there once its folder is: whenever this process is killed, it has all of its tags or is not there.
        self.forget(call, group)?;
        self.store.insert(&record(call, group, call.now.as_millisecond()), &tags)?;
        match self.streams.create_group(account, region, group) {
            Ok(true) => Ok(Value::Null),
            // A job has written to it meanwhile.
            Ok(false) => Err(exists("log group")),
            Err(error) => {
                self.forget(call, group)?;
                Err(disk(&error))
            }
        }
    }

    pub(super) fn delete_group(&self, call: &Call) -> Result<Value, ApiError> {
        let group = call.text("logGroupName").unwrap_or_default();
        let _alone = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.streams.delete_group(&call.caller.account, &call.region, group).map_err(|e| disk(&e))? {
            return Err(no_group());
        }
        self.forget(call, group)?;
        Ok(Value::Null)
    }

    /// Removes all that the database knows of a group without a folder: a later one of that name inherits nothing.
    fn forget(&self, call: &Call, group: &str) -> Result<(), ApiError> {
        let (account, region) = (&call.caller.account, &call.region);
        // A group that jobs have made has tags, and no record.
        let arn = group_arn(call, group);
        let tags: Vec<String> = self.store.tags(&arn)?.into_iter().map(|(key, _)| key).collect();
        if !tags.is_empty() {
            self.store.delete_tags(&arn, &tags)?;
        }
        self.store.delete(&Key::new(account, region, "log-group", group))?;
        let streams = self.store.list(account, region, "log-stream")?;
        for stream in streams.into_iter().filter(|s| s.body["group"] == group) {
            self.store.delete(&stream.key)?;
        }
        Ok(())
    }

    pub(super) fn describe_groups(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, &["accountIdentifiers", "includeLinkedAccounts", "logGroupIdentifiers"])?;
        let (prefix, part) = (call.text("logGroupNamePrefix"), call.text("logGroupNamePattern"));
        if prefix.is_some() && part.is_some() {
            return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
        }
        let (prefix, part) = (prefix.unwrap_or_default(), part.unwrap_or_default());
        let after = after(call)?;
        let after = after.as_ref().and_then(Value::as_str);
        let names = self.streams.groups(&call.caller.account, &call.region);
        let mut rest = names
            .into_iter()
            .filter(|name| name.starts_with(prefix) && name.contains(part) && after.is_none_or(|a| name.as_str() > a));
        let page: Vec<String> = rest.by_ref().take(limit(call, 50)).collect();
        let next = rest.next().and_then(|_| page.last()).map(|name| token(&json!(name)));
        let mut groups = page.iter().map(|name| self.describe_group(call, name)).collect::<Result<Vec<_>, _>>()?;
        if !part.is_empty() {
            // AWS tells less of groups that it found by a part of their name.
            groups.iter_mut().filter_map(Value::as_object_mut).for_each(|group| drop(group.remove("storedBytes")));
        }
        Ok(json!({"logGroups": groups, "nextToken": next}))
    }

    fn describe_group(&self, call: &Call, group: &str) -> Result<Value, ApiError> {
        let (account, region) = (&call.caller.account, &call.region);
        let record = self.group_record(call, group)?;
        let (mut bytes, mut oldest) = (0, call.now.as_millisecond());
        for stream in self.streams.streams(account, region, group) {
            if let Some(summary) = self.streams.summary(account, region, group, &stream).map_err(|e| disk(&e))? {
                bytes += summary.bytes;
                oldest = summary.first_stored.map_or(oldest, |stored| oldest.min(stored));
            }
        }
        let arn = group_arn(call, group);
        Ok(json!({
            "logGroupName": group,
            "creationTime": record.as_ref().map_or(oldest, |r| r.created.min(oldest)),
            "retentionInDays": record.map(|r| r.body["retentionInDays"].clone()),
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "storedBytes": bytes,
            "logGroupClass": "STANDARD",
            "deletionProtectionEnabled": false,
        }))
    }

    /// How long AWS would keep the events of a group; older ones are not taken.
    pub(super) fn retention(&self, call: &Call, group: &str) -> Result<Option<SignedDuration>, ApiError> {
        let days = self.group_record(call, group)?.and_then(|record| record.body["retentionInDays"].as_i64());
        Ok(days.map(|days| SignedDuration::from_hours(days.saturating_mul(24))))
    }

    /// Retention is recorded and told; events are not removed by it.
    pub(super) fn set_retention(&self, call: &Call, days: Option<Value>) -> Result<Value, ApiError> {
        let group = self.group(call)?;
        // A group that jobs have made gets its record now.
        self.store.insert(&record(call, &group, call.now.as_millisecond()), &[])?;
        let key = Key::new(&call.caller.account, &call.region, "log-group", &group);
        self.store.update(&key, |r| {
            r.body["retentionInDays"] = days.unwrap_or(Value::Null);
            Ok::<_, ApiError>(())
        })?;
        Ok(Value::Null)
    }
}

fn record(call: &Call, group: &str, created: i64) -> Record {
    Record {
        key: Key::new(&call.caller.account, &call.region, "log-group", group),
        arn: group_arn(call, group),
        status: String::new(),
        created,
        modified: created,
        body: json!({}),
    }
}
