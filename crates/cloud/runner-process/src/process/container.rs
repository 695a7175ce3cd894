//! A running process as a container.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::Child;
use tokio::task::JoinHandle;

use super::group::Group;
use super::{output, ports, spawn, strays, usage};
use crate::frameworks::InUse;
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::runner::{Container, Exit, LineSink, Meter};

/// How long output is awaited after the end of all processes of the group. Only a process that left the group can
/// hold the pipe open then.
const DRAIN: Duration = Duration::from_secs(2);

/// Where a container is: its view of its folder, its port where it serves, and what is kept for it.
pub(super) struct Place {
    pub root: PathBuf,
    pub port: Option<ports::Lease>,
    /// The environment that it runs in.
    pub _environment: Option<InUse>,
}

/// A process group with its output.
pub(super) struct ProcessContainer {
    child: Child,
    group: Group,
    reader: Option<JoinHandle<()>>,
    place: Place,
    exit: Option<Exit>,
    clock: SharedWall,
    /// What its processes are known by.
    mark: String,
}

impl ProcessContainer {
    /// Starts a command. One pipe takes standard output and error, so that their lines keep their order.
    pub async fn start(
        mut command: Command,
        mark: String,
        lines: LineSink,
        place: Place,
        clock: SharedWall,
    ) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        command.env(strays::VARIABLE, &mark);
        command.stdout(writer.try_clone()?).stderr(writer);
        let (child, group) = spawn::spawn(command).await?;
        let reader = Some(tokio::spawn(output::read(reader.into(), lines)));
        Ok(Self { child, group, reader, place, exit: None, clock, mark })
    }

    /// Process id.
    pub fn pid(&self) -> i32 {
        self.group.pid()
    }
}

#[async_trait]
impl Container for ProcessContainer {
    fn address(&self) -> Option<SocketAddr> {
        self.place.port.as_ref().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port.number())))
    }

    fn root(&self) -> &Path {
        &self.place.root
    }

    fn meter(&self) -> Option<Meter> {
        usage::meter(self.pid())
    }

    async fn wait(&mut self) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        let status = self.child.wait().await;
        self.group.end();
        let mark = self.mark.clone();
        let _ = tokio::task::spawn_blocking(move || strays::end(&mark)).await;
        if let Some(reader) = &mut self.reader {
            if tokio::time::timeout(DRAIN, &mut *reader).await.is_err() {
                reader.abort();
            }
            self.reader = None;
        }
        let exit = match status {
            Ok(status) => status.code().map_or_else(|| Exit::Signal(status.signal().unwrap_or(9)), Exit::Code),
            // The process cannot be observed, so that it was killed above.
            Err(_) => Exit::Signal(9),
        };
        self.exit = Some(exit);
        exit
    }

    async fn stop(&mut self, grace: Duration) -> Exit {
        if self.exit.is_none() {
            self.group.terminate();
            let late = self.clock.sleep(grace);
            tokio::select! {
                exit = self.wait() => return exit,
                () = late => {}
            }
            self.group.kill();
        }
        self.wait().await
    }
}

impl Drop for ProcessContainer {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.group.end();
            strays::end(&self.mark);
        }
    }
}
