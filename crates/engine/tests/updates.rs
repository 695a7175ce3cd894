//! What decisions send, show and say, field by field. Nothing is called here, but for one adoption.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use crate::support::decisions::{NOW, brief, desired, found, members, there};
use crate::support::{Fake, ROLE};
use sagewright_engine::decide::inputs::{self, Known};
use sagewright_engine::decide::{failure_message, quirks, sets::never};
use sagewright_engine::{
    Adoption, ApplyOptions, Decision, Desired, Effect, Found, Intent, NoObserver, Object, Observed, Outcome, Step,
    conditions, decide, keys,
};
use sagewright_kinds::{Kind, find};
use serde_json::{Map, Value, json};

const OURS: &str = "default/default/thing";

/// The members that name a resource of a kind, and more.
fn spec(kind: &Kind, more: Value) -> Map<String, Value> {
    let mut spec = members(kind);
    spec.extend(more.as_object().unwrap().clone());
    spec
}

fn update(decision: &Decision) -> &Value {
    let input = decision.steps.iter().find_map(|step| match step {
        Step::Update { input, .. } => Some(input),
        _ => None,
    });
    input.unwrap_or_else(|| panic!("{decision:#?}"))
}

fn adopting(kind: &Kind, more: Value, adoption: Adoption) -> Desired {
    Desired { adoption, ..desired(kind, &spec(kind, more)) }
}

#[test]
fn what_is_to_be_empty_is_cleared_by_its_own_switch_and_nothing_else_is() {
    let kind = find("NotebookInstance").unwrap();
    let there_is = json!({"InstanceType": "ml.t3.medium", "NotebookInstanceLifecycleConfigName": "l",
        "DefaultCodeRepository": "r", "AcceleratorTypes": ["ml.eia1.medium"]});
    let kept =
        json!({"LifecycleConfigName": "l", "DefaultCodeRepository": "r", "AcceleratorTypes": ["ml.eia1.medium"]});
    let (lifecycle, accelerators) = ("DisassociateLifecycleConfig", "DisassociateAcceleratorTypes");
    for (member, value, switches) in [
        ("InstanceType", json!("ml.t3.large"), vec![]),
        ("LifecycleConfigName", json!(""), vec![lifecycle]),
        ("LifecycleConfigName", Value::Null, vec![lifecycle]),
        ("LifecycleConfigName", json!("other"), vec![]),
        ("AcceleratorTypes", json!([]), vec![accelerators]),
    ] {
        let mut declared = kept.clone();
        declared[member] = value.clone();
        let observed = there(found(kind, &members(kind), "Stopped", OURS, there_is.clone()));
        let decision = decide(kind, &desired(kind, &spec(kind, declared)), &observed, NOW);
        let sent = update(&decision).as_object().unwrap().clone();
        let sent: Vec<&str> = sent.keys().filter(|k| k.starts_with("Disassociate")).map(String::as_str).collect();
        assert_eq!(sent, switches, "{member} {value}");
        assert_eq!(update(&decision).get(member).is_some(), switches.is_empty(), "{member} {value}");
    }
}

#[test]
fn a_stop_says_what_becomes_of_each_part_that_is_there() {
    let kind = find("InferenceExperiment").unwrap();
    let parts = json!({"ModelVariants": [{"VariantName": "a"}, {"VariantName": "b"}],
        "ShadowModeConfig": {"ShadowModelVariants": [{"ShadowModelVariantName": "s"}]}});
    let observed = there(found(kind, &members(kind), "Running", OURS, parts));
    let decision = decide(kind, &Desired { intent: Intent::Absent, ..desired(kind, &members(kind)) }, &observed, NOW);
    let [Step::Stop { input, .. }] = &decision.steps[..] else { panic!("{decision:#?}") };
    let actions = json!({"a": "Retain", "b": "Retain", "s": "Remove"});
    assert_eq!(*input, json!({"Name": "thing", "DesiredState": "Cancelled", "ModelVariantActions": actions}));
}

#[test]
fn a_read_that_takes_a_list_names_the_one_resource() {
    let kind = find("ScalableTarget").unwrap();
    let spec = Value::Object(members(kind));
    let read =
        inputs::address(kind, "read", "DescribeScalableTargets", Known { spec: Some(&spec), ..Known::default() });
    assert_eq!(read.unwrap()["ResourceIds"], json!(["thing"]));
}

