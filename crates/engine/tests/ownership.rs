//! Whose a resource is: installations, what ACK manages, adoption, and marks that people wrote into descriptions.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::Arc;

use crate::support::decisions::{NOW, brief, desired, found, members, object as declared, there};
use crate::support::{Fake, ROLE, object, training_job};
use sagewright_engine::{
    ApplyOptions, ClaimPolicy, Claims, DeleteOptions, Desired, Engine, Intent, NoObserver, Object, ObjectId, Outcome,
    Owner, Step, decide, keys,
};
use sagewright_kinds::find;
use serde_json::{Value, json};

fn claims(installation: &str, policy: ClaimPolicy) -> Claims {
    Claims { installation: installation.parse().unwrap(), policy, ..Claims::default() }
}

fn of(engine: &Engine, installation: &str) -> Engine {
    engine.clone().with_claims(claims(installation, ClaimPolicy::Mark))
}

fn model(name: &str) -> Object {
    object("Model", name, json!({"modelName": "fraud", "executionRoleARN": ROLE, "primaryContainer": {"image": "i"}}))
}

#[tokio::test]
async fn two_installations_do_not_own_each_others_resources() {
    let (fake, _, engine) = Fake::new();
    let (one, two) = (of(&engine, "one"), of(&engine, "two"));
    let fraud = model("fraud");
    let apply = ApplyOptions::default();
    assert!(one.apply(from_ref(&fraud), &apply, &NoObserver).await.unwrap().is_ok());
    assert_eq!(fake.resource("model/fraud").unwrap().tags[keys::OWNER], "one/default/fraud");
    fake.take_log(false);

    let report = two.apply(from_ref(&fraud), &apply, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused);
    let message = &report.objects[0].message;
    assert!(message.contains("default/fraud of the installation `one`"), "{message}");
    assert!(message.contains("`sagewright adopt Model/fraud --from one/default/fraud`"), "{message}");
    let report = two.delete(from_ref(&fraud), &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused);
    assert!(report.objects[0].message.contains("sagewright adopt Model/fraud"), "{}", report.objects[0].message);
    assert!(fake.take_log(true).is_empty());
    assert_eq!(fake.count("Model"), 1);

    // Moving it is a deliberate act that names from whom, and then the other one has lost it. It is of no set after that.
    let kind = find("Model").unwrap();
    let owner = |text: &str| text.parse::<Owner>().unwrap();
    fake.edit("model/fraud", |r| drop(r.tags.insert(keys::SET.into(), "app=x".into())));
    for from in [None, Some("default/fraud"), Some("one/default/other"), Some("three/default/fraud")] {
        let error = two.adopt(kind, "fraud", &fraud.id(), from.map(owner).as_ref()).await.unwrap_err().to_string();
        assert!(error.contains("belongs to the object default/fraud of the installation `one`"), "{error}");
        assert!(error.contains("`--from one/default/fraud`"), "{error}");
    }
    assert!(fake.take_log(true).is_empty());
    two.adopt(kind, "fraud", &fraud.id(), Some(&owner("one/default/fraud"))).await.unwrap();
    assert_eq!(fake.resource("model/fraud").unwrap().tags[keys::OWNER], "two/default/fraud");
    assert_eq!(fake.resource("model/fraud").unwrap().tags.get(keys::SET), None);
    assert!(two.apply(from_ref(&fraud), &apply, &NoObserver).await.unwrap().is_ok());
    assert_eq!(one.apply(from_ref(&fraud), &apply, &NoObserver).await.unwrap().objects[0].outcome, Outcome::Refused);
    // Another object of the same installation takes it over in the same way, and the resource lives on.
    let other = ObjectId::new("Model", Some("team"), "other");
    assert!(two.adopt(kind, "fraud", &other, None).await.unwrap_err().to_string().contains("`--from default/fraud`"));
    two.adopt(kind, "fraud", &other, Some(&owner("default/fraud"))).await.unwrap();
    assert_eq!(fake.resource("model/fraud").unwrap().tags[keys::OWNER], "two/team/other");
    // An object has one resource, and a mark that cannot be read is not written over.
    let mut another = model("second");
    another.spec["modelName"] = json!("second");
    assert!(two.apply(&[another], &apply, &NoObserver).await.unwrap().is_ok());
    let second = two.adopt(kind, "second", &other, Some(&owner("default/second"))).await.unwrap_err().to_string();
    assert!(second.contains("the object team/other already has the model `fraud`"), "{second}");
    fake.edit("model/second", |r| drop(r.tags.insert(keys::OWNER.into(), "of a later form".into())));
    for from in [None, Some("default/second")] {
        let error = two.adopt(kind, "second", &other, from.map(owner).as_ref()).await.unwrap_err().to_string();
        assert!(error.contains("its owner tag `of a later form` is not valid"), "{error}");
    }
    assert_eq!(fake.resource("model/second").unwrap().tags[keys::OWNER], "of a later form");
    // What is nobody's is nobody's to give.
    fake.edit("model/fraud", |r| r.tags.clear());
    let error = two.adopt(kind, "fraud", &other, Some(&owner("default/fraud"))).await.unwrap_err().to_string();
    assert!(error.contains("no object owns it"), "{error}");
}

