//! Tuning jobs as a state machine. All decisions but the choice of values are in `step`; that is `search`'s.

use async_trait::async_trait;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::machine::{Machine, Next, insist};
use sagewright_cloud_sagemaker_base::resource::cut;
use sagewright_cloud_sagemaker_base::{Kind, Outcome, SageMaker, refuse};

use super::state::{Child, Course, Phase, Rules, Stage, State};
use super::{driver, show};
use crate::search::early;
use crate::search::rng::Rng;
use crate::search::space::Values;

/// AWS's name of the kind in texts.
pub(super) const NOUN: &str = "hyperparameter tuning job";
/// Training jobs without a success, after which the tuning job fails.
const ATTEMPTS: usize = 5;

/// The tuning jobs of a SageMaker.
#[derive(Clone)]
pub struct TuningJobs(pub SageMaker);

/// What a look at a training job shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Its status.
    pub stage: Stage,
    /// Whether it failed for an error of the service.
    pub retryable: bool,
    /// The last value of the objective metric.
    pub objective: Option<f64>,
    /// Seconds since 1970.
    pub started: Option<f64>,
    /// Seconds since 1970.
    pub ended: Option<f64>,
}

/// What happens to a job. Each may be told twice: a store may fail and have written all the same. Training jobs go by
/// their number, from 0.
#[derive(Debug, Clone)]
pub enum Event {
    /// Values were chosen for the training job of a number; `None` where all of the definition were tried.
    Proposed { number: usize, definition: usize, values: Option<Values> },
    /// A planned training job was created.
    Launched { number: usize, created: i64 },
    /// A planned training job cannot be created.
    Refused { number: usize, reason: String },
    /// A planned training job was not created, and is not wanted any more.
    Dropped { number: usize },
    /// A training job was looked at.
    Looked { number: usize, look: Look },
    /// Training jobs have logged their objectives at epochs.
    Reached(Vec<Reached>),
    /// `MaxRuntimeInSeconds` is over.
    TimeUp,
    /// A caller stops the job.
    StopRequested,
    /// Another process has taken over.
    Restarted,
    /// What drives the job broke, or cannot go on: there will be no further training jobs.
    Broke { reason: String },
    /// It broke again: not even the training jobs can be waited for.
    Lost { reason: String },
}

/// A training job has logged its objective at an epoch, with the average up to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Which training job.
    pub number: usize,
    /// From 1.
    pub epoch: u64,
    /// The objective at the epoch.
    pub objective: f64,
    /// Its mean over the epochs until then.
    pub average: f64,
}

/// What is done for a job outside its state: the one with an id is driven until it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive(pub String);

/// A new job.
#[must_use]
pub fn first(state: State) -> Next<State, Drive> {
    let drive = Drive(state.id.clone());
    Next::with(state, drive)
}

/// The name of the training job of a number, as SageMaker forms it. It follows from what is stored, so that none is created
/// twice under two names, and not from the seed: training jobs outlive their tuning job, whose name may be used again.
fn name(job: &str, id: &str, number: usize) -> String {
    let seed = id.bytes().fold(0_u64, |seed, byte| Rng::new(seed, u64::from(byte)).bits());
    let tag = Rng::new(seed, number as u64).bits() >> 32;
    format!("{job}-{:03}-{tag:08x}", number + 1)
}

