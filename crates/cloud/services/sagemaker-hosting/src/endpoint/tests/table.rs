//! Each event in each state.

use super::*;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::FleetPlan;
use sagewright_cloud_sagemaker_base::machine::Next;

/// Every state that an endpoint can be in: what is served is `a`, what comes is `b`.
fn states() -> Vec<State> {
    use Health::{Down, Stopped, Up};
    let update = |step| deploying("b", Request::Update, step);
    vec![
        state(None, deploying("b", Request::Creation, Step::BringUp)),
        state(Some(Up), Phase::Settled),
        State { failure: Some("before".to_owned()), ..state(Some(Up), Phase::Settled) },
        State { failure: Some("before".to_owned()), ..state(Some(Down), Phase::Settled) },
        State { failure: Some("before".to_owned()), ..state(None, Phase::Settled) },
        state(Some(Stopped), Phase::Restoring),
        state(Some(Up), update(Step::BringUp)),
        state(Some(Down), update(Step::BringUp)),
        state(Some(Up), update(Step::Shift)),
        state(Some(Stopped), update(Step::Shift)),
        state(Some(Stopped), update(Step::Restore)),
        state(Some(Up), deploying("a", Request::Weights, Step::Reweigh)),
        state(Some(Stopped), deploying("a", Request::Weights, Step::Restore)),
        state(Some(Up), Phase::Deleting),
    ]
}

fn events(epoch: u64) -> [Event; 7] {
    [
        update("c"),
        wanted(Some(2.0), None),
        wanted(None, Some(3)),
        Event::DeleteRequested,
        Event::Restarted { epoch },
        Event::Succeeded { epoch },
        Event::Failed { epoch, reason: "no ping".to_owned() },
    ]
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Updated { .. } => "update",
        Event::WeightsChanged { wanted, .. } if wanted[0].weight.is_some() => "weights",
        Event::WeightsChanged { .. } => "instances",
        Event::DeleteRequested => "delete",
        Event::Restarted { .. } => "restart",
        Event::Succeeded { .. } => "success",
        Event::Failed { .. } => "failure",
        Event::Ticked { .. } => "time",
    }
}

fn plan(fleet: &FleetPlan) -> String {
    let plan = &fleet.variants[0];
    format!("{} x{} weight {} share {}", plan.role_arn.as_deref().unwrap(), plan.copies, plan.weight, fleet.share)
}

fn outcome(next: Result<Next<State, Effect>, ApiError>) -> String {
    let next = match next {
        Ok(next) => next,
        Err(error) => return format!("refused: {}", error.message.replace(ARN, "e")),
    };
    let mut out = next.state.as_ref().map_or("gone".to_owned(), told);
    for effect in next.effects {
        let work = match effect.work {
            Work::Serve(fleets) => format!("Serve {}", fleets.iter().map(plan).collect::<Vec<_>>().join(", ")),
            other => format!("{other:?}"),
        };
        out += &format!(" -> {work}");
    }
    out
}

#[test]
fn every_event_has_its_outcome_in_every_state() {
    let mut table = String::new();
    for state in states() {
        table += &format!("{}\n", told(&state));
        let outcomes = events(state.epoch).map(|event| (name(&event), outcome(state.clone().step(&event, 20))));
        for same in outcomes.chunk_by(|a, b| a.1 == b.1) {
            let names: Vec<_> = same.iter().map(|(name, _)| *name).collect();
            let found = if same[0].1 == told(&state) { "nothing changes" } else { &same[0].1 };
            table += &format!("    {}: {found}\n", names.join(", "));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_came_of_an_earlier_effect_changes_nothing() {
    for state in states() {
        for epoch in [state.epoch - 1, state.epoch + 1] {
            for event in &events(epoch)[4..] {
                let next = state.clone().step(event, 20).unwrap();
                assert_eq!((next.state.as_ref(), &next.effects[..]), (Some(&state), &[][..]), "{event:?}");
            }
        }
    }
}

#[test]
fn every_effect_has_an_epoch_of_its_own_and_names_the_endpoint() {
    for state in states() {
        for event in events(state.epoch) {
            let Ok(next) = state.clone().step(&event, 20) else { continue };
            for effect in next.effects {
                let after = next.state.as_ref().unwrap();
                assert_eq!((effect.epoch, after.epoch), (8, 8), "{event:?} in {}", told(&state));
                assert_eq!((&*effect.name, &*effect.arn), ("E", ARN));
            }
        }
    }
}

#[test]
fn a_failure_is_cut_to_the_length_of_the_member() {
    let long = Event::Failed { epoch: 7, reason: "é".repeat(2000) };
    let next = state(None, deploying("b", Request::Creation, Step::BringUp)).step(&long, 20).unwrap();
    assert_eq!(next.state.unwrap().failure.unwrap().chars().count(), 1024);
}

#[test]
fn times_of_what_is_shown_come_from_the_deployment_and_not_from_the_next_event() {
    let mut stored = serde_json::Map::new();
    let updating = state(Some(Health::Up), Phase::Settled).step(&update("c"), 20_000).unwrap().state.unwrap();
    updating.show(&mut stored);
    assert_eq!((updating.modified, updating.status()), (20_000, "Updating"));
    assert_eq!(stored["ProductionVariants"], deployment("a").summaries(5, &Shown::ALL));
    let pending = &stored["PendingDeploymentSummary"];
    assert_eq!((&pending["EndpointConfigName"], &pending["StartTime"]), (&json!("c"), &json!(0.001)));
    assert_eq!(pending["ProductionVariants"][0]["VariantStatus"], json!([{"Status": "Creating", "StartTime": 0.001}]));
    assert_eq!((&stored["EndpointConfigName"], &stored["LastDeploymentConfig"]["of"]), (&json!("a"), &json!("a")));
    let shift = updating.step(&Event::Succeeded { epoch: 8 }, 30_000).unwrap().state.unwrap();
    let done = shift.step(&Event::Succeeded { epoch: 9 }, 40_000).unwrap().state.unwrap();
    done.show(&mut stored);
    assert_eq!((done.modified, done.status()), (40_000, "InService"));
    assert_eq!(stored["ProductionVariants"], deployment("c").summaries(40_000, &Shown::ALL));
    assert_eq!((&stored["EndpointConfigName"], &stored["LastDeploymentConfig"]["of"]), (&json!("c"), &json!("c")));
    assert!(!stored.contains_key("PendingDeploymentSummary"));
}

#[test]
fn an_update_retains_what_it_is_asked_to() {
    let mut before = deployment("a");
    (before.variants[0].weight, before.variants[0].instances) = (3.0, Some(4));
    let serving = Served { deployment: before, since: 5, health: Health::Up, id: 1 };
    let kept = |policy, instances, weights| {
        let event = Event::Updated { target: deployment("b"), retain: Retain { policy, instances, weights } };
        let state = State { served: Some(serving.clone()), ..state(None, Phase::Settled) };
        let Phase::Deploying { target, .. } = state.step(&event, 20).unwrap().state.unwrap().phase else { panic!() };
        (target.policy.unwrap()["of"] == "a", target.variants[0].instances.unwrap(), target.variants[0].weight)
    };
    assert_eq!(kept(false, false, false), (false, 1, 1.0));
    assert_eq!(kept(true, false, false), (true, 1, 1.0));
    assert_eq!(kept(false, true, false), (false, 4, 1.0));
    assert_eq!(kept(false, false, true), (false, 1, 3.0));
}
