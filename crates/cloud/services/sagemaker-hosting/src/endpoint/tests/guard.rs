//! Updates under guardrails: what is done when, and where a restart resumes.

use sagewright_cloud_sagemaker_base::FleetPlan;
use serde_json::Value;

use super::*;

/// An endpoint in service with so many instances, its host, its alarms and its time.
pub(super) struct Stage {
    pub state: State,
    pub now: i64,
    /// The effect under way.
    pub effect: Option<Effect>,
    /// What serves.
    pub up: Vec<FleetPlan>,
    pub tripped: Vec<String>,
    /// Starts of servers that are to fail from now on.
    pub broken: bool,
}

/// A configuration with so many instances.
pub(super) fn sized(config: &str, instances: u32) -> Deployment {
    let mut out = deployment(config);
    out.variants[0].instances = Some(instances);
    out
}

pub(super) fn guarded(config: &str, instances: u32, policy: Value) -> Event {
    let target = Deployment { policy: Some(policy), ..sized(config, instances) };
    Event::Updated { target, retain: Retain::default() }
}

impl Stage {
    pub fn new(instances: u32) -> Self {
        let served = Served { deployment: sized("a", instances), since: 5, health: Health::Up, id: 1 };
        let up = vec![served.deployment.fleet(1, 1.0, None)];
        let state = State { served: Some(served), ..state(None, Phase::Settled) };
        Self { state, now: 0, effect: None, up, tripped: Vec::new(), broken: false }
    }

    /// Tells an event; the effect that follows takes the place of the one under way.
    pub fn tell(&mut self, event: &Event) {
        let before = self.state.clone();
        let Ok(next) = self.state.clone().step(event, self.now) else { return };
        self.state = next.state.unwrap();
        assert!(next.effects.len() <= 1);
        if self.state.epoch != before.epoch {
            self.effect = next.effects.into_iter().next();
        }
        let kept: State = serde_json::from_value(serde_json::to_value(&self.state).unwrap()).unwrap();
        assert_eq!(kept, self.state);
    }

    /// Whether the host has the servers already.
    fn runs(&self, fleet: &FleetPlan) -> bool {
        let copies = fleet.variants[0].copies;
        self.up.iter().any(|up| up.id == fleet.id && up.variants[0].copies >= copies)
    }

    /// Ends the effect that is under way: `false` where there is none.
    pub fn end(&mut self) -> bool {
        let Some(Effect { epoch, work, .. }) = self.effect.take() else { return false };
        let event = match work {
            Work::Serve(fleets) if self.broken && !fleets.iter().all(|fleet| self.runs(fleet)) => {
                Event::Failed { epoch, reason: "no ping".to_owned() }
            }
            Work::Serve(fleets) => {
                self.up = fleets;
                Event::Succeeded { epoch }
            }
            Work::Remove => {
                self.up.clear();
                Event::Succeeded { epoch }
            }
        };
        self.tell(&event);
        true
    }

    /// The process dies with all servers, and the next one begins.
    pub fn restart(&mut self) {
        self.up.clear();
        self.effect = None;
        self.tell(&Event::Restarted { epoch: self.state.epoch });
    }

    /// Time passes until the state wants to be told of it: `false` where it does not.
    pub fn wait(&mut self) -> bool {
        let Some(due) = self.state.due() else { return false };
        self.now = self.now.max(due);
        self.tick(due);
        true
    }

    /// The timer of a time runs, now or later.
    pub(super) fn tick(&mut self, at: i64) {
        let tripped = if self.state.watched().is_empty() { Vec::new() } else { self.tripped.clone() };
        self.tell(&Event::Ticked { at, tripped });
        // The timer that ran is cancelled by the time at which it was due.
        assert_ne!(self.state.due(), Some(at), "{}", place(&self.state));
    }

    /// Goes on until nothing more happens; a line for each change of what serves, with the time.
    pub fn run(&mut self) -> String {
        let (mut out, mut last) = (String::new(), String::new());
        loop {
            let line = self.line();
            if line != last {
                out += &format!("{:>4} s  {line}\n", self.now / 1000);
                last = line;
            }
            if !self.end() && !self.wait() {
                return out;
            }
        }
    }

