//! Every SageMaker resource that can be created and described has a row, or a reason why not.
#![allow(clippy::unwrap_used)]

use sagewright_kinds::{all, find};

/// Pairs of a create and a describe operation without a row, and why.
const WITHOUT: &[(&str, &str)] = &[];

/// The nouns that the model has both a create and a describe operation for.
fn pairs() -> Vec<&'static str> {
    let model = sagewright_model::service("sagemaker").unwrap();
    let nouns = model.operations.keys().filter_map(|o| o.strip_prefix("Create"));
    nouns.filter(|noun| model.operation(&format!("Describe{noun}")).is_some()).collect()
}

#[test]
fn every_pair_of_create_and_describe_has_a_row_or_a_reason() {
    let pairs = pairs();
    assert!(pairs.len() >= 67, "{}", pairs.len());
    for noun in &pairs {
        let row = all().iter().any(|kind| kind.row().operations.create == format!("Create{noun}"));
        let reason = WITHOUT.iter().any(|(without, reason)| without == noun && !reason.is_empty());
        assert!(row != reason, "{noun}: {}", if row { "has a row and a reason" } else { "needs a row, or a reason" });
    }
    for (noun, _) in WITHOUT {
        assert!(pairs.contains(noun), "{noun} is no pair of the model any more");
    }
}

/// What the rows say of a pair is what the model's names lead to, where there is such an operation.
#[test]
fn rows_use_the_operations_of_their_noun() {
    let model = sagewright_model::service("sagemaker").unwrap();
    for noun in pairs() {
        let kind = find(noun).unwrap();
        let operations = &kind.row().operations;
        assert_eq!(operations.read, format!("Describe{noun}"));
        let delete = format!("Delete{noun}");
        let deletes = model.operation(&delete).is_some();
        assert!(operations.delete.as_ref().is_none_or(|d| *d == delete), "{noun}");
        assert!(!deletes || operations.delete.is_some() || kind.is_job(), "{noun}: {delete} is not used");
        let stop = format!("Stop{noun}");
        let stops = model.operation(&stop).is_some() && !["MlflowTrackingServer", "MonitoringSchedule"].contains(&noun);
        assert!(!stops || operations.stop.as_ref() == Some(&stop), "{noun}: {stop} is not used");
        // ACK leaves out UpdateFeatureGroup, and so does this row.
        let update = format!("Update{noun}");
        let updates = model.operation(&update).is_some() && noun != "FeatureGroup";
        assert!(!updates || operations.update.as_ref() == Some(&update), "{noun}: {update} is not used");
        let list = operations.list.as_deref().unwrap_or_default();
        assert!(model.operation(list).is_some(), "{noun} has no listing");
    }
}

/// Creates say nothing that the status does not show.
#[test]
fn what_a_create_answers_is_in_the_status_or_the_spec() {
    for kind in all() {
        let Some(answer) = kind.service().output(&kind.row().operations.create) else { continue };
        for member in answer.members.keys().filter(|m| !m.ends_with("Arn") && !m.ends_with("ARN")) {
            let field = kind.status_fields().values().any(|m| m == member);
            assert!(field, "{}: the status has no {member}", kind.name());
        }
    }
}
