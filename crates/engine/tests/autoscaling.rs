//! What AWS's autoscaling moves is left alone, and what an update keeps is said.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;

use crate::support::decisions::{NOW, desired, found, members, object as declared, there};
use crate::support::{Fake, object};
use sagewright_engine::{ApplyOptions, Desired, Found, NoObserver, Object, Outcome, RefusalKind, Step, decide, keys};
use sagewright_kinds::{all, find};
use serde_json::{Value, json};

const OURS: &str = "default/default/thing";

/// Every dimension of SageMaker's that Application Auto Scaling moves: the kind whose declaration it moves, or how that is
/// out of the way.
const DIMENSIONS: &[(&str, &str)] = &[
    // Counts and concurrency stand in an endpoint's config as initial values, and no read of a config shows where the
    // autoscaler has them; an update of the endpoint keeps them by RetainAllVariantProperties.
    ("sagemaker:variant:DesiredInstanceCount", "Endpoint keeps"),
    ("sagemaker:variant:DesiredProvisionedConcurrency", "Endpoint keeps"),
    ("sagemaker:inference-component:DesiredCopyCount", "InferenceComponent"),
];

#[test]
fn every_dimension_of_sagemaker_is_accounted_for() {
    let service = find("ScalableTarget").unwrap().service();
    let dimension = service.shape("ScalableDimension").unwrap();
    let known: Vec<&str> =
        dimension.enumeration.iter().map(|e| e.as_str()).filter(|d| d.starts_with("sagemaker:")).collect();
    assert_eq!(known, DIMENSIONS.iter().map(|(dimension, _)| *dimension).collect::<Vec<_>>());
    for (dimension, kind) in DIMENSIONS {
        let rows: Vec<&str> = all()
            .iter()
            .filter(|kind| kind.row().spec.scaled.values().any(|mover| mover == dimension))
            .map(|kind| kind.name())
            .collect();
        match kind.strip_suffix(" keeps") {
            Some(kind) => {
                assert!(rows.is_empty());
                let kept = &find(kind).unwrap().row().update.constants;
                assert_eq!(kept.get("RetainAllVariantProperties"), Some(&json!(true)));
            }
            None => assert_eq!(rows, [*kind]),
        }
    }
    // Whatever else a row says is moved is a dimension or a scheduled action.
    for mover in all().iter().flat_map(|kind| kind.row().spec.scaled.values()) {
        assert!(known.contains(&mover.as_str()) || mover == "scheduled actions", "{mover}");
    }
}

fn component(copies: i64) -> Object {
    let spec = json!({"inferenceComponentName": "ic", "endpointName": "e", "variantName": "v",
        "specification": {"modelName": "m", "computeResourceRequirements": {"minMemoryRequiredInMb": 1024}},
        "runtimeConfig": {"copyCount": copies}});
    object("InferenceComponent", "ic", spec)
}

