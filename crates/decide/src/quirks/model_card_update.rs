//! UpdateModelCard takes the content or the status, not both: what differs in both is sent in two updates. An archived
//! card takes no content, so its status comes first, and archiving comes last.

use sagewright_kinds::Kind;
use serde_json::Value;

use crate::diff::Diff;
use crate::observed::Found;
use crate::{Decision, Desired};

const CONTENT: &str = "Content";
const STATUS: &str = "ModelCardStatus";

#[expect(clippy::unnecessary_wraps, reason = "the shape of every quirk")]
pub(super) fn update(
    _: &Kind,
    _: &Desired,
    found: &Found,
    _: &[&Diff],
    input: &mut Value,
) -> Result<(), Box<Decision>> {
    let archived = found.output.get(STATUS).and_then(Value::as_str) == Some("Archived");
    if let Some(map) = input.as_object_mut()
        && map.contains_key(CONTENT)
        && map.contains_key(STATUS)
    {
        map.shift_remove(if archived { CONTENT } else { STATUS });
    }
    Ok(())
}
