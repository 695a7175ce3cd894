//! Between the embedded S3 and the folders of jobs and servers.

pub mod fetch;
pub mod pack;
pub mod path;
pub mod tree;
pub mod unpack;