#[tokio::test]
async fn an_autoscalers_copies_are_left_alone_until_the_declaration_changes() {
    let (fake, _, engine) = Fake::new();
    let apply = async |object: Object| {
        let report = engine.apply(from_ref(&object), &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert!(report.is_ok(), "{report:#?}");
        (report.objects[0].outcome, report.objects[0].message.clone())
    };
    let scale =
        |to: i64| fake.edit("inference-component/ic", |r| r.doc["RuntimeConfig"]["DesiredCopyCount"] = json!(to));
    let name = json!({"InferenceComponentName": "ic"});
    let copies = || fake.peek("DescribeInferenceComponent", &name).unwrap()["RuntimeConfig"].clone();
    apply(component(2)).await;
    for moved in [7, 1, 4] {
        scale(moved);
        let (outcome, message) = apply(component(2)).await;
        assert_eq!(outcome, Outcome::Unchanged);
        assert!(message.contains(&format!("spec.runtimeConfig.copyCount is {moved} and declared as 2")), "{message}");
        assert!(message.contains("sagemaker:inference-component:DesiredCopyCount"), "{message}");
    }
    assert_eq!(apply(component(3)).await.0, Outcome::Updated);
    assert_eq!(copies()["DesiredCopyCount"], 3, "{}", copies());
    // Back to what was declared first is a change of the declaration too.
    assert_eq!(apply(component(2)).await.0, Outcome::Updated);
    assert_eq!(copies()["DesiredCopyCount"], 2, "{}", copies());
}

/// (what, declared copies, there, tags there, what is sent)
type Case = (&'static str, Option<i64>, i64, Option<i64>, Option<i64>);

#[test]
fn copies_count_when_nobody_knows_what_was_declared_last_or_that_was_something_else() {
    let kind = find("InferenceComponent").unwrap();
    let spec = |copies: Option<i64>| {
        let mut spec = members(kind);
        spec.extend(copies.map(|copies| ("RuntimeConfig".to_owned(), json!({"CopyCount": copies}))));
        spec
    };
    let print = |copies: i64| {
        let decision = decide(kind, &desired(kind, &spec(Some(copies))), &sagewright_engine::Observed::MISSING, NOW);
        let [Step::Create { input, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
        let tags = input["Tags"].as_array().unwrap();
        tags.iter().find(|tag| tag["Key"] == keys::LAST_SCALE).unwrap()["Value"].as_str().unwrap().to_owned()
    };
    let cases: [Case; 7] = [
        ("as declared", Some(2), 2, Some(2), None),
        ("moved", Some(2), 5, Some(2), None),
        ("declared anew", Some(3), 5, Some(2), Some(3)),
        ("declared anew as it is", Some(5), 5, Some(2), None),
        ("nobody knows", Some(2), 5, None, Some(2)),
        ("nobody knows, as declared", Some(2), 2, None, None),
        ("no longer declared", None, 5, Some(2), None),
    ];
    for (what, copies, there_are, remembered, sent) in cases {
        let more = json!({"RuntimeConfig": {"DesiredCopyCount": there_are}});
        let mut found = found(kind, &members(kind), "InService", OURS, more);
        found.tags.extend(remembered.map(|copies| (keys::LAST_SCALE.to_owned(), print(copies))));
        let decision = decide(kind, &desired(kind, &spec(copies)), &there(found.clone()), NOW);
        let update = decision.steps.iter().find_map(|step| match step {
            Step::Update { input, .. } => Some(input["RuntimeConfig"]["CopyCount"].clone()),
            _ => None,
        });
        assert_eq!(update, sent.map(|n| json!(n)), "{what}");
        let carry_out = |found: &mut Found, steps: &[Step]| {
            for step in steps {
                if let Step::SyncTags { add, remove, .. } = step {
                    found.tags.extend(add.clone());
                    found.tags.retain(|key, _| !remove.contains(key));
                }
            }
        };
        carry_out(&mut found, &decision.steps);
        if let Some(sent) = sent {
            // An update counts as applied when it is seen: it may be on its way, or come to nothing.
            assert_eq!(found.tags.get(keys::LAST_SCALE).cloned(), remembered.map(print), "{what}");
            let more = json!({"RuntimeConfig": {"DesiredCopyCount": sent}});
            let shown = crate::support::decisions::found(kind, &members(kind), "Updating", OURS, more);
            found = Found { tags: found.tags, ..shown };
            let decision = decide(kind, &desired(kind, &spec(copies)), &there(found.clone()), NOW);
            carry_out(&mut found, &decision.steps);
        }
        assert_eq!(found.tags.get(keys::LAST_SCALE).cloned(), copies.map(print), "{what}");
    }
}

#[test]
fn an_update_of_something_else_sends_what_autoscaling_made_of_it() {
    let kind = find("ScalableTarget").unwrap();
    let mut spec = members(kind);
    spec.extend([("MinCapacity".to_owned(), json!(1)), ("MaxCapacity".to_owned(), json!(4))]);
    let remembered = {
        let decision = decide(kind, &desired(kind, &spec), &sagewright_engine::Observed::MISSING, NOW);
        let [Step::Create { input, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
        input["Tags"][keys::LAST_SCALE].as_str().unwrap().to_owned()
    };
    let mut found = found(kind, &members(kind), "", OURS, json!({"MinCapacity": 3, "MaxCapacity": 9}));
    found.tags.insert(keys::LAST_SCALE.to_owned(), remembered);
    assert!(decide(kind, &desired(kind, &spec), &there(found.clone()), NOW).steps.is_empty(), "a scheduled action's");
    spec.insert("SuspendedState".into(), json!({"ScheduledScalingSuspended": true}));
    let decision = decide(kind, &desired(kind, &spec), &there(found), NOW);
    let Some(Step::Update { input, .. }) = decision.steps.first() else { panic!("{decision:?}") };
    assert_eq!((&input["MinCapacity"], &input["MaxCapacity"]), (&json!(3), &json!(9)));
    assert_eq!(input["SuspendedState"]["ScheduledScalingSuspended"], true);
}

#[test]
fn copies_that_aws_went_back_from_are_a_failure_and_not_autoscaling() {
    let kind = find("InferenceComponent").unwrap();
    let mut spec = members(kind);
    spec.insert("RuntimeConfig".into(), json!({"CopyCount": 9}));
    let more = json!({"RuntimeConfig": {"DesiredCopyCount": 2}});
    let first = found(kind, &members(kind), "InService", OURS, more.clone());
    let decision = decide(kind, &desired(kind, &spec), &there(first), NOW);
    let [Step::Update { .. }, Step::SyncTags { add, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
    let mut back = more;
    back["FailureReason"] = json!("no capacity");
    let mut back = found(kind, &members(kind), "InService", OURS, back);
    back.tags.extend(add.clone());
    let decision = decide(kind, &desired(kind, &spec), &there(back.clone()), NOW);
    assert_eq!(decision.refusal().map(|r| r.kind), Some(RefusalKind::Failed), "{decision:?}");
    // Whoever goes back to what runs may send it again.
    spec.insert("RuntimeConfig".into(), json!({"CopyCount": 2}));
    let decision = decide(kind, &desired(kind, &spec), &there(back), NOW);
    assert!(decision.refusal().is_none() && !decision.steps.iter().any(|s| matches!(s, Step::Update { .. })));
}

#[test]
fn an_endpoints_update_keeps_variants_as_they_are_unless_it_says_otherwise() {
    let kind = find("Endpoint").unwrap();
    let with = |config: &str, retain: Option<bool>| {
        let mut object = declared(kind, &members(kind));
        object.spec["endpointConfigName"] = json!(config);
        if let Some(retain) = retain {
            object.spec["retainAllVariantProperties"] = json!(retain);
        }
        assert_eq!(sagewright_engine::check(from_ref(&object)), Ok(()));
        Desired::new(kind, &object).unwrap()
    };
    let there_is = there(found(kind, &members(kind), "InService", OURS, json!({"EndpointConfigName": "old"})));
    for (retain, sent) in [(None, true), (Some(true), true), (Some(false), false)] {
        let decision = decide(kind, &with("new", retain), &there_is, NOW);
        let Some(Step::Update { input, .. }) = decision.steps.first() else { panic!("{decision:?}") };
        assert_eq!(input["RetainAllVariantProperties"], sent, "{retain:?}");
        let told = decision.notes.iter().any(|note| note.contains("those of the new config are ignored"));
        assert_eq!(told, sent, "{retain:?}: {:?}", decision.notes);
        // Without another config there is nothing to send, and nothing to say.
        let same = decide(kind, &with("old", retain), &there_is, NOW);
        assert!(same.steps.is_empty() && same.notes.is_empty() && same.changes.is_empty(), "{same:?}");
        // A create has no such member.
        let created = decide(kind, &with("new", retain), &sagewright_engine::Observed::MISSING, NOW);
        let [Step::Create { input, .. }] = &created.steps[..] else { panic!("{created:?}") };
        assert_eq!(input.get("RetainAllVariantProperties"), None::<&Value>);
    }
}

#[test]
fn an_endpoints_update_may_take_some_properties_of_the_new_config() {
    let kind = find("Endpoint").unwrap();
    let mut object = declared(kind, &members(kind));
    object.spec["endpointConfigName"] = json!("new");
    object.spec["excludeRetainedVariantProperties"] = json!([{"variantPropertyType": "DesiredWeight"}]);
    assert_eq!(sagewright_engine::check(from_ref(&object)), Ok(()));
    let desired = Desired::new(kind, &object).unwrap();
    let there_is = there(found(kind, &members(kind), "InService", OURS, json!({"EndpointConfigName": "old"})));
    let decision = decide(kind, &desired, &there_is, NOW);
    let Some(Step::Update { input, .. }) = decision.steps.first() else { panic!("{decision:?}") };
    assert_eq!(input["ExcludeRetainedVariantProperties"], json!([{"VariantPropertyType": "DesiredWeight"}]));
    assert_eq!(input["RetainAllVariantProperties"], true);
}

#[tokio::test]
async fn an_update_of_copies_that_reads_do_not_show_yet_is_waited_for_and_not_sent_again() {
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[component(2)], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let (log, at) = (std::sync::Mutex::new(Vec::new()), std::sync::Mutex::new(None::<(i64, Value)>));
    let (seen, now) = (std::sync::Arc::clone(&fake), std::sync::Arc::clone(&clock));
    let log = std::sync::Arc::new(log);
    let calls = std::sync::Arc::clone(&log);
    // For some seconds after an update reads show what was there before it.
    let stale = crate::support::hooked(&fake, &clock, move |_, operation, input| {
        let mut at = at.lock().unwrap();
        if operation == "UpdateInferenceComponent" {
            calls.lock().unwrap().push(input.to_string());
            let name = json!({"InferenceComponentName": "ic"});
            *at = Some((now.millis(), seen.peek("DescribeInferenceComponent", &name).unwrap()));
        }
        let (since, old) = at.as_ref()?;
        (operation == "DescribeInferenceComponent" && now.millis() < since + 7_000).then(|| Ok(old.clone()))
    });
    let report = stale.apply(&[component(3)], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Updated, "{report:#?}");
    assert_eq!(log.lock().unwrap().len(), 1, "{:?}", log.lock().unwrap());
    assert_eq!(report.objects[0].object.spec["runtimeConfig"]["copyCount"], 3);
}
