//! Decisions, state by state. Nothing is called here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use sagewright_engine::{
    Decision, Desired, Effect, Found, Intent, Object, Observed, RefusalKind, Step, conditions, decide, mark,
};
use sagewright_kinds::{Kind, all, find};
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// Values of spec members, enough to name one resource of each kind and to have something that differs.
fn members(kind: &Kind) -> Map<String, Value> {
    let mut out = Map::new();
    for member in kind.row().identity.name.iter().chain(&kind.row().identity.within) {
        if member != "ModelPackageName" {
            out.insert(member.clone(), json!("thing"));
        }
    }
    out
}

fn object(kind: &Kind, spec: &Map<String, Value>) -> Object {
    Object { spec: kind.spec_to_crd(&Value::Object(spec.clone())), ..Object::new(kind, "thing") }
}

fn desired(kind: &Kind, spec: &Map<String, Value>) -> Desired {
    Desired::new(kind, &object(kind, spec)).unwrap()
}

/// A resource in a status, owned as told; `owner` empty for one without a mark.
fn found(kind: &Kind, spec: &Map<String, Value>, word: &str, owner: &str, more: Value) -> Found {
    let mut output = spec.clone();
    let row = kind.row();
    if let Some(arn) = &row.identity.arn {
        output.insert(arn.clone(), json!("arn:aws:sagemaker:us-east-1:123456789012:thing/thing"));
    }
    if kind.name() == "PipelineExecution" {
        output.shift_remove("PipelineName");
        output.insert("PipelineArn".into(), json!("arn:aws:sagemaker:us-east-1:123456789012:pipeline/thing"));
    }
    if let Some(member) = &row.status.member {
        output.insert(member.clone(), json!(word));
    }
    let mut tags = BTreeMap::new();
    if !owner.is_empty() {
        match row.tags.mark.as_deref() {
            Some("CustomerMetadataProperties") => {
                output.insert("CustomerMetadataProperties".into(), json!({mark::OWNER: owner}));
            }
            Some(member) => {
                output.insert(member.to_owned(), json!(mark::suffix(owner)));
            }
            None => {
                tags.insert(mark::OWNER.to_owned(), owner.to_owned());
            }
        }
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        output.insert(key.clone(), value.clone());
    }
    Found::new(kind, Value::Object(output), tags)
}

fn there(found: Found) -> Observed {
    Observed::Found(Box::new(found))
}

fn words(kind: &Kind) -> Vec<String> {
    let status = &kind.row().status;
    let all = [
        &status.progressing,
        &status.settled,
        &status.failed,
        &status.stopping,
        &status.stopped,
        &status.deleting,
        &status.gone,
    ];
    let mut words: Vec<String> = all.into_iter().flatten().cloned().collect();
    if words.is_empty() {
        words.push(String::new());
    } else {
        words.push("NeverHeardOf".to_owned());
    }
    words
}

fn brief(decision: &Decision) -> String {
    let steps: Vec<String> = decision
        .steps
        .iter()
        .map(|step| match step {
            Step::Create { operation, .. }
            | Step::Update { operation, .. }
            | Step::Stop { operation, .. }
            | Step::Delete { operation, .. } => operation.clone(),
            Step::SyncTags { .. } => "tags".to_owned(),
            Step::Adopt { .. } => "adopt".to_owned(),
            Step::Wait { .. } => "wait".to_owned(),
            Step::Refuse(refusal) => format!("refuse({:?})", refusal.kind),
        })
        .collect();
    let holds = |name: &str| decision.conditions.iter().find(|c| c.kind == name).map(|c| c.status.to_string());
    let ready = holds(conditions::READY).unwrap_or_default();
    let terminal = if holds(conditions::TERMINAL).is_some() { " terminal" } else { "" };
    let steps = if steps.is_empty() { "-".to_owned() } else { steps.join("+") };
    format!("{steps} ready={ready}{terminal}")
}

