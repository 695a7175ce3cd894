//! One transform job from start to end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sagewright_cloud_core::runner::Journal;
use sagewright_cloud_sagemaker_base::{Events, JobEvent, JobTask, ModelServers, Servers, ServersPlan};
use tokio::sync::{Semaphore, watch};

use super::capture::{Manifest, manifests, output_name};
use super::data_log::DataLogs;
use super::parameters::Parameters;
use super::pipeline::{Asker, Finished, Pipeline};
use super::request::{Model, Plan};
use super::trouble::Fault;
use crate::job::data::Item;
use crate::job::ends::Ends;
use crate::job::halt::Halt;
use crate::job::site::{Site, Tools};

/// Log group of all transform jobs.
const LOG_GROUP: &str = "/aws/sagemaker/TransformJobs";
/// The longest that SageMaker lets a transform job run: five days (service quotas).
const MAX_RUNTIME: Duration = Duration::from_secs(432_000);
/// How long a container may fail to answer pings (aws/amazon-sagemaker-examples#815).
const STARTUP: Duration = Duration::from_secs(1800);

/// A running job.
pub(super) struct Job<'a> {
    pub site: &'a Site,
    pub servers: &'a dyn ModelServers,
    pub events: Events<JobEvent>,
}

/// What a job works with.
struct Work {
    plan: Arc<Plan>,
    model: Model,
    servers: Arc<dyn Servers>,
    logs: DataLogs,
    finished: Finished,
}

impl Job<'_> {
    pub async fn run(&self, stop: watch::Receiver<bool>) -> Result<(), Halt> {
        let env = &self.site.env;
        let request = &self.site.task.request;
        // It was checked when the job was created, by this version or an earlier one.
        let mut plan = Plan::read(request, u32::MAX).map_err(|error| format!("ClientError: {}", error.message))?;
        let model = Model::of(request)?;
        if let Some(time) = plan.processing.as_mut().and_then(|processing| processing.inference_time.as_mut()) {
            let created = jiff::Timestamp::from_second(model.created).unwrap_or_default();
            *time = created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        }
        let servers = self.servers.servers(self.servers_plan(&plan, &model));
        let logs = DataLogs { journals: self.journals(servers.streams()), clock: env.sim.clone() };
        let work = Work { plan: Arc::new(plan), model, servers, logs, finished: Finished::default() };
        let mut ends = Ends::new(stop, &env.wall, MAX_RUNTIME);
        let end = ends.unless(self.work(&work)).await;
        work.servers.stop().await;
        let Work { logs, finished, .. } = work;
        tokio::task::spawn_blocking(move || logs.flush()).await?;
        match end {
            Ok(manifests) => self.store(finished, manifests).await,
            Err(Halt::Failed(reason)) => self.failed(finished, reason).await,
            Err(Halt::Stopped { max_runtime: true }) => {
                let limit = MAX_RUNTIME.as_secs();
                let reason = format!("ClientError: The transform job is stopped: it ran longer than {limit} seconds.");
                self.failed(finished, reason).await
            }
            // "When you stop a batch transform job before it is completed, Amazon SageMaker doesn't store the job's output
            // in Amazon S3" (API reference, `StopTransformJob`).
            stopped => stopped.map(drop),
        }
    }

    /// Stores the outputs, and then the manifests of captured data.
    async fn store(&self, finished: Finished, manifests: Option<[Manifest; 2]>) -> Result<(), Halt> {
        let outputs = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        let store = move |Tools { uploader, .. }: Tools<'_>| {
            outputs.iter().try_for_each(|(place, file)| uploader.put(place, file))?;
            manifests.into_iter().flatten().try_for_each(|manifest| uploader.text(&manifest.place, &manifest.content))
        };
        Ok(self.site.beside(store).await??)
    }

    /// Of a job that fails, the outputs are stored that are complete.
    async fn failed(&self, finished: Finished, reason: String) -> Result<(), Halt> {
        // Best effort: the failure is what counts.
        let _ = self.store(finished, None).await;
        Err(Halt::Failed(reason))
    }

    /// Makes the outputs. Answers the manifests of captured data.
    async fn work(&self, work: &Work) -> Result<Option<[Manifest; 2]>, Halt> {
        self.site.make(|_| Ok(())).await?;
        let plan = Arc::clone(&work.plan);
        let items = match self.site.beside(move |tools| look(&plan, &tools)).await?.map_err(Halt::from) {
            Err(Halt::Failed(reason)) => {
                self.tell(&work.logs, reason.clone()).await?;
                return Err(Halt::Failed(reason));
            }
            looked => looked?,
        };
        (self.events)(JobEvent::Started);
        work.servers.start().await?;
        tokio::select! {
            biased;
            done = self.transform(work, items) => done,
            name = work.servers.died() => {
                let line = format!("The {name} container ended while the job ran; its own log may say why.");
                self.tell(&work.logs, line).await?;
                Err(Halt::Failed(Fault::Algorithm.reason()))
            }
        }
    }

    async fn transform(&self, work: &Work, items: Vec<Item>) -> Result<Option<[Manifest; 2]>, Halt> {
        let Work { plan, model, servers, logs, finished } = work;
        let told = servers.execution_parameters().await;
        let parameters = Parameters::of(plan.asked, told.as_deref());
        let Parameters { concurrent, payload_in_mb, strategy } = parameters;
        let name = strategy.name();
        self.tell(
            logs,
            format!("MaxConcurrentTransforms={concurrent}, MaxPayloadInMB={payload_in_mb}, BatchStrategy={name}"),
        )
        .await?;
        let instances = servers.streams().len();
        if (plan.instances as usize) > instances {
            let asked = plan.instances;
            self.tell(logs, format!("InstanceCount={asked}; this machine runs {instances}")).await?;
        }
        let manifests =
            plan.capture.as_ref().map(|to| manifests(to, &self.site.task.name, model.created, &items, &plan.place));
        let asker = Asker {
            servers: Arc::clone(servers),
            plan: Arc::clone(plan),
            wall: self.site.env.wall.clone(),
            objects: self.site.env.objects.clone(),
            account: self.site.task.account.clone(),
            slots: (0..instances).map(|_| Arc::new(Semaphore::new(concurrent))).collect(),
            room: parameters.room(instances),
        };
        let (plan, logs) = (Arc::clone(plan), logs.clone());
        Pipeline { site: self.site, plan, parameters, asker: Arc::new(asker), logs, finished }.run(items).await?;
        Ok(manifests)
    }

    async fn tell(&self, logs: &DataLogs, line: String) -> Result<(), Halt> {
        let logs = logs.clone();
        Ok(tokio::task::spawn_blocking(move || logs.all(&line)).await?)
    }

    fn journals(&self, streams: &[String]) -> Vec<Journal> {
        let JobTask { account, region, .. } = &self.site.task;
        let env = &self.site.env;
        let journal = |stream: &String| {
            let stream = format!("{stream}/data-log");
            Journal::new(env.logs.clone(), env.sim.clone(), account, region, LOG_GROUP, stream)
        };
        streams.iter().map(journal).collect()
    }

    fn servers_plan(&self, plan: &Plan, model: &Model) -> ServersPlan {
        let JobTask { account, region, arn, name, .. } = &self.site.task;
        let mut containers = model.containers.clone();
        for container in &mut containers {
            container.environment.extend(plan.environment.clone());
            container.environment.extend(variables(plan));
        }
        ServersPlan {
            account: account.clone(),
            region: region.clone(),
            arn: arn.clone(),
            job: name.clone(),
            instances: plan.instances,
            startup_timeout: STARTUP,
            role_arn: model.role_arn.clone(),
            isolated: model.isolated,
            containers,
        }
    }
}

