//! The program as a user runs it, without a cloud.

mod commands;
mod docs;
mod plan;
mod program;
mod wrong_manifests;
