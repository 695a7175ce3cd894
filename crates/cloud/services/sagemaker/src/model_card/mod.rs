//! Model cards: their content, its versions, and exports of it.
//!
//! A card's record holds the latest version. Each version has a record of its own beside it, and so has each export job. Their keys
//! begin with an id that each card has: a later card of the same name has none of them.

pub(super) mod content;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod due;
pub(super) mod export;
mod pdf;
pub(super) mod update;
pub(super) mod versions;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record, Timer, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::{Kind, Naming, ROW, Row};
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, required};
use serde_json::{Value, json};

/// Versions of a card, which have no ARNs of their own.
const VERSION: Kind = Kind(&Row {
    noun: "ModelCardVersion",
    arn_type: "model-card-version",
    naming: Naming::Members(&["ModelCardName", "ModelCardVersion"]),
    ..ROW
});

/// Whose timers the exports and deletions are.
pub const OWNER: &str = "model-card";

/// The card that a request names.
async fn card(sm: &SageMaker, call: &Call) -> Result<Record, ApiError> {
    sm.find(call, Kind::MODEL_CARD, required(call, "ModelCardName")?).await
}

/// The id of a card. One that was recorded before cards had ids has its name for it.
fn id(card: &Record) -> &str {
    card.body[HIDDEN]["id"].as_str().unwrap_or(&card.key.name)
}

/// The number of a card's latest version.
fn latest(card: &Record) -> i64 {
    card.body["ModelCardVersion"].as_i64().unwrap_or(1)
}

/// Key of what belongs to a card.
fn key_within(card: &Record, kind: Kind, name: &str) -> Key {
    Key::new(&card.key.account, &card.key.region, kind.as_str(), &format!("{}/{name}", id(card)))
}

/// The record of a card's latest version.
fn version(card: &Record, now: i64) -> Record {
    let member = |name: &str| card.body[name].clone();
    Record {
        key: key_within(card, VERSION, &latest(card).to_string()),
        arn: card.arn.clone(),
        status: String::new(),
        created: now,
        modified: now,
        body: json!({
            "ModelCardName": member("ModelCardName"),
            "ModelCardArn": card.arn,
            "ModelCardVersion": latest(card),
            "ModelCardStatus": member("ModelCardStatus"),
            "Content": member("Content"),
            "CreatedBy": member("LastModifiedBy"),
            "LastModifiedBy": member("LastModifiedBy"),
        }),
    }
}

/// A version of a card; the latest where `number` names none.
async fn numbered(sm: &SageMaker, card: &Record, number: &Value) -> Result<Record, ApiError> {
    let number = number.as_i64().unwrap_or_else(|| latest(card));
    let found = sm.env().store.record(&key_within(card, VERSION, &number.to_string())).await?;
    match found {
        Some(found) => Ok(found),
        // A card that was recorded before versions were kept.
        None if number == latest(card) => Ok(version(card, card.modified)),
        None => Err(ApiError::not_found(format!("Model card {} does not have version {number}.", card.arn))),
    }
}

/// A timer about a card or an export of it.
fn timer(card: &Record, what: &str, job: Option<&str>, due: i64) -> Write {
    let Key { account, region, .. } = &card.key;
    let id = id(card);
    let body = json!({ "what": what, "account": account, "region": region, "id": id, "job": job });
    Write::SetTimer(Timer { id: format!("{OWNER}:{what}:{id}/{}", job.unwrap_or_default()), due, body })
}
