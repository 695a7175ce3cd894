//! What holds for updates under guardrails, whatever happens in whichever order.

use proptest::prelude::*;
use sagewright_cloud_sagemaker_base::FleetPlan;
use serde_json::Value;

use super::guard::{Stage, canary, guarded, linear, place, rolling};
use super::*;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// The effect under way ends.
    End,
    /// The next time that the state waits for has come.
    Wait,
    /// So many seconds pass.
    Pass(i64),
    Kill,
    Alarm(bool),
    /// Whether servers start.
    Break(bool),
    Update(usize),
    Weigh,
    Delete,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => Just(Move::End),
        6 => Just(Move::Wait),
        2 => (1..700i64).prop_map(Move::Pass),
        2 => Just(Move::Kill),
        1 => prop::bool::weighted(0.3).prop_map(Move::Alarm),
        1 => prop::bool::weighted(0.3).prop_map(Move::Break),
        2 => (0..4usize).prop_map(Move::Update),
        1 => Just(Move::Weigh),
        1 => Just(Move::Delete),
    ]
}

fn policy(n: usize) -> Value {
    [canary(), linear(), rolling(), json!({})][n % 4].clone()
}

/// What holds at any time of what serves.
fn check(stage: &Stage) {
    let state = &stage.state;
    let total: f64 = stage.up.iter().map(|fleet| fleet.share).sum();
    assert!(stage.up.is_empty() || (total - 1.0).abs() < 1e-9, "{total} in {}", place(state));
    let mut meant: Vec<&str> = Vec::new();
    meant.extend(state.served.as_ref().map(|served| &*served.deployment.config));
    meant.extend(state.mixed.as_ref().map(|mixed| &*mixed.deployment.config));
    match &state.phase {
        Phase::Guarded(rollout) => meant.push(&rollout.target.config),
        Phase::Deploying { target, .. } => meant.push(&target.config),
        Phase::Settled | Phase::Restoring | Phase::Deleting => {}
    }
    for FleetPlan { config, share, variants, .. } in &stage.up {
        assert!(meant.contains(&&**config), "{config} serves in {}", place(state));
        assert!((0.0..=1.0).contains(share) && variants[0].copies > 0);
    }
    match state.status() {
        "InService" => {
            let served = state.served.as_ref().unwrap();
            assert_eq!(stage.up, [served.deployment.fleet(served.id, 1.0, None)]);
        }
        "UpdateRollbackFailed" => assert!(state.failure.is_some() && !stage.up.is_empty()),
        "OutOfService" => assert!(stage.up.is_empty()),
        _ => {}
    }
}

proptest! {
    #[test]
    fn traffic_adds_up_and_the_end_is_the_old_or_the_new(
        moves in prop::collection::vec(moves(), 0..80),
        instances in 2..8u32,
    ) {
        let mut stage = Stage::new(4);
        for (n, one) in moves.into_iter().enumerate() {
            match one {
                Move::End => drop(stage.end()),
                // Nobody waits for what a dead effect tells.
                Move::Wait => drop(stage.wait()),
                Move::Pass(seconds) => {
                    stage.now += seconds * 1000;
                    // A timer of another time changes nothing.
                    if let Some(due) = stage.state.due().filter(|due| *due > 0) {
                        let before = stage.state.clone();
                        stage.tick(due - 1);
                        prop_assert_eq!(&stage.state, &before);
                    }
                }
                Move::Kill => stage.restart(),
                Move::Alarm(on) => stage.tripped = if on { vec!["errors".to_owned()] } else { Vec::new() },
                Move::Break(on) => stage.broken = on,
                Move::Update(kind) => stage.tell(&guarded(&format!("c{n}"), instances, policy(kind))),
                Move::Weigh => stage.tell(&wanted(Some(2.0), None)),
                Move::Delete if stage.state.phase == Phase::Settled => break,
                Move::Delete => {
                    prop_assert!(stage.state.clone().step(&Event::DeleteRequested, 0).is_err());
                }
            }
            check(&stage);
        }
        (stage.broken, stage.tripped) = (false, Vec::new());
        let mut turns = 0;
        while stage.end() || stage.wait() {
            check(&stage);
            turns += 1;
            prop_assert!(turns < 10_000, "no end in {}", place(&stage.state));
        }
        let status = stage.state.status();
        prop_assert!(["InService", "UpdateRollbackFailed", "OutOfService"].contains(&status), "{status}");
        if status == "OutOfService" {
            stage.restart();
            while stage.end() || stage.wait() {}
            prop_assert_ne!(stage.state.status(), "OutOfService");
        }
    }

    #[test]
    fn an_alarm_at_any_time_leads_back_to_what_was_served(
        kind in 0..3usize,
        turns in 0..40usize,
        kills in prop::collection::vec(0..60usize, 0..4),
    ) {
        let mut stage = Stage::new(5);
        stage.tell(&guarded("b", 5, policy(kind)));
        for turn in 0.. {
            if turn == turns {
                stage.tripped = vec!["latency".to_owned()];
            }
            if kills.contains(&turn) {
                stage.restart();
            }
            if !stage.end() && !stage.wait() {
                break;
            }
            check(&stage);
        }
        prop_assert_eq!(stage.state.status(), "InService");
        let served = &stage.state.served.as_ref().unwrap().deployment.config;
        let reason = stage.state.failure.as_deref();
        match served.as_str() {
            "a" => prop_assert_eq!(reason, Some("One or more configured alarm(s) in ALARM state: [latency].")),
            // It went off when all was over.
            _ => prop_assert_eq!((served.as_str(), reason), ("b", None)),
        }
    }
}
