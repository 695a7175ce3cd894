//! What jobs of all kinds share: their life, how they are scheduled, the record of what they tell, and the upload of
//! what they leave.

pub mod life;
pub mod location;
pub mod recorder;
pub mod uploader;

use async_trait::async_trait;
use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::Run;
use sagewright_cloud_sagemaker_base::machine::{self, Machine, insist};
use tokio::sync::watch;

use life::Life;

/// What is done for a job outside its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Waits for a slot.
    Queue(Run),
    /// Works, with a slot.
    Run(Run),
    /// Tells a run at work to stop.
    Stop(Run),
    /// Takes a run that waits out of the line.
    Leave(Run),
}

/// A kind of job.
#[async_trait]
pub trait Job: Machine<Effect = Effect> {
    /// The part of a state that is the same for all kinds.
    fn life(state: &Self::State) -> &Life;

    /// The event of a slot that is free for a run.
    fn admitted(run: Run) -> Self::Event;

    /// The event of a run that was stopped before it began.
    fn stopped(run: Run) -> Self::Event;

    /// The event of a run that broke off, for this `FailureReason`.
    fn broke(run: Run, reason: String) -> Self::Event;

    /// Does the work of a run until it ends or `stop` turns true. Answers the event of its end.
    async fn work(&self, key: Key, run: Run, stop: watch::Receiver<bool>) -> Self::Event;
}

/// Carries out an effect of any kind of job.
pub async fn act<J: Job>(jobs: &J, key: Key, effect: Effect) {
    let scheduler = jobs.sagemaker().scheduler();
    match effect {
        Effect::Queue(run) => queue(jobs, &key, run).await,
        Effect::Run(run) => work(jobs, key, run).await,
        Effect::Stop(run) => scheduler.stop(&run),
        Effect::Leave(run) => {
            scheduler.leave(&run);
            insist(jobs, &key, &J::stopped(run)).await;
        }
    }
}

async fn queue<J: Job>(jobs: &J, key: &Key, run: Run) {
    let scheduler = jobs.sagemaker().scheduler();
    if !scheduler.admit(&run).await {
        return;
    }
    let told = insist(jobs, key, &J::admitted(run.clone())).await;
    let state = told.map(|record| machine::state::<J>(&record));
    // It was stopped in the meantime, and nothing begins with the slot.
    if !state.is_some_and(|state| J::life(&state).works(&run)) {
        scheduler.leave(&run);
    }
}

async fn work<J: Job>(jobs: &J, key: Key, run: Run) {
    let scheduler = jobs.sagemaker().scheduler();
    let Some(begun) = scheduler.begin(&run) else { return };
    let (worker, place, number) = (jobs.clone(), key.clone(), run.clone());
    // In a task of its own, so that a panic ends the job and not the scheduler.
    let end = match tokio::spawn(async move { worker.work(place, number, begun.stop).await }).await {
        Ok(end) => end,
        // The process is ending, not the job: its record stays in progress, and the next start runs it again.
        Err(error) if error.is_cancelled() => return std::future::pending().await,
        Err(error) => J::broke(
            run.clone(),
            format!("InternalServerError: We encountered an internal error. Please try again. ({error})"),
        ),
    };
    scheduler.leave(&run);
    drop(begun.slot);
    insist(jobs, &key, &end).await;
}
