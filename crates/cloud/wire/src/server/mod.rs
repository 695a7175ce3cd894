//! Connections and dispatch: who is asked is told by the signature's scope.

mod answer;
mod connection;
mod dispatch;
mod route;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;

pub use answer::Body;
pub use connection::serve;
pub use dispatch::Dispatcher;

/// A service that takes whole HTTP requests, streams them and checks their signatures itself: the embedded S3.
pub type RawService = Arc<dyn Fn(Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;
