//! AWS over HTTP: the engine's [`Cloud`](sagewright_port::cloud::Cloud) port, with S3 transfers beside it.
//!
//! Requests are laid out from the service models; credentials, signing, retries, time-outs and clock-skew
//! correction are the AWS SDK's own runtime. Making a client is quick: nothing is connected, and neither
//! certificates nor credentials are loaded before the first call.

// The port's error is large because it says much; it is made where a call failed, which is rare.
#![allow(clippy::result_large_err)]

mod builder;
mod call_record;
mod client;
mod config;
mod credentials;
mod endpoint;
mod failure;
mod identity;
mod protocol;
pub mod rate_limiter;
pub mod runtime;
pub mod s3;
mod transport;

pub use builder::{Builder, Retry, TimeOuts};
pub use call_record::{CallRecord, Observe};
pub use client::Aws;
pub use config::ConfigError;
pub use identity::Identity;
pub use sagewright_port::paging::{self, collect_items, pages};
