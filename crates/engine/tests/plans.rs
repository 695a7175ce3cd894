//! Plans, reports and events as values: written down, read again, applied exactly.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use crate::support::*;
use sagewright_engine::{
    ApplyOptions, Document, EngineError, Event, Installation, NoObserver, Observer, Outcome, Plan, Report, SavedPlan,
};
use serde_json::{Value, json};

async fn saved(engine: &sagewright_engine::Engine, objects: &[sagewright_engine::Object]) -> Value {
    let plan = engine.plan(objects).await.unwrap();
    let installation = Installation::default();
    SavedPlan {
        made: jiff::Timestamp::UNIX_EPOCH,
        account: Some(ACCOUNT.into()),
        region: REGION.into(),
        installation,
        plan,
    }
    .seal()
}

#[tokio::test]
async fn a_plan_that_was_kept_is_applied_as_it_was_shown() {
    let (fake, _, engine) = Fake::new();
    let document = saved(&engine, &tutorial()).await;
    // Through a file, as another process would read it.
    let document: Value = serde_json::from_str(&document.to_string()).unwrap();
    let opened = SavedPlan::open(document).unwrap();
    let report = engine.apply_plan(&opened.plan, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{:?}", report.objects.iter().map(|o| &o.message).collect::<Vec<_>>());
    assert_eq!((fake.count("TrainingJob"), fake.count("Endpoint")), (1, 1));
    // Applied already, it is not what would be done now.
    let again = engine.apply_plan(&opened.plan, &ApplyOptions::default(), &NoObserver).await.unwrap_err();
    assert!(matches!(&again, EngineError::PlanChanged(all) if all.len() == 6), "{again}");
    assert!(again.to_string().contains("the plan was to create; now it would be to do nothing"), "{again}");
}

#[tokio::test]
async fn a_plan_that_someone_changed_is_not_read() {
    let (_, _, engine) = Fake::new();
    let document = saved(&engine, &tutorial()).await;
    let mut other = document.clone();
    other["plan"]["objects"][0]["object"]["spec"]["roleARN"] = json!("arn:aws:iam::123456789012:role/other");
    assert!(SavedPlan::open(other).unwrap_err().contains("does not match its digest"));
    let mut other = document.clone();
    other.as_object_mut().unwrap().shift_remove("digest");
    assert!(SavedPlan::open(other).unwrap_err().contains("no digest"));
    let mut other = document.clone();
    other["format"] = json!("sagewright.dev/saved-plan/v3");
    assert!(SavedPlan::open(other).unwrap_err().contains("saved-plan/v3"));
    assert!(SavedPlan::open(json!([])).is_err() && SavedPlan::open(json!({"digest": 1})).is_err());
    assert_eq!(SavedPlan::open(document.clone()).unwrap().digest(), document["digest"]);
}

/// Version 1 was written before secrets were known by the names of their keys: a change did not say where they are.
#[tokio::test]
async fn a_plan_that_may_show_secrets_is_not_read() {
    let (_, _, engine) = Fake::new();
    let mut objects = tutorial();
    let model = objects.iter().position(|object| object.kind == "Model").unwrap();
    objects[model].spec["primaryContainer"]["environment"] = json!({"PASSWORD": "hunter2"});
    let mut document = saved(&engine, &objects).await;
    let opened = SavedPlan::open(document.clone()).unwrap();
    let changes = opened.plan.objects.iter().flat_map(|planned| &planned.decision.changes);
    let shown: Vec<String> = changes.map(|change| format!("{:?}", change.masked())).collect();
    assert!(document.to_string().contains("hunter2") && !shown.concat().contains("hunter2"), "{shown:?}");
    let pointer = document["plan"]["objects"].as_array_mut().unwrap();
    for change in pointer.iter_mut().flat_map(|planned| planned["decision"]["changes"].as_array_mut().unwrap()) {
        change.as_object_mut().unwrap().shift_remove("hidden");
    }
    document.as_object_mut().unwrap().shift_remove("digest");
    document["format"] = json!("sagewright.dev/saved-plan/v1");
    let seal = sagewright_engine::digest(&document);
    document["digest"] = json!(seal);
    let refused = SavedPlan::open(document).unwrap_err();
    assert!(refused.contains("saved-plan/v1") && !refused.contains("hunter2"), "{refused}");
    let mut plan = opened.plan.to_document();
    plan["format"] = json!("sagewright.dev/plan/v1");
    assert!(Plan::from_document(plan).unwrap_err().contains("plan/v1"));
}

#[tokio::test]
async fn calls_that_differ_from_the_plan_are_told_by_member_and_without_values() {
    let (fake, _, engine) = Fake::new();
    let objects = [tutorial().remove(4)];
    let plan = engine.plan(&objects).await.unwrap();
    let refused = async |steps: Value| {
        let mut plan = plan.to_document();
        plan["objects"][0]["decision"]["steps"] = steps;
        let plan = Plan::from_document(plan).unwrap();
        let refused = engine.apply_plan(&plan, &ApplyOptions::default(), &NoObserver).await.unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
        refused.to_string()
    };
    let step = plan.to_document()["objects"][0]["decision"]["steps"][0].clone();
    for member in ["ModelPackageGroupName", "ModelPackageGroupDescription"] {
        let mut other = step.clone();
        other["input"][member] = json!("hunter2");
        let told = refused(json!([other])).await;
        assert!(told.contains(&format!("than planned: CreateModelPackageGroup.{member}\n")), "{told}");
    }
    let told = refused(json!([step, {"step": "delete", "operation": "DeleteModel", "input": {}}])).await;
    let expected =
        "other values than planned: CreateModelPackageGroup in place of CreateModelPackageGroup, DeleteModel";
    assert!(told.contains(expected), "{told}");
    assert!(fake.take_log(true).is_empty());
}

#[tokio::test]
async fn nothing_is_done_when_anything_has_changed_since() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let mut changed = objects.clone();
    changed[0].spec["tags"] = json!([{"key": "team", "value": "vision"}]);
    let opened = SavedPlan::open(saved(&engine, &changed).await).unwrap();
    // Meanwhile somebody else tags it so.
    fake.edit("endpoint/mnist", |r| {
        r.tags.insert("team".into(), "audio".into());
    });
    fake.take_log(false);
    let refused = engine.apply_plan(&opened.plan, &ApplyOptions::default(), &NoObserver).await.unwrap_err();
    let told = "Endpoint mnist: `tags.team` would change from audio to vision, not from nothing to vision";
    assert!(refused.to_string().contains(told), "{refused}");
    assert!(refused.to_string().contains("make a new plan"), "{refused}");
    assert!(fake.take_log(true).is_empty());
}

