use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::{self, testing};

fn request(uri: &str, body: &str) -> Result<protocol::Request, ApiError> {
    let parts = http::Request::builder().method("POST").uri(uri).body(()).unwrap().into_parts().0;
    protocol::read(testing::service("rest-xml"), Wire::RestXml, &parts, Bytes::copy_from_slice(body.as_bytes()))
}

fn input(members: &str) -> Result<Value, String> {
    let read = request("/things/a", &format!("<PutRequest>{members}</PutRequest>"));
    read.map(|request| request.input).map_err(|e| format!("{} {}: {}", e.status, e.code, e.message))
}

/// Facts of the Smithy project's protocol tests and of XML 1.0.
#[test]
fn each_form_of_an_xml_body_is_read() {
    for (members, value) in [
        ("<Text>a b </Text>", json!({"Text": "a b "})),
        ("<Text/>", json!({"Text": ""})),
        ("<Text>&lt;&#x41;&#66;&amp;<![CDATA[<&c]]><!-- d --></Text>", json!({"Text": "<AB&<&c"})),
        ("<Text>a\r\nb&#xD;</Text>", json!({"Text": "a\nb\r"})),
        ("<x:Text xmlns:x=\"https://demo/\">a</x:Text>", json!({"Text": "a"})),
        ("\n  <Integer> 5 </Integer>\n<Flag>true</Flag>", json!({"Integer": 5, "Flag": true})),
        ("<Double>NaN</Double><Float>1.5</Float>", json!({"Double": "NaN", "Float": 1.5})),
        ("<Time>\n2023-11-14T22:13:20Z</Time>", json!({"Time": "2023-11-14T22:13:20Z"})),
        ("<Bytes>Zm9v</Bytes>", json!({"Bytes": "Zm9v"})),
        ("<List/>", json!({"List": []})),
        ("<List><member>a</member><other><b/></other><member/></List>", json!({"List": ["a", ""]})),
        ("<Flat>a</Flat><Text>x</Text><Flat>b</Flat>", json!({"Flat": ["a", "b"], "Text": "x"})),
        (
            "<Map><entry><key>k</key><value><member>v</member></value></entry><entry><value/><key>l</key></entry></Map>",
            json!({"Map": {"k": ["v"], "l": []}}),
        ),
        ("<FlatMap><key>k</key><value/></FlatMap>", json!({"FlatMap": {"k": []}})),
        ("<Inner><Text>a</Text></Inner>", json!({"Within": {"Text": "a"}})),
        ("<Unknown a=\"1\"><b>c</b></Unknown><Within><Text>a</Text></Within>", json!({})),
    ] {
        let mut expected = value;
        expected["Name"] = "a".into();
        assert_eq!(input(members).unwrap(), expected, "{members}");
    }
    let whole = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a --><PutRequest xmlns=\"https://demo/\"/>\n";
    assert_eq!(request("/things/a", whole).unwrap().input, json!({"Name": "a"}));
    assert_eq!(request("/things/a", "").unwrap().input, json!({"Name": "a"}));
}

