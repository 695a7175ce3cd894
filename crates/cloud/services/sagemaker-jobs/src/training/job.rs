//! One training job from start to end.

use std::convert::Infallible;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use super::ends::{Cancel, Ends};
use super::folder::{self, HostFolder};
use super::halt::{Cause, Halt};
use super::metrics::{self, Definition, Scanner};
use super::pipe::{Feed, Origin, Streams};
use super::request::{Group, Plan};
use super::results::{Results, Uploaded};
use super::{channels, script};
use crate::job::uploader::{Seen, Uploader};
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::{
    Container, Exit, Identity, JobEnvironment, Journal, Labels, LineSink, Mount, Port, Resources, Workload,
};
use sagewright_cloud_sagemaker_base::ports::{TrainingEnd, TrainingEvent, TrainingTask};
use sagewright_cloud_transfer::fetch::Source;

/// Between SIGTERM and SIGKILL, as SageMaker documents it.
const GRACE: Duration = Duration::from_secs(120);
/// How often checkpoints are looked for while the job runs.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);
/// Log group of all training jobs.
const LOG_GROUP: &str = "/aws/sagemaker/TrainingJobs";

/// A running job.
pub(super) struct Job<'a> {
    pub env: &'a Env,
    pub environment: &'a dyn JobEnvironment,
    pub task: &'a TrainingTask,
    pub events: Arc<dyn Fn(TrainingEvent) + Send + Sync>,
    pub folder: PathBuf,
    /// Held by threads that work in the folder.
    pub busy: Arc<tokio::sync::Mutex<()>>,
}