#[tokio::test]
async fn what_only_an_apply_can_tell_is_open_where_a_reference_stands_and_nowhere_else() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    let model = objects.iter().position(|o| o.kind == "Model").unwrap();
    objects[model].spec["primaryContainer"]["environment"] = json!({"A": "good", "B": "x"});
    let honest = saved(&engine, &objects).await;
    objects[model].spec["primaryContainer"]["environment"]["A"] = json!("EVIL");
    let evil = engine.plan(&objects).await.unwrap();
    for shown in ["good (known after apply)", "(known after apply)"] {
        // The plan as it is shown is the honest one, but for a marker; the object is the other one.
        let text = honest.to_string().replace("\"good\"", &format!("\"{shown}\""));
        let mut plan = Plan::from_document({
            let mut document: Value = serde_json::from_str(&text).unwrap();
            document["plan"]["format"] = json!(Plan::FORMAT);
            document["plan"].take()
        })
        .unwrap();
        for planned in &mut plan.objects {
            planned.object = evil.objects.iter().find(|o| o.object.id() == planned.object.id()).unwrap().object.clone();
        }
        let refused = engine.apply_plan(&plan, &ApplyOptions::default(), &NoObserver).await.unwrap_err();
        assert!(refused.to_string().contains("Model") && matches!(refused, EngineError::PlanChanged(_)), "{refused}");
        assert_eq!(fake.count("Model"), 0);
    }
}

/// Another's hand on a resource as soon as the first object of the set is done.
struct Meddler(Arc<Fake>);

impl Observer for Meddler {
    fn event(&self, event: &Event) {
        let is_step = matches!(event.what, sagewright_engine::EventKind::Done { .. });
        if is_step && event.object.kind == "EndpointConfig" {
            self.0.edit("endpoint/mnist", |r| {
                r.tags.insert("team".into(), "audio".into());
            });
        }
    }
}

#[tokio::test]
async fn an_object_that_changes_while_the_plan_is_applied_is_refused_in_its_turn() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    objects.push(config_like(&objects[1], "mnist-2"));
    objects[0].spec =
        json!({"endpointName": "mnist", "endpointConfigName": "mnist-2", "tags": [{"key": "team", "value": "vision"}]});
    let opened = SavedPlan::open(saved(&engine, &objects).await).unwrap();
    fake.take_log(false);
    let meddler = Meddler(Arc::clone(&fake));
    let report = engine.apply_plan(&opened.plan, &ApplyOptions::default(), &meddler).await.unwrap();
    let endpoint = report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap();
    assert_eq!(endpoint.outcome, Outcome::Refused, "{}", endpoint.message);
    let writes = fake.take_log(true);
    assert!(writes.iter().all(|w| w.starts_with("CreateEndpointConfig")), "{writes:?}");
}

#[derive(Default)]
struct Keep(Mutex<Vec<Event>>);

