//! What a decision sends, refuses and says. Nothing is called here.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::support::decisions::{NOW, brief, desired, found, members, object, there};
use jiff::Timestamp;
use sagewright_engine::{Desired, Effect, Intent, Observed, RefusalKind, Step, conditions, decide, keys};
use sagewright_kinds::find;
use serde_json::{Map, Value, json};

#[test]
fn a_fixed_field_is_refused_by_name_with_both_values_and_what_to_do() {
    let kind = find("Model").unwrap();
    let mut spec = members(kind);
    spec.insert("ExecutionRoleArn".into(), json!("new"));
    let there = there(found(kind, &spec, "", "default/default/thing", json!({"ExecutionRoleArn": "old"})));
    let decision = decide(kind, &desired(kind, &spec), &there, NOW);
    let refusal = decision.refusal().unwrap();
    assert_eq!(refusal.kind, RefusalKind::Immutable);
    assert_eq!(refusal.reason, "spec.executionRoleARN is `old` and cannot become `new`");
    assert!(
        refusal.advice.contains("spec.modelName") && refusal.advice.contains("metadata.name"),
        "{}",
        refusal.advice
    );
    assert_eq!(decision.changes[0].effect, Effect::Refused);
    let terminal = decision.conditions.iter().find(|c| c.kind == conditions::TERMINAL).unwrap();
    assert!(terminal.message.as_ref().unwrap().contains("cannot become `new`"));
    // Of a job, what there is cannot be deleted to make room.
    let job = find("TrainingJob").unwrap();
    let mut other = members(job);
    other.insert("RoleArn".into(), json!("new"));
    let old = json!({"RoleArn": "old"});
    let there = crate::support::decisions::there(found(job, &members(job), "Completed", "default/default/thing", old));
    let advice = decide(job, &desired(job, &other), &there, NOW).refusal().unwrap().advice.clone();
    assert!(advice.starts_with("a job that has begun cannot be changed: start a new one"), "{advice}");
    // Long values are shown by their beginning, short ones whole.
    let many: Vec<String> = (10..40).map(|i| format!("s-{i}")).collect();
    let subnets = |subnets: Value| json!({"VpcConfig": {"Subnets": subnets, "SecurityGroupIds": ["g"]}});
    let mut spec = members(kind);
    spec.extend(subnets(json!(many)).as_object().unwrap().clone());
    let there =
        crate::support::decisions::there(found(kind, &spec, "", "default/default/thing", subnets(json!(["s-1"]))));
    let reason = decide(kind, &desired(kind, &spec), &there, NOW).refusal().unwrap().reason.clone();
    let (short, long) = reason.split_once(" and cannot become ").unwrap();
    assert_eq!(short, "spec.vpcConfig.subnets is [\"s-1\"]");
    assert!(long.ends_with('…') && long.chars().count() == 121, "{long}");
}

#[test]
fn warm_pools_and_profilers_change_only_when_aws_lets_them() {
    let kind = find("TrainingJob").unwrap();
    let pool =
        |seconds: i64| json!({"ResourceConfig": {"InstanceType": "ml.m5.large", "KeepAlivePeriodInSeconds": seconds}});
    let run = |declared: Value, word: &str, mut output: Value, more: Value| {
        let mut spec = members(kind);
        for (key, value) in more.as_object().unwrap() {
            output[key] = value.clone();
        }
        let there = there(found(kind, &spec, word, "default/default/thing", output));
        spec.extend(declared.as_object().unwrap().clone());
        brief(&decide(kind, &desired(kind, &spec), &there, NOW))
    };
    let available = json!({"WarmPoolStatus": {"Status": "Available"}});
    assert!(run(pool(600), "InProgress", pool(300), json!({})).starts_with("wait"));
    assert!(run(pool(600), "Completed", pool(300), json!({})).starts_with("wait"));
    assert!(run(pool(600), "Completed", pool(300), available.clone()).starts_with("UpdateTrainingJob"));
    assert!(
        run(pool(600), "Completed", pool(300), json!({"WarmPoolStatus": {"Status": "Terminated"}}))
            .starts_with("refuse")
    );
    let none = json!({"ResourceConfig": {"InstanceType": "ml.m5.large"}});
    assert!(run(pool(600), "Completed", none, available.clone()).starts_with("refuse"));
    let profiler = json!({"ProfilerConfig": {"S3OutputPath": "s3://b/p"}});
    assert!(run(profiler.clone(), "InProgress", json!({}), json!({"SecondaryStatus": "Starting"})).starts_with("wait"));
    assert!(
        run(profiler.clone(), "InProgress", json!({}), json!({"SecondaryStatus": "Training"}))
            .starts_with("UpdateTrainingJob")
    );
    assert!(run(profiler.clone(), "Completed", json!({}), json!({})).starts_with("refuse"));
    let mut both = pool(600);
    both["ProfilerConfig"] = profiler["ProfilerConfig"].clone();
    assert!(run(both, "Completed", pool(300), available).starts_with("refuse"));
}

