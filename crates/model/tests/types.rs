//! Values are held to the types, lengths and numbers of their shapes, in AWS's words.

#![allow(clippy::unwrap_used)]

use sagewright_model::{Invalid, Segment, Service, Violation, check_pattern, validate};
use serde_json::{Value, json};

/// A service with a member of each type in its one structure.
fn all_types() -> Service {
    serde_json::from_str(
        r#"{"metadata": {"apiVersion": "1", "endpointPrefix": "x", "protocol": "json", "serviceId": "X"}, "operations": {}, "shapes": {
            "All": {"type": "structure", "members": {
                "Structure": {"shape": "Inner"}, "List": {"shape": "Texts"}, "Inners": {"shape": "Inners"},
                "Map": {"shape": "Map"}, "Inner": {"shape": "InnerMap"}, "String": {"shape": "String"},
                "Character": {"shape": "Character"}, "Integer": {"shape": "Integer"}, "Long": {"shape": "Long"},
                "Short": {"shape": "Short"}, "Byte": {"shape": "Byte"}, "Float": {"shape": "Float"},
                "Double": {"shape": "Double"}, "BigDecimal": {"shape": "BigDecimal"}, "BigInteger": {"shape": "BigInteger"},
                "Boolean": {"shape": "Boolean"}, "Blob": {"shape": "Blob"}, "Timestamp": {"shape": "Timestamp"},
                "Few": {"shape": "Few"}, "Port": {"shape": "Port"}, "Enum": {"shape": "Enum"}, "Secret": {"shape": "Secret"},
                "Bytes": {"shape": "Bytes"}, "Since": {"shape": "Since"}, "Pair": {"shape": "Pair"}}},
            "Inner": {"type": "structure", "required": ["Name"], "members": {"Name": {"shape": "String"}, "Port": {"shape": "Port"}}},
            "Texts": {"type": "list", "member": {"shape": "String"}},
            "Inners": {"type": "list", "member": {"shape": "Inner"}},
            "Map": {"type": "map", "key": {"shape": "Enum"}, "value": {"shape": "Integer"}},
            "InnerMap": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "Inner"}},
            "Pair": {"type": "structure", "union": true, "members": {"A": {"shape": "String"}, "B": {"shape": "String"}}},
            "Few": {"type": "list", "member": {"shape": "Enum"}, "min": 1, "max": 2},
            "Port": {"type": "integer", "min": 1, "max": 9},
            "Enum": {"type": "string", "enum": ["a", "b"]},
            "Secret": {"type": "string", "max": 3, "sensitive": true},
            "Bytes": {"type": "blob", "min": 2, "max": 3},
            "Since": {"type": "timestamp", "min": 5},
            "String": {"type": "string"}, "Character": {"type": "character"}, "Integer": {"type": "integer"},
            "Long": {"type": "long"}, "Short": {"type": "short"}, "Byte": {"type": "byte"}, "Float": {"type": "float"},
            "Double": {"type": "double"}, "BigDecimal": {"type": "bigdecimal"}, "BigInteger": {"type": "biginteger"},
            "Boolean": {"type": "boolean"}, "Blob": {"type": "blob"}, "Timestamp": {"type": "timestamp"}}}"#,
    )
    .unwrap()
}

fn judge(input: &Value) -> Result<(), Invalid> {
    let service = all_types();
    validate(&service, service.shape("All").unwrap(), input)
}

fn told(input: &Value) -> String {
    judge(input).map_or_else(|e| e.to_string(), |()| "ok".to_owned())
}

#[test]
fn each_type_takes_its_own_values() {
    for (member, good) in [
        ("Structure", json!({"Name": "n"})),
        ("List", json!(["a"])),
        ("Map", json!({"a": 1})),
        ("String", json!("")),
        ("Character", json!("c")),
        ("Integer", json!(1.0)),
        ("Float", json!(1.5)),
        ("Float", json!("NaN")),
        ("Double", json!("Infinity")),
        ("Double", json!("-Infinity")),
        ("BigDecimal", json!(1.5)),
        ("BigInteger", json!(1e300)),
        ("Boolean", json!(false)),
        ("Blob", json!("YQ==")),
        ("Timestamp", json!("2024-01-01T00:00:00Z")),
        ("Timestamp", json!(1_700_000_000.5)),
        ("Integer", Value::Null),
        ("Structure", Value::Null),
        ("Unheard", json!({"of": 1})),
    ] {
        assert_eq!(told(&json!({member: good})), "ok", "{member}: {good}");
    }
}

