//! Whole runs over a cloud: what is called, in which order, and what is told.

use std::slice::from_ref;

use crate::support::{Fake, Lines, ROLE, config_like, fail, object, training_job, tutorial};
use sagewright_engine::{
    Action, ApplyOptions, Blocker, DeleteOptions, Event, EventKind, NoObserver, Observer, Outcome, Step, keys,
    plan_offline,
};
use serde_json::json;

fn writes(fake: &Fake) -> Vec<String> {
    fake.take_log(true)
}

#[tokio::test]
async fn the_tutorial_is_created_in_order_settles_and_then_plans_to_nothing() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    let lines = Lines::default();
    let plan = engine.plan(&objects).await.unwrap();
    assert!(plan.has_changes() && !plan.has_problems());
    assert!(writes(&fake).is_empty(), "a plan writes nothing");
    let report = engine.apply(&objects, &ApplyOptions::default(), &lines).await.unwrap();
    for entry in &report.objects {
        assert_eq!(entry.outcome, Outcome::Created, "{}: {}", entry.object.id(), entry.message);
    }
    insta::assert_yaml_snapshot!("tutorial_calls", writes(&fake));
    insta::assert_yaml_snapshot!("tutorial_events", *lines.0.lock().unwrap());
    let endpoint = &report.objects.last().unwrap().object;
    assert_eq!(endpoint.status["endpointStatus"], "InService");
    assert_eq!(endpoint.status["conditions"][0]["type"], "Ready");
    assert_eq!(endpoint.status["conditions"][0]["status"], "True");

    let plan = engine.plan(&objects).await.unwrap();
    for entry in &plan.objects {
        assert_eq!(entry.action(), Action::None, "{} {:?}", entry.object.id(), entry.decision.changes);
        assert!(entry.failure.is_none());
    }
    fake.take_log(false);
    let again = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(again.objects.iter().all(|o| o.outcome == Outcome::Unchanged));
    assert!(writes(&fake).is_empty());
}

#[tokio::test]
async fn deleting_goes_the_other_way_and_leaves_finished_jobs_alone() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    writes(&fake);
    let report = engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok());
    let outcome = |kind: &str| report.objects.iter().find(|o| o.object.kind == kind).unwrap().outcome;
    assert_eq!(outcome("Endpoint"), Outcome::Deleted);
    assert_eq!(outcome("TrainingJob"), Outcome::Retained);
    insta::assert_yaml_snapshot!("tutorial_deletes", writes(&fake));
    assert_eq!(fake.count("Endpoint") + fake.count("Model") + fake.count("ModelPackage"), 0);
    let report = engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok() && writes(&fake).is_empty());
}

/// The resource's tags are gone once its deletion has begun.
struct TagsGoFirst(std::sync::Arc<Fake>);

impl Observer for TagsGoFirst {
    fn event(&self, event: &Event) {
        if matches!(event.what, EventKind::Done { step: Step::Delete { .. } }) && event.object.kind == "Endpoint" {
            self.0.edit("endpoint/mnist", |resource| resource.tags.clear());
        }
    }
}

#[tokio::test]
async fn a_resource_whose_tags_go_before_it_is_waited_for() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let observer = TagsGoFirst(std::sync::Arc::clone(&fake));
    let report = engine.delete(&objects, &DeleteOptions::default(), &observer).await.unwrap();
    let endpoint = report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap();
    assert_eq!((endpoint.outcome, endpoint.message.as_str()), (Outcome::Deleted, ""));
    assert!(report.is_ok());
}

