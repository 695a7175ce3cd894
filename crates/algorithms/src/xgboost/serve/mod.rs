//! `serve`: answers predictions over HTTP, as the image's own server does.

mod invocation;
mod model;
mod response;
mod selection;
mod server;
mod settings;

use std::path::Path;
use std::sync::Arc;

use super::ffi::Xgboost;
use crate::contract::Container;
use crate::log;
use model::Model;
use settings::Settings;

/// Loads the model and serves it until SIGTERM. The error is a sentence for the log.
pub(super) fn run(container: &Container, library: &Path) -> Result<(), String> {
    let settings = Settings::from_variables(|name| std::env::var(name).ok())?;
    let library = Xgboost::load(library).map_err(|error| error.to_string())?;
    let model = Model::load(&library, &container.model())?;
    log::info(&format!("Model loaded successfully: {model}"));
    let workers = settings.workers;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| format!("cannot start {workers} worker threads: {error}"))?;
    runtime.block_on(server::serve(Arc::new(invocation::Service::new(model, settings))))
}
