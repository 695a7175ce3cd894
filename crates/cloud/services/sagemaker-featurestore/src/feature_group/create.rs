//! `CreateFeatureGroup`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::objects::{LONGEST_KEY, parse_s3_uri};
use sagewright_cloud_core::records::Write;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, body, required, user};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::definition::{self, Definition, FeatureType};
use crate::due::STEP;
use crate::group::Group;
use crate::offline::flush;
use crate::state::{State, timer};

const KIND: Kind = Kind::FEATURE_GROUP;
const CREATING: &str = "Creating";

pub async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let tags = tags(call)?;
    let name = required(call, "FeatureGroupName")?;
    check_features(call)?;
    check_stores(call)?;
    let mut stored = body(call, &["Tags"]);
    stored.entry("ThroughputConfig").or_insert_with(|| json!({ "ThroughputMode": "OnDemand" }));
    stored.insert("CreatedBy".to_owned(), user(call));
    stored.insert(HIDDEN.to_owned(), json!({ "id": Uuid::new_v4().simple().to_string() }));
    if let Some(config) = stored.get_mut("OfflineStoreConfig").filter(|config| !config.is_null()) {
        check_offline(sm, call, config).await?;
        complete(call, name, config);
        check_length(config)?;
    }
    let record = SageMaker::record(call, KIND, name, CREATING, stored);
    sm.check_role(call, call.text("RoleArn"), &record.arn).await?;
    let (group, now, arn) = (Group::read(&record), call.now.as_millisecond(), record.arn.clone());
    let state = State { group: group.key.name.clone(), ..State::default() };
    let mut more = sm.news(KIND, &record, CREATING);
    more.push(Write::Insert(state.record(&group, now)));
    more.push(timer(&group.key, &group.id, "created", None, now + STEP));
    if !sm.env().store.insert(record, tags, more).await? {
        return Err(KIND.taken(&arn));
    }
    sm.committed(Some(now + STEP));
    Ok(json!({ "FeatureGroupArn": arn }))
}

/// The features that a request defines, and those that it names.
fn check_features(call: &Call) -> Result<(), ApiError> {
    let definitions = Definition::read_all(&call.input["FeatureDefinitions"]);
    let in_memory = call.input["OnlineStoreConfig"]["StorageType"] == "InMemory";
    definition::check(&definitions, in_memory).map_err(ApiError::validation)?;
    let named = |member: &str| {
        let name = required(call, member)?;
        let found = definitions.iter().find(|definition| definition.name == name);
        let found = found.ok_or_else(|| {
            ApiError::validation(format!("{member} {name} is not among the names of FeatureDefinitions."))
        })?;
        if found.collection.is_some() {
            return Err(ApiError::validation(format!("{member} {name} cannot be a collection.")));
        }
        Ok(found)
    };
    let identifier = named("RecordIdentifierFeatureName")?;
    let event_time = named("EventTimeFeatureName")?;
    if identifier.name == event_time.name {
        return Err(ApiError::validation(
            "RecordIdentifierFeatureName and EventTimeFeatureName must name two different features.",
        ));
    }
    if event_time.kind == FeatureType::Integral {
        return Err(ApiError::validation(format!(
            "EventTimeFeatureName {} is Integral; an event time must be a String or Fractional feature.",
            event_time.name
        )));
    }
    Ok(())
}

fn check_stores(call: &Call) -> Result<(), ApiError> {
    let (online, offline) = (&call.input["OnlineStoreConfig"], &call.input["OfflineStoreConfig"]);
    if online["EnableOnlineStore"] != true && offline.is_null() {
        return Err(ApiError::validation(
            "A feature group needs a store: set OnlineStoreConfig.EnableOnlineStore to true, or give OfflineStoreConfig.",
        ));
    }
    check_ttl(&online["TtlDuration"])?;
    check_throughput(&call.input["ThroughputConfig"], online)?;
    if !offline.is_null() && call.text("RoleArn").is_none() {
        return Err(ApiError::validation("RoleArn is required with OfflineStoreConfig."));
    }
    Ok(())
}

/// A duration that records can live.
pub(super) fn check_ttl(ttl: &Value) -> Result<(), ApiError> {
    crate::ttl::millis(ttl).map(drop).map_err(|error| ApiError::validation(error.message))
}

/// Provisioned throughput fits the online store.
pub(super) fn check_throughput(throughput: &Value, online: &Value) -> Result<(), ApiError> {
    let units = ["ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits"];
    let given = units.iter().find(|unit| !throughput[**unit].is_null());
    match (throughput["ThroughputMode"].as_str(), given) {
        (Some("Provisioned"), _) if online["EnableOnlineStore"] == true && online["StorageType"] == "InMemory" => {
            Err(ApiError::validation(
                "ThroughputMode Provisioned is supported only for feature groups that are offline-only, or use the Standard tier online store.",
            ))
        }
        (Some("OnDemand"), Some(unit)) => Err(ApiError::validation(format!(
            "ThroughputConfig.{unit} is not applicable with ThroughputMode OnDemand."
        ))),
        _ => Ok(()),
    }
}

async fn check_offline(sm: &SageMaker, call: &Call, config: &Value) -> Result<(), ApiError> {
    if config["TableFormat"] == "Iceberg" {
        return Err(refuse::instead(
            "OfflineStoreConfig.TableFormat Iceberg",
            "Use Glue, which writes the same records as Parquet files",
        ));
    }
    if !config["S3StorageConfig"]["ResolvedOutputS3Uri"].is_null() {
        return Err(ApiError::validation("ResolvedOutputS3Uri is told by DescribeFeatureGroup, and cannot be given."));
    }
    let uri = config["S3StorageConfig"]["S3Uri"].as_str().unwrap_or_default();
    if parse_s3_uri(uri).is_none() {
        return Err(ApiError::validation(format!("S3Uri {uri} must have the form s3://bucket/prefix.")));
    }
    if !sm.bucket(call, uri).await? {
        return Err(ApiError::validation(format!(
            "The bucket of S3Uri {uri} does not exist, or belongs to another account. Create it before the feature group."
        )));
    }
    Ok(())
}

/// All objects of an offline store can have their keys.
fn check_length(config: &Value) -> Result<(), ApiError> {
    let uri = config["S3StorageConfig"]["ResolvedOutputS3Uri"].as_str().unwrap_or_default();
    let longest = parse_s3_uri(uri).map_or(0, |(_, prefix)| prefix.len() + flush::TAIL);
    if longest > LONGEST_KEY {
        return Err(ApiError::validation(format!(
            "S3Uri is too long: keys of the offline store's objects would have {longest} bytes, and a key has at most {LONGEST_KEY}."
        )));
    }
    Ok(())
}

/// Adds what `DescribeFeatureGroup` shows of an offline store.
fn complete(call: &Call, name: &str, config: &mut Value) {
    let uri = config["S3StorageConfig"]["S3Uri"].as_str().unwrap_or_default().trim_end_matches('/');
    let (account, region, created) = (&call.caller.account, &call.region, call.now.as_second());
    config["S3StorageConfig"]["ResolvedOutputS3Uri"] =
        json!(format!("{uri}/{account}/sagemaker/{region}/offline-store/{name}-{created}/data"));
    for (member, value) in [("TableFormat", json!("Glue")), ("DisableGlueTableCreation", json!(false))] {
        if config[member].is_null() {
            config[member] = value;
        }
    }
}