impl State {
    fn take(&mut self, event: &Event, now: i64) -> Result<(), ApiError> {
        match event {
            Event::Proposed { number, definition, values } => self.proposed(*number, *definition, values.as_ref()),
            Event::Launched { number, created } => {
                if let Some(child) = self.child(*number, Stage::Planned) {
                    child.stage = Stage::InProgress;
                    child.created = Some(*created);
                }
            }
            Event::Refused { number, reason } => {
                if self.forget(*number) {
                    self.finish(Outcome::Failed, Some(reason.clone()));
                }
            }
            Event::Dropped { number } => {
                if self.phase != Phase::Running {
                    self.forget(*number);
                }
            }
            Event::Looked { number, look } => self.looked(*number, look, now),
            Event::Reached(all) => all.iter().for_each(|reached| self.reached(*reached)),
            Event::TimeUp => self.finish(Outcome::Completed, None),
            Event::StopRequested => {
                if self.phase != Phase::Running && !matches!(self.phase, Phase::Finishing(_)) {
                    return Err(refuse::status(NOUN, self.status()));
                }
                self.phase = Phase::Stopping;
                self.reason = None;
            }
            Event::Restarted => {}
            Event::Broke { reason } => self.finish(Outcome::Failed, Some(reason.clone())),
            Event::Lost { reason } => {
                if !matches!(self.phase, Phase::Ended(_)) {
                    self.reason.get_or_insert_with(|| cut(reason).to_owned());
                    self.end(Outcome::Failed, now);
                }
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Takes a planned training job away. It is the last one: the next is planned when it has been created.
    fn forget(&mut self, number: usize) -> bool {
        let last = number + 1 == self.children.len() && self.child(number, Stage::Planned).is_some();
        if last {
            self.children.pop();
        }
        last
    }

    fn child(&mut self, number: usize, stage: Stage) -> Option<&mut Child> {
        self.children.get_mut(number).filter(|child| child.stage == stage)
    }

    fn proposed(&mut self, number: usize, definition: usize, values: Option<&Values>) {
        if self.children.len() != number || self.wants() != Some(definition) {
            return;
        }
        match values {
            None => self.rules.definitions[definition].exhausted = true,
            Some(values) => self.children.push(Child {
                name: name(&self.job, &self.id, number),
                definition,
                values: values.clone(),
                stage: Stage::Planned,
                halted: false,
                retryable: false,
                objective: None,
                averages: Vec::new(),
                rungs: Vec::new(),
                created: None,
                started: None,
                ended: None,
            }),
        }
    }

    fn looked(&mut self, number: usize, look: &Look, now: i64) {
        let Some(child) = self.children.get_mut(number).filter(|child| child.stage.runs()) else { return };
        child.stage = look.stage;
        child.started = look.started;
        if look.stage.runs() {
            return;
        }
        (child.ended, child.retryable) = (look.ended, look.retryable);
        child.objective = look.objective.filter(|value| value.is_finite() && look.stage != Stage::Failed);
        // Later ones are compared with those that completed.
        if look.stage != Stage::Completed {
            child.averages.clear();
        }
        let score = self.score(&self.children[number]);
        self.course.take(score, now);
    }

    fn reached(&mut self, Reached { number, epoch, objective, average }: Reached) {
        let Some(child) = self.children.get(number).filter(|child| child.stage.runs()) else { return };
        let Some(definition) = self.rules.definitions.get(child.definition) else { return };
        let alike =
            || self.children.iter().enumerate().filter(|(n, c)| *n != number && c.definition == child.definition);
        let (score, mut halted) = (definition.score(objective), child.halted);
        let (mut average_at, mut score_at) = (None, None);
        if self.rules.early && early::place(epoch) == Some(child.averages.len()) {
            let place = child.averages.len();
            let earlier = alike().filter(|(_, other)| other.stage == Stage::Completed);
            halted |=
                early::stops(score, earlier.filter_map(|(_, other)| other.averages.get(place).copied()).collect());
            average_at = Some(definition.score(average));
        }
        if let Some(ladder) = &definition.ladder {
            let bracket = |number: usize| ladder.bracket(number as u64);
            if let Some(rung) = ladder.rung(epoch).filter(|rung| *rung == child.rungs.len()) {
                let others = alike().filter(|(n, _)| bracket(*n) == bracket(number));
                let others: Vec<f64> = others.filter_map(|(_, other)| other.rungs.get(rung).copied()).collect();
                halted |= !ladder.goes_on(bracket(number), rung, score, &others);
                score_at = Some(score);
            }
            halted |= ladder.exceeded(epoch);
        }
        let child = &mut self.children[number];
        child.averages.extend(average_at);
        child.rungs.extend(score_at);
        child.halted = halted;
    }

    fn finish(&mut self, outcome: Outcome, reason: Option<String>) {
        if self.phase == Phase::Running {
            self.phase = Phase::Finishing(outcome);
            self.reason = reason.map(|reason| cut(&reason).to_owned());
        }
    }

    fn end(&mut self, outcome: Outcome, now: i64) {
        self.phase = Phase::Ended(outcome);
        self.ended = Some(now);
    }

    /// What follows from what is known now.
    fn settle(&mut self, now: i64) {
        let idle = self.live().next().is_none();
        if self.phase == Phase::Running {
            if let Some(reason) = self.hopeless(idle && self.has_planned_all()) {
                self.finish(Outcome::Failed, Some(reason));
            } else if self.fulfilled() || (idle && self.has_planned_all()) {
                self.finish(Outcome::Completed, None);
            }
        }
        match self.phase {
            Phase::Finishing(outcome) if idle => self.end(outcome, now),
            Phase::Stopping if idle => self.end(Outcome::Stopped, now),
            _ => {}
        }
    }

    /// Why the job fails: no training job gave an objective, of all or of the first ones.
    fn hopeless(&self, all: bool) -> Option<String> {
        if self.best().is_some() {
            return None;
        }
        let of = |stage: Stage| self.children.iter().filter(|child| child.stage == stage).count();
        let (failed, silent) = (of(Stage::Failed), of(Stage::Completed));
        let attempts = failed + silent;
        if attempts == 0 || !(all || attempts >= ATTEMPTS) {
            return None;
        }
        Some(if silent == 0 {
            format!(
                "No training job succeeded after {attempts} attempts. Please take a look at the training job failures to get more details."
            )
        } else {
            format!(
                "No objective metrics found after running {attempts} training jobs. Please ensure that the custom algorithm is emitting the objective metric as defined by the regular expression provided."
            )
        })
    }

    /// Whether a completion criterion is met.
    fn fulfilled(&self) -> bool {
        let Rules { target, patience, converges, .. } = self.rules;
        let reached = |target: f64| {
            // All definitions have objectives of one type.
            let target = self.rules.definitions.first().map_or(target, |definition| definition.score(target));
            self.course.best.is_some_and(|best| best <= target)
        };
        target.is_some_and(reached)
            || patience.is_some_and(|patience| self.course.best.is_some() && self.course.flat >= patience)
            || (converges && self.course.converged.is_some())
    }

    /// AWS's name of the status.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.phase {
            Phase::Running | Phase::Finishing(_) => "InProgress",
            Phase::Stopping => "Stopping",
            Phase::Ended(Outcome::Completed) => "Completed",
            Phase::Ended(Outcome::Failed) => "Failed",
            Phase::Ended(Outcome::Stopped) => "Stopped",
        }
    }
}

/// A job of which no state can be made out has failed, and is told why.
fn damaged(record: &Record) -> State {
    let rules = Rules {
        most: 0,
        parallel: 0,
        early: false,
        target: None,
        patience: None,
        converges: false,
        definitions: Vec::new(),
    };
    State {
        id: String::new(),
        job: record.key.name.clone(),
        seed: 0,
        principal_arn: String::new(),
        user_id: String::new(),
        rules,
        children: Vec::new(),
        prior: Vec::new(),
        parents_best: None,
        transfer: false,
        phase: Phase::Ended(Outcome::Failed),
        reason: Some(format!(
            "InternalServerError: the stored state of {} is damaged, so that the job cannot go on. Create it anew under another name.",
            record.arn
        )),
        course: Course::default(),
        begun: record.created,
        ended: Some(record.modified),
        changed: record.modified,
    }
}

#[async_trait]
impl Machine for TuningJobs {
    const KIND: Kind = Kind::TUNING_JOB;
    type State = State;
    type Event = Event;
    type Effect = Drive;

