//! The embedded cloud from the command line's side: starting it, finding it, its credentials.

mod bundle;
mod child;
pub(crate) mod clock;
mod cloud;
mod credentials;
mod last_resort;
pub(crate) mod log;
mod room;
pub(crate) mod server_file;

pub(crate) use child::prepare;
pub(crate) use cloud::{Cloud, Settings, engine, environments, prepare_xgboost, start};
pub(crate) use credentials::{Access, access, up};
pub(crate) use room::{advice as room_advice, failure as start_failure};
pub(crate) use server_file::{ServerFile, answers, holds, running};

/// Whether the folder may be an embedded cloud's data folder.
pub(crate) fn check(data: &std::path::Path) -> Result<(), crate::exit::Failure> {
    sagewright_cloud::folder::check(data).map_err(|error| room::failure(error.to_string(), data))
}

/// Account whose credentials are used unless another is asked for.
pub(crate) const DEFAULT_ACCOUNT: &str = "000000000000";
/// Region that clients of the embedded cloud are told to use.
pub(crate) const REGION: &str = "us-east-1";
