//! Servers with their supervisors, and how they are started.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::measure::Meter;
use super::model::Placement;
use super::models::Source;
use super::server::{Progress, Server, Supervisor};
use super::serverless::{self, Demand};
use super::{HostingConfig, errors};
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::workload::names_script;
use sagewright_cloud_core::runner::{
    Identity, JobEnvironment, Journal, Labels, LineSink, Mount, Port, Resources, Workload,
};
use sagewright_cloud_sagemaker_base::ports::{
    ContainerPlan, EndpointKey, FleetPlan, MULTI_MODEL_VARIABLE, ModelData, VariantPlan,
};

/// Log group of all transform jobs.
const TRANSFORM_GROUP: &str = "/aws/sagemaker/TransformJobs";

/// Most containers of an inference pipeline.
const MOST_CONTAINERS: usize = 15;

/// How one of our own servers is told what a request must show. The servers of other images would not know what to do
/// with it.
const SECRET_VARIABLE: &str = "SAGEWRIGHT_SERVER_SECRET";

/// What servers are made from.
pub(super) struct Order<'a> {
    pub env: &'a Env,
    pub config: &'a HostingConfig,
    pub environment: &'a dyn JobEnvironment,
    pub endpoint: &'a EndpointKey,
    pub arn: &'a str,
    pub work: PathBuf,
    pub logs: Logs,
}

/// Where containers' lines go.
pub(super) enum Logs {
    /// An endpoint's: its group has a stream for each server.
    Endpoint,
    /// A transform job's, which began at this second.
    Transform(i64),
}

impl Logs {
    pub fn group(&self, name: &str) -> String {
        match self {
            Self::Endpoint => format!("/aws/sagemaker/Endpoints/{name}"),
            Self::Transform(_) => TRANSFORM_GROUP.to_owned(),
        }
    }

    /// The stream of a container of `owner`, a variant or a job; it is named where it is not the only one.
    pub fn stream(&self, owner: &str, instance: &str, container: Option<&str>) -> String {
        match (self, container) {
            (Self::Endpoint, None) => format!("{owner}/{instance}"),
            (Self::Endpoint, Some(container)) => format!("{owner}/{instance}/{container}"),
            (Self::Transform(epoch), None) => format!("{owner}/{instance}-{epoch}"),
            (Self::Transform(epoch), Some(container)) => format!("{owner}/{container}-{instance}-{epoch}"),
        }
    }
}

/// Servers with their supervisors. Dropping it stops them.
pub(super) struct Crew {
    stop: watch::Sender<bool>,
    supervisors: Vec<JoinHandle<()>>,
    /// Completes when no request can reach them any more.
    pub drained: Option<oneshot::Receiver<()>>,
    work: PathBuf,
}

/// A server that is on its way up.
pub(super) struct Rising {
    pub server: Arc<Server>,
    pub supervisor: Supervisor,
    pub progress: watch::Receiver<Progress>,
    pub variant: String,
}

impl Crew {
    pub fn new(work: PathBuf) -> Self {
        Self { stop: watch::Sender::new(false), supervisors: Vec::new(), drained: None, work }
    }

    pub fn supervise(&mut self, supervisor: Supervisor) {
        self.supervisors.push(tokio::spawn(supervisor.run(self.stop.subscribe())));
    }

    /// Has a server run while requests ask for it.
    pub fn supervise_on_demand(&mut self, supervisor: Supervisor, demand: Arc<Demand>) {
        self.supervisors.push(tokio::spawn(supervisor.on_demand(demand, self.stop.subscribe())));
    }

    /// Waits until no request is under way, and stops.
    pub async fn retire(mut self) {
        if let Some(drained) = self.drained.take() {
            // It ends by being dropped, which is an error to the channel and the signal to us.
            let _ = drained.await;
        }
        self.stop().await;
    }

