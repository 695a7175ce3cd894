//! What feature groups and their features show, which their own operations and searches tell alike.

use sagewright_cloud_core::records::{Key, Record};
use serde_json::{Map, Value, json};

use crate::resource::{HIDDEN, seconds};

/// Kind of the records with descriptions and parameters of features.
pub const METADATA: &str = "feature-metadata";

/// How the names of all records of what belongs to a group begin.
#[must_use]
pub fn prefix(group: &Record) -> String {
    format!("{}/", group.body[HIDDEN]["id"].as_str().unwrap_or_default())
}

/// Key of the description and parameters of a feature of a group.
#[must_use]
pub fn metadata_key(group: &Record, feature: &str) -> Key {
    Key::new(&group.key.account, &group.key.region, METADATA, &format!("{}{feature}", prefix(group)))
}

/// A feature of a group, with the record of its description and parameters where it has one.
#[must_use]
pub fn feature(group: &Record, definition: &Value, metadata: Option<&Record>) -> Map<String, Value> {
    let name = definition["FeatureName"].as_str().unwrap_or_default();
    let created = group.body[HIDDEN]["added"][name].as_i64().unwrap_or(group.created);
    let body = metadata.map_or(&Value::Null, |record| &record.body);
    let parameters = body["Parameters"].as_object().into_iter().flatten();
    let mut out = Map::from_iter([
        ("FeatureGroupArn".to_owned(), json!(group.arn)),
        ("FeatureGroupName".to_owned(), group.body["FeatureGroupName"].clone()),
        ("FeatureName".to_owned(), json!(name)),
        ("FeatureType".to_owned(), definition["FeatureType"].clone()),
        ("CreationTime".to_owned(), seconds(created)),
        ("LastModifiedTime".to_owned(), seconds(metadata.map_or(created, |record| record.modified))),
        ("Parameters".to_owned(), parameters.map(|(key, value)| json!({ "Key": key, "Value": value })).collect()),
    ]);
    if !body["Description"].is_null() {
        out.insert("Description".to_owned(), body["Description"].clone());
    }
    out
}

/// `OfflineStoreStatus` of a group; none where there is no offline store.
#[must_use]
pub fn offline_status(group: &Record) -> Option<Value> {
    group.body.get("OfflineStoreConfig").filter(|config| !config.is_null())?;
    Some(match group.body[HIDDEN]["blocked"].as_str() {
        Some(why) => json!({ "Status": "Blocked", "BlockedReason": why }),
        None => json!({ "Status": "Active" }),
    })
}