    /// Status, what serves, and what is shown of what comes.
    pub fn line(&self) -> String {
        let mut stored = serde_json::Map::new();
        self.state.show(&mut stored);
        let fleet =
            |fleet: &FleetPlan| format!("{} x{} {:.0}%", fleet.config, fleet.variants[0].copies, fleet.share * 100.0);
        let mut out = format!("{} [{}]", self.state.status(), self.up.iter().map(fleet).collect::<Vec<_>>().join(", "));
        for (member, mark) in [("ProductionVariants", "old"), ("PendingDeploymentSummary", "new")] {
            let variants =
                stored.get(member).map_or(&Value::Null, |v| if v.is_array() { v } else { &v["ProductionVariants"] });
            let variant = &variants[0];
            if let Some(status) = variant["VariantStatus"].get(0) {
                let (name, message) =
                    (status["Status"].as_str().unwrap(), status["StatusMessage"].as_str().unwrap_or_default());
                out += &format!(" {mark} {name}: {message}");
            }
            if member == "ProductionVariants" || variant.get("CurrentInstanceCount").is_some() {
                out += &format!(" ({mark} {} of {})", variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]);
            }
        }
        if let Some(reason) = &self.state.failure {
            out += &format!(" ({reason})");
        }
        out
    }
}

fn alarms() -> Value {
    json!({"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]})
}

pub(super) fn canary() -> Value {
    json!({
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            },
            "TerminationWaitInSeconds": 30,
            "MaximumExecutionTimeoutInSeconds": 600,
        },
        "AutoRollbackConfiguration": alarms(),
    })
}

pub(super) fn linear() -> Value {
    json!({
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
            "Type": "LINEAR", "WaitIntervalInSeconds": 60, "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 40},
        }},
        "AutoRollbackConfiguration": alarms(),
    })
}

pub(super) fn rolling() -> Value {
    json!({
        "RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2},
            "RollbackMaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 20},
            "WaitIntervalInSeconds": 60,
            "MaximumExecutionTimeoutInSeconds": 600,
        },
        "AutoRollbackConfiguration": alarms(),
    })
}

fn began(instances: u32, policy: Value) -> Stage {
    let mut stage = Stage::new(instances);
    stage.tell(&guarded("b", instances, policy));
    stage
}

