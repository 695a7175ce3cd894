//! Starts the operator: who it is, what the cluster serves, and then the controller.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use kube::Client;
use sagewright_decide::{ClaimPolicy, Claims};
use sagewright_engine::Engine;
use sagewright_model::AccountId;
use sagewright_port::clock::Clock;
use sagewright_port::cloud::{Call, Cloud, Target};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::api::{Api, with_causes};
use crate::cloud::Counted;
use crate::companions;
use crate::controller::{Controller, Readiness};
use crate::discovery;
use crate::error::OperatorError;
use crate::events::Recorder;
use crate::http;
use crate::lease::{self, Leadership};
use crate::legacy;
use crate::look::Context;
use crate::metrics::Metrics;
use crate::notices::{QueueState, Reader};
use crate::options::Options;
use crate::polls::Polls;
use crate::proxy;
use crate::scope::{Tables, account_map, team_map};
use crate::watching;

/// Messages that wait for the controller: watches wait when there are more.
const WAITING: usize = 1_024;
/// How long STS may take to say who the operator is.
const IDENTITY: Duration = Duration::from_secs(60);
/// How long events may take that are told at the end.
const LAST_EVENTS: Duration = Duration::from_secs(3);
/// How long the delete of messages may take that were heard of at the end.
const LAST_MESSAGES: Duration = Duration::from_secs(3);

/// What the operator works with.
pub struct Ports {
    /// Calls AWS.
    pub cloud: Arc<dyn Cloud>,
    /// Gives the time.
    pub clock: Arc<dyn Clock>,
}

/// Runs the operator until `stop` completes; looks that are under way then end.
///
/// # Errors
/// It cannot begin: no cluster, no identity, or an address that is taken.
pub async fn run(options: Options, ports: Ports, stop: impl Future<Output = ()>) -> Result<(), OperatorError> {
    let metrics = Arc::new(Metrics::default());
    let (readiness, ready) = watch::channel(Readiness::default());
    let (queue, queue_state) = watch::channel(QueueState::default());
    serve(&options, &metrics, &ready, &queue_state).await?;
    let cloud: Arc<dyn Cloud> = Arc::new(Counted::new(ports.cloud, Arc::clone(&metrics)));
    let account = identity(cloud.as_ref(), &options).await?;
    let client = client().await?;
    let api = Api::new(client.clone());
    let kinds = discovery::wanted(&options);
    let served = discovery::served(&api, &kinds).await.map_err(OperatorError::Cluster)?;
    let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "sagewright".to_owned());
    let mut stop = std::pin::pin!(stop);
    let mut leadership = options.leader_election.as_ref().map(|namespace| {
        let groups = kinds.iter().map(|(_, kind)| kind.group());
        Leadership::new(api.clone(), namespace, lease::names(groups), format!("{instance}_{}", std::process::id()))
    });
    if let Some(leadership) = &mut leadership {
        metrics.leads(false);
        // A replica that waits is as ready as it can be.
        readiness.send_replace(Readiness { synced: true });
        tokio::select! {
            () = leadership.win() => {}
            () = &mut stop => return Ok(()),
        }
        readiness.send_replace(Readiness::default());
        metrics.leads(true);
        tracing::info!("this replica leads");
    }
    let (recorder, writer) = Recorder::start(api.clone(), Arc::clone(&metrics), &instance);
    let (out, inbox) = mpsc::channel(WAITING);
    watch_scopes(&options, &client, &out);
    // What reconciles beside the controller; it ends with it, before another replica may begin.
    let mut beside = JoinSet::new();
    let (published, known) = watch::channel(None);
    let of_legacy = legacy::Ports {
        api: api.clone(),
        cloud: Arc::clone(&cloud),
        clock: Arc::clone(&ports.clock),
        recorder: recorder.clone(),
    };
    beside.spawn(legacy::run(options.clone(), of_legacy, known));
    tokio::spawn(discovery::go_on(api.clone(), kinds.clone(), out.clone()));
    let claims =
        Claims { installation: options.installation.clone(), policy: ClaimPolicy::MarkOrAck, ..Claims::default() };
    let target = Target::new(options.region.clone());
    let engine = Engine::new(Arc::clone(&cloud), Arc::clone(&ports.clock), target).with_claims(claims.clone());
    let reader = options.event_queue.clone().map(|of| {
        let ports = (Arc::clone(&cloud), Arc::clone(&ports.clock));
        let reader = Reader::new(of, ports, Arc::clone(&metrics), out.clone(), queue);
        tokio::spawn(read_once_synced(reader, ready))
    });
    let polls = Polls::new(cloud, Arc::clone(&ports.clock), options.poll, out.clone());
    let tables = Tables { account, ..Tables::default() };
    let looked = start_companions(&options, &api, &ports.clock, &recorder, &mut beside);
    let context = Context {
        looked,
        api,
        engine,
        clock: ports.clock,
        options,
        claims: Arc::new(claims),
        metrics,
        recorder,
        retiring: Semaphore::new(1),
    };
    let controller = Controller::new(Arc::new(context), kinds, polls, (tables, published), (out, inbox), readiness);
    tracing::info!("started");
    match &mut leadership {
        None => {
            controller.run(served, stop).await;
            beside.shutdown().await;
            end(reader).await;
        }
        Some(leadership) => {
            let lost = tokio::select! {
                () = controller.run(served, stop) => false,
                () = leadership.keep() => true,
            };
            if lost {
                return Err(OperatorError::LostLease);
            }
            beside.shutdown().await;
            end(reader).await;
            leadership.release().await;
        }
    }
    drop(tokio::time::timeout(LAST_EVENTS, writer).await);
    tracing::info!("ended");
    Ok(())
}

