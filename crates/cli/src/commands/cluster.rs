//! A cluster, for commands that are run beside kubectl.

use sagewright_kube::lookup::{Access, LookupError};

use crate::args::ClusterChoice;
use crate::exit::{Exit, Failure};
use crate::output::terminal::on_line;

/// The way to the cluster that flags choose.
pub(super) fn access(choice: &ClusterChoice, namespace: Option<String>) -> Access {
    let ClusterChoice { kubeconfig, context, cluster, user } = choice.clone();
    Access { kubeconfig, context, namespace, cluster, user }
}

/// Why something is not found in a cluster.
pub(super) fn failure(error: LookupError) -> Failure {
    let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
    Failure::new(exit, on_line(&error.to_string())).help(error.help())
}
