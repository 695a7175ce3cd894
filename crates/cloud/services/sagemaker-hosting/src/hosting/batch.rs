//! The model servers of a batch transform job: those of an endpoint, but that one which dies is not started again, so that
//! its job ends.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::sync::watch;

use super::fleet::{Crew, Logs, Order, Rising, check, instance_id};
use super::pool::{Incoming, Outgoing, SendError};
use super::server::{Progress, Server};
use super::{Hosting, HostingConfig, errors};
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::JobEnvironment;
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::Serving;
use sagewright_cloud_sagemaker_base::ports::{
    EndpointKey, Invocation, Invoked, ModelServers, Servers, ServersPlan, Silence, VariantPlan,
};

/// How long a container may take to tell its execution parameters.
const PARAMETERS_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer to that.
const LONGEST_PARAMETERS: usize = 64 * 1024;

struct Batch {
    env: Env,
    config: HostingConfig,
    environment: Arc<dyn JobEnvironment>,
    key: EndpointKey,
    arn: String,
    plan: VariantPlan,
    work: PathBuf,
    began: i64,
    ids: Vec<String>,
    streams: Vec<String>,
    state: Mutex<State>,
}

struct State {
    /// `None` once it is stopped.
    crew: Option<Crew>,
    /// The servers of each instance.
    instances: Vec<Vec<Arc<Server>>>,
    progress: Vec<(String, watch::Receiver<Progress>)>,
}

impl ModelServers for Hosting {
    fn servers(&self, plan: ServersPlan) -> Arc<dyn Servers> {
        let copies = plan.instances.clamp(1, self.config.max_copies.max(1));
        let ids: Vec<_> = (0..copies).map(|_| instance_id()).collect();
        let began = self.env.sim.now().as_second();
        let streams = ids.iter().map(|id| Logs::Transform(began).stream(&plan.job, id, None)).collect();
        let work = work::new(&self.work);
        let state = State { crew: Some(Crew::new(work.clone())), instances: Vec::new(), progress: Vec::new() };
        Arc::new(Batch {
            env: self.env.clone(),
            config: self.config.clone(),
            environment: Arc::clone(&self.environment),
            key: EndpointKey { account: plan.account, region: plan.region, name: plan.job.clone() },
            arn: plan.arn,
            plan: VariantPlan {
                name: plan.job,
                weight: 1.0,
                copies,
                startup_timeout: plan.startup_timeout,
                role_arn: plan.role_arn,
                isolated: plan.isolated,
                direct: false,
                capture: None,
                serving: Serving::default(),
                containers: plan.containers,
            },
            work,
            began,
            ids,
            streams,
            state: Mutex::new(state),
        })
    }
}