impl Job<'_> {
    fn status(&self, status: &str, message: &str) {
        (self.events)(TrainingEvent::Secondary { status: status.into(), message: message.into() });
    }

    pub async fn run(&self, stop: watch::Receiver<bool>) -> Result<TrainingEnd, Halt> {
        self.status("Starting", "Preparing the instances for training");
        let plan = Arc::new(self.plan().await?);
        self.env.runner.check(&plan.image)?;
        let hosts = self.folders(&plan).await?;
        let journals = self.journals(&plan);
        self.status("Downloading", "Downloading input data");
        let mut ends = Ends::new(stop, &self.env.wall, plan.max_runtime);
        let feeds = ends.unless(self.make_ready(&plan, &hosts, &journals)).await?;
        self.status("Training", "Training image download completed. Training in progress.");
        let seen = Arc::default();
        let streams = self.stream(&plan, &hosts, feeds).await?;
        let cause = self.train(&plan, &hosts, &journals, streams, &mut ends, &seen).await?;
        let there = hosts.clone();
        let told = tokio::task::spawn_blocking(move || (cause.failure(&there), cause));
        let (failure, cause) = told.await?;
        if let Some(reason) = failure {
            // Best effort: the failure is what counts.
            let _ = ends.unless(self.upload(&plan, &hosts, &seen, false)).await;
            return Err(Halt::Failed(reason));
        }
        self.status("Uploading", "Uploading generated training model");
        let upload = self.upload(&plan, &hosts, &seen, true);
        let uploaded = match cause {
            // Of a job that was ended it is kept what it has until then.
            Cause::Stopped | Cause::TimedOut => upload.await?,
            Cause::Exited | Cause::Crashed(..) | Cause::Starved(_) => ends.unless(upload).await?,
        };
        if let Some(journal) = journals.first().cloned() {
            let lines = uploaded.skipped;
            let write = move || {
                lines.iter().for_each(|line| journal.push(line));
                journal.flush();
            };
            tokio::task::spawn_blocking(write).await?;
        }
        Ok(match cause {
            Cause::Stopped | Cause::TimedOut => TrainingEnd::Stopped {
                artifacts: uploaded.any.then_some(uploaded.model),
                max_runtime: matches!(cause, Cause::TimedOut),
            },
            Cause::Exited | Cause::Crashed(..) | Cause::Starved(_) => {
                TrainingEnd::Completed { artifacts: uploaded.model }
            }
        })
    }

    /// The request as it was recorded. It was checked when the job was created, by this version or an earlier one.
    async fn plan(&self) -> Result<Plan, Halt> {
        let (request, runner) = (self.task.request.clone(), self.env.runner.clone());
        // The user's patterns are compiled, which may take a while.
        let read = move || Plan::read(&request, |image| runner.built_in(image), u32::MAX);
        let read = tokio::task::spawn_blocking(read).await?;
        read.map_err(|error| Halt::Failed(format!("ClientError: {}", error.message)))
    }

    async fn folders(&self, plan: &Arc<Plan>) -> Result<Arc<Vec<HostFolder>>, Halt> {
        let (plan, root) = (plan.clone(), self.folder.clone());
        let made = tokio::task::spawn_blocking(move || {
            fs::create_dir_all(root.join("scratch"))?;
            folder::make(&root, &plan)
        });
        let made = made
            .await?
            .map_err(|e| format!("InternalServerError: cannot make the job's folder {}: {e}", self.folder.display()))?;
        Ok(Arc::new(made))
    }

    fn journals(&self, plan: &Plan) -> Vec<Journal> {
        let TrainingTask { account, region, name, .. } = self.task;
        let epoch = self.env.sim.now().as_second();
        let journal = |host: &str| {
            let stream = format!("{name}/{host}-{epoch}");
            Journal::new(self.env.logs.clone(), self.env.sim.clone(), account, region, LOG_GROUP, stream)
        };
        plan.hosts().map(|(host, _)| journal(host)).collect()
    }

    /// Fetches data and image at the same time.
    async fn make_ready(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        journals: &[Journal],
    ) -> Result<Vec<Feed>, Halt> {
        let progress: LineSink = match journals.first().cloned() {
            Some(journal) => Arc::new(move |line| journal.push(&metrics::escape(line))),
            None => Arc::new(|_| {}),
        };
        let image = self.env.runner.prepare(&plan.image, progress);
        let data = self.download(plan, hosts);
        tokio::pin!(image, data);
        tokio::select! {
            biased;
            prepared = &mut image => {
                prepared?;
                data.await
            }
            loaded = &mut data => {
                let feeds = loaded?;
                self.status("Downloading", "Downloading the training image");
                image.await?;
                Ok(feeds)
            }
        }
    }

    async fn download(&self, plan: &Arc<Plan>, hosts: &Arc<Vec<HostFolder>>) -> Result<Vec<Feed>, Halt> {
        let work = self.with_results(plan, hosts, |results| {
            results.reachable().map_err(Some)?;
            let Results { uploader: Uploader { objects, account, cancelled, .. }, plan, hosts } = results;
            let source = Source { objects, account, cancelled };
            let feeds = channels::download(&source, plan, hosts)?;
            channels::restore(&source, plan, hosts).map(|()| feeds)
        });
        work.await?.map_err(|reason| reason.map_or(Halt::Stopped { max_runtime: false }, Halt::Failed))
    }

    async fn stream(&self, plan: &Arc<Plan>, hosts: &Arc<Vec<HostFolder>>, feeds: Vec<Feed>) -> Result<Streams, Halt> {
        let origin = Origin { objects: self.env.objects.clone(), account: self.task.account.clone() };
        let (plan, hosts, scratch) = (plan.clone(), hosts.clone(), self.folder.join("scratch"));
        let work = tokio::task::spawn_blocking(move || Streams::start(&feeds, &plan, &hosts, &scratch, &origin));
        Ok(work.await??)
    }

    async fn workload(&self, plan: &Plan, host: &HostFolder, group: &Group, names: &[(String, Ipv4Addr)]) -> Workload {
        let TrainingTask { account, region, arn, name, epoch, .. } = self.task;
        let mount = Mount::opt_ml(&host.base);
        let seen = HostFolder { name: host.name.clone(), base: self.env.runner.visible_at(&mount).to_path_buf() };
        let mut environment = script::variables(plan, name, &seen, group);
        environment.extend(plan.environment.clone());
        let fixed = [
            ("TRAINING_JOB_NAME", name.clone()),
            ("TRAINING_JOB_ARN", arn.clone()),
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region.clone()),
        ];
        environment.extend(fixed.map(|(key, value)| (key.to_owned(), value)));
        if !plan.isolated {
            let identity = Identity {
                account: account.clone(),
                region: region.clone(),
                arn: arn.clone(),
                role_arn: plan.role_arn.clone(),
            };
            environment.extend(self.environment.variables(&identity).await);
        }
        Workload {
            labels: Labels { account: account.clone(), arn: arn.clone(), host: host.name.clone(), epoch: *epoch },
            image: plan.image.clone(),
            entrypoint: plan.entrypoint.clone(),
            arguments: plan.arguments.clone(),
            environment,
            mounts: vec![mount],
            port: Port::None,
            hosts: names.to_vec(),
            resources: Resources::of_instance(&group.instance_type),
            isolated: plan.isolated,
        }
    }

    /// Log stream and metrics of one host.
    fn sink(&self, plan: &Plan, journal: &Journal) -> LineSink {
        let mut definitions = plan.metrics.clone();
        if self.env.runner.built_in(&plan.image) == Some("xgboost") {
            definitions.extend(Definition::xgboost());
        }
        let (journal, events, clock) = (journal.clone(), self.events.clone(), self.env.sim.clone());
        let scanner = Mutex::new(Scanner::new(definitions));
        Arc::new(move |line| {
            let line = metrics::escape(line);
            journal.push(&line);
            let found = |name: &str, value| {
                events(TrainingEvent::Metric { name: name.to_owned(), value, at: clock.now().timestamp() });
            };
            scanner.lock().unwrap_or_else(PoisonError::into_inner).scan(&line, found, |told| journal.push(told));
        })
    }

    async fn train(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        journals: &[Journal],
        mut streams: Streams,
        ends: &mut Ends,
        seen: &Arc<Mutex<Seen>>,
    ) -> Result<Cause, Halt> {
        let mut containers: Vec<Box<dyn Container>> = Vec::new();
        let names = names(plan);
        for (((_, group), host), journal) in plan.hosts().zip(hosts.iter()).zip(journals) {
            let workload = self.workload(plan, host, group, &names).await;
            containers.push(self.env.runner.start(&workload, self.sink(plan, journal)).await?);
        }
        let ended = async {
            tokio::select! {
                biased;
                reason = streams.failed() => Cause::Starved(reason),
                cause = ends.next() => cause,
            }
        };
        let cause = self.watch(plan, hosts, &mut containers, ended, seen).await;
        match cause {
            Cause::Stopped => self.status("Stopping", "Stopping the training job"),
            Cause::TimedOut => self.status("Stopping", "Training job runtime exceeded MaxRuntimeInSeconds provided"),
            Cause::Exited | Cause::Crashed(..) | Cause::Starved(_) => {}
        }
        join_all(containers.iter_mut().map(|container| container.stop(GRACE))).await;
        // Not before: a program that is stopped may still finish what it reads.
        tokio::task::spawn_blocking(|| drop(streams)).await?;
        let ended = journals.to_vec();
        tokio::task::spawn_blocking(move || ended.iter().for_each(Journal::flush)).await?;
        Ok(cause)
    }

    /// Waits until all hosts have ended well, one has not, or something else ends the job.
    async fn watch(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        containers: &mut [Box<dyn Container>],
        ended: impl Future<Output = Cause>,
        seen: &Arc<Mutex<Seen>>,
    ) -> Cause {
        let ends = containers.iter_mut().enumerate().map(|(host, c)| async move { (host, c.wait().await) });
        let mut ends: FuturesUnordered<_> = ends.collect();
        // Beside the rest: a long upload holds up neither a stop nor the end of a host. Dropped, it ends soon.
        let rounds = self.checkpoint_rounds(plan, hosts, seen);
        tokio::pin!(ended, rounds);
        loop {
            tokio::select! {
                biased;
                end = ends.next() => match end {
                    None => return Cause::Exited,
                    Some((_, Exit::Code(0))) => {}
                    Some((host, exit)) => return Cause::Crashed(host, exit),
                },
                cause = &mut ended => return cause,
                never = &mut rounds => match never {},
            }
        }
    }

    /// Uploads checkpoints every now and then.
    async fn checkpoint_rounds(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        seen: &Arc<Mutex<Seen>>,
    ) -> Infallible {
        if plan.checkpoints.is_none() {
            std::future::pending::<()>().await;
        }
        loop {
            self.env.wall.sleep(CHECKPOINT_INTERVAL).await;
            // What fails is tried again at the next round, and counts at the end.
            let _ = self.upload(plan, hosts, seen, false).await;
        }
    }

    async fn upload(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        seen: &Arc<Mutex<Seen>>,
        results: bool,
    ) -> Result<Uploaded, Halt> {
        let (job, seen) = (self.task.name.clone(), seen.clone());
        let work = self.with_results(plan, hosts, move |left| {
            left.checkpoints(&mut seen.lock().unwrap_or_else(PoisonError::into_inner))?;
            if results { left.upload(&job) } else { Ok(Uploaded::default()) }
        });
        Ok(work.await??)
    }

    /// Does blocking work on its own thread, which ends soon when this is dropped; one at a time.
    async fn with_results<T: Send + 'static>(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        act: impl FnOnce(Results<'_>) -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let cancel = Cancel::default();
        let cancelled = cancel.flag();
        let (objects, account) = (self.env.objects.clone(), self.task.account.clone());
        let (plan, hosts, scratch) = (plan.clone(), hosts.clone(), self.folder.join("scratch"));
        let busy = self.busy.clone().lock_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            let _busy = busy;
            let (objects, account, cancelled) = (&*objects, &*account, &*cancelled);
            let uploader = Uploader { objects, account, scratch: &scratch, cancelled };
            act(Results { uploader, plan: &plan, hosts: &hosts })
        });
        Ok(work.await?)
    }
}

/// The hosts of a job with an address each, so that each may use every port: some of the loopback network, of which Linux
/// has all.
fn names(plan: &Plan) -> Vec<(String, Ipv4Addr)> {
    // Away from 127.0, which people use; two jobs at once hardly ever get the same.
    let [high, low, ..] = uuid::Uuid::new_v4().into_bytes();
    let addresses = (1..255).map(|number| Ipv4Addr::new(127, 64 | (high & 63), low, number));
    plan.hosts().map(|(host, _)| host.to_owned()).zip(addresses).collect()
}
