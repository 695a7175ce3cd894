//! What a delete would do, what it refuses, and what still uses what would go.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;

use crate::support::decisions::{NOW, brief, desired, found, members, there};
use crate::support::{Fake, Modelled, fail, object, tutorial};
use sagewright_engine::{
    Action, ApplyOptions, Blocker, DeleteOptions, Desired, Engine, InUse, Intent, NoObserver, Object, Outcome, Plan,
    Planned, RefusalKind, decide, keys,
};
use sagewright_kinds::find;
use serde_json::{Value, json};

async fn apply(engine: &Engine, objects: &[Object]) {
    let report = engine.apply(objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{report:#?}");
}

fn of<'p>(plan: &'p Plan, kind: &str) -> &'p Planned {
    plan.objects.iter().find(|p| p.object.kind == kind).unwrap()
}

fn config(name: &str) -> Object {
    let variant = json!({"variantName": "main", "modelName": "mnist-1", "instanceType": "ml.m5.large",
        "initialInstanceCount": 1, "initialVariantWeight": 1});
    object("EndpointConfig", name, json!({"endpointConfigName": name, "productionVariants": [variant]}))
}

fn endpoint(config: Value) -> Object {
    let mut endpoint = object("Endpoint", "mnist", json!({"endpointName": "mnist"}));
    endpoint.spec.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    endpoint
}

#[tokio::test]
async fn a_plan_says_what_goes_what_stays_and_why_and_writes_nothing() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    apply(&engine, &objects).await;
    fake.take_log(true);
    let plan = engine.plan_delete(&objects, &DeleteOptions::default()).await.unwrap();
    assert!(fake.take_log(true).is_empty(), "it only reads");
    let kinds: Vec<_> = plan.objects.iter().map(|p| p.object.kind.as_str()).collect();
    assert_eq!(kinds[..4], ["Endpoint", "EndpointConfig", "Model", "ModelPackage"], "dependents first");
    for kind in ["Endpoint", "EndpointConfig", "Model", "ModelPackage", "ModelPackageGroup"] {
        assert_eq!(of(&plan, kind).action(), Action::Delete, "{kind}");
    }
    let job = of(&plan, "TrainingJob");
    assert_eq!(job.action(), Action::None);
    assert_eq!(job.decision.notes, ["the training job `mnist` has ended; AWS keeps its record"]);
    // What is gone already is said to be.
    engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await.unwrap();
    let plan = engine.plan_delete(&objects, &DeleteOptions::default()).await.unwrap();
    assert!(!plan.has_changes() && !plan.has_problems());
    assert_eq!(of(&plan, "Endpoint").decision.notes, ["there is no such resource"]);
}

#[tokio::test]
async fn a_plan_blocks_and_keeps_what_a_delete_does() {
    let (_, _, engine) = Fake::new();
    let mut objects = tutorial();
    apply(&engine, &objects).await;
    let endpoint = objects.iter_mut().find(|o| o.kind == "Endpoint").unwrap();
    endpoint.metadata.annotations.insert(keys::DELETION_POLICY.into(), "retain".into());
    let plan = engine.plan_delete(&objects, &DeleteOptions::default()).await.unwrap();
    assert_eq!(of(&plan, "Endpoint").decision.notes, ["the endpoint `mnist` is retained"]);
    assert_eq!(of(&plan, "Model").action(), Action::None);
    assert!(of(&plan, "Model").decision.notes[0].contains("EndpointConfig mnist-1 is, and needs it"));
    // Another object's endpoint is refused, and what it needs is not touched.
    let mut theirs = objects.clone();
    for object in &mut theirs {
        object.metadata.annotations.clear();
        if object.kind == "Endpoint" {
            object.metadata.name = "other".into();
        }
    }
    let plan = engine.plan_delete(&theirs, &DeleteOptions::default()).await.unwrap();
    assert_eq!(of(&plan, "Endpoint").decision.refusal().unwrap().kind, RefusalKind::OwnedByOther);
    assert!(matches!(&of(&plan, "EndpointConfig").blocker, Some(Blocker::Blocked { by }) if by[0].name == "other"));
    assert!(plan.has_problems() && !plan.has_changes());
}

