//! Between the signature check and the parser of operations.
//!
//! `s3s` runs twice for a request: the outer service checks the signature and routes everything here, the inner one
//! parses and answers. In between a request is admitted and put into the form that the parser reads as S3 would.

use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, TrailingHeaders};

use super::access::Identities;
use super::body::broken_body;
use super::error::{Detail as _, plain};
use super::request::pairs;
use super::rewrite::rewrite;
use super::rules;
use super::store::Store;
use super::target::Target;

/// The longest document that a request carries, in bytes: 10,000 parts with checksums, or 1,000 keys that are all
/// entities, and some.
const MAX_DOCUMENT: usize = 8 << 20;

/// The region that the request was signed for.
#[derive(Clone)]
pub(crate) struct SignedRegion(pub(crate) String);

/// Admits requests and hands them to the parser.
pub(crate) struct Front {
    pub(crate) identities: Identities,
    pub(crate) store: Store,
    /// Parses and answers; checks no signatures.
    pub(crate) inner: s3s::service::S3Service,
}

#[async_trait::async_trait]
impl S3Route for Front {
    fn is_match(&self, _: &Method, _: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        true
    }

    async fn check_access(&self, request: &mut S3Request<Body>) -> S3Result<()> {
        let target = request.extensions.get::<Target>().cloned().unwrap_or_default();
        let Some(credentials) = &request.credentials else {
            return Err(anonymous(&self.store, &target).await);
        };
        let (caller, region) = (credentials.access_key.clone(), request.region.clone());
        let caller = self.identities.admit(&caller, &request.uri, &request.headers).await?;
        request.extensions.insert(caller);
        if let Some(region) = region {
            request.extensions.insert(SignedRegion(region.as_str().to_owned()));
        }
        Ok(())
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let S3Request { input: body, method, uri, mut headers, mut extensions, trailing_headers, .. } = request;
        let uri = rewrite(&method, &uri, &mut headers);
        let target = extensions.get::<Target>().cloned().unwrap_or_default();
        rules::check(&method, &uri, &headers, &target)?;
        let body =
            if is_content(&method, &uri, &target) { body } else { document(body, &method, &uri, &headers).await? };
        if let Some(trailers) = trailing_headers {
            extensions.insert::<TrailingHeaders>(trailers);
        }
        let mut inner = Request::new(body);
        *inner.method_mut() = method;
        *inner.uri_mut() = uri;
        *inner.headers_mut() = headers;
        *inner.extensions_mut() = extensions;
        let answer = self.inner.call(inner).await.map_err(|error| {
            let error: s3s::StdError = error.into();
            S3Error::with_source(S3ErrorCode::InternalError, error)
        })?;
        let (parts, body) = answer.into_parts();
        let mut response = S3Response::new(body);
        response.status = Some(parts.status);
        response.headers = parts.headers;
        Ok(response)
    }
}

/// Whether the body is the content of an object or a part, which is streamed.
fn is_content(method: &Method, uri: &Uri, target: &Target) -> bool {
    let names_none = pairs(uri.query()).all(|(name, _)| matches!(name, "partNumber" | "uploadId" | "x-id"));
    *method == Method::PUT && target.key.is_some() && names_none
}

/// A body that is a document, whole.
async fn document(body: Body, method: &Method, uri: &Uri, headers: &HeaderMap) -> S3Result<Body> {
    let too_long = || plain(S3ErrorCode::MaxMessageLengthExceeded).detail("MaxMessageLengthBytes", MAX_DOCUMENT);
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_DOCUMENT) {
        return Err(too_long());
    }
    let read = Limited::new(body, MAX_DOCUMENT).collect().await;
    let document = read
        .map(Collected::to_bytes)
        .map_err(|error| if error.is::<LengthLimitError>() { too_long() } else { broken_body(error) })?;
    // No list of parts is an empty one.
    let completes = *method == Method::POST && pairs(uri.query()).any(|(name, _)| name == "uploadId");
    if completes && document.is_empty() {
        return Ok(Body::from("<CompleteMultipartUpload></CompleteMultipartUpload>".to_owned()));
    }
    Ok(Body::from(document))
}

/// Why a request without a signature is refused: nothing is public here, but what is not there is said to be so.
pub(crate) async fn anonymous(store: &Store, target: &Target) -> S3Error {
    if let Some(name) = target.bucket.clone() {
        let store = store.clone();
        let found = tokio::task::spawn_blocking(move || store.find_bucket(&name)).await;
        if let Ok(Err(error)) = found {
            return error.into();
        }
    }
    s3s::s3_error!(AccessDenied, "Access Denied: anonymous requests are not allowed, sign the request.")
}
