//! A container of the engine, from its start to its removal.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    InspectContainerOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
    WaitContainerOptions,
};
use futures_util::StreamExt as _;
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::runner::lines::Cutter;
use sagewright_cloud_core::runner::workload::OPT_ML;
use sagewright_cloud_core::runner::{Container, Exit, LineSink};
use tokio::task::JoinHandle;

/// How often an engine that lost a container is asked again, and how long it has in between.
const QUESTIONS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// How long a container's last lines are awaited after its end.
const DRAIN: Duration = Duration::from_secs(2);

/// How long the engine may take to tell of the end of a container that it says it has stopped.
const TELLING: Duration = Duration::from_secs(10);

/// A container of the engine.
#[derive(Clone)]
pub struct Run {
    pub engine: Docker,
    pub id: String,
    pub clock: SharedWall,
}

impl Run {
    /// Removes it, running or not.
    pub async fn remove(&self) {
        let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.engine.remove_container(&self.id, Some(force)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => tracing::warn!(%error, container = self.id, "a container was not removed"),
        }
    }

    /// Gives its lines to the sink, until it writes no more.
    async fn pass(&self, lines: LineSink) {
        let all = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).build();
        let mut output = self.engine.logs(&self.id, Some(all));
        // A line of one stream is not cut by what the other writes.
        let mut cutters = [Cutter::default(), Cutter::default()];
        while let Some(piece) = output.next().await {
            let (which, bytes) = match piece {
                Ok(LogOutput::StdErr { message }) => (1, message),
                Ok(LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message }) => {
                    (0, message)
                }
                Err(error) => {
                    tracing::warn!(%error, container = self.id, "a container's output is no longer read");
                    break;
                }
            };
            let sink = lines.clone();
            let fed = tokio::task::spawn_blocking(move || {
                if let Some(cutter) = cutters.get_mut(which) {
                    cutter.feed(&bytes, &*sink);
                }
                cutters
            });
            match fed.await {
                Ok(back) => cutters = back,
                Err(error) => {
                    tracing::error!(%error, "a container's output is no longer read");
                    return;
                }
            }
        }
        let finished = tokio::task::spawn_blocking(move || cutters.iter_mut().for_each(|c| c.finish(&*lines)));
        if let Err(error) = finished.await {
            tracing::error!(%error, "the last line of a container's output is lost");
        }
    }

    /// Waits for its end. Where the engine restarts, or lost it, it is asked again for a while.
    async fn ended(&self) -> Exit {
        let mut questions = 0;
        loop {
            let told = self.engine.wait_container(&self.id, None::<WaitContainerOptions>).next().await;
            let error = match told {
                Some(Ok(end)) => return code(end.status_code),
                Some(Err(Error::DockerContainerWaitError { code: status, .. })) => return code(status),
                Some(Err(error)) => error.to_string(),
                None => "the engine closed the connection".to_owned(),
            };
            let state = match self.engine.inspect_container(&self.id, None::<InspectContainerOptions>).await {
                Ok(container) => container.state.filter(|state| state.running != Some(true)),
                Err(_) => None,
            };
            if let Some(status) = state.and_then(|state| state.exit_code) {
                return code(status);
            }
            questions += 1;
            if questions > QUESTIONS {
                tracing::warn!(error, container = self.id, "the container engine has lost a container");
                return Exit::Signal(9);
            }
            self.clock.sleep(PAUSE).await;
        }
    }

    /// Runs another container that gives its files to the user.
    async fn give_back(&self, body: ContainerCreateBody) {
        let info = self.engine.info().await.unwrap_or_default();
        // Without root its files are the user's own.
        if info.security_options.unwrap_or_default().iter().any(|option| option.contains("rootless")) {
            return;
        }
        let done = async {
            let made = self.engine.create_container(None, body).await?;
            let helper = Self { id: made.id, ..self.clone() };
            let started = helper.engine.start_container(&helper.id, None).await;
            let exit = if started.is_ok() { helper.ended().await.code() } else { 0 };
            helper.remove().await;
            started.map(|()| exit)
        };
        match done.await {
            Ok(0) => {}
            Ok(exit) => {
                tracing::warn!(container = self.id, "chown ended with {exit}: files of a container stay root's")
            }
            Err(error) => tracing::warn!(%error, container = self.id, "files of a container stay root's"),
        }
    }
}

fn code(status: i64) -> Exit {
    Exit::Code(i32::try_from(status).unwrap_or(255))
}

/// A started container; a task watches it to its end and removes it.
pub struct DockerContainer {
    run: Run,
    address: Option<SocketAddr>,
    watcher: JoinHandle<Exit>,
    exit: Option<Exit>,
}

impl DockerContainer {
    /// Watches a container that was started. `owner` gives its files back.
    pub fn watch(run: Run, address: Option<SocketAddr>, owner: Option<ContainerCreateBody>, lines: LineSink) -> Self {
        let watched = run.clone();
        let watcher = tokio::spawn(async move {
            let lines = tokio::spawn({
                let read = watched.clone();
                async move { read.pass(lines).await }
            });
            let stop = lines.abort_handle();
            let exit = watched.ended().await;
            // An engine that does not end the stream must not hold the job.
            tokio::select! {
                _ = lines => {}
                () = watched.clock.sleep(DRAIN) => stop.abort(),
            }
            if let Some(body) = owner {
                watched.give_back(body).await;
            }
            watched.remove().await;
            exit
        });
        Self { run, address, watcher, exit: None }
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
        if let Some(exit) = self.exit {
            return exit;
        }
        let exit = (&mut self.watcher).await.unwrap_or(Exit::Signal(9));
        self.exit = Some(exit);
        exit
    }

    async fn stop(&mut self, grace: Duration) -> Exit {
        if self.exit.is_none() {
            let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
            let options = StopContainerOptionsBuilder::default().t(seconds).build();
            match self.run.engine.stop_container(&self.run.id, Some(options)).await {
                // It has ended by itself.
                Ok(()) | Err(Error::DockerResponseServerError { status_code: 304 | 404, .. }) => {}
                Err(error) => {
                    tracing::warn!(%error, container = self.run.id, "a container was not stopped: it is removed");
                    self.run.remove().await;
                }
            }
            let clock = self.run.clock.clone();
            tokio::select! {
                exit = self.wait() => return exit,
                () = clock.sleep(TELLING) => {}
            }
            tracing::warn!(container = self.run.id, "the container engine does not tell of a container's end");
            self.watcher.abort();
            self.run.remove().await;
            self.exit = Some(Exit::Signal(9));
        }
        self.wait().await
    }
}

impl Drop for DockerContainer {
    fn drop(&mut self) {
        if self.exit.is_none() {
            let run = self.run.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { run.remove().await });
            }
        }
    }
}
