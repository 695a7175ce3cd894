//! HTTP, signatures and protocol codecs: from a request to a [`Call`](sagewright_cloud_core::api::Call) and back.

pub mod protocol;
pub mod server;
pub mod sigv4;
