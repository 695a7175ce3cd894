//! SIGTERM: SageMaker sends it when a job is stopped, and SIGKILL 120 seconds later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::log;

/// Whether the job has been asked to stop.
#[derive(Clone, Default)]
pub(super) struct Termination(Arc<AtomicBool>);

impl Termination {
    /// Listens for SIGTERM from now on. Without this call SIGTERM ends the process at once, which
    /// is right for a job that saves nothing when it is stopped.
    pub(super) fn listen() -> Self {
        let asked = Self::default();
        let flag = asked.clone();
        let listening = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let Ok(mut terminate) = signal(SignalKind::terminate()) else {
                    return;
                };
                let _ = listening.0.send(());
                terminate.recv().await;
                flag.0.store(true, Ordering::Relaxed);
                log::info("SIGTERM received: the model of the last round is kept, and the training stops");
            });
        });
        // A signal before the handler is there would kill the job without its model. The sender is
        // dropped when there can be no handler, which ends the wait too.
        let _ = listening.1.recv();
        asked
    }

    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
