//! The options of `controller`: ACK's flags, under ACK's names.

use std::net::SocketAddr;

use clap::{ArgAction, Args, ValueEnum};
use sagewright_kube::{Gates, PerKind};

/// `controller`
#[derive(Debug, Clone, Args)]
pub(crate) struct Controller {
    #[command(flatten)]
    pub(crate) aws: ControllerAws,
    #[command(flatten)]
    pub(crate) watch: ControllerWatch,
    #[command(flatten)]
    pub(crate) reconcile: ControllerReconcile,
    #[command(flatten)]
    pub(crate) process: ControllerProcess,
}

/// How AWS is called.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct ControllerAws {
    /// Region of objects that neither they nor their namespaces give one [default: --region, AWS_REGION]
    #[arg(long, value_name = "REGION")]
    pub(crate) aws_region: Option<String>,
    /// Endpoint of all services, in place of AWS's [default: --endpoint-url, AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) aws_endpoint_url: Option<String>,
    /// Endpoint of STS; it has to be that of --aws-endpoint-url, or is set by AWS_ENDPOINT_URL_STS
    #[arg(long, value_name = "URL")]
    pub(crate) aws_identity_endpoint_url: Option<String>,
    /// Take endpoints that are not HTTPS and not of this machine
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) allow_unsafe_aws_endpoint_urls: bool,
    /// No effect: no object is stored in S3 by the controller
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) aws_endpoint_use_path_style: bool,
    /// No effect: calls to AWS have time limits of their own
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    pub(crate) http_client_timeout: String,
}

/// What is watched.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What is reconciled")]
pub(crate) struct ControllerWatch {
    /// Namespaces to watch, with commas; all without one
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub(crate) watch_namespace: Vec<String>,
    /// Labels of the objects to watch, as kubectl's --selector
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) watch_selectors: Option<String>,
    /// Kinds to reconcile, with commas; all that the cluster has without one
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) reconcile_resources: Vec<String>,
    /// References may lead to other namespaces
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) enable_cross_namespace: bool,
    /// Look roles of accounts up in the ConfigMap ack-role-account-map; not where one namespace alone is watched
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) enable_carm: bool,
    /// Features to turn on or off, Gate=true or Gate=false, with commas: ResourceAdoption, ReadOnlyResources, TeamLevelCARM,
    /// ServiceLevelCARM, IAMRoleSelector
    #[arg(long, value_name = "GATES", value_parser = Gates::parse, default_value = "")]
    pub(crate) feature_gates: Gates,
}

/// How objects are reconciled.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How it is reconciled")]
pub(crate) struct ControllerReconcile {
    /// What becomes of resources whose objects are deleted
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Policy::Delete)]
    pub(crate) deletion_policy: Policy,
    /// Tags that resources get when they are created, key=value, with commas. These stand for what they name:
    /// %CONTROLLER_SERVICE%, %CONTROLLER_VERSION%, %K8S_NAMESPACE%, %K8S_RESOURCE_NAME%, %K8S_RESOURCE_KIND%, %MANAGED_BY%,
    /// %KRO_VERSION%
    #[arg(
        long,
        value_name = "TAGS",
        value_delimiter = ',',
        default_value = "services.k8s.aws/controller-version=%CONTROLLER_SERVICE%-%CONTROLLER_VERSION%,services.k8s.aws/namespace=%K8S_NAMESPACE%"
    )]
    pub(crate) resource_tags: Vec<String>,
    /// Seconds between looks at settled objects; 0 looks again only where AWS's listing does not show every change
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) reconcile_default_resync_seconds: u64,
    /// The same for kinds, Kind=seconds; may be repeated
    #[arg(long, value_name = "KIND=SECONDS", value_parser = PerKind::parse)]
    pub(crate) reconcile_resource_resync_seconds: Vec<PerKind>,
    /// Looks at objects of one kind at the same time
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) reconcile_default_max_concurrent_syncs: usize,
    /// The same for kinds, Kind=n; may be repeated
    #[arg(long, value_name = "KIND=N", value_parser = PerKind::parse)]
    pub(crate) reconcile_resource_max_concurrent_syncs: Vec<PerKind>,
    /// Seconds between listings of a kind's resources in AWS, which show what changed
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) poll_seconds: u64,
    /// URL of an SQS queue that EventBridge puts SageMaker's events into: what changes is looked at when its event comes, and
    /// listings become rare
    #[arg(long, value_name = "URL")]
    pub(crate) event_queue_url: Option<String>,
    /// Copy fields of objects into ConfigMaps and Secrets, as FieldExport objects say
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) enable_field_export_reconciler: bool,
}

/// The process.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The process")]
pub(crate) struct ControllerProcess {
    /// Reconcile only while this process holds a lease, so that several replicas can run
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) enable_leader_election: bool,
    /// Namespace of that lease [default: the controller's own]
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) leader_election_namespace: Option<String>,
    /// Address of the metrics; 0 serves none
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080", value_parser = address)]
    pub(crate) metrics_addr: Address,
    /// Address of /healthz and /readyz; 0 serves none
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8081", value_parser = address)]
    pub(crate) healthz_addr: Address,
    /// Logs: debug, info, warn or error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Logs for people in place of JSON
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) enable_development_logging: bool,
    /// Refused where it is true: there is no webhook, the CRDs check objects themselves
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) enable_webhook_server: bool,
    /// No effect: there is no webhook
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:9433")]
    pub(crate) webhook_server_addr: String,
}

/// What becomes of a resource whose object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// It is deleted; a running job is stopped
    Delete,
    /// It stays
    Retain,
}

/// An address, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) Option<SocketAddr>);

/// `0.0.0.0:8080`, `:8080`, or `0` for none, as ACK's controllers take them.
fn address(text: &str) -> Result<Address, String> {
    if matches!(text, "" | "0") {
        return Ok(Address(None));
    }
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let parsed = whole.parse().map_err(|_| "expected an IP address and a port, for example 0.0.0.0:8080".to_owned())?;
    Ok(Address(Some(parsed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_acks_flags_take() {
        for (text, wanted) in
            [("0.0.0.0:8080", Some("0.0.0.0:8080")), (":1", Some("0.0.0.0:1")), ("0", None), ("", None)]
        {
            assert_eq!(address(text), Ok(Address(wanted.map(|w| w.parse().unwrap()))));
        }
        assert!(address("8080").is_err());
    }
}
