//! A container of the engine, from its start to its removal.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    InspectContainerOptions, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt as _;
use sagewright_cloud_core::runner::workload::OPT_ML;
use sagewright_cloud_core::runner::{Container, Exit, LineSink};
use tokio::sync::{Notify, watch};

use crate::engine::{Engine, told};
use crate::output;
use crate::request;

/// How often an engine that lost a container is asked again, and how long it has in between.
const QUESTIONS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// How long the engine may take to tell of the end of a container that it says it has stopped.
const TELLING: Duration = Duration::from_secs(10);

/// How long who stops a container waits until its files are the user's.
const GIVING: Duration = Duration::from_secs(300);

/// How often a container is removed whose removal is refused; the time between doubles.
const REMOVALS: u32 = 6;

/// A container of the engine.
#[derive(Clone)]
pub struct Run {
    pub engine: Engine,
    pub id: String,
}

impl Run {
    /// Removes it, running or not.
    async fn removed(&self) -> Result<(), Error> {
        let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.engine.ask(self.engine.calls.remove_container(&self.id, Some(force))).await {
            // It is gone, or on its way.
            Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            done => done,
        }
    }

    /// The same, and again for about a minute where the engine refuses.
    pub async fn remove(&self) {
        let mut pause = PAUSE;
        for left in (0..REMOVALS).rev() {
            let Err(error) = self.removed().await else { return };
            let error = told(&error);
            if left == 0 {
                tracing::warn!(error, container = self.id, "a container was not removed: the next start removes it");
            } else {
                tracing::debug!(error, container = self.id, "a container was not removed: trying again");
                self.engine.clock.sleep(pause).await;
                pause *= 2;
            }
        }
    }

    /// Waits for its end. Where the engine restarts, or lost it, it is asked again for a while.
    async fn ended(&self) -> Exit {
        let mut questions = 0;
        loop {
            let told = self.engine.calls.wait_container(&self.id, None::<WaitContainerOptions>).next().await;
            let error = match told {
                Some(Ok(end)) => return code(end.status_code),
                Some(Err(Error::DockerContainerWaitError { code: status, .. })) => return code(status),
                Some(Err(error)) => crate::engine::told(&error),
                None => "the engine closed the connection".to_owned(),
            };
            let inspected = self.engine.calls.inspect_container(&self.id, None::<InspectContainerOptions>);
            let state = self.engine.ask(inspected).await.ok().and_then(|container| container.state);
            match state {
                // The connection alone broke off.
                Some(state) if state.running == Some(true) => questions = 0,
                Some(state) if state.exit_code.is_some() => return code(state.exit_code.unwrap_or_default()),
                _ => questions += 1,
            }
            if questions > QUESTIONS {
                tracing::warn!(error, container = self.id, "the container engine has lost a container");
                return Exit::Lost;
            }
            self.engine.clock.sleep(PAUSE).await;
        }
    }

    /// Runs another container that gives its files to the user.
    async fn give_back(&self, body: ContainerCreateBody) {
        let calls = &self.engine.calls;
        let info = self.engine.ask(calls.info()).await.unwrap_or_default();
        // Without root its files are the user's own.
        if info.security_options.unwrap_or_default().iter().any(|option| option.contains("rootless")) {
            return;
        }
        let done = async {
            let made = self.engine.ask(calls.create_container(None, body)).await?;
            let helper = Self { id: made.id, ..self.clone() };
            let started = self.engine.ask(calls.start_container(&helper.id, None)).await;
            let exit = if started.is_ok() { helper.ended().await.code() } else { 0 };
            helper.remove().await;
            started.map(|()| exit)
        };
        match done.await {
            Ok(0) => {}
            Ok(exit) => {
                tracing::warn!(container = self.id, "chown ended with {exit}: files of a container stay root's")
            }
            Err(error) => {
                let error = told(&error);
                tracing::warn!(error, container = self.id, "files of a container stay root's");
            }
        }
    }

