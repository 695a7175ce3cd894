//! Client tokens of versions: a record each, so that none has to be searched for.

use serde_json::json;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Key, Query, Record, Versioned, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind};

const KIND: &str = "model-package-token";

/// A client token of a call, and what is recorded of it.
pub(super) struct Token {
    key: Key,
    text: String,
    found: Option<Versioned>,
}

impl Token {
    /// The token of a call that adds a version to a group.
    pub(super) async fn of(sm: &SageMaker, call: &Call, group: &Key) -> Result<Option<Self>, ApiError> {
        let Some(text) = call.text("ClientToken") else { return Ok(None) };
        let key = Key::new(&group.account, &group.region, KIND, &format!("{}/{text}", group.name));
        let found = sm.env().store.get(&key).await?;
        Ok(Some(Self { key, text: text.to_owned(), found }))
    }

    /// The ARN of the version that was made with it, where that is still there.
    pub(super) async fn version(&self, sm: &SageMaker) -> Result<Option<String>, ApiError> {
        let Some(name) = self.found.as_ref().and_then(|found| found.record.body["version"].as_str()) else {
            return Ok(None);
        };
        let version = Key::new(&self.key.account, &self.key.region, Kind::MODEL_PACKAGE.as_str(), name);
        let version = sm.env().store.record(&version).await?;
        // Another version may have the number by now, in another group of the name.
        Ok(version.filter(|version| version.body[HIDDEN]["token"] == self.text).map(|version| version.arn))
    }

    /// The write that records it for a new version.
    pub(super) fn write(&self, call: &Call, version: &str) -> Write {
        let body = json!({ "version": version });
        let now = call.now.as_millisecond();
        match &self.found {
            Some(Versioned { record, version }) => Write::Replace(Versioned {
                record: Record { body, modified: now, ..record.clone() },
                version: *version,
            }),
            None => Write::Insert(Record {
                key: self.key.clone(),
                arn: String::new(),
                status: String::new(),
                created: now,
                modified: now,
                body,
            }),
        }
    }
}

/// Removes the tokens of a group that is gone.
pub(crate) async fn forget(sm: &SageMaker, group: &Key) -> Result<(), ApiError> {
    let store = &sm.env().store;
    let tokens = Query {
        filters: vec![Filter::NameStarts(format!("{}/", group.name))],
        ..Query::all(&group.account, &group.region, KIND)
    };
    for token in store.find(tokens).await? {
        store.delete(&token.record.key).await?;
    }
    Ok(())
}
