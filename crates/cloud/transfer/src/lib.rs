//! Between the embedded S3 and the folders of jobs and servers.

pub mod fetch;
pub mod gunzip;
pub mod heed;
mod links;
mod members;
pub mod pack;
pub mod path;
pub mod plain;
mod sparse;
pub mod tree;
pub mod unpack;