/// Reads events once all objects are known: what happened before is in the first polls.
async fn read_once_synced(reader: Reader, mut ready: watch::Receiver<Readiness>) {
    // The controller is gone otherwise.
    if ready.wait_for(|ready| ready.synced).await.is_ok() {
        reader.run().await;
    }
}

/// The reader of events ends with the controller; what it was told of is deleted before.
async fn end(reader: Option<JoinHandle<()>>) {
    if let Some(mut reader) = reader
        && tokio::time::timeout(LAST_MESSAGES, &mut reader).await.is_err()
    {
        reader.abort();
    }
}

/// Begins what the small kinds need. Who copies fields is told of looks.
fn start_companions(
    options: &Options,
    api: &Api,
    clock: &Arc<dyn Clock>,
    recorder: &Recorder,
    beside: &mut JoinSet<()>,
) -> Option<mpsc::UnboundedSender<companions::Looked>> {
    let tools = companions::Tools {
        api: api.clone(),
        clock: Arc::clone(clock),
        recorder: recorder.clone(),
        namespaces: options.namespaces.clone(),
        cross_namespace: options.cross_namespace,
        own_namespace: options.own_namespace.clone(),
    };
    if options.gates.resource_adoption {
        // Nothing is copied: it ends with the process.
        let (hold, never) = mpsc::unbounded_channel();
        let adopts = companions::run::<companions::AdoptedResources>(tools.clone(), never);
        beside.spawn(async move {
            adopts.await;
            drop(hold);
        });
    }
    options.field_export.then(|| {
        let (out, looked) = mpsc::unbounded_channel();
        beside.spawn(companions::run::<companions::FieldExports>(tools, looked));
        out
    })
}

/// The way to the cluster: of `KUBECONFIG`, of the home folder, or of the pod that this runs in.
async fn client() -> Result<Client, OperatorError> {
    let mut config = kube::Config::infer().await.map_err(|error| OperatorError::NoCluster(with_causes(&error)))?;
    proxy::choose(&mut config);
    Client::try_from(config).map_err(|error| OperatorError::NoCluster(with_causes(&error)))
}

/// Who the operator is, as STS says; ACK's controllers end as well where it does not.
async fn identity(cloud: &dyn Cloud, options: &Options) -> Result<Option<AccountId>, OperatorError> {
    let target = Target::new(options.region.clone());
    let call = Call::new(&target, "sts", "GetCallerIdentity", json!({})).with_timeout(IDENTITY);
    let answer = cloud.call(call).await.map_err(|error| OperatorError::Identity(Box::new(error)))?;
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (account, arn) = (text("Account"), text("Arn"));
    tracing::info!(account, arn, region = target.region.as_str(), "AWS knows the operator");
    Ok(account.parse().ok())
}

/// Watches what scopes are told from.
fn watch_scopes(options: &Options, client: &Client, out: &mpsc::Sender<crate::message::Message>) {
    if options.knows_namespaces() {
        tokio::spawn(watching::namespaces(client.clone(), out.clone()));
    }
    let roles = |map| watching::roles(client.clone(), options.own_namespace.clone(), map, out.clone());
    if options.gates.iam_role_selector {
        tokio::spawn(watching::selectors(client.clone(), out.clone()));
    } else if options.knows_namespaces() && options.carm {
        tokio::spawn(roles(account_map()));
        if options.gates.team_level_carm {
            tokio::spawn(roles(team_map()));
        }
    }
}

async fn serve(
    options: &Options,
    metrics: &Arc<Metrics>,
    ready: &watch::Receiver<Readiness>,
    queue: &watch::Receiver<QueueState>,
) -> Result<(), OperatorError> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    if let Some(address) = options.metrics {
        let metrics = Arc::clone(metrics);
        let page = move |path: &str| {
            (path == "/metrics").then(|| (StatusCode::OK, crate::metrics::CONTENT_TYPE, metrics.text()))
        };
        let at = http::serve("metrics", address, Arc::new(page)).await?;
        tracing::info!(address = %at, "serving metrics");
    }
    if let Some(address) = options.health {
        let (ready, queue) = (ready.clone(), queue.clone());
        let page = move |path: &str| match path {
            "/healthz" => Some((StatusCode::OK, PLAIN, "ok\n".to_owned())),
            // Polls do without the queue.
            "/readyz" if ready.borrow().synced => Some((
                StatusCode::OK,
                PLAIN,
                match &*queue.borrow() {
                    QueueState::Failing(why) => format!("ok, but the queue of events cannot be read: {why}\n"),
                    QueueState::Unread | QueueState::Readable => "ok\n".to_owned(),
                },
            )),
            "/readyz" => {
                Some((StatusCode::SERVICE_UNAVAILABLE, PLAIN, "not every watch has listed its objects\n".to_owned()))
            }
            _ => None,
        };
        let at = http::serve("health", address, Arc::new(page)).await?;
        tracing::info!(address = %at, "serving health");
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::options::{DeletionPolicy, Gates, PerKind};

    /// Options as without a flag.
    pub(crate) fn options() -> Options {
        Options {
            region: "us-east-1".parse().unwrap(),
            installation: sagewright_engine::Installation::default(),
            namespaces: Vec::new(),
            label_selector: None,
            kinds: Vec::new(),
            own_namespace: "ack-system".to_owned(),
            cross_namespace: true,
            carm: true,
            field_export: true,
            deletion_policy: DeletionPolicy::Delete,
            resync: None,
            resync_of: PerKind::default(),
            at_once: 16,
            at_once_of: PerKind::default(),
            resource_tags: Vec::new(),
            metrics: None,
            health: None,
            gates: Gates::default(),
            trusts: |url| url.starts_with("https://"),
            leader_election: None,
            poll: Duration::from_secs(30),
            event_queue: None,
        }
    }
}
