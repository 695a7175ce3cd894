//! Why an object is not found.

use super::word::Served;
use crate::api::ApiError;

/// Why an object is not found.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// There is no way to a cluster.
    #[error("cannot find a Kubernetes cluster: {0}")]
    NoCluster(String),
    /// The cluster does not answer.
    #[error("cannot ask the Kubernetes API server: {0}")]
    Server(#[source] ApiError),
    /// An object cannot be read.
    #[error("cannot read {object}/{name}: {source}")]
    Object {
        /// `trainingjobs.sagemaker.services.k8s.aws`.
        object: String,
        /// Its name.
        name: String,
        /// Why not.
        source: ApiError,
    },
    /// The cluster has none of our CRDs.
    #[error("the cluster has no kinds of SageMaker")]
    NoGroup,
    /// The word is no kind of the cluster.
    #[error("the cluster has no kind `{word}` of SageMaker")]
    NoKind {
        /// What was said.
        word: String,
        /// What there is.
        plurals: Vec<String>,
    },
    /// Nothing in a cluster can have this name.
    #[error("`{name}` cannot be the name of {what}")]
    Name {
        /// Of what it should be the name.
        what: &'static str,
        /// What was said.
        name: String,
    },
    /// There is no such object.
    #[error("there is no object {name} of {} in namespace {namespace}", kinds.join(" or of "))]
    NoObject {
        /// `trainingjobs.sagemaker.services.k8s.aws` and the like.
        kinds: Vec<String>,
        /// Its name.
        name: String,
        /// The namespace.
        namespace: String,
    },
    /// Objects of several kinds have the name, and stand for different resources.
    #[error("several objects have the name {name}: of {}", kinds.join(" and of "))]
    Several {
        /// The name.
        name: String,
        /// `trainingjobs.sagemaker.services.k8s.aws` and the like.
        kinds: Vec<String>,
    },
    /// The object does not say which resource it stands for.
    #[error("{object}/{name} does not say which AWS resource it stands for{}", said(trouble))]
    Unnamed {
        /// `trainingjobs.sagemaker.aws.amazon.com`.
        object: String,
        /// Its name.
        name: String,
        /// The namespace.
        namespace: String,
        /// What its status says.
        trouble: String,
    },
}

impl LookupError {
    pub(super) fn object(served: &Served, name: &str, source: ApiError) -> Self {
        Self::Object { object: served.full(), name: name.to_owned(), source }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoCluster(_) => "set KUBECONFIG, or give --kubeconfig and --context; \
                 `kubectl config get-contexts` lists the contexts"
                .to_owned(),
            Self::Server(error) if error.code == 0 => {
                "the address is the one of the kubeconfig's context; choose another one with --context".to_owned()
            }
            Self::Server(_) => "check with `kubectl auth whoami` who you are for the cluster".to_owned(),
            Self::Object { object, .. } => format!("check with `kubectl auth can-i get {object}` whether you may"),
            Self::NoGroup => "install the CRDs, or choose another cluster with --context".to_owned(),
            Self::NoKind { plurals, .. } => format!("there are: {}", plurals.join(", ")),
            Self::Name { .. } => "names have small letters, digits, `-` and `.`".to_owned(),
            Self::NoObject { kinds, namespace, .. } => {
                format!(
                    "`kubectl get {} -n {namespace}` lists what there is; -n names another namespace",
                    kinds.join(",")
                )
            }
            Self::Several { name, kinds } => {
                let full: Vec<_> = kinds.iter().map(|kind| format!("{kind}/{name}")).collect();
                format!("write {}", full.join(" or "))
            }
            Self::Unnamed { object, name, namespace, .. } => {
                format!("the operator says it in the status; see `kubectl describe {object}/{name} -n {namespace}`")
            }
        }
    }

    /// Whether what was said is wrong, and not what is there.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Name { .. } | Self::NoKind { .. } | Self::Several { .. })
    }
}

fn said(trouble: &str) -> String {
    if trouble.is_empty() { String::new() } else { format!(": {trouble}") }
}
