//! Endpoints: deployment, routing, the runtime API and its errors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asynchronous;
mod capture;
mod deployments;
mod guarded;
mod invocations;
mod models;
mod routing;
#[path = "../runner_support/mod.rs"]
mod runner_support;
mod serverless;
mod servers;
mod site;
mod streaming;
mod support;