#[test]
fn an_old_mark_is_written_anew_at_the_end_of_what_is_declared() {
    let kind = find("PipelineExecution").unwrap();
    let old = format!("nightly [{}=default/thing]", keys::OWNER);
    let observed =
        there(found(kind, &members(kind), "Succeeded", "default/thing", json!({"PipelineExecutionDescription": old})));
    for declared in ["nightly", "weekly"] {
        let desired = desired(kind, &spec(kind, json!({"PipelineExecutionDescription": declared})));
        let decision = decide(kind, &desired, &observed, NOW);
        let expected = format!("{declared} [{}={OURS}]", keys::OWNER);
        assert_eq!(update(&decision)["PipelineExecutionDescription"], expected);
    }
}

#[test]
fn an_adoption_remembers_the_declared_tags_and_says_what_reads_do_not_show() {
    let kind = find("Model").unwrap();
    let declared = json!({"Tags": [{"Key": "team", "Value": "a"}]});
    let tags = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    let live = Found { tags, ..found(kind, &members(kind), "", "", json!({})) };
    let decision = decide(kind, &adopting(kind, declared, Adoption::AdoptOrCreate), &there(live), NOW);
    let [Step::Adopt { .. }, Step::SyncTags { add, remove, .. }] = &decision.steps[..] else { panic!("{decision:#?}") };
    assert_eq!((add, remove.len()), (&BTreeMap::from([(keys::TAG_KEYS.to_owned(), "team".to_owned())]), 0));

    let kind = find("PipelineExecution").unwrap();
    let declared = json!({"PipelineParameters": [{"Name": "a", "Value": "b"}]});
    let live = there(found(kind, &members(kind), "Succeeded", "", json!({})));
    let decision = decide(kind, &adopting(kind, declared, Adoption::Adopt), &live, NOW);
    assert!(matches!(decision.steps[..], [Step::Adopt { .. }]), "{decision:#?}");
    assert!(decision.notes.iter().any(|note| note.contains("does not show spec.pipelineParameters")), "{decision:#?}");

    // That reads do not show it is how it should be.
    let kind = find("ModelPackage").unwrap();
    let declared = desired(kind, &spec(kind, json!({"ModelPackageName": "p"})));
    let live = there(found(kind, &members(kind), "Completed", OURS, json!({})));
    assert_eq!(decide(kind, &declared, &live, NOW).notes, Vec::<String>::new());
}

#[test]
fn what_is_not_adopted_as_it_is_shows_its_differences() {
    let kind = find("Model").unwrap();
    let live = there(found(kind, &members(kind), "", "", json!({"ExecutionRoleArn": "old"})));
    let declared = adopting(kind, json!({"ExecutionRoleArn": "new"}), Adoption::Adopt);
    let decision = decide(kind, &declared, &live, NOW);
    assert!(decision.refusal().is_some());
    let paths: Vec<&str> = decision.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["spec.executionRoleARN"]);
}

#[test]
fn all_that_a_create_sends_is_shown_as_created() {
    let kind = find("Model").unwrap();
    let declared = json!({"ExecutionRoleArn": ROLE, "Tags": [{"Key": "team", "Value": "a"}]});
    let decision = decide(kind, &desired(kind, &spec(kind, declared)), &Observed::MISSING, NOW);
    let shown: Vec<(&str, Effect)> = decision.changes.iter().map(|c| (c.path.as_str(), c.effect)).collect();
    let create = Effect::Create;
    assert_eq!(
        shown,
        [("spec.modelName", create), ("spec.executionRoleARN", create), ("tags.team", create)],
        "{decision:#?}"
    );
}

#[test]
fn a_field_that_cannot_change_is_told_with_its_values_and_what_helps() {
    let kind = find("Model").unwrap();
    let subnets = |length: usize| json!({"VpcConfig": {"Subnets": ["x".repeat(length)], "SecurityGroupIds": ["s"]}});
    for (length, cut) in [(1, false), (120 - 4, false), (121 - 4, true)] {
        let live = there(found(kind, &members(kind), "", OURS, subnets(length)));
        let decision = decide(kind, &desired(kind, &spec(kind, subnets(2))), &live, NOW);
        let refusal = decision.refusal().unwrap();
        let whole = format!("spec.vpcConfig.subnets is [\"{}\"] and cannot become [\"xx\"]", "x".repeat(length));
        assert_eq!(refusal.reason == whole, !cut, "{}", refusal.reason);
        assert_eq!(refusal.reason.contains('…'), cut, "{}", refusal.reason);
    }
    for (kind, advice) in [
        ("Model", "AWS has no call that changes it: make a new model with a new spec.modelName"),
        ("TrainingJob", "a job that has begun cannot be changed: start a new one with a new spec.trainingJobName"),
    ] {
        let kind = find(kind).unwrap();
        let role = if kind.name() == "Model" { "ExecutionRoleArn" } else { "RoleArn" };
        let word = if kind.is_job() { "InProgress" } else { "" };
        let live = there(found(kind, &members(kind), word, OURS, json!({role: "old"})));
        let decision = decide(kind, &desired(kind, &spec(kind, json!({role: ROLE}))), &live, NOW);
        assert!(decision.refusal().unwrap().advice.starts_with(advice), "{decision:#?}");
    }
}

