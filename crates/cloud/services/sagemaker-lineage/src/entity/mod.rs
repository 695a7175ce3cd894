//! Entities: what associations lead from and to.

pub mod create;
pub mod delete;
pub mod list;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::resource::parse_arn;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The kinds that associations lead from and to, by the service model's pattern of their ARNs.
const KINDS: [Kind; 5] = [Kind::ARTIFACT, Kind::ACTION, Kind::CONTEXT, Kind::EXPERIMENT, Kind::TRIAL_COMPONENT];

/// Kind and key of an entity of the caller's own, by its ARN.
pub fn locate(call: &Call, arn: &str) -> Result<(Kind, Key), ApiError> {
    let found = parse_arn(call, arn).filter(|(kind, _)| KINDS.contains(kind));
    let missing = || ApiError::not_found(format!("Lineage entity {arn} does not exist."));
    let (kind, name) = found.ok_or_else(missing)?;
    Ok((kind, Key::new(&call.caller.account, &call.region, kind.as_str(), &name.to_ascii_lowercase())))
}

/// The entity of an ARN.
pub async fn find(sm: &SageMaker, call: &Call, arn: &str) -> Result<(Kind, Record), ApiError> {
    let (kind, key) = locate(call, arn)?;
    let record = sm.env().store.record(&key).await?.ok_or_else(|| kind.missing(arn))?;
    Ok((kind, record))
}

/// What a kind of entity is called where entities of several kinds are told apart.
#[must_use]
pub fn noun(arn: &str) -> &'static str {
    let kind = arn.split(':').nth(5).and_then(|resource| resource.split('/').next());
    KINDS.iter().find(|known| Some(known.as_str()) == kind).map_or("", |kind| kind.0.noun)
}

/// The type of an entity, as listings of associations tell it.
#[must_use]
pub fn type_of(kind: Kind, record: &Record) -> String {
    let member = |pointer: &str| record.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let found = match kind.0.noun {
        "TrialComponent" => {
            Some(member("/Source/SourceType").unwrap_or_else(|| "SageMakerExperimentTrialComponent".to_owned()))
        }
        noun @ "Experiment" => Some(noun.to_owned()),
        noun => member(&format!("/{noun}Type")),
    };
    found.unwrap_or_default()
}

/// The name of an entity. Artifacts may have none.
#[must_use]
pub fn name_of(kind: Kind, record: &Record) -> Option<String> {
    record.body[format!("{}Name", kind.0.noun)].as_str().map(str::to_owned)
}

/// The id of the artifact of a source: there is one for each. It begins with what follows from the URI, so that all
/// artifacts of a URI are found.
#[must_use]
pub fn artifact_id(source: &Value) -> String {
    let uri = source["SourceUri"].as_str().unwrap_or_default();
    let mut types: Vec<_> = source["SourceTypes"].as_array().into_iter().flatten().map(Value::to_string).collect();
    types.sort_unstable();
    let types = Sha256::digest(types.join("\n"));
    format!("{}{}", artifact_prefix(uri), hex::encode(&types[..6]))
}

/// How the ids of all artifacts of a URI begin.
#[must_use]
pub fn artifact_prefix(uri: &str) -> String {
    hex::encode(&Sha256::digest(uri)[..10])
}
