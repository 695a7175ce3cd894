//! What is kept of an execution beside its request: the graph in short, and how far each step has come.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::definition::retry::{Exception, Retry};
use crate::definition::{Branch, Definition};
use crate::kinds::Runs;

/// Where an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Steps run, or are about to.
    Executing,
    /// A caller stopped it; what runs ends.
    Stopping,
    /// It has ended on a caller's request.
    Stopped,
    /// It has ended; a step failed.
    Failed,
    /// All steps that were to run did their work.
    Succeeded,
}

impl Status {
    /// AWS's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Executing => "Executing",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
            Self::Succeeded => "Succeeded",
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn ended(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed | Self::Succeeded)
    }
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It waits for others.
    Idle,
    /// It is not part of this execution: its branch was not taken, or it was not selected.
    Skipped,
    /// What it needs is looked up and what runs for it is created.
    Starting,
    /// Something runs for it, or somebody has to answer.
    Executing,
    /// It failed and is tried again at a time.
    Waiting {
        /// Milliseconds since 1970.
        due: i64,
    },
    /// It was told to stop.
    Stopping,
    /// It was stopped.
    Stopped,
    /// It failed.
    Failed,
    /// It did its work.
    Succeeded,
}

impl Phase {
    /// AWS's name; `None` for a step that has not begun.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Idle | Self::Skipped => return None,
            Self::Starting | Self::Waiting { .. } => "Starting",
            Self::Executing => "Executing",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
            Self::Succeeded => "Succeeded",
        })
    }

    /// Whether it counts against the number of parallel steps.
    #[must_use]
    pub const fn busy(self) -> bool {
        matches!(self, Self::Starting | Self::Executing | Self::Waiting { .. } | Self::Stopping)
    }
}

/// How a step that runs is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stopping {
    /// What runs for it is told to stop.
    #[serde(rename = "Told")]
    Resource,
    /// It ends by itself: nothing stops a function.
    #[serde(rename = "Waits")]
    Waits,
    /// Who has to answer is told that the execution stops.
    #[serde(rename = "Asks")]
    Asks,
}

/// A step as the graph has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Steps that have to succeed first.
    pub needs: Vec<usize>,
    /// The branch that it is in.
    pub branch: Option<Branch>,
    /// Retry policies.
    pub retries: Vec<Retry>,
    /// How it is stopped.
    #[serde(rename = "halt")]
    pub stopping: Stopping,
}

/// Where a step's result comes from, if not from this execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// An earlier execution had the same step: its ARN.
    Cache(String),
    /// The execution that a selective one goes on from: its ARN.
    Selected(String),
}

/// How far a step has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it is.
    pub phase: Phase,
    /// Which attempt this is, from 1; 0 before the first.
    pub attempt: u32,
    /// When it began.
    pub started: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// `FailureReason`
    pub reason: Option<String>,
    /// Retries so far by each policy.
    pub retried: Vec<u32>,
    /// What it gave.
    pub result: Done,
    /// Token of the request that answered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<String>,
}

/// What a step gives: its resource, its outputs, and by what it is found again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// What describes its resource: a name, or the ARN of a model package.
    pub resource: Option<String>,
    /// ARN of its resource, or of the function that it called.
    pub arn: Option<String>,
    /// Outcome of a Condition step.
    pub outcome: Option<bool>,
    /// Outputs of a Lambda or Callback step.
    pub outputs: Map<String, Value>,
    /// Message of a Fail step.
    pub message: Option<String>,
    /// What it was done with: an equal one counts as done.
    pub fingerprint: Option<String>,
    /// Where the result comes from.
    pub source: Option<Source>,
}

impl Progress {
    fn new(policies: usize) -> Self {
        Self {
            phase: Phase::Idle,
            attempt: 0,
            started: None,
            ended: None,
            reason: None,
            retried: vec![0; policies],
            result: Done::default(),
            answered: None,
        }
    }

    /// The next attempt begins.
    pub(super) fn begin(&mut self) {
        self.phase = Phase::Starting;
        self.attempt += 1;
        self.reason = None;
        self.result = Done::default();
        self.answered = None;
    }
}

/// All that decides how an execution goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Where it is.
    pub status: Status,
    /// Why it failed.
    pub reason: Option<String>,
    /// Steps that may run at the same time; any number where `None`.
    pub limit: Option<u32>,
    /// Names and tokens are made from this: nobody can know them by chance.
    pub seed: String,
    /// Time of the last change.
    pub changed: i64,
    /// Token of the last request that stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Token of the last request that retried it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<String>,
    /// The graph.
    pub nodes: Vec<Node>,
    /// The steps, in the graph's order.
    pub steps: Vec<Progress>,
}

impl State {
    /// An execution of which no step has begun.
    #[must_use]
    pub fn new(definition: &Definition, limit: Option<u32>, seed: String, now: i64) -> Self {
        let nodes: Vec<Node> = definition
            .steps
            .iter()
            .map(|step| Node {
                name: step.name.clone(),
                needs: step.needs.clone(),
                branch: step.branch,
                // Those of the definition come first, and so override what is usual.
                retries: match step.kind.runs {
                    Runs::Resource(_) => step.retries.iter().cloned().chain([Retry::usual()]).collect(),
                    _ => Vec::new(),
                },
                stopping: match step.kind.runs {
                    Runs::Resource(_) => Stopping::Resource,
                    Runs::Callback => Stopping::Asks,
                    Runs::Lambda | Runs::Condition | Runs::Fail => Stopping::Waits,
                },
            })
            .collect();
        let steps = nodes.iter().map(|node| Progress::new(node.retries.len())).collect();
        let (stopped, retried) = (None, None);
        Self { status: Status::Executing, reason: None, limit, seed, changed: now, stopped, retried, nodes, steps }
    }
}

/// A step's attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Place of the step.
    pub step: usize,
    /// Number, from 1.
    pub number: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It did its work.
    Succeeded(Done),
    /// It was stopped.
    Stopped,
    /// It failed.
    Failed {
        /// Why, as policies tell it.
        exception: Exception,
        /// Why, for people.
        reason: Option<String>,
        /// What there is of it all the same.
        done: Done,
    },
}
