//! The public face over HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use s3s::service::S3ServiceBuilder;
use s3s::{Body, S3Error};

use super::access::Identities;
use super::answers::{encode_metadata, with_arns, without_quotes};
use super::backend::Backend;
use super::body::{Incoming, Rechunk, drain};
use super::config::{Domains, S3Config};
use super::error::{ErrorContext, render, take_details};
use super::front::Front;
use super::identity::Credentials;
use super::post;
use super::signature;
use super::store::{Store, validate_bucket_name};
use super::target::Target;

/// Any error, as bodies carry it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Answer = Response<BoxBody<Bytes, BoxError>>;

/// The S3 protocol over a [`Store`]. Cheap to clone.
#[derive(Clone)]
pub struct S3Service {
    inner: s3s::service::S3Service,
    store: Store,
    identities: Identities,
    domains: Arc<Domains>,
}

/// Puts the S3 protocol over `store`. Times come from the clock of the store; only the age of a
/// signature is judged by the system's clock, as clients sign with theirs.
pub fn service(config: &S3Config, store: Store, credentials: Arc<dyn Credentials>) -> S3Service {
    let identities = Identities(credentials);
    let inner = builder(config, store.clone()).build();
    let mut outer = builder(config, store.clone());
    outer.set_auth(identities.clone());
    outer.set_route(Front { identities: identities.clone(), store: store.clone(), inner });
    S3Service { inner: outer.build(), store, identities, domains: Arc::new(Domains::new(config)) }
}

fn builder(config: &S3Config, store: Store) -> S3ServiceBuilder {
    let mut builder = S3ServiceBuilder::new(Backend::new(store));
    builder.set_host(Domains::new(config));
    builder.set_validation(BucketNames);
    builder
}

struct BucketNames;

impl s3s::validation::NameValidation for BucketNames {
    fn validate_bucket_name(&self, name: &str) -> bool {
        validate_bucket_name(name).is_ok()
    }
}

impl S3Service {
    /// Answers one request. Bodies are streamed both ways.
    pub async fn call<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let ids = Ids::new();
        let (mut parts, body) = request.into_parts();
        let head = parts.method == Method::HEAD;
        let http1 = parts.version <= Version::HTTP_11;
        let target = Target::new(&self.domains, &parts.uri, &parts.headers);
        let shared = (!body.is_end_stream()).then(|| Incoming::new(body));
        let body = match &shared {
            None => Body::empty(),
            Some(shared) if unsigned_chunks(&parts.headers) => Body::http_body(Rechunk::new(shared.clone())),
            Some(shared) => Body::http_body(shared.clone()),
        };
        parts.extensions.insert(target.clone());
        let ready = target.check_key().and_then(|()| signature::prepare(parts.uri.query(), &mut parts.headers));
        let answer = match ready {
            Ok(()) if post::is_form(&parts.method, &parts.uri, &target) => {
                let posted = post::post(&self.store, &self.identities, &target, parts, shared.clone()).await;
                posted.or_else(S3Error::to_http_response).map_err(BoxError::from)
            }
            Ok(()) => self.inner.call(Request::from_parts(parts, body)).await.map_err(BoxError::from),
            Err(refused) => refused.to_http_response().map_err(BoxError::from),
        };
        let answer = answer.unwrap_or_else(|error| {
            tracing::error!(%error, "S3 failed to answer");
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            answer
        });
        let failed = answer.status().is_client_error() || answer.status().is_server_error();
        let mut whole = true;
        if failed && let Some(mut shared) = shared {
            drain(&mut shared).await;
            whole = shared.is_end_stream();
        }
        let mut answer = finish(answer, failed, head, &target, &ids);
        if !whole && http1 {
            // Whether the rest of the body still comes is the client's choice, so what follows on
            // this connection cannot be told from it.
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }
}

/// Whether the body is `aws-chunked` without a signature per chunk.
fn unsigned_chunks(headers: &HeaderMap) -> bool {
    headers.get("x-amz-content-sha256").is_some_and(|value| value == "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
}

/// Completes an answer of `s3s`: ids, error document, and what a status forbids or demands.
fn finish(answer: Response<Body>, failed: bool, head: bool, target: &Target, ids: &Ids) -> Answer {
    let (mut parts, mut body) = answer.into_parts();
    let details = take_details(&mut parts.headers);
    for (name, value) in [("x-amz-request-id", &ids.request), ("x-amz-id-2", &ids.host)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            parts.headers.insert(name, value);
        }
    }
    let body = if parts.status == StatusCode::NOT_MODIFIED || (failed && head) {
        parts.headers.remove(CONTENT_TYPE);
        parts.headers.remove(CONTENT_LENGTH);
        empty()
    } else if failed {
        let document = body.take_bytes().unwrap_or_default();
        let xml = render(
            &document,
            &ErrorContext {
                bucket: target.bucket.as_deref(),
                key: target.key.as_deref(),
                details: &details,
                request_id: &ids.request,
                host_id: &ids.host,
            },
        );
        parts.headers.remove(CONTENT_LENGTH);
        let kind = HeaderValue::from_static("application/xml");
        parts.headers.insert(CONTENT_TYPE, kind);
        Full::from(xml).map_err(|never| match never {}).boxed()
    } else if (target.attributes || target.bucket.is_none())
        && let Some(document) = body.bytes()
    {
        let document = String::from_utf8_lossy(&document);
        let document = if target.attributes { without_quotes(&document) } else { with_arns(&document) };
        parts.headers.remove(CONTENT_LENGTH);
        Full::from(document).map_err(|never| match never {}).boxed()
    } else {
        // `s3s` answers 200 to a HEAD with a range.
        if head && parts.headers.contains_key(CONTENT_RANGE) {
            parts.status = StatusCode::PARTIAL_CONTENT;
        }
        encode_metadata(&mut parts.headers);
        BoxBody::new(body)
    };
    Response::from_parts(parts, body)
}

fn empty() -> BoxBody<Bytes, BoxError> {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// The ids of one request, in the form of AWS's.
struct Ids {
    request: String,
    host: String,
}

impl Ids {
    fn new() -> Self {
        let id = uuid::Uuid::new_v4();
        let (request, _) = id.as_bytes().split_at(8);
        Self { request: hex::encode_upper(request), host: hex::encode(id.as_bytes()) }
    }
}
