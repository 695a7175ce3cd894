//! `smlogs`, and the same as a plugin of kubectl.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use super::{Cli, Command, Global};

/// The program's name as a plugin of kubectl.
pub(crate) const KUBECTL_PLUGIN: &str = "kubectl-smlogs";

/// `smlogs`
#[derive(Debug, Clone, Args)]
pub(crate) struct Smlogs {
    /// KIND NAME or KIND/NAME of an object, as `kubectl get` takes them
    #[arg(required = true, num_args = 1..=2, value_name = "KIND/NAME|KIND NAME")]
    pub(crate) what: Vec<String>,
    /// Follow until the job ends (an endpoint: until interrupted)
    #[arg(long, short, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) follow: bool,
    /// Only log streams of instances whose names start so, for example algo-4; also of variants, and of a tuning job's
    /// training jobs
    #[arg(long = "logSearchPrefix", short = 'p', alias = "log-search-prefix", value_name = "PREFIX")]
    pub(crate) log_search_prefix: Option<String>,
    /// Leave the log stream's name out before each line
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) hide_log_stream_name: bool,
    #[command(flatten)]
    pub(crate) cluster: ClusterAccess,
}

/// The cluster and the namespace, as kubectl's flags say it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The cluster")]
pub(crate) struct ClusterAccess {
    /// Namespace of the object [default: the context's, then default]
    #[arg(long, short, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) choice: ClusterChoice,
}

/// The cluster, as kubectl's flags say it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The cluster")]
pub(crate) struct ClusterChoice {
    /// The kubeconfig [default: those of KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Its context [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Cluster of the kubeconfig, in place of the context's
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// User of the kubeconfig, in place of the context's
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
}

/// Show the logs of the SageMaker job or endpoint that an object stands for.
#[derive(Debug, Parser)]
#[command(name = KUBECTL_PLUGIN, bin_name = "kubectl smlogs", version, max_term_width = 110)]
pub(crate) struct KubectlSmlogs {
    #[command(flatten)]
    smlogs: Smlogs,
    #[command(flatten)]
    global: Global,
}

impl From<KubectlSmlogs> for Cli {
    fn from(plugin: KubectlSmlogs) -> Self {
        Self { global: plugin.global, command: Command::Smlogs(plugin.smlogs) }
    }
}
