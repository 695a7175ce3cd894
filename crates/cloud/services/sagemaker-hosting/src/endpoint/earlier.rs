//! Records of versions that kept no state but the deployments themselves, beside what the record shows.

use serde::Deserialize as _;

use super::plan::Deployment;
use super::state::{Health, Phase, Request, Served, State, Step};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, epoch};

/// The state of a record without one. An endpoint whose deployments cannot be read has failed: it can be deleted.
pub(super) fn state(record: &Record) -> State {
    let text = |member: &str| record.body[member].as_str().map(str::to_owned);
    let unread = State {
        name: text("EndpointName").unwrap_or_else(|| record.key.name.clone()),
        arn: record.arn.clone(),
        epoch: epoch(record),
        modified: record.modified,
        failure: text("FailureReason"),
        served: None,
        mixed: None,
        phase: if record.status == "Deleting" { Phase::Deleting } else { Phase::Settled },
    };
    let down = record.body[HIDDEN]["down"] == true;
    let served = deployment(record, "current").map(|deployment| Served {
        deployment,
        since: resolved(record).unwrap_or(record.modified),
        health: if record.status == "OutOfService" || down { Health::Down } else { Health::Up },
        id: 0,
    });
    let target = deployment(record, "next");
    match (&*record.status, served, target) {
        ("InService" | "OutOfService", served @ Some(_), _) | ("Deleting", served, _) => State { served, ..unread },
        ("Failed", None, _) => unread,
        ("SystemUpdating", Some(served), None) => State { served: Some(served), phase: Phase::Restoring, ..unread },
        ("Creating", None, Some(target)) => deploying(unread, None, target, Request::Creation),
        ("Updating", Some(served), Some(target)) => {
            let summary = record.body.get("PendingDeploymentSummary").is_some();
            deploying(unread, Some(served), target, if summary { Request::Update } else { Request::Weights })
        }
        _ => State { failure: Some("What this endpoint served cannot be read.".to_owned()), ..unread },
    }
}

fn deploying(state: State, served: Option<Served>, target: Deployment, request: Request) -> State {
    State { served, phase: Phase::Deploying { target, id: 0, request, step: Step::BringUp }, ..state }
}

fn deployment(record: &Record, member: &str) -> Option<Deployment> {
    Deployment::deserialize(&record.body[HIDDEN][member]).ok()
}

/// When the deployment was complete, in milliseconds since 1970: its images were resolved then.
#[allow(clippy::cast_possible_truncation)] // a time of ours
fn resolved(record: &Record) -> Option<i64> {
    let image = &record.body["ProductionVariants"][0]["DeployedImages"][0];
    image["ResolutionTime"].as_f64().map(|seconds| (seconds * 1000.0).round() as i64)
}
