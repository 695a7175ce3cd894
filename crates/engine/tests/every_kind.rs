//! Every row, from create to delete, against a cloud that is made from the service model.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Modelled, REGION, changes, declared, spec};
use sagewright_engine::watch::{Identity, Watch};
use sagewright_engine::{
    Action, ApplyOptions, Clock, Cloud, DeleteOptions, Desired, NoObserver, Object, Outcome, Target,
};
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, all, find};
use serde_json::{Value, json};

/// An hour of the test's clock: what does not settle by then never does.
const LIMIT: Option<Duration> = Some(Duration::from_secs(3600));

fn apply_options() -> ApplyOptions {
    ApplyOptions { timeout: LIMIT, ..ApplyOptions::default() }
}

fn delete_options() -> DeleteOptions {
    DeleteOptions { timeout: LIMIT, ..DeleteOptions::default() }
}

async fn live(kind: &'static Kind) {
    let name = kind.name();
    let (cloud, _) = Modelled::new();
    let wait = apply_options();
    let first = spec(kind, 0, &[]);
    let one = declared(kind, &first);

    let report = cloud.engine().apply(from_ref(&one), &wait, &NoObserver).await.unwrap();
    let made = &report.objects[0];
    assert_eq!(made.outcome, Outcome::Created, "{name}: {}", made.message);
    assert!(made.object.status["ackResourceMetadata"]["arn"].is_string(), "{name}: {:?}", made.object.status);
    assert_eq!(cloud.take_writes().len(), 1, "{name}");

    // Another run, which remembers nothing, finds it and has nothing to do.
    let plan = cloud.engine().plan(from_ref(&one)).await.unwrap();
    let entry = &plan.objects[0];
    assert_eq!(entry.action(), Action::None, "{name}: {:?} {:?}", entry.decision.changes, entry.failure);
    let again = cloud.engine().apply(from_ref(&one), &wait, &NoObserver).await.unwrap();
    assert_eq!(again.objects[0].outcome, Outcome::Unchanged, "{name}: {}", again.objects[0].message);
    assert_eq!((cloud.take_writes(), cloud.count()), (Vec::new(), 1), "{name}");

    // It is found by its ARN, and by what people call it.
    let arn = made.object.status["ackResourceMetadata"]["arn"].as_str().unwrap();
    if kind.row().identity.name.len() < 2 && name != "ClusterExtension" {
        let got = cloud.engine().get(kind, Some(arn)).await.unwrap();
        assert_eq!(got.len(), 1, "{name}: {arn}");
        assert_eq!(got[0].status["ackResourceMetadata"]["arn"], arn, "{name}");
    }
    let listed = cloud.engine().get(kind, None).await.unwrap();
    assert!(listed.len() == 1 || parent(kind), "{name}: {} are listed", listed.len());

    // The first thing that an update can change and that a read of the sample shows.
    let mut last = one.clone();
    let mut updated = None;
    for (second, member) in changes(kind, &first) {
        let two = declared(kind, &second);
        let plan = cloud.engine().plan(from_ref(&two)).await.unwrap();
        if plan.objects[0].action() == Action::Update {
            (last, updated) = (two, Some(member));
            break;
        }
    }
    if let Some(member) = updated {
        let report = cloud.engine().apply(from_ref(&last), &apply_options(), &NoObserver).await.unwrap();
        let entry = &report.objects[0];
        assert_eq!(entry.outcome, Outcome::Updated, "{name}.{member}: {}", entry.message);
        let plan = cloud.engine().plan(from_ref(&last)).await.unwrap();
        let entry = &plan.objects[0];
        assert_eq!(entry.action(), Action::None, "{name}.{member}: {:?}", entry.decision.changes);
        assert_eq!(cloud.count(), 1, "{name}");
    } else {
        assert!(kind.row().operations.update.is_none() || ELSEWHERE.contains(&name), "{name}: nothing was changed");
    }
    cloud.take_writes();

    let report = cloud.engine().delete(from_ref(&last), &delete_options(), &NoObserver).await.unwrap();
    let entry = &report.objects[0];
    let expected = match kind.row().delete.how {
        DeleteHow::Delete | DeleteHow::Deregister => Outcome::Deleted,
        DeleteHow::Stop | DeleteHow::Retain => Outcome::Retained,
    };
    assert_eq!(entry.outcome, expected, "{name}: {}", entry.message);
    assert_eq!(cloud.count(), usize::from(expected == Outcome::Retained), "{name}");
}

