//! What jobs of all kinds live through: they wait for a slot, run, are stopped, end, and are run again by a new process.

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::{Outcome, Run, refuse};
use serde::{Deserialize, Serialize};

use super::Effect;

/// A job that was at work when the cloud died so often in a row is not run again: it may be what kills the cloud.
const MOST_DEATHS: u32 = 2;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Its run waits for a slot.
    Waiting,
    /// Its run has a slot.
    Running,
    /// Its run was told to stop, or to leave the line.
    Stopping,
    /// Its last run has ended.
    Ended(Outcome),
}

/// The part of a job's state that is the same for all kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The run that waits or works, or the last one.
    pub run: Run,
    /// Where the job is.
    pub phase: Phase,
    /// Runs in a row that neither the job nor the cloud has ended in order, the one at work included.
    pub unfinished: u32,
}

/// What a restart of the cloud means for a job.
#[derive(Debug, PartialEq, Eq)]
pub enum Restart {
    /// Nothing: it has ended.
    Rests,
    /// It is run again from the start.
    Again(Effect),
    /// It was being stopped, and what was left of it died with the last process.
    Stopped,
    /// It is not run again, for this `FailureReason`.
    Refused(String),
}

impl Life {
    /// A job whose first run waits for a slot.
    pub fn new(job: String) -> Self {
        Self { run: Run { job, number: 1 }, phase: Phase::Waiting, unfinished: 0 }
    }

    /// AWS's name of the status.
    pub fn status(&self) -> &'static str {
        match self.phase {
            Phase::Waiting | Phase::Running => "InProgress",
            Phase::Stopping => "Stopping",
            Phase::Ended(Outcome::Completed) => "Completed",
            Phase::Ended(Outcome::Failed) => "Failed",
            Phase::Ended(Outcome::Stopped) => "Stopped",
        }
    }

    /// Whether this run is at work, and not told to stop.
    pub fn works(&self, run: &Run) -> bool {
        self.phase == Phase::Running && self.run == *run
    }

    /// Whether it is the life of this job, and has not ended.
    pub fn is_open(&self, job: &str) -> bool {
        self.run.job == job && !matches!(self.phase, Phase::Ended(_))
    }

    /// Refuses what is only for jobs in progress, `noun` being AWS's name of the kind.
    ///
    /// # Errors
    /// The job is being stopped, or has ended.
    pub fn in_progress(&self, noun: &str) -> Result<(), ApiError> {
        match self.phase {
            Phase::Waiting | Phase::Running => Ok(()),
            Phase::Stopping | Phase::Ended(_) => Err(refuse::status(noun, self.status())),
        }
    }

    /// A slot is free for a run. `None` where it does not wait for one any more. Told again, a run at work is asked for
    /// again: the scheduler begins each run once.
    pub fn admit(&mut self, run: &Run) -> Option<Effect> {
        let (Phase::Waiting | Phase::Running) = self.phase else { return None };
        if self.run != *run {
            return None;
        }
        if self.phase == Phase::Waiting {
            self.phase = Phase::Running;
            self.unfinished += 1;
        }
        Some(Effect::Run(run.clone()))
    }

    /// A caller stops the job.
    ///
    /// # Errors
    /// As [`Life::in_progress`].
    pub fn stop(&mut self, noun: &str) -> Result<Effect, ApiError> {
        self.in_progress(noun)?;
        let run = self.run.clone();
        let effect = if self.phase == Phase::Running { Effect::Stop(run) } else { Effect::Leave(run) };
        self.phase = Phase::Stopping;
        Ok(effect)
    }

    /// A run has ended. What ends while it is being stopped was stopped, however it ended.
    ///
    /// # Errors
    /// The run is an earlier one, or has ended before.
    pub fn end(&mut self, run: &Run, outcome: Outcome) -> Result<Outcome, ApiError> {
        if matches!(self.phase, Phase::Ended(_)) || self.run != *run {
            return Err(ApiError::validation(format!(
                "Run {} of the job ended late: run {} is in status {}.",
                run.number,
                self.run.number,
                self.status()
            )));
        }
        let outcome = if self.phase == Phase::Stopping { Outcome::Stopped } else { outcome };
        self.rest(outcome);
        Ok(outcome)
    }

    /// A run failed and the job is run again, unless it is being stopped or the run is an earlier one.
    pub fn retry(&mut self, run: &Run) -> Option<Effect> {
        if !self.works(run) {
            return None;
        }
        self.run.number += 1;
        self.phase = Phase::Waiting;
        self.unfinished = 0;
        Some(Effect::Queue(self.run.clone()))
    }

    fn rest(&mut self, outcome: Outcome) {
        self.phase = Phase::Ended(outcome);
        self.unfinished = 0;
    }

    /// Another process takes over; what the last one ran died with it.
    pub fn restart(&mut self) -> Restart {
        let deaths = self.unfinished;
        match self.phase {
            Phase::Ended(_) => Restart::Rests,
            Phase::Stopping => {
                self.rest(Outcome::Stopped);
                Restart::Stopped
            }
            Phase::Waiting | Phase::Running if deaths >= MOST_DEATHS => {
                self.rest(Outcome::Failed);
                Restart::Refused(format!(
                    "InternalServerError: the embedded cloud ended abnormally {deaths} times in a row while this job \
                     ran, so that the job is not run again. If the job did not cause that, create it anew under \
                     another name; otherwise look at its log, its program and its data first."
                ))
            }
            Phase::Waiting | Phase::Running => {
                if self.phase == Phase::Running {
                    self.run.number += 1;
                }
                self.phase = Phase::Waiting;
                Restart::Again(Effect::Queue(self.run.clone()))
            }
        }
    }

    /// The cloud ends in order: that a run is at work says nothing against the job.
    pub fn suspend(&mut self) {
        self.unfinished = 0;
    }
}
