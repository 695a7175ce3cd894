//! The public face over HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use s3s::Body;
use s3s::config::StaticConfigProvider;
use s3s::host::S3Host as _;
use s3s::service::S3ServiceBuilder;

use super::access::Identities;
use super::backend::Backend;
use super::body::{Incoming, Rechunk, drain};
use super::config::{Domains, S3Config};
use super::error::{ErrorContext, render};
use super::identity::Credentials;
use super::request::percent_decode;
use super::store::{Store, validate_bucket_name};

/// Any error, as bodies carry it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Answer = Response<BoxBody<Bytes, BoxError>>;

/// The S3 protocol over a [`Store`]. Cheap to clone.
#[derive(Clone)]
pub struct S3Service {
    inner: s3s::service::S3Service,
    domains: Arc<Domains>,
}

/// Puts the S3 protocol over `store`. Times come from the clock of the store; only the age of a
/// signature is judged by the system's clock, as clients sign with theirs.
pub fn service(config: &S3Config, store: Store, credentials: Arc<dyn Credentials>) -> S3Service {
    let identities = Identities(credentials);
    let mut builder = S3ServiceBuilder::new(Backend::new(store));
    builder.set_auth(identities.clone());
    builder.set_access(identities);
    builder.set_host(Domains::new(config));
    builder.set_validation(BucketNames);
    // A form upload is the one that `s3s` holds in memory.
    let mut limits = s3s::config::S3Config::default();
    limits.post_object_max_file_size = MAX_FORM_UPLOAD;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits))));
    S3Service { inner: builder.build(), domains: Arc::new(Domains::new(config)) }
}

/// The most that a form upload (PostObject) carries, in bytes.
const MAX_FORM_UPLOAD: u64 = 64 << 20;

struct BucketNames;

impl s3s::validation::NameValidation for BucketNames {
    fn validate_bucket_name(&self, name: &str) -> bool {
        validate_bucket_name(name).is_ok()
    }
}

impl S3Service {
    /// Answers one request. Bodies are streamed both ways.
    pub async fn call(&self, request: Request<hyper::body::Incoming>) -> Answer {
        let ids = Ids::new();
        let (parts, body) = request.into_parts();
        let head = parts.method == Method::HEAD;
        let http1 = parts.version <= Version::HTTP_11;
        let target = Target::new(&self.domains, &parts.uri, &parts.headers);
        // A client that waits for the go-ahead and is refused before it sends nothing.
        let waits = parts.headers.contains_key(EXPECT);
        let shared = (!body.is_end_stream()).then(|| Incoming::new(body));
        let body = match &shared {
            None => Body::empty(),
            Some(shared) if unsigned_chunks(&parts.headers) => Body::http_body(Rechunk::new(shared.clone())),
            Some(shared) => Body::http_body(shared.clone()),
        };
        let answer = match self.inner.call(Request::from_parts(parts, body)).await {
            Ok(answer) => answer,
            Err(error) => {
                let error: BoxError = error.into();
                tracing::error!(%error, "S3 failed to answer");
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                answer
            }
        };
        let failed = answer.status().is_client_error() || answer.status().is_server_error();
        let mut whole = true;
        if failed && let Some(mut shared) = shared {
            if !waits || shared.begun() {
                drain(&mut shared).await;
            }
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
                resource: &target.resource,
                request_id: &ids.request,
                host_id: &ids.host,
            },
        );
        parts.headers.remove(CONTENT_LENGTH);
        let kind = HeaderValue::from_static("application/xml");
        parts.headers.insert(CONTENT_TYPE, kind);
        Full::from(xml).map_err(|never| match never {}).boxed()
    } else if target.attributes
        && let Some(document) = body.bytes()
    {
        // The ETag of this one answer has no quotes, and `s3s` writes them.
        let document = String::from_utf8_lossy(&document)
            .replace("<ETag>\"", "<ETag>")
            .replace("\"</ETag>", "</ETag>")
            .replace("<ETag>&quot;", "<ETag>")
            .replace("&quot;</ETag>", "</ETag>");
        parts.headers.remove(CONTENT_LENGTH);
        Full::from(document).map_err(|never| match never {}).boxed()
    } else {
        // `s3s` answers 200 to a HEAD with a range.
        if head && parts.headers.contains_key(CONTENT_RANGE) {
            parts.status = StatusCode::PARTIAL_CONTENT;
        }
        BoxBody::new(body)
    };
    Response::from_parts(parts, body)
}

fn is_attributes(parameter: &str) -> bool {
    matches!(parameter, "attributes" | "attributes=")
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

/// What a request is about.
struct Target {
    /// Whether it is GetObjectAttributes.
    attributes: bool,
    bucket: Option<String>,
    key: Option<String>,
    resource: String,
}

impl Target {
    fn new(domains: &Domains, uri: &http::Uri, headers: &HeaderMap) -> Self {
        let path = percent_decode(uri.path());
        let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let named = host
            .and_then(|host| domains.parse_host_header(host).ok())
            .and_then(|host| host.bucket().map(str::to_owned));
        let rest = path.trim_start_matches('/');
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (bucket, key) = match named {
            Some(bucket) => (Some(bucket), some(rest)),
            None => match rest.split_once('/') {
                Some((bucket, key)) => (some(bucket), some(key)),
                None => (some(rest), None),
            },
        };
        Self {
            attributes: uri.query().is_some_and(|query| query.split('&').any(is_attributes)),
            bucket,
            key,
            resource: path,
        }
    }
}