#[tokio::test]
async fn a_mark_of_before_installations_is_told_written_anew_and_then_settled() {
    let (fake, _, engine) = Fake::new();
    let engine = of(&engine, "prod");
    let pipeline = json!({"pipelineName": "p", "roleARN": ROLE, "clientRequestToken": "t".repeat(32),
        "pipelineDefinition": "{}"});
    let execution = json!({"pipelineName": "p", "pipelineExecutionDescription": "nightly"});
    let package = json!({"modelPackageGroupName": "g"});
    let objects = vec![
        model("fraud"),
        object("Pipeline", "p", pipeline),
        object("PipelineExecution", "run", execution),
        object("ModelPackageGroup", "g", json!({"modelPackageGroupName": "g"})),
        object("ModelPackage", "v1", package),
    ];
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let places = ["model/fraud", "execution/000000000001", "model-package/g/1"];
    fake.edit(places[0], |r| drop(r.tags.insert(keys::OWNER.into(), "default/fraud".into())));
    fake.edit(places[1], |r| {
        r.doc["PipelineExecutionDescription"] = json!("nightly [sagewright.dev/owner=default/run]");
    });
    fake.edit(places[2], |r| r.doc["CustomerMetadataProperties"] = json!({keys::OWNER: "default/v1"}));
    fake.take_log(false);

    let plan = engine.plan(&objects).await.unwrap();
    let told: Vec<&str> = plan.objects.iter().flat_map(|p| &p.decision.changes).map(|c| c.path.as_str()).collect();
    assert_eq!(told, ["tags.sagewright.dev/owner"; 3]);
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(fake.resource(places[0]).unwrap().tags[keys::OWNER], "prod/default/fraud");
    let description = &fake.resource(places[1]).unwrap().doc["PipelineExecutionDescription"];
    assert_eq!(description, "nightly [sagewright.dev/owner=prod/default/run]");
    let metadata = &fake.resource(places[2]).unwrap().doc["CustomerMetadataProperties"];
    assert_eq!(metadata[keys::OWNER], "prod/default/v1");
    assert_eq!((fake.count("PipelineExecution"), fake.count("ModelPackage")), (1, 1), "none was made twice");

    fake.take_log(false);
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.objects.iter().all(|o| o.outcome == Outcome::Unchanged), "{report:#?}");
    assert!(fake.take_log(true).is_empty());
}

