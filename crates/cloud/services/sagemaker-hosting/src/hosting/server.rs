//! One model server: a container that answers requests, started again when it dies.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::sync::{Notify, watch};

use super::models::{Models, Source};
use super::pool::{Outgoing, Pool};
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::runner::{Container, Journal, LineSink, Port, Runner, Workload};

/// Between SIGTERM and SIGKILL, as SageMaker documents it.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long one ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Starts of a server whose port was taken by another program in the meantime.
const PORT_ATTEMPTS: u32 = 3;
/// First and longest pause before a dead server is started again.
pub(super) const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A server as the router sees it.
#[derive(Default)]
pub(super) struct Server {
    /// `primary`, or the container's host name in a pipeline.
    pub name: String,
    /// Host name by which a request may ask for it.
    pub hostname: Option<String>,
    pub pool: Arc<Pool>,
    /// What a multi-model server has loaded.
    pub models: Option<Arc<Models>>,
    /// Most bytes of an answer, where they are fewer than of other servers.
    pub longest: Option<usize>,
    health: AtomicU8,
    doubted: Notify,
    risen: Notify,
}

const DOWN: u8 = 0;
const DOUBTFUL: u8 = 1;
const READY: u8 = 2;

impl Server {
    /// A server that is down yet; one of many models gets them from `source`.
    pub fn new(
        name: String,
        hostname: Option<String>,
        source: Option<Source>,
        secret: Option<&str>,
        longest: Option<usize>,
    ) -> Arc<Self> {
        let pool = Arc::new(Pool::new(secret));
        let models = source.map(|source| Models::new(source, pool.clone()));
        Arc::new(Self { name, hostname, pool, models, longest, ..Self::default() })
    }

    /// Completes when it answers.
    pub async fn until_ready(&self) {
        loop {
            let mut risen = std::pin::pin!(self.risen.notified());
            risen.as_mut().enable();
            if self.ready() {
                return;
            }
            risen.await;
        }
    }

    /// Has it count as down while it still answers; whether it answered.
    pub fn pause(&self) -> bool {
        self.health.swap(DOWN, Ordering::SeqCst) == READY
    }

    /// Undoes a pause.
    pub fn resume(&self) {
        self.rise();
    }

    fn rise(&self) {
        self.health.store(READY, Ordering::SeqCst);
        self.risen.notify_waiters();
    }

    /// Whether it answers.
    pub fn ready(&self) -> bool {
        self.health.load(Ordering::SeqCst) == READY
    }

    /// Whether it may answer: it runs, but a request was broken off and no ping has been answered since.
    pub fn usable(&self) -> bool {
        self.health.load(Ordering::Acquire) != DOWN
    }

    /// A request found the connection broken. Others go elsewhere, where they can, until a ping is answered.
    pub fn doubt(&self) {
        if self.health.compare_exchange(READY, DOUBTFUL, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.doubted.notify_one();
        }
    }

    fn trust(&self) {
        let _ = self.health.compare_exchange(DOUBTFUL, READY, Ordering::AcqRel, Ordering::Acquire);
    }

    fn up(&self, address: SocketAddr, root: &Path) {
        if let Some(models) = &self.models {
            models.reset(root);
        }
        self.pool.point(Some(address));
        self.rise();
    }

    fn down(&self) {
        self.health.store(DOWN, Ordering::Release);
        self.pool.point(None);
        if let Some(models) = &self.models {
            models.reset(Path::new(""));
        }
    }
}

/// What a supervisor tells about the first start, and about an end that is the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Starting,
    Ready,
    /// It never answered, or has ended and is not started again; the text is for people, empty where the log says more.
    Failed(String),
}

/// What a supervisor needs.
pub(super) struct Supervisor {
    pub server: Arc<Server>,
    pub runner: Arc<dyn Runner>,
    pub clock: SharedWall,
    pub workload: Workload,
    pub journal: Journal,
    pub startup_timeout: Duration,
    /// Whether a server that answered and died is started again.
    pub restarts: bool,
    pub progress: watch::Sender<Progress>,
}

enum Outcome {
    Stopped,
    /// It ended before it answered a ping.
    Unready(String),
    /// It answered, and ended later.
    Died,
}

