//! One captured request, as a line of JSON, and the key of the object that it goes to.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use sagewright_cloud_sagemaker_base::ports::{CapturePlan, EndpointKey};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Where a request was served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Place {
    pub endpoint: EndpointKey,
    pub variant: String,
}

/// A body and its type.
#[derive(Debug, Clone)]
pub(in super::super) struct Part {
    pub content_type: Option<String>,
    pub data: Bytes,
}

/// What was captured of one request.
#[derive(Debug, Clone)]
pub(in super::super) struct Captured {
    pub plan: Arc<CapturePlan>,
    pub place: Place,
    /// When it was answered, in AWS's time.
    pub at: Timestamp,
    pub input: Option<Part>,
    pub output: Option<Part>,
    pub attributes: Option<String>,
    pub inference: Option<String>,
}

impl Captured {
    /// What it holds in memory, about.
    pub fn bytes(&self) -> usize {
        let parts = [&self.input, &self.output];
        1024 + parts.into_iter().flatten().map(|part| part.data.len()).sum::<usize>()
    }

    /// The hour that it belongs to, and where that is.
    pub fn hour(&self) -> String {
        format!("{}/{}", self.plan.bucket, self.folder())
    }

    fn folder(&self) -> String {
        let Place { endpoint, variant } = &self.place;
        let hour = self.at.strftime("%Y/%m/%d/%H");
        let folder = format!("{}/{variant}/{hour}", endpoint.name);
        if self.plan.prefix.is_empty() { folder } else { format!("{}/{folder}", self.plan.prefix) }
    }

    /// The key of a new object that begins with this request: `…/endpoint/variant/yyyy/mm/dd/hh/mm-ss-mmm-uuid.jsonl`.
    pub fn key(&self) -> String {
        let millis = self.at.subsec_millisecond();
        format!("{}/{}-{millis:03}-{}.jsonl", self.folder(), self.at.strftime("%M-%S"), Uuid::new_v4())
    }

    /// The line of the object.
    pub fn line(&self) -> Value {
        let mut data = Map::new();
        for (member, mode, part) in
            [("endpointInput", "INPUT", &self.input), ("endpointOutput", "OUTPUT", &self.output)]
        {
            if let Some(part) = part {
                data.insert(member.to_owned(), self.part(mode, part));
            }
        }
        let mut event = Map::new();
        event.insert("eventId".to_owned(), json!(Uuid::new_v4().to_string()));
        if let Some(attributes) = &self.attributes {
            event.insert("customAttributes".to_owned(), json!([attributes]));
        }
        if let Some(inference) = &self.inference {
            event.insert("inferenceId".to_owned(), json!(inference));
        }
        event.insert("inferenceTime".to_owned(), json!(self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
        Value::Object(Map::from_iter([
            ("captureData".to_owned(), Value::Object(data)),
            ("eventMetadata".to_owned(), Value::Object(event)),
            ("eventVersion".to_owned(), json!("0")),
        ]))
    }

    fn part(&self, mode: &str, part: &Part) -> Value {
        let media = part.content_type.as_deref().unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let text = std::str::from_utf8(&part.data).ok();
        let kind = if self.plan.csv.contains(&media) {
            "CSV"
        } else if self.plan.json.contains(&media) {
            "JSON"
        } else {
            "BASE64"
        };
        // What is no text cannot stand in JSON as it is.
        let (encoding, data) = match text.filter(|_| kind != "BASE64") {
            Some(text) => (kind, text.to_owned()),
            None => ("BASE64", STANDARD.encode(&part.data)),
        };
        let mut out = Map::new();
        if let Some(observed) = &part.content_type {
            out.insert("observedContentType".to_owned(), json!(observed));
        }
        out.extend([
            ("mode".to_owned(), json!(mode)),
            ("data".to_owned(), Value::String(data)),
            ("encoding".to_owned(), json!(encoding)),
        ]);
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured() -> Captured {
        let part = |content: &str, data: &'static [u8]| {
            Some(Part { content_type: Some(content.to_owned()), data: Bytes::from_static(data) })
        };
        Captured {
            plan: Arc::new(CapturePlan {
                percentage: 100,
                bucket: "b".to_owned(),
                prefix: "datacapture".to_owned(),
                input: true,
                output: true,
                csv: vec!["text/csv".to_owned()],
                json: vec!["application/json".to_owned()],
            }),
            place: Place {
                endpoint: EndpointKey {
                    account: "0".to_owned(),
                    region: "r".to_owned(),
                    name: "my-endpoint".to_owned(),
                },
                variant: "AllTraffic".to_owned(),
            },
            at: "2021-09-12T08:03:35.007Z".parse().unwrap(),
            input: part("text/csv; charset=utf-8", b"1,\"a\"\n"),
            output: part("application/json", b"{\"p\": 1}"),
            attributes: Some("trace-7".to_owned()),
            inference: Some("mine".to_owned()),
        }
    }

    #[test]
    fn a_line_and_its_key_are_as_aws_writes_them() {
        let captured = captured();
        let key = captured.key();
        let id = key.strip_prefix("datacapture/my-endpoint/AllTraffic/2021/09/12/08/03-35-007-").unwrap();
        assert!(Uuid::parse_str(id.strip_suffix(".jsonl").unwrap()).is_ok(), "{key}");
        let line = captured.line();
        let data = &line["captureData"];
        assert_eq!(
            data["endpointInput"],
            json!({ "observedContentType": "text/csv; charset=utf-8", "mode": "INPUT", "data": "1,\"a\"\n", "encoding": "CSV" })
        );
        assert_eq!(
            data["endpointOutput"],
            json!({ "observedContentType": "application/json", "mode": "OUTPUT", "data": "{\"p\": 1}", "encoding": "JSON" })
        );
        let event = &line["eventMetadata"];
        assert!(Uuid::parse_str(event["eventId"].as_str().unwrap()).is_ok());
        assert_eq!(
            (&event["inferenceTime"], &event["customAttributes"], &event["inferenceId"]),
            (&json!("2021-09-12T08:03:35Z"), &json!(["trace-7"]), &json!("mine"))
        );
        assert_eq!(line["eventVersion"], "0");
    }

    #[test]
    fn what_is_neither_csv_nor_json_or_no_text_is_base64() {
        for (content, data) in [(Some("text/plain"), &b"abc"[..]), (None, b"abc"), (Some("text/csv"), b"\xff")] {
            let part = Part { content_type: content.map(str::to_owned), data: Bytes::from_static(data) };
            let shown = captured().part("INPUT", &part);
            assert_eq!(shown["encoding"], "BASE64", "{content:?}");
            assert_eq!(shown["data"], STANDARD.encode(data));
            assert_eq!(shown["observedContentType"].as_str(), content);
        }
    }
}
