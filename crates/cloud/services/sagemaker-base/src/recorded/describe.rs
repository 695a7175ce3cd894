//! `Describe…` of a recorded kind.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use serde_json::{Map, Value};

use super::{answer, located};
use crate::SageMaker;
use crate::kind::Kind;
use crate::resource;

/// Shows a resource.
///
/// # Errors
/// There is none.
pub async fn describe(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    let (key, arn) = located(sm, call, kind).await?;
    let record = sm.env().store.record(&key).await?.ok_or_else(|| kind.missing(&arn))?;
    Ok(answer(call, kind, shown(kind, record)))
}

/// All members that answers may show of a record.
#[must_use]
pub fn shown(kind: Kind, record: Record) -> Map<String, Value> {
    let name = record.key.name.clone();
    let mut out = resource::describe(kind, record);
    for (member, source) in kind.0.aliases {
        let value = match source.strip_prefix('=') {
            Some(constant) => {
                let text = constant.replace("{id}", &name);
                Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
            }
            None => pointer(&out, source).cloned(),
        };
        if let Some(value) = value {
            out.entry((*member).to_owned()).or_insert(value);
        }
    }
    out
}

fn pointer<'a>(map: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let value = map.get(first)?;
    if rest.is_empty() { Some(value) } else { value.pointer(&format!("/{rest}")) }
}
