//! Behaviour that no row can say, state by state. Nothing is called here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use crate::support::decisions::{NOW, desired, there};
use sagewright_engine::{Decision, Desired, Found, Observed, Step, decide, keys, mark};
use sagewright_kinds::{Kind, find};
use serde_json::{Map, Value, json};

const STOPPED_FOR: &str = "sagewright.dev/stopped-for";

/// A resource of ours with these members, this status word and these tags besides the owner's.
fn ours(kind: &Kind, output: &Value, word: &str, tags: &[(&str, &str)]) -> Found {
    let mut output = output.clone();
    let row = kind.row();
    output[row.identity.arn.as_deref().unwrap()] = json!("arn:aws:sagemaker:us-east-1:123456789012:thing/thing");
    output[row.identity.name[0].as_str()] = json!("thing");
    if !word.is_empty() {
        output[row.status.member.as_deref().unwrap()] = json!(word);
    }
    let mut all = BTreeMap::from([(keys::OWNER.to_owned(), "default/default/thing".to_owned())]);
    all.extend(tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    Found::new(kind, output, all)
}

fn declared(kind: &Kind, more: &Value) -> Desired {
    let mut spec = Map::from_iter([(kind.row().identity.name[0].clone(), json!("thing"))]);
    spec.extend(more.as_object().unwrap().clone());
    desired(kind, &spec)
}

/// Steps in short: operations, and tags that come and go.
fn steps(decision: &Decision) -> String {
    let one = |step: &Step| match step {
        Step::Update { operation, .. } | Step::Stop { operation, .. } | Step::Delete { operation, .. } => {
            operation.clone()
        }
        Step::SyncTags { add, remove, .. } => {
            let add = add.keys().map(|k| format!("+{k}"));
            add.chain(remove.iter().map(|k| format!("-{k}"))).collect::<Vec<_>>().join("")
        }
        Step::Wait { .. } => "wait".to_owned(),
        Step::Refuse(refusal) => format!("refuse({:?})", refusal.kind),
        other => format!("{other:?}"),
    };
    decision.steps.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn input<'d>(decision: &'d Decision, operation: &str) -> &'d Value {
    let of = |step: &'d Step| match step {
        Step::Update { operation: o, input } | Step::Stop { operation: o, input } if o == operation => Some(input),
        _ => None,
    };
    decision.steps.iter().find_map(of).unwrap_or_else(|| panic!("no {operation} in {:?}", decision.steps))
}

#[test]
fn a_notebook_instance_is_stopped_updated_and_started_again() {
    let kind = find("NotebookInstance").unwrap();
    let there_is = json!({"InstanceType": "ml.t3.medium"});
    let same = declared(kind, &there_is);
    let other = declared(kind, &json!({"InstanceType": "ml.t3.large"}));
    let plus = format!("+{STOPPED_FOR} StopNotebookInstance");
    let minus = format!("-{STOPPED_FOR}");
    // (status, remembered, as declared, other than declared)
    let table = [
        ("Pending", false, "wait", "wait"),
        ("InService", false, "", plus.as_str()),
        ("InService", true, minus.as_str(), "StopNotebookInstance"),
        ("Stopping", true, "wait", "wait"),
        ("Stopped", true, "StartNotebookInstance", "UpdateNotebookInstance"),
        // Whoever stopped it finds it stopped.
        ("Stopped", false, "", "UpdateNotebookInstance"),
        ("Updating", true, "wait", "wait"),
        ("Failed", false, "", "refuse(Failed)"),
        ("Deleting", true, "wait", "wait"),
    ];
    for (word, remembered, as_declared, changed) in table {
        let tags: &[(&str, &str)] = if remembered { &[(STOPPED_FOR, "UpdatePending")] } else { &[] };
        let found = ours(kind, &there_is, word, tags);
        assert_eq!(found.status.get("stoppedByControllerMetadata").is_some(), remembered);
        let observed = there(found);
        assert_eq!(steps(&decide(kind, &same, &observed, NOW)), as_declared, "{word}, remembered: {remembered}");
        assert_eq!(steps(&decide(kind, &other, &observed, NOW)), changed, "{word}, remembered: {remembered}");
    }
    let stopped = there(ours(kind, &there_is, "Stopped", &[]));
    let decision = decide(kind, &other, &stopped, NOW);
    let sent = json!({"NotebookInstanceName": "thing", "InstanceType": "ml.t3.large"});
    assert_eq!(*input(&decision, "UpdateNotebookInstance"), sent);
}

#[test]
fn what_a_notebook_instance_no_longer_declares_is_taken_off_it() {
    let kind = find("NotebookInstance").unwrap();
    let output = json!({
        "InstanceType": "ml.t3.medium", "NotebookInstanceLifecycleConfigName": "setup",
        "DefaultCodeRepository": "code", "AdditionalCodeRepositories": ["more"], "AcceleratorTypes": ["ml.eia1.medium"],
    });
    let observed = there(ours(kind, &output, "Stopped", &[]));
    let none = declared(kind, &json!({"InstanceType": "ml.t3.medium"}));
    let decision = decide(kind, &none, &observed, NOW);
    assert_eq!(
        *input(&decision, "UpdateNotebookInstance"),
        json!({
            "NotebookInstanceName": "thing", "DisassociateLifecycleConfig": true,
            "DisassociateDefaultCodeRepository": true, "DisassociateAdditionalCodeRepositories": true,
            "DisassociateAcceleratorTypes": true,
        })
    );
    let paths: Vec<&str> = decision.changes.iter().map(|c| c.path.as_str()).collect();
    assert!(paths.contains(&"spec.lifecycleConfigName") && paths.len() == 4, "{paths:?}");
    // Another one in its place is sent, not cleared.
    let mut other = output.clone();
    other["LifecycleConfigName"] = json!("other");
    let decision = decide(kind, &declared(kind, &other), &observed, NOW);
    let sent = json!({"NotebookInstanceName": "thing", "LifecycleConfigName": "other"});
    assert_eq!(*input(&decision, "UpdateNotebookInstance"), sent);
}