#[test]
fn an_old_mark_goes_with_an_update_that_is_sent_anyway() {
    let kind = find("PipelineExecution").unwrap();
    let mut spec = members(kind);
    spec.insert("PipelineExecutionDisplayName".into(), json!("new"));
    let old = there(found(kind, &members(kind), "Succeeded", "default/thing", json!({})));
    let decision = decide(kind, &desired(kind, &spec), &old, NOW);
    let [Step::Update { input, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
    assert_eq!(input["PipelineExecutionDisplayName"], "new");
    assert_eq!(input["PipelineExecutionDescription"], "[sagewright.dev/owner=default/default/thing]");
    let told: Vec<&str> = decision.changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(told, ["spec.pipelineExecutionDisplayName"]);
    // While AWS takes no update, the mark waits.
    let stopping = there(found(kind, &members(kind), "Stopping", "default/thing", json!({})));
    assert!(brief(&decide(kind, &desired(kind, &members(kind)), &stopping, NOW)).starts_with("wait"));
}

const ARN: &str = "arn:aws:sagemaker:us-east-1:123456789012:thing/thing";

/// An object as a cluster holds it that ACK manages.
fn acks(kind: &str) -> Object {
    let row = find(kind).unwrap();
    let mut object = declared(row, &members(row));
    let finalizer = format!("finalizers.{}/{kind}", row.group());
    object.metadata.other.insert("finalizers".into(), json!([finalizer]));
    object.status =
        json!({"ackResourceMetadata": {"arn": ARN, "ownerAccountID": "123456789012", "region": "us-east-1"}});
    object
}

#[test]
fn what_ack_manages_is_taken_over_by_its_signs() {
    type Change = fn(&mut Object);
    let namespace = |name: &'static str| json!({keys::ACK_NAMESPACE: name});
    // (what, the change to an object that ACK manages, tags, taken over)
    let cases: Vec<(&str, Change, Value, bool)> = vec![
        (
            "all signs",
            |_| {},
            json!({keys::ACK_NAMESPACE: "default", "services.k8s.aws/controller-version": "sagemaker-1.9.1"}),
            true,
        ),
        ("without ACK's tags", |_| {}, json!({}), true),
        ("ACK's tag names another namespace", |_| {}, namespace("other"), false),
        ("no finalizer", |o| drop(o.metadata.other.shift_remove("finalizers")), namespace("default"), false),
        (
            "another's finalizer",
            |o| drop(o.metadata.other.insert("finalizers".into(), json!(["finalizers.x/Model"]))),
            namespace("default"),
            false,
        ),
        ("no status", |o| o.status = json!({}), namespace("default"), false),
        (
            "an ARN of another account",
            |o| o.status["ackResourceMetadata"]["arn"] = json!(ARN.replace("123456789012", "999999999999")),
            json!({}),
            false,
        ),
        (
            "no ARN, the same account and region",
            |o| drop(o.status["ackResourceMetadata"].as_object_mut().unwrap().shift_remove("arn")),
            json!({}),
            true,
        ),
        (
            "no ARN, another region",
            |o| o.status["ackResourceMetadata"] = json!({"ownerAccountID": "123456789012", "region": "eu-west-1"}),
            json!({}),
            false,
        ),
        ("our own older mark", |_| {}, json!({keys::OWNER: "default/thing"}), false),
        ("another object's mark", |_| {}, json!({keys::OWNER: "default/default/other"}), false),
        ("another installation's mark", |_| {}, json!({keys::OWNER: "other/default/thing"}), false),
        ("a mark that cannot be read", |_| {}, json!({keys::OWNER: "???"}), false),
    ];
    let kind = find("Model").unwrap();
    for (what, change, tags, taken) in cases {
        let mut object = acks("Model");
        change(&mut object);
        let mut found = found(kind, &members(kind), "", "", json!({}));
        let marked = tags.get(keys::OWNER).is_some();
        let tags = tags.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect();
        found = sagewright_engine::Found::new(kind, found.output, tags);
        for (policy, taken) in [(ClaimPolicy::MarkOrAck, taken), (ClaimPolicy::Mark, false)] {
            let mut desired = Desired::new(kind, &object).unwrap();
            desired.claims = Arc::new(claims("default", policy));
            let decision = decide(kind, &desired, &there(found.clone()), NOW);
            let adopts = matches!(&decision.steps[..], [Step::Adopt { owner, .. }] if owner == "default/default/thing");
            assert_eq!(adopts, taken, "{what}, {policy:?}: {decision:?}");
            // What is taken over may also be deleted, and what is not is left alone; an old mark of ours is ours.
            desired.intent = Intent::Absent;
            let deletes = decide(kind, &desired, &there(found.clone()), NOW).writes();
            assert_eq!(deletes, taken || what == "our own older mark", "{what}, {policy:?}");
            let _ = marked;
        }
    }
}

#[test]
fn what_ack_managed_is_taken_over_as_it_is() {
    // What differs, and would even be refused, waits for the next look; nothing but marks is written.
    let kind = find("InferenceComponent").unwrap();
    let mut object = acks("InferenceComponent");
    object.spec["runtimeConfig"] = json!({"copyCount": 2});
    object.spec["tags"] = json!([{"key": "team", "value": "vision"}]);
    object.spec["endpointName"] = json!("declared");
    let mut desired = Desired::new(kind, &object).unwrap();
    desired.claims = Arc::new(claims("default", ClaimPolicy::MarkOrAck));
    let more = json!({"RuntimeConfig": {"DesiredCopyCount": 5}, "EndpointName": "another"});
    let decision = decide(kind, &desired, &there(found(kind, &members(kind), "InService", "", more)), NOW);
    let [Step::Adopt { .. }, Step::SyncTags { add, remove, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
    assert!(remove.is_empty() && add.keys().all(|key| key.starts_with(keys::PREFIX)), "{add:?}");
    // What ACK applied is what is declared: an autoscaler's copies are not taken back at the next look.
    assert!(add.contains_key(keys::LAST_SCALE) && add[keys::TAG_KEYS] == "team");
    // A kind that AWS names is taken over by its ARN alone.
    let kind = find("ModelPackage").unwrap();
    for (status, taken) in [
        (json!({"ackResourceMetadata": {"arn": ARN}}), true),
        (json!({"ackResourceMetadata": {"ownerAccountID": "123456789012", "region": "us-east-1"}}), false),
    ] {
        let mut desired = Desired::new(kind, &Object { status, ..acks("ModelPackage") }).unwrap();
        desired.claims = Arc::new(claims("default", ClaimPolicy::MarkOrAck));
        let decision = decide(kind, &desired, &there(found(kind, &members(kind), "Completed", "", json!({}))), NOW);
        assert_eq!(matches!(decision.steps[..], [Step::Adopt { .. }]), taken, "{decision:?}");
    }
}

#[tokio::test]
async fn what_ack_manages_is_applied_with_no_write_but_the_mark() {
    let (fake, _, engine) = Fake::new();
    let job = training_job("mnist");
    engine.apply(from_ref(&job), &ApplyOptions::default(), &NoObserver).await.unwrap();
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/mnist";
    fake.edit("training-job/mnist", |r| {
        r.tags = [("team", "vision"), (keys::ACK_NAMESPACE, "default")].map(|(k, v)| (k.into(), v.into())).into();
    });
    let mut live = job.clone();
    live.metadata.other.insert("finalizers".into(), json!(["finalizers.sagemaker.services.k8s.aws/TrainingJob"]));
    live.status = json!({"ackResourceMetadata": {"arn": arn}});
    fake.take_log(false);
    let refused = engine.apply(from_ref(&live), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(refused.objects[0].outcome, Outcome::Refused, "a terminal takes over nothing that it is not told to");
    let operator = engine.clone().with_claims(claims("cluster", ClaimPolicy::MarkOrAck));
    let report = operator.apply(from_ref(&live), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{report:#?}");
    let calls = fake.take_log(true);
    assert!(calls.iter().all(|call| call.starts_with("AddTags")), "{calls:?}");
    let tags = fake.resource("training-job/mnist").unwrap().tags;
    assert_eq!(tags[keys::OWNER], "cluster/default/mnist");
    assert_eq!((tags["team"].as_str(), tags[keys::ACK_NAMESPACE].as_str()), ("vision", "default"));
    operator.apply(from_ref(&live), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(fake.take_log(true).is_empty());
}

fn adopting(mut object: Object, fields: Value) -> Object {
    object.metadata.annotations.insert(keys::ADOPTION_POLICY.into(), "adopt".into());
    object.metadata.annotations.insert(keys::ADOPTION_FIELDS.into(), fields.to_string());
    object
}

#[tokio::test]
async fn adoption_goes_by_what_a_kind_is_known_by() {
    let (fake, _, engine) = Fake::new();
    let endpoint = object("Endpoint", "mine", json!({}));
    let by_name = json!({"endpointName": "live"});
    let by_arn = json!({"arn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/live"});
    let elsewhere = json!({"arn": "arn:aws:sagemaker:us-east-1:999999999999:endpoint/live"});
    let missing = json!({"endpointName": "nobody"});
    let input = json!({"EndpointName": "live", "EndpointConfigName": "c"});
    fake.peek("CreateEndpoint", &input).unwrap();
    for (fields, outcome) in [
        (missing, Outcome::Refused),
        (elsewhere, Outcome::Refused),
        (by_arn, Outcome::Adopted),
        (by_name, Outcome::Adopted),
    ] {
        fake.edit("endpoint/live", |r| r.tags.clear());
        let object = adopting(endpoint.clone(), fields.clone());
        let report = engine.apply(from_ref(&object), &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, outcome, "{fields}: {}", report.objects[0].message);
        let marked = fake.resource("endpoint/live").unwrap().tags.contains_key(keys::OWNER);
        assert_eq!(marked, outcome == Outcome::Adopted, "{fields}");
    }
    assert_eq!(fake.count("Endpoint"), 1);
    // Several members name a scalable target.
    let target = json!({"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/live/variant/a",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "MinCapacity": 1, "MaxCapacity": 3});
    fake.peek("RegisterScalableTarget", &target).unwrap();
    let fields = json!({"serviceNamespace": "sagemaker", "resourceID": "endpoint/live/variant/a",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount"});
    let object = adopting(object("ScalableTarget", "target", json!({})), fields);
    let report = engine.apply(from_ref(&object), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Adopted, "{}", report.objects[0].message);
}

#[tokio::test]
async fn a_description_cannot_pass_for_a_mark_or_break_one() {
    let (fake, _, engine) = Fake::new();
    let pipeline = json!({"pipelineName": "p", "roleARN": ROLE, "clientRequestToken": "t".repeat(32),
        "pipelineDefinition": "{}"});
    let pipeline = object("Pipeline", "p", pipeline);
    for (i, text) in [
        "[sagewright.dev/owner=other/thing]",
        "nightly [sagewright.dev/owner=default/default/other]",
        "nightly [sagewright.dev/owner=]",
        "ends in a space ",
        "[sagewright.dev/owner=a/b] and more]",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        let run = |text: &str| {
            let spec = json!({"pipelineName": "p", "pipelineExecutionDescription": text});
            object("PipelineExecution", &format!("run-{i}"), spec)
        };
        let objects = [pipeline.clone(), run(text)];
        let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert!(report.is_ok(), "{text}: {report:#?}");
        fake.take_log(false);
        let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert!(report.objects.iter().all(|o| o.outcome == Outcome::Unchanged), "{text}: {report:#?}");
        assert!(fake.take_log(true).is_empty(), "{text}");
        assert_eq!(fake.count("PipelineExecution"), i + 1, "{text}");
        let changed = [pipeline.clone(), run(&format!("{text}.x"))];
        let report = engine.apply(&changed, &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert!(report.is_ok() && report.objects.iter().any(|o| o.outcome == Outcome::Updated), "{text}: {report:#?}");
        assert_eq!(fake.count("PipelineExecution"), i + 1, "{text}");
    }
}

#[tokio::test]
async fn the_newest_resource_that_bears_a_mark_is_meant() {
    let (fake, _, engine) = Fake::new();
    for (name, at) in
        [("m-1", "2026-01-01T00:00:00Z"), ("m-3", "2026-01-03T00:00:00Z"), ("m-2", "2026-01-02T00:00:00Z")]
    {
        let tags = json!([{"Key": keys::OWNER, "Value": "default/default/fraud"}]);
        let input =
            json!({"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "i"}, "Tags": tags});
        fake.peek("CreateModel", &input).unwrap();
        fake.edit(&format!("model/{name}"), |r| r.doc["CreationTime"] = json!(at));
    }
    // The fake lists what was made last first.
    let newest = "m-2";
    let config = json!({"endpointConfigName": "c", "productionVariants": [{"variantName": "a",
        "modelRef": {"from": {"name": "fraud"}}, "instanceType": "ml.m5.large", "initialInstanceCount": 1}]});
    let config = object("EndpointConfig", "c", config);
    let report = engine.apply(&[config], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{report:#?}");
    let made = fake.resource("endpoint-config/c").unwrap().doc;
    assert_eq!(made["ProductionVariants"][0]["ModelName"], newest);
}
