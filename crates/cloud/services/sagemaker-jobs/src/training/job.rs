//! One training job from start to end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::curve::Curve;
use super::folder;
use super::metrics::{Definition, Scanner};
use super::pipe::{Feed, Origin, Streams};
use super::request::{Group, Plan};
use super::results::{Results, Uploaded};
use super::{NAMESPACE, channels, failure, script};
use crate::job::containers::{Containers, both, every};
use crate::job::ends::Ends;
use crate::job::halt::{Cause, Halt};
use crate::job::hosts::{HostFolder, names};
use crate::job::log;
use crate::job::site::{Program, Site, Tools};
use crate::job::uploader::Seen;
use sagewright_cloud_core::runner::{Journal, LineSink, Workload};
use sagewright_cloud_sagemaker_base::{Events, JobTask, TrainingEnd, TrainingEvent};

/// How often new files in the folders that S3 has as well are looked for, while the job runs.
const KEEP_INTERVAL: Duration = Duration::from_secs(10);

/// What S3 has of each folder that is kept there.
type Kept = BTreeMap<usize, Seen>;

/// A running job.
pub(super) struct Job<'a> {
    pub site: &'a Site,
    pub events: Events<TrainingEvent>,
}

impl Job<'_> {
    fn status(&self, status: &str, message: &str) {
        (self.events)(TrainingEvent::Secondary { status: status.into(), message: message.into() });
    }

    pub async fn run(&self, stop: watch::Receiver<bool>) -> Result<TrainingEnd, Halt> {
        self.status("Starting", "Preparing the instances for training");
        let plan = Arc::new(self.plan().await?);
        let env = &self.site.env;
        if plan.script {
            env.runner.check_script(&plan.image)?;
        } else {
            env.runner.check(&plan.image)?;
        }
        let for_folders = Arc::clone(&plan);
        let hosts = Arc::new(self.site.make(move |root| folder::make(root, &for_folders)).await?);
        let journals = self.site.journals(NAMESPACE, plan.hosts().map(|(host, _)| host));
        self.status("Downloading", "Downloading input data");
        let limit = plan.max_runtime.saturating_sub(self.site.task.spent);
        let mut ends = Ends::new(stop, &env.wall, limit).with_interruption(self.site.task.interrupted.clone());
        let waits = || self.status("Downloading", "Downloading the training image");
        let download = self.download(&plan, &hosts);
        let feeds = if plan.script {
            // Its environment was there before the job was created: there is nothing to fetch.
            ends.unless(download).await?
        } else {
            ends.unless(self.site.ready(&plan.image, &journals, download, waits)).await?
        };
        self.status("Training", "Training image download completed. Training in progress.");
        let seen = Arc::default();
        let streams = self.stream(&plan, &hosts, feeds).await?;
        let cause = self.train(&plan, &hosts, &journals, streams, &mut ends, &seen).await?;
        let there = hosts.clone();
        let told = tokio::task::spawn_blocking(move || (failure::of(&cause, &there), cause));
        let (failure, cause) = told.await?;
        if let Some(reason) = failure {
            // Best effort: the failure is what counts.
            let _ = ends.unless(self.upload(&plan, &hosts, &seen, false)).await;
            return Err(Halt::Failed(reason));
        }
        if matches!(cause, Cause::Interrupted) {
            // The next run goes on from these. What cannot be kept now is lost, as it is with a real instance.
            let _ = log::tell_loss(&journals, self.upload(&plan, &hosts, &seen, false).await).await;
            return Err(Halt::Interrupted);
        }
        self.status("Uploading", "Uploading generated training model");
        let upload = self.upload(&plan, &hosts, &seen, true);
        let uploaded = match cause {
            // Of a job that was ended it is kept what it has until then.
            Cause::Stopped | Cause::TimedOut => log::tell_loss(&journals, upload.await).await?,
            _ => ends.unless(upload).await?,
        };
        log::tell(&journals, uploaded.skipped).await?;
        Ok(match cause {
            Cause::Stopped | Cause::TimedOut => TrainingEnd::Stopped {
                artifacts: uploaded.any.then_some(uploaded.model),
                max_runtime: matches!(cause, Cause::TimedOut),
            },
            _ => TrainingEnd::Completed { artifacts: uploaded.model },
        })
    }

    /// The request as it was recorded. It was checked when the job was created, by this version or an earlier one.
    async fn plan(&self) -> Result<Plan, Halt> {
        let (request, runner) = (self.site.task.request.clone(), self.site.env.runner.clone());
        // The user's patterns are compiled, which may take a while.
        let read = move || Plan::read(&request, |image| runner.built_in(image), u32::MAX);
        let read = tokio::task::spawn_blocking(read).await?;
        read.map_err(|error| Halt::Failed(format!("ClientError: {}", error.message)))
    }

    async fn download(&self, plan: &Arc<Plan>, hosts: &Arc<Vec<HostFolder>>) -> Result<Vec<Feed>, Halt> {
        let work = self.with_results(plan, hosts, |results, source| {
            results.reachable().map_err(Some)?;
            let feeds = channels::download(source, results.plan, results.hosts)?;
            channels::restore(source, results.plan, results.hosts).map(|()| feeds)
        });
        Ok(work.await??)
    }

    async fn stream(&self, plan: &Arc<Plan>, hosts: &Arc<Vec<HostFolder>>, feeds: Vec<Feed>) -> Result<Streams, Halt> {
        let origin = Origin { objects: self.site.env.objects.clone(), account: self.site.task.account.clone() };
        let (plan, hosts, scratch) = (plan.clone(), hosts.clone(), self.site.scratch());
        let work = tokio::task::spawn_blocking(move || Streams::start(&feeds, &plan, &hosts, &scratch, &origin));
        Ok(work.await??)
    }

    async fn workload(
        &self,
        plan: &Plan,
        host: &HostFolder,
        group: &Group,
        names: &[(String, std::net::Ipv4Addr)],
    ) -> Workload {
        let JobTask { arn, name, .. } = &self.site.task;
        let mut environment = script::variables(plan, name, &self.site.visible(&plan.image, host), group);
        environment.extend(plan.environment.clone());
        environment.insert("TRAINING_JOB_NAME".to_owned(), name.clone());
        environment.insert("TRAINING_JOB_ARN".to_owned(), arn.clone());
        let program = Program {
            image: plan.image.clone(),
            entrypoint: plan.entrypoint.clone(),
            arguments: plan.arguments.clone(),
            environment,
            instance_type: group.instance_type.clone(),
            role_arn: plan.role_arn.clone(),
            isolated: plan.isolated,
        };
        self.site.workload(host, program, names).await
    }

    /// Log stream and metrics of one host.
    fn sink(&self, plan: &Plan, journal: &Journal, curve: &Arc<Curve>, is_first: bool) -> LineSink {
        let mut definitions = plan.metrics.clone();
        if !plan.script && self.site.env.runner.built_in(&plan.image) == Some("xgboost") {
            definitions.extend(Definition::xgboost());
        }
        let (journal, events, clock) = (journal.clone(), self.events.clone(), self.site.env.sim.clone());
        let curve = curve.clone();
        let scanner = Mutex::new(Scanner::new(definitions));
        Arc::new(move |line| {
            let line = log::escape(line);
            journal.push(&line);
            let found = |name: &str, value| {
                let now = clock.now();
                curve.add(name, value, now);
                let (name, at) = (name.to_owned(), now.timestamp());
                events(match is_first {
                    true => TrainingEvent::Metric { name, value, at },
                    false => TrainingEvent::MetricOfOtherHost { name, value, at },
                });
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
        seen: &Arc<Mutex<Kept>>,
    ) -> Result<Cause, Halt> {
        let mut starts = Vec::new();
        let curve = Arc::new(Curve::new(&self.site.env, &self.site.task));
        let names = names(plan.hosts().map(|(host, _)| host));
        for (((_, group), host), journal) in plan.hosts().zip(hosts.iter()).zip(journals) {
            let sink = self.sink(plan, journal, &curve, starts.is_empty());
            starts.push((self.workload(plan, host, group, &names).await, sink));
        }
        let mut containers = Containers::start(&*self.site.env.runner, starts).await?;
        let ended = async {
            tokio::select! {
                biased;
                reason = streams.failed() => Cause::Broken(reason),
                cause = ends.next() => cause,
            }
        };
        let checkpoints = async {
            if plan.kept.is_empty() {
                std::future::pending::<()>().await;
            }
            // What fails is tried again at the next round, and counts at the end.
            let upload = || async { drop(self.upload(plan, hosts, seen, false).await) };
            every(&self.site.env.wall, KEEP_INTERVAL, upload).await
        };
        let gauges = self.site.gauges(NAMESPACE, plan.hosts().map(|(host, _)| host), &containers);
        let cause = containers.watch(ended, both(checkpoints, gauges.run())).await;
        match cause {
            Cause::Stopped => self.status("Stopping", "Stopping the training job"),
            Cause::TimedOut => self.status("Stopping", "Training job runtime exceeded MaxRuntimeInSeconds provided"),
            // The record shows it already.
            Cause::Interrupted | Cause::Exited | Cause::Crashed(..) | Cause::Broken(_) => {}
        }
        containers.stop().await;
        // Not before: a program that is stopped may still finish what it reads.
        tokio::task::spawn_blocking(|| drop(streams)).await?;
        log::tell(journals, Vec::new()).await?;
        Ok(cause)
    }

    async fn upload(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        seen: &Arc<Mutex<Kept>>,
        results: bool,
    ) -> Result<Uploaded, Halt> {
        let (job, seen) = (self.site.task.name.clone(), seen.clone());
        let work = self.with_results(plan, hosts, move |left, _| {
            left.keep(&mut seen.lock().unwrap_or_else(PoisonError::into_inner))?;
            if results { left.upload(&job) } else { Ok(Uploaded::default()) }
        });
        Ok(work.await??)
    }

    async fn with_results<T: Send + 'static>(
        &self,
        plan: &Arc<Plan>,
        hosts: &Arc<Vec<HostFolder>>,
        act: impl FnOnce(Results<'_>, &sagewright_cloud_transfer::fetch::Source<'_>) -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let (plan, hosts) = (plan.clone(), hosts.clone());
        self.site
            .work(move |Tools { source, uploader }| act(Results { uploader, plan: &plan, hosts: &hosts }, &source))
            .await
    }
}
