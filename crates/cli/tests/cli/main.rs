//! The program as a user runs it, without a cloud.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod commands;
mod docs;
mod local;
mod plan;
mod program;
mod wrong_manifests;
