//! `sagewright controller`

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use sagewright_kube::{DeletionPolicy, EventQueue, Options, PerKind, Ports, known_kind, run as operate};

use crate::args::{Controller, ControllerAws, Global, Policy};
use crate::context::{Context, WallClock, is_trusted};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::signals::Signals;

/// ACK's namespace, where nothing names another.
const OWN_NAMESPACE: &str = "ack-system";

/// Runs the Kubernetes operator until it is told to end.
pub(crate) async fn run(args: &Controller, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let mut signals = Signals::new();
    check(args)?;
    let global = Global {
        endpoint_url: said(args.aws.aws_endpoint_url.as_ref()).or(global.endpoint_url.as_ref()).cloned(),
        region: said(args.aws.aws_region.as_ref()).or(global.region.as_ref()).cloned(),
        ..global.clone()
    };
    let context = Context::connect(&global, printer).await?;
    let options = options(args, &context)?;
    let ports = Ports { cloud: Arc::new(context.aws), clock: Arc::new(WallClock) };
    operate(options, ports, signals.next()).await.context("the controller ended")?;
    Ok(Exit::Done)
}

/// A command line of nothing but the controller's flags.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Flags {
    #[command(flatten)]
    controller: Controller,
}

/// The options that flags, as a Deployment has them, stand for.
pub(crate) fn options_of(flags: &[String], context: &Context) -> Result<Options, Failure> {
    let Flags { controller } = Flags::try_parse_from(flags).map_err(|error| {
        let message = format!("the controller's flags cannot be read: {}", error.render());
        Failure::new(Exit::Failed, message.trim()).help("correct them in its Deployment")
    })?;
    options(&controller, context)
}

/// A flag that says something: charts pass empty ones.
fn said(flag: Option<&String>) -> Option<&String> {
    flag.filter(|text| !text.is_empty())
}

/// Flags that contradict each other, or ask for what there is not.
fn check(args: &Controller) -> Result<(), Failure> {
    let wrong = |message: String, help: &str| Err(Failure::new(Exit::Usage, message).help(help));
    if args.process.enable_webhook_server {
        return wrong(
            "there is no webhook server".to_owned(),
            "leave --enable-webhook-server out: the CRDs check objects",
        );
    }
    let ControllerAws { aws_endpoint_url, aws_identity_endpoint_url, allow_unsafe_aws_endpoint_urls, .. } = &args.aws;
    let (endpoint, identity) = (said(aws_endpoint_url.as_ref()), said(aws_identity_endpoint_url.as_ref()));
    if let Some(url) = identity.filter(|url| Some(*url) != endpoint) {
        return wrong(
            format!("--aws-identity-endpoint-url is {url}, and --aws-endpoint-url is not"),
            "set AWS_ENDPOINT_URL_STS to it, and leave the flag out",
        );
    }
    if let Some(url) = endpoint.filter(|url| !is_trusted(url))
        && !allow_unsafe_aws_endpoint_urls
    {
        return wrong(
            format!("calls to {url} can be read on their way: it is not HTTPS"),
            "use https://, or add --allow-unsafe-aws-endpoint-urls",
        );
    }
    Ok(())
}

fn options(args: &Controller, context: &Context) -> Result<Options, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let Controller { aws, watch, reconcile, process } = args;
    let all = |given: &[PerKind]| {
        let mut all = PerKind::default();
        given.iter().cloned().for_each(|one| all.extend(one));
        all
    };
    let kinds = watch.reconcile_resources.iter().filter(|name| !name.is_empty()).map(|name| known_kind(name));
    let tag = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(usage(format!("`{text}` in --resource-tags is not of the form key=value"))),
    };
    let tags = reconcile.resource_tags.iter().filter(|text| !text.is_empty()).map(tag);
    let resync = reconcile.reconcile_default_resync_seconds;
    let event_queue =
        said(reconcile.event_queue_url.as_ref()).map(|url| EventQueue::parse(url, &context.target.region));
    let own_namespace = own_namespace();
    Ok(Options {
        region: context.target.region.clone(),
        installation: context.installation.clone(),
        namespaces: watch.watch_namespace.iter().filter(|name| !name.is_empty()).cloned().collect(),
        label_selector: watch.watch_selectors.clone().filter(|selector| !selector.is_empty()),
        kinds: kinds.collect::<Result<_, _>>().map_err(usage)?,
        leader_election: process.enable_leader_election.then(|| {
            process
                .leader_election_namespace
                .clone()
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| own_namespace.clone())
        }),
        own_namespace,
        trusts: if aws.allow_unsafe_aws_endpoint_urls { |_| true } else { is_trusted },
        cross_namespace: watch.enable_cross_namespace,
        carm: watch.enable_carm,
        field_export: reconcile.enable_field_export_reconciler,
        deletion_policy: match reconcile.deletion_policy {
            Policy::Delete => DeletionPolicy::Delete,
            Policy::Retain => DeletionPolicy::Retain,
        },
        resync: (resync > 0).then(|| Duration::from_secs(resync)),
        resync_of: all(&reconcile.reconcile_resource_resync_seconds),
        at_once: reconcile.reconcile_default_max_concurrent_syncs,
        at_once_of: all(&reconcile.reconcile_resource_max_concurrent_syncs),
        resource_tags: tags.collect::<Result<_, _>>()?,
        metrics: process.metrics_addr.0,
        health: process.healthz_addr.0,
        gates: watch.feature_gates,
        poll: Duration::from_secs(reconcile.poll_seconds.max(1)),
        event_queue: event_queue.transpose().map_err(|why| usage(format!("--event-queue-url: {why}")))?,
    })
}

/// The namespace that the controller runs in, as its deployment says.
fn own_namespace() -> String {
    let named = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    named("ACK_SYSTEM_NAMESPACE").or_else(|| named("K8S_NAMESPACE")).unwrap_or_else(|| OWN_NAMESPACE.to_owned())
}
