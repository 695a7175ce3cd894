//! Why a run of a job ends before its time.

use sagewright_cloud_core::runner::{Exit, RunnerError};
use sagewright_cloud_sagemaker_base::resource::MAX_REASON;
use tokio::task::JoinError;

use super::INTERNAL;

/// Why a run does not go on.
#[derive(Debug)]
pub enum Halt {
    /// `FailureReason`.
    Failed(String),
    /// It was ended from outside, and has nothing to keep.
    Stopped {
        /// By its time limit, and not by a caller.
        max_runtime: bool,
    },
    /// Its instances were taken away.
    Interrupted,
}

impl From<String> for Halt {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

/// A `FailureReason`; `None` if the work was stopped.
impl From<Option<String>> for Halt {
    fn from(reason: Option<String>) -> Self {
        reason.map_or(Self::Stopped { max_runtime: false }, Self::Failed)
    }
}

impl From<RunnerError> for Halt {
    fn from(error: RunnerError) -> Self {
        let whose = if matches!(error, RunnerError::Fault { .. }) { INTERNAL } else { "ClientError" };
        Self::Failed(format!("{whose}: {error}"))
    }
}

impl From<JoinError> for Halt {
    fn from(error: JoinError) -> Self {
        Self::Failed(format!("InternalServerError: a task of the job broke off: {error}"))
    }
}

/// Why the containers no longer run.
#[derive(Debug)]
pub enum Cause {
    /// All have ended well.
    Exited,
    /// This one, by its place among the hosts, has not.
    Crashed(usize, Exit),
    /// A caller stopped the job.
    Stopped,
    /// The job's time is over.
    TimedOut,
    /// The job's instances are taken away.
    Interrupted,
    /// Something besides their programs failed, for this `FailureReason`.
    Broken(String),
}

/// `FailureReason` of a container that ended badly, with what it says itself.
pub fn algorithm_error(told: &str, exit: Exit) -> String {
    let end = format!(", exit code: {}", exit.code());
    // The exit code is kept where the text alone would fill the reason.
    let room = MAX_REASON - "AlgorithmError: ".len() - end.len();
    let text: String = told.chars().take(MAX_REASON).collect();
    let text: String = text.trim_end().chars().take(room).collect();
    format!("AlgorithmError: {text}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_cannot_do_now_is_the_services_fault() {
        let (image, why) = (|| "i".to_owned(), || "w".to_owned());
        for (error, told) in [
            (
                RunnerError::Fault { image: image(), why: why() },
                "InternalServerError: cannot start the container of i now: w",
            ),
            (RunnerError::Start { image: image(), why: why() }, "ClientError: cannot start the container of i: w"),
            (RunnerError::UnknownImage("no i".to_owned()), "ClientError: no i"),
        ] {
            let Halt::Failed(reason) = Halt::from(error) else { panic!("no failure: {told}") };
            assert_eq!(reason, told);
        }
    }
}
