//! Records that earlier versions wrote.

use serde_json::{Value, json};

use super::*;
use crate::endpoint::earlier;
use sagewright_cloud_core::records::{Key, Record};

/// A record as it was stored before endpoints had a state.
fn stored(status: &str, hidden: Value, more: Value) -> Record {
    let mut body = json!({ "EndpointName": "E", "EndpointConfigName": "a", "_": hidden });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Record {
        key: Key::new("000000000000", "us-east-1", "endpoint", "e"),
        arn: ARN.to_owned(),
        status: status.to_owned(),
        created: 1,
        modified: 10,
        body,
    }
}

#[test]
fn the_deployments_of_earlier_records_are_read() {
    let (a, b) = (json!(deployment("a")), json!(deployment("b")));
    let in_service = json!({"current": a, "next": null, "epoch": 7, "weights_only": false, "down": false});
    let out_of_service = json!({"current": a, "next": null, "epoch": 7, "down": true});
    let creating = json!({"current": null, "next": b});
    let updating = json!({"current": a, "next": b, "epoch": 7, "weights_only": false, "down": false});
    let down = json!({"current": a, "next": b, "epoch": 7, "down": true});
    let pending = json!({"PendingDeploymentSummary": deployment("b").pending(&Shown::ALL)});
    let failed = json!({"FailureReason": "no ping"});
    let none = json!({});
    for (status, hidden, more, expected) in [
        ("InService", &in_service, &none, "InService a:Up"),
        ("InService", &in_service, &failed, "InService a:Up (no ping)"),
        ("OutOfService", &out_of_service, &failed, "OutOfService a:Down (no ping)"),
        ("SystemUpdating", &in_service, &none, "SystemUpdating a:Up"),
        ("Creating", &creating, &none, "Creating b:BringUp"),
        ("Updating", &updating, &pending, "Updating a:Up b:BringUp"),
        ("Updating", &down, &pending, "Updating a:Down b:BringUp"),
        ("Updating", &updating, &none, "Updating a:Up b:BringUp"),
        ("Failed", &json!({"current": null, "next": null}), &failed, "Failed (no ping)"),
        ("Deleting", &in_service, &none, "Deleting a:Up"),
        ("Deleting", &json!({}), &failed, "Deleting (no ping)"),
        (
            "InService",
            &json!({"state": {"from": "later"}}),
            &none,
            "Failed (What this endpoint served cannot be read.)",
        ),
        ("Updating", &json!(null), &none, "Failed (What this endpoint served cannot be read.)"),
    ] {
        let record = stored(status, hidden.clone(), more.clone());
        let state = earlier::state(&record);
        assert_eq!(told(&state), expected, "{record:?}");
        assert_eq!((&*state.name, &*state.arn, state.modified), ("E", ARN, 10));
        assert_eq!(state.epoch, hidden["epoch"].as_u64().unwrap_or(0));
        let request = match &state.phase {
            Phase::Deploying { request, .. } => *request,
            _ => continue,
        };
        let summary = record.body.get("PendingDeploymentSummary").is_some();
        assert_eq!((request == Request::Creation, request == Request::Update), (status == "Creating", summary));
    }
}

#[test]
fn what_an_earlier_record_showed_stays() {
    let variants = deployment("a").summaries(1_760_000_000_123, &Shown::ALL);
    let hidden = json!({"current": deployment("a"), "next": null});
    let record = stored("InService", hidden, json!({"ProductionVariants": variants}));
    let mut members = record.body.as_object().unwrap().clone();
    earlier::state(&record).show(&mut members);
    assert_eq!(members["ProductionVariants"], variants);
    assert_eq!(members["LastDeploymentConfig"], json!({"of": "a"}));
}
