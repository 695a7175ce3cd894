//! `Create…` of a recorded kind.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use serde_json::{Value, json};

use super::{answer, describe, names, new_id};
use crate::inputs::tags;
use crate::kind::{Kind, Naming};
use crate::resource::{HIDDEN, arn, body, key, user};
use crate::{SageMaker, refuse};

/// Records a resource.
///
/// # Errors
/// The name is in use, a role cannot be assumed, or the tags are wrong.
pub async fn create(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    let tags = tags(call)?;
    refuse::members("", &call.input, kind.0.refused)?;
    let mut stored = body(call, &["Tags", "ClientToken", "ClientRequestToken"]);
    let (name, arn_name) = match kind.0.naming {
        Naming::Members(members) => names(call, kind, members)?,
        Naming::Id { member, prefix } => {
            let id = new_id(prefix);
            if !member.ends_with("Arn") {
                stored.insert(member.to_owned(), json!(id));
            }
            (id.clone(), id)
        }
    };
    for (member, prefix) in kind.0.generated {
        stored.insert((*member).to_owned(), json!(new_id(prefix)));
    }
    if !kind.0.version.is_empty() {
        stored.insert(kind.0.version.to_owned(), json!(1));
    }
    let user = user(call);
    stored.insert("CreatedBy".to_owned(), user.clone());
    stored.insert("LastModifiedBy".to_owned(), user);
    stored.insert(HIDDEN.to_owned(), json!({}));
    let now = call.now.as_millisecond();
    let record = Record {
        key: key(call, kind, &name),
        arn: match kind.0.naming {
            // An id keeps its capitals.
            Naming::Id { .. } => call.arn(&format!("{}/{arn_name}", kind.as_str())),
            Naming::Members(_) if kind.0.arn_id => arn(call, kind, &new_id("")),
            Naming::Members(_) => arn(call, kind, &arn_name),
        },
        status: kind.0.status.map_or("", |life| life.created).to_owned(),
        created: now,
        modified: now,
        body: Value::Object(stored),
    };
    for role in ["RoleArn", "ExecutionRoleArn", "ExecutionRole"] {
        sm.check_role(call, call.text(role), &record.arn).await?;
    }
    sm.insert_record(kind, record.clone(), tags).await?;
    Ok(answer(call, kind, describe::shown(kind, record)))
}
