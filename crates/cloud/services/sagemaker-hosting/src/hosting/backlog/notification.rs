//! What an SNS topic is told of a request's end, as SageMaker words it.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::request::Request;
use sagewright_cloud_core::records::Event;
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

/// The outbox's name of what is to be published.
pub(super) const KIND: &str = "SNS Publish";
/// Most bytes of an answer that a message holds.
pub(super) const LONGEST_RESPONSE: usize = 128 * 1024;

/// What came of a request.
pub(super) enum Told<'a> {
    /// The model answered.
    Completed { content_type: Option<&'a str>, response: Option<&'a Bytes> },
    /// It did not.
    Failed { reason: &'a str, response: Option<&'a Bytes> },
}

/// The event that tells the request's topic; `None` where it has none for this.
pub(super) fn event(endpoint: &EndpointKey, request: &Request, told: &Told<'_>, now: i64) -> Option<Event> {
    let (topic, status, response) = match told {
        Told::Completed { response, .. } => (request.success_topic.as_ref()?, "Completed", response),
        Told::Failed { response, .. } => (request.error_topic.as_ref()?, "Failed", response),
    };
    let mut asked = Map::new();
    for (name, member) in [
        ("accept", "Accept"),
        ("contentType", "ContentType"),
        ("customAttributes", "CustomAttributes"),
        ("inputLocation", "InputLocation"),
    ] {
        asked.extend(request.text(member).map(|text| (name.to_owned(), json!(text))));
    }
    asked.insert("endpointName".to_owned(), json!(endpoint.name));
    let mut message = json!({
        "awsRegion": endpoint.region,
        "eventTime": time(now),
        "receivedTime": time(request.received),
        "invocationStatus": status,
        "requestParameters": asked,
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    });
    let mut answered = Map::new();
    match told {
        Told::Completed { content_type, .. } => {
            answered.extend(content_type.map(|text| ("contentType".to_owned(), json!(text))));
            answered.insert("outputLocation".to_owned(), json!(request.output));
        }
        Told::Failed { reason, .. } => {
            message["failureReason"] = json!(reason);
            answered.extend(request.failure.as_ref().map(|uri| ("outputLocation".to_owned(), json!(uri))));
        }
    }
    if !answered.is_empty() {
        message["responseParameters"] = Value::Object(answered);
    }
    if let Some(response) = response.filter(|response| topic.with_response && response.len() <= LONGEST_RESPONSE) {
        message["responseBody"] = json!({ "content": STANDARD.encode(response), "encoding": "BASE64" });
    }
    Some(Event {
        account: endpoint.account.clone(),
        region: endpoint.region.clone(),
        kind: KIND.to_owned(),
        at: now,
        body: json!({ "TopicArn": topic.arn, "Message": message.to_string() }),
    })
}

fn time(milliseconds: i64) -> String {
    let at = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use sagewright_cloud_sagemaker_base::serving::Topic;

    use super::*;

    fn request(with_response: bool) -> Request {
        let topic = |name: &str| Some(Topic { arn: format!("arn:aws:sns:us-east-1:1:{name}"), with_response });
        Request {
            input: json!({ "InputLocation": "s3://b/in", "ContentType": "text/csv" }),
            body: None,
            inference_id: "id".to_owned(),
            received: 1_643_150_760_455,
            expires: 0,
            timeout_seconds: 1,
            output: "s3://b/out/1.out".to_owned(),
            failure: Some("s3://b/bad/1-error.out".to_owned()),
            success_topic: topic("good"),
            error_topic: topic("bad"),
        }
    }

    fn told(request: &Request, told: &Told<'_>) -> (Value, Value) {
        let endpoint = EndpointKey { account: "1".into(), region: "us-east-1".into(), name: "e".into() };
        let event = event(&endpoint, request, told, 1_643_150_760_608).unwrap();
        assert_eq!(event.kind, "SNS Publish");
        let message = serde_json::from_str(event.body["Message"].as_str().unwrap()).unwrap();
        (event.body["TopicArn"].clone(), message)
    }

    #[test]
    fn topics_are_told_in_awss_words() {
        let (topic, message) =
            told(&request(false), &Told::Completed { content_type: Some("text/html"), response: Some(&"x".into()) });
        assert_eq!(topic, "arn:aws:sns:us-east-1:1:good");
        let expected = json!({
            "awsRegion": "us-east-1",
            "eventTime": "2022-01-25T22:46:00.608Z",
            "receivedTime": "2022-01-25T22:46:00.455Z",
            "invocationStatus": "Completed",
            "requestParameters": { "contentType": "text/csv", "endpointName": "e", "inputLocation": "s3://b/in" },
            "responseParameters": { "contentType": "text/html", "outputLocation": "s3://b/out/1.out" },
            "inferenceId": "id",
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        });
        assert_eq!(message, expected);
        let (topic, message) = told(&request(true), &Told::Failed { reason: "why", response: Some(&"x".into()) });
        assert_eq!(topic, "arn:aws:sns:us-east-1:1:bad");
        assert_eq!((&message["invocationStatus"], &message["failureReason"]), (&json!("Failed"), &json!("why")));
        assert_eq!(message["responseBody"], json!({ "content": "eA==", "encoding": "BASE64" }));
    }

    #[test]
    fn nobody_is_told_where_there_is_no_topic_for_it() {
        let endpoint = EndpointKey { account: "1".into(), region: "us-east-1".into(), name: "e".into() };
        let request = Request { success_topic: None, ..request(true) };
        assert_eq!(event(&endpoint, &request, &Told::Completed { content_type: None, response: None }, 0), None);
    }
}