/// Kinds that are listed inside of another, which is not there.
fn parent(kind: &Kind) -> bool {
    ["ClusterExtension", "ImageVersion", "ModelCardExportJob", "PipelineExecution"].contains(&kind.name())
}

/// Kinds whose updates are tried in `apply.rs`: a training job takes them only while it runs, and an inference component's
/// sample has nothing that its read shows.
const ELSEWHERE: &[&str] = &["TrainingJob", "InferenceComponent"];

#[tokio::test]
async fn every_kind_is_created_found_changed_and_deleted() {
    let mut wrong = Vec::new();
    for kind in all() {
        eprintln!("{}", kind.name());
        let run = tokio::spawn(live(kind));
        if let Err(error) = run.await {
            let text = error.into_panic();
            let text = text.downcast_ref::<String>().cloned().unwrap_or_else(|| kind.name().to_owned());
            wrong.push(text);
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all().len(), wrong.join("\n"));
}

/// A job that runs is stopped by its delete.
#[tokio::test]
async fn every_running_job_is_stopped_by_its_delete() {
    for kind in all().iter().filter(|k| k.is_job()) {
        let name = kind.name();
        let (cloud, clock) = Modelled::new();
        let job = declared(kind, &spec(kind, 0, &[]));
        let options = ApplyOptions { wait: false, ..ApplyOptions::default() };
        cloud.engine().apply(from_ref(&job), &options, &NoObserver).await.unwrap();
        assert!(clock.millis() < 400_000, "{name}");
        let report = cloud.engine().delete(from_ref(&job), &delete_options(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Stopped, "{name}: {}", report.objects[0].message);
        assert_eq!(cloud.take_writes().len(), 2, "{name}");
    }
}

/// The same name declared by another object is not taken over.
#[tokio::test]
async fn what_is_anothers_is_left_alone() {
    let mut marked = 0;
    for kind in all().iter().filter(|k| !k.row().identity.name.is_empty() && k.tags_member().is_some()) {
        let (cloud, _) = Modelled::new();
        let one = declared(kind, &spec(kind, 0, &[]));
        cloud.engine().apply(from_ref(&one), &apply_options(), &NoObserver).await.unwrap();
        cloud.take_writes();
        let mut other = one.clone();
        other.metadata.name = "other".to_owned();
        let report = cloud.engine().apply(from_ref(&other), &apply_options(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}: {}", kind.name(), report.objects[0].message);
        if kind.row().delete.how == DeleteHow::Retain {
            continue;
        }
        let report = cloud.engine().delete(from_ref(&other), &delete_options(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}: {}", kind.name(), report.objects[0].message);
        assert_eq!((cloud.take_writes(), cloud.count()), (Vec::new(), 1), "{}", kind.name());
        marked += 1;
    }
    assert!(marked > 50, "{marked}");
}

/// A listing is followed to its end, also where the model has no paginator for it (hubs), and asked once for each category
/// where it needs one (jobs).
#[tokio::test]
async fn listings_are_whole() {
    for name in ["Hub", "Job", "MlflowApp", "UserProfile"] {
        let kind = find(name).unwrap();
        let (cloud, _) = Modelled::new();
        let all: Vec<Object> = (0..5)
            .map(|n| {
                let mut spec = spec(kind, 0, &[]);
                for member in kind.row().identity.name.iter().filter(|m| m.ends_with("Name")) {
                    spec.insert(member.clone(), json!(format!("thing-{n}")));
                }
                let category = kind.row().list.each.as_ref().map(|m| (m, kind.spec_shape(&Path::parse(m)).unwrap()));
                if let Some((member, shape)) = category {
                    spec.insert(member.clone(), json!(shape.enumeration[n].as_str()));
                }
                Object { spec: kind.spec_to_crd(&Value::Object(spec)), ..Object::new(kind, &format!("mine-{n}")) }
            })
            .collect();
        let report = cloud.engine().apply(&all, &apply_options(), &NoObserver).await.unwrap();
        let told: Vec<&str> = report.objects.iter().map(|o| o.message.as_str()).collect();
        assert!(report.is_ok(), "{name}: {told:?}");
        assert_eq!(cloud.engine().get(kind, None).await.unwrap().len(), 5, "{name}");
        let again = cloud.engine().apply(&all, &apply_options(), &NoObserver).await.unwrap();
        assert!(again.objects.iter().all(|o| o.outcome == Outcome::Unchanged), "{name}");
        assert_eq!(cloud.count(), 5, "{name}");
    }
}

/// A kind without a place for a mark: what has the name is the resource, and one that differs is no second one.
#[tokio::test]
async fn a_resource_without_a_mark_is_known_by_its_name() {
    let kind = find("ModelCardExportJob").unwrap();
    let (cloud, _) = Modelled::new();
    let first = spec(kind, 0, &[]);
    let report = cloud.engine().apply(from_ref(&declared(kind, &first)), &apply_options(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Created);
    cloud.take_writes();
    let mut second = first.clone();
    second.insert("OutputConfig".to_owned(), json!({"S3OutputPath": "s3://bucket/elsewhere"}));
    let report = cloud.engine().apply(from_ref(&declared(kind, &second)), &apply_options(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}", report.objects[0].message);
    assert!(report.objects[0].message.contains("s3OutputPath"), "{}", report.objects[0].message);
    assert_eq!((cloud.take_writes(), cloud.count()), (Vec::new(), 1));
}

/// Every kind that takes tags: a resource under the name that its object had before is found, whatever listings show of it.
#[tokio::test]
async fn a_renamed_resource_of_every_kind_is_found() {
    let mut wrong = Vec::new();
    for kind in all().iter().filter(|kind| kind.tags_member().is_some() && !kind.is_arn_identified()) {
        let (cloud, _) = Modelled::new();
        let first = spec(kind, 0, &[]);
        let made = cloud.engine().apply(&[declared(kind, &first)], &apply_options(), &NoObserver).await.unwrap();
        assert_eq!(made.objects[0].outcome, Outcome::Created, "{}: {}", kind.name(), made.objects[0].message);
        let mut second = first.clone();
        let member = kind.row().identity.name.iter().rev().find(|m| first[*m].as_str().is_some_and(|v| v.len() > 1));
        let Some(name) = member.and_then(|m| second.get_mut(m)) else { continue };
        *name = json!(format!("{}2", name.as_str().unwrap()));
        let renamed = declared(kind, &second);
        let report = cloud.engine().apply(&[renamed], &apply_options(), &NoObserver).await;
        let Ok(report) = report else { continue };
        let one = &report.objects[0];
        if one.outcome != Outcome::Refused || cloud.count() != 1 {
            wrong.push(format!("{} {second:?}: {:?} {}", kind.name(), one.outcome, one.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A poll of the listing shows what is there under the name that its object has, or is not believed when it shows nothing:
/// otherwise it would be made again, or taken for gone while it is being deleted.
#[tokio::test]
async fn what_is_there_is_never_taken_for_absent_by_a_poll() {
    let mut wrong = Vec::new();
    for kind in all() {
        let (cloud, clock) = Modelled::new();
        let object = declared(kind, &spec(kind, 0, &[]));
        let made = cloud.engine().apply(from_ref(&object), &apply_options(), &NoObserver).await.unwrap();
        let Some(name) = Desired::new(kind, &made.objects[0].object).unwrap().name(kind) else { continue };
        let (port, clock) = (Arc::clone(&cloud) as Arc<dyn Cloud>, clock as Arc<dyn Clock>);
        let mut watch = Watch::new(port, clock, Target::new(REGION.parse().unwrap()), kind);
        watch.describe(vec![Identity { spec: Value::Object(spec(kind, 0, &[])), arn: None }]);
        if watch.poll().await.is_ok() && watch.hash(&name).is_none() && watch.observation(&name).is_some() {
            wrong.push(format!("{}: {name}", kind.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
