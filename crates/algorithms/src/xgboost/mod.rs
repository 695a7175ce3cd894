//! XGBoost as SageMaker's built-in algorithm: what the `sagemaker-xgboost` image does in algorithm
//! mode, on one host, without a GPU. Facts about the image (names, ranges, messages, formats) are
//! from the repository aws/sagemaker-xgboost-container.
//!
//! A trained model is written as `model/xgboost-model` in XGBoost's UBJSON format, which every
//! XGBoost from 1.6 on loads, also the image's own server. `serve` loads UBJSON and JSON models.

mod data;
mod failure;
mod ffi;
mod hyperparameters;
mod metrics;
mod serve;
mod train;

use std::path::Path;

use crate::contract::Container;
use crate::log;

/// The name of the model file, as the image writes it.
const MODEL_FILE: &str = "xgboost-model";

/// Runs a training job in the directory tree `base` (`/opt/ml` in a container) with the library
/// `lib`, and returns the exit code. A failure is also written to `output/failure`.
///
/// The program expects a process of its own: it sets a variable of the environment for OpenMP
/// before it loads the library.
#[must_use]
pub fn train(base: &Path, lib: &Path) -> i32 {
    let container = Container::new(base);
    match train::run(&container, lib) {
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
pub fn serve(base: &Path, lib: &Path) -> i32 {
    match serve::run(&Container::new(base), lib) {
        Ok(()) => 0,
        Err(reason) => {
            log::error(&reason);
            1
        }
    }
}
