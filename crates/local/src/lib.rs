//! The embedded AWS: one port, AWS's wire protocols, real jobs and real endpoints on this machine.
//!
//! Imports the service models and nothing else of Sagewright's, so that stock clients judge it and not its own mirror.

pub mod api;
pub mod clock;
pub mod env;
pub mod logs;
pub mod objects;
pub mod runner;
pub mod store;
