//! How requests reach a variant, by the configuration: `AsyncInferenceConfig`, `ServerlessConfig` and `RoutingConfig`.

use serde_json::Value;

use sagewright_cloud_sagemaker_base::Serving;
use sagewright_cloud_sagemaker_base::serving::{AsyncPlan, ServerlessPlan, Topic};

pub(super) fn plan(asynchronous: Option<&Value>, serverless: Option<&Value>, routing: Option<&Value>) -> Serving {
    Serving {
        asynchronous: asynchronous.and_then(queued),
        serverless: serverless.map(on_demand),
        least_outstanding: routing.is_some_and(|routing| routing["RoutingStrategy"] == "LEAST_OUTSTANDING_REQUESTS"),
    }
}

fn queued(config: &Value) -> Option<AsyncPlan> {
    let output = &config["OutputConfig"];
    let text = |member: &str| output[member].as_str().map(str::to_owned);
    let notification = &output["NotificationConfig"];
    let topic = |member: &str, included: &str| {
        let responses = notification["IncludeInferenceResponseIn"].as_array();
        Some(Topic {
            arn: notification[member].as_str()?.to_owned(),
            with_response: responses.is_some_and(|list| list.iter().any(|name| name == included)),
        })
    };
    Some(AsyncPlan {
        output: text("S3OutputPath")?,
        failure: text("S3FailurePath"),
        concurrent: number(&config["ClientConfig"], "MaxConcurrentInvocationsPerInstance"),
        success: topic("SuccessTopic", "SUCCESS_NOTIFICATION_TOPIC"),
        error: topic("ErrorTopic", "ERROR_NOTIFICATION_TOPIC"),
    })
}

fn on_demand(config: &Value) -> ServerlessPlan {
    ServerlessPlan {
        max_concurrency: number(config, "MaxConcurrency").unwrap_or(1),
        provisioned: number(config, "ProvisionedConcurrency").unwrap_or(0),
    }
}

fn number(config: &Value, member: &str) -> Option<u32> {
    config[member].as_u64().and_then(|n| u32::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_queue_is_what_the_configuration_says() {
        let topic = "arn:aws:sns:us-east-1:000000000000:told";
        let config = json!({
            "ClientConfig": { "MaxConcurrentInvocationsPerInstance": 7 },
            "OutputConfig": {
                "S3OutputPath": "s3://b/out", "S3FailurePath": "s3://b/bad",
                "NotificationConfig": {
                    "SuccessTopic": topic, "ErrorTopic": topic,
                    "IncludeInferenceResponseIn": ["ERROR_NOTIFICATION_TOPIC"],
                },
            },
        });
        let told = |with_response| Some(Topic { arn: topic.to_owned(), with_response });
        let expected = AsyncPlan {
            output: "s3://b/out".to_owned(),
            failure: Some("s3://b/bad".to_owned()),
            concurrent: Some(7),
            success: told(false),
            error: told(true),
        };
        assert_eq!(plan(Some(&config), None, None), Serving { asynchronous: Some(expected), ..Serving::default() });
    }

    #[test]
    fn requests_are_taken_in_turn_and_at_once_unless_the_configuration_says_otherwise() {
        let routing = |strategy: &str| plan(None, None, Some(&json!({ "RoutingStrategy": strategy })));
        assert_eq!(routing("RANDOM"), Serving::default());
        assert!(routing("LEAST_OUTSTANDING_REQUESTS").least_outstanding);
        let config = json!({ "MemorySizeInMB": 2048, "MaxConcurrency": 5, "ProvisionedConcurrency": 2 });
        let expected = ServerlessPlan { max_concurrency: 5, provisioned: 2 };
        assert_eq!(plan(None, Some(&config), None).serverless, Some(expected));
    }
}
