//! `UpdateFeatureGroup`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, fields, hidden, locate, required};
use serde_json::{Value, json};

use super::create::{check_throughput, check_ttl};
use super::settled;
use crate::definition::{self, Definition};

const PARTS: [&str; 3] = ["FeatureAdditions", "OnlineStoreConfig", "ThroughputConfig"];

/// Adds features, or changes the configuration of the online store or of throughput; one of them at a time.
pub async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::FEATURE_GROUP, required(call, "FeatureGroupName")?)?;
    let given: Vec<&str> = PARTS.into_iter().filter(|part| !call.input[*part].is_null()).collect();
    let [part] = given[..] else {
        return Err(ApiError::validation(format!(
            "UpdateFeatureGroup takes one of {} at a time, and the request has {}.",
            PARTS.join(", "),
            given.len()
        )));
    };
    let now = call.now.as_millisecond();
    let changed = sm.change(Kind::FEATURE_GROUP, &key, |record| {
        settled(record, "updated")?;
        match part {
            "FeatureAdditions" => add(record, &call.input[part], now)?,
            "OnlineStoreConfig" => online(record, &call.input[part])?,
            _ => throughput(record, &call.input[part])?,
        }
        fields(record)?.insert("LastUpdateStatus".to_owned(), json!({ "Status": "Successful" }));
        record.modified = now;
        Ok(())
    });
    changed.await?.ok_or_else(|| Kind::FEATURE_GROUP.missing(&arn))?;
    Ok(json!({ "FeatureGroupArn": arn }))
}

fn add(record: &mut Record, additions: &Value, now: i64) -> Result<(), ApiError> {
    let in_memory = record.body["OnlineStoreConfig"]["StorageType"] == "InMemory";
    let stored = fields(record)?;
    let mut all = stored.get("FeatureDefinitions").and_then(Value::as_array).cloned().unwrap_or_default();
    all.extend(additions.as_array().into_iter().flatten().cloned());
    let definitions = Definition::read_all(&json!(all));
    definition::check(&definitions, in_memory).map_err(ApiError::validation)?;
    stored.insert("FeatureDefinitions".to_owned(), json!(all));
    // When a feature was added; the others are as old as their group.
    let mut added = stored[HIDDEN]["added"].as_object().cloned().unwrap_or_default();
    for addition in Definition::read_all(additions) {
        added.insert(addition.name, json!(now));
    }
    hidden(stored).insert("added".to_owned(), Value::Object(added));
    Ok(())
}

fn online(record: &mut Record, update: &Value) -> Result<(), ApiError> {
    let arn = record.arn.clone();
    let refused = |text: &str| Err(ApiError::validation(format!("FeatureGroup {arn} {text}.")));
    let stored = fields(record)?;
    let Some(config) = stored.get_mut("OnlineStoreConfig").filter(|config| config["EnableOnlineStore"] == true) else {
        return refused("has no online store");
    };
    let ttl = &update["TtlDuration"];
    check_ttl(ttl)?;
    match update["StorageType"].as_str() {
        None => {}
        Some(same) if same == config["StorageType"].as_str().unwrap_or("Standard") => {}
        Some("Standard_V2") if config["StorageType"] != "InMemory" => config["StorageType"] = json!("Standard_V2"),
        Some(other) => {
            return refused(&format!(
                "cannot get an online store of type {other}: the one change is from Standard to Standard_V2"
            ));
        }
    }
    match ttl.as_object() {
        None => {}
        // "To remove the default TtlDuration, set the TtlDuration Unit and Value to null."
        Some(members) if members.values().all(Value::is_null) => {
            config.as_object_mut().and_then(|config| config.shift_remove("TtlDuration"));
        }
        Some(_) => config["TtlDuration"] = ttl.clone(),
    }
    Ok(())
}

fn throughput(record: &mut Record, update: &Value) -> Result<(), ApiError> {
    let online = record.body["OnlineStoreConfig"].clone();
    let config = fields(record)?.entry("ThroughputConfig").or_insert_with(|| json!({ "ThroughputMode": "OnDemand" }));
    let mut next = config.clone();
    for (member, value) in update.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        next[member] = value.clone();
    }
    if update["ThroughputMode"] == "OnDemand" {
        check_throughput(update, &online)?;
        next = json!({ "ThroughputMode": "OnDemand" });
    }
    check_throughput(&next, &online)?;
    *config = next;
    Ok(())
}
