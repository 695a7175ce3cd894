//! What is kept of a tuning job beside its request: all that the next step is decided by.

use sagewright_cloud_sagemaker_base::Outcome;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::Plan;
use crate::search::hyperband::Ladder;
use crate::search::space::Values;
use crate::search::{self, Trial};

/// What is kept of a tuning job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Tells the job from others that had or will have its name.
    pub id: String,
    /// The job's name as it was given: those of its training jobs begin with it.
    pub job: String,
    /// What chance follows from.
    pub seed: u64,
    /// Who created it: its training jobs are created on their behalf.
    pub principal_arn: String,
    /// The same as STS names it.
    pub user_id: String,
    /// What decides.
    pub rules: Rules,
    /// The training jobs, in the order in which they were planned.
    pub children: Vec<Child>,
    /// What parents have tried, by definition.
    pub prior: Vec<Prior>,
    /// Whether they tried them on other data, so that scores are compared within a job only.
    pub transfer: bool,
    /// The best training job of the parents, where it counts.
    pub parents_best: Option<(f64, Value)>,
    /// Where the job is.
    pub phase: Phase,
    /// `FailureReason`.
    pub reason: Option<String>,
    /// How the objective went.
    pub course: Course,
    /// When it began by the machine's clock, milliseconds since 1970.
    pub begun: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// Time of the last change.
    pub changed: i64,
}

/// What decides, from the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Training jobs in all.
    pub most: u64,
    /// Training jobs at the same time.
    pub parallel: u64,
    /// Whether jobs are stopped by the median rule.
    pub early: bool,
    /// The objective that ends the tuning.
    pub target: Option<f64>,
    /// Jobs in a row without an improvement that end it.
    pub patience: Option<u64>,
    /// Whether it ends when it has converged.
    pub converges: bool,
    /// What tells the definitions apart.
    pub definitions: Vec<Brief>,
}

/// A definition, as far as it decides or is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    /// `DefinitionName`.
    pub name: Option<String>,
    /// The objective metric.
    pub metric: String,
    /// Whether more of it is better.
    pub maximize: bool,
    /// Names of what is tuned.
    pub tuned: Vec<String>,
    /// Where jobs are judged, for Hyperband.
    pub ladder: Option<Ladder>,
    /// All combinations were tried.
    pub exhausted: bool,
}

/// Where a tuning job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Training jobs are planned and run.
    Running,
    /// It has what it wants, or cannot get it: its training jobs are stopped, then it ends so.
    Finishing(Outcome),
    /// A caller stops it: its training jobs are stopped, then it is.
    Stopping,
    /// Nothing of it runs.
    Ended(Outcome),
}

/// Where a training job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It is to be created, and perhaps was.
    Planned,
    /// As `TrainingJobStatus` says.
    InProgress,
    /// As `TrainingJobStatus` says.
    Stopping,
    /// As `TrainingJobStatus` says.
    Completed,
    /// As `TrainingJobStatus` says.
    Failed,
    /// As `TrainingJobStatus` says.
    Stopped,
}

impl Stage {
    /// The stage of a status of a training job.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "InProgress" => Self::InProgress,
            "Stopping" | "Deleting" => Self::Stopping,
            "Completed" => Self::Completed,
            "Stopped" => Self::Stopped,
            _ => Self::Failed,
        }
    }

    /// AWS's name of the status.
    #[must_use]
    pub fn status(self) -> &'static str {
        match self {
            Self::Planned | Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }

    /// Whether the training job runs, or waits to.
    #[must_use]
    pub fn runs(self) -> bool {
        matches!(self, Self::InProgress | Self::Stopping)
    }

    /// Whether it takes one of the places of jobs at the same time.
    #[must_use]
    pub fn is_live(self) -> bool {
        self == Self::Planned || self.runs()
    }
}

/// A training job of the tuning job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// Number of its definition.
    pub definition: usize,
    /// The values it tries.
    pub values: Values,
    /// Where it is.
    pub stage: Stage,
    /// It is to be stopped: others are better, or it has used all it may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub halted: bool,
    /// It failed for an error of the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// The last value of the objective metric, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<f64>,
    /// Running averages of the objective at the epochs that are compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub averages: Vec<f64>,
    /// The objective at the rungs it came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<f64>,
    /// Its times, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<f64>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<f64>,
}

/// What a parent has tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// Number of the definition that it tells of.
    pub definition: usize,
    /// The values, in the order of that definition's parameters.
    pub values: Values,
    /// What came of them; less is better.
    pub score: f64,
}

/// How the objective went, job by job in the order of their ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The best score so far.
    pub best: Option<f64>,
    /// The last score that was better by more than 1 %.
    pub leap: Option<f64>,
    /// Jobs in a row since: they have not improved the objective, as AWS counts ("not improving (1% or less)", API
    /// reference, `TuningJobCompletionDetails`).
    pub flat: u64,
    /// When it had converged.
    pub converged: Option<i64>,
}

