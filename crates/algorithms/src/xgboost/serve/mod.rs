//! `serve`: answers predictions over HTTP, as the image's own server does.

mod access;
mod answer;
mod invocation;
mod model;
mod models;
mod response;
mod selection;
mod server;
mod settings;

use std::path::Path;
use std::sync::Arc;

use super::ffi::Xgboost;
use super::image::Image;
use crate::contract::Container;
use crate::log;
use access::Access;
use model::Model;
use models::Models;
use server::{Served, Service};
use settings::Settings;

/// Serves the model, or in multi-model mode those that it is told to load, until SIGTERM. The error is a sentence for the log.
pub(super) fn run(container: &Container, library: &Path, image: &'static Image) -> Result<(), String> {
    let settings = Settings::from_variables(image, |name| std::env::var(name).ok())?;
    let access = Access::from_variables(|name| std::env::var(name).ok());
    let library = Xgboost::load(library).map_err(|error| error.to_string())?;
    let served = if settings.multi_model {
        log::info("SAGEMAKER_MULTI_MODEL is true: starting without a model; POST /models loads one");
        Served::Many(Models::new(library, container.clone()))
    } else {
        let model = Model::load(&library, container, &container.model())?;
        log::info(&format!("Model loaded successfully: {model}"));
        Served::One(model)
    };
    let workers = settings.workers;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| format!("cannot start {workers} worker threads: {error}"))?;
    runtime.block_on(server::serve(Arc::new(Service { access, settings, served })))
}
