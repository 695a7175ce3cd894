//! What the last listing of a kind shows of one object's resource, in place of a read.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sagewright_decide::arn::arn_of;
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::{MarkLocation, mark_location};
use sagewright_decide::observed::{Found, Observed};
use sagewright_decide::{Adoption, Decision, Desired, Intent, decide, own_tags};
use sagewright_kinds::Kind;
use sagewright_port::clock::since;

use super::Memory;
use crate::observe::calls::Calls;
use crate::observe::{Owners, renamed};

/// How long it counts that a listing does not show a resource.
const FRESH: Duration = Duration::from_secs(300);

/// What the last listing of a kind shows of one object's resource: see
/// [`Watch::observation`](crate::watch::Watch::observation).
///
/// A listing may be wrong about a resource that is younger than it, so it is believed only where an error does no harm: a
/// name that is not listed is created without a read before, because AWS refuses a name that is taken, and that answer
/// leads to a read. It never overrides what the object remembers of its own writes.
#[derive(Debug, Clone)]
pub struct ListObservation {
    /// The name that it was looked up by.
    name: String,
    /// When the listing began.
    at: Timestamp,
    /// Whether the listing shows a resource of the object's name.
    listed: bool,
    /// The marks, read once for all objects of a poll: they show renamed objects.
    owners: Arc<Owners>,
}

impl ListObservation {
    pub(crate) fn new(name: &str, at: Timestamp, listed: bool, owners: Arc<Owners>) -> Self {
        Self { name: name.to_owned(), at, listed, owners }
    }

    /// What is there, where the listing is as good as a read.
    pub(crate) async fn observe(
        &self,
        calls: &Calls,
        kind: &Kind,
        desired: &Desired,
        memory: &Memory,
    ) -> Result<Option<Observed>, Failure> {
        if !self.says_absent(kind, desired, memory, calls.clock.now()) {
            return Ok(None);
        }
        match desired.intent {
            Intent::Present => renamed(calls, kind, desired, &self.owners).await.map(Some),
            Intent::Absent => Ok(Some(Observed::MISSING)),
        }
    }

    fn says_absent(&self, kind: &Kind, desired: &Desired, memory: &Memory, now: Timestamp) -> bool {
        // Before its references had their values it may have been looked up by another name, which nothing has.
        let named = desired.name(kind).as_ref() == Some(&self.name) && !kind.is_arn_identified();
        if self.listed || !named || desired.read_only || desired.adoption != Adoption::No {
            return false;
        }
        match desired.intent {
            Intent::Present => {
                // Without an answer that says "it exists", a create would overwrite what is there.
                let is_refused = !kind.errors().exists.is_empty();
                is_refused && memory.is_blank() && self.at <= now && since(now, self.at) <= FRESH
            }
            Intent::Absent => memory.has_deleted_before(self.at),
        }
    }
}

