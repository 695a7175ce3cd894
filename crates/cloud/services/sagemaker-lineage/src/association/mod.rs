//! Associations. Each is two records, one for each direction: its key begins with the ARN that it is looked for by.

pub mod add;
pub mod delete;
pub mod list;

use sagewright_cloud_core::records::{Batch, Filter, Key, Query, Record, StoreError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::lineage::{ASSOCIATION, ASSOCIATION_IN};
use serde_json::{Map, Value, json};

use crate::entity::noun;

/// One end of an association.
#[derive(Debug, Clone)]
pub struct End {
    pub arn: String,
    /// Its entity's type.
    pub kind: String,
}

/// What is known of an association.
#[derive(Debug, Clone)]
pub struct Association {
    pub source: End,
    pub destination: End,
    /// `AssociationType`, where it has one.
    pub kind: Option<String>,
    /// `CreatedBy`, where somebody asked for it.
    pub by: Option<Value>,
}

/// Key of the association of two ARNs in an account and region, as it is found by its source.
pub fn key(account: &str, region: &str, source: &str, destination: &str) -> Key {
    Key::new(account, region, ASSOCIATION, &format!("{source} {destination}"))
}

/// The same by its destination.
pub fn key_in(account: &str, region: &str, source: &str, destination: &str) -> Key {
    Key::new(account, region, ASSOCIATION_IN, &format!("{destination} {source}"))
}

impl Association {
    /// The writes that add it.
    pub fn writes(&self, account: &str, region: &str, now: i64) -> Batch {
        let (source, destination) = (&self.source, &self.destination);
        let mut body = Map::from_iter([
            ("SourceArn".to_owned(), json!(source.arn)),
            ("DestinationArn".to_owned(), json!(destination.arn)),
            ("SourceType".to_owned(), json!(source.kind)),
            ("DestinationType".to_owned(), json!(destination.kind)),
            // Listings find by these as well.
            ("SourceEntity".to_owned(), json!(noun(&source.arn))),
            ("DestinationEntity".to_owned(), json!(noun(&destination.arn))),
        ]);
        body.extend(self.kind.as_ref().map(|kind| ("AssociationType".to_owned(), json!(kind))));
        body.extend(self.by.clone().map(|by| ("CreatedBy".to_owned(), by)));
        let keys = [
            (key(account, region, &source.arn, &destination.arn), &source.kind),
            (key_in(account, region, &source.arn, &destination.arn), &destination.kind),
        ];
        let insert = |(key, kind): (Key, &String)| {
            Write::Insert(Record {
                key,
                arn: String::new(),
                // An index sorts by status, and leaves out what has none.
                status: if kind.is_empty() { "-".to_owned() } else { kind.clone() },
                created: now,
                modified: now,
                body: Value::Object(body.clone()),
            })
        };
        keys.map(insert).into()
    }
}

/// Whether associations lead from or to an entity.
pub async fn any(sm: &SageMaker, entity: &Key, arn: &str) -> Result<bool, StoreError> {
    for kind in [ASSOCIATION, ASSOCIATION_IN] {
        if !with(sm, entity, kind, arn, 1).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Associations of one direction's kind that lead from or to an ARN, in the order of the other ends' ARNs.
pub async fn with(sm: &SageMaker, scope: &Key, kind: &str, arn: &str, limit: usize) -> Result<Vec<Record>, StoreError> {
    let filters = vec![Filter::NameStarts(format!("{arn} "))];
    let query = Query { filters, limit, ..Query::all(&scope.account, &scope.region, kind) };
    Ok(sm.env().store.find(query).await?.into_iter().map(|found| found.record).collect())
}
