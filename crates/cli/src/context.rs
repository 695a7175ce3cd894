//! What commands that call the cloud share.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_aws::Aws;
use sagewright_engine::{Claims, Clock, Engine, EngineError, Installation, Role, Target};
use sagewright_model::Region;

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;
use crate::show;
use crate::target::{Answer, Project, named_installation, probe};

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
    /// What the working folder's project says.
    pub(crate) project: Project,
    /// Whose resources are its own.
    pub(crate) installation: Installation,
    /// Prints.
    pub(crate) printer: Printer,
    /// The options.
    pub(crate) global: Global,
    /// The configured endpoint of the service that the command calls; none for AWS's own.
    pub(crate) endpoint: Option<String>,
    /// An embedded cloud of this machine is called.
    pub(crate) embedded: bool,
    /// What is odd about the target.
    pub(crate) warning: Option<String>,
}

impl Context {
    /// A client as the options and the environment want it. Nothing is called yet.
    pub(crate) async fn connect(global: &Global, printer: &Printer) -> anyhow::Result<Self> {
        Self::connect_to("sagemaker", global, printer).await
    }

    /// As [`Context::connect`], for a command that calls another service than SageMaker.
    pub(crate) async fn connect_to(service: &str, global: &Global, printer: &Printer) -> anyhow::Result<Self> {
        let mut context = Self::new(global, printer).await?;
        context.endpoint = context.aws.configured_endpoint(service);
        let Some(url) = context.endpoint.as_deref().filter(|url| is_local(url)) else { return Ok(context) };
        match probe(url).await {
            // On this machine nobody listening means that nobody will: told at once, not after tries of a quarter of a
            // minute. A cloud that goes away later is waited for.
            Answer::Refused => Err(Failure::new(
                Exit::Failed,
                format!("nothing listens at {url}, the configured endpoint of {service}"),
            )
            .help("start the embedded cloud with `sagewright local up`; to call AWS itself, unset AWS_ENDPOINT_URL")
            .into()),
            Answer::Embedded => Ok(Self { embedded: true, ..context }),
            Answer::Other => Ok(context),
        }
    }

    async fn new(global: &Global, printer: &Printer) -> anyhow::Result<Self> {
        one_cloud(global)?;
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
        let (region, warning) = known_region(&region)?;
        let role = global.role_arn.clone().map(|arn| Role {
            arn,
            external_id: global.external_id.clone(),
            session_name: Some("sagewright".to_owned()),
        });
        let target = Target { role, ..Target::new(region) };
        let named = named_installation()?;
        let project = Project::here()?;
        let installation = named.or_else(|| project.installation.clone()).unwrap_or_default();
        let claims = Claims { installation: installation.clone(), ..Claims::default() };
        let engine = Engine::new(Arc::new(aws.clone()), Arc::new(WallClock), target.clone()).with_claims(claims);
        let (global, printer) = (global.clone(), printer.clone());
        // The state folder of one that is up led to it.
        let embedded = global.local;
        Ok(Self { aws, engine, target, project, installation, printer, global, endpoint: None, embedded, warning })
    }

    /// AWS's time: the simulated one of the embedded cloud that is up on the data folder.
    pub(crate) async fn now(&self) -> Timestamp {
        let server = local::running(&paths::data(self.global.data.as_ref())).filter(|server| {
            self.embedded && self.endpoint.as_deref().map(|url| url.trim_end_matches('/')) == Some(&server.endpoint)
        });
        let clocks = match server {
            Some(server) => local::clock::ask(&server, None).await.ok(),
            None => None,
        };
        clocks.and_then(|clocks| clocks.simulated()).unwrap_or_else(Timestamp::now)
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

/// Whether calls may go to a URL: signed requests are not sent where they can be read on their way.
pub(crate) fn is_trusted(url: &str) -> bool {
    url.starts_with("https://") || is_local(url)
}

/// Whether a URL is of this machine.
pub(crate) fn is_local(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Options that name a cloud each must not beat each other silently.
fn one_cloud(global: &Global) -> Result<(), Failure> {
    let local = if std::env::args_os().any(|word| word == "--local") { "--local" } else { "SAGEWRIGHT_LOCAL" };
    let other = [("--endpoint-url", &global.endpoint_url), ("--profile", &global.profile)];
    match other.iter().find(|(_, value)| global.local && value.is_some()) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::new(
            Exit::Usage,
            format!("{local} and {name} cannot be combined: they select different clouds"),
        )
        .help(format!("leave one of them out: {local} is the embedded cloud that is up on this machine"))),
    }
}

/// A region. AWS opens new ones, so one that only looks like a region is taken, and told.
fn known_region(text: &str) -> Result<(Region, Option<String>), Failure> {
    let known = || sagewright_model::partitions().iter().flat_map(|p| &p.regions).map(String::as_str);
    let hint = sagewright_engine::suggest(text, known()).map(|c| format!("; did you mean {c}?")).unwrap_or_default();
    let region: Region = text.parse().map_err(|e| Failure::new(Exit::Usage, format!("{e}{hint}")))?;
    let is_known = known().any(|name| name == text);
    Ok((region, (!is_known).then(|| format!("warning: this version does not know the region {text}{hint}"))))
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
        EngineError::Unreachable { .. } | EngineError::PlanChanged(_) => Failure::new(Exit::Failed, error.to_string()),
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

#[cfg(test)]
mod tests {
    #[test]
    fn only_this_machines_own_addresses_are_of_this_machine() {
        let here = [
            "http://127.0.0.1:4599",
            "https://localhost/",
            "http://[::1]:80/x",
            "http://LOCALHOST?x",
            "http://127.0.1.1",
        ];
        for url in here {
            assert!(super::is_local(url), "{url}");
        }
        let elsewhere = [
            "http://127.0.0.1.example.com",
            "https://localhost.corp/",
            "https://aws.corp/?from=http://127.0.0.1",
            "https://127.0.0.1@aws.corp",
            "http://[::2]:80",
            "localhost",
            "",
        ];
        for url in elsewhere {
            assert!(!super::is_local(url), "{url}");
        }
    }
}