#[test]
fn each_policy_moves_traffic_in_its_steps() {
    let once = json!({
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60},
            "TerminationWaitInSeconds": 30,
        },
    });
    let watched = json!({"AutoRollbackConfiguration": alarms()});
    let told: Vec<_> =
        [("canary", canary()), ("linear", linear()), ("rolling", rolling()), ("once", once), ("alarms", watched)]
            .into_iter()
            .map(|(name, policy)| format!("{name}\n{}", began(5, policy).run()))
            .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_alarm_leads_back_from_each_step() {
    let mut told = String::new();
    for (name, policy) in [("canary", canary()), ("linear", linear()), ("rolling", rolling())] {
        for stop in 0.. {
            let mut stage = began(5, policy.clone());
            let mut begun = Vec::new();
            // Until an alarm is watched for the first time in so many steps.
            while begun.len() <= stop && stage.state.phase != Phase::Settled {
                if stage.effect.is_none() && !begun.contains(&place(&stage.state)) {
                    begun.push(place(&stage.state));
                    continue;
                }
                if !stage.end() {
                    stage.wait();
                }
            }
            if stage.state.phase == Phase::Settled {
                break;
            }
            stage.tripped = vec!["latency".to_owned()];
            told += &format!("{name}, alarm after {} s\n{}\n", stage.now / 1000, stage.run());
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_deployment_that_takes_too_long_goes_back() {
    let mut late = canary();
    late["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] = json!(3600);
    let mut told = format!("a bake\n{}", began(5, late).run());
    // Servers that never answer.
    let mut stage = began(5, canary());
    assert_eq!(stage.state.due(), Some(600_000));
    assert!(stage.wait());
    told += &format!("a launch\n{}", stage.run());
    insta::assert_snapshot!(told);
}

#[test]
fn a_rollback_that_fails_leaves_both_and_the_next_update_heals() {
    let mut stage = began(5, rolling());
    // Until the first batch has taken the place of old instances.
    while stage.up.len() < 2 || stage.up[0].variants[0].copies == 5 {
        if !stage.end() {
            stage.wait();
        }
    }
    (stage.tripped, stage.broken) = (vec!["errors".to_owned()], true);
    let mut told = stage.run();
    assert_eq!(stage.state.status(), "UpdateRollbackFailed");
    let refused = stage.state.clone().step(&wanted(Some(2.0), None), 0).err().unwrap();
    told += &format!("weights: {}\n", refused.message.replace(ARN, "e"));
    stage.broken = false;
    stage.restart();
    told += &format!("restart\n{}", stage.run());
    stage.tripped.clear();
    stage.tell(&guarded("c", 4, canary()));
    told += &format!("update\n{}", stage.run());
    insta::assert_snapshot!(told);
}

#[test]
fn an_update_killed_at_each_step_resumes_there() {
    for policy in [canary(), linear(), rolling()] {
        let whole = began(5, policy.clone());
        let steps = |mut stage: Stage, kill: Option<usize>| {
            let (mut seen, mut n) = (Vec::new(), 0);
            loop {
                if kill == Some(n) {
                    let before = stage.line().split('[').next().map(str::to_owned);
                    let at = place(&stage.state);
                    stage.restart();
                    assert_eq!(place(&stage.state), at, "it resumes at the same step");
                    assert_eq!(stage.line().split('[').next().map(str::to_owned), before);
                }
                n += 1;
                let at = place(&stage.state);
                if seen.last() != Some(&at) {
                    seen.push(at);
                }
                if !stage.end() && !stage.wait() {
                    let configs: Vec<_> = stage.up.iter().map(|fleet| fleet.config.clone()).collect();
                    assert_eq!((stage.state.status(), configs), ("InService", vec!["b".to_owned()]));
                    return (seen, n);
                }
            }
        };
        let (all, count) = steps(whole, None);
        // At the last one there is nothing under way.
        for kill in 0..count - 1 {
            let (seen, _) = steps(began(5, policy.clone()), Some(kill));
            assert_eq!(seen, all, "killed at {kill}");
        }
    }
}

/// Stage and step of an update.
pub(super) fn place(state: &State) -> String {
    match &state.phase {
        Phase::Guarded(rollout) => {
            format!("{} {:?} {:?}", rollout.stage, rollout.step, rollout.back.as_ref().map(|b| b.at))
        }
        other => format!("{other:?}").split(' ').next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn what_was_asked_for_last_is_kept_through_a_rollback() {
    let mut stage = began(5, canary());
    stage.tripped = vec!["errors".to_owned()];
    stage.run();
    let served = stage.state.served.as_ref().unwrap();
    assert_eq!((&*served.deployment.config, &served.deployment.policy), ("a", &Some(canary())));
    stage.tripped.clear();
    let retain = Retain { policy: true, ..Retain::default() };
    stage.tell(&Event::Updated { target: sized("c", 5), retain });
    assert!(matches!(stage.state.phase, Phase::Guarded(_)));
}

#[test]
fn guardrails_do_not_count_where_aws_drops_them() {
    let mut inf1 = sized("b", 5);
    inf1.variants[0].instance_type = Some("ml.inf1.xlarge".to_owned());
    let mut stage = Stage::new(5);
    stage.tell(&Event::Updated { target: Deployment { policy: Some(canary()), ..inf1 }, retain: Retain::default() });
    assert!(matches!(stage.state.phase, Phase::Deploying { step: Step::BringUp, .. }));
}

#[test]
fn an_endpoint_out_of_service_is_updated_at_once() {
    let mut stage = Stage::new(5);
    stage.state.set_health(Health::Down);
    stage.up.clear();
    stage.tell(&guarded("b", 5, canary()));
    stage.run();
    assert_eq!(stage.state.status(), "InService");
    assert_eq!(stage.now, 0);
}
