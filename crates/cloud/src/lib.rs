//! The embedded AWS: one port, AWS's wire protocols, real jobs and real endpoints on this machine.
//!
//! The one place that wires the services, the store and the runner. The embedded cloud imports the service models and
//! nothing else of Sagewright's, so that stock clients judge it and not its own mirror.

pub mod cloud;
mod cloud_id;
mod commands;
pub mod config;
pub mod folder;
pub mod reference;
mod reserve;
mod runners;
pub mod server;

/// Application Auto Scaling, and the port to what it scales.
pub mod scaling {
    pub use sagewright_cloud_applicationautoscaling::{AutoScaling, Known, OWNER};
    pub use sagewright_cloud_core::scaling::{Capacity, NoTargets, Scalable, ScalableTargets, Scalables, ScalingError};
    pub use sagewright_cloud_sagemaker_hosting::scaling::Variants;
}

pub use sagewright_cloud_cloudwatch as cloudwatch;
pub use sagewright_cloud_core::{
    alarms, api, clock, durability, env, events, identity, metrics, objects, outbox, records, runner, timers,
};
pub use sagewright_cloud_logs as logs;
pub use sagewright_cloud_runner_docker as docker;
pub use sagewright_cloud_runner_process::{frameworks, images, process};
pub use sagewright_cloud_s3 as s3;
pub use sagewright_cloud_sagemaker_base as sagemaker;
pub use sagewright_cloud_sagemaker_hosting::hosting;
pub use sagewright_cloud_sagemaker_jobs::{processing, training, transform};
