//! What an event of EventBridge says: which resource may have changed. Pure.
//!
//! Whoever may write to the queue can write anything. An event is therefore a hint: its names lead to a look at an object that
//! is there, and nothing of what it says of the resource is believed.

use sagewright_decide::arn::{arn_of, name_in_arn};
use sagewright_engine::watch::{ContentHash, NameHash};
use sagewright_kinds::Kind;
use sagewright_model::{AccountId, Arn, Region};
use serde::Deserialize;
use serde_json::Value;

/// Who sends the events.
const SOURCE: &str = "aws.sagemaker";
/// Longest message: EventBridge's events have 256 KB at most.
const LONGEST: usize = 256 * 1_024;
/// ARNs of an event that are looked up. SageMaker's have two at most.
const RESOURCES: usize = 8;
/// Members of the envelope that differ between two events that say the same.
const OF_THE_EVENT: [&str; 2] = ["id", "time"];

/// A resource may have changed.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) kind: &'static Kind,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    /// What it may be known by: names and ARNs.
    pub(crate) names: Vec<NameHash>,
    /// Stands for what the event says.
    pub(crate) content: ContentHash,
}

/// Why a message is no notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ignored {
    #[error("it is no event of EventBridge")]
    Malformed,
    #[error("it is not of SageMaker")]
    OtherSource,
    #[error("no kind has events of its detail type")]
    OtherType,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    account: AccountId,
    region: Region,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    detail: Value,
}

/// Reads a message's body.
///
/// # Errors
/// It is no event that is of use.
pub(crate) fn read(body: &str) -> Result<Notice, Ignored> {
    if body.len() > LONGEST {
        return Err(Ignored::Malformed);
    }
    let whole: Value = serde_json::from_str(body).map_err(|_| Ignored::Malformed)?;
    let envelope = Envelope::deserialize(&whole).map_err(|_| Ignored::Malformed)?;
    if envelope.source != SOURCE {
        return Err(Ignored::OtherSource);
    }
    let kind = sagewright_kinds::of_event(&envelope.detail_type).ok_or(Ignored::OtherType)?;
    let content = ContentHash::of(&whole, &OF_THE_EVENT.map(str::to_owned));
    let names = names(kind, &envelope);
    Ok(Notice { kind, account: envelope.account, region: envelope.region, names, content })
}

