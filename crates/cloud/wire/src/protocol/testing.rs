//! A service with a member of each kind, in any protocol, and values for it.

use proptest::prelude::*;
use sagewright_model::{Service, Shape};
use serde_json::{Map, Value, json};

/// The service; each call makes one.
pub(super) fn service(protocol: &str) -> &'static Service {
    let shape = |name: &str| json!({"shape": name});
    let model = json!({
        "metadata": {
            "apiVersion": "1", "endpointPrefix": "demo", "serviceId": "Demo", "targetPrefix": "Demo_1",
            "protocol": protocol, "awsQueryCompatible": {},
        },
        "operations": {
            "Put": {
                "name": "Put", "http": {"method": "POST", "requestUri": "/things/{Name}"},
                "input": {"shape": "All", "locationName": "PutRequest", "xmlNamespace": {"uri": "https://demo/"}},
                "output": shape("All"), "errors": [shape("Gone")],
            },
            "PutTwice": {
                "name": "PutTwice", "http": {"method": "POST", "requestUri": "/things/{Name}?twice"},
                "input": shape("All"), "output": shape("All"),
            },
            "Nothing": {"name": "Nothing", "http": {"method": "POST", "requestUri": "/nothing"}},
        },
        "shapes": {
            "All": {"type": "structure", "members": {
                "Name": {"shape": "Text", "location": if protocol == "rest-xml" { "uri" } else { "" }},
                "Text": shape("Text"), "Integer": shape("Integer"), "Long": shape("Long"), "Float": shape("Float"),
                "Double": shape("Double"), "Flag": shape("Flag"), "Bytes": shape("Bytes"), "Time": shape("Time"),
                "List": shape("List"), "Flat": {"shape": "List", "flattened": true},
                "Map": shape("Map"), "FlatMap": {"shape": "Map", "flattened": true},
                "Within": {"shape": "All", "locationName": "Inner"},
            }},
            "Text": {"type": "string", "max": 40}, "Integer": {"type": "integer"}, "Long": {"type": "long"},
            "Float": {"type": "float"}, "Double": {"type": "double"}, "Flag": {"type": "boolean"},
            "Bytes": {"type": "blob"}, "Time": {"type": "timestamp"},
            "List": {"type": "list", "member": {"shape": "Text"}},
            "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "List"}},
            "Gone": {
                "type": "structure", "exception": true, "error": {"code": "Demo.Gone", "httpStatusCode": 410},
                "members": {"message": shape("Text"), "Since": shape("Time")},
            },
        },
    });
    let mut model = model;
    for member in model["shapes"]["All"]["members"].as_object_mut().unwrap().values_mut() {
        if member["location"] == "" {
            member.as_object_mut().unwrap().remove("location");
        }
    }
    let text: &'static str = Box::leak(model.to_string().into_boxed_str());
    Box::leak(Box::new(serde_json::from_str(text).unwrap()))
}

/// The shape of its input and output.
pub(super) fn all(service: &'static Service) -> &'static Shape {
    service.shape("All").unwrap()
}

/// Values that fit the shape.
pub(super) fn values() -> impl Strategy<Value = Value> {
    let text = || "[ -~é\u{1F600}\r\n\t]{0,9}";
    let list = move || prop::collection::vec(text(), 0..4);
    let member = prop_oneof![
        text().prop_map(|v| ("Text", json!(v))),
        any::<i32>().prop_map(|v| ("Integer", json!(v))),
        any::<i64>().prop_map(|v| ("Long", json!(v))),
        prop_oneof![any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| json!(f64::from(v))), odd()]
            .prop_map(|v| ("Float", v)),
        prop_oneof![any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| json!(v)), odd()]
            .prop_map(|v| ("Double", v)),
        any::<bool>().prop_map(|v| ("Flag", json!(v))),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|v| ("Bytes", json!(encoded(&v)))),
        (0_i64..4_000_000_000).prop_map(|v| ("Time", json!(v))),
        list().prop_map(|v| ("List", json!(v))),
        prop::collection::vec(text(), 1..4).prop_map(|v| ("Flat", json!(v))),
        prop::collection::btree_map(text(), list(), 0..4).prop_map(|v| ("Map", json!(v))),
        prop::collection::btree_map(text(), list(), 1..4).prop_map(|v| ("FlatMap", json!(v))),
    ];
    let structure = prop::collection::vec(member, 0..8)
        .prop_map(|members| members.into_iter().map(|(name, v)| (name.to_owned(), v)).collect::<Map<_, _>>().into());
    structure.prop_recursive(6, 24, 1, |inner| inner.prop_map(|within| json!({"Text": "around", "Within": within})))
}

fn odd() -> impl Strategy<Value = Value> {
    prop::sample::select(&["NaN", "Infinity", "-Infinity"][..]).prop_map(Value::from)
}

/// Bytes as JSON has them.
pub(super) fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
