//! Starts the embedded cloud inside this process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use sagewright_algorithms::{LIBRARY_VARIABLE, default_cache_dir, ensure_library};
use sagewright_cloud::clock::Speed;
use sagewright_cloud::cloud::{self, Options};
use sagewright_cloud::config::Config;
use sagewright_cloud::docker;
use sagewright_cloud::durability::Durability;
use sagewright_cloud::frameworks::{Environments, Pythons};
use sagewright_cloud::images::BuiltIn;
use sagewright_cloud::process::Preparer;
use sagewright_cloud::runner::LineSink;
use sagewright_cloud::server::record;

use super::{last_resort, room, server_file};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::signals::Signals;

/// How to start it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Names, besides its own, by which clients call it.
    pub(crate) hosts: Vec<String>,
    /// Its state.
    pub(crate) data: PathBuf,
    /// Image map.
    pub(crate) images: Option<PathBuf>,
    /// What acknowledged writes outlive.
    pub(crate) durability: Durability,
    /// How fast simulated time passes.
    pub(crate) speed: Speed,
    /// Whether descriptions of what is about to settle are held.
    pub(crate) hold: bool,
    /// The request log, where one is to be kept.
    pub(crate) record: Option<record::Settings>,
}

/// A running embedded cloud that other commands find by its note in the data folder.
pub(crate) struct Cloud {
    cloud: Option<cloud::Cloud>,
    /// For example `http://127.0.0.1:4599`.
    pub(crate) endpoint: String,
    data: PathBuf,
}

/// Where the container engine answers, as Docker's own clients find it.
pub(crate) fn engine() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = set("DOCKER_HOST").unwrap_or_else(|| docker::SOCKET.to_owned());
    match host.strip_prefix("tcp://") {
        // It is refused with what to do, instead of spoken to without TLS.
        Some(address) if set("DOCKER_TLS_VERIFY").is_some() => format!("https://{address}"),
        _ => host,
    }
}

/// Takes port and data folder, and starts all services.
pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Cloud> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let defaults = Config::new(&settings.data);
    let config = Config {
        listen: settings.listen,
        hosts: settings.hosts.clone(),
        durability: settings.durability,
        record: settings.record.clone(),
        speed: settings.speed,
        hold: if settings.hold { defaults.hold } else { Duration::ZERO },
        ..defaults
    };
    let options = Options {
        config,
        program,
        images: settings.images.clone(),
        preparer: Arc::new(Libraries),
        environments: environments(),
        engine: engine(),
    };
    last_resort::arm(&settings.data);
    let failed = |error: cloud::CloudError| room::failure(error.to_string(), &settings.data);
    let prepared = cloud::prepare(options).await.map_err(failed)?;
    // Who finds the port open finds the note as well.
    let (endpoint, data) = (prepared.endpoint_url(), settings.data.clone());
    server_file::write(&data, &endpoint, settings.images.as_deref(), settings.durability, prepared.control_pass())
        .with_context(|| format!("cannot write server.json in {}", data.display()))?;
    let mut noted = Cloud { cloud: None, endpoint, data };
    let cloud = prepared.serve().map_err(failed)?;
    // The folder is this process's until it has ended: its databases are closed and its containers gone only then.
    std::mem::forget(cloud.server().lock());
    noted.cloud = Some(cloud);
    Ok(noted)
}

impl Cloud {
    /// Stops answering and stops all model servers; another signal meanwhile stops waiting for them. They end with
    /// this process in any case.
    pub(crate) async fn stop(mut self, signals: &mut Signals, printer: &Printer) {
        let Some(cloud) = self.cloud.take() else { return };
        tokio::select! {
            () = cloud.shutdown() => {}
            () = signals.next() => printer.note("stopping at once"),
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        server_file::remove(&self.data);
    }
}

/// Where scripts run: shared by all embedded clouds of this user.
pub(crate) fn environments() -> Environments {
    Environments::new(default_cache_dir().join("environments"), Pythons::of_machine())
}

/// Gets XGBoost's library now instead of with the first job, so that what is in the way is told at once.
pub(crate) async fn prepare_xgboost(printer: &Printer) -> anyhow::Result<()> {
    let (shown, bar) = (printer.clone(), printer.spinner("looking for the XGBoost library"));
    let sink: LineSink = Arc::new(move |line: &str| shown.note(&format!("  {line}")));
    let outcome = library(sink).await;
    bar.finish_and_clear();
    let path = outcome.map_err(|why| Failure::new(Exit::Failed, why))?;
    printer.note(&format!("  its library is {}", path.display()));
    Ok(())
}

async fn library(lines: LineSink) -> Result<PathBuf, String> {
    let task = tokio::task::spawn_blocking(move || {
        ensure_library(&default_cache_dir(), &mut |line| lines(line))
            .map(|path| path.as_ref().to_path_buf())
            .map_err(|error| error.to_string())
    });
    task.await.map_err(|e| format!("the installation ended abnormally: {e}"))?
}

/// Fetches the libraries of built-in algorithms on first use.
struct Libraries;

#[async_trait]
impl Preparer for Libraries {
    async fn prepare(&self, algorithm: BuiltIn, lines: LineSink) -> Result<BTreeMap<String, String>, String> {
        match algorithm {
            BuiltIn::XgBoost => {
                let path = library(lines).await?;
                Ok(BTreeMap::from([(LIBRARY_VARIABLE.to_owned(), path.display().to_string())]))
            }
            BuiltIn::ModelMonitor => Ok(BTreeMap::new()),
        }
    }
}
