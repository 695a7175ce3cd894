//! `DataCaptureConfig` of an endpoint configuration: what of it the host needs, and what DescribeEndpoint shows of it.

use serde_json::{Value, json};

use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_sagemaker_base::CapturePlan;

/// Whether data is captured: it is unless that is said to be off.
fn enabled(config: &Value) -> bool {
    config["EnableCapture"] != false
}

/// What is captured; `None` where that is off.
pub(super) fn plan(config: &Value) -> Option<CapturePlan> {
    let (bucket, prefix) = parse_s3_uri(config["DestinationS3Uri"].as_str()?).filter(|_| enabled(config))?;
    let modes: Vec<&str> =
        config["CaptureOptions"].as_array()?.iter().filter_map(|option| option["CaptureMode"].as_str()).collect();
    let has = |mode| modes.contains(&mode) || modes.contains(&"InputAndOutput");
    let types = |member: &str| {
        let list = config["CaptureContentTypeHeader"][member].as_array();
        list.into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_ascii_lowercase())).collect()
    };
    Some(CapturePlan {
        percentage: config["InitialSamplingPercentage"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        bucket: bucket.to_owned(),
        prefix: prefix.trim_end_matches('/').to_owned(),
        input: has("Input"),
        output: has("Output"),
        csv: types("CsvContentTypes"),
        json: types("JsonContentTypes"),
    })
}

/// `DataCaptureConfigSummary` of an endpoint that serves this configuration.
pub(super) fn summary(config: &Value) -> Option<Value> {
    let on = enabled(config);
    Some(json!({
        "EnableCapture": on,
        "CaptureStatus": if on { "Started" } else { "Stopped" },
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        // The model says that it is always there.
        "KmsKeyId": config["KmsKeyId"].as_str().unwrap_or_default(),
    }))
    .filter(|_| config.is_object())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_is_on_unless_it_is_said_to_be_off() {
        let config = |enabled: Value| {
            json!({
                "EnableCapture": enabled, "InitialSamplingPercentage": 25, "DestinationS3Uri": "s3://b/some/where/",
                "CaptureOptions": [{ "CaptureMode": "Input" }],
                "CaptureContentTypeHeader": { "CsvContentTypes": ["Text/CSV"] },
            })
        };
        let taken = plan(&config(Value::Null)).unwrap();
        assert_eq!((&*taken.bucket, &*taken.prefix, taken.percentage), ("b", "some/where", 25));
        assert_eq!((taken.input, taken.output), (true, false));
        assert_eq!((taken.csv, taken.json), (vec!["text/csv".to_owned()], vec![]));
        assert_eq!(summary(&config(json!(true))).unwrap()["CaptureStatus"], "Started");
        assert_eq!(plan(&config(json!(false))), None);
        let off = summary(&config(json!(false))).unwrap();
        assert_eq!((&off["CaptureStatus"], &off["KmsKeyId"]), (&json!("Stopped"), &json!("")));
    }
}