/// Version 2 was rolled back by hand: its files are tidied away, and the endpoint serves version 1.
#[tokio::test]
async fn an_endpoint_that_serves_something_else_is_not_deleted_with_the_files_of_another_version() {
    for reference in [false, true] {
        let (fake, _, engine) = Fake::new();
        apply(&engine, &tutorial()).await;
        let named = if reference {
            json!({"endpointConfigRef": {"from": {"name": "mnist-2"}}})
        } else {
            json!({"endpointConfigName": "mnist-2"})
        };
        let second = [config("mnist-2"), endpoint(named)];
        apply(&engine, &second).await;
        fake.edit("endpoint/mnist", |r| r.script.push((0, json!({"EndpointConfigName": "mnist-1"}))));
        fake.take_log(true);

        // With its config in the set, and alone: then what the reference leads to is looked up.
        for set in [&second[..], &second[1..]] {
            let report = engine.delete(set, &DeleteOptions::default(), &NoObserver).await.unwrap();
            let of = |kind: &str| report.objects.iter().find(|o| o.object.kind == kind);
            assert_eq!(of("Endpoint").unwrap().outcome, Outcome::Refused);
            assert_eq!(
                of("Endpoint").unwrap().message,
                "the endpoint `mnist` serves `mnist-1`, and this object declares `mnist-2` in spec.endpointConfigName; \
                 leave it out, or declare what it serves; `sagewright delete --force` deletes it anyway"
            );
            assert!(of("EndpointConfig").is_none_or(|config| config.outcome == Outcome::Blocked));
            assert!(fake.take_log(true).is_empty(), "nothing was written");
            let plan = engine.plan_delete(set, &DeleteOptions::default()).await.unwrap();
            let endpoint = plan.objects.iter().find(|p| p.object.kind == "Endpoint").unwrap();
            assert_eq!(endpoint.decision.refusal().unwrap().kind, RefusalKind::ServesOther);
        }
        let force = DeleteOptions { force: true, ..DeleteOptions::default() };
        assert!(engine.delete(&second, &force, &NoObserver).await.unwrap().is_ok());
        assert_eq!((fake.count("Endpoint"), fake.count("EndpointConfig")), (0, 1));
    }
}