    /// Ends what nobody in this process watches: its files become the user's, and it is removed.
    pub async fn end(&self) {
        let calls = &self.engine.calls;
        let inspected = calls.inspect_container(&self.id, None::<InspectContainerOptions>);
        let found = self.engine.ask(inspected).await.unwrap_or_default();
        if request::is_giving_back(&found) {
            // What it is at nobody does again.
            tokio::select! {
                _ = self.ended() => {}
                () = self.engine.clock.sleep(TELLING) => {}
            }
        } else {
            if let Err(error) = self.engine.ask(calls.kill_container(&self.id, None)).await {
                tracing::debug!(error = told(&error), container = self.id, "a container was not killed: it is removed");
            }
            if let Some(body) = request::give_back_of(found) {
                self.give_back(body).await;
            }
        }
        if let Err(error) = self.removed().await {
            let error = told(&error);
            tracing::warn!(error, container = self.id, "a container that an earlier process left may go on");
        }
    }
}

fn code(status: i64) -> Exit {
    Exit::Code(i32::try_from(status).unwrap_or(255))
}

/// A started container. A task watches it to its end, gives its files back and removes it, whoever still waits for that.
pub struct DockerContainer {
    run: Run,
    address: Option<SocketAddr>,
    /// Its end, once all its lines were passed on. Closed when nothing of it is left.
    exit: watch::Receiver<Option<Exit>>,
    /// The engine does not tell of its end.
    given_up: Arc<Notify>,
}

impl DockerContainer {
    /// Watches a container that was started. `owner` gives its files back.
    pub fn watch(run: Run, address: Option<SocketAddr>, owner: Option<ContainerCreateBody>, lines: LineSink) -> Self {
        let (told, exit) = watch::channel(None);
        let given_up = Arc::new(Notify::new());
        let (watched, silent) = (run.clone(), Arc::clone(&given_up));
        tokio::spawn(async move {
            let (over, known) = watch::channel(false);
            let lines = tokio::spawn(output::pass(watched.clone(), lines, known));
            let exit = tokio::select! {
                exit = watched.ended() => exit,
                () = silent.notified() => Exit::Signal(9),
            };
            over.send_replace(true);
            if let Err(error) = lines.await {
                tracing::error!(%error, container = watched.id, "a container's output is no longer read");
            }
            told.send_replace(Some(exit));
            if let Some(body) = owner {
                watched.give_back(body).await;
            }
            watched.remove().await;
        });
        Self { run, address, exit, given_up }
    }
}

#[async_trait]
impl Container for DockerContainer {
    fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    fn root(&self) -> &Path {
        Path::new(OPT_ML)
    }

    async fn wait(&mut self) -> Exit {
        // A watcher that ends without a word has panicked.
        self.exit.wait_for(Option::is_some).await.map_or(Exit::Lost, |exit| exit.unwrap_or(Exit::Lost))
    }

    async fn stop(&mut self, grace: Duration) -> Exit {
        let clock = self.run.engine.clock.clone();
        if self.exit.borrow().is_none() {
            let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
            let options = StopContainerOptionsBuilder::default().t(seconds).build();
            match self.run.engine.calls.stop_container(&self.run.id, Some(options)).await {
                // It has ended by itself.
                Ok(()) | Err(Error::DockerResponseServerError { status_code: 304 | 404, .. }) => {}
                Err(error) => {
                    let error = told(&error);
                    tracing::warn!(error, container = self.run.id, "a container was not stopped: it is removed");
                    // The watcher tries again.
                    let _ = self.run.removed().await;
                }
            }
            let late = tokio::select! {
                _ = self.wait() => false,
                () = clock.sleep(TELLING) => true,
            };
            if late {
                tracing::warn!(container = self.run.id, "the container engine does not tell of a container's end");
                self.given_up.notify_one();
            }
        }
        let exit = self.wait().await;
        let gone = async { while self.exit.changed().await.is_ok() {} };
        tokio::select! {
            () = gone => {}
            () = clock.sleep(GIVING) => {
                tracing::warn!(container = self.run.id, "what a container left is not given to the user yet");
            }
        }
        exit
    }
}

impl Drop for DockerContainer {
    fn drop(&mut self) {
        if self.exit.borrow().is_none() {
            let run = self.run.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { run.remove().await });
            }
        }
    }
}
