//! Input mode Pipe: what programs read from their pipes, and that nothing is left of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../runner_support/mod.rs"]
mod runner_support;
#[path = "../training_support/mod.rs"]
mod training_support;

mod content;
mod ends;
mod support;