/// "The last three environment variables come from the API call made by the user. If the user doesn't set values for them,
/// they aren't passed" (developer guide).
fn variables(plan: &Plan) -> impl Iterator<Item = (String, String)> {
    let asked = plan.asked;
    [
        ("SAGEMAKER_BATCH", Some("true".to_owned())),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", asked.payload_in_mb.map(|payload| payload.to_string())),
        ("SAGEMAKER_BATCH_STRATEGY", asked.strategy.map(|strategy| strategy.name().to_owned())),
        ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", asked.concurrent.map(|concurrent| concurrent.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
}

/// The input objects. Buckets are looked for before hours of work and not after.
fn look(plan: &Plan, tools: &Tools<'_>) -> Result<Vec<Item>, Option<String>> {
    let places = std::iter::once(&plan.place).chain(&plan.capture);
    for place in places {
        tools.uploader.reachable(place).map_err(Some)?;
    }
    let nothing = || format!("No S3 objects found under {}.", plan.data.source.uri());
    let items = plan
        .data
        .items(&tools.source)
        .map_err(|e| e.reason("Failed to download data. ", &plan.data.source, nothing))?;
    distinct(&items)?;
    Ok(items)
}

/// No output takes another one's place: keys behind and beside a prefix, and keys with empty parts, may have one name.
fn distinct(items: &[Item]) -> Result<(), String> {
    let mut names: HashMap<&Path, &Item> = HashMap::new();
    for item in items {
        if let Some(other) = names.insert(&item.path, item)
            && (&other.bucket, &other.key) != (&item.bucket, &item.key)
        {
            return Err(format!(
                "ClientError: s3://{}/{} and s3://{}/{} would both become the output {}. Rename one of the two, or \
                 transform them in jobs of their own.",
                other.bucket,
                other.key,
                item.bucket,
                item.key,
                output_name(item)
            ));
        }
    }
    Ok(())
}
