//! Workloads as the engine's API has them.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig, Mount, MountType, PortBinding};
use sagewright_cloud_core::runner::{Labels, Port, Workload};

/// The port of SageMaker's containers.
const SERVING: &str = "8080/tcp";

const CLOUD: &str = "sagewright.cloud";
const ACCOUNT: &str = "sagewright.account";
const ARN: &str = "sagewright.arn";
const HOST: &str = "sagewright.host";
const EPOCH: &str = "sagewright.epoch";
/// Marks a container that gives files back.
const GIVES_BACK: &str = "sagewright.gives-back";

/// The filter for the containers of a cloud.
pub fn mark(cloud: &str) -> String {
    format!("{CLOUD}={cloud}")
}

/// Whether a container is one of [`give_back`]'s.
pub fn is_giving_back(found: &ContainerInspectResponse) -> bool {
    let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
    labels.is_some_and(|labels| labels.contains_key(GIVES_BACK))
}

/// What `POST /containers/create` takes.
///
/// A program without a port shares the machine's network, so that it reaches the embedded cloud, which listens on loopback
/// alone; where it is isolated it has none. A server has a network of its own, since all of them listen on port 8080.
pub fn create(
    image: &str,
    cloud: &str,
    variables: &BTreeMap<String, String>,
    workload: &Workload,
) -> ContainerCreateBody {
    let Labels { account, arn, host, epoch } = &workload.labels;
    let labels = [(CLOUD, cloud), (ACCOUNT, account), (ARN, arn), (HOST, host), (EPOCH, &epoch.to_string())];
    let serves = workload.port != Port::None;
    let network = match (serves, workload.isolated) {
        (true, _) => "bridge",
        (false, true) => "none",
        (false, false) => "host",
    };
    let binding = PortBinding { host_ip: Some(Ipv4Addr::LOCALHOST.to_string()), host_port: Some(String::new()) };
    let environment = variables.iter().chain(&workload.environment);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: workload.entrypoint.clone(),
        cmd: Some(workload.arguments.clone()).filter(|arguments| !arguments.is_empty()),
        env: Some(environment.map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
        exposed_ports: serves.then(|| vec![SERVING.to_owned()]),
        host_config: Some(HostConfig {
            mounts: Some(mounts(workload)),
            network_mode: Some(network.to_owned()),
            port_bindings: serves.then(|| HashMap::from([(SERVING.to_owned(), Some(vec![binding]))])),
            extra_hosts: Some(workload.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect()),
            // It ends with its first program, and takes that one's orphans with it.
            init: Some(true),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

fn mounts(workload: &Workload) -> Vec<Mount> {
    let mount = |m: &sagewright_cloud_core::runner::Mount| Mount {
        typ: Some(MountType::BIND),
        source: Some(m.source.display().to_string()),
        target: Some(m.path.display().to_string()),
        read_only: Some(m.read_only),
        ..Mount::default()
    };
    workload.mounts.iter().map(mount).collect()
}

/// A container that gives what another one writes as root to the user, who could not remove it otherwise: to who owns the folders.
/// None where that is root.
pub fn give_back(body: &ContainerCreateBody) -> Option<ContainerCreateBody> {
    let mounts = body.host_config.as_ref()?.mounts.as_ref()?;
    let writable = || mounts.iter().filter(|mount| mount.read_only != Some(true));
    let found = std::fs::metadata(writable().next()?.source.as_ref()?).ok()?;
    let (user, group) = (found.uid(), found.gid());
    let command = ["chown".to_owned(), "-R".to_owned(), format!("{user}:{group}")];
    let mut labels = body.labels.clone().unwrap_or_default();
    labels.insert(GIVES_BACK.to_owned(), "true".to_owned());
    (user != 0).then(|| ContainerCreateBody {
        image: body.image.clone(),
        user: Some("0".to_owned()),
        entrypoint: Some(command.into_iter().chain(writable().filter_map(|mount| mount.target.clone())).collect()),
        labels: Some(labels),
        host_config: Some(HostConfig {
            mounts: Some(mounts.clone()),
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    })
}

/// The same for one that another process made.
pub fn give_back_of(found: ContainerInspectResponse) -> Option<ContainerCreateBody> {
    let config = found.config?;
    let host_config = HostConfig { mounts: found.host_config?.mounts, ..HostConfig::default() };
    give_back(&ContainerCreateBody {
        image: config.image,
        labels: config.labels,
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    })
}

/// Where a started container serves requests.
pub fn address(port: Port, told: &ContainerInspectResponse) -> Result<Option<SocketAddr>, Error> {
    if port == Port::None {
        return Ok(None);
    }
    let ports = told.network_settings.as_ref().and_then(|network| network.ports.as_ref());
    let bound = ports.and_then(|ports| ports.get(SERVING)?.as_ref()?.first()?.host_port.as_ref()?.parse().ok());
    match bound {
        Some(port) => Ok(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))),
        None => Err(Error::DockerResponseServerError {
            status_code: 500,
            message: format!("the container engine has published no port for {SERVING}"),
        }),
    }
}