    /// Stops all servers and removes their folders.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        join_all(std::mem::take(&mut self.supervisors)).await;
        let work = std::mem::take(&mut self.work);
        let _ = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(work)).await;
    }
}

/// An id as EC2 has them.
pub(super) fn instance_id() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("i-{}", id.get(..17).unwrap_or(&id))
}

/// What nobody can guess.
fn secret() -> String {
    [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|id| id.simple().to_string()).concat()
}

pub(super) fn check(order: &Order<'_>, plans: &[VariantPlan]) -> Result<(), String> {
    for plan in plans {
        if plan.containers.is_empty() || plan.containers.len() > MOST_CONTAINERS {
            let count = plan.containers.len();
            return Err(format!(
                "Variant {} has {count} containers; from 1 to {MOST_CONTAINERS} can serve.",
                plan.name
            ));
        }
        for container in &plan.containers {
            let (runner, image) = (&order.env.runner, &container.image);
            let script = names_script(&container.environment);
            let known = if script { runner.check_script(image) } else { runner.check(image) };
            known.map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// Completes when a server answers.
///
/// # Errors
/// `FailureReason`: it does not.
pub(super) async fn wait(
    server: Arc<Server>,
    mut progress: watch::Receiver<Progress>,
    variant: String,
) -> Result<(), String> {
    let end = progress.wait_for(|progress| *progress != Progress::Starting).await;
    match end.as_deref() {
        Ok(Progress::Ready | Progress::Starting) => Ok(()),
        Ok(Progress::Failed(why)) => Err(errors::unhealthy(&server.name, &variant, why)),
        Err(_) => Err(errors::unhealthy(&server.name, &variant, "it was stopped before it answered")),
    }
}

impl Order<'_> {
    /// Makes one instance's servers ready to start: images and models in place.
    pub async fn instance(&self, plan: &VariantPlan, copies: u32, id: &str) -> Result<Vec<Rising>, String> {
        let mut servers = Vec::new();
        for (index, container) in plan.containers.iter().enumerate() {
            servers.push(self.server(plan, copies, id, index, container).await?);
        }
        Ok(servers)
    }

    async fn server(
        &self,
        plan: &VariantPlan,
        copies: u32,
        instance: &str,
        index: usize,
        container: &ContainerPlan,
    ) -> Result<Rising, String> {
        let alone = plan.containers.len() == 1;
        let numbered = || format!("container-{}", index + 1);
        let name = if alone { "primary".to_owned() } else { container.hostname.clone().unwrap_or_else(numbered) };
        let journal = self.journal(&self.logs.stream(&plan.name, instance, Some(&*name).filter(|_| !alone)));
        if index == 0 && plan.copies > copies {
            journal.push(&format!(
                "variant {} asks for {} instances; this machine runs {copies} of them",
                plan.name, plan.copies
            ));
        }
        let lines: LineSink = {
            let journal = journal.clone();
            Arc::new(move |line| journal.push(line))
        };
        // The environment of a script was there before: there is nothing to fetch.
        let script = names_script(&container.environment);
        if !script {
            self.env.runner.prepare(&container.image, lines).await.map_err(|e| e.to_string())?;
        }
        let base = self.work.join(&plan.name).join(instance).join(index.to_string());
        self.place_model(container, &name, &base).await?;
        let source = self.source(container, &name, &base);
        // Servers of our own ask for it, those of the user know nothing of it.
        let runner = &self.env.runner;
        let ours = runner.built_in(&container.image).is_some() || runner.only_scripts(&container.image);
        let secret = ours.then(secret);
        let longest = plan.serving.serverless.map(|_| serverless::MOST_PAYLOAD);
        let server = Server::new(name, container.hostname.clone(), source, secret.as_deref(), longest);
        let (progress, seen) = watch::channel(Progress::Starting);
        let supervisor = Supervisor {
            server: server.clone(),
            runner: self.env.runner.clone(),
            clock: self.env.wall.clone(),
            workload: self.workload(plan, instance, index, container, base, secret).await,
            journal,
            startup_timeout: plan.startup_timeout,
            restarts: matches!(self.logs, Logs::Endpoint),
            progress,
        };
        Ok(Rising { server, supervisor, progress: seen, variant: plan.name.clone() })
    }

    async fn place_model(&self, container: &ContainerPlan, name: &str, base: &Path) -> Result<(), String> {
        let (objects, account) = (self.env.objects.clone(), self.endpoint.account.clone());
        let (data, name) = (container.model_data.clone(), name.to_owned());
        let many = container.many_models();
        let (folder, limit) = (base.join(if many { "models" } else { "model" }), self.config.max_model_bytes);
        let placed = tokio::task::spawn_blocking(move || {
            let placement =
                Placement { objects: &*objects, account: &account, container: &name, folder: &folder, limit };
            placement.place(data.as_ref())
        });
        placed.await.map_err(|e| format!("InternalServerError: loading the model broke off: {e}"))?
    }

    /// How many copies of a variant this machine runs.
    pub fn copies(&self, plan: &VariantPlan) -> u32 {
        // An asynchronous endpoint may have none.
        let least = u32::from(plan.serving.asynchronous.is_none() || plan.copies > 0);
        plan.copies.clamp(least, self.config.max_copies.max(1))
    }

    /// Measures the invocations of a fleet's variant.
    pub fn meter(&self, fleet: &FleetPlan, plan: &VariantPlan) -> Option<Meter> {
        matches!(self.logs, Logs::Endpoint).then(|| Meter::new(self.env, self.endpoint, &fleet.config, plan))
    }

    /// Where a multi-model server's models are.
    fn source(&self, container: &ContainerPlan, name: &str, base: &Path) -> Option<Source> {
        let Some(ModelData::Many { uri, cached }) = &container.model_data else { return None };
        Some(Source {
            objects: self.env.objects.clone(),
            clock: self.env.wall.clone(),
            endpoint: self.endpoint.clone(),
            container: name.to_owned(),
            uri: uri.clone(),
            cached: *cached,
            base: base.to_owned(),
            limit: self.config.max_model_bytes,
        })
    }

    fn journal(&self, stream: &str) -> Journal {
        let EndpointKey { account, region, name } = self.endpoint;
        Journal::new(self.env.logs.clone(), self.env.sim.clone(), account, region, self.logs.group(name), stream)
    }

    async fn workload(
        &self,
        plan: &VariantPlan,
        instance: &str,
        index: usize,
        container: &ContainerPlan,
        base: PathBuf,
        secret: Option<String>,
    ) -> Workload {
        let EndpointKey { account, region, .. } = self.endpoint;
        let mut environment = container.environment.clone();
        environment.insert("AWS_REGION".into(), region.clone());
        environment.insert("AWS_DEFAULT_REGION".into(), region.clone());
        if container.many_models() {
            environment.insert(MULTI_MODEL_VARIABLE.into(), "true".into());
        }
        if !plan.isolated {
            let identity = Identity {
                account: account.clone(),
                region: region.clone(),
                arn: self.arn.to_owned(),
                role_arn: plan.role_arn.clone(),
            };
            environment.extend(self.environment.variables(&identity).await);
        }
        environment.extend(secret.map(|secret| (SECRET_VARIABLE.to_owned(), secret)));
        Workload {
            labels: Labels {
                account: account.clone(),
                arn: self.arn.to_owned(),
                host: format!("{}/{instance}/{index}", plan.name),
                epoch: 0,
            },
            image: container.image.clone(),
            entrypoint: None,
            arguments: vec!["serve".into()],
            environment,
            mounts: vec![Mount::opt_ml(base)],
            port: Port::Held,
            hosts: Vec::new(),
            resources: Resources::default(),
            isolated: plan.isolated,
        }
    }
}