#[tokio::test]
async fn a_failed_job_blocks_what_needs_it_and_is_told_with_its_reason() {
    let (fake, _, engine) = Fake::new();
    fake.fate("TrainingJob", 20, "Failed", Some("AlgorithmError: no such column"));
    let report = engine.apply(&tutorial(), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(!report.is_ok());
    let of = |kind: &str| report.objects.iter().find(|o| o.object.kind == kind).unwrap();
    assert_eq!(of("TrainingJob").outcome, Outcome::Failed);
    assert!(of("TrainingJob").message.contains("AlgorithmError: no such column"));
    assert!(of("TrainingJob").message.contains("under a new name"), "{}", of("TrainingJob").message);
    assert_eq!(of("ModelPackageGroup").outcome, Outcome::Created);
    for kind in ["ModelPackage", "Model", "EndpointConfig", "Endpoint"] {
        assert_eq!(of(kind).outcome, Outcome::Blocked, "{kind}");
    }
    assert_eq!(fake.count("Model"), 0);
}

#[tokio::test]
async fn a_chain_longer_than_the_stack_is_deep_is_blocked_to_its_end() {
    let (fake, _, engine) = Fake::new();
    // Each tuning job starts from what the one before found.
    let job = |i: usize| {
        let definition = json!({
            "algorithmSpecification": {"trainingImage": "i", "trainingInputMode": "File"},
            "roleARN": ROLE, "outputDataConfig": {"s3OutputPath": "s3://b/o"},
            "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 1},
            "stoppingCondition": {"maxRuntimeInSeconds": 60},
        });
        let parents = json!([{"hyperParameterTuningJobName": format!("t{}", i.saturating_sub(1))}]);
        let mut spec = json!({
            "hyperParameterTuningJobName": format!("t{i}"),
            "hyperParameterTuningJobConfig": {"strategy": "Random", "resourceLimits": {"maxParallelTrainingJobs": 1}},
            "trainingJobDefinition": definition,
        });
        if i > 0 {
            spec["warmStartConfig"] =
                json!({"parentHyperParameterTuningJobs": parents, "warmStartType": "IdenticalDataAndAlgorithm"});
        }
        object("HyperParameterTuningJob", &format!("t{i}"), spec)
    };
    let jobs: Vec<_> = (0..1_500).map(job).collect();
    fake.fault("CreateHyperParameterTuningJob", fail("ValidationException", "no"));
    let report = engine.apply(&jobs, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let outcomes: Vec<_> = report.objects.iter().map(|o| o.outcome).collect();
    assert_eq!((outcomes.len(), outcomes[0]), (1_500, Outcome::Failed));
    assert!(outcomes[1..].iter().all(|o| *o == Outcome::Blocked));
    assert!(report.objects[1_499].message.contains("t1498 did not succeed"), "{}", report.objects[1_499].message);
}

#[tokio::test]
async fn an_update_that_aws_rolled_back_is_failed_and_not_sent_again_until_the_declaration_changes() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    objects.push(config_like(&objects[1], "mnist-2"));
    objects[0].spec = json!({"endpointName": "mnist", "endpointConfigName": "mnist-2"});
    fake.fate("update", 0, "", Some("One or more alarms went off: latency"));
    writes(&fake);
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let endpoint = report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap();
    assert_eq!(endpoint.outcome, Outcome::Failed);
    assert!(endpoint.message.contains("alarms went off: latency"), "{}", endpoint.message);
    assert_eq!(endpoint.object.status["endpointStatus"], "InService");
    let calls = writes(&fake);
    assert_eq!(calls.iter().filter(|c| c.starts_with("UpdateEndpoint ")).count(), 1, "{calls:#?}");
    // Neither a second apply nor a plan sends it again.
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(!report.is_ok() && writes(&fake).is_empty());
    // Another configuration is another update.
    fake.fate("update", 0, "", None);
    objects[0].spec["endpointConfigName"] = json!("mnist-3");
    objects.last_mut().unwrap().spec["endpointConfigName"] = json!("mnist-3");
    objects.last_mut().unwrap().metadata.name = "mnist-3".into();
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{:?}", report.objects.iter().map(|o| &o.message).collect::<Vec<_>>());
    let tags = fake.resource("endpoint/mnist").unwrap().tags;
    assert_eq!(tags.keys().collect::<Vec<_>>(), [keys::LAST_UPDATE, keys::OWNER, keys::SERVED]);
    assert_eq!(tags[keys::SERVED], "mnist-1", "the config that was rolled back was never served");
}

#[tokio::test]
async fn an_update_that_was_rolled_back_is_sent_again_after_what_runs_was_applied() {
    let (fake, _, engine) = Fake::new();
    let config = |name: &str| {
        let variant = json!({
            "variantName": "main", "modelName": "m", "instanceType": "ml.m5.large", "initialInstanceCount": 1,
        });
        object("EndpointConfig", name, json!({"endpointConfigName": name, "productionVariants": [variant]}))
    };
    let endpoint = |config: &str| object("Endpoint", "e", json!({"endpointName": "e", "endpointConfigName": config}));
    let apply = async |config: &str| {
        engine.apply(&[endpoint(config)], &ApplyOptions::default(), &NoObserver).await.unwrap().objects.remove(0)
    };
    engine.apply(&[config("one"), config("two")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    apply("one").await;
    fake.fate("update", 0, "", Some("no capacity"));
    assert_eq!(apply("two").await.outcome, Outcome::Failed);
    fake.fate("update", 0, "", None);
    let refused = apply("two").await;
    assert_eq!(refused.outcome, Outcome::Failed);
    assert!(refused.message.contains("apply what runs and then this again"), "{}", refused.message);
    let decision = engine.plan(&[endpoint("one")]).await.unwrap().objects.remove(0).decision;
    assert_eq!(decision.notes, ["AWS rolled the last update back; declared again, it is sent again"]);
    assert_eq!(
        decision.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(),
        ["tags.sagewright.dev/last-update"]
    );
    assert_eq!(apply("one").await.outcome, Outcome::Updated);
    assert_eq!(apply("one").await.outcome, Outcome::Unchanged);
    assert_eq!(apply("two").await.outcome, Outcome::Updated);
    assert_eq!(apply("two").await.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn who_does_not_wait_waits_until_aws_takes_the_calls() {
    let (fake, clock, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    for name in ["mnist-2", "mnist-3"] {
        objects.push(config_like(&objects[1], name));
    }
    let start = clock.millis();
    let now = ApplyOptions { wait: false, ..ApplyOptions::default() };
    for config in ["mnist-2", "mnist-3"] {
        objects[0].spec = json!({"endpointName": "mnist", "endpointConfigName": config});
        writes(&fake);
        let report = engine.apply(&objects, &now, &NoObserver).await.unwrap();
        assert_eq!(report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap().outcome, Outcome::Updated);
        // The second is sent while the first is still under way, so it has to wait for it.
        assert!(writes(&fake).iter().any(|call| call.starts_with("UpdateEndpoint ")), "{config}");
        let waited = clock.millis() - start;
        assert_eq!(waited > 5_000, config == "mnist-3", "{config}: {waited} ms");
    }
    let one = &objects[..1];
    let delete = DeleteOptions { wait: false, ..DeleteOptions::default() };
    assert_eq!(engine.delete(one, &delete, &NoObserver).await.unwrap().objects[0].outcome, Outcome::Deleted);
    assert!(writes(&fake).iter().any(|call| call.starts_with("DeleteEndpoint ")));
}

#[tokio::test]
async fn a_plan_tells_what_has_failed_and_what_that_blocks() {
    let (fake, _, engine) = Fake::new();
    fake.fate("TrainingJob", 20, "Failed", Some("AlgorithmError: no such column"));
    let objects = tutorial();
    let blocked = async || {
        let plan = engine.plan(&objects).await.unwrap();
        assert!(plan.has_problems());
        plan.objects.into_iter().map(|p| (p.object.kind, p.blocker)).collect::<std::collections::HashMap<_, _>>()
    };
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let plan = blocked().await;
    let Some(Blocker::Failed { why }) = &plan["TrainingJob"] else { panic!("{plan:?}") };
    assert!(why.contains("no such column") && why.contains("`sagewright logs TrainingJob/mnist`"), "{why}");
    assert_eq!(plan["ModelPackageGroup"], None);
    for kind in ["ModelPackage", "Model", "EndpointConfig", "Endpoint"] {
        assert!(matches!(plan[kind], Some(Blocker::Blocked { .. })), "{kind}");
    }
    assert!(!engine.plan(&objects).await.unwrap().has_changes());
}

#[tokio::test]
async fn a_job_that_was_stopped_has_failed_each_time_it_is_applied() {
    let (fake, _, engine) = Fake::new();
    fake.fate("TrainingJob", 20, "Stopped", None);
    for _ in 0..2 {
        let report = engine.apply(&[training_job("a")], &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Failed);
        let message = &report.objects[0].message;
        assert!(message.contains("is in Stopped status") && message.contains("start a new one"), "{message}");
        assert!(!message.contains("sagewright logs"), "its logs tell nothing of why: {message}");
    }
    // What it made by then may be enough.
    let mut as_it_is = training_job("a");
    as_it_is.metadata.annotations.insert(keys::READ_ONLY.into(), "true".into());
    let report = engine.apply(&[as_it_is], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Unchanged, "{}", report.objects[0].message);
}

#[tokio::test]
async fn a_service_fault_during_an_update_is_tried_again() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    objects.push(config_like(&objects[1], "mnist-2"));
    objects[0].spec = json!({"endpointName": "mnist", "endpointConfigName": "mnist-2"});
    fake.fate("update", 0, "", Some("Request to service failed. Try again."));
    writes(&fake);
    let updates = |calls: Vec<String>| calls.iter().filter(|c| c.starts_with("UpdateEndpoint ")).count();
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let endpoint = report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap();
    assert_eq!((endpoint.outcome, updates(writes(&fake))), (Outcome::Failed, 1));
    assert!(endpoint.message.contains("Request to service failed") && endpoint.message.contains("apply again"));
    fake.fate("update", 0, "", None);
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let endpoint = report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap();
    assert_eq!((endpoint.outcome, updates(writes(&fake))), (Outcome::Updated, 1), "{}", endpoint.message);
    assert_eq!(endpoint.object.spec["endpointConfigName"], "mnist-2");
}

#[tokio::test]
async fn a_changed_name_is_refused_and_makes_no_second_resource() {
    let (fake, _, engine) = Fake::new();
    let mut job = training_job("mnist");
    engine.apply(from_ref(&job), &ApplyOptions::default(), &NoObserver).await.unwrap();
    job.spec["trainingJobName"] = json!("mnist-b");
    let report = engine.apply(from_ref(&job), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused);
    let message = &report.objects[0].message;
    assert!(
        message.contains("`mnist`") && message.contains("`mnist-b`") && message.contains("metadata.name"),
        "{message}"
    );
    assert_eq!(fake.count("TrainingJob"), 1);
    // Under another object it is another job.
    job.metadata.name = "mnist-b".into();
    let report = engine.apply(&[job], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Created);
}

#[tokio::test]
async fn what_exists_is_left_alone_unless_it_is_adopted() {
    let (fake, _, engine) = Fake::new();
    let model = object(
        "Model",
        "m",
        json!({"modelName": "m", "executionRoleARN": crate::support::ROLE,
        "primaryContainer": {"image": "i", "modelDataURL": "s3://b/m"}}),
    );
    engine.apply(from_ref(&model), &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.edit("model/m", |r| r.tags.clear());
    let report = engine.apply(from_ref(&model), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused);
    assert!(report.objects[0].message.contains("adopt"), "{}", report.objects[0].message);
    let report = engine.delete(from_ref(&model), &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused);
    writes(&fake);
    let options = ApplyOptions { adopt: true, ..ApplyOptions::default() };
    let report = engine.apply(from_ref(&model), &options, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Adopted);
    insta::assert_yaml_snapshot!("adopt_calls", writes(&fake));
    // Another object cannot take it.
    let mut other = model.clone();
    other.metadata.name = "other".into();
    let report = engine.apply(&[other], &options, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused);
    assert!(report.objects[0].message.contains("default/m"), "{}", report.objects[0].message);
}

#[tokio::test]
async fn tags_are_brought_in_line_and_those_of_others_stay() {
    let (fake, _, engine) = Fake::new();
    let mut job = training_job("mnist");
    engine.apply(from_ref(&job), &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.edit("training-job/mnist", |r| {
        r.tags.insert("aws:cloudformation:stack".into(), "s".into());
        r.tags.insert("old".into(), "x".into());
    });
    job.spec["tags"] = json!([{"key": "team", "value": "audio"}, {"key": "cost", "value": "7"}]);
    writes(&fake);
    let report = engine.apply(from_ref(&job), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Updated);
    insta::assert_yaml_snapshot!("tag_calls", writes(&fake));
    // Without declared tags nobody's are touched.
    job.spec.as_object_mut().unwrap().shift_remove("tags");
    engine.apply(&[job], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(writes(&fake).is_empty());
}

#[tokio::test]
async fn a_role_that_is_not_ready_is_waited_for_and_a_bad_request_is_not() {
    let (fake, clock, engine) = Fake::new();
    let job = training_job("mnist");
    fake.fault(
        "CreateTrainingJob",
        fail("ValidationException", "Could not assume role arn:… Please ensure that the role exists"),
    );
    let lines = Lines::default();
    let report = engine.apply(from_ref(&job), &ApplyOptions::default(), &lines).await.unwrap();
    assert!(report.is_ok());
    assert!(lines.0.lock().unwrap().iter().any(|l| l.contains("retrying create")));
    fake.fault("CreateTrainingJob", fail("ValidationException", "S3 bucket b not found"));
    let mut other = training_job("second");
    other.metadata.name = "second".into();
    let start = clock.millis();
    let report = engine.apply(&[other], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Failed);
    let message = &report.objects[0].message;
    assert!(message.starts_with("cannot create the training job `second`: "), "{message}");
    assert!(message.contains("S3 bucket b not found"), "{message}");
    assert_eq!(clock.millis(), start, "nothing was slept for");
}

/// What SageMaker says of a role that it cannot assume.
fn not_assumed(role: &str) -> sagewright_engine::CloudError {
    let message = format!(
        "Could not assume role arn:aws:iam::123456789012:role/{role}. Please ensure that the role exists and allows principal \
         'sagemaker.amazonaws.com' to assume the role."
    );
    fail("ValidationException", &message)
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_told_at_once_and_one_that_does_is_waited_for_half_a_minute() {
    let (fake, clock, engine) = Fake::new();
    fake.fault("CreateTrainingJob", not_assumed("nobody"));
    let report = engine.apply(&[training_job("mnist")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let message = &report.objects[0].message;
    assert!(message.contains("there is no role arn:aws:iam::123456789012:role/nobody"), "{message}");
    assert!(message.contains("create the role"), "{message}");
    assert_eq!((report.objects[0].outcome, clock.millis()), (Outcome::Failed, 0));
    // One that IAM knows may not be ready yet; after half a minute it never will be.
    for _ in 0..100 {
        fake.fault("CreateTrainingJob", not_assumed("sagemaker"));
    }
    // Whether it exists is not known where IAM may not be asked.
    fake.fault("GetRole", fail("AccessDenied", "not authorized to perform iam:GetRole"));
    let report = engine.apply(&[training_job("mnist")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Failed);
    assert!((10_000..=31_000).contains(&clock.millis()), "{}", clock.millis());
}

#[tokio::test]
async fn what_never_helps_to_repeat_is_not_repeated_whatever_else_it_looks_like() {
    // What the service calls terminal, which also says that it may be tried again, or that it is throttled.
    for (code, message) in [
        ("InvalidParameterValue", "Rate exceeded"),
        ("MissingParameter", "Could not assume role arn:… Please ensure that the role exists"),
    ] {
        let (fake, clock, engine) = Fake::new();
        let error = sagewright_engine::CloudError { status: Some(503), ..fail(code, message) };
        fake.fault("CreateTrainingJob", error);
        let report = engine.apply(&[training_job("mnist")], &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Failed, "{code}");
        let kinds: Vec<&str> = report.objects[0].object.status["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["status"] == "True")
            .map(|c| c["type"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["ACK.Terminal"], "{code}");
        assert_eq!((clock.millis(), fake.count("TrainingJob")), (0, 0), "{code}: tried once");
    }
}

#[tokio::test]
async fn a_running_job_is_stopped_when_it_is_deleted() {
    let (fake, _, engine) = Fake::new();
    let job = training_job("mnist");
    let options = ApplyOptions { wait: false, ..ApplyOptions::default() };
    let report = engine.apply(from_ref(&job), &options, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Created);
    assert_eq!(report.objects[0].object.status["trainingJobStatus"], "InProgress");
    let report = engine.delete(from_ref(&job), &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Stopped);
    assert_eq!(report.objects[0].object.status["trainingJobStatus"], "Stopped");
    let calls = writes(&fake);
    assert_eq!(calls.iter().filter(|c| c.starts_with("StopTrainingJob")).count(), 1);
}

#[tokio::test]
async fn what_is_in_use_by_others_is_not_tried_for_long() {
    let (fake, clock, engine) = Fake::new();
    let group = object("ModelPackageGroup", "g", json!({"modelPackageGroupName": "g"}));
    engine.apply(from_ref(&group), &ApplyOptions::default(), &NoObserver).await.unwrap();
    let message = "Model Package Group cannot be deleted as it still contains Model Packages.";
    let engine = crate::support::hooked(&fake, &clock, move |_, operation, _| {
        (operation == "DeleteModelPackageGroup").then(|| Err(fail("ConflictException", message)))
    });
    let start = clock.millis();
    let report = engine.delete(from_ref(&group), &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Failed);
    assert!(report.objects[0].message.contains(message), "{}", report.objects[0].message);
    assert!((5_000..30_000).contains(&(clock.millis() - start)), "{} ms", clock.millis() - start);
}

#[test]
fn an_arn_that_another_object_bears_is_a_need() {
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1";
    let mut version = object("ModelPackage", "g-1", json!({"modelPackageGroupName": "g"}));
    version.metadata.annotations.insert(keys::ADOPTION_FIELDS.into(), json!({"arn": arn}).to_string());
    let model = json!({"modelName": "m", "executionRoleARN": ROLE, "containers": [{"modelPackageName": arn}]});
    let plan = plan_offline(&[object("Model", "m", model), version]).unwrap();
    let order: Vec<&str> = plan.objects.iter().map(|planned| planned.object.kind.as_str()).collect();
    assert_eq!(order, ["ModelPackage", "Model"]);
}

#[tokio::test]
async fn what_is_retained_keeps_what_it_needs() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let endpoint = objects.iter_mut().find(|o| o.kind == "Endpoint").unwrap();
    let plain = endpoint.clone();
    endpoint.metadata.annotations.insert("services.k8s.aws/deletion-policy".into(), "retain".into());
    fake.take_log(true);
    let report = engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok());
    let of = |kind: &str| report.objects.iter().find(|o| o.object.kind == kind).unwrap();
    assert_eq!(of("EndpointConfig").outcome, Outcome::Retained);
    assert_eq!(
        of("EndpointConfig").message,
        "the endpoint config `mnist-1` is retained: Endpoint mnist is, and needs it"
    );
    assert_eq!(of("Model").outcome, Outcome::Retained);
    assert!(writes(&fake).is_empty());

    // Without the endpoint nothing holds the others.
    engine.delete(&[plain], &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(fake.count("Endpoint"), 0);
    let report = engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await.unwrap();
    let of = |kind: &str| report.objects.iter().find(|o| o.object.kind == kind).unwrap();
    assert_eq!((of("EndpointConfig").outcome, of("Model").outcome), (Outcome::Deleted, Outcome::Deleted));
}

#[tokio::test]
async fn a_package_bears_its_mark_in_its_metadata_and_is_changed_in_place() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    writes(&fake);
    objects[3].spec["modelApprovalStatus"] = json!("Rejected");
    objects[3].spec["customerMetadataProperties"] = json!({"f1": "0.9"});
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{:?}", report.objects.iter().map(|o| &o.message).collect::<Vec<_>>());
    insta::assert_yaml_snapshot!("package_calls", writes(&fake));
    assert_eq!(fake.count("ModelPackage"), 1, "no second version");
}

#[tokio::test]
async fn pipelines_and_scaling_are_driven_too() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    objects.push(object(
        "Pipeline",
        "p",
        json!({"pipelineName": "p", "roleARN": crate::support::ROLE,
        "pipelineDefinition": "{\"Version\": \"2020-12-01\", \"Steps\": []}"}),
    ));
    objects.push(object(
        "PipelineExecution",
        "p-1",
        json!({"pipelineRef": {"from": {"name": "p"}},
        "pipelineExecutionDescription": "first"}),
    ));
    objects.push(object(
        "ScalableTarget",
        "mnist",
        json!({"serviceNamespace": "sagemaker",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "resourceIDRef": {"from": {"name": "mnist"}, "variant": "main"}, "minCapacity": 1, "maxCapacity": 3}),
    ));
    objects.push(object(
        "ScalingPolicy",
        "mnist",
        json!({"policyName": "load", "serviceNamespace": "sagemaker",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount", "policyType": "TargetTrackingScaling",
        "resourceID": "endpoint/mnist/variant/main",
        "targetTrackingScalingPolicyConfiguration": {"targetValue": 60, "predefinedMetricSpecification":
            {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}}),
    ));
    objects.push(object(
        "InferenceComponent",
        "ic",
        json!({"inferenceComponentName": "ic", "variantName": "main",
        "endpointRef": {"from": {"name": "mnist"}}, "runtimeConfig": {"copyCount": 1},
        "specification": {"modelRef": {"from": {"name": "mnist-1"}},
            "computeResourceRequirements": {"minMemoryRequiredInMb": 128}}}),
    ));
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    for entry in &report.objects {
        assert_eq!(entry.outcome, Outcome::Created, "{}: {}", entry.object.id(), entry.message);
    }
    let order: Vec<&str> = report.objects.iter().map(|o| o.object.kind.as_str()).collect();
    let at = |kind: &str| order.iter().position(|k| *k == kind).unwrap();
    assert!(at("ScalableTarget") < at("ScalingPolicy") && at("Endpoint") < at("ScalableTarget"), "{order:?}");
    let plan = engine.plan(&objects).await.unwrap();
    for entry in &plan.objects {
        assert_eq!(entry.action(), Action::None, "{} {:?}", entry.object.id(), entry.decision);
    }
    writes(&fake);
    objects[8].spec["maxCapacity"] = json!(5);
    objects[10].spec["runtimeConfig"] = json!({"copyCount": 2});
    objects[7].spec["pipelineExecutionDescription"] = json!("second");
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{:?}", report.objects.iter().map(|o| &o.message).collect::<Vec<_>>());
    insta::assert_yaml_snapshot!("other_updates", writes(&fake));
    let report = engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{:?}", report.objects.iter().map(|o| &o.message).collect::<Vec<_>>());
    assert_eq!(fake.count("ScalableTarget") + fake.count("ScalingPolicy") + fake.count("InferenceComponent"), 0);
}
