//! Single resources: get, wait, adopt, export, describe; and properties that hold for any input.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::slice::from_ref;
use std::time::Duration;

use crate::support::{Fake, Lines, ROLE, fail, object, training_job, tutorial};
use jiff::Timestamp;
use proptest::prelude::*;
use sagewright_engine::{
    Action, ApplyOptions, DeleteOptions, Desired, EngineError, Found, Intent, NoObserver, Object, ObjectId, Observed,
    Until, check, decide, keys, own_name,
};
use sagewright_kinds::{all, find};
use serde_json::{Map, Value, json};

async fn applied(objects: &[Object]) -> (std::sync::Arc<Fake>, sagewright_engine::Engine) {
    let (fake, _, engine) = Fake::new();
    let report = engine.apply(objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{:?}", report.objects.iter().map(|o| &o.message).collect::<Vec<_>>());
    fake.take_log(false);
    (fake, engine)
}

#[tokio::test]
async fn resources_are_found_by_name_arn_and_version() {
    let (_, engine) = applied(&tutorial()).await;
    let job = find("trainingjob").unwrap();
    let one = engine.get(job, Some("mnist")).await.unwrap();
    assert_eq!(one[0].status["trainingJobStatus"], "Completed");
    assert_eq!(one[0].spec["tags"], json!([{"key": "team", "value": "vision"}]), "our own tags are hidden");
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/mnist";
    assert_eq!(engine.get(job, Some(arn)).await.unwrap(), one);
    let package = find("modelpackage").unwrap();
    let version = engine.get(package, Some("mnist/1")).await.unwrap();
    assert_eq!(version[0].metadata.name, "mnist-v1");
    assert_eq!(version[0].spec["customerMetadataProperties"], json!({"accuracy": "0.92"}), "the mark is hidden");
    assert_eq!(engine.get(package, Some("mnist")).await.unwrap(), version, "a group gives its versions");
    let error = engine.get(find("ScalingPolicy").unwrap(), Some("load")).await.unwrap_err();
    assert!(error.to_string().contains("there are no scaling policies in this account"), "{error}");
    let error = engine.get(job, Some("mnits")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no training job `mnits`; did you mean `mnist`?");
    let error = engine.get(job, Some("something-else")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no training job `something-else`");
}

#[tokio::test]
async fn all_of_a_kind_are_listed_over_all_pages() {
    let jobs: Vec<Object> = ["a", "b", "c", "d", "e"].into_iter().map(training_job).collect();
    let (fake, engine) = applied(&jobs).await;
    let all = engine.get(find("TrainingJob").unwrap(), None).await.unwrap();
    let mut names: Vec<&str> = all.iter().map(|o| o.metadata.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(all[0].status["trainingJobStatus"], "Completed");
    let calls = fake.take_log(false);
    assert!(calls.iter().all(|c| c.starts_with("ListTrainingJobs") && c.contains("\"MaxResults\":100")), "{calls:?}");
    assert!(engine.get(find("ModelPackage").unwrap(), None).await.unwrap().is_empty());
}

#[tokio::test]
async fn waits_end_when_it_is_reached_over_or_hopeless() {
    let (fake, _, engine) = Fake::new();
    let now = ApplyOptions { wait: false, ..ApplyOptions::default() };
    engine.apply(&[training_job("a")], &now, &NoObserver).await.unwrap();
    let kind = find("TrainingJob").unwrap();
    let short = Some(Duration::from_secs(10));
    let error = engine.wait(kind, "a", &Until::Settled, short, &NoObserver).await.unwrap_err();
    assert_eq!(error.to_string(), "the training job `a` was not ready within 10 s; it is InProgress");
    // Who waits hears of each status once, and once that it is waited for.
    let lines = Lines::default();
    let word = Until::Status("Completed".into());
    let done = engine.wait(kind, "a", &word, None, &lines).await.unwrap();
    assert_eq!(done.status["trainingJobStatus"], "Completed");
    let heard: Vec<String> = std::mem::take(&mut *lines.0.lock().unwrap());
    assert_eq!(
        heard,
        [
            "TrainingJob a: status →InProgress Starting",
            "TrainingJob a: waiting:",
            "TrainingJob a: status InProgress→InProgress Training",
            "TrainingJob a: status InProgress→Completed Completed",
        ]
    );
    assert!(engine.wait(kind, "a", &Until::Settled, None, &NoObserver).await.is_ok());
    fake.fate("TrainingJob", 5, "Failed", Some("out of memory"));
    engine.apply(&[training_job("b")], &now, &NoObserver).await.unwrap();
    let error = engine.wait(kind, "b", &Until::Settled, None, &NoObserver).await.unwrap_err();
    assert_eq!(error.to_string(), "the training job `b` will not become ready: it is Failed: out of memory");
    assert!(engine.wait(kind, "b", &Until::Final, None, &NoObserver).await.is_ok());
    assert!(engine.wait(kind, "nothing", &Until::Deleted, None, &NoObserver).await.is_ok());
    assert!(matches!(
        engine.wait(kind, "x", &Until::Settled, None, &NoObserver).await,
        Err(EngineError::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_wait_for_a_delete_ends_when_the_resource_is_gone_and_another_wait_says_so() {
    let objects = tutorial();
    let (fake, engine) = applied(&objects).await;
    let kind = find("Endpoint").unwrap();
    let delete = DeleteOptions { wait: false, ..DeleteOptions::default() };
    for (until, told) in [
        (Until::Deleted, ""),
        (Until::Status("InService".into()), "the endpoint `mnist` will not become InService: it is gone"),
    ] {
        engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
        engine.delete(&objects[..1], &delete, &NoObserver).await.unwrap();
        assert_eq!(fake.count("Endpoint"), 1, "the delete does not wait");
        let waited = engine.wait(kind, "mnist", &until, None, &NoObserver).await;
        assert_eq!(waited.err().map(|e| e.to_string()).unwrap_or_default(), told);
    }
    // What is not deleted is waited for until the time is over.
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let limit = Some(Duration::from_secs(60));
    let error = engine.wait(kind, "mnist", &Until::Deleted, limit, &NoObserver).await.unwrap_err();
    assert_eq!(error.to_string(), "the endpoint `mnist` was not deleted within 60 s; it is InService");
}

#[test]
fn a_name_in_aws_suggests_a_name_that_kubernetes_takes() {
    for (name, is) in [
        ("mnist", "mnist"),
        ("My_Model", "my-model"),
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/mnist/3", "mnist-3"),
        ("arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/abc", "p-abc"),
        ("-a.-b-.c_", "a.b.c"),
    ] {
        assert_eq!(own_name(name), is, "{name}");
    }
}

#[tokio::test]
async fn a_resource_made_elsewhere_is_adopted_under_a_name_and_then_applies() {
    let objects = tutorial();
    let (fake, engine) = applied(&objects).await;
    for end in ["training-job/mnist", "model-package/mnist/1"] {
        fake.edit(end, |r| {
            r.tags.clear();
            r.doc["CustomerMetadataProperties"] = json!({"accuracy": "0.92"});
        });
    }
    fake.edit("training-job/mnist", |r| {
        drop(r.doc.as_object_mut().unwrap().shift_remove("CustomerMetadataProperties"))
    });
    let plan = engine.plan(&objects).await.unwrap();
    assert!(plan.has_problems());
    let id = |kind: &str, name: &str| ObjectId::new(kind, None, name);
    engine.adopt(find("TrainingJob").unwrap(), "mnist", &id("TrainingJob", "mnist"), None).await.unwrap();
    engine.adopt(find("ModelPackage").unwrap(), "mnist/1", &id("ModelPackage", "mnist-v1"), None).await.unwrap();
    let theirs = ObjectId::new("EndpointConfig", Some("team"), "mine");
    fake.edit("endpoint-config/mnist-1", |r| r.tags.clear());
    let adopted = engine.adopt(find("EndpointConfig").unwrap(), "mnist-1", &theirs, None).await.unwrap();
    assert_eq!((adopted.metadata.name.as_str(), adopted.metadata.namespace.as_deref()), ("mine", Some("team")));
    fake.edit("endpoint-config/mnist-1", |r| drop(r.tags.insert(keys::OWNER.into(), "default/default/mnist-1".into())));
    let error =
        engine.adopt(find("TrainingJob").unwrap(), "mnist", &id("TrainingJob", "mine"), None).await.unwrap_err();
    assert!(error.to_string().contains("belongs to the object default/mnist"), "{error}");
    fake.edit("training-job/mnist", |r| drop(r.tags.insert("team".into(), "vision".into())));
    let plan = engine.plan(&objects).await.unwrap();
    assert!(!plan.has_changes() && !plan.has_problems(), "{plan:#?}");
}

#[tokio::test]
async fn an_adoption_is_tried_again_as_the_retry_policy_says() {
    let (fake, engine) = applied(&[training_job("mnist")]).await;
    fake.edit("training-job/mnist", |r| r.tags.clear());
    let (kind, id) = (find("TrainingJob").unwrap(), ObjectId::new("TrainingJob", None, "mnist"));
    let deny =
        |times: usize| (0..times).for_each(|_| fake.fault("AddTags", fail("AccessDeniedException", "no policy yet")));
    // A command waits 30 s for a policy: it tries again after 5 s, after 10 s more, and no more.
    deny(3);
    let error = engine.adopt(kind, "mnist", &id, None).await.unwrap_err();
    assert!(error.to_string().contains("no policy yet"), "{error}");
    deny(2);
    engine.adopt(kind, "mnist", &id, None).await.unwrap();
}

#[tokio::test]
async fn every_export_plans_to_no_change() {
    let objects = tutorial();
    let (fake, engine) = applied(&objects).await;
    let names = [
        ("TrainingJob", "mnist"),
        ("ModelPackageGroup", "mnist"),
        ("ModelPackage", "mnist/1"),
        ("Model", "mnist-1"),
        ("EndpointConfig", "mnist-1"),
        ("Endpoint", "mnist"),
    ];
    for (kind, name) in names {
        let manifest = engine.export(find(kind).unwrap(), name).await.unwrap();
        let manifest = Object::from_value(manifest.to_value()).unwrap();
        let plan = engine.plan(from_ref(&manifest)).await.unwrap();
        let planned = &plan.objects[0];
        assert_eq!((planned.action(), planned.decision.changes.len()), (Action::None, 0), "{kind}: {planned:#?}");
        assert!(planned.failure.is_none());
        let fields = manifest.annotation(keys::ADOPTION_FIELDS).is_some();
        assert_eq!(fields, kind == "ModelPackage", "{kind}: only what AWS names is known by more than its spec");
    }
    // One that nobody owns says that it is to be adopted, and changes nothing else.
    fake.edit("endpoint/mnist", |r| r.tags.clear());
    let manifest = engine.export(find("Endpoint").unwrap(), "mnist").await.unwrap();
    let plan = engine.plan(&[manifest]).await.unwrap();
    assert_eq!((plan.objects[0].action(), plan.objects[0].decision.changes.len()), (Action::Adopt, 0));
    let fields = plan.objects[0].object.annotation(keys::ADOPTION_FIELDS);
    assert_eq!(fields, Some(r#"{"endpointName":"mnist"}"#));
}

#[tokio::test]
async fn an_export_keeps_what_was_declared() {
    let mut job = training_job("mnist");
    job.spec["outputDataConfig"]["kmsKeyID"] = json!("key");
    job.spec["enableManagedSpotTraining"] = json!(false);
    let (fake, engine) = applied(from_ref(&job)).await;
    fake.edit("training-job/mnist", |r| r.doc["InputDataConfig"][0]["RecordWrapperType"] = json!("None"));
    // As AWS shows the metrics of its own algorithms, and the objective of a tuning job.
    fake.edit("training-job/mnist", |r| {
        r.doc["AlgorithmSpecification"]["MetricDefinitions"] =
            json!([{"Name": "train:mae", "Regex": r".*\[[0-9]+\].*#011train-mae:(\S+).*"}]);
        r.doc["HyperParameters"]["_tuning_objective_metric"] = json!("train:mae");
    });
    let manifest = engine.export(find("TrainingJob").unwrap(), "mnist").await.unwrap();
    assert_eq!(manifest.spec["algorithmSpecification"].get("metricDefinitions"), None);
    assert_eq!(manifest.spec["hyperParameters"].get("_tuning_objective_metric"), None);
    assert_eq!(manifest.spec["outputDataConfig"]["kmsKeyID"], "key");
    assert_eq!(manifest.spec["resourceConfig"]["volumeSizeInGB"], 5);
    assert_eq!(manifest.spec.get("enableManagedSpotTraining"), None, "what the service says anyway is left out");
    assert_eq!(manifest.spec["inputDataConfig"][0].get("recordWrapperType"), None);
    let package =
        object("ModelPackage", "v", json!({"modelPackageGroupName": "g", "modelPackageDescription": "a version"}));
    let group = object("ModelPackageGroup", "g", json!({"modelPackageGroupName": "g"}));
    engine.apply(&[group, package], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let version = engine.export(find("ModelPackage").unwrap(), "g/1").await.unwrap();
    assert_eq!(version.spec["modelPackageGroupName"], "g");
    assert_eq!(version.spec.get("modelPackageName"), None, "AWS takes one of the two");
    // Of a model archive AWS shows the location twice, and takes it once.
    let model = object(
        "Model",
        "m",
        json!({"modelName": "m", "executionRoleARN": ROLE, "primaryContainer":
        {"image": "i", "modelDataURL": "s3://b/m.tar.gz"}}),
    );
    let written = object(
        "Model",
        "w",
        json!({"modelName": "w", "executionRoleARN": ROLE, "containers": [{"image": "i",
        "modelDataSource": {"s3DataSource": {"s3URI": "s3://b/m/", "s3DataType": "S3Prefix", "compressionType": "None"}}}]}),
    );
    engine.apply(&[model, written], &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.edit("model/m", |r| {
        let archive = json!({"S3Uri": "s3://b/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"});
        r.doc["PrimaryContainer"]["ModelDataSource"] = json!({"S3DataSource": archive});
    });
    let exported = |name| engine.export(find("Model").unwrap(), name);
    let model = exported("m").await.unwrap();
    assert_eq!(model.spec["primaryContainer"], json!({"image": "i", "modelDataURL": "s3://b/m.tar.gz"}));
    let plan = engine.plan(&[model]).await.unwrap();
    assert!(!plan.has_changes() && !plan.has_problems(), "{plan:#?}");
    let written = exported("w").await.unwrap();
    assert_eq!(written.spec["containers"][0]["modelDataSource"]["s3DataSource"]["s3URI"], "s3://b/m/");
    // A key that is not set is shown as an empty one.
    fake.edit("training-job/mnist", |r| r.doc["OutputDataConfig"]["KmsKeyId"] = json!(""));
    let manifest = engine.export(find("TrainingJob").unwrap(), "mnist").await.unwrap();
    assert_eq!(manifest.spec["outputDataConfig"].get("kmsKeyID"), None);
}

#[tokio::test]
async fn a_structure_that_holds_defaults_alone_is_no_part_of_an_export() {
    let cluster = json!({"instanceCount": 1, "instanceType": "ml.m5.large", "volumeSizeInGB": 5});
    let spec = json!({
        "processingJobName": "p", "roleARN": ROLE, "appSpecification": {"imageURI": "i"},
        "processingResources": {"clusterConfig": cluster},
    });
    let (fake, engine) = applied(&[object("ProcessingJob", "p", spec.clone())]).await;
    fake.edit("processing-job/p", |r| r.doc["StoppingCondition"] = json!({"MaxRuntimeInSeconds": 86_400}));
    let job = engine.export(find("ProcessingJob").unwrap(), "p").await.unwrap();
    assert_eq!(job.spec, spec, "MaxRuntimeInSeconds is required where StoppingCondition is given");
    let plan = engine.plan(&[job]).await.unwrap();
    assert!(!plan.has_changes() && !plan.has_problems(), "{plan:#?}");
}

#[tokio::test]
async fn an_engine_works_from_a_task() {
    let (_, engine) = applied(&tutorial()).await;
    let task = tokio::spawn(async move {
        let objects = tutorial();
        engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.map(|r| r.is_ok())
    });
    assert!(task.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_description_tells_owner_tags_and_logs() {
    let (_, engine) = applied(&tutorial()).await;
    let told = engine.describe(find("TrainingJob").unwrap(), "mnist").await.unwrap();
    assert_eq!(told.owner.map(|owner| owner.to_string()).as_deref(), Some("default/default/mnist"));
    assert_eq!(told.tags, [("team".to_owned(), "vision".to_owned())]);
    assert_eq!(told.logs, Some(("/aws/sagemaker/TrainingJobs".to_owned(), "mnist/".to_owned())));
}

#[tokio::test]
async fn a_reference_may_lead_outside_the_set() {
    let (_, engine) = applied(&tutorial()).await;
    let config = |model: &str| {
        object(
            "EndpointConfig",
            "c2",
            json!({"endpointConfigName": "c2", "productionVariants": [{"variantName": "main",
            "modelRef": {"from": {"name": model}}, "instanceType": "ml.m5.large", "initialInstanceCount": 1}]}),
        )
    };
    let plan = engine.plan(&[config("missing")]).await.unwrap();
    let failure = plan.objects[0].failure.as_ref().unwrap().to_string();
    assert!(failure.contains("Model missing") && failure.contains("neither"), "{failure}");
    let report = engine.apply(&[config("mnist-1")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{}", report.objects[0].message);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        Just(json!("arn:aws:sagemaker:us-east-1:123456789012:model/m")),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A document with real field names and any values.
fn any_document(kind: usize, values: &[Value], crd: bool) -> Value {
    let kind = &all()[kind % all().len()];
    let names: Vec<String> = if crd {
        kind.spec_fields().keys().cloned().chain(kind.refs().iter().map(|r| r.field.clone())).collect()
    } else {
        kind.read_shape().members.keys().map(|m| (*m).to_owned()).collect()
    };
    Value::Object(names.into_iter().zip(values.iter().cycle().cloned()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decisions_never_panic(
        kind in 0..14usize,
        spec in prop::collection::vec(any_json(), 1..6),
        output in prop::collection::vec(any_json(), 1..6),
        absent in any::<bool>(),
    ) {
        let row = &all()[kind];
        let object = Object { spec: any_document(kind, &spec, true), ..Object::new(row, "x") };
        let _ = check(from_ref(&object));
        let output = any_document(kind, &output, false);
        for spec in [object.spec.clone(), row.spec_to_crd(&output)] {
            let Ok(mut desired) = Desired::new(row, &Object { spec, ..object.clone() }) else { continue };
            desired.intent = if absent { Intent::Absent } else { Intent::Present };
            for observed in [Observed::MISSING, Observed::Found(Box::new(Found::new(row, output.clone(), BTreeMap::new())))] {
                let first = decide(row, &desired, &observed, Timestamp::UNIX_EPOCH);
                prop_assert_eq!(&first, &decide(row, &desired, &observed, Timestamp::UNIX_EPOCH));
            }
        }
    }

    #[test]
    fn what_was_read_never_differs_from_itself(kind in 0..14usize, output in prop::collection::vec(any_json(), 1..6)) {
        let row = &all()[kind];
        let output = any_document(kind, &output, false);
        let found = Found::new(row, output, BTreeMap::new());
        let object = Object { spec: found.spec.clone(), ..Object::new(row, "x") };
        let Ok(mut desired) = Desired::new(row, &object) else { return Ok(()) };
        desired.unowned = true;
        desired.adoption = sagewright_engine::Adoption::AdoptOrCreate;
        let decision = decide(row, &desired, &Observed::Found(Box::new(found)), Timestamp::UNIX_EPOCH);
        let fields: Vec<_> = decision.changes.iter().filter(|c| c.path.starts_with("spec.")).collect();
        prop_assert!(fields.is_empty(), "{:?}", fields);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_job_exports_to_a_manifest_that_plans_to_nothing(
        hyper in prop::collection::btree_map("[a-z_]{1,10}", "[a-z0-9.]{0,10}", 0..5),
        tags in prop::collection::btree_map("[a-z]{1,10}", "[a-z0-9 ]{0,10}", 0..5),
        count in 1..20i64,
        spot in any::<Option<bool>>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut job = training_job("any");
            job.spec["hyperParameters"] = json!(hyper);
            job.spec["tags"] = tags.iter().map(|(k, v)| json!({"key": k, "value": v})).collect();
            job.spec["resourceConfig"]["instanceCount"] = json!(count);
            if let Some(spot) = spot {
                job.spec["enableManagedSpotTraining"] = json!(spot);
            }
            let (fake, engine) = applied(from_ref(&job)).await;
            let manifest = engine.export(find("TrainingJob").unwrap(), "any").await.unwrap();
            for object in [job, manifest] {
                let plan = engine.plan(from_ref(&object)).await.unwrap();
                assert_eq!(plan, engine.plan(from_ref(&object)).await.unwrap(), "the same plan twice");
                assert!(!plan.has_changes() && !plan.has_problems(), "{plan:#?}");
            }
            assert!(fake.take_log(true).is_empty());
        });
    }
}