#[test]
fn each_type_refuses_what_is_not_its_own() {
    for (member, bad, expected) in [
        ("Structure", json!([]), "Start of list found where not expected"),
        ("Map", json!([]), "Start of list found where not expected"),
        ("String", json!([]), "Start of list found where not expected"),
        ("List", json!({}), "Start of structure or map found where not expected."),
        ("String", json!({}), "Start of structure or map found where not expected."),
        ("Structure", json!("s"), "Unexpected token received from parser"),
        ("Map", json!(1), "Unexpected token received from parser"),
        ("List", json!(true), "Unexpected token received from parser"),
        ("String", json!(1), "NUMBER_VALUE can not be converted to a String"),
        ("Character", json!(true), "TRUE_VALUE can not be converted to a String"),
        ("Timestamp", json!(false), "FALSE_VALUE can not be converted to a Timestamp"),
        ("Boolean", json!("true"), "STRING_VALUE can not be converted to a Boolean"),
        ("Blob", json!(1), "NUMBER_VALUE can not be converted to a Blob"),
        ("Integer", json!("1"), "STRING_VALUE can not be converted to an Integer"),
        ("Integer", json!("NaN"), "STRING_VALUE can not be converted to an Integer"),
        ("Integer", json!(1.5), "1.5 can not be converted to an Integer"),
        ("Long", json!(0.5), "0.5 can not be converted to a Long"),
        ("Long", json!("1"), "STRING_VALUE can not be converted to a Long"),
        ("Short", json!("1"), "STRING_VALUE can not be converted to a Short"),
        ("Byte", json!("1"), "STRING_VALUE can not be converted to a Byte"),
        ("BigInteger", json!(true), "TRUE_VALUE can not be converted to a BigInteger"),
        ("Float", json!("1.5"), "STRING_VALUE can not be converted to a Float"),
        ("Double", json!("nan"), "STRING_VALUE can not be converted to a Double"),
        ("BigDecimal", json!("NaN"), "STRING_VALUE can not be converted to a BigDecimal"),
    ] {
        assert_eq!(told(&json!({member: bad})), expected, "{member}: {bad}");
    }
}

#[test]
fn whole_numbers_end_where_their_types_do() {
    for (member, least, most) in [
        ("Byte", i64::from(i8::MIN), i64::from(i8::MAX)),
        ("Short", i64::from(i16::MIN), i64::from(i16::MAX)),
        ("Integer", i64::from(i32::MIN), i64::from(i32::MAX)),
        ("Long", i64::MIN, i64::MAX),
    ] {
        for good in [least, most, 0, -1] {
            assert_eq!(told(&json!({member: good})), "ok", "{member}");
        }
        // Beyond 2^53 a number of JSON is not exact.
        let exact = i128::from(least) - if member == "Long" { 2000 } else { 1 };
        let past = [exact, i128::from(most) + 1, i128::from(most) * 2, i128::from(least) * 10];
        for bad in past {
            let value: Value = serde_json::from_str(&bad.to_string()).unwrap();
            assert!(told(&json!({member: value})).contains("can not be converted to a"), "{member}: {bad}");
        }
    }
}

#[test]
fn a_wrong_type_is_told_with_its_place() {
    let place = |input: Value| match judge(&input) {
        Err(e @ Invalid::Type { .. }) => {
            assert_eq!(e.code(), "SerializationException");
            let Invalid::Type { path, .. } = e else { unreachable!() };
            path
        }
        other => unreachable!("{other:?}"),
    };
    let member = |name: &str| Segment::Member(name.to_owned());
    assert_eq!(place(json!({"Structure": {"Name": 1}})), [member("Structure"), member("Name")]);
    assert_eq!(place(json!({"List": ["a", 1]})), [member("List"), Segment::Index(1)]);
    assert_eq!(place(json!({"Map": {"a": "x"}})), [member("Map"), Segment::Key("a".to_owned())]);
    // What was passed before leaves nothing behind.
    assert_eq!(place(json!({"List": ["a"], "Map": {"b": 1, "a": "x"}, "String": "s"})).len(), 2);
}

