//! Connections and dispatch: who is asked is told by the signature's scope.

mod access;
mod answer;
mod auth;
mod body;
mod collect;
mod connection;
pub mod control;
mod dispatch;
mod event_stream;
mod expect;
mod guard;
mod inflate;
mod limits;
pub mod proxy;
pub mod record;
mod repoll;
mod request_id;
mod route;
mod slots;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response};

pub use access::ACCESS_LOG;
pub use answer::Body;
pub use body::{BodyError, RequestBody};
pub use collect::Collector;
pub use connection::{Front, serve};
pub use dispatch::Dispatcher;
pub use guard::Guard;
pub use limits::{Limits, raise_open_files};

/// A service that takes whole HTTP requests, streams them and checks their signatures itself: the embedded S3.
pub type RawService = Arc<dyn Fn(Request<RequestBody>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;
