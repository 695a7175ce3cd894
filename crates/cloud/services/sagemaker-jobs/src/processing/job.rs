//! One processing job from start to end.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sagewright_cloud_core::runner::Journal;
use sagewright_cloud_sagemaker_base::{Events, JobEvent};
use sagewright_cloud_transfer::fetch::Source;
use tokio::sync::watch;

use super::outputs::{Outputs, Which};
use super::request::{Input, Plan};
use super::{folder, message, metrics};
use crate::job::containers::{Containers, both, every};
use crate::job::ends::Ends;
use crate::job::halt::{Cause, Halt, algorithm_error};
use crate::job::hosts::{HostFolder, names};
use crate::job::log;
use crate::job::site::{Program, Site, Tools};
use crate::job::uploader::Seen;

/// How often outputs that are uploaded continuously are looked at.
const UPLOAD_INTERVAL: Duration = Duration::from_secs(10);
/// Log group of all processing jobs.
const LOG_GROUP: &str = "/aws/sagemaker/ProcessingJobs";

/// A running job.
pub(super) struct Job<'a> {
    pub site: &'a Site,
    pub events: Events<JobEvent>,
    /// Its `ExitMessage`, once its containers have ended.
    pub message: &'a OnceLock<String>,
}

/// What a job works with.
#[derive(Clone)]
struct Work {
    plan: Arc<Plan>,
    hosts: Arc<Vec<HostFolder>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Job<'_> {
    pub async fn run(&self, stop: watch::Receiver<bool>) -> Result<(), Halt> {
        let env = &self.site.env;
        // It was checked when the job was created, by this version or an earlier one.
        let plan = Plan::read(&self.site.task.request, u32::MAX);
        let plan = Arc::new(plan.map_err(|error| format!("ClientError: {}", error.message))?);
        let script = plan.entrypoint.is_some();
        if script {
            env.runner.check_script(&plan.image)?;
        } else {
            env.runner.check(&plan.image)?;
        }
        let (for_folders, task) = (Arc::clone(&plan), self.site.task.clone());
        let hosts = Arc::new(self.site.make(move |root| folder::make(root, &for_folders, &task)).await?);
        let journals = self.site.journals(LOG_GROUP, plan.hosts.iter().map(String::as_str));
        let work = Work { plan, hosts, seen: Arc::default() };
        let mut ends = Ends::new(stop, &env.wall, work.plan.max_runtime);
        let download = self.download(&work);
        if script {
            ends.unless(download).await?;
        } else {
            ends.unless(self.site.ready(&work.plan.image, &journals, download, || {})).await?;
        }
        (self.events)(JobEvent::Started);
        let cause = self.process(&work, &journals, &mut ends).await?;
        let exit = self.exit_message(&work, &journals).await?;
        match cause {
            Cause::Crashed(_, code) => {
                // Best effort: the failure is what counts.
                let _ = ends.unless(self.upload(&work, &journals, Which::Continuous)).await;
                Err(Halt::Failed(algorithm_error("", code)))
            }
            // Of a job that was ended it is kept what it has until then.
            Cause::Stopped | Cause::TimedOut | Cause::Interrupted => {
                log::tell_loss(&journals, self.upload(&work, &journals, Which::All).await).await?;
                Err(Halt::Stopped { max_runtime: matches!(cause, Cause::TimedOut) })
            }
            Cause::Broken(reason) => Err(Halt::Failed(reason)),
            Cause::Exited => {
                ends.unless(self.upload(&work, &journals, Which::All)).await?;
                if exit.is_ok() {
                    self.publish(&work, &journals).await?;
                }
                exit.map_err(Halt::Failed)
            }
        }
    }

    async fn download(&self, work: &Work) -> Result<(), Halt> {
        let fetch = |outputs: &Outputs<'_>, source: &Source<'_>| -> Result<(), Option<String>> {
            outputs.reachable().map_err(Some)?;
            outputs.plan.inputs.iter().try_for_each(|input| download(input, source, outputs.hosts))
        };
        Ok(self.with_outputs(work, fetch).await??)
    }