#[test]
fn profiler_rules_are_added_and_never_changed_or_taken_away() {
    let kind = find("TrainingJob").unwrap();
    let rule = |name: &str, image: &str| json!({"RuleConfigurationName": name, "RuleEvaluatorImage": image});
    let run = |declared: Value, there_are: Value| {
        let mut spec = members(kind);
        let more = json!({"ProfilerRuleConfigurations": there_are, "SecondaryStatus": "Training"});
        let there = there(found(kind, &spec, "InProgress", "default/default/thing", more));
        spec.insert("ProfilerRuleConfigurations".into(), declared);
        decide(kind, &desired(kind, &spec), &there, NOW)
    };
    let added = run(json!([rule("b", "i"), rule("a", "i")]), json!([rule("a", "i")]));
    let [Step::Update { input, .. }] = &added.steps[..] else { panic!("{added:?}") };
    assert_eq!(input["ProfilerRuleConfigurations"], json!([rule("b", "i")]), "what is there is not sent again");
    for declared in [json!([rule("b", "i")]), json!([rule("b", "i"), rule("a", "other")])] {
        let decision = run(declared, json!([rule("a", "i")]));
        let refusal = decision.refusal().unwrap();
        assert!(refusal.reason.contains("`a`"), "{}", refusal.reason);
    }
}

#[test]
fn what_is_sensitive_is_not_in_the_changes() {
    let kind = find("ModelPackage").unwrap();
    let mut spec = members(kind);
    spec.insert("ModelCard".into(), json!({"ModelCardContent": "{\"secret\": 1}", "ModelCardStatus": "Draft"}));
    let old = json!({"ModelCard": {"ModelCardContent": "{\"secret\": 2}", "ModelCardStatus": "Draft"}});
    for observed in [Observed::MISSING, there(found(kind, &members(kind), "Completed", "default/default/thing", old))] {
        let decision = decide(kind, &desired(kind, &spec), &observed, NOW);
        assert!(decision.changes.iter().any(|c| c.path.starts_with("spec.modelCard")), "{:?}", decision.changes);
        assert!(!serde_json::to_string(&decision.changes).unwrap().contains("secret"), "{:?}", decision.changes);
    }
}

#[test]
fn a_refusal_that_hangs_on_what_is_there_is_looked_at_again() {
    let kind = find("Model").unwrap();
    let spec = members(kind);
    let unowned = there(found(kind, &spec, "", "", json!({})));
    let decision = decide(kind, &desired(kind, &spec), &unowned, NOW);
    assert_eq!(decision.refusal().unwrap().kind, RefusalKind::NotOwned);
    assert!(decision.requeue_after.is_some());
}

#[test]
fn tags_of_a_resource_without_an_arn_are_no_change() {
    let kind = find("ScalableTarget").unwrap();
    let mut spec = members(kind);
    let mut there_is = found(kind, &spec, "", "", json!({"ScalableTargetARN": null}));
    there_is.tags.clear();
    spec.insert("Tags".into(), json!({"team": "vision"}));
    let decision = decide(kind, &desired(kind, &spec), &there(there_is), NOW);
    assert!(decision.changes.is_empty() && decision.steps.is_empty(), "{decision:?}");
}

#[test]
fn a_package_that_failed_says_what_its_validation_says() {
    let kind = find("ModelPackage").unwrap();
    let spec = members(kind);
    let details = json!({"ModelPackageStatusDetails": {"ValidationStatuses": [
        {"Name": "scan", "Status": "Completed"},
        {"Name": "latency", "Status": "Failed", "FailureReason": "the container did not answer"}]}});
    let decision = decide(
        kind,
        &desired(kind, &spec),
        &there(found(kind, &spec, "Failed", "default/default/thing", details)),
        NOW,
    );
    let terminal = decision.conditions.iter().find(|c| c.kind == conditions::TERMINAL).unwrap();
    assert!(terminal.message.as_ref().unwrap().contains("the container did not answer"), "{terminal:?}");
}

