//! What ends the operator, or keeps it from starting.

use sagewright_port::cloud::CloudError;

use crate::api::ApiError;

/// What ends the operator, or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is no way to a cluster.
    #[error("cannot find a Kubernetes cluster: {0}; set KUBECONFIG, or run inside of a cluster with a service account")]
    NoCluster(String),
    /// The cluster does not answer.
    #[error("cannot ask the Kubernetes API server what it serves: {0}")]
    Cluster(#[source] ApiError),
    /// AWS does not know the operator's credentials.
    #[error("AWS does not say who the operator is: {0}")]
    Identity(#[source] Box<CloudError>),
    /// An address cannot be listened at.
    #[error("cannot serve {what} at {address}: {source}")]
    Listen {
        /// What was to be served.
        what: &'static str,
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process leads now.
    #[error("the lease was not renewed in time: another replica may lead now")]
    LostLease,
}
