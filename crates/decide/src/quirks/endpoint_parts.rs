//! What an endpoint was made of: AWS cannot patch or update one whose config, model, artifact or role is gone, and says so nowhere.

use sagewright_kinds::{Kind, Phase};
use serde_json::Value;

use crate::conditions::{ADVISORY, Condition, ConditionStatus, read};
use crate::observed::Found;
use crate::{Desired, Intent};

/// The reason of the condition that names what is gone.
pub const PARTS_GONE: &str = "PartsGone";

/// Something that an endpoint was made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Its config.
    Config(String),
    /// A model of its config.
    Model(String),
    /// An artifact, and the model that loads it.
    Artifact(String, String),
    /// A role, and the model that runs with it.
    Role(String, String),
}

/// Whether the parts are looked at: the endpoint changed otherwise than by an update of ours, or is in trouble.
pub(super) fn relies(desired: &Desired, found: &Found, written: bool) -> bool {
    if desired.intent != Intent::Present || !matches!(found.phase, Phase::Settled | Phase::Failed) {
        return false;
    }
    let told = |c: &Condition| c.kind == ADVISORY && c.reason.as_deref() == Some(PARTS_GONE);
    let before = &desired.object.status;
    let troubled = found.phase == Phase::Failed || found.reason.is_some() || read(before).iter().any(told);
    troubled || (!written && changed(before, &found.status))
}

/// Whether an endpoint changed between two looks. A status that says nothing says nothing of a change.
fn changed(before: &Value, now: &Value) -> bool {
    // Kubernetes' times have no fraction.
    const SECONDS: usize = "2026-01-02T03:04:05".len();
    let differs = |field: &str| {
        let text = |status: &Value| {
            let text = status.get(field)?.as_str()?;
            Some(text.get(..SECONDS.min(text.len())).unwrap_or(text).to_owned())
        };
        text(before).is_some_and(|before| text(now).is_some_and(|now| now != before))
    };
    // Two changes of one second have the same time.
    let sizes = |status: &Value| -> Vec<[Option<f64>; 2]> {
        let variants = status.get("productionVariants").and_then(Value::as_array).into_iter().flatten();
        variants.map(|v| ["currentWeight", "currentInstanceCount"].map(|field| v.get(field)?.as_f64())).collect()
    };
    let sized = before.get("productionVariants").is_some() && sizes(before) != sizes(now);
    differs("endpointStatus") || differs("lastModifiedTime") || sized
}

/// The condition that names what is gone, and says what to do.
#[must_use]
pub fn advisory(kind: &Kind, gone: &[Part]) -> Option<Condition> {
    let words: Vec<String> = gone.iter().map(Part::words).collect();
    let advice: Vec<&str> =
        gone.iter().map(Part::advice).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let (what, words, advice) = (kind.words(), words.join(", "), advice.join("; "));
    let message = format!("AWS cannot patch or update the {what}: {words}; {advice}");
    (!gone.is_empty()).then(|| Condition::new(ADVISORY, ConditionStatus::True, PARTS_GONE, &message))
}

