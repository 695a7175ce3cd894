//! The endpoint's decisions, without a host or a store.

mod any;
mod earlier;
mod guard;
mod guard_any;
mod table;

use serde_json::json;

use super::change::{Retain, Wanted};
use super::plan::{Deployment, Shown, Variant};
use super::state::{Health, Phase, Request, Served, State, Step};
use super::step::{Effect, Event, Work};

const ARN: &str = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e";

/// A configuration that serves one variant with one server.
fn deployment(config: &str) -> Deployment {
    let variant = Variant {
        name: "v".to_owned(),
        weight: 1.0,
        instances: Some(1),
        instance_type: Some("ml.m5.large".to_owned()),
        serverless: None,
        routing: None,
        startup_seconds: 240,
        // By this the configuration is known in a plan.
        role_arn: Some(config.to_owned()),
        isolated: false,
        direct: false,
        containers: Vec::new(),
    };
    // The policy goes with the configuration, so that a member of the wrong deployment is seen.
    Deployment {
        config: config.to_owned(),
        variants: vec![variant],
        capture: None,
        asynchronous: None,
        policy: Some(json!({ "of": config })),
        started: 1,
    }
}

fn update(config: &str) -> Event {
    Event::Updated { target: deployment(config), retain: Retain::default() }
}

fn wanted(weight: Option<f64>, instances: Option<u64>) -> Event {
    let wanted = Wanted { variant: "v".to_owned(), weight, instances, serverless: None };
    Event::WeightsChanged { wanted: vec![wanted], most_instances: 16 }
}

fn state(served: Option<Health>, phase: Phase) -> State {
    State {
        name: "E".to_owned(),
        arn: ARN.to_owned(),
        epoch: 7,
        modified: 10,
        failure: None,
        mixed: None,
        served: served.map(|health| Served { deployment: deployment("a"), since: 5, health, id: 1 }),
        phase,
    }
}

fn deploying(config: &str, request: Request, step: Step) -> Phase {
    Phase::Deploying { target: deployment(config), id: if step == Step::Reweigh { 1 } else { 2 }, request, step }
}

/// A state in a line: status, what is served and its health, what comes, the reason of a failure.
fn told(state: &State) -> String {
    let mut out = state.status().to_owned();
    if let Some(Served { deployment, health, .. }) = &state.served {
        out += &format!(" {}:{health:?}", deployment.config);
    }
    if let Phase::Deploying { target, step, .. } = &state.phase {
        out += &format!(" {}:{step:?}", target.config);
    }
    if let Some(reason) = &state.failure {
        out += &format!(" ({reason})");
    }
    out
}
