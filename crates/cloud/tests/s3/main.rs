//! S3 answers as AWS's S3 does, where the two were once told apart.

#![allow(clippy::unwrap_used)]

#[path = "../s3_support/mod.rs"]
mod s3_support;

mod bounds;
mod buckets;
mod errors;
mod forms;
mod multipart;
mod objects;
mod presigned;
mod signatures;
mod support;
