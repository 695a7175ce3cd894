//! What ends a job from outside, whatever it is at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, Fuse, FutureExt as _};
use tokio::sync::watch;

use super::halt::{Cause, Halt};
use sagewright_cloud_core::clock::SharedWall;

/// A caller's stop, the time limit, and the loss of the instances.
pub struct Ends {
    stop: watch::Receiver<bool>,
    interrupted: Option<watch::Receiver<bool>>,
    limit: Fuse<BoxFuture<'static, ()>>,
}

impl Ends {
    /// The time limit runs from now on.
    pub fn new(stop: watch::Receiver<bool>, clock: &SharedWall, limit: Duration) -> Self {
        Self { stop, interrupted: None, limit: clock.sleep(limit).fuse() }
    }

    /// The job also ends when its instances are taken away.
    pub fn with_interruption(self, interrupted: Option<watch::Receiver<bool>>) -> Self {
        Self { interrupted, ..self }
    }

    /// Completes when the job is to end.
    pub async fn next(&mut self) -> Cause {
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Cause::Stopped,
            () = &mut self.limit => Cause::TimedOut,
            () = taken(self.interrupted.as_mut()) => Cause::Interrupted,
        }
    }

    /// Does a step of the job, unless it is to end meanwhile. Then the step is dropped, and nothing is kept.
    pub async fn unless<T>(&mut self, step: impl Future<Output = Result<T, Halt>>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            cause = self.next() => Err(match cause {
                Cause::Interrupted => Halt::Interrupted,
                cause => Halt::Stopped { max_runtime: matches!(cause, Cause::TimedOut) },
            }),
            done = step => done,
        }
    }
}

/// Completes when something is asked for; never if nobody can ask any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|asked| *asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Completes when instances are taken away, which some never are.
async fn taken(interrupted: Option<&mut watch::Receiver<bool>>) {
    match interrupted {
        Some(interrupted) => stopped(interrupted).await,
        None => std::future::pending().await,
    }
}

/// Tells a thread to stop when it is dropped, as futures are whose result nobody wants any more.
#[derive(Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// What the thread looks at.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