#[tokio::test]
async fn an_endpoint_whose_config_is_gone_is_deleted_as_declared() {
    let (fake, _, engine) = Fake::new();
    apply(&engine, &tutorial()).await;
    engine.delete(&[config("mnist-1")], &DeleteOptions::default(), &NoObserver).await.unwrap();
    let alone = endpoint(json!({"endpointConfigRef": {"from": {"name": "mnist-1"}}}));
    let report = engine.delete(from_ref(&alone), &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!((report.objects[0].outcome, fake.count("Endpoint")), (Outcome::Deleted, 0));
}

#[test]
fn what_is_served_counts_only_once_the_endpoint_would_be_deleted() {
    let kind = find("Endpoint").unwrap();
    let mut spec = members(kind);
    spec.insert("EndpointConfigName".into(), json!("v2"));
    let run = |word: &str, owner: &str, force: bool| {
        let serves = json!({"EndpointConfigName": "v1"});
        let mut desired = desired(kind, &spec);
        desired.intent = Intent::Absent;
        desired.force = force;
        brief(&decide(kind, &desired, &there(found(kind, &members(kind), word, owner, serves)), NOW))
    };
    assert_eq!(run("InService", "default/thing", false), "refuse(ServesOther) ready=False terminal");
    assert_eq!(run("Failed", "default/thing", false), "refuse(ServesOther) ready=False terminal");
    assert_eq!(run("InService", "default/thing", true), "DeleteEndpoint ready=False");
    // What is under way may lead there yet, or is over.
    assert!(run("Updating", "default/thing", false).starts_with("wait"));
    assert!(run("Deleting", "default/thing", false).starts_with("wait"));
    assert!(run("InService", "default/other", true).starts_with("refuse(OwnedByOther)"));
}

#[test]
fn an_endpoint_is_not_deleted_while_it_is_not_known_what_the_object_declares_it_to_serve() {
    let kind = find("Endpoint").unwrap();
    let object = endpoint(json!({"endpointConfigRef": {"from": {"name": "v2"}}}));
    let mut unresolved = Desired::new(kind, &object).unwrap();
    unresolved.intent = Intent::Absent;
    let serves = json!({"EndpointConfigName": "v1"});
    let there = there(found(kind, &members(kind), "InService", "default/mnist", serves));
    let decision = decide(kind, &unresolved, &there, NOW);
    let refusal = decision.refusal().unwrap();
    assert_eq!(refusal.kind, RefusalKind::ServesOther);
    assert_eq!(
        refusal.reason,
        "the endpoint `thing` serves `v1`, and what spec.endpointConfigName declares is not known: it refers to EndpointConfig v2"
    );
}

#[tokio::test]
async fn what_still_uses_a_resource_is_told_and_what_goes_with_it_is_not() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    apply(&engine, &objects).await;
    let transform = object(
        "TransformJob",
        "batch",
        json!({"transformJobName": "batch", "modelName": "mnist-1",
            "transformInput": {"dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3URI": "s3://b/in"}}},
            "transformOutput": {"s3OutputPath": "s3://b/out"},
            "transformResources": {"instanceType": "ml.m5.large", "instanceCount": 1}}),
    );
    let options = ApplyOptions { wait: false, ..ApplyOptions::default() };
    let mut unrelated = config("unrelated");
    unrelated.spec["productionVariants"][0]["modelName"] = json!("another");
    engine.apply(&[config("shadow"), unrelated, transform], &options, &NoObserver).await.unwrap();
    fake.take_log(true);
    let users = async |kinds: &[&str]| {
        let set: Vec<_> = objects.iter().filter(|o| kinds.contains(&o.kind.as_str())).cloned().collect();
        let plan = engine.plan_delete(&set, &DeleteOptions::default()).await.unwrap();
        let users = engine.users(&plan).await;
        users.into_iter().map(|(i, users)| (plan.objects[i].object.kind.clone(), users)).collect::<Vec<_>>()
    };
    let told = users(&["Model"]).await;
    let by: Vec<_> = told[0].1.by.iter().map(String::as_str).collect();
    assert_eq!(by, ["EndpointConfig/mnist-1", "EndpointConfig/shadow", "TransformJob/batch"]);
    assert!(told[0].1.unknown.is_empty(), "{told:?}");
    let told = users(&["Model", "EndpointConfig", "Endpoint"]).await;
    let by = |kind: &str| told.iter().find(|(k, _)| k == kind).unwrap().1.by.iter().cloned().collect::<Vec<_>>();
    assert_eq!(by("Endpoint"), <[String; 0]>::default());
    assert_eq!(by("EndpointConfig"), <[String; 0]>::default());
    assert_eq!(by("Model"), ["EndpointConfig/shadow", "TransformJob/batch"]);
    assert_eq!(users(&["EndpointConfig"]).await[0].1.by.iter().collect::<Vec<_>>(), ["Endpoint/mnist"]);
    let versions = users(&["ModelPackageGroup"]).await;
    assert_eq!(versions[0].1.by.iter().collect::<Vec<_>>(), ["ModelPackage/mnist/1"]);
    assert!(fake.take_log(true).is_empty());
    // What may not be looked at is said.
    fake.fault("ListEndpoints", fail("AccessDeniedException", "no"));
    let unread = users(&["EndpointConfig"]).await;
    assert!(unread[0].1.unknown.iter().any(|why| why.contains("whether endpoints use it is not known")), "{unread:?}");
}

#[tokio::test]
async fn what_was_shown_as_not_there_stays_although_it_can_only_be_deleted_later() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    let at = objects.iter().position(|object| object.kind == "Endpoint").unwrap();
    let endpoint = objects.remove(at);
    apply(&engine, &objects).await;
    let shown = engine.plan_delete(from_ref(&endpoint), &DeleteOptions::default()).await.unwrap();
    assert!(!shown.has_changes());
    objects.push(endpoint.clone());
    let begin = ApplyOptions { wait: false, ..ApplyOptions::default() };
    engine.apply(&objects, &begin, &NoObserver).await.unwrap();
    let report =
        engine.delete_planned(from_ref(&endpoint), &shown, &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused, "{report:#?}");
    assert_eq!(fake.count("Endpoint"), 1);
}

fn transform(name: &str) -> Object {
    let spec = json!({"transformJobName": name, "modelName": "m",
        "transformInput": {"dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3URI": "s3://b/in"}}},
        "transformOutput": {"s3OutputPath": "s3://b/out"},
        "transformResources": {"instanceCount": 1, "instanceType": "ml.m5.large"}});
    object("TransformJob", name, spec)
}

