//! IAM and STS, called as the port calls them.

mod policies;
mod sessions;
mod simulation;
mod support;
mod trust;