impl Batch {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self) -> Order<'_> {
        Order {
            env: &self.env,
            config: &self.config,
            environment: &*self.environment,
            endpoint: &self.key,
            arn: &self.arn,
            work: self.work.clone(),
            logs: Logs::Transform(self.began),
        }
    }

    /// Puts an instance's servers to work, unless all are stopped.
    fn launch(&self, instance: Vec<Rising>) {
        let mut state = self.lock();
        let State { crew: Some(crew), instances, progress } = &mut *state else { return };
        let launch = |rising: Rising| {
            crew.supervise(rising.supervisor);
            progress.push((rising.server.name.clone(), rising.progress));
            rising.server
        };
        instances.push(instance.into_iter().map(launch).collect());
    }

    fn progress(&self) -> Vec<(String, watch::Receiver<Progress>)> {
        self.lock().progress.clone()
    }

    fn servers(&self, instance: usize) -> Vec<Arc<Server>> {
        self.lock().instances.get(instance).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Servers for Batch {
    fn streams(&self) -> &[String] {
        &self.streams
    }

    async fn start(&self) -> Result<(), String> {
        let order = self.order();
        let client = |why: String| {
            if why.starts_with("InternalServerError: ") { why } else { format!("ClientError: {why}") }
        };
        check(&order, std::slice::from_ref(&self.plan)).map_err(client)?;
        for id in &self.ids {
            self.launch(order.instance(&self.plan, self.plan.copies, id).await.map_err(client)?);
        }
        for (name, mut progress) in self.progress() {
            let end = progress.wait_for(|progress| *progress != Progress::Starting).await;
            match end.as_deref() {
                Ok(Progress::Ready | Progress::Starting) => {}
                Ok(Progress::Failed(why)) => return Err(errors::unhealthy_batch(&name, why)),
                Err(_) => return Err(errors::unhealthy_batch(&name, "it was stopped before it answered")),
            }
        }
        Ok(())
    }

    async fn execution_parameters(&self) -> Option<Bytes> {
        let servers = self.servers(0);
        let first = servers.first()?;
        let uri = Uri::from_static("/execution-parameters");
        let request = Outgoing { method: Method::GET, uri, headers: HeaderMap::new(), body: Bytes::new().into() };
        let late = self.env.wall.sleep(PARAMETERS_TIMEOUT);
        let answer = tokio::select! {
            biased;
            answer = first.pool.send(&request, LONGEST_PARAMETERS) => answer.ok()?,
            () = late => return None,
        };
        (answer.status == StatusCode::OK).then_some(answer.body)
    }

    async fn invoke(&self, instance: usize, invocation: &Invocation) -> Result<Invoked, Silence> {
        let header = |text: &Option<String>| text.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
        let servers = self.servers(instance);
        let mut content_type = header(&invocation.content_type);
        let mut body = invocation.body.clone();
        let mut invoked = None;
        for (index, server) in servers.iter().enumerate() {
            let mut headers = HeaderMap::new();
            headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
            // What is accepted is the last container's to give.
            let accept = header(&invocation.accept).filter(|_| index + 1 == servers.len());
            headers.extend(accept.map(|value| (ACCEPT, value)));
            let uri = Uri::from_static("/invocations");
            let request = Outgoing { method: Method::POST, uri, headers, body };
            let answer = self.ask(server, &request, invocation).await?;
            content_type = answer.headers.get(CONTENT_TYPE).cloned();
            body = answer.body.clone().into();
            invoked = Some(Invoked { status: answer.status.as_u16(), body: answer.body });
            if !answer.status.is_success() {
                break;
            }
        }
        invoked.ok_or_else(|| Silence::Broken("the container is gone".to_owned()))
    }

    async fn died(&self) -> String {
        let mut ends: FuturesUnordered<_> = self.progress().into_iter().map(end).collect();
        while let Some(end) = ends.next().await {
            if let Some(name) = end {
                return name;
            }
        }
        std::future::pending().await
    }

    async fn stop(&self) {
        let crew = self.lock().crew.take();
        if let Some(crew) = crew {
            crew.stop().await;
        }
    }
}

impl Batch {
    async fn ask(&self, server: &Server, request: &Outgoing, invocation: &Invocation) -> Result<Incoming, Silence> {
        let late = self.env.wall.sleep(invocation.timeout);
        let sent = tokio::select! {
            biased;
            sent = server.pool.send(request, invocation.longest) => sent,
            () = late => return Err(Silence::Late),
        };
        sent.map_err(|why| {
            // It is looked after, where it may have ended.
            if !matches!(why, SendError::TooLong) {
                server.doubt();
            }
            match why {
                SendError::Refused => Silence::Broken("it cannot be reached".to_owned()),
                SendError::Broken(why) => Silence::Broken(why),
                SendError::TooLong => Silence::TooLong,
            }
        })
    }
}

/// The name of a server that ended by itself; `None` of one that was stopped.
async fn end((name, mut progress): (String, watch::Receiver<Progress>)) -> Option<String> {
    let ended = progress.wait_for(|progress| matches!(progress, Progress::Failed(_))).await;
    ended.is_ok().then_some(name)
}
