//! Tags: those that an object declared are kept as declared; those of others stay.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::Arc;

use crate::support::decisions::{NOW, found, members, object, there};
use crate::support::{Fake, training_job};
use sagewright_engine::{
    ApplyOptions, Claims, Decision, Desired, Effect, Found, NoObserver, Object, Outcome, Step, decide, keys,
};
use sagewright_kinds::find;
use serde_json::{Value, json};

const OURS: &str = "default/default/thing";

fn tags(tags: &Value) -> std::collections::BTreeMap<String, String> {
    tags.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect()
}

fn decision(declared: &Value, there_is: &Value, claims: Claims) -> Decision {
    let kind = find("Model").unwrap();
    let mut spec = members(kind);
    if !declared.is_null() {
        let list = tags(declared).into_iter().map(|(key, value)| json!({"Key": key, "Value": value}));
        spec.insert("Tags".into(), list.collect());
    }
    let mut desired = Desired::new(kind, &object(kind, &spec)).unwrap();
    desired.claims = Arc::new(claims);
    let output = found(kind, &members(kind), "", "", json!({})).output;
    let mut all = tags(there_is);
    all.entry(keys::OWNER.to_owned()).or_insert_with(|| OURS.to_owned());
    decide(kind, &desired, &there(Found::new(kind, output, all)), NOW)
}