/// Jobs in a row without an improvement of more than 1 %, by which the tuning has converged. AWS says no number.
const CONVERGED: u64 = 15;
/// What counts as an improvement.
const SIGNIFICANT: f64 = 0.01;

impl Course {
    /// A job has ended, perhaps with a score; less is better.
    pub fn take(&mut self, score: Option<f64>, now: i64) {
        let better = |than: Option<f64>, by: f64| {
            score.is_some_and(|score| than.is_none_or(|than| score < than - by * than.abs()))
        };
        if better(self.best, 0.0) {
            self.best = score;
        }
        if better(self.leap, SIGNIFICANT) {
            (self.leap, self.flat) = (score, 0);
        } else {
            self.flat += 1;
        }
        if self.flat >= CONVERGED && self.leap.is_some() {
            self.converged.get_or_insert(now);
        }
    }
}

impl Rules {
    /// The rules of a request.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let brief = |definition: &crate::request::Definition| Brief {
            name: definition.name.clone(),
            metric: definition.metric.clone(),
            maximize: definition.maximize,
            tuned: definition.space.0.iter().map(|parameter| parameter.name.clone()).collect(),
            ladder: definition.ladder.clone(),
            exhausted: false,
        };
        Self {
            most: plan.most,
            parallel: plan.parallel,
            early: plan.early,
            target: plan.target,
            patience: plan.patience,
            converges: plan.converges,
            definitions: plan.definitions.iter().map(brief).collect(),
        }
    }
}

impl Brief {
    /// An objective as a score: less is better.
    #[must_use]
    pub fn score(&self, objective: f64) -> f64 {
        if self.maximize { -objective } else { objective }
    }
}

impl State {
    /// The training jobs that take a place.
    pub fn live(&self) -> impl Iterator<Item = &Child> {
        self.children.iter().filter(|child| child.stage.is_live())
    }

    /// The score of a training job that has one.
    #[must_use]
    pub fn score(&self, child: &Child) -> Option<f64> {
        Some(self.rules.definitions.get(child.definition)?.score(child.objective?))
    }

    /// The training job with the best objective, and its score.
    #[must_use]
    pub fn best(&self) -> Option<(f64, &Child)> {
        let scored = self.children.iter().filter_map(|child| Some((self.score(child)?, child)));
        scored.min_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// The number of the definition that the next training job is of; `None` where none is wanted now. Definitions take
    /// turns. The next is planned when the one before has been created.
    #[must_use]
    pub fn wants(&self) -> Option<usize> {
        let count = |n: usize| self.children.iter().filter(|child| child.definition == n).count();
        let full = self.live().count() as u64 >= self.rules.parallel || self.children.len() as u64 >= self.rules.most;
        let planned = self.children.last().is_some_and(|child| child.stage == Stage::Planned);
        if self.phase != Phase::Running || full || planned {
            return None;
        }
        let open = self.rules.definitions.iter().enumerate().filter(|(_, definition)| !definition.exhausted);
        open.map(|(n, _)| n).min_by_key(|n| count(*n))
    }

    /// Whether no further training job will be planned, whatever ends.
    #[must_use]
    pub fn has_planned_all(&self) -> bool {
        self.children.len() as u64 >= self.rules.most || self.rules.definitions.iter().all(|d| d.exhausted)
    }

    /// What was tried of a definition.
    #[must_use]
    pub fn trials(&self, definition: usize) -> Vec<Trial> {
        let of = self.children.iter().filter(|child| child.definition == definition);
        let outcome = |child: &Child| match self.score(child) {
            _ if child.stage.is_live() => search::Outcome::Pending,
            Some(score) => search::Outcome::Score(score),
            None if child.retryable || child.stage == Stage::Stopped => search::Outcome::Lost,
            None => search::Outcome::Failed,
        };
        let mut trials: Vec<Trial> =
            of.map(|child| Trial { values: child.values.clone(), outcome: outcome(child) }).collect();
        if self.transfer {
            let scores = trials.iter_mut().filter_map(|trial| match &mut trial.outcome {
                search::Outcome::Score(score) => Some(score),
                _ => None,
            });
            search::standardize(&mut scores.collect::<Vec<_>>());
        }
        trials
    }

    /// What parents have tried, as trials of a definition.
    #[must_use]
    pub fn prior(&self, definition: usize) -> Vec<Trial> {
        let of = self.prior.iter().filter(|prior| prior.definition == definition);
        of.map(|prior| Trial { values: prior.values.clone(), outcome: search::Outcome::Score(prior.score) }).collect()
    }
}
