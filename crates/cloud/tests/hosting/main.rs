//! Endpoints: deployment, routing, the runtime API and its errors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod capture;
mod deployments;
mod guarded;
mod invocations;
mod models;
#[path = "../runner_support/mod.rs"]
mod runner_support;
mod servers;
mod site;
mod support;