    fn sagemaker(&self) -> &SageMaker {
        &self.0
    }

    fn step(mut state: State, event: &Event, now: i64) -> Result<Next<State, Drive>, ApiError> {
        let before = state.clone();
        state.take(event, now)?;
        if state != before {
            state.changed = now;
        }
        let drives = matches!(event, Event::Restarted) && !matches!(state.phase, Phase::Ended(_));
        let effects = drives.then(|| Drive(state.id.clone())).into_iter().collect();
        Ok(Next { state: Some(state), effects })
    }

    fn show(state: &State, record: &mut Record, _: i64) -> Result<(), ApiError> {
        state.status().clone_into(&mut record.status);
        record.modified = state.changed;
        show::show(state, record)
    }

    fn adopt(record: &Record) -> State {
        damaged(record)
    }

    async fn act(&self, key: Key, Drive(id): Drive) {
        // In a task of its own, so that a panic ends the job and does not leave it in progress: it is driven once more, to stop
        // its training jobs.
        for event in [|reason| Event::Broke { reason }, |reason| Event::Lost { reason }] {
            let (jobs, place, id) = (self.clone(), key.clone(), id.clone());
            let driven = tokio::spawn(async move { driver::drive(&jobs, &place, &id).await }).await;
            let Some(error) = driven.err().filter(|error| !error.is_cancelled()) else { return };
            let reason = format!("InternalServerError: We encountered an internal error. Please try again. ({error})");
            insist(self, &key, &event(reason)).await;
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
