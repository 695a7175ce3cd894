//! Runs containers as processes of this machine, with the folders, environment, signals and exit codes of SageMaker's
//! container contract.

pub mod frameworks;
pub mod images;
mod map_file;
pub mod process;