impl Supervisor {
    /// Runs the server until `stop` turns true or its sender is gone.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        self.serve_until(stop).await;
    }

    /// As [`Supervisor::run`], and may be run again.
    pub async fn serve_until(&mut self, mut stop: watch::Receiver<bool>) {
        let mut pause = BACKOFF.0;
        loop {
            let outcome = self.once(&mut stop).await;
            self.server.down();
            self.journal.flush();
            let first = *self.progress.borrow() == Progress::Starting;
            match outcome {
                Outcome::Stopped => return,
                Outcome::Unready(why) if first => {
                    self.progress.send_replace(Progress::Failed(why));
                    return;
                }
                Outcome::Unready(why) => {
                    tracing::warn!(server = %self.workload.labels, why, "a model server does not come back")
                }
                Outcome::Died if !self.restarts => {
                    self.progress.send_replace(Progress::Failed(String::new()));
                    return;
                }
                Outcome::Died => {
                    pause = BACKOFF.0;
                    tracing::warn!(server = %self.workload.labels, "a model server died and is started again");
                }
            }
            tokio::select! {
                biased;
                () = asked(&mut stop) => return,
                () = self.clock.sleep(pause) => {}
            }
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    async fn once(&mut self, stop: &mut watch::Receiver<bool>) -> Outcome {
        for _ in 0..PORT_ATTEMPTS {
            self.workload.labels.epoch += 1;
            match self.start(stop).await {
                Ok(outcome) => return outcome,
                Err(PortTaken) => {
                    tracing::debug!(server = %self.workload.labels, "the port was taken; another one is tried")
                }
            }
            // It may have been in the way of a program that binds without SO_REUSEADDR.
            self.workload.port = Port::Free;
        }
        Outcome::Unready("no free port could be kept".into())
    }

    async fn start(&self, stop: &mut watch::Receiver<bool>) -> Result<Outcome, PortTaken> {
        let taken = Arc::new(AtomicBool::new(false));
        let mut container = match self.runner.start(&self.workload, self.sink(taken.clone())).await {
            Ok(container) => container,
            Err(error) => return Ok(Outcome::Unready(error.to_string())),
        };
        let Some(address) = container.address() else {
            return Ok(Outcome::Unready("the runner gave the server no address".into()));
        };
        let late = self.clock.sleep(self.startup_timeout);
        let answered = tokio::select! {
            biased;
            () = asked(stop) => {
                container.stop(GRACE).await;
                return Ok(Outcome::Stopped);
            }
            _ = container.wait() => {
                return if taken.load(Ordering::Relaxed) { Err(PortTaken) } else { Ok(Outcome::Unready(String::new())) };
            }
            () = self.ping(address) => true,
            () = late => false,
        };
        if !answered {
            container.stop(GRACE).await;
            return Ok(Outcome::Unready(String::new()));
        }
        self.server.up(address, container.root());
        self.progress.send_replace(Progress::Ready);
        Ok(self.serve(&mut *container, address, stop).await)
    }

    async fn serve(
        &self,
        container: &mut dyn Container,
        address: SocketAddr,
        stop: &mut watch::Receiver<bool>,
    ) -> Outcome {
        let hung = async {
            loop {
                self.server.doubted.notified().await;
                let late = self.clock.sleep(self.startup_timeout);
                tokio::select! {
                    () = self.ping(address) => self.server.trust(),
                    () = late => return,
                }
            }
        };
        let outcome = tokio::select! {
            biased;
            () = asked(stop) => Outcome::Stopped,
            _ = container.wait() => return Outcome::Died,
            () = hung => Outcome::Died,
        };
        self.server.down();
        container.stop(GRACE).await;
        outcome
    }

    /// Completes when the server answers pings; one of many models must list them, too.
    async fn ping(&self, address: SocketAddr) {
        self.answers(address, Uri::from_static("/ping")).await;
        if self.server.models.is_some() {
            self.answers(address, Uri::from_static("/models")).await;
        }
    }

    /// Completes when the server answers 200 to a GET. The pauses are the machine's: they wait for a process.
    async fn answers(&self, address: SocketAddr, uri: Uri) {
        let request = Outgoing { method: Method::GET, uri, headers: HeaderMap::new(), body: Bytes::new().into() };
        let mut pause = Duration::from_millis(2);
        loop {
            let answer = tokio::time::timeout(PING_TIMEOUT, self.server.pool.send_once(address, &request)).await;
            if matches!(answer, Ok(Ok(answer)) if answer.status == StatusCode::OK) {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(100));
        }
    }

    /// To the log; and notes whether the server could not have its port.
    fn sink(&self, taken: Arc<AtomicBool>) -> LineSink {
        let journal = self.journal.clone();
        Arc::new(move |line| {
            if line.contains("ddress already in use") || line.contains("EADDRINUSE") {
                taken.store(true, Ordering::Relaxed);
            }
            journal.push(line);
        })
    }
}

struct PortTaken;

/// Completes when a stop is asked for, or nobody can ask any more.
async fn asked(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|asked| *asked).await;
}
