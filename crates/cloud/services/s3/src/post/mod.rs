//! PostObject: an upload by an HTML form, signed by a policy.
//!
//! `s3s` would hold the file in memory and answers forms in its own way, so they are answered here, before it.
//!
//! Source: "POST Object" and "Creating an HTML form (using AWS signature version 4)", Amazon S3 API Reference.

mod answer;
mod fields;
mod file;
mod input;
mod policy;
mod signed;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Uri};
use s3s::{Body, HttpResponse, S3ErrorCode, S3Request, S3Result};

use super::access::Identities;
use super::body::Incoming;
use super::error::{Detail as _, invalid_request, plain};
use super::object;
use super::rules;
use super::store::Store;
use super::target::Target;

use self::answer::answer;
use self::fields::Form;
use self::file::{FileStream, Limits};
use self::policy::Policy;

/// Whether a request is a form upload: a POST to a bucket that names no other operation.
pub(crate) fn is_form(method: &Method, uri: &Uri, target: &Target) -> bool {
    *method == Method::POST && target.bucket.is_some() && target.key.is_none() && uri.query().unwrap_or("").is_empty()
}

/// Stores the file of a form.
pub(crate) async fn post(
    store: &Store,
    identities: &Identities,
    target: &Target,
    parts: Parts,
    body: Option<Incoming>,
) -> S3Result<HttpResponse> {
    let Some(boundary) = parts.headers.get(CONTENT_TYPE).and_then(|kind| boundary(kind.to_str().ok()?)) else {
        return Err(plain(S3ErrorCode::PreconditionFailed)
            .detail("Condition", "Bucket POST must be of the enclosure-type multipart/form-data"));
    };
    let bucket = target.bucket.clone().unwrap_or_default();
    let body = body.ok_or_else(|| invalid_request("The form is empty: it has no fields and no file."))?;
    let (form, rest) = Form::read(body, &boundary).await?;
    if form.get("policy").is_none() {
        return Err(super::front::anonymous(store, target).await);
    }
    let caller = signed::caller(&form, identities).await?;
    let policy = Policy::read(form.required("policy")?)?;
    policy.check(&form, &bucket, store.now())?;
    rules::check(&Method::PUT, &parts.uri, &input::headers(&form), target)?;
    let key = form.required("key")?.to_owned();
    let file = FileStream::new(rest, Limits::of(&policy));
    let mut extensions = parts.extensions.clone();
    extensions.insert(caller);
    let request = S3Request {
        input: input::put(&form, bucket.clone(), key.clone(), file)?,
        method: Method::PUT,
        uri: parts.uri.clone(),
        headers: http::HeaderMap::new(),
        extensions,
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    };
    let stored = object::put(store, request).await?;
    Ok(answer(&form, &parts, &bucket, &key, &stored).map(Body::from))
}

/// The boundary of a form's parts.
fn boundary(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').map(str::trim);
    if !parameters.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = named.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(value.trim_matches('"').to_owned()).filter(|boundary| !boundary.is_empty())
}