type Member = Option<(&'static str, Value)>;

/// A member that an update can change, and one that it cannot.
fn changes(kind: &Kind) -> (Member, Member) {
    match kind.name() {
        "TrainingJob" => (Some(("ProfilerConfig", json!({"S3OutputPath": "s3://b/p"}))), Some(("RoleArn", json!("r")))),
        "Endpoint" => (Some(("EndpointConfigName", json!("next"))), None),
        "InferenceComponent" => {
            (Some(("RuntimeConfig", json!({"CopyCount": 9}))), Some(("EndpointName", json!("other"))))
        }
        "ModelPackage" => (Some(("ModelApprovalStatus", json!("Approved"))), Some(("Domain", json!("VISION")))),
        "Pipeline" => (Some(("PipelineDescription", json!("new"))), None),
        "PipelineExecution" => (Some(("PipelineExecutionDisplayName", json!("n"))), None),
        "ScalableTarget" => (Some(("MaxCapacity", json!(7))), None),
        "ScalingPolicy" => (Some(("PolicyType", json!("StepScaling"))), None),
        "EndpointConfig" => (None, Some(("KmsKeyId", json!("k")))),
        "Model" | "ProcessingJob" => {
            (None, Some((if kind.name() == "Model" { "ExecutionRoleArn" } else { "RoleArn" }, json!("r"))))
        }
        "ModelPackageGroup" => (None, Some(("ModelPackageGroupDescription", json!("d")))),
        "TransformJob" => (None, Some(("ModelName", json!("m2")))),
        "HyperParameterTuningJob" => (None, Some(("Autotune", json!({"Mode": "Enabled"})))),
        other => panic!("no change for {other}"),
    }
}

#[test]
fn every_state_of_every_kind() {
    let mut table = String::new();
    for kind in all() {
        let spec = members(kind);
        let (mutable, fixed) = changes(kind);
        let _ = writeln!(table, "{}", kind.name());
        let decision = decide(kind, &desired(kind, &spec), &Observed::MISSING, NOW);
        let _ = writeln!(table, "  missing            {}", brief(&decision));
        for word in words(kind) {
            let mut line = |what: &str, desired: &Desired, owner: &str| {
                let observed = there(found(kind, &spec, &word, owner, json!({})));
                let decision = decide(kind, desired, &observed, NOW);
                let _ = writeln!(table, "  {word:18} {what:8} {}", brief(&decision));
            };
            line("same", &desired(kind, &spec), "default/thing");
            for (what, change) in [("change", &mutable), ("fixed", &fixed)] {
                if let Some((member, value)) = change {
                    let mut changed = spec.clone();
                    changed.insert((*member).to_owned(), value.clone());
                    line(what, &desired(kind, &changed), "default/thing");
                }
            }
            line("unowned", &desired(kind, &spec), "");
            line("foreign", &desired(kind, &spec), "other/thing");
            let mut absent = desired(kind, &spec);
            absent.intent = Intent::Absent;
            line("absent", &absent, "default/thing");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_fixed_field_is_refused_by_name_with_both_values_and_what_to_do() {
    let kind = find("Model").unwrap();
    let mut spec = members(kind);
    spec.insert("ExecutionRoleArn".into(), json!("new"));
    let there = there(found(kind, &spec, "", "default/thing", json!({"ExecutionRoleArn": "old"})));
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
}

/// (what, declared, there, differences)
type Case = (&'static str, &'static str, Value, Value, &'static [&'static str]);

#[test]
fn only_what_is_declared_and_truly_differs_is_a_change() {
    let cases: Vec<Case> = vec![
        ("server default", "EndpointConfig", json!({}), json!({"EnableNetworkIsolation": false, "KmsKeyId": "k"}), &[]),
        ("declared default that reads leave out", "Model", json!({"EnableNetworkIsolation": false}), json!({}), &[]),
        (
            "order of a set",
            "Model",
            json!({"VpcConfig": {"Subnets": ["b", "a"], "SecurityGroupIds": ["s"]}}),
            json!({"VpcConfig": {"Subnets": ["a", "b"], "SecurityGroupIds": ["s"]}}),
            &[],
        ),
        (
            "another member of a set",
            "Model",
            json!({"VpcConfig": {"Subnets": ["a", "c"], "SecurityGroupIds": ["s"]}}),
            json!({"VpcConfig": {"Subnets": ["a", "b"], "SecurityGroupIds": ["s"]}}),
            &["spec.vpcConfig.subnets"],
        ),
        (
            "named elements in another order",
            "EndpointConfig",
            json!({"ProductionVariants": [{"VariantName": "b", "InitialVariantWeight": 1}, {"VariantName": "a", "ModelName": "m"}]}),
            json!({"ProductionVariants": [{"VariantName": "a", "ModelName": "m", "VolumeSizeInGB": 5}, {"VariantName": "b", "InitialVariantWeight": 1.0}]}),
            &[],
        ),
        (
            "one field of a named element",
            "EndpointConfig",
            json!({"ProductionVariants": [{"VariantName": "b", "ModelName": "n"}, {"VariantName": "a"}]}),
            json!({"ProductionVariants": [{"VariantName": "a"}, {"VariantName": "b", "ModelName": "m"}]}),
            &["spec.productionVariants[0].modelName"],
        ),
        (
            "single precision",
            "EndpointConfig",
            json!({"ProductionVariants": [{"VariantName": "a", "InitialVariantWeight": 0.1}]}),
            json!({"ProductionVariants": [{"VariantName": "a", "InitialVariantWeight": 0.100_000_001_49}]}),
            &[],
        ),
        (
            "keys that the service adds",
            "TrainingJob",
            json!({"HyperParameters": {"a": "1"}}),
            json!({"HyperParameters": {"a": "1", "_tuning_objective_metric": "m"}}),
            &[],
        ),
        (
            "a key that is no longer declared",
            "TrainingJob",
            json!({"HyperParameters": {"a": "1"}}),
            json!({"HyperParameters": {"a": "1", "b": "2"}}),
            &["spec.hyperParameters.b"],
        ),
        (
            "JSON text",
            "Pipeline",
            json!({"PipelineDefinition": "{\"a\": 1, \"b\": [1,2]}"}),
            json!({"PipelineDefinition": "{\"b\":[1,2],\"a\":1}"}),
            &[],
        ),
        (
            "other JSON text",
            "Pipeline",
            json!({"PipelineDefinition": "{\"a\": 1}"}),
            json!({"PipelineDefinition": "{\"a\": 2}"}),
            &["spec.pipelineDefinition"],
        ),
        (
            "a name and its ARN",
            "ModelPackage",
            json!({"ModelPackageGroupName": "arn:aws:sagemaker:us-east-1:1:model-package-group/thing"}),
            json!({}),
            &[],
        ),
        (
            "a member that reads show elsewhere",
            "InferenceComponent",
            json!({"RuntimeConfig": {"CopyCount": 2}, "Specification": {"Container": {"Image": "i"}}}),
            json!({"RuntimeConfig": {"DesiredCopyCount": 2, "CurrentCopyCount": 0},
                "Specification": {"Container": {"DeployedImage": {"SpecifiedImage": "i", "ResolvedImage": "i@sha"}}}}),
            &[],
        ),
        (
            "its difference",
            "InferenceComponent",
            json!({"RuntimeConfig": {"CopyCount": 2}, "Specification": {"Container": {"Image": "j"}}}),
            json!({"RuntimeConfig": {"DesiredCopyCount": 1},
                "Specification": {"Container": {"DeployedImage": {"SpecifiedImage": "i"}}}}),
            &["spec.specification.container.image", "spec.runtimeConfig.copyCount"],
        ),
        (
            "a policy for the next update",
            "Endpoint",
            json!({"DeploymentConfig": {"RollingUpdatePolicy": {}}}),
            json!({}),
            &[],
        ),
        (
            "a switch that is off and that reads leave out",
            "ProcessingJob",
            json!({"NetworkConfig": {"EnableNetworkIsolation": false}}),
            json!({}),
            &[],
        ),
        (
            "a switch that is on and that reads leave out",
            "ProcessingJob",
            json!({"NetworkConfig": {"EnableNetworkIsolation": true}}),
            json!({}),
            &["spec.networkConfig.enableNetworkIsolation"],
        ),
        (
            "the ARN of another account's pipeline",
            "PipelineExecution",
            json!({"PipelineName": "arn:aws:sagemaker:us-east-1:999999999999:pipeline/thing"}),
            json!({}),
            &["spec.pipelineName"],
        ),
        (
            "the name of an algorithm and its ARN",
            "TrainingJob",
            json!({"AlgorithmSpecification": {"AlgorithmName": "Mine", "TrainingInputMode": "File"}}),
            json!({"AlgorithmSpecification": {"AlgorithmName": "arn:aws:sagemaker:us-east-1:1:algorithm/mine",
                "TrainingInputMode": "File"}}),
            &[],
        ),
        (
            "the version of a package and its ARN",
            "Model",
            json!({"PrimaryContainer": {"ModelPackageName": "mnist/3"}}),
            json!({"PrimaryContainer": {"ModelPackageName": "arn:aws:sagemaker:us-east-1:1:model-package/mnist/3"}}),
            &[],
        ),
        (
            "the same version of another package",
            "Model",
            json!({"PrimaryContainer": {"ModelPackageName": "other/3"}}),
            json!({"PrimaryContainer": {"ModelPackageName": "arn:aws:sagemaker:us-east-1:1:model-package/mnist/3"}}),
            &["spec.primaryContainer.modelPackageName"],
        ),
        (
            "large whole numbers",
            "TrainingJob",
            json!({"StoppingCondition": {"MaxRuntimeInSeconds": 90_000_001}}),
            json!({"StoppingCondition": {"MaxRuntimeInSeconds": 90_000_000}}),
            &["spec.stoppingCondition.maxRuntimeInSeconds"],
        ),
        (
            "a model card that AWS writes otherwise",
            "ModelPackage",
            json!({"ModelCard": {"ModelCardContent": "{\"a\": 1, \"b\": 2}", "ModelCardStatus": "Draft"}}),
            json!({"ModelCard": {"ModelCardContent": "{\"b\":2,\"a\":1}", "ModelCardStatus": "Draft"}}),
            &[],
        ),
        ("empty and absent", "Pipeline", json!({"PipelineDescription": ""}), json!({}), &[]),
        (
            "a list that got longer",
            "TrainingJob",
            json!({"InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}]}),
            json!({"InputDataConfig": [{"ChannelName": "a"}]}),
            &["spec.inputDataConfig"],
        ),
    ];
    for (what, name, declared, output, expected) in cases {
        let kind = find(name).unwrap();
        let mut spec = members(kind);
        let there = there(found(kind, &spec, "Completed", "default/thing", output));
        for (key, value) in declared.as_object().unwrap() {
            spec.insert(key.clone(), value.clone());
        }
        let decision = decide(kind, &desired(kind, &spec), &there, NOW);
        let paths: Vec<&str> = decision.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, expected, "{what}");
    }
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
        let there = there(found(kind, &spec, word, "default/thing", output));
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
        let there = there(found(kind, &spec, "InProgress", "default/thing", more));
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
    for observed in [Observed::MISSING, there(found(kind, &members(kind), "Completed", "default/thing", old))] {
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
fn a_second_pipeline_of_a_name_is_deleted_under_a_token_of_its_own() {
    let kind = find("Pipeline").unwrap();
    let spec = members(kind);
    let token = |made: &str| {
        let mut absent = desired(kind, &spec);
        absent.intent = Intent::Absent;
        let there = there(found(kind, &spec, "Active", "default/thing", json!({"CreationTime": made})));
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
    object.metadata.annotations.insert(mark::READ_ONLY.to_owned(), "true".to_owned());
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
        let there = there(found(kind, &members(kind), "Succeeded", "default/thing", json!({})));
        decide(kind, &desired(kind, spec), &there, NOW).notes
    };
    assert!(note(&spec).is_empty());
    spec.insert("PipelineParameters".into(), json!([{"Name": "a", "Value": "b"}]));
    assert!(matches!(&note(&spec)[..], [one] if one.contains("spec.pipelineParameters")), "{:?}", note(&spec));
}

#[test]
fn a_changed_name_is_answered_with_what_helps() {
    let advice = |kind: &str| {
        let kind = find(kind).unwrap();
        let decision =
            decide(kind, &desired(kind, &members(kind)), &Observed::Missing { elsewhere: Some("old".into()) }, NOW);
        decision.refusal().unwrap().advice.clone()
    };
    assert!(advice("Model").contains("set spec.modelName back to `old`, or delete this object first"));
    // The record of a job stays, and its mark with it.
    assert!(!advice("TrainingJob").contains("delete"), "{}", advice("TrainingJob"));
}

#[test]
fn a_job_whose_rules_are_still_evaluated_is_not_settled() {
    let kind = find("TrainingJob").unwrap();
    let spec = members(kind);
    let run = |more: Value| {
        brief(&decide(kind, &desired(kind, &spec), &there(found(kind, &spec, "Completed", "default/thing", more)), NOW))
    };
    let rules = |word: &str| json!([{"RuleEvaluationStatus": word}]);
    assert!(run(json!({"DebugRuleEvaluationStatuses": rules("InProgress")})).starts_with("wait"));
    assert!(run(json!({"DebugRuleEvaluationStatuses": rules("NoIssuesFound")})).starts_with("- ready=True"));
    assert!(run(json!({"ProfilerRuleEvaluationStatuses": rules("InProgress")})).starts_with("wait"));
    let off = json!({"ProfilerRuleEvaluationStatuses": rules("InProgress"), "ProfilingStatus": "Disabled"});
    assert!(run(off).starts_with("- ready=True"));
}

#[test]
fn annotations_say_what_may_be_done() {
    let kind = find("Model").unwrap();
    let spec = members(kind);
    let with = |key: &str, value: &str| {
        let mut object = object(kind, &spec);
        object.metadata.annotations.insert(key.to_owned(), value.to_owned());
        Desired::new(kind, &object).unwrap()
    };
    let unowned = there(found(kind, &spec, "", "", json!({})));
    let owned = there(found(kind, &spec, "", "default/thing", json!({})));
    let run = |desired: &Desired, observed: &Observed| brief(&decide(kind, desired, observed, NOW));
    assert!(run(&with(mark::ADOPTION_POLICY, "adopt"), &unowned).starts_with("adopt"));
    assert!(run(&with(mark::ADOPTION_POLICY, "adopt"), &Observed::MISSING).starts_with("refuse(Absent)"));
    assert!(run(&with(mark::ADOPTION_POLICY, "adopt-or-create"), &Observed::MISSING).starts_with("CreateModel"));
    assert!(run(&with(mark::READ_ONLY, "true"), &unowned).starts_with("- ready=True"));
    assert!(run(&with(mark::READ_ONLY, "true"), &Observed::MISSING).starts_with("refuse(Absent)"));
    let mut retain = with(mark::DELETION_POLICY, "retain");
    retain.intent = Intent::Absent;
    assert!(run(&retain, &owned).starts_with('-'));
    let mut absent = desired(kind, &spec);
    absent.intent = Intent::Absent;
    assert!(run(&absent, &unowned).starts_with("refuse(NotOwned)"));
    absent.unowned = true;
    assert!(run(&absent, &unowned).starts_with("DeleteModel"));
}

#[test]
fn an_update_waits_for_the_endpoint_and_names_the_settings_it_keeps() {
    let kind = find("Endpoint").unwrap();
    let mut spec = members(kind);
    spec.insert("EndpointConfigName".into(), json!("new"));
    let old = |word: &str| there(found(kind, &spec, word, "default/thing", json!({"EndpointConfigName": "old"})));
    let decision = decide(kind, &desired(kind, &spec), &old("Creating"), NOW);
    assert!(matches!(&decision.steps[..], [Step::Wait { .. }]));
    let decision = decide(kind, &desired(kind, &spec), &old("InService"), NOW);
    let [Step::Update { input, .. }, Step::SyncTags { add, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
    assert_eq!(add.keys().collect::<Vec<_>>(), [mark::LAST_UPDATE]);
    assert_eq!(
        *input,
        json!({"EndpointName": "thing", "EndpointConfigName": "new", "RetainAllVariantProperties": true})
    );
}

#[test]
fn the_same_create_has_the_same_token_and_another_has_another() {
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
    assert_ne!(token(&spec, 1), token(&other, 1));
}

/// A kind that is not built yet, from the rows that prove the format.
fn other_kind(file: &str) -> Kind {
    let path = format!("{}/../kinds/tests/other_kinds/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    sagewright_kinds::parse(file, &std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_part_at_work_can_keep_a_resource_from_being_changed_or_deleted() {
    let kind = other_kind("monitoring-schedule");
    let spec = members(&kind);
    let mut changed = spec.clone();
    changed.insert("MonitoringScheduleConfig".into(), json!({"MonitoringJobDefinitionName": "new"}));
    let mut absent = desired(&kind, &spec);
    absent.intent = Intent::Absent;
    let run = |desired: &Desired, word: &str| {
        let more = json!({"MonitoringScheduleConfig": {"MonitoringJobDefinitionName": "old"},
            "LastMonitoringExecutionSummary": {"MonitoringExecutionStatus": word}});
        brief(&decide(&kind, desired, &there(found(&kind, &spec, "Scheduled", "default/thing", more)), NOW))
    };
    assert!(run(&desired(&kind, &changed), "InProgress").starts_with("wait"));
    assert!(run(&absent, "InProgress").starts_with("wait"));
    assert!(run(&desired(&kind, &changed), "Completed").starts_with("UpdateMonitoringSchedule"));
    assert!(run(&absent, "Completed").starts_with("DeleteMonitoringSchedule"));
}

#[test]
fn a_resource_that_must_be_stopped_first_is_stopped_then_deleted() {
    let kind = other_kind("notebook-instance");
    let spec = members(&kind);
    let mut absent = desired(&kind, &spec);
    absent.intent = Intent::Absent;
    let run =
        |word: &str| brief(&decide(&kind, &absent, &there(found(&kind, &spec, word, "default/thing", json!({}))), NOW));
    assert!(run("InService").starts_with("StopNotebookInstance"));
    assert!(run("Stopping").starts_with("wait"));
    assert!(run("Stopped").starts_with("DeleteNotebookInstance"));
    assert!(run("Deleting").starts_with("wait"));
}
