//! `FieldExport`: a field of an object, copied into a ConfigMap or a Secret that is there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagewright_decide::conditions::SYNCED;
use sagewright_kinds::{Path, get};
use sagewright_objects::Object;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AGAIN, Companion, Step, Tools};
use crate::api::{ApiError, Place};
use crate::conditions::holds;
use crate::scope::{account_map, team_map};

/// Exports of fields.
pub(crate) struct FieldExports;

#[derive(Debug, Deserialize)]
struct Spec {
    from: From,
    to: To,
}

#[derive(Debug, Deserialize)]
struct From {
    path: String,
    resource: Resource,
}

#[derive(Debug, Deserialize)]
struct Resource {
    group: String,
    kind: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct To {
    kind: String,
    name: String,
    namespace: Option<String>,
    key: Option<String>,
}

impl Companion for FieldExports {
    const NAMES: (&'static str, &'static str) = ("FieldExport", "fieldexports");

    fn source(spec: &Value) -> Option<[String; 3]> {
        let Resource { group, kind, name } = Spec::deserialize(spec).ok()?.from.resource;
        Some([group, kind, name])
    }

    async fn step(tools: &Tools, object: &Object) -> Result<Step, ApiError> {
        let spec = match Spec::deserialize(&object.spec) {
            Ok(spec) => spec,
            Err(error) => return Ok(Step::Never(format!("the spec cannot be read: {error}"))),
        };
        let Spec { from: From { path, resource }, to } = spec;
        let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
        let Some(kind) =
            sagewright_kinds::all().iter().find(|k| k.group() == resource.group && k.name() == resource.kind)
        else {
            return Ok(Step::Never(format!("there is no kind {} in the group {}", resource.kind, resource.group)));
        };
        let there = to.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(namespace);
        if there != namespace && !tools.cross_namespace {
            return Ok(Step::Never(format!("{there} is another namespace, and --enable-cross-namespace is false")));
        }
        let (plural, secret) = match to.kind.to_ascii_lowercase().as_str() {
            "configmap" => ("configmaps", false),
            "secret" => ("secrets", true),
            other => return Ok(Step::Never(format!("`{other}` is not configmap or secret"))),
        };
        if !secret && says_roles(&tools.own_namespace, there, &to.name) {
            let why = "says which roles the controller takes on: an export must not write to it";
            return Ok(Step::Never(format!("the ConfigMap {there}/{} {why}", to.name)));
        }
        let field = match field_path(&path) {
            Ok(field) => field,
            Err(why) => return Ok(Step::Never(why)),
        };
        let what = format!("the {} {}", resource.kind, resource.name);
        let Some(source) = tools.api.get(&Place::of(kind, namespace), &resource.name).await? else {
            return Ok(Step::Later(format!("{what} is not there"), AGAIN));
        };
        if !holds(source.get("status").unwrap_or(&Value::Null), SYNCED) {
            return Ok(Step::Later(format!("{what} is not synced yet"), AGAIN));
        }
        let text = match get(&source, &field) {
            None | Some(Value::Null) => return Ok(Step::Later(format!("{what} has no {path} yet"), AGAIN)),
            Some(Value::String(text)) => text.clone(),
            Some(plain @ (Value::Bool(_) | Value::Number(_))) => plain.to_string(),
            Some(_) => return Ok(Step::Never(format!("{path} of {what} is neither text, number nor truth value"))),
        };
        let place = Place::new("", "v1", Some(there), plural);
        let missing = || Step::Later(format!("the {} {there}/{} is not there: create it", to.kind, to.name), AGAIN);
        let Some(target) = tools.api.get(&place, &to.name).await? else { return Ok(missing()) };
        let key = to
            .key
            .clone()
            .filter(|key| !key.is_empty())
            .unwrap_or_else(|| format!("{namespace}.{}", object.metadata.name));
        let value = if secret { STANDARD.encode(text) } else { text };
        if target.get("data").and_then(|data| data.get(&key)).and_then(Value::as_str) == Some(value.as_str()) {
            return Ok(Step::Done(SYNCED));
        }
        let written = tools.api.patch(&place, &to.name, &json!({"data": {key: value}})).await?;
        Ok(written.map_or_else(missing, |_| Step::Done(SYNCED)))
    }
}

/// Whether a ConfigMap is one from which the operator has its roles: whoever may write an export may not choose them.
fn says_roles(own_namespace: &str, namespace: &str, name: &str) -> bool {
    namespace == own_namespace && [account_map(), team_map()].contains(&name)
}

/// A path of jq's that names one field: `.status.endpointStatus`, `.spec.productionVariants[0].modelName`, `.a["b"]`.
fn field_path(text: &str) -> Result<Path, String> {
    let wrong = || format!("`{text}` names no single field: write it as .status.endpointStatus or .spec.items[0].name");
    let rest = text.strip_prefix('.').filter(|rest| !rest.starts_with('.')).ok_or_else(wrong)?;
    let plain = rest.replace("[\"", ".").replace("\"]", "");
    let plain = plain.strip_prefix('.').unwrap_or(&plain);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '[' | ']');
    if plain.is_empty() || plain.contains("..") || plain.contains("[]") || !plain.chars().all(fits) {
        return Err(wrong());
    }
    Ok(Path::parse(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_maps_of_roles_are_those_of_the_own_namespace() {
        for (namespace, name, says) in [
            ("ack-system", "ack-role-account-map", true),
            ("ack-system", "ack-role-team-map", true),
            ("ack-system", "settings", false),
            ("team", "ack-role-account-map", false),
        ] {
            assert_eq!(says_roles("ack-system", namespace, name), says, "{namespace}/{name}");
        }
    }

    #[test]
    fn paths_name_one_field() {
        let object = json!({"status": {"a": "x", "list": [{"b": 1}], "odd": {"c": true}}});
        for (path, value) in
            [(".status.a", json!("x")), (".status.list[0].b", json!(1)), (".status[\"odd\"].c", json!(true))]
        {
            assert_eq!(get(&object, &field_path(path).unwrap()), Some(&value), "{path}");
        }
        for wrong in ["status.a", "", ".", ".a | .b", ".a[]", "..a", ".a,.b"] {
            assert!(field_path(wrong).is_err(), "{wrong}");
        }
    }
}
