//! The container programs, driven as SageMaker drives them: child processes, files and HTTP. The
//! XGBoost library is the real one; it is installed into the user's cache on first use.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod models;
mod program;
mod serve;
mod support;
mod train;
