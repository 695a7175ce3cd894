//! Decisions, state by state. Nothing is called here.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::support::decisions::{NOW, brief, desired, found, members, object, there};
use sagewright_engine::{Adoption, Desired, Intent, Observed, RefusalKind, decide, keys};
use sagewright_kinds::find;
use serde_json::{Value, json};

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
            "a set in another case",
            "Model",
            json!({"VpcConfig": {"Subnets": ["a", "B"], "SecurityGroupIds": ["s"]}}),
            json!({"VpcConfig": {"Subnets": ["b", "A"], "SecurityGroupIds": ["s"]}}),
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
            "weights that differ",
            "EndpointConfig",
            json!({"ProductionVariants": [{"VariantName": "a", "InitialVariantWeight": 0.1}]}),
            json!({"ProductionVariants": [{"VariantName": "a", "InitialVariantWeight": 0.2}]}),
            &["spec.productionVariants[0].initialVariantWeight"],
        ),
        (
            "single precision of a large weight",
            "EndpointConfig",
            json!({"ProductionVariants": [{"VariantName": "a", "InitialVariantWeight": 1000.1}]}),
            json!({"ProductionVariants": [{"VariantName": "a", "InitialVariantWeight": 1_000.099_975_585_937_5}]}),
            &[],
        ),
        (
            "a whole number that is written otherwise",
            "TrainingJob",
            json!({"ResourceConfig": {"InstanceCount": 1}}),
            json!({"ResourceConfig": {"InstanceCount": 1.0}}),
            &[],
        ),
        (
            "a time that is written otherwise",
            "ScheduledAction",
            json!({"StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-02-01T00:00:00Z"}),
            json!({"StartTime": "2026-01-01T01:00:00.000+01:00", "EndTime": "2026-02-01T01:00:00Z"}),
            &["spec.endTime"],
        ),
        (
            "a default other than empty that reads leave out",
            "TrainingJob",
            json!({"StoppingCondition": {"MaxRuntimeInSeconds": 86400}}),
            json!({"StoppingCondition": {}}),
            &[],
        ),
        (
            "another value than the default that reads leave out",
            "TrainingJob",
            json!({"StoppingCondition": {"MaxRuntimeInSeconds": 600}}),
            json!({"StoppingCondition": {}}),
            &["spec.stoppingCondition.maxRuntimeInSeconds"],
        ),
        (
            "the order of a list that is no set",
            "Model",
            json!({"Containers": [{"Image": "a"}, {"Image": "b"}]}),
            json!({"Containers": [{"Image": "b"}, {"Image": "a"}]}),
            &["spec.containers[0].image", "spec.containers[1].image"],
        ),
        (
            "names that do not tell elements apart",
            "TrainingJob",
            json!({"InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "a"}]}),
            json!({"InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}]}),
            &["spec.inputDataConfig[1].channelName"],
        ),
        (
            "another value of a key, and one that is written otherwise",
            "TrainingJob",
            json!({"HyperParameters": {"a": "1", "b": "2"}}),
            json!({"HyperParameters": {"a": "2", "b": 2}}),
            &["spec.hyperParameters.a"],
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
        let there = there(found(kind, &spec, "Completed", "default/default/thing", output));
        for (key, value) in declared.as_object().unwrap() {
            spec.insert(key.clone(), value.clone());
        }
        let decision = decide(kind, &desired(kind, &spec), &there, NOW);
        let paths = decision.changes.iter().map(|c| c.path.as_str()).filter(|path| path.starts_with("spec."));
        assert_eq!(paths.collect::<Vec<_>>(), expected, "{what}");
    }
}

#[test]
fn a_job_whose_rules_are_still_evaluated_is_not_settled() {
    let kind = find("TrainingJob").unwrap();
    let spec = members(kind);
    let run = |more: Value| {
        brief(&decide(
            kind,
            &desired(kind, &spec),
            &there(found(kind, &spec, "Completed", "default/default/thing", more)),
            NOW,
        ))
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
    let owned = there(found(kind, &spec, "", "default/default/thing", json!({})));
    let run = |desired: &Desired, observed: &Observed| brief(&decide(kind, desired, observed, NOW));
    assert!(run(&with(keys::ADOPTION_POLICY, "adopt"), &unowned).starts_with("adopt"));
    // What is adopted as it is has to be as declared; what may also be created may differ where AWS can change it.
    let other = there(found(kind, &spec, "", "", json!({"ExecutionRoleArn": "old", "EnableNetworkIsolation": true})));
    let mut declared = with(keys::ADOPTION_POLICY, "adopt");
    declared.spec["ExecutionRoleArn"] = json!("new");
    let decision = decide(kind, &declared, &other, NOW);
    let refusal = decision.refusal().unwrap();
    assert_eq!(refusal.kind, RefusalKind::NotOwned);
    assert!(refusal.reason.ends_with("differs from the manifest in spec.executionRoleARN"), "{}", refusal.reason);
    declared.spec["ExecutionRoleArn"] = json!("old");
    assert_eq!(run(&declared, &other), "adopt ready=False");
    assert!(decide(kind, &declared, &other, NOW).changes.is_empty());
    declared.spec["ExecutionRoleArn"] = json!("new");
    declared.adoption = Adoption::AdoptOrCreate;
    assert!(run(&declared, &other).starts_with("refuse(Immutable)"));
    assert!(run(&with(keys::ADOPTION_POLICY, "adopt"), &Observed::MISSING).starts_with("refuse(Absent)"));
    assert!(run(&with(keys::ADOPTION_POLICY, "adopt-or-create"), &Observed::MISSING).starts_with("CreateModel"));
    assert!(run(&with(keys::READ_ONLY, "true"), &unowned).starts_with("- ready=True"));
    assert!(run(&with(keys::READ_ONLY, "true"), &Observed::MISSING).starts_with("refuse(Absent)"));
    let mut retain = with(keys::DELETION_POLICY, "retain");
    retain.intent = Intent::Absent;
    assert!(run(&retain, &owned).starts_with('-'));
    // The ARN that is to be adopted is another account's.
    let wanted = "arn:aws:sagemaker:us-east-1:999999999999:model/thing";
    let mut declared = object(kind, &spec);
    declared.metadata.annotations.insert(keys::ADOPTION_POLICY.into(), "adopt".into());
    declared.metadata.annotations.insert(keys::ADOPTION_FIELDS.into(), json!({"arn": wanted}).to_string());
    let decision = decide(kind, &Desired::new(kind, &declared).unwrap(), &unowned, NOW);
    assert_eq!(
        decision.refusal().unwrap().reason,
        format!(
            "there is no model {wanted} here; the one of that name is arn:aws:sagemaker:us-east-1:123456789012:thing/thing"
        )
    );
    let renamed = Observed::Missing { elsewhere: Some("old".into()) };
    let mut read = with(keys::READ_ONLY, "true");
    read.intent = Intent::Absent;
    for observed in [&renamed, &Observed::MISSING, &owned] {
        assert!(run(&read, observed).starts_with('-'), "what is only read is not deleted: {}", run(&read, observed));
    }
    let mut absent = desired(kind, &spec);
    absent.intent = Intent::Absent;
    assert!(run(&absent, &renamed).starts_with("refuse(NameChanged)"));
    assert!(run(&absent, &unowned).starts_with("refuse(NotOwned)"));
    // Whose it is decides what helps: another object of this installation, the same one of another, or nobody known.
    for (owner, to_go, to_be) in [
        ("default/default/other", "delete that object instead", "give this object another resource name"),
        ("prod/default/thing", "delete it from that installation", "use another resource name; to take it over"),
        ("no owner's mark", "correct the mark", "correct the mark"),
    ] {
        for (desired, advice) in [(&absent, to_go), (&desired(kind, &spec), to_be)] {
            let decision = decide(kind, desired, &there(found(kind, &spec, "", owner, json!({}))), NOW);
            let refusal = decision.refusal().unwrap();
            assert_eq!(refusal.kind, RefusalKind::OwnedByOther, "{owner}");
            assert!(refusal.advice.starts_with(advice), "{owner}: {}", refusal.advice);
        }
    }
    absent.unowned = true;
    assert!(run(&absent, &unowned).starts_with("DeleteModel"));
}

#[test]
fn a_part_at_work_can_keep_a_resource_from_being_changed_or_deleted() {
    let kind = find("MonitoringSchedule").unwrap();
    let spec = members(kind);
    let mut changed = spec.clone();
    changed.insert("MonitoringScheduleConfig".into(), json!({"MonitoringJobDefinitionName": "new"}));
    let mut absent = desired(kind, &spec);
    absent.intent = Intent::Absent;
    let run = |desired: &Desired, word: &str| {
        let more = json!({"MonitoringScheduleConfig": {"MonitoringJobDefinitionName": "old"},
            "LastMonitoringExecutionSummary": {"MonitoringExecutionStatus": word}});
        brief(&decide(kind, desired, &there(found(kind, &spec, "Scheduled", "default/default/thing", more)), NOW))
    };
    assert!(run(&desired(kind, &changed), "InProgress").starts_with("wait"));
    assert!(run(&absent, "InProgress").starts_with("wait"));
    assert!(run(&desired(kind, &changed), "Completed").starts_with("UpdateMonitoringSchedule"));
    assert!(run(&absent, "Completed").starts_with("DeleteMonitoringSchedule"));
}

#[test]
fn a_resource_that_must_be_stopped_first_is_stopped_then_deleted() {
    let kind = find("NotebookInstance").unwrap();
    let spec = members(kind);
    let mut absent = desired(kind, &spec);
    absent.intent = Intent::Absent;
    let run = |word: &str| {
        brief(&decide(kind, &absent, &there(found(kind, &spec, word, "default/default/thing", json!({}))), NOW))
    };
    assert!(run("InService").starts_with("StopNotebookInstance"));
    assert!(run("Stopping").starts_with("wait"));
    assert!(run("Stopped").starts_with("DeleteNotebookInstance"));
    assert!(run("Deleting").starts_with("wait"));
}