fn violations(input: Value) -> Vec<Violation> {
    match judge(&input) {
        Ok(()) => Vec::new(),
        Err(e @ Invalid::Constraints(_)) => {
            assert_eq!(e.code(), "ValidationException");
            let Invalid::Constraints(list) = e else { unreachable!() };
            list
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn numbers_and_lengths_are_held_to_their_bounds() {
    for (input, expected) in [
        (json!({"Port": 1}), None),
        (json!({"Port": 9}), None),
        (json!({"Port": 0}), Some("Member must have value greater than or equal to 1")),
        (json!({"Port": 10}), Some("Member must have value less than or equal to 9")),
        (json!({"Few": ["a"]}), None),
        (json!({"Few": ["a", "b"]}), None),
        (json!({"Few": []}), Some("Member must have length greater than or equal to 1")),
        (json!({"Few": ["a", "b", "a"]}), Some("Member must have length less than or equal to 2")),
        (json!({"Few": ["c"]}), Some("Member must satisfy constraint: [Member must satisfy enum value set: [a, b]]")),
        (
            json!({"Map": {"c": 1}}),
            Some("Map keys must satisfy constraint: [Member must satisfy enum value set: [a, b]]"),
        ),
        // Blobs are measured in bytes: `YQ==` is one, `YWI=` two, `YWJj` three, `YWJjZA==` four.
        (json!({"Bytes": "YQ=="}), Some("Member must have length greater than or equal to 2")),
        (json!({"Bytes": "YWI="}), None),
        (json!({"Bytes": "YWJj"}), None),
        (json!({"Bytes": "YWJjZA=="}), Some("Member must have length less than or equal to 3")),
        (json!({"Enum": "c"}), Some("Member must satisfy enum value set: [a, b]")),
        (json!({"Secret": "äöü"}), None),
        (json!({"Secret": "long"}), Some("Member must have length less than or equal to 3")),
        (json!({"Pair": {"A": "a"}}), None),
        (json!({"Pair": {"A": "a", "B": null, "C": 1}}), None),
        (json!({"Pair": {}}), Some("Member must have exactly one member set")),
        (json!({"Pair": {"A": "a", "B": "b"}}), Some("Member must have exactly one member set")),
        // The bounds of a time are not bounds of its number.
        (json!({"Since": 1}), None),
    ] {
        let found = violations(input.clone());
        assert_eq!(found.first().map(|v| v.constraint.as_str()), expected, "{input}");
        assert!(found.len() < 2, "{input}: {found:?}");
    }
}

#[test]
fn violations_name_list_elements_and_map_values() {
    let all = violations(json!({
        "Structure": {"Port": 10}, "Inners": [{"Name": "n"}, {"Name": null, "Port": 0}], "Inner": {"k": {}}, "Secret": "long",
    }));
    let texts: Vec<String> = all.iter().map(Violation::to_string).collect();
    assert_eq!(
        texts,
        [
            "Value null at 'structure.name' failed to satisfy constraint: Member must not be null",
            "Value '10' at 'structure.port' failed to satisfy constraint: Member must have value less than or equal to 9",
            "Value null at 'inners.2.member.name' failed to satisfy constraint: Member must not be null",
            "Value '0' at 'inners.2.member.port' failed to satisfy constraint: Member must have value greater than or equal to 1",
            "Value null at 'inner.k.member.name' failed to satisfy constraint: Member must not be null",
            "Value '***Sensitive***' at 'secret' failed to satisfy constraint: Member must have length less than or equal to 3",
        ]
    );
    let Err(e) = judge(&json!({"Port": 0, "Enum": "c"})) else { unreachable!() };
    assert!(e.to_string().starts_with("2 validation errors detected: Value '0' at 'port'"), "{e}");
    assert!(told(&json!({"Port": 0})).starts_with("1 validation error detected: "));
}

#[test]
fn values_are_shown_as_java_prints_them() {
    let shown = |input: Value| violations(input).remove(0).value.unwrap();
    assert_eq!(shown(json!({"Few": ["a", "c", "b"]})), "[a, c, b]");
    assert_eq!(shown(json!({"Pair": {"A": "a", "B": "b"}})), "{A=a, B=b}");
    assert_eq!(shown(json!({"Map": {"c": 1, "b": 2}})), "{c=1, b=2}");
    assert_eq!(shown(json!({"Enum": "x".repeat(4096)})), "x".repeat(4096));
    assert_eq!(shown(json!({"Enum": "é".repeat(5000)})), "é".repeat(4096) + "…");
}

#[test]
fn at_most_a_hundred_violations_are_told() {
    let inner = json!({"Name": "n", "Port": 0});
    assert_eq!(violations(json!({"Inners": vec![inner.clone(); 99]})).len(), 99);
    assert_eq!(violations(json!({"Inners": vec![inner.clone(); 100]})).len(), 100);
    assert_eq!(violations(json!({"Inners": vec![inner; 500]})).len(), 100);
}

#[test]
fn the_pattern_of_a_text_that_is_far_too_long_is_not_looked_at() {
    let shape = r#"{"metadata": {"apiVersion": "1", "endpointPrefix": "x", "protocol": "json", "serviceId": "X"}, "operations": {}, "shapes": {
        "In": {"type": "structure", "members": {"A": {"shape": "A"}}}, "A": {"type": "string", "max": 8, "pattern": "[a-z]+"}}}"#;
    let service: Service = serde_json::from_str(shape).unwrap();
    let count = |length: usize| {
        let input = json!({"A": "A".repeat(length)});
        match validate(&service, service.shape("In").unwrap(), &input) {
            Err(Invalid::Constraints(list)) => list.len(),
            other => unreachable!("{other:?}"),
        }
    };
    assert_eq!([count(8), count(9), count(4 * 8 + 4096), count(4 * 8 + 4097)], [1, 2, 2, 1]);
    assert!(check_pattern(service.shape("In").unwrap(), "anything"), "a shape without a pattern");
    assert!(!check_pattern(service.shape("A").unwrap(), "A"));
}