#[test]
fn a_second_pipeline_of_a_name_is_deleted_under_a_token_of_its_own() {
    let kind = find("Pipeline").unwrap();
    let spec = members(kind);
    let token = |made: &str| {
        let mut absent = desired(kind, &spec);
        absent.intent = Intent::Absent;
        let there = there(found(kind, &spec, "Active", "default/default/thing", json!({"CreationTime": made})));
        let decision = decide(kind, &absent, &there, NOW);
        let [Step::Delete { input, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
        input["ClientRequestToken"].as_str().unwrap().to_owned()
    };
    assert_eq!(token("2026-01-01T00:00:00Z"), token("2026-01-01T00:00:00Z"));
    assert_ne!(token("2026-01-01T00:00:00Z"), token("2026-01-02T00:00:00Z"));
}

#[test]
fn a_resource_that_is_only_read_is_waited_for() {
    let kind = find("TrainingJob").unwrap();
    let spec = members(kind);
    let mut object = object(kind, &spec);
    object.metadata.annotations.insert(keys::READ_ONLY.to_owned(), "true".to_owned());
    let run = |word: &str| {
        let there = there(found(kind, &spec, word, "", json!({})));
        brief(&decide(kind, &Desired::new(kind, &object).unwrap(), &there, NOW))
    };
    assert_eq!(run("InProgress"), "wait ready=False");
    assert_eq!(run("Completed"), "- ready=True");
}

#[test]
fn what_aws_does_not_show_is_said_to_be_unseen() {
    let kind = find("PipelineExecution").unwrap();
    let mut spec = members(kind);
    let note = |spec: &Map<String, Value>| {
        let there = there(found(kind, &members(kind), "Succeeded", "default/default/thing", json!({})));
        decide(kind, &desired(kind, spec), &there, NOW).notes
    };
    assert!(note(&spec).is_empty());
    spec.insert("PipelineParameters".into(), json!([]));
    assert!(note(&spec).is_empty(), "nothing is declared in it");
    spec.insert("PipelineParameters".into(), json!([{"Name": "a", "Value": "b"}]));
    assert!(matches!(&note(&spec)[..], [one] if one.contains("spec.pipelineParameters")), "{:?}", note(&spec));
    // The same for a map of fields.
    let kind = find("Pipeline").unwrap();
    let mut spec = members(kind);
    for (place, notes) in [(json!({}), 0), (json!({"Bucket": "b", "ObjectKey": "k"}), 1)] {
        spec.insert("PipelineDefinitionS3Location".into(), place);
        let there = there(found(kind, &members(kind), "Active", "default/default/thing", json!({})));
        assert_eq!(decide(kind, &desired(kind, &spec), &there, NOW).notes.len(), notes);
    }
    // A policy for the next update is shown by no read, and is no declaration of what is there.
    let kind = find("Endpoint").unwrap();
    let mut spec = members(kind);
    spec.insert("DeploymentConfig".into(), json!({"RollingUpdatePolicy": {}}));
    let there = there(found(kind, &members(kind), "InService", "default/default/thing", json!({})));
    assert_eq!(decide(kind, &desired(kind, &spec), &there, NOW).notes, <[String; 0]>::default());
}

#[test]
fn a_changed_name_is_answered_with_what_helps() {
    let advice = |kind: &str| {
        let kind = find(kind).unwrap();
        let decision =
            decide(kind, &desired(kind, &members(kind)), &Observed::Missing { elsewhere: Some("old".into()) }, NOW);
        decision.refusal().unwrap().advice.clone()
    };
    assert!(advice("Model").contains("set spec.modelName back to `old`, and delete that first"));
    // The record of a job stays, and its mark with it.
    assert!(!advice("TrainingJob").contains("delete"), "{}", advice("TrainingJob"));
}

#[test]
fn an_update_waits_for_the_endpoint_and_names_the_settings_it_keeps() {
    let kind = find("Endpoint").unwrap();
    let mut spec = members(kind);
    spec.insert("EndpointConfigName".into(), json!("new"));
    let old =
        |word: &str| there(found(kind, &spec, word, "default/default/thing", json!({"EndpointConfigName": "old"})));
    let decision = decide(kind, &desired(kind, &spec), &old("Creating"), NOW);
    assert!(matches!(&decision.steps[..], [Step::Wait { .. }]));
    let decision = decide(kind, &desired(kind, &spec), &old("InService"), NOW);
    let [Step::Update { input, .. }, Step::SyncTags { add, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
    assert_eq!(add.keys().collect::<Vec<_>>(), [keys::LAST_UPDATE, keys::SERVED]);
    assert_eq!(add[keys::SERVED], "old");
    assert_eq!(
        *input,
        json!({"EndpointName": "thing", "EndpointConfigName": "new", "RetainAllVariantProperties": true})
    );
}

#[test]
fn the_same_attempt_has_the_same_token_and_another_has_another() {
    let kind = find("ModelPackage").unwrap();
    let spec = members(kind);
    let token = |spec: &Map<String, Value>, at: i64| {
        let now = Timestamp::from_second(at).unwrap();
        let decision = decide(kind, &desired(kind, spec), &Observed::MISSING, now);
        let [Step::Create { input, .. }] = &decision.steps[..] else { panic!() };
        input["ClientToken"].as_str().unwrap().to_owned()
    };
    assert_eq!(token(&spec, 1), token(&spec, 1));
    assert_ne!(token(&spec, 1), token(&spec, 2), "what was deleted can be made again");
    let mut other = spec.clone();
    other.insert("Domain".into(), json!("VISION"));
    assert_eq!(token(&spec, 1), token(&other, 1), "what came of the first is not known yet: it may be there");
    let of_object = |name: &str| {
        let mut object = object(kind, &spec);
        object.metadata.name = name.to_owned();
        let decision = decide(kind, &Desired::new(kind, &object).unwrap(), &Observed::MISSING, NOW);
        let [Step::Create { input, .. }] = &decision.steps[..] else { panic!() };
        input["ClientToken"].as_str().unwrap().to_owned()
    };
    assert_ne!(of_object("one"), of_object("other"), "two objects of the same moment are two packages");
}