/// The detail has the members of a read, and letter case as in the resource's name; some ARNs have small letters alone.
fn names(kind: &Kind, envelope: &Envelope) -> Vec<NameHash> {
    let detail = &envelope.detail;
    let arns = envelope.resources.iter().take(RESOURCES).cloned().chain(arn_of(kind, detail));
    let arns: Vec<String> =
        arns.filter(|arn| arn.parse::<Arn>().is_ok_and(|arn| arn.service == kind.row().service)).collect();
    let mut names: Vec<NameHash> = if kind.is_arn_identified() {
        arns.iter().map(|arn| NameHash::of(arn)).collect()
    } else {
        let of_arns = arns.iter().map(|arn| NameHash::of(name_in_arn(arn)));
        kind.name_of(detail).iter().map(|name| NameHash::of(name)).chain(of_arns).collect()
    };
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(detail_type: &str, resources: &[&str], detail: Value) -> Value {
        json!({"version": "0", "id": "0bd4a141", "detail-type": detail_type, "source": "aws.sagemaker",
            "account": "111122223333", "time": "2026-01-02T03:04:05Z", "region": "us-west-2",
            "resources": resources, "detail": detail})
    }

    #[test]
    fn an_event_names_a_resource() {
        const ARN: &str = "arn:aws:sagemaker:us-west-2:111122223333";
        let arn = |resource: &str| format!("{ARN}:{resource}");
        let execution = arn("pipeline/p/execution/abc");
        for (detail_type, resource, detail, kind, name) in [
            ("Training Job State Change", "training-job/fraud-1", json!({}), "TrainingJob", "fraud-1".to_owned()),
            (
                "Endpoint State Change",
                "endpoint/fraud",
                json!({"EndpointName": "Fraud", "EndpointStatus": "InService"}),
                "Endpoint",
                "Fraud".to_owned(),
            ),
            ("Endpoint Deployment State Change", "endpoint/f", json!({}), "Endpoint", "f".to_owned()),
            (
                "HyperParameter Tuning Job State Change",
                "",
                json!({"HyperParameterTuningJobName": "t"}),
                "HyperParameterTuningJob",
                "t".to_owned(),
            ),
            (
                "Model Package State Change",
                "model-package/fraud/3",
                json!({"ModelPackageName": "fraud/3"}),
                "ModelPackage",
                arn("model-package/fraud/3"),
            ),
            (
                "Model Package State Change",
                "",
                json!({"ModelPackageArn": arn("model-package/fraud/4")}),
                "ModelPackage",
                arn("model-package/fraud/4"),
            ),
            (
                "Model Building Pipeline Execution Step Status Change",
                "pipeline/p/execution/abc",
                json!({"stepName": "Train"}),
                "PipelineExecution",
                execution,
            ),
        ] {
            let resource = arn(resource);
            let notice = read(&event(&format!("SageMaker {detail_type}"), &[&resource], detail).to_string()).unwrap();
            assert_eq!(notice.kind.name(), kind);
            assert!(notice.names.contains(&NameHash::of(&name)), "{detail_type}: {name}");
            assert_eq!((notice.account.as_str(), notice.region.as_str()), ("111122223333", "us-west-2"));
        }
    }

    #[test]
    fn two_events_say_the_same_whatever_their_ids_and_times() {
        let one = event("SageMaker Endpoint State Change", &[], json!({"EndpointStatus": "Creating"}));
        let content = |event: &Value| read(&event.to_string()).unwrap().content;
        let mut again = one.clone();
        (again["id"], again["time"]) = (json!("other"), json!("2026-01-02T03:04:06Z"));
        assert_eq!(content(&one), content(&again));
        again["detail"]["EndpointStatus"] = json!("InService");
        assert_ne!(content(&one), content(&again));
    }

    #[test]
    fn what_is_of_no_use_is_told_by_its_reason() {
        let with = |member: &str, value: Value| {
            let mut event = event("SageMaker Endpoint State Change", &[], json!({}));
            event[member] = value;
            event.to_string()
        };
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for (body, why) in [
            (String::new(), Ignored::Malformed),
            ("{".to_owned(), Ignored::Malformed),
            ("[]".to_owned(), Ignored::Malformed),
            ("null".to_owned(), Ignored::Malformed),
            (json!({"Type": "Notification", "Message": "{}"}).to_string(), Ignored::Malformed),
            (deep, Ignored::Malformed),
            (with("detail", json!("x".repeat(LONGEST))), Ignored::Malformed),
            (with("account", json!("1")), Ignored::Malformed),
            (with("region", json!("../../etc")), Ignored::Malformed),
            (with("resources", json!("arn")), Ignored::Malformed),
            (with("source", json!("aws.ec2")), Ignored::OtherSource),
            (with("source", json!("aws.sagemaker.evil")), Ignored::OtherSource),
            (with("detail-type", json!("SageMaker Human Task Created")), Ignored::OtherType),
            (with("detail-type", json!("AWS API Call via CloudTrail")), Ignored::OtherType),
        ] {
            assert_eq!(read(&body).unwrap_err(), why, "{}", body.get(..80).unwrap_or(&body));
        }
    }

    #[test]
    fn arns_of_other_services_and_more_than_a_few_name_nothing() {
        let many: Vec<String> = (0..1_000).map(|i| format!("arn:aws:sagemaker:us-west-2:1:endpoint/e{i}")).collect();
        let mut resources: Vec<&str> = vec!["arn:aws:s3:::endpoint/e", "no arn"];
        resources.extend(many.iter().map(String::as_str));
        let notice = read(&event("SageMaker Endpoint State Change", &resources, json!(7)).to_string()).unwrap();
        assert!(notice.names.len() <= RESOURCES);
        assert!(!notice.names.contains(&NameHash::of("e")));
    }

    /// Any value of JSON.
    fn any_json() -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!("arn:aws:sagemaker:us-west-2:111122223333:endpoint/e")),
        ];
        plain.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            drop(read(&String::from_utf8_lossy(&bytes)));
        }

        /// An event of which any member is anything, and then any byte.
        #[test]
        fn no_changed_event_does_harm(
            kind in prop::sample::select(sagewright_kinds::all().iter().flat_map(|k| k.row().events.clone()).collect::<Vec<_>>()),
            member in prop::sample::select(vec!["id", "detail-type", "source", "account", "region", "resources", "detail"]),
            value in any_json(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut event = event(&kind, &["arn:aws:sagemaker:us-west-2:111122223333:endpoint/e"], json!({"EndpointName": "e"}));
            event[member] = value;
            let mut bytes = event.to_string().into_bytes();
            drop(read(&String::from_utf8_lossy(&bytes)));
            let at = at.index(bytes.len());
            bytes[at] = byte;
            drop(read(&String::from_utf8_lossy(&bytes)));
        }
    }
}
