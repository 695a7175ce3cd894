//! What jobs of all kinds share.
//!
//! Of the request: what several kinds have alike (`request`, `location`). Of the record: the life of a job (`life`), how it is scheduled (here), stopped and resumed (`stop`, `resume`), what
//! its run tells (`recorder`); the whole machine of a kind that shows no more than status and times (`plain`).
//! Of a run: its task (`task`), its folder and workloads (`site`, `hosts`), its containers (`containers`, `log`), what
//! ends it (`ends`, `halt`), what it reads (`data`, `manifest`) and what it leaves (`uploader`).

pub mod containers;
pub mod data;
pub mod ends;
pub mod gauges;
pub mod halt;
pub mod hosts;
pub mod life;
pub mod location;
pub mod log;
mod manifest;
pub mod plain;
pub mod recorder;
pub mod request;
pub mod resume;
pub mod site;
pub mod stop;
pub mod task;
pub mod uploader;

use async_trait::async_trait;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::Run;
use sagewright_cloud_sagemaker_base::machine::{self, Machine, insist};
use tokio::sync::watch;

use life::Life;

/// How a `FailureReason` begins that is the service's fault, and not the algorithm's or the client's.
pub const INTERNAL: &str = "InternalServerError";

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

    /// The event of a caller's stop.
    fn stop_requested() -> Self::Event;

    /// The event of another process that takes over.
    fn restarted() -> Self::Event;

    /// The event of this process's orderly end.
    fn cloud_ends() -> Self::Event;

    /// The event of a slot that is free for a run.
    fn admitted(run: Run) -> Self::Event;

    /// The event of a run that was stopped before it began.
    fn stopped(run: Run) -> Self::Event;

    /// The event of a run that broke off, for this `FailureReason`.
    fn broke(run: Run, reason: String) -> Self::Event;

    /// Does the work of a run until it ends or `stop` turns true. Answers the event of its end.
    async fn work(&self, key: Key, run: Run, stop: watch::Receiver<bool>) -> Self::Event;
}

/// What tells a job of an old or damaged record from others that had or will have its name. Two may be created in the same
/// millisecond.
pub fn id(record: &Record) -> String {
    format!("{} {}", record.arn, record.created)
}

/// `FailureReason` of a job of whose record no state can be made out.
pub fn damaged(record: &Record) -> String {
    format!(
        "InternalServerError: the stored state of {} is damaged, so that the job cannot go on. Create it anew under another name.",
        record.arn
    )
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