#[tokio::test]
async fn jobs_that_have_ended_hold_nothing_however_many_and_declared_or_not() {
    let (_, _, engine) = Fake::new();
    let model = object(
        "Model",
        "m",
        json!({"modelName": "m", "executionRoleARN": crate::support::ROLE, "primaryContainer": {"image": "i"}}),
    );
    let jobs: Vec<Object> = (0..101).map(|n| transform(&format!("t{n}"))).collect();
    apply(&engine, from_ref(&model)).await;
    apply(&engine, &jobs).await;
    let options = DeleteOptions::default();
    for in_use in [InUse::Keep, InUse::Refuse] {
        let goes = engine.plan_deletion(from_ref(&model), &jobs[..1], in_use, &options).await.unwrap();
        assert_eq!(of(&goes.plan, "Model").action(), Action::Delete, "{goes:#?}");
        assert!(goes.users.values().all(|users| users.by.is_empty() && users.unknown.is_empty()), "{goes:#?}");
    }
    // One that is declared and not there yet will use it.
    let goes = engine.plan_deletion(from_ref(&model), &[transform("next")], InUse::Keep, &options).await.unwrap();
    assert_eq!(of(&goes.plan, "Model").decision.notes, ["still used by TransformJob/next"]);
}

#[tokio::test]
async fn of_many_jobs_at_work_the_newest_are_looked_at_and_that_is_told() {
    let (fake, _, engine) = Fake::new();
    fake.fate("TransformJob", 3_600, "Completed", None);
    let model = object(
        "Model",
        "m",
        json!({"modelName": "m", "executionRoleARN": crate::support::ROLE, "primaryContainer": {"image": "i"}}),
    );
    apply(&engine, from_ref(&model)).await;
    let told = "only the newest 100 of the transform jobs were looked at";
    for (jobs, unknown) in [(0..100, vec![]), (100..101, vec![told])] {
        for job in jobs {
            let source = json!({"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}});
            let input = json!({"TransformJobName": format!("t{job}"), "ModelName": "other",
                "TransformInput": {"DataSource": source}, "TransformOutput": {"S3OutputPath": "s3://b/out"},
                "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}});
            fake.peek("CreateTransformJob", &input).unwrap();
        }
        let goes = engine.plan_deletion(from_ref(&model), &[], InUse::Refuse, &DeleteOptions::default()).await.unwrap();
        let users = goes.users.get(&model.id()).cloned().unwrap_or_default();
        assert_eq!(users.unknown.iter().map(String::as_str).collect::<Vec<_>>(), unknown);
    }
}

/// Creates resources that nobody declared.
fn create(fake: &Fake, kind: &str, inputs: impl IntoIterator<Item = Value>) {
    for input in inputs {
        fake.peek(&format!("Create{kind}"), &input).unwrap();
    }
}

fn undeclared_config(name: &str) -> Value {
    let variant = json!({"VariantName": "main", "ModelName": "other", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1});
    json!({"EndpointConfigName": name, "ProductionVariants": [variant]})
}

#[tokio::test]
async fn a_listing_that_is_cut_is_told_and_one_that_just_fits_is_not() {
    let model = object(
        "Model",
        "m",
        json!({"modelName": "m", "executionRoleARN": crate::support::ROLE, "primaryContainer": {"image": "i"}}),
    );
    let unknown = async |engine: &Engine| {
        let goes = engine.plan_deletion(from_ref(&model), &[], InUse::Refuse, &DeleteOptions::default()).await.unwrap();
        let users = goes.users.get(&model.id()).cloned().unwrap_or_default();
        users.unknown.into_iter().collect::<Vec<_>>()
    };
    // Configs are all looked at, up to a hundred.
    let (fake, _, engine) = Fake::new();
    apply(&engine, from_ref(&model)).await;
    create(&fake, "EndpointConfig", (0..100).map(|n| undeclared_config(&format!("c{n}"))));
    assert_eq!(unknown(&engine).await, <[String; 0]>::default());
    create(&fake, "EndpointConfig", [undeclared_config("c100")]);
    assert_eq!(unknown(&engine).await, ["only the newest 100 of the endpoint configs were looked at"]);
    // Of jobs, a thousand are listed to find those at work.
    let (fake, clock, engine) = Fake::new();
    fake.fate("TransformJob", 1, "Completed", None);
    apply(&engine, from_ref(&model)).await;
    let job = |n: usize| {
        let source = json!({"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}});
        json!({"TransformJobName": format!("t{n}"), "ModelName": "other", "TransformInput": {"DataSource": source},
            "TransformOutput": {"S3OutputPath": "s3://b/out"},
            "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}})
    };
    create(&fake, "TransformJob", (0..1_000).map(job));
    clock.set(clock.millis() + 2_000);
    assert_eq!(unknown(&engine).await, <[String; 0]>::default());
    create(&fake, "TransformJob", [job(1_000)]);
    clock.set(clock.millis() + 2_000);
    assert_eq!(unknown(&engine).await, ["only the newest 1000 of the transform jobs were looked at"]);
}

/// A config beyond those that were looked at is there: its endpoint does not serve what is gone.
#[tokio::test]
async fn a_config_that_was_not_looked_at_is_not_taken_for_gone() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    apply(&engine, &objects).await;
    create(&fake, "EndpointConfig", (0..101).map(|n| undeclared_config(&format!("zz{n}"))));
    let model = objects.iter().find(|o| o.kind == "Model").unwrap();
    let goes = engine.plan_deletion(from_ref(model), &[], InUse::Refuse, &DeleteOptions::default()).await.unwrap();
    let unknown = goes.users[&model.id()].unknown.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(unknown, ["only the newest 100 of the endpoint configs were looked at"]);
}

/// As tidying by hand leaves it: the endpoint goes on serving the model, and its config is not there to say so.
#[tokio::test]
async fn a_model_may_be_in_use_by_an_endpoint_whose_config_is_gone() {
    let (_, _, engine) = Fake::new();
    let objects = tutorial();
    apply(&engine, &objects).await;
    let force = DeleteOptions { force: true, ..DeleteOptions::default() };
    assert!(engine.delete(&[config("mnist-1")], &force, &NoObserver).await.unwrap().is_ok());
    let model = objects.iter().find(|o| o.kind == "Model").unwrap();
    let why = "the endpoint `mnist` may use it: its endpoint config `mnist-1` is not there any more";
    let goes = async |in_use, declared: &[Object], set: &[Object]| {
        let goes = engine.plan_deletion(set, declared, in_use, &DeleteOptions::default()).await.unwrap();
        (of(&goes.plan, "Model").clone(), goes.users.get(&model.id()).cloned().unwrap_or_default())
    };
    // Who named it is told, and a prune keeps it.
    let (planned, users) = goes(InUse::Refuse, &[], from_ref(model)).await;
    assert_eq!((planned.action(), users.unknown.first().map(String::as_str)), (Action::Delete, Some(why)));
    let (planned, _) = goes(InUse::Keep, &[], from_ref(model)).await;
    assert_eq!(planned.decision.notes, [format!("it may still be in use: {why}\n--force deletes it anyway")]);
    // The config is about to be created again, or the endpoint goes as well.
    let mut other = config("mnist-1");
    other.spec["productionVariants"][0]["modelName"] = json!("another");
    let (planned, users) = goes(InUse::Keep, &[other], from_ref(model)).await;
    assert_eq!((planned.action(), users.unknown.len()), (Action::Delete, 0));
    let endpoint = objects.iter().find(|o| o.kind == "Endpoint").unwrap();
    let (planned, users) = goes(InUse::Keep, &[], &[model.clone(), endpoint.clone()]).await;
    assert_eq!((planned.action(), users.unknown.len()), (Action::Delete, 0));
}

#[tokio::test]
async fn what_uses_the_resources_is_read_once_however_much_is_held() {
    let (fake, _, engine) = Fake::new();
    let objects = tutorial();
    apply(&engine, &objects).await;
    apply(&engine, &[config("shadow")]).await;
    // The endpoint stays and holds its config, which holds the model, which holds its package.
    let set: Vec<Object> =
        objects.iter().filter(|o| !["Endpoint", "TrainingJob"].contains(&o.kind.as_str())).cloned().collect();
    fake.take_log(false);
    let goes = engine.plan_deletion(&set, &[], InUse::Keep, &DeleteOptions::default()).await.unwrap();
    assert!(goes.held.len() > 2, "{goes:#?}");
    let log = fake.take_log(false);
    let count = |call: &str| log.iter().filter(|line| line.starts_with(call)).count();
    assert_eq!((count("ListEndpoints "), count("ListEndpointConfigs "), count("DescribeEndpoint ")), (1, 1, 1));
    // A look at the config that would go, and one at what refers to the model.
    let read = |name: &str| log.iter().filter(|l| l.starts_with("DescribeEndpointConfig ") && l.contains(name)).count();
    assert_eq!((read("mnist-1"), read("shadow")), (2, 1));
}

/// AWS names quotas by ids of its own, and they are inside of nothing.
#[tokio::test]
async fn a_cluster_is_used_by_its_quotas_and_not_by_those_of_others() {
    let (cloud, _) = Modelled::new();
    let engine = cloud.engine();
    let group = json!({"instanceGroupName": "workers", "instanceCount": 1, "instanceType": "ml.c5.large",
        "executionRole": crate::support::ROLE, "lifeCycleConfig": {"onCreate": "on.sh", "sourceS3URI": "s3://b/on"}});
    let cluster = |name: &str| object("Cluster", name, json!({"clusterName": name, "instanceGroups": [group.clone()]}));
    let quota = |name: &str, of: &str| {
        let reference = json!({"from": {"name": of}});
        let spec = json!({"name": name, "clusterRef": reference, "computeQuotaTarget": {"teamName": "vision"},
            "computeQuotaConfig": {"computeQuotaResources": [{"instanceType": "ml.c5.large", "count": 1}]}});
        object("ComputeQuota", name, spec)
    };
    apply(
        &engine,
        &[cluster("clusterhere1"), cluster("clusterthere"), quota("q1", "clusterhere1"), quota("q2", "clusterthere")],
    )
    .await;
    let goes =
        engine.plan_deletion(&[cluster("clusterhere1")], &[], InUse::Refuse, &DeleteOptions::default()).await.unwrap();
    let by: Vec<String> = goes.users.into_values().flat_map(|users| users.by).collect();
    let id = cloud.all().into_iter().find_map(|(_, doc, _)| {
        (doc["Name"] == "q1").then(|| doc["ComputeQuotaArn"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned())
    });
    assert_eq!(by, [format!("ComputeQuota/{}", id.unwrap())]);
}

/// A user profile is named within its domain.
#[tokio::test]
async fn parts_with_one_name_in_two_domains_are_two() {
    let (cloud, _) = Modelled::new();
    let engine = cloud.engine();
    let named = |kind: &str, domain: &str, more: Value| {
        let mut object = object(kind, &format!("{kind}-{domain}").to_lowercase(), json!({"domainID": domain}));
        object.spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    let profile = |domain: &str| named("UserProfile", domain, json!({"userProfileName": "ann"}));
    let app = |domain: &str| {
        named("App", domain, json!({"userProfileName": "ann", "appType": "JupyterServer", "appName": "default"}))
    };
    let objects = [profile("d-1"), profile("d-2"), app("d-2")];
    apply(&engine, &objects).await;
    let goes = async |domain: &str, declared: &[Object]| {
        let set = [profile(domain)];
        let goes = engine.plan_deletion(&set, declared, InUse::Refuse, &DeleteOptions::default()).await.unwrap();
        goes.users.into_values().flat_map(|users| users.by).collect::<Vec<_>>()
    };
    assert_eq!(goes("d-1", &[]).await, <[String; 0]>::default());
    assert_eq!(goes("d-1", &[app("d-2")]).await, <[String; 0]>::default());
    assert_eq!(goes("d-2", &[]).await, ["App/d-2 JupyterServer default ann"]);
    // In one set the app needs the profile of its own domain: the other does not wait for it.
    let plan = engine.plan_delete(&objects, &DeleteOptions::default()).await.unwrap();
    let after = |domain: &str| {
        let planned = plan.objects.iter().find(|p| p.object.id() == profile(domain).id()).unwrap();
        planned.after.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!((after("d-1"), after("d-2")), (Vec::new(), vec!["App app-d-2".to_owned()]));
}

#[tokio::test]
async fn what_is_declared_under_another_name_of_the_object_does_not_go() {
    let (_, _, engine) = Fake::new();
    let group = |name: &str| object("ModelPackageGroup", name, json!({"modelPackageGroupName": "r1"}));
    apply(&engine, &[group("old")]).await;
    let options = DeleteOptions::default();
    let goes = engine.plan_deletion(&[group("old")], &[group("new")], InUse::Keep, &options).await.unwrap();
    let planned = of(&goes.plan, "ModelPackageGroup");
    assert_eq!(planned.action(), Action::None);
    assert_eq!(planned.decision.notes, ["ModelPackageGroup new declares it now"]);
    assert!(goes.held.contains(&planned.object.id()));
    // Another region's resource of the same name is another.
    let mut there = group("new");
    there.metadata.annotations.insert(keys::REGION.into(), "eu-west-1".into());
    let goes = engine.plan_deletion(&[group("old")], &[there], InUse::Keep, &options).await.unwrap();
    assert_eq!(of(&goes.plan, "ModelPackageGroup").action(), Action::Delete);
}