#[test]
fn a_model_card_takes_its_content_and_its_status_in_two_updates() {
    let kind = find("ModelCard").unwrap();
    let card = |content: &str, status: &str| json!({"Content": content, "ModelCardStatus": status});
    // (there, declared, member that is sent first)
    let table = [
        (card("{}", "Draft"), card("{\"a\": 1}", "Draft"), Some("Content")),
        (card("{}", "Draft"), card("{}", "Approved"), Some("ModelCardStatus")),
        (card("{}", "Draft"), card("{\"a\": 1}", "Archived"), Some("Content")),
        (card("{}", "Archived"), card("{\"a\": 1}", "Draft"), Some("ModelCardStatus")),
        (card("{\"a\":1}", "Draft"), card("{ \"a\": 1 }", "Draft"), None),
    ];
    for (is, wanted, sent) in table {
        let decision = decide(kind, &declared(kind, &wanted), &there(ours(kind, &is, "", &[])), NOW);
        let Some(member) = sent else {
            assert!(decision.steps.is_empty(), "{decision:?}");
            continue;
        };
        let sent = json!({"ModelCardName": "thing", member: wanted[member]});
        assert_eq!(*input(&decision, "UpdateModelCard"), sent, "{is} → {wanted}");
        assert!(decision.changes.iter().all(|c| !c.sensitive || c.to == Some(json!("(sensitive)"))));
    }
    let going = there(ours(kind, &card("{}", "Draft"), "DeleteInProgress", &[]));
    assert_eq!(steps(&decide(kind, &declared(kind, &card("{}", "Draft")), &going, NOW)), "wait");
    let gone = there(ours(kind, &card("{}", "Draft"), "DeleteCompleted", &[]));
    let decision = decide(kind, &declared(kind, &card("{}", "Draft")), &gone, NOW);
    assert!(matches!(decision.steps.as_slice(), [Step::Create { .. }]), "{:?}", decision.steps);
}

#[test]
fn a_running_experiment_is_stopped_with_an_action_for_each_variant() {
    let kind = find("InferenceExperiment").unwrap();
    let output = json!({
        "ModelVariants": [{"VariantName": "live"}, {"VariantName": "tried"}],
        "ShadowModeConfig": {"SourceModelVariantName": "live", "ShadowModelVariants": [{"ShadowModelVariantName": "tried"}]},
    });
    let mut absent = declared(kind, &json!({}));
    absent.intent = sagewright_engine::Intent::Absent;
    let decision = decide(kind, &absent, &there(ours(kind, &output, "Running", &[])), NOW);
    assert_eq!(
        *input(&decision, "StopInferenceExperiment"),
        json!({"Name": "thing", "DesiredState": "Cancelled", "ModelVariantActions": {"live": "Retain", "tried": "Remove"}})
    );
    for word in ["Created", "Completed", "Cancelled"] {
        let decision = decide(kind, &absent, &there(ours(kind, &output, word, &[])), NOW);
        assert_eq!(steps(&decision), "DeleteInferenceExperiment", "{word}");
    }
}

#[test]
fn elements_of_a_list_that_are_no_longer_declared_are_named() {
    let kind = find("Cluster").unwrap();
    let group = |name: &str, count: i64| json!({"InstanceGroupName": name, "InstanceCount": count});
    let output = json!({"InstanceGroups": [
        {"InstanceGroupName": "a", "TargetCount": 1, "CurrentCount": 1}, {"InstanceGroupName": "b", "TargetCount": 2}]});
    let observed = there(ours(kind, &output, "InService", &[]));
    let same = declared(kind, &json!({"InstanceGroups": [group("b", 2), group("a", 1)]}));
    assert_eq!(steps(&decide(kind, &same, &observed, NOW)), "");
    let fewer = declared(kind, &json!({"InstanceGroups": [group("a", 1)]}));
    let decision = decide(kind, &fewer, &observed, NOW);
    let sent = json!({"ClusterName": "thing", "InstanceGroups": [group("a", 1)], "InstanceGroupsToDelete": ["b"]});
    assert_eq!(*input(&decision, "UpdateCluster"), sent);
}

#[test]
fn ids_come_out_of_arns() {
    let arn = |rest: &str| format!("arn:aws:sagemaker:us-east-1:123456789012:{rest}");
    let table = [
        ("Domain", "DomainArn", arn("domain/d-1"), json!({"DomainId": "d-1"})),
        ("ComputeQuota", "ComputeQuotaArn", arn("compute-quota/abc"), json!({"ComputeQuotaId": "abc"})),
        ("ImageVersion", "ImageVersionArn", arn("image-version/mine/3"), json!({"ImageName": "mine", "Version": 3})),
    ];
    for (kind, member, arn, expected) in table {
        let kind = find(kind).unwrap();
        let found = Found::new(
            kind,
            json!({member: arn, "ReleaseNotes": mark::suffix("default/default/thing")}),
            BTreeMap::from([(keys::OWNER.to_owned(), "default/default/thing".to_owned())]),
        );
        let mut absent = desired(kind, &Map::new());
        absent.intent = sagewright_engine::Intent::Absent;
        let found = Found { phase: sagewright_kinds::Phase::Settled, ..found };
        let decision = decide(kind, &absent, &Observed::Found(Box::new(found)), NOW);
        let Some(Step::Delete { input, .. }) = decision.steps.first() else { panic!("{:?}", decision.steps) };
        assert_eq!(*input, expected);
    }
}
