//! IAM and STS, called as the port calls them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod keys;
mod policies;
mod sessions;
mod simulation;
mod support;
mod trust;
