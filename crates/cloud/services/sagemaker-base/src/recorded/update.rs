//! `Update…` of a recorded kind.

use sagewright_cloud_core::api::{ApiError, Call};
use serde_json::Value;

use super::{answer, describe, life, located};
use crate::kind::{Kind, Naming};
use crate::resource::{body, fields, user};
use crate::{SageMaker, refuse};

/// Replaces the members that a request gives.
///
/// # Errors
/// There is no such resource, or its status takes no update.
pub async fn update(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    refuse::members("", &call.input, kind.0.refused)?;
    if call.input.get("Tags").is_some_and(|tags| !tags.is_null()) {
        return Err(refuse::instead("Tags in an update", "Use AddTags and DeleteTags"));
    }
    let (key, arn) = located(sm, call, kind).await?;
    let names = match kind.0.naming {
        Naming::Members(names) => names,
        Naming::Id { member, .. } => &[member][..],
    };
    let mut without = vec!["Tags", "ClientToken", "ClientRequestToken"];
    without.extend_from_slice(names);
    let given = body(call, &without);
    let now = call.now.as_millisecond();
    let changed = sm
        .change(kind, &key, |record| {
            life::takes(kind, record, |life| life.updatable, "updated")?;
            let version = record.body.get(kind.0.version);
            if let Some(target) = call.input.get("TargetVersion").filter(|t| !t.is_null() && Some(*t) != version) {
                return Err(ApiError::new(
                    "ConflictException",
                    400,
                    format!("TargetVersion {target} is not the current version of {}.", record.arn),
                ));
            }
            record.modified = now;
            if let Some(life) = kind.0.status.filter(|life| !life.updated.is_empty()) {
                life.updated.clone_into(&mut record.status);
            }
            let stored = fields(record)?;
            for (member, value) in given.clone() {
                if let Some((_, cleared)) = kind.0.cleared.iter().find(|(switch, _)| *switch == member) {
                    if value == Value::Bool(true) {
                        stored.remove(*cleared);
                    }
                    continue;
                }
                if let Some((_, map)) = kind.0.removed.iter().find(|(keys, _)| *keys == member) {
                    if let Some(Value::Object(map)) = stored.get_mut(*map) {
                        let keys = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                        keys.for_each(|key| drop(map.remove(key)));
                    }
                    continue;
                }
                if kind.0.merged.contains(&&*member)
                    && let (Some(Value::Object(map)), Value::Object(more)) = (stored.get_mut(&member), &value)
                {
                    map.extend(more.clone());
                    continue;
                }
                stored.insert(member, value);
            }
            if let Some(version) = stored.get(kind.0.version).and_then(Value::as_i64) {
                stored.insert(kind.0.version.to_owned(), (version + 1).into());
            }
            stored.insert("LastModifiedBy".to_owned(), user(call));
            Ok(record.clone())
        })
        .await?;
    let record = changed.ok_or_else(|| kind.missing(&arn))?;
    Ok(answer(call, kind, describe::shown(kind, record)))
}
