//! What scopes are told from, read once.

use std::collections::BTreeMap;

use sagewright_model::AccountId;
use serde_json::Value;

use crate::api::{Api, ApiError, Place};
use crate::options::Options;
use crate::scope::{Namespace, RoleSelector, Tables, account_map, team_map};

/// Reads namespaces, ConfigMaps of roles and selectors, as far as the operator would watch them.
pub(super) async fn read(api: &Api, options: &Options, account: Option<AccountId>) -> Result<Tables, ApiError> {
    let mut tables = Tables { account, ..Tables::default() };
    if options.knows_namespaces() {
        for one in api.list(&Place::new("", "v1", None, "namespaces"), "").await? {
            let (annotations, labels) = (map(&one, "/metadata/annotations"), map(&one, "/metadata/labels"));
            tables.namespaces.set(name(&one), Namespace::new(annotations, labels));
        }
    }
    if options.gates.iam_role_selector {
        for one in api.list(&Place::new("services.k8s.aws", "v1alpha1", None, "iamroleselectors"), "").await? {
            let spec = one.get("spec").unwrap_or(&Value::Null);
            tables.selectors.set(name(&one), RoleSelector::read(name(&one), spec));
        }
    } else if options.knows_namespaces() && options.carm {
        let place = Place::new("", "v1", Some(&options.own_namespace), "configmaps");
        for roles in [account_map(), team_map()] {
            if let Some(found) = api.get(&place, roles).await? {
                tables.accounts.set(roles, map(&found, "/data"));
            }
        }
    }
    Ok(tables)
}

fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

fn map(object: &Value, at: &str) -> BTreeMap<String, String> {
    let fields = object.pointer(at).and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