impl Part {
    fn words(&self) -> String {
        match self {
            Self::Config(name) => format!("its endpoint config `{name}` is gone"),
            Self::Model(name) => format!("its model `{name}` is gone"),
            Self::Artifact(at, model) => format!("{at}, which its model `{model}` loads, is gone"),
            Self::Role(arn, model) => format!("{arn}, the role of its model `{model}`, is gone"),
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Config(_) => "create the config again under its name, or have the endpoint use another one",
            Self::Model(_) => {
                "create the model again under its name, or have the endpoint use a config of other models"
            }
            Self::Artifact(..) => "put the artifact back where it was, or have the endpoint use a model of another one",
            Self::Role(..) => "create the role again under its name, or have the endpoint use a model with another one",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sagewright_objects::Object;
    use serde_json::json;

    use super::*;
    use crate::conditions::write;

    #[test]
    fn parts_are_looked_at_when_an_endpoint_changes_or_is_in_trouble() {
        let kind = sagewright_kinds::find("Endpoint").unwrap();
        let at = |second: u8| format!("2026-01-01T00:00:{second:02}.5Z");
        // (case, status before, word, second of the last change, reason, told before, our own write, looked at)
        for (case, before, word, second, reason, told, written, looked) in [
            ("the same", Some(("InService", 1)), "InService", 1, None, false, false, false),
            ("changed and back", Some(("InService", 1)), "InService", 2, None, false, false, true),
            ("patched", Some(("SystemUpdating", 1)), "InService", 1, None, false, false, true),
            ("at work", Some(("InService", 1)), "SystemUpdating", 1, None, false, false, false),
            ("updated by us", Some(("Updating", 1)), "InService", 2, None, false, true, false),
            ("rolled back", Some(("Updating", 1)), "InService", 2, Some("no"), false, true, true),
            ("failed", None, "Failed", 1, None, false, false, true),
            ("first seen", None, "InService", 1, None, false, false, false),
            ("told before", Some(("InService", 1)), "InService", 1, None, true, false, true),
        ] {
            let output = json!({
                "EndpointName": "e", "EndpointStatus": word, "LastModifiedTime": at(second), "FailureReason": reason,
            });
            let found = Found::new(kind, output, BTreeMap::new());
            let mut object = Object::new(kind, "e");
            if let Some((word, second)) = before {
                object.status = json!({"endpointStatus": word, "lastModifiedTime": at(second).replace(".5", "")});
            }
            if told {
                write(&mut object.status, &[advisory(kind, &[Part::Config("c".into())]).unwrap()]);
            }
            let desired = Desired::new(kind, &object).unwrap();
            assert_eq!(relies(&desired, &found, written), looked, "{case}");
        }
    }

    #[test]
    fn a_change_of_the_same_second_shows_in_weights_and_counts() {
        let kind = sagewright_kinds::find("Endpoint").unwrap();
        for (weight, count, looked) in [(1.0, 1, false), (3.0, 1, true), (1.0, 2, true)] {
            let variant = json!({"VariantName": "v", "CurrentWeight": weight, "CurrentInstanceCount": count});
            let output = json!({"EndpointName": "e", "EndpointStatus": "InService", "ProductionVariants": [variant]});
            let mut object = Object::new(kind, "e");
            let variant = json!({"variantName": "v", "currentWeight": 1, "currentInstanceCount": 1});
            object.status = json!({"endpointStatus": "InService", "productionVariants": [variant]});
            let desired = Desired::new(kind, &object).unwrap();
            assert_eq!(relies(&desired, &Found::new(kind, output, BTreeMap::new()), false), looked, "{weight} {count}");
        }
    }

    #[test]
    fn what_is_gone_is_named_with_what_to_do() {
        let kind = sagewright_kinds::find("Endpoint").unwrap();
        assert_eq!(advisory(kind, &[]), None);
        let gone = [
            Part::Artifact("s3://b/one".into(), "m".into()),
            Part::Artifact("s3://b/two".into(), "m".into()),
            Part::Role("arn:aws:iam::1:role/r".into(), "m".into()),
        ];
        let condition = advisory(kind, &gone).unwrap();
        assert_eq!((condition.kind.as_str(), condition.reason.as_deref()), (ADVISORY, Some(PARTS_GONE)));
        assert_eq!(
            condition.message.as_deref(),
            Some(
                "AWS cannot patch or update the endpoint: s3://b/one, which its model `m` loads, is gone, s3://b/two, which its \
                 model `m` loads, is gone, arn:aws:iam::1:role/r, the role of its model `m`, is gone; create the role again under its \
                 name, or have the endpoint use a model with another one; put the artifact back where it was, or have the endpoint \
                 use a model of another one"
            )
        );
    }
}
