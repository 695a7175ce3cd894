//! SageMaker's built-in algorithms as container programs.
//!
//! The embedded cloud starts these programs as child processes with the SageMaker container
//! contract (`train` and `serve`, files below `/opt/ml`), where AWS would start the image of the
//! algorithm. [`xgboost`] plays the `sagemaker-xgboost` image: it calls the real XGBoost library
//! through its C API, so no Python is needed while a job runs. [`ensure_library`] gets that library
//! once, from its pinned and hash-checked package.

mod contract;
mod library;
mod log;
mod monitor;
mod python;
pub mod xgboost;

use std::path::{Path, PathBuf};

use xgboost::Image;

pub use library::{InstallError, LibraryPath, default_cache_dir, ensure_library};

/// The variable that names a `libxgboost` to load instead of the installed one.
pub const LIBRARY_VARIABLE: &str = "SAGEWRIGHT_XGBOOST_LIBRARY";

/// The variable that replaces `/opt/ml` as the directory of the container contract.
pub const BASE_VARIABLE: &str = "SAGEMAKER_BASE_DIR";

/// Runs one container program of a built-in algorithm and returns its exit code.
///
/// `algorithm` is `xgboost`, with the tag of the image that is played behind a colon (`xgboost:1.7-1`; the newest without);
/// `program` is `train` or `serve`. `model-monitor:analyzer` and `model-monitor:merger` are Model Monitor's images, whose
/// program is `process`. The base directory comes from `SAGEMAKER_BASE_DIR` (default `/opt/ml`) and the library
/// from `SAGEWRIGHT_XGBOOST_LIBRARY`; without the latter the library is taken from the default cache and installed when
/// absent. Output goes to stdout and stderr, as from any container.
#[must_use]
pub fn run(algorithm: &str, program: &str) -> i32 {
    let (name, tag) = algorithm.split_once(':').map_or((algorithm, None), |(name, tag)| (name, Some(tag)));
    let base = std::env::var_os(BASE_VARIABLE).map_or_else(|| PathBuf::from("/opt/ml"), PathBuf::from);
    match name {
        "xgboost" => xgboost(algorithm, tag, program, &base),
        "model-monitor" if program == "process" => monitor::run(&base, tag.unwrap_or("analyzer")),
        "model-monitor" => {
            log::error(&format!("model-monitor has no program '{program}'; use process"));
            2
        }
        _ => {
            log::error(&format!(
                "algorithm '{algorithm}' is not built in; the built-in algorithms are: xgboost, model-monitor"
            ));
            2
        }
    }
}

fn xgboost(algorithm: &str, tag: Option<&str>, program: &str, base: &Path) -> i32 {
    let Some(image) = tag.map_or_else(|| Some(Image::newest()), Image::of_tag) else {
        log::error(&format!("there is no image with the tag of '{algorithm}'; the tags are: {}", Image::tags()));
        return 2;
    };
    let library = match default_library() {
        Ok(path) => path,
        Err(error) => {
            log::error(&error.to_string());
            if program == "train" {
                contract::Container::new(base).write_failure(&error.to_string());
            }
            return 1;
        }
    };
    match program {
        "train" => xgboost::train(base, library.as_ref(), image),
        "serve" => xgboost::serve(base, library.as_ref(), image),
        other => {
            log::error(&format!("xgboost has no program '{other}'; use train or serve"));
            2
        }
    }
}

fn default_library() -> Result<LibraryPath, InstallError> {
    ensure_library(&default_cache_dir(), &mut |line| log::info(line))
}