/// (added, removed)
fn synced(decision: &Decision) -> (Value, Value) {
    match &decision.steps[..] {
        [] => (json!({}), json!([])),
        [Step::SyncTags { add, remove, .. }] => (json!(add), json!(remove)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_what_was_declared_before_is_removed() {
    let keys = |list: &str| (keys::TAG_KEYS.to_owned(), json!(list));
    let with = |mut tags: Value, list: &str| {
        tags.as_object_mut().unwrap().extend([keys(list)]);
        tags
    };
    // (what, declared, there, added, removed)
    let cases: Vec<(&str, Value, Value, Value, Value)> = vec![
        ("as declared", json!({"team": "a"}), with(json!({"team": "a"}), "team"), json!({}), json!([])),
        (
            "another's beside it",
            json!({"team": "a"}),
            with(json!({"team": "a", "cost": "7"}), "team"),
            json!({}),
            json!([]),
        ),
        (
            "changed by somebody",
            json!({"team": "a"}),
            with(json!({"team": "b"}), "team"),
            json!({"team": "a"}),
            json!([]),
        ),
        (
            "no longer declared",
            json!({"team": "a"}),
            with(json!({"team": "a", "stage": "x", "cost": "7"}), "stage team"),
            json!({keys::TAG_KEYS: "team"}),
            json!(["stage"]),
        ),
        (
            "nothing declared any more",
            json!({}),
            with(json!({"stage": "x", "cost": "7"}), "stage"),
            json!({}),
            json!(["stage", keys::TAG_KEYS]),
        ),
        (
            "one that is gone already is forgotten",
            json!({"team": "a"}),
            with(json!({"team": "a"}), "stage team"),
            json!({keys::TAG_KEYS: "team"}),
            json!([]),
        ),
        (
            "a new one",
            json!({"team": "a", "stage": "x"}),
            with(json!({"team": "a"}), "team"),
            json!({"stage": "x", keys::TAG_KEYS: "stage team"}),
            json!([]),
        ),
        ("no memory", json!({"team": "a"}), json!({"team": "a", "cost": "7"}), json!({}), json!([])),
        (
            "no memory, and something to write",
            json!({"team": "b"}),
            json!({"team": "a", "cost": "7"}),
            json!({"team": "b", keys::TAG_KEYS: "team"}),
            json!([]),
        ),
        (
            "an old mark, and no memory",
            json!({"team": "a"}),
            json!({"team": "a", "cost": "7", keys::OWNER: "default/thing"}),
            json!({keys::OWNER: OURS, keys::TAG_KEYS: "team"}),
            json!([]),
        ),
        ("no tags declared", Value::Null, with(json!({"team": "a"}), "team"), json!({}), json!([])),
        (
            "AWS's and ACK's own",
            json!({"team": "a"}),
            with(
                json!({"team": "a", "aws:x": "1", "services.k8s.aws/namespace": "n"}),
                "aws:x services.k8s.aws/namespace team",
            ),
            json!({keys::TAG_KEYS: "team"}),
            json!([]),
        ),
        (
            "AWS's own, declared",
            json!({"aws:x": "2", "team": "a"}),
            with(json!({"team": "a", "aws:x": "1"}), "aws:x team"),
            json!({}),
            json!([]),
        ),
    ];
    for (what, declared, there_is, added, removed) in cases {
        let decision = decision(&declared, &there_is, Claims::default());
        assert_eq!(synced(&decision), (added, removed), "{what}");
        // What is written is told.
        assert_eq!(decision.changes.is_empty(), decision.steps.is_empty(), "{what}: {:?}", decision.changes);
        assert!(decision.changes.iter().all(|change| change.effect == Effect::Tag), "{what}");
    }
}

#[test]
fn prefixes_of_others_are_a_setting() {
    let there_is = json!({"corp:owner": "x", "team": "a", keys::TAG_KEYS: "corp:owner team"});
    let declared = json!({"corp:owner": "me", "team": "a"});
    let ours = decision(&declared, &there_is, Claims::default());
    assert_eq!(synced(&ours), (json!({"corp:owner": "me"}), json!([])));
    let foreign = Claims { foreign_tags: vec!["corp:".to_owned()], ..Claims::default() };
    let left = decision(&declared, &there_is, foreign.clone());
    assert_eq!(synced(&left), (json!({}), json!([])));
    assert!(left.notes.iter().any(|note| note.contains("`corp:owner`")), "{:?}", left.notes);
    let gone = decision(&json!({"team": "a"}), &there_is, foreign);
    assert_eq!(synced(&gone), (json!({keys::TAG_KEYS: "team"}), json!([])));
}

#[test]
fn where_others_tags_leave_no_room_the_keys_are_not_remembered() {
    for (others, remembered) in [(47, true), (48, false)] {
        let mut there_is: Value = json!({"aws:x": "not counted"});
        there_is.as_object_mut().unwrap().extend((0..others).map(|i| (format!("other-{i}"), json!("x"))));
        let decision = decision(&json!({"team": "a"}), &there_is, Claims::default());
        let (added, _) = synced(&decision);
        assert_eq!(added["team"], "a");
        assert_eq!(added.get(keys::TAG_KEYS).is_some(), remembered, "{others}");
        assert_eq!(decision.notes.is_empty(), remembered, "{others}: {:?}", decision.notes);
    }
}

#[test]
fn many_long_keys_are_remembered_too() {
    let declared: Value = (0..40)
        .map(|i| (format!("a-rather-long-key-of-a-tag-{i}"), json!("x")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let first = decision(&declared, &json!({"a-rather-long-key-of-a-tag-0": "other"}), Claims::default());
    let (added, _) = synced(&first);
    let list = added[keys::TAG_KEYS].as_str().unwrap();
    assert!(list.chars().count() <= 256);
    // A terminal without memory knows them from the resource alone.
    let mut there_is = added.clone();
    there_is.as_object_mut().unwrap().insert("another's".into(), json!("x"));
    let (_, removed) = synced(&decision(&json!({"team": "a"}), &there_is, Claims::default()));
    assert_eq!(removed.as_array().unwrap().len(), 40);
}

#[tokio::test]
async fn a_tag_is_taken_away_by_a_later_run_that_remembers_nothing() {
    let (fake, _, engine) = Fake::new();
    let with = |tags: Value| {
        let mut job = training_job("mnist");
        job.spec["tags"] = tags;
        job
    };
    let tag = |key: &str| json!({"key": key, "value": "v"});
    let apply = async |object: Object| {
        let report = engine.apply(from_ref(&object), &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert!(report.is_ok(), "{report:#?}");
        report.objects[0].outcome
    };
    assert_eq!(apply(with(json!([tag("team"), tag("stage")]))).await, Outcome::Created);
    fake.edit("training-job/mnist", |r| drop(r.tags.insert("finance".into(), "7".into())));
    assert_eq!(apply(with(json!([tag("team"), tag("stage")]))).await, Outcome::Unchanged);
    assert_eq!(apply(with(json!([tag("team")]))).await, Outcome::Updated);
    let keys: Vec<String> = fake.resource("training-job/mnist").unwrap().tags.into_keys().collect();
    assert_eq!(keys, ["finance", keys::OWNER, keys::TAG_KEYS, "team"]);
    assert_eq!(apply(with(json!([]))).await, Outcome::Updated);
    let keys: Vec<String> = fake.resource("training-job/mnist").unwrap().tags.into_keys().collect();
    assert_eq!(keys, ["finance", keys::OWNER]);
    assert_eq!(apply(with(json!([]))).await, Outcome::Unchanged);
}
