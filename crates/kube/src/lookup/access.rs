//! The way to a cluster, as kubectl's flags and the kubeconfig say it.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use super::LookupError;
use crate::api::with_causes;
use crate::proxy;

/// What kubectl's flags say; nothing for what the kubeconfig says.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The kubeconfig; without it those of `KUBECONFIG`, then the one in the home folder.
    pub kubeconfig: Option<PathBuf>,
    /// Its context.
    pub context: Option<String>,
    /// Its cluster, in place of the context's.
    pub cluster: Option<String>,
    /// Its user, in place of the context's.
    pub user: Option<String>,
    /// The namespace, in place of the context's.
    pub namespace: Option<String>,
}

impl Access {
    /// A client, and the namespace.
    pub(super) async fn client(&self) -> Result<(Client, String), LookupError> {
        let mut config = self.config().await?;
        proxy::choose(&mut config);
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| LookupError::NoCluster(with_causes(&error)))?;
        Ok((client, namespace))
    }

    async fn config(&self) -> Result<Config, LookupError> {
        let options =
            KubeConfigOptions { context: self.context.clone(), cluster: self.cluster.clone(), user: self.user.clone() };
        let read = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let chosen = [&self.context, &self.cluster, &self.user].into_iter().any(Option::is_some);
        let error = match read {
            Ok(kubeconfig) => match Config::from_custom_kubeconfig(kubeconfig, &options).await {
                Ok(config) => return Ok(config),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // A pod has a service account, and no kubeconfig.
        if self.kubeconfig.is_none()
            && !chosen
            && is_none(&error)
            && let Ok(config) = Config::incluster()
        {
            return Ok(config);
        }
        Err(LookupError::NoCluster(with_causes(&error)))
    }
}

/// Whether there is no kubeconfig, and not a wrong one.
fn is_none(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath | KubeconfigError::CurrentContextNotSet => true,
        KubeconfigError::ReadConfig(source, _) => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
