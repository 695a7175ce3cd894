//! Between the embedded S3 and the folders of jobs and servers.

pub(crate) mod fetch;
pub(crate) mod pack;
pub(crate) mod path;
pub(crate) mod tree;
pub(crate) mod unpack;
