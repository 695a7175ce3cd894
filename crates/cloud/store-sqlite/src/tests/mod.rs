#![allow(clippy::unwrap_used, clippy::panic)]

mod commits;
mod disk;
mod memory;
mod redo;
mod searches;
mod tagged;
mod timers;

use std::sync::Arc;

use sagewright_cloud_core::records::{
    Batch, Change, CommitError, Event, Filter, Key, Order, Query, Record, SharedRecords, Timer, Versioned, Write,
};
use serde_json::json;

use crate::SqliteRecords;

fn key(name: &str) -> Key {
    Key::new("000000000000", "us-east-1", "model", name)
}

fn record(name: &str) -> Record {
    Record {
        key: key(name),
        arn: format!("arn:aws:sagemaker:us-east-1:000000000000:model/{name}"),
        status: "InService".into(),
        created: 1,
        modified: 1,
        body: json!({"n": 0}),
    }
}

fn event(kind: &str) -> Write {
    let (account, region) = ("000000000000".to_owned(), "us-east-1".to_owned());
    Write::Emit(Event { account, region, kind: kind.to_owned(), at: 1, body: json!({}) })
}

fn memory() -> SharedRecords {
    Arc::new(SqliteRecords::in_memory().unwrap())
}

/// A record whose body has so many bytes.
fn long(name: &str, bytes: usize) -> Record {
    Record { body: json!({"text": "x".repeat(bytes)}), ..record(name) }
}
