//! The containers of a run, one on each host.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::runner::{Container, Exit, LineSink, Meter, Runner, Workload};

use super::INTERNAL;
use super::halt::{Cause, Halt};

/// Between SIGTERM and SIGKILL, as SageMaker documents it.
const GRACE: Duration = Duration::from_secs(120);

/// Running containers, in the order of their hosts.
pub struct Containers(Vec<Box<dyn Container>>);

impl Containers {
    /// Starts them all.
    pub async fn start(runner: &dyn Runner, starts: Vec<(Workload, LineSink)>) -> Result<Self, Halt> {
        let mut started = Vec::new();
        for (workload, sink) in starts {
            started.push(runner.start(&workload, sink).await?);
        }
        Ok(Self(started))
    }

    /// Waits until all have ended well, one has not, or something else ends the job. What is done `beside` holds up
    /// neither; when this is over it is dropped.
    pub async fn watch(
        &mut self,
        ended: impl Future<Output = Cause>,
        beside: impl Future<Output = Infallible>,
    ) -> Cause {
        let ends = self.0.iter_mut().enumerate().map(|(host, c)| async move { (host, c.wait().await) });
        let mut ends: FuturesUnordered<_> = ends.collect();
        tokio::pin!(ended, beside);
        loop {
            tokio::select! {
                biased;
                end = ends.next() => match end {
                    None => return Cause::Exited,
                    Some((_, Exit::Code(0))) => {}
                    Some((_, Exit::Lost)) => {
                        return Cause::Broken(format!("{INTERNAL}: the container engine has lost a container of the job"));
                    }
                    Some((host, exit)) => return Cause::Crashed(host, exit),
                },
                cause = &mut ended => return cause,
                never = &mut beside => match never {},
            }
        }
    }

    /// What measures them, in the order of their hosts.
    pub fn meters(&self) -> Vec<Option<Meter>> {
        self.0.iter().map(|container| container.meter()).collect()
    }

    /// Ends those that still run.
    pub async fn stop(mut self) {
        join_all(self.0.iter_mut().map(|container| container.stop(GRACE))).await;
    }
}

/// Does two things that have no end.
pub async fn both(one: impl Future<Output = Infallible>, other: impl Future<Output = Infallible>) -> Infallible {
    tokio::select! {
        never = one => never,
        never = other => never,
    }
}

/// Does something every now and then.
pub async fn every<F: Future<Output = ()>>(wall: &SharedWall, interval: Duration, act: impl Fn() -> F) -> Infallible {
    loop {
        wall.sleep(interval).await;
        act().await;
    }
}