#[test]
fn what_is_no_input_is_refused_by_name() {
    for (members, why) in [
        ("<Text>", "The request body is not XML: "),
        ("<Text></Flag>", "The request body is not XML: "),
        ("<Text>&unknown;</Text>", "it has the unknown entity 'unknown'"),
        ("<Text>&#x110000;</Text>", "The request body is not XML: "),
        ("<Text><b/></Text>", "Element b found where not expected"),
        ("text", "Text found where an element is expected"),
        ("<Integer>five</Integer>", "'five' can not be converted"),
        ("<Flag>yes</Flag>", "'yes' can not be converted"),
        ("<Time>1700000000</Time>", "can not be converted"),
        ("<Map><entry><value/></entry></Map>", "An entry of a map has no key"),
    ] {
        let told = input(members).unwrap_err();
        assert!(told.starts_with("400 SerializationException: ") && told.contains(why), "{members}: {told}");
    }
    for (body, why) in [
        ("<Other/>", "has to be an element PutRequest, and is Other"),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><PutRequest/>", "a document type is declared, which is not supported"),
        ("<PutRequest/><PutRequest/>", "Element PutRequest found where not expected"),
        ("  ", "it has no element"),
        ("{}", "Text found where an element is expected"),
    ] {
        let told = request("/things/a", body).unwrap_err();
        assert!(told.status == 400 && told.message.contains(why), "{body}: {told}");
    }
    let long = input(&format!("<Text>{}</Text>", "a".repeat(41))).unwrap_err();
    assert!(long.starts_with("400 ValidationException: 1 validation error detected: "), "{long}");
    let unknown = request("/other", "").unwrap_err();
    assert_eq!((&*unknown.code, unknown.status), ("UnknownOperationException", 404));
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let nested = |depth: usize| input(&format!("{}{}", "<Inner>".repeat(depth), "</Inner>".repeat(depth)));
    assert!(nested(128).is_ok());
    assert_eq!(nested(129).unwrap_err(), "400 SerializationException: The request body is nested more than 128 deep");
    // Passed over without recursion.
    assert!(input(&"<Unknown>".repeat(200_000)).unwrap_err().contains("is not XML"));
    let list = input(&format!("<List>{}</List>", "<member/>".repeat(1_000_000)));
    assert!(list.unwrap_err().ends_with("holds more than 1000000 values"));
}

#[test]
fn a_template_with_a_query_is_chosen_where_the_request_has_it() {
    for (uri, name) in [("/things/a?twice", "PutTwice"), ("/things/a?x=1", "Put"), ("/things/a?x&twice", "PutTwice")] {
        assert_eq!(request(uri, "").unwrap().operation.name, name, "{uri}");
    }
}

#[test]
fn answers_and_errors_are_xml_with_the_namespace_of_the_service() {
    let service = testing::service("rest-xml");
    let value = json!({"Text": "a<b", "Flat": ["c"], "Map": {"k": ["v"]}, "Time": 1_700_000_000, "Name": "not told"});
    let response = protocol::write(service, Wire::RestXml, service.operation("Put").unwrap(), value.into(), "id");
    assert_eq!(
        std::str::from_utf8(response.body()).unwrap(),
        "<All xmlns=\"https://demo/\"><Text>a&lt;b</Text><Time>2023-11-14T22:13:20Z</Time><Flat>c</Flat>\
         <Map><entry><key>k</key><value><member>v</member></value></entry></Map></All>"
    );
    assert_eq!(response.headers()["content-type"], "application/xml");
    let error = protocol::write_error(Some(service), Wire::RestXml, &ApiError::new("Gone", 410, "gone"), "id");
    assert_eq!(error.status(), StatusCode::GONE);
    assert_eq!(
        std::str::from_utf8(error.body()).unwrap(),
        "<ErrorResponse><Error><Type>Sender</Type><Code>Gone</Code><Message>gone</Message></Error>\
         <RequestId>id</RequestId></ErrorResponse>"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in testing::values()) {
        let service = testing::service("rest-xml");
        let body = super::super::xml::document(
            service, service.operation("Put").unwrap(), testing::all(service), ("PutRequest", None), &value,
        );
        let read = xml::read(service, testing::all(service), Some("PutRequest"), &body).map_err(|e| e.message);
        prop_assert_eq!(read.map(seconds), Ok(seconds(value)));
    }

    #[test]
    fn no_body_panics(
        parts in prop::collection::vec(prop::sample::select(&[
            "<PutRequest>", "</PutRequest>", "<Text>", "</Text>", "<Flat", " a='", "'", "/>", "<Map>", "<entry>", "<key>", "&#", "x",
            "99999999999;", "&lt;", "<![CDATA[", "]]>", "<!--", "-->", "<!DOCTYPE", "[", "<?xml", "?>", "é", "\u{feff}", ">", "<",
        ][..]), 0..40),
        text in "\\PC{0,40}",
    ) {
        let _ = request("/things/a", &parts.concat());
        let _ = request("/things/a", &format!("<PutRequest>{}{text}", parts.concat()));
    }
}

/// With timestamps as numbers, and whole numbers alike.
fn seconds(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| match (&*name, crate::protocol::time::millis(&value)) {
                ("Time", Some(millis)) => (name, (millis / 1000).into()),
                _ => (name, seconds(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(seconds).collect(),
        other => other,
    }
}
