//! Finds resources that AWS names by the owner's mark.

use futures_util::{StreamExt, TryStreamExt, stream};
use sagewright_kinds::Kind;
use serde_json::{Map, Value};

use super::Ownership;
use super::calls::{Calls, is_absence};
use super::read::{arn_of, complete_found, member_mark, read_output};
use crate::decide::Desired;
use crate::decide::inputs::{Known, address};
use crate::error::Failure;
use crate::mark::Owner;

/// Reads at the same time while searching.
const AT_ONCE: usize = 8;

/// A listing's input for what is known of a resource.
pub(crate) fn list_input(kind: &Kind, spec: Option<&Value>) -> Value {
    let Some(operation) = kind.row().operations.list.as_deref() else { return Value::Object(Map::new()) };
    let known = Known { spec, arn: None, output: None };
    // Members of the identity address one resource; a listing takes only what the row gives it.
    let mut input = address(kind, "list", operation, known).unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(map) = input.as_object_mut() {
        let given = kind.row().operations.input.get("list");
        map.retain(|member, _| given.is_some_and(|g| g.contains_key(member)));
    }
    input
}

/// The resource that bears an object's mark, among those that AWS names.
pub(crate) async fn by_mark(calls: &Calls, kind: &Kind, desired: &Desired) -> Result<Option<Value>, Failure> {
    match calls.list(kind, list_input(kind, Some(&desired.spec)), usize::MAX).await {
        Ok(items) => marked(calls, kind, &items, &desired.owner()).await,
        Err(failure) if is_absence(&failure) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What a read gives of the one among listed items that bears an owner's mark.
pub(crate) async fn marked(
    calls: &Calls,
    kind: &Kind,
    items: &[Value],
    owner: &Owner,
) -> Result<Option<Value>, Failure> {
    let member = kind.row().tags.mark.as_deref();
    let shown = |item: &Value| member.is_some_and(|m| item.get(m).is_some());
    // Listings that show the member tell at once; others need a read for each item.
    if items.iter().any(shown) {
        let hit =
            items.iter().find(|i| member.and_then(|m| member_mark(i, m)).is_some_and(|mark| owner.is_text(&mark)));
        return match hit.and_then(|i| arn_of(kind, i)) {
            Some(arn) => read_output(calls, kind, Known { arn: Some(&arn), ..Known::default() }).await,
            None => Ok(None),
        };
    }
    let mut reads = stream::iter(items.iter().filter_map(|i| arn_of(kind, i)).collect::<Vec<_>>())
        .map(|arn| async move {
            let known = Known { arn: Some(&arn), ..Known::default() };
            match read_output(calls, kind, known).await? {
                Some(output) => complete_found(calls, kind, output).await.map(Some),
                None => Ok(None),
            }
        })
        .buffered(AT_ONCE);
    while let Some(found) = reads.try_next().await? {
        if let Some(found) = found.filter(|f| matches!(&f.owner, Ownership::Marked(by) if owner.is(by))) {
            return Ok(Some(found.output));
        }
    }
    Ok(None)
}
