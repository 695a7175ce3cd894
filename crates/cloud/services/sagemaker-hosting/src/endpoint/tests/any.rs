//! What holds after any events, in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sagewright_cloud_sagemaker_base::FleetPlan;
use sagewright_cloud_sagemaker_base::machine::Next;

use super::*;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Move {
    Update(usize),
    Weigh,
    Scale,
    Delete,
    /// The process dies, with all servers. Whatever was under way tells its outcome all the same, if ever.
    Restart,
    /// One of the effects under way ends.
    End(usize, bool),
}

/// An endpoint with a host that does what it is asked, and remembers.
struct World {
    state: Option<State>,
    epochs: u64,
    /// Effects that have not told their outcome, and whether this process began them.
    under_way: Vec<(Effect, bool)>,
    /// What serves, to know a configuration again by its servers.
    up: Vec<FleetPlan>,
    /// Where all traffic went, one entry for each change.
    traffic: Vec<String>,
}

impl World {
    fn new() -> Self {
        let Next { state, effects } = State::created("E", ARN, marked(0), 0);
        let under_way = effects.into_iter().map(|effect| (effect, true)).collect();
        Self { state, epochs: 0, under_way, up: Vec::new(), traffic: Vec::new() }
    }

    /// What gets all traffic.
    fn served(&self) -> Option<String> {
        self.up.iter().find(|fleet| fleet.share == 1.0).map(|fleet| {
            let plan = &fleet.variants[0];
            mark(plan.startup_timeout.as_secs(), plan.weight)
        })
    }

    fn tell(&mut self, event: &Event) {
        let Some(state) = self.state.take() else { return };
        let before = state.clone();
        let Ok(next) = state.step(event, 0) else {
            self.state = Some(before);
            return;
        };
        if let (Some(old), Some(new)) = (&before.served, next.state.as_ref().map(|s| &s.served)) {
            assert!(new.is_some(), "{} was dropped by {event:?}", old.deployment.config);
        }
        self.state = next.state;
        self.under_way.extend(next.effects.into_iter().map(|effect| (effect, true)));
        self.check(&before, event);
    }

    /// What is true at any time.
    fn check(&mut self, before: &State, event: &Event) {
        let mine = self.under_way.iter().filter(|(_, mine)| *mine).count();
        assert!(mine <= 1, "{mine} effects at once after {event:?} in {}", told(before));
        let Some(state) = &self.state else {
            assert!(self.up.is_empty(), "gone, and still served");
            return;
        };
        assert!(state.epoch >= self.epochs);
        self.epochs = state.epoch;
        let moves = state.phase != Phase::Settled;
        assert_eq!(moves, mine == 1, "{} with {mine} effects under way", told(state));
        if let Some((effect, _)) = self.under_way.iter().find(|(_, mine)| *mine) {
            assert_eq!(effect.epoch, state.epoch);
        }
        match state.status() {
            "InService" => assert_eq!(self.served(), Some(key(&state.served.as_ref().unwrap().deployment))),
            "OutOfService" | "Failed" => assert!(self.up.is_empty(), "{} and served", told(state)),
            _ => {}
        }
        let kept: State = serde_json::from_value(serde_json::to_value(state).unwrap()).unwrap();
        assert_eq!(&kept, state);
    }

    fn serve(&mut self, fleets: Vec<FleetPlan>) {
        let total: f64 = fleets.iter().map(|fleet| fleet.share).sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
        self.up = fleets;
        let served = self.served().expect("no fleet has all traffic");
        if self.traffic.last() != Some(&served) {
            self.traffic.push(served);
        }
    }

    fn end(&mut self, index: usize, well: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let (Effect { epoch, work, .. }, mine) = self.under_way.remove(index % self.under_way.len());
        // The host has no excuse for what needs no new servers.
        let runs = |fleet: &FleetPlan| self.up.iter().any(|up| up.id == fleet.id);
        let easy = match &work {
            Work::Serve(fleets) => mine && fleets.iter().all(runs),
            Work::Remove => true,
        };
        let well = well || easy;
        if mine && well {
            match work {
                Work::Serve(fleets) => self.serve(fleets),
                Work::Remove => self.up.clear(),
            }
        }
        let event =
            if well { Event::Succeeded { epoch } } else { Event::Failed { epoch, reason: "no ping".to_owned() } };
        self.tell(&event);
    }

