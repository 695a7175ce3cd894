//! The embedded AWS: one port, AWS's wire protocols, real jobs and real endpoints on this machine.
//!
//! Imports the service models and nothing else of Sagewright's, so that stock clients judge it and not its own mirror.

pub mod api;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod env;
pub mod hosting;
pub mod iam;
pub mod identity;
pub mod logs;
pub mod objects;
mod protocol;
pub mod runner;
pub mod s3;
pub mod sagemaker;
pub mod server;
pub mod sigv4;
pub mod store;
pub mod sts;
pub mod training;
mod transfer;
