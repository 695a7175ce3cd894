use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::{self, testing};

const PATH: &str = "/service/Demo_1/operation/Put";
const HEADERS: [(&str, &str); 2] = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];

fn request(path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Value, String> {
    let mut request = http::Request::builder().method("POST").uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let read = protocol::read(testing::service("smithy-rpc-v2-cbor"), Wire::RpcV2Cbor, &parts, body.into());
    read.map(|request| request.input).map_err(|e| format!("{} {}: {}", e.status, e.code, e.message))
}

fn of_hex(body: &str) -> Result<Value, String> {
    request(PATH, &HEADERS, hex::decode(body.replace(' ', "")).unwrap())
}

/// `{"name": …}` with the value in hexadecimal digits.
fn member(name: &str, value: &str) -> Result<Value, String> {
    of_hex(&format!("a1 {:02x} {} {value}", 0x60 + name.len(), hex::encode(name)))
        .map(|input| input.get(name).cloned().unwrap_or_default())
}

/// Facts of the Smithy project's protocol tests and of RFC 8949, appendix A.
#[test]
fn each_form_of_a_value_is_read() {
    for (name, body, value) in [
        ("Text", "63 666f6f", json!("foo")),
        ("Text", "7f 61 66 62 6f6f ff", json!("foo")),
        ("Text", "7f ff", json!("")),
        ("Integer", "18 18", json!(24)),
        ("Integer", "f9 3c00", json!(1)),
        ("Integer", "3a 7fffffff", json!(i32::MIN)),
        ("Long", "1b 7fffffffffffffff", json!(i64::MAX)),
        ("Long", "3b 7fffffffffffffff", json!(i64::MIN)),
        ("Double", "f9 3c00", json!(1.0)),
        ("Double", "f9 0001", json!(5.960_464_477_539_063e-8)),
        ("Double", "fa 47c35000", json!(100_000.0)),
        ("Double", "fb 3ff199999999999a", json!(1.1)),
        ("Double", "f9 7e00", json!("NaN")),
        ("Float", "fa 7f800000", json!("Infinity")),
        ("Float", "fb fff0000000000000", json!("-Infinity")),
        ("Double", "05", json!(5)),
        ("Flag", "f5", json!(true)),
        ("Flag", "f6", json!(null)),
        ("Flag", "f7", json!(null)),
        ("Bytes", "43 666f6f", json!("Zm9v")),
        ("Bytes", "5f 41 66 42 6f6f ff", json!("Zm9v")),
        ("Time", "c1 1a 514b67b0", json!(1_363_896_240)),
        ("Time", "c1 fb 41d452d9ec200000", json!(1_363_896_240.5)),
        ("Time", "c1 f9 3e00", json!(1.5)),
        ("List", "82 61 61 61 62", json!(["a", "b"])),
        ("List", "9f 61 61 61 62 ff", json!(["a", "b"])),
        ("Map", "a1 61 6b 80", json!({"k": []})),
        ("Map", "bf 61 6b 9f ff ff", json!({"k": []})),
        ("Other", "bf 61 6b 9f 7f ff 5f ff c2 41 00 ff ff", json!(null)),
    ] {
        assert_eq!(member(name, body).unwrap(), value, "{name} {body}");
    }
    for body in ["", "a0", "bf ff"] {
        assert_eq!(of_hex(body).unwrap(), json!({}), "{body}");
    }
}

#[test]
fn what_is_no_input_is_refused_by_name() {
    for (name, body, why) in [
        ("Text", "43 666f6f", "Byte string found where not expected"),
        ("Text", "01", "NUMBER_VALUE can not be converted to"),
        ("Text", "80", "Start of list found where not expected"),
        ("List", "a0", "Start of structure or map found where not expected"),
        ("Text", "c1 01", "Timestamp found where not expected"),
        ("Text", "62 c328", "is not CBOR at byte 6"),
        ("Text", "7b ffffffffffffffff 61", "is not CBOR"),
        ("Bytes", "63 666f6f", "Text string found where not expected"),
        ("Bytes", "5b 7fffffffffffffff 00", "is not CBOR"),
        ("Bytes", "5f 61 66 ff", "is not CBOR"),
        ("Integer", "f9 3e00", "can not be converted to"),
        ("Integer", "f9 7e00", "A number that is not finite found where not expected"),
        ("Integer", "1a 80000001", "can not be converted to"),
        ("Long", "3b 8000000000000000", "-9223372036854775809 does not fit into 64 bits"),
        ("Time", "63 666f6f", "Text string found where not expected"),
        ("Time", "c0 63 666f6f", "a tag that is not supported: 0"),
        ("Time", "c2 41 01", "a tag that is not supported: 2"),
        ("Time", "c1 c1 01", "is not CBOR"),
        ("Time", "c1 f9 7c00", "A number that is not finite found where not expected"),
        ("Flag", "f8 20", "a value that is not supported: simple"),
        ("Flag", "ff", "a value that is not supported: break"),
        ("Flag", "1c", "a value that is not supported"),
        ("List", "9b ffffffffffffffff 60", "is not CBOR"),
        ("List", "9f 60", "is not CBOR"),
        ("Map", "a1 01 80", "is not CBOR"),
        ("Map", "a2 61 6b 80 61 6b 80", "has the key 'k' twice in one map"),
        ("Map", "bb ffffffffffffffff", "is not CBOR"),
        ("Other", "9b ffffffffffffffff 60", "is not CBOR"),
    ] {
        let told = member(name, body).unwrap_err();
        assert!(told.starts_with("400 SerializationException: ") && told.contains(why), "{name} {body}: {told}");
    }
    for (body, why) in [
        ("80", "Start of list found where not expected"),
        ("f6", "is not a map"),
        ("a0 a0", "goes on after its end, at byte 1"),
        ("a1", "is not CBOR"),
        ("a2 64 54657874 60 64 54657874 60", "has the key 'Text' twice"),
    ] {
        assert!(of_hex(body).unwrap_err().contains(why), "{body}: {:?}", of_hex(body));
    }
    let long = format!("78 29 {}", "61".repeat(41));
    assert!(member("Text", &long).unwrap_err().starts_with("400 ValidationException: 1 validation error detected: "));
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let nested = |depth: usize| of_hex(&format!("{} a0", "a1 65 496e6e6572".repeat(depth)));
    assert!(nested(128).is_ok());
    assert_eq!(nested(129).unwrap_err(), "400 SerializationException: The request body is nested more than 128 deep");
    assert!(nested(400_000).unwrap_err().contains("nested more than 128 deep"));
    // Passed over without recursion.
    let mut unknown = hex::decode("a1615881").unwrap();
    unknown.extend(std::iter::repeat_n(0x81, 1_000_000));
    assert!(request(PATH, &HEADERS, unknown).unwrap_err().contains("is not CBOR"));
    let list = |length: usize| {
        let mut body = hex::decode("a1644c6973749f").unwrap();
        body.extend(std::iter::repeat_n(0x60, length));
        body.push(0xff);
        request(PATH, &HEADERS, body)
    };
    assert!(list(9_999).is_ok());
    assert_eq!(
        list(999_999).unwrap_err(),
        "400 SerializationException: The request body holds more than 1000000 values"
    );
}

#[test]
fn path_and_headers_name_protocol_service_and_operation() {
    type Headers<'h> = &'h [(&'h str, &'h str)];
    let cases: &[(&str, Headers, &str)] = &[
        ("/before/service/Demo_1/operation/Put", &HEADERS, ""),
        ("/service/Other/operation/Put", &HEADERS, "404 UnknownOperationException: "),
        ("/service/Demo_1/operation/Other", &HEADERS, "404 UnknownOperationException: "),
        ("/service/Demo_1/operation/Put/", &HEADERS, "404 UnknownOperationException: "),
        ("/", &HEADERS, "404 UnknownOperationException: "),
        (PATH, &HEADERS[..1], "400 SerializationException: The request's Content-Type has to be application/cbor"),
        (PATH, &HEADERS[1..], "400 SerializationException: The header smithy-protocol has to say rpc-v2-cbor"),
    ];
    for (path, headers, why) in cases {
        let told = request(path, headers, vec![0xa0]);
        assert!(told.as_ref().err().map_or("", |e| e).starts_with(why) && told.is_ok() == why.is_empty(), "{told:?}");
    }
}

#[test]
fn errors_have_the_name_of_their_shape_and_the_code_of_the_query_protocol() {
    let service = testing::service("smithy-rpc-v2-cbor");
    let mut error = ApiError::new("Demo.Gone", 410, "gone");
    error.members.insert("Since".to_owned(), json!("2023-11-14T22:13:20Z"));
    let response = protocol::write_error(Some(service), Wire::RpcV2Cbor, &error, "id");
    assert_eq!(response.status(), StatusCode::GONE);
    assert_eq!(response.headers()["x-amzn-query-error"], "Demo.Gone;Sender");
    assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(response.headers()["content-type"], "application/cbor");
    let expected = "a3 66 5f5f74797065 64 476f6e65 67 6d657373616765 64 676f6e65 65 53696e6365 c1 1a 6553f100";
    assert_eq!(hex::encode(response.body()), expected.replace(' ', ""));
    let response = protocol::write_error(None, Wire::RpcV2Cbor, &ApiError::new("A", 501, "b"), "id");
    assert_eq!(hex::encode(response.body()), "a2665f5f7479706561416 76d6573736167656162".replace(' ', ""));
    let none = protocol::write(service, Wire::RpcV2Cbor, service.operation("Nothing").unwrap(), json!({}).into(), "id");
    assert!(none.body().is_empty() && !none.headers().contains_key("content-type"));
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in testing::values()) {
        let service = testing::service("smithy-rpc-v2-cbor");
        let body = write::document(service, testing::all(service), &value, &[]);
        let read = read::document(service, testing::all(service), &body);
        prop_assert_eq!(read.map_err(|e| e.message), Ok(value));
    }

    #[test]
    fn no_body_panics(
        body in prop::collection::vec(any::<u8>(), 0..200),
        head in prop::sample::select(&["", "a1644c697374", "a16454696d65c1", "a1634d6170", "bf65496e6e6572", "a16142"][..]),
    ) {
        let mut all = hex::decode(head).unwrap();
        all.extend(body);
        let _ = request(PATH, &HEADERS, all);
    }

    #[test]
    fn no_damage_to_a_body_panics(value in testing::values(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let service = testing::service("smithy-rpc-v2-cbor");
        let mut body = write::document(service, testing::all(service), &value, &[]);
        let at = at.index(body.len());
        body[at] = byte;
        let _ = request(PATH, &HEADERS, body.clone());
        body.truncate(at);
        let _ = request(PATH, &HEADERS, body);
    }
}
