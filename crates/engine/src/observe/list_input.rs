//! Inputs of listings.

use sagewright_decide::inputs::{Known, address};
use sagewright_kinds::Kind;
use serde_json::{Map, Value};

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
