//! What commands that call the cloud share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_aws::Aws;
use sagewright_engine::{Clock, Engine, EngineError, Role, Target};
use sagewright_model::Region;

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;
use crate::show;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A client, the engine over it, and where calls go.
#[derive(Clone)]
pub(crate) struct Context {
    /// The client.
    pub(crate) aws: Aws,
    /// The engine over it.
    pub(crate) engine: Engine,
    /// Account, region, role.
    pub(crate) target: Target,
    /// Prints.
    pub(crate) printer: Printer,
}

impl Context {
    /// A client as the options and the environment want it. Nothing is called yet.
    pub(crate) async fn connect(global: &Global, printer: &Printer) -> anyhow::Result<Self> {
        Self::connect_to("sagemaker", global, printer).await
    }

    /// As [`Context::connect`], for a command that calls another service than SageMaker.
    pub(crate) async fn connect_to(service: &str, global: &Global, printer: &Printer) -> anyhow::Result<Self> {
        let context = Self::new(global, printer).await?;
        let Some(url) = context.aws.configured_endpoint(service) else { return Ok(context) };
        // On this machine nobody listening means that nobody will: told at once, not after tries of a quarter of a
        // minute. A cloud that goes away later is waited for.
        if is_local(&url) && is_refused(&url).await {
            return Err(Failure::new(
                Exit::Failed,
                format!("nothing listens at {url}, the configured endpoint of {service}"),
            )
            .help("start the embedded cloud with `sagewright local up`; to call AWS itself, unset AWS_ENDPOINT_URL")
            .into());
        }
        Ok(context)
    }

    async fn new(global: &Global, printer: &Printer) -> anyhow::Result<Self> {
        let mut builder = Aws::builder().app_name("sagewright");
        let mut region = global.region.clone();
        if let Some(profile) = &global.profile {
            builder = builder.profile(profile);
        }
        if let Some(url) = &global.endpoint_url {
            builder = builder.endpoint_url(url);
        }
        if global.local {
            let data = paths::data(global.data.as_ref());
            let access = local::access(&data, local::DEFAULT_ACCOUNT).await?;
            builder = builder.endpoint_url(&access.endpoint).credentials(
                &access.access_key_id,
                &access.secret_access_key,
                None,
            );
            region.get_or_insert(access.region);
        }
        if let Some(region) = &region {
            builder = builder.region(region);
        }
        let aws = builder.build().await.context("cannot set up the AWS client")?;
        let region = region.or_else(|| aws.region().map(str::to_owned)).ok_or_else(|| {
            Failure::new(Exit::Usage, "no AWS region is set")
                .help("give --region, set AWS_REGION, or name a region in the profile; for the embedded cloud: eval \"$(sagewright local env)\"")
        })?;
        let region: Region = region.parse().map_err(|e| Failure::new(Exit::Usage, format!("{e}")))?;
        let role = global.role_arn.clone().map(|arn| Role {
            arn,
            external_id: global.external_id.clone(),
            session_name: Some("sagewright".to_owned()),
        });
        let target = Target { role, ..Target::new(region) };
        let engine = Engine::new(Arc::new(aws.clone()), Arc::new(WallClock), target.clone());
        Ok(Self { aws, engine, target, printer: printer.clone() })
    }

    /// How often to look for news: often where a look costs nothing.
    pub(crate) fn poll(&self) -> Duration {
        let local = self.aws.configured_endpoint("sagemaker").is_some_and(|url| is_local(&url));
        if local { Duration::from_millis(200) } else { Duration::from_secs(3) }
    }
}

/// Whether calls to SageMaker go to this machine, as far as options and variables say.
pub(crate) fn aims_at_this_machine(global: &Global) -> bool {
    let variable = |name| std::env::var(name).ok();
    let url = global.endpoint_url.clone();
    let url = url.or_else(|| variable("AWS_ENDPOINT_URL_SAGEMAKER")).or_else(|| variable("AWS_ENDPOINT_URL"));
    global.local || url.is_some_and(|url| is_local(&url))
}

/// Whether a URL is of this machine.
fn is_local(url: &str) -> bool {
    ["//127.0.0.1", "//localhost", "//[::1]"].iter().any(|host| url.contains(host))
}

/// Whether nobody listens there.
async fn is_refused(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or(rest);
    let port = authority.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let address = if port.is_some() { authority.to_owned() } else { format!("{authority}:80") };
    let attempt = tokio::time::timeout(Duration::from_secs(1), tokio::net::TcpStream::connect(address)).await;
    matches!(attempt, Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// An engine's error with its exit code and what to do.
pub(crate) fn engine_failure(error: EngineError) -> Failure {
    match &error {
        EngineError::Manifest(_) | EngineError::Graph(_) => Failure::new(Exit::Manifest, error.to_string()),
        EngineError::Timeout { .. } => Failure::new(Exit::TimedOut, error.to_string())
            .help("wait longer with --timeout; what is under way goes on"),
        EngineError::NotFound { kind, .. } => {
            let failure = Failure::new(Exit::Failed, error.to_string());
            match sagewright_kinds::find(&kind.replace(' ', "")) {
                Some(kind) => failure.help(format!("`sagewright get {}` lists what there is", kind.plural())),
                None => failure,
            }
        }
        EngineError::Unreachable { .. } => Failure::new(Exit::Failed, error.to_string()),
        EngineError::Failure(failure) => {
            let (message, advice) = show::failure(failure);
            Failure { exit: Exit::Failed, message, help: Some(advice).filter(|a| !a.is_empty()) }
        }
    }
}

/// A path that may be `-`.
pub(crate) fn is_standard_input(path: &PathBuf) -> bool {
    path == std::path::Path::new("-")
}
