//! Documents that are objects, and what is wrong with others.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sagewright_objects::{Object, ObjectId, check_name};
use serde_json::{Value, json};

const VERSION: &str = "sagemaker.services.k8s.aws/v1alpha1";

/// What is done to a document, the field that is told, and why.
type Slip = (fn(&mut Value), Option<&'static str>, &'static str);

fn document(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = json!({"apiVersion": VERSION, "kind": "Model", "metadata": {"name": "m"}});
    change(&mut document);
    document
}

#[test]
fn what_a_document_lacks_is_empty() {
    for spec in [None, Some(Value::Null), Some(json!({}))] {
        let document = document(|d| {
            if let Some(spec) = &spec {
                d["spec"] = spec.clone();
                d["status"] = spec.clone();
            }
        });
        let object = Object::from_value(document.clone()).unwrap();
        assert_eq!((&object.spec, &object.status), (&json!({}), &json!({})), "{spec:?}");
        // As plans and events hold it.
        if spec != Some(Value::Null) {
            assert_eq!(serde_json::from_value::<Object>(document).unwrap(), object);
        }
        assert_eq!(object.to_value(), self::document(|_| ()), "{spec:?}");
    }
}

#[test]
fn what_is_no_object_is_told_by_its_field() {
    let text = "has to be text: write it in quotes";
    let table: &[Slip] = &[
        (|d| *d = json!([]), None, "a manifest is a map"),
        (|d| d["apiVersion"] = json!(1), Some("apiVersion"), text),
        (|d| d["kind"] = json!(true), Some("kind"), text),
        (|d| d["metadata"]["name"] = json!(5), Some("metadata.name"), text),
        (|d| d["apiVersion"] = Value::Null, Some("apiVersion"), "`apiVersion` is missing"),
        (|d| d["kind"] = Value::Null, Some("kind"), "`kind` is missing"),
        (|d| d["metadata"]["name"] = Value::Null, Some("metadata.name"), "`metadata.name` is missing"),
        (|d| d["metadata"]["name"] = json!(""), Some("metadata.name"), "`metadata.name` is missing"),
        (|d| d["metadata"] = Value::Null, Some("metadata.name"), "`metadata.name` is missing"),
        (|d| d["spec"] = json!("x"), Some("spec"), "`spec` has to be a map"),
        (|d| d["status"] = json!([]), Some("status"), "`status` has to be a map"),
        (|d| d["metadata"]["labels"] = json!({"a": true}), Some("metadata.labels.a"), text),
        (|d| d["metadata"]["labels"] = json!({"a": 1}), Some("metadata.labels.a"), text),
        (|d| d["metadata"]["annotations"] = json!({"b": false}), Some("metadata.annotations.b"), text),
        (|d| d["metadata"]["labels"] = json!("x"), Some("metadata"), "metadata cannot be read"),
    ];
    for (change, field, why) in table {
        let wrong = Object::from_value(document(change)).unwrap_err();
        assert_eq!(wrong.field.as_deref(), *field, "{wrong}");
        assert!(wrong.message.contains(why), "{wrong}");
    }
}

#[test]
fn names_are_those_of_kubernetes_and_fit_a_tag() {
    let (longest, too_long) = ("n".repeat(63), "n".repeat(64));
    // With the namespace they may have 222 letters.
    let (fits, unfit) = ("x".repeat(222 - 7), "x".repeat(223 - 7));
    for (namespace, name, wrong) in [
        ("team-a", "fraud.v1", None),
        (&*longest, "a", None),
        (&*too_long, "a", Some("namespace")),
        ("team.a", "a", Some("namespace")),
        ("Team", "a", Some("namespace")),
        ("team", "Fraud", Some("name")),
        ("team", "-a", Some("name")),
        ("default", &*fits, None),
        ("default", &*unfit, Some("name")),
    ] {
        let told = check_name(&ObjectId::new("Model", Some(namespace), name)).err();
        let expected = wrong.map(|field| format!(" is not a valid {field}: expected "));
        assert_eq!(told.is_some(), expected.is_some(), "{namespace}/{name}: {told:?}");
        assert!(told.unwrap_or_default().contains(&expected.unwrap_or_default()), "{namespace}/{name}");
    }
}
