//! Jobs that an executor runs: processing and transform.

use std::sync::Arc;

use sagewright_cloud::sagemaker::{Executor, JobEnd, JobEvent, JobTask, Outcome};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::{ACCOUNT, REGION, soon};

/// A job in flight.
pub struct Running {
    pub stop: watch::Sender<bool>,
    pub events: mpsc::UnboundedReceiver<JobEvent>,
    pub end: tokio::task::JoinHandle<JobEnd>,
}

impl Running {
    pub async fn end(self) -> JobEnd {
        soon("the job", self.end).await.unwrap()
    }

    pub async fn completed(self) -> JobEnd {
        let end = self.end().await;
        assert_eq!((end.outcome, &end.reason), (Outcome::Completed, &None));
        end
    }

    pub async fn failed(self) -> String {
        let end = self.end().await;
        assert_eq!(end.outcome, Outcome::Failed);
        end.reason.unwrap()
    }

    /// Runs the job `job`.
    pub fn start(executor: Arc<dyn Executor<JobEvent, JobEnd>>, arn: &str, request: Value) -> Self {
        let (stop, asked) = watch::channel(false);
        let (sender, events) = mpsc::unbounded_channel();
        let task = JobTask {
            account: ACCOUNT.into(),
            region: REGION.into(),
            arn: arn.into(),
            name: "job".into(),
            id: "one".into(),
            request,
            epoch: 1,
            spent: std::time::Duration::ZERO,
            interrupted: None,
        };
        let run = async move { executor.run(task, asked, Arc::new(move |event| _ = sender.send(event))).await };
        Self { stop, events, end: tokio::spawn(run) }
    }
}
