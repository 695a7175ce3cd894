//! An update under guardrails: traffic moves to the new fleet in stages, each of which is watched for a while.

mod back;
mod show;
mod stages;
mod step;

use serde::{Deserialize, Serialize};

use super::plan::Deployment;

/// How two fleets stand beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Layout {
    /// The part of the traffic that the new fleet gets.
    pub share: f64,
    /// Instances of the old fleet; all where `None`.
    pub old: Option<u32>,
    /// Instances of the new fleet; all where `None`.
    pub new: Option<u32>,
}

impl Layout {
    /// The old fleet alone.
    pub const OLD: Self = Self { share: 0.0, old: None, new: Some(0) };
}

/// One move of traffic, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Stage {
    /// While it is watched.
    pub layout: Layout,
    /// Instances of the old fleet that stay afterwards.
    pub left: Option<u32>,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// Servers of the new fleet start.
    Launch,
    /// Traffic moves to them. This is recorded before any moves, so that no restart brings it back.
    Move,
    /// The alarms are watched for `WaitIntervalInSeconds`.
    Bake,
    /// All traffic has moved, and the old fleet stays for `TerminationWaitInSeconds`.
    Linger,
    /// Servers of the old fleet stop.
    Retire,
}

/// What the stages of a deployment are called in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Style {
    AllAtOnce,
    Canary,
    Linear,
    Rolling,
}

/// An update under guardrails. Times are in milliseconds since 1970, waits in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rollout {
    pub target: Deployment,
    /// Of the new fleet.
    pub id: u64,
    pub style: Style,
    pub stages: Vec<Stage>,
    /// Which stage is under way.
    pub stage: usize,
    pub step: Step,
    /// When the step began.
    pub since: i64,
    pub wait: i64,
    pub linger: i64,
    /// Until when it may take.
    pub deadline: Option<i64>,
    pub alarms: Vec<String>,
    /// When the alarms were looked at last in this step.
    pub looked: Option<i64>,
    /// Both fleets are started again after a restart; then the step goes on.
    pub restoring: bool,
    /// Instances that a rollback moves at a time; all where `None`.
    pub batch: Option<u32>,
    pub back: Option<Back>,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Back {
    pub reason: String,
    /// Where the deployment was, and each layout on the way back.
    pub layouts: Vec<Layout>,
    /// Which layout is being made.
    pub at: usize,
}

/// What a rollback that failed has left: the endpoint serves with the fleet of another deployment beside its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mixed {
    pub deployment: Deployment,
    pub id: u64,
    pub layout: Layout,
}

impl Rollout {
    /// How the fleets stood before the stage.
    fn before(&self) -> Layout {
        match self.stage.checked_sub(1).and_then(|n| self.stages.get(n)) {
            Some(stage) => Layout { old: stage.left, ..stage.layout },
            None => Layout::OLD,
        }
    }

    fn current(&self) -> Stage {
        self.stages.get(self.stage).copied().unwrap_or(Stage { layout: Layout::OLD, left: None })
    }

    /// How the step makes the fleets stand.
    fn wanted(&self) -> Layout {
        let Stage { layout, left } = self.current();
        match self.step {
            Step::Launch => Layout { new: layout.new, ..self.before() },
            Step::Move | Step::Bake | Step::Linger => layout,
            Step::Retire => Layout { old: left, ..layout },
        }
    }

    /// How the fleets stand at least: where a restart begins, and a rollback.
    fn reached(&self) -> Layout {
        match (&self.back, self.step) {
            (Some(back), _) => back.reached(),
            (None, Step::Launch) => self.before(),
            (None, _) => self.wanted(),
        }
    }

    /// How the fleets stand, as far as descriptions tell.
    pub fn shown(&self) -> Layout {
        match (&self.back, self.step) {
            (None, Step::Retire) => self.current().layout,
            _ => self.reached(),
        }
    }

    fn is_last(&self) -> bool {
        self.stage + 1 >= self.stages.len()
    }
}
