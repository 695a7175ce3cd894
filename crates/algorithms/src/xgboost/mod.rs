//! XGBoost as SageMaker's built-in algorithm: what the `sagemaker-xgboost` image does in algorithm
//! mode, on one host, without a GPU. Facts about the image (names, ranges, messages, formats) are
//! from the repository aws/sagemaker-xgboost-container.
//!
//! What differs between the generations of the image is in the table of [`Image`]. A trained model is written as
//! `model/xgboost-model` in the format of the image that is played, so that the library of that image loads it; `serve` loads
//! what any of them wrote.

mod artifact;
mod data;
mod failure;
mod ffi;
mod hyperparameters;
mod image;
mod metrics;
mod serve;
mod train;

use std::path::Path;

use serde_json::{Map, Value};

use crate::contract::Container;
use crate::log;
pub use hyperparameters::Wrong;
pub use image::Image;

/// The name of the model file, as the image writes it.
const MODEL_FILE: &str = "xgboost-model";

/// Runs a training job in the directory tree `base` (`/opt/ml` in a container) with the library
/// `lib` as `image` does, and returns the exit code. A failure is also written to `output/failure`.
///
/// The program expects a process of its own: it sets a variable of the environment for OpenMP
/// before it loads the library.
#[must_use]
pub fn train(base: &Path, lib: &Path, image: &Image) -> i32 {
    let container = Container::new(base);
    match train::run(&container, lib, image) {
        Ok(()) => 0,
        Err(failure) => {
            let text = format!("framework error: \n{failure}\n");
            log::error("Reporting training FAILURE");
            log::error(&text);
            container.write_failure(&text);
            1
        }
    }
}

/// Serves the model in `base/model` over HTTP until SIGTERM, and returns the exit code. When
/// `SAGEMAKER_MULTI_MODEL` is `true` it starts without a model, and loads and unloads models as
/// the contract of multi-model containers says.
///
/// Binds to 127.0.0.1, port `SAGEMAKER_BIND_TO_PORT` (8080). Expects a process of its own, as
/// [`train()`] does.
#[must_use]
pub fn serve(base: &Path, lib: &Path, image: &'static Image) -> i32 {
    match serve::run(&Container::new(base), lib, image) {
        Ok(()) => 0,
        Err(reason) => {
            log::error(&reason);
            1
        }
    }
}

/// Checks hyperparameters, a map of texts, as an image does before it trains.
///
/// # Errors
/// Every one that is wrong; what depends on others is looked at when each by itself is right.
pub fn check_hyperparameters(given: &Map<String, Value>, image: &Image) -> Result<(), Vec<Wrong>> {
    hyperparameters::check(given, image)
}

/// Checks the content type of a channel as an image does before it trains.
///
/// # Errors
/// A sentence with the content types that the image takes.
pub fn check_content_type(given: &str, image: &Image) -> Result<(), String> {
    data::check_channel(given, image)
}
