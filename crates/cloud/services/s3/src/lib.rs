//! The S3 of the embedded cloud.
//!
//! Signatures, routing and XML are the `s3s` crate's; buckets, objects and uploads are kept here:
//! content as files that are streamed both ways, everything else in `<root>/s3.sqlite`.
//!
//! Two faces lead to the same data. [`service`] answers HTTP for any S3 client; [`Store`] is the
//! in-process face that job runners and other services use without a network in between.

mod access;
mod acl;
mod answers;
mod authorize;
mod backend;
mod body;
mod bucket;
mod checksum;
mod config;
mod error;
mod front;
pub mod identity;
mod list;
mod multipart;
mod object;
mod objects;
mod post;
mod request;
mod rewrite;
mod rules;
mod service;
mod signature;
mod store;
mod target;

pub use self::config::S3Config;
pub use self::identity::{Caller, Clock, Credentials};
pub use self::service::{BoxError, S3Service, service};
pub use self::store::{ObjectInfo, Store, StoreError, validate_bucket_name};
pub use backend::OPERATIONS;
