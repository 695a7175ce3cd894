//! What a run tells, recorded in the order in which it comes.

use std::sync::Arc;

use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::machine::{Machine, tell};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Records the events of one run until it ends.
pub struct Recorder<E> {
    sender: mpsc::UnboundedSender<Option<E>>,
    task: JoinHandle<()>,
}

impl<E: Send + Sync + 'static> Recorder<E> {
    /// A recorder for one machine.
    pub fn new<M: Machine<Event = E>>(machine: &M, key: &Key) -> Self {
        let (sender, mut told) = mpsc::unbounded_channel::<Option<E>>();
        let (machine, key) = (machine.clone(), key.clone());
        let task = tokio::spawn(async move {
            while let Some(Some(event)) = told.recv().await {
                if let Err(error) = tell(&machine, &key, &event).await {
                    let (job, error) = (&key.name, error.message);
                    tracing::warn!(job, error, "the progress of a job could not be recorded");
                }
            }
        });
        Self { sender, task }
    }

    /// Takes events, for as long as the run has not ended.
    pub fn take(&self) -> Arc<dyn Fn(E) + Send + Sync> {
        let sender = self.sender.clone();
        Arc::new(move |event| drop(sender.send(Some(event))))
    }

    /// Waits until all events so far are recorded. Later ones change nothing.
    pub async fn end(self) {
        let _ = self.sender.send(None);
        let _ = self.task.await;
    }
}