#[tokio::test]
async fn a_description_without_room_for_the_mark_is_not_adopted() {
    let arn = |n: usize| format!("arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/{n:012}");
    let (fake, _, engine) = Fake::new();
    let definition =
        json!({"PipelineName": "p", "RoleArn": ROLE, "PipelineDefinition": "{}", "ClientRequestToken": "t"});
    fake.peek("CreatePipeline", &definition).unwrap();
    // Of the 3,072 characters that AWS takes, ` [sagewright.dev/owner=default/default/run-1]` needs 45.
    for (n, length, outcome) in [(1, 3_027, Outcome::Adopted), (2, 3_028, Outcome::Failed)] {
        let start =
            json!({"PipelineName": "p", "ClientRequestToken": "t", "PipelineExecutionDescription": "x".repeat(length)});
        fake.peek("StartPipelineExecution", &start).unwrap();
        let mut run = Object::new(find("PipelineExecution").unwrap(), &format!("run-{n}"));
        run.spec = json!({"pipelineName": "p"});
        run.metadata.annotations.insert(keys::ADOPTION_POLICY.into(), "adopt".into());
        run.metadata.annotations.insert(keys::ADOPTION_FIELDS.into(), json!({"arn": arn(n)}).to_string());
        let report = engine.apply(&[run], &ApplyOptions::default(), &NoObserver).await.unwrap();
        let entry = &report.objects[0];
        assert_eq!(entry.outcome, outcome, "{length}: {}", entry.message);
        let full = "its PipelineExecutionDescription leaves no room for the mark: AWS takes 3072 characters";
        assert_eq!(entry.message.contains(full), outcome == Outcome::Failed, "{}", entry.message);
    }
}

#[test]
fn a_status_that_is_not_shown_is_unknown_but_for_kinds_that_have_none_at_times() {
    for (kind, expected) in [("Endpoint", "wait"), ("TrainingJob", "wait"), ("ModelCard", "-"), ("HumanTaskUi", "-")] {
        let kind = find(kind).unwrap();
        let decision =
            decide(kind, &desired(kind, &members(kind)), &there(found(kind, &members(kind), "", OURS, json!({}))), NOW);
        assert!(brief(&decision).starts_with(expected), "{}: {decision:#?}", kind.name());
    }
}

#[test]
fn a_job_that_was_stopped_is_not_updated() {
    let kind = find("TrainingJob").unwrap();
    let profiler = |off: bool| json!({"ProfilerConfig": {"DisableProfiler": off}});
    let declared = desired(kind, &spec(kind, profiler(true)));
    for (word, expected) in [("InProgress", "UpdateTrainingJob"), ("Stopped", "refuse(Failed)"), ("Stopping", "wait")] {
        let decision = decide(kind, &declared, &there(found(kind, &members(kind), word, OURS, profiler(false))), NOW);
        assert!(brief(&decision).starts_with(expected), "{word}: {decision:#?}");
    }
}