impl Observer for Keep {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

#[tokio::test]
async fn what_happened_can_be_written_down_and_read_again() {
    let (fake, _, engine) = Fake::new();
    fake.fate("TrainingJob", 20, "Failed", Some("AlgorithmError: no such column"));
    fake.fault("CreateTrainingJob", slow_down());
    let keep = Keep::default();
    let plan = engine.plan(&tutorial()).await.unwrap();
    let report = engine.apply(&tutorial(), &ApplyOptions::default(), &keep).await.unwrap();
    let through_text = |value: Value| serde_json::from_str::<Value>(&value.to_string()).unwrap();
    assert_eq!(Plan::from_document(through_text(plan.to_document())).unwrap(), plan);
    assert_eq!(Report::from_document(through_text(report.to_document())).unwrap(), report);
    let events = keep.0.into_inner().unwrap();
    assert!(events.len() > 10);
    for event in events {
        assert_eq!(Event::from_document(through_text(event.to_document())).unwrap(), event);
    }
    assert!(Plan::from_document(report.to_document()).unwrap_err().contains("sagewright.dev/report/v1"));
}

#[tokio::test]
async fn what_is_written_down_of_an_apply_holds_no_secret() {
    let (_, _, engine) = Fake::new();
    let model = |token: &str| {
        let environment =
            json!({"HF_TOKEN": token, "DATABASE_URL": format!("postgres://u:{token}@h/d"), "EPOCHS": "3"});
        let tags =
            json!([{"key": "db_password", "value": token}, {"key": "link", "value": format!("https://{token}@h")}]);
        let container = json!({"image": "i", "environment": environment});
        let spec = json!({"modelName": "m", "executionRoleARN": ROLE, "primaryContainer": container, "tags": tags});
        let mut model = object("Model", "m", spec);
        let applied = serde_json::to_string(&model.spec).unwrap();
        model.metadata.annotations.insert("kubectl.kubernetes.io/last-applied-configuration".into(), applied);
        model
    };
    let keep = Keep::default();
    let options = ApplyOptions::default();
    let created = engine.apply(&[model("hunter2")], &options, &keep).await.unwrap();
    let mut again = model("hunter3");
    again.spec["primaryContainer"] = model("hunter2").spec["primaryContainer"].clone();
    let updated = engine.apply(&[again], &options, &keep).await.unwrap();
    let refused = engine.apply(&[model("hunter4")], &options, &keep).await.unwrap();
    let outcomes = [&created, &updated, &refused].map(|report| report.objects[0].outcome);
    assert_eq!(outcomes, [Outcome::Created, Outcome::Updated, Outcome::Refused]);
    let events = keep.0.into_inner().unwrap();
    let steps = |wanted: &str| events.iter().filter(|e| e.to_document()["event"] == wanted).count();
    assert!(steps("decided") > 2 && steps("started") == 2 && steps("done") == 2);
    let written: Vec<String> = events
        .iter()
        .map(|event| event.to_document().to_string())
        .chain([
            created.to_document().to_string(),
            updated.to_document().to_string(),
            refused.to_document().to_string(),
        ])
        .collect();
    for text in &written {
        assert!(!text.contains("hunter"), "{text}");
    }
    assert!(written.iter().any(|text| text.contains("postgres://***@h/d") && text.contains(r#""EPOCHS":"3""#)));
    // What is only in memory is whole: a person may ask to see it.
    assert!(
        created.objects[0].changes.iter().any(|change| change.to.as_ref().unwrap().to_string().contains("hunter2"))
    );
    // A plan that is kept is applied later, and holds it all.
    let plan = engine.plan(&[model("hunter2")]).await.unwrap();
    assert!(plan.to_document().to_string().contains("hunter2"));
    // A refusal does not say what it hides.
    let message = &refused.objects[0].message;
    assert!(
        message.contains("spec.primaryContainer.environment.HF_TOKEN has another value, and cannot be changed"),
        "{message}"
    );
    assert!(message.contains("postgres://***@h/d") || message.contains("DATABASE_URL has another value"), "{message}");
}

#[test]
fn a_model_comes_after_the_job_that_will_write_its_data_by_the_url_alone() {
    let job = training_job("churn");
    let path = job.spec["outputDataConfig"]["s3OutputPath"].as_str().unwrap().trim_end_matches('/').to_owned();
    let model = |url: &str| {
        let container = json!({"image": "xgboost:1.7-1", "modelDataURL": url});
        object("Model", "a", json!({"modelName": "a", "executionRoleARN": ROLE, "primaryContainer": container}))
    };
    let order = |url: &str| -> Vec<String> {
        let plan = sagewright_engine::plan_offline(&[model(url), job.clone()]).unwrap();
        plan.objects.iter().map(|planned| planned.object.kind.clone()).collect()
    };
    assert_eq!(order(&format!("{path}/churn/output/model.tar.gz")), ["TrainingJob", "Model"]);
    assert_eq!(order(&format!("{path}/other/output/model.tar.gz")), ["Model", "TrainingJob"]);
}