/// What a read will show of a resource that was just created, where the answer makes a read unnecessary: the kind has no
/// status, the answer has the ARN, and the decision about what was sent and answered has no steps.
pub(crate) fn as_answered(
    kind: &Kind,
    desired: &Desired,
    answer: &serde_json::Value,
    now: Timestamp,
) -> Option<(Found, Decision)> {
    if kind.row().status.member.is_some() || arn_of(kind, answer).is_none() {
        return None;
    }
    let mut output = desired.spec.clone();
    output.as_object_mut()?.extend(answer.as_object()?.clone());
    let mut tags = desired.tags.clone();
    if matches!(mark_location(kind, &desired.spec), MarkLocation::Tags(_)) {
        tags.extend(own_tags(kind, desired));
    }
    let found = Found::new(kind, output, tags);
    let observed = Observed::Found(Box::new(found));
    let decision = decide(kind, desired, &observed, now);
    match observed {
        Observed::Found(found) if decision.steps.is_empty() => Some((*found, decision)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use sagewright_decide::Step;
    use sagewright_objects::object::Object;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn desired(kind: &str, spec: serde_json::Value, intent: Intent) -> (&'static Kind, Desired) {
        let kind = sagewright_kinds::find(kind).unwrap();
        let mut object = Object::new(kind, "thing");
        object.spec = spec;
        (kind, Desired { intent, ..Desired::new(kind, &object).unwrap() })
    }

    fn step(create: bool) -> Step {
        let (operation, input) = ("Operation".to_owned(), json!({}));
        if create { Step::Create { operation, input } } else { Step::Delete { operation, input } }
    }

    #[test]
    fn a_listing_stands_for_a_read_only_where_an_error_does_no_harm() {
        let model = || json!({"modelName": "thing"});
        let policy = || {
            json!({"policyName": "thing", "resourceID": "endpoint/e/variant/v", "serviceNamespace": "sagemaker",
                "scalableDimension": "sagemaker:variant:DesiredInstanceCount"})
        };
        let blank = Memory::default;
        let updated = |second: i64| {
            let mut memory = Memory::default();
            memory.took(&Step::Update { operation: "Operation".to_owned(), input: json!({}) }, None, at(second));
            memory
        };
        let after = |create: bool, second: i64| {
            let mut memory = Memory::default();
            memory.took(&step(create), None, at(second));
            memory
        };
        let answered = |second: i64| {
            let mut memory = Memory::default();
            memory.made(at(second));
            memory
        };
        let trying = || {
            let mut memory = Memory::default();
            memory.trying(&step(true), at(0));
            memory
        };
        let refused = || {
            let mut memory = Memory::default();
            memory.exists(at(0));
            memory
        };
        let name = |kind: &Kind, desired: &Desired| desired.name(kind).unwrap_or_default();
        let (present, absent) = (Intent::Present, Intent::Absent);
        // (case, kind, spec, intent, memory, listed, polled at, now, counts)
        for (case, kind, spec, intent, memory, listed, polled, now, counts) in [
            ("not there", "Model", model(), present, blank(), false, 0, 10, true),
            ("there", "Model", model(), present, blank(), true, 0, 10, false),
            ("too old", "Model", model(), present, blank(), false, 0, 301, false),
            ("of the future", "Model", model(), present, blank(), false, 10, 0, false),
            ("after its own create", "Model", model(), present, after(true, 0), false, 5, 10, false),
            ("after a create that was answered", "Model", model(), present, answered(0), false, 5, 10, false),
            ("after a create of which nothing is known", "Model", model(), present, trying(), false, 5, 10, false),
            ("after an answer that it exists", "Model", model(), present, refused(), false, 5, 10, false),
            ("named by AWS", "ModelPackage", json!({}), present, blank(), false, 0, 10, false),
            ("overwritten by a create", "ScalingPolicy", policy(), present, blank(), false, 0, 10, false),
            ("not looked at before", "Model", model(), absent, blank(), false, 0, 10, false),
            ("before its own delete", "Model", model(), absent, after(false, 5), false, 5, 10, false),
            ("after its own delete", "Model", model(), absent, after(false, 5), false, 6, 10, true),
            ("after an update, to go", "Model", model(), absent, updated(5), false, 6, 10, false),
            ("after its own create, to go", "Model", model(), absent, after(true, 5), false, 6, 10, false),
        ] {
            let (kind, desired) = desired(kind, spec, intent);
            let listed = ListObservation::new(&name(kind, &desired), at(polled), listed, Arc::default());
            assert_eq!(listed.says_absent(kind, &desired, &memory, at(now)), counts, "{case}");
        }
        let (kind, mut adopted) = desired("Model", model(), present);
        adopted.adoption = Adoption::AdoptOrCreate;
        let listed = ListObservation::new("thing", at(0), false, Arc::default());
        assert!(!listed.says_absent(kind, &adopted, &blank(), at(10)));
        adopted.adoption = Adoption::No;
        assert!(listed.says_absent(kind, &adopted, &blank(), at(10)));
        let unresolved =
            ListObservation::new("arn:aws:sagemaker:us-east-1:1:model/thing", at(0), false, Arc::default());
        assert!(!unresolved.says_absent(kind, &adopted, &blank(), at(10)), "looked up by another name");
    }

    #[test]
    fn an_answer_stands_for_a_look_where_nothing_is_left_to_see() {
        let arn = "arn:aws:sagemaker:us-east-1:123456789012:model/thing";
        let (kind, model) = desired("Model", json!({"modelName": "thing"}), Intent::Present);
        let (found, decision) = as_answered(kind, &model, &json!({"ModelArn": arn}), at(0)).unwrap();
        assert_eq!((found.arn.as_deref(), found.name.as_str()), (Some(arn), "thing"));
        assert!(decision.conditions.iter().any(|c| c.kind == "Ready" && c.status.to_string() == "True"));
        assert!(as_answered(kind, &model, &json!({}), at(0)).is_none(), "no ARN");
        let (kind, endpoint) = desired("Endpoint", json!({"endpointName": "thing"}), Intent::Present);
        let answer = json!({"EndpointArn": arn.replace("model", "endpoint")});
        assert!(as_answered(kind, &endpoint, &answer, at(0)).is_none(), "it has a status");
    }
}