    async fn process(&self, work: &Work, journals: &[Journal], ends: &mut Ends) -> Result<Cause, Halt> {
        let names = names(work.plan.hosts.iter().map(String::as_str));
        let mut starts = Vec::new();
        for (host, journal) in work.hosts.iter().zip(journals) {
            let workload = self.site.workload(host, self.program(&work.plan), &names).await;
            starts.push((workload, log::sink(Some(journal))));
        }
        let mut containers = Containers::start(&*self.site.env.runner, starts).await?;
        let rounds = async {
            if !work.plan.outputs.iter().any(|output| output.continuous) {
                std::future::pending::<()>().await;
            }
            // What fails is tried again at the next round, and counts at the end. What is left out is told then, too.
            let upload = || async { drop(self.upload(work, &[], Which::Continuous).await) };
            every(&self.site.env.wall, UPLOAD_INTERVAL, upload).await
        };
        let hosts = work.hosts.iter().map(|host| host.name.as_str());
        let gauges = self.site.gauges(LOG_GROUP, hosts, &containers);
        let cause = containers.watch(ends.next(), both(rounds, gauges.run())).await;
        containers.stop().await;
        let told = matches!(cause, Cause::TimedOut).then(|| {
            let limit = work.plan.max_runtime.as_secs();
            format!("The processing job is stopped: it ran longer than its MaxRuntimeInSeconds, {limit}.")
        });
        log::tell(journals, Vec::from_iter(told)).await?;
        Ok(cause)
    }

    fn program(&self, plan: &Plan) -> Program {
        let mut environment = plan.environment.clone();
        environment.insert("PROCESSING_JOB_ARN".to_owned(), self.site.task.arn.clone());
        Program {
            image: plan.image.clone(),
            entrypoint: plan.entrypoint.clone(),
            arguments: plan.arguments.clone(),
            environment,
            instance_type: plan.instance_type.clone(),
            role_arn: plan.role_arn.clone(),
            isolated: plan.isolated,
        }
    }

    /// Reads the message. The inner error is that of a job whose containers ended well otherwise.
    async fn exit_message(&self, work: &Work, journals: &[Journal]) -> Result<Result<(), String>, Halt> {
        let hosts = work.hosts.clone();
        match tokio::task::spawn_blocking(move || message::read(&hosts)).await? {
            Ok(text) => {
                text.map(|text| self.message.set(text));
                Ok(Ok(()))
            }
            Err(host) => {
                let told = format!("/opt/ml/output/message of {host} is not UTF-8 text; write it as UTF-8.");
                log::tell(journals, vec![told.clone()]).await?;
                Ok(Err(format!("ClientError: {told}")))
            }
        }
    }

    /// Puts the metrics that a monitoring job leaves. What is wrong with them fails no job.
    async fn publish(&self, work: &Work, journals: &[Journal]) -> Result<(), Halt> {
        let Some(namespace) = metrics::namespace(&work.plan.environment) else { return Ok(()) };
        let (hosts, task) = (work.hosts.clone(), self.site.task.clone());
        let key = format!("{}/{}", task.arn, task.id);
        let read = tokio::task::spawn_blocking(move || metrics::read(&hosts, &task, namespace)).await;
        let (data, mut told) = read?;
        // Once for a job, although it runs again when the cloud dies before its end is recorded.
        if let Err(error) = self.site.env.metrics.put_once(key, data).await {
            told.push(format!("The metrics of the job could not be put: {error}"));
        }
        log::tell(journals, told).await?;
        Ok(())
    }

    async fn upload(&self, work: &Work, journals: &[Journal], which: Which) -> Result<(), Halt> {
        let skipped = self.with_outputs(work, move |outputs, _| outputs.upload(which)).await??;
        log::tell(journals, skipped).await?;
        Ok(())
    }

    async fn with_outputs<T: Send + 'static>(
        &self,
        work: &Work,
        act: impl FnOnce(&Outputs<'_>, &Source<'_>) -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let Work { plan, hosts, seen } = work.clone();
        let act = move |Tools { source, uploader }: Tools<'_>| {
            act(&Outputs { uploader, plan: &plan, hosts: &hosts, seen: &seen }, &source)
        };
        self.site.work(act).await
    }
}

/// Writes an input to all hosts.
fn download(input: &Input, source: &Source<'_>, hosts: &[HostFolder]) -> Result<(), Option<String>> {
    let Input { name, data, folder } = input;
    let folders: Vec<PathBuf> = hosts.iter().map(|host| host.base.join(folder)).collect();
    let written = data.items(source).and_then(|items| data.write(source, &items, &folders));
    let nothing = || format!("No S3 objects found under {} of the input '{name}'.", data.source.uri());
    written.map_err(|error| error.reason("Failed to download data. ", &data.source, nothing))
}