#[test]
fn conditions_say_why_and_whether_a_resource_was_taken_over() {
    let kind = find("TrainingJob").unwrap();
    let role = |role: &str| json!({"RoleArn": role});
    let condition = |declared: &Desired, observed: &Observed, name: &str| {
        let decision = decide(kind, declared, observed, NOW);
        let found = decision.conditions.into_iter().find(|condition| condition.kind == name);
        found.map(|condition| (condition.reason.unwrap_or_default(), condition.message.unwrap_or_default()))
    };
    let live = |word: &str, owner: &str| {
        let more = json!({"RoleArn": ROLE, "FailureReason": "no space"});
        there(found(kind, &members(kind), word, owner, more))
    };
    let ours = desired(kind, &spec(kind, role(ROLE)));
    for (declared, observed, reason) in [
        (desired(kind, &spec(kind, role("other"))), live("Completed", OURS), "ImmutableField"),
        (ours.clone(), live("Completed", ""), "NotManaged"),
        (ours.clone(), live("Completed", "default/default/other"), "ManagedByOther"),
        (ours.clone(), Observed::Missing { elsewhere: Some("old".into()) }, "NameChanged"),
        (adopting(kind, role(ROLE), Adoption::Adopt), Observed::MISSING, "NotFound"),
        (ours.clone(), live("Failed", OURS), "Failed"),
    ] {
        for name in [conditions::TERMINAL, conditions::READY] {
            assert_eq!(condition(&declared, &observed, name).unwrap().0, reason, "{name}");
        }
    }
    for (word, message) in
        [("Failed", "TrainingJob is in Failed status: no space"), ("Stopped", "TrainingJob is in Stopped status.")]
    {
        assert_eq!(condition(&ours, &live(word, OURS), conditions::READY).unwrap().1, message);
    }
    let adopting = adopting(kind, role(ROLE), Adoption::AdoptOrCreate);
    for (declared, owner, is) in [(&adopting, OURS, true), (&adopting, "", false), (&ours, OURS, false)] {
        let adopted = condition(declared, &live("Completed", owner), conditions::ADOPTED);
        assert_eq!(adopted.is_some(), is, "{owner}");
    }
}

#[test]
fn a_failure_without_a_reason_is_told_by_its_finer_status() {
    let kind = find("TrainingJob").unwrap();
    for (finer, why) in [("MaxWaitTimeExceeded", "MaxWaitTimeExceeded"), ("Failed", "AWS gives no reason")] {
        let failed = found(kind, &members(kind), "Failed", OURS, json!({"SecondaryStatus": finer}));
        let told = failure_message(kind, &desired(kind, &members(kind)), &failed).unwrap();
        assert!(told.starts_with(&format!("TrainingJob is in Failed status: {why}; ")), "{told}");
    }
}

#[test]
fn the_parts_of_an_endpoint_are_looked_at_when_it_changed_by_itself_or_is_in_trouble() {
    let kind = find("Endpoint").unwrap();
    let seen = |word: &str, at: &str| {
        found(kind, &members(kind), word, OURS, json!({"LastModifiedTime": format!("2026-01-0{at}T00:00:00Z")}))
    };
    let mut declared = desired(kind, &members(kind));
    declared.object.status = seen("InService", "1").status;
    for (word, at, written, looks) in [
        ("InService", "1", false, false),
        ("InService", "1", true, false),
        ("InService", "2", false, true),
        ("InService", "2", true, false),
        ("Failed", "1", true, true),
        ("Updating", "2", false, false),
    ] {
        assert_eq!(quirks::relies(kind, &declared, &seen(word, at), written), looks, "{word} {at} {written}");
    }
    // What was told of the parts is told until it holds no more; other advice is no reason to look.
    for (reason, looks) in [(quirks::PARTS_GONE, true), ("Other", false)] {
        let advice = json!([{"type": conditions::ADVISORY, "status": "True", "reason": reason}]);
        declared.object.status["conditions"] = advice;
        assert_eq!(quirks::relies(kind, &declared, &seen("InService", "1"), false), looks, "{reason}");
    }
    let other = find("Model").unwrap();
    assert!(!quirks::relies(other, &declared, &seen("Failed", "2"), false));
}

#[test]
fn what_was_stopped_for_an_update_is_not_done_before_it_runs() {
    let stopped_for = BTreeMap::from([("sagewright.dev/stopped-for".to_owned(), "UpdatePending".to_owned())]);
    for (kind, tags, holds) in [
        ("NotebookInstance", stopped_for.clone(), true),
        ("NotebookInstance", BTreeMap::new(), false),
        ("Model", stopped_for, false),
    ] {
        let kind = find(kind).unwrap();
        let live = Found { tags, ..found(kind, &members(kind), "Stopped", OURS, json!({})) };
        assert_eq!(quirks::holds(kind, &live), holds, "{}", kind.name());
    }
}

#[test]
fn a_prune_leaves_what_aws_does_not_tag_or_delete() {
    for (kind, why) in [
        ("Model", None),
        // Named by AWS, and listed without naming what it is inside of.
        ("Domain", None),
        ("PipelineExecution", Some("AWS takes no tags on it")),
        ("TrainingPlan", Some("its kind is not deleted")),
    ] {
        assert_eq!(never(find(kind).unwrap()), why, "{kind}");
    }
}