    fn make(&mut self, what: Move) {
        match what {
            Move::Update(n) => {
                self.tell(&Event::Updated { target: marked(n), retain: Retain::default() });
            }
            Move::Weigh => self.tell(&wanted(Some(2.0), None)),
            Move::Scale => self.tell(&wanted(None, Some(2))),
            Move::Delete => self.tell(&Event::DeleteRequested),
            Move::Restart => {
                self.up.clear();
                for (_, mine) in &mut self.under_way {
                    *mine = false;
                }
                if let Some(State { epoch, .. }) = self.state {
                    self.tell(&Event::Restarted { epoch });
                }
            }
            Move::End(index, well) => self.end(index, well),
        }
    }
}

/// A configuration that is known by the time its servers may take to start.
fn marked(n: usize) -> Deployment {
    let mut out = deployment(&format!("c{n}"));
    out.variants[0].startup_seconds = n as u64;
    out
}

fn mark(servers: u64, weight: f64) -> String {
    format!("{servers}/{weight}")
}

fn key(deployment: &Deployment) -> String {
    mark(deployment.variants[0].startup_seconds, deployment.variants[0].weight)
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => (1..4usize).prop_map(Move::Update),
        1 => Just(Move::Weigh),
        1 => Just(Move::Scale),
        1 => Just(Move::Delete),
        2 => Just(Move::Restart),
        6 => (0..8usize, prop::bool::weighted(0.7)).prop_map(|(index, well)| Move::End(index, well)),
    ]
}

proptest! {
    #[test]
    fn an_endpoint_comes_to_rest_after_anything(
        moves in prop::collection::vec(moves(), 0..40),
        ends in prop::collection::vec(any::<bool>(), 16),
    ) {
        let mut world = World::new();
        for one in moves {
            world.make(one);
        }
        world.make(Move::Restart);
        for well in ends {
            // Those of dead processes first: they change nothing.
            while world.under_way.len() > 1 {
                world.end(0, well);
            }
            world.end(0, well);
        }
        let status = world.state.as_ref().map_or("gone", State::status);
        prop_assert!(["InService", "OutOfService", "Failed", "gone"].contains(&status), "{status}");
        prop_assert!(world.under_way.is_empty());
    }

    #[test]
    fn an_update_that_is_killed_at_any_points_moves_traffic_once(
        kills in prop::collection::vec((0..3usize, prop::bool::ANY), 0..12),
        weights in any::<bool>(),
    ) {
        let mut world = World::new();
        world.end(0, true);
        world.make(if weights { Move::Weigh } else { Move::Update(1) });
        for (ends, told) in kills {
            for _ in 0..ends {
                // The effects of this process alone.
                world.under_way.retain(|(_, mine)| *mine);
                if !world.under_way.is_empty() {
                    world.end(0, true);
                }
            }
            if !told {
                // It is done, and the process dies before it can be recorded.
                let (state, under_way) = (world.state.clone(), world.under_way.clone());
                world.end(0, true);
                (world.state, world.under_way) = (state, under_way);
            }
            world.make(Move::Restart);
        }
        world.under_way.retain(|(_, mine)| *mine);
        while !world.under_way.is_empty() {
            world.end(0, true);
        }
        let counts = world.traffic.iter().fold(BTreeMap::new(), |mut counts, to| {
            *counts.entry(to.clone()).or_insert(0) += 1;
            counts
        });
        if !weights {
            prop_assert_eq!(counts.values().max(), Some(&1), "{:?}", world.traffic);
            prop_assert_eq!(world.traffic.len(), 2);
        }
        prop_assert_eq!(world.state.unwrap().status(), "InService");
    }
}
