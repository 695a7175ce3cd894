//! From an HTTP request to a service and back.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::RawService;
use super::answer::{self, Body};
use super::route::{Route, route};
use crate::protocol::{self, Wire};
use crate::sigv4::{self, AuthError, Claim, KeyCache};
use sagewright_cloud_core::api::{ApiError, Call, Caller, Handler, Output};
use sagewright_cloud_core::clock::SharedClock;
use sagewright_cloud_core::identity::{Identity, Principal};

/// Finds the service that a request is for, checks the signature, and writes the answer in the request's protocol.
pub struct Dispatcher {
    /// Services by their botocore id.
    pub handlers: HashMap<&'static str, Arc<dyn Handler>>,
    /// The service for requests of the scope `s3`, and for unsigned ones that look like S3's.
    pub raw: Option<RawService>,
    /// Accounts, keys and sessions.
    pub identity: Identity,
    /// Signing keys that were used lately.
    pub keys: KeyCache,
    /// Time, as services see it.
    pub clock: SharedClock,
    /// Time by which the age of a signature is judged.
    pub signature_clock: SharedClock,
    /// Longest request body in bytes, S3 excepted, which streams.
    pub max_body: usize,
}

impl Dispatcher {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() == "/_sagewright/health" {
            return answer::whole(self.health(request.method()));
        }
        let request_id = Uuid::new_v4().to_string();
        let (parts, body) = request.into_parts();
        let response = match route(&parts) {
            Route::Raw => match &self.raw {
                Some(raw) => return raw(Request::from_parts(parts, body)).await,
                None => refuse(None, Wire::guess(&parts), &unknown_service("s3"), &request_id),
            },
            Route::Unknown(scope) => refuse(None, Wire::guess(&parts), &unknown_service(&scope), &request_id),
            Route::Unsigned(wire) => refuse(None, wire, &self.not_signed(&parts, wire), &request_id),
            Route::UnsignedSts => self.unsigned_sts(parts, body, &request_id).await,
            Route::Service(id, wire) => self.service(id, wire, parts, body, &request_id).await,
        };
        answer::whole(response)
    }

    fn health(&self, method: &Method) -> Response<Bytes> {
        let mut services: Vec<&str> = self.handlers.keys().copied().collect();
        if self.raw.is_some() {
            services.push("s3");
        }
        services.sort_unstable();
        let body = serde_json::json!({
            "status": "ok", "version": env!("CARGO_PKG_VERSION"), "services": services, "pid": std::process::id(),
        });
        let bytes = if method == Method::HEAD { Bytes::new() } else { Bytes::from(body.to_string()) };
        let mut response = Response::new(bytes);
        response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        response
    }

    async fn service(
        &self,
        id: &'static str,
        wire: Wire,
        parts: Parts,
        body: Incoming,
        request_id: &str,
    ) -> Response<Bytes> {
        let Some(handler) = self.handlers.get(id) else {
            return refuse(None, wire, &unknown_service(id), request_id);
        };
        let Some(service) = sagewright_model::service(id) else {
            return refuse(None, wire, &ApiError::internal(format!("the model of {id} does not parse")), request_id);
        };
        let failed = |error: &ApiError| protocol::write_error(Some(service), wire, error, request_id);
        let body = match self.collect(id, body).await {
            Ok(body) => body,
            Err(error) => return failed(&error),
        };
        let now = self.clock.now();
        let (claim, principal) = match self.authenticate(service, &parts, &body, now) {
            Ok(found) => found,
            Err(error) => return failed(&auth_error(&error, wire)),
        };
        let caller = Caller {
            account: principal.account.clone(),
            principal_arn: principal.arn.clone(),
            user_id: principal.user_id.clone(),
            access_key: claim.access_key.to_string(),
        };
        let region = claim.region.to_string();
        let request = match protocol::read(service, wire, &parts, body) {
            Ok(request) => request,
            Err(error) => {
                tracing::debug!(service = id, code = %error.code, request_id, "refused");
                return failed(&error);
            }
        };
        let operation = request.operation;
        let call = Call {
            caller,
            region,
            service,
            operation,
            input: request.input,
            now,
            request_id: request_id.to_owned(),
            payload: request.payload,
        };
        match run(handler, call).await {
            Ok(output) => {
                tracing::debug!(service = id, operation = %operation.name, request_id, "answered");
                protocol::write(service, wire, operation, output, request_id)
            }
            Err(error) => {
                // 501 is an answer; what else is the cloud's own fault is for the people who run it too.
                if error.status >= 500 && error.status != 501 {
                    tracing::error!(service = id, operation = %operation.name, error = error.message, request_id, "failed");
                } else {
                    tracing::debug!(service = id, operation = %operation.name, code = %error.code, request_id, "refused");
                }
                failed(&error)
            }
        }
    }

    /// Whose signature a request bears.
    fn authenticate<'p>(
        &self,
        service: &sagewright_model::Service,
        parts: &'p Parts,
        body: &[u8],
        now: jiff::Timestamp,
    ) -> Result<(Claim<'p>, Arc<Principal>), Refusal> {
        let claim = Claim::of(parts)?.ok_or(AuthError::Missing)?;
        // A signature for one service must not do for another, nor one call's for another operation.
        let signing_name = service.metadata.signing_name();
        if claim.service != signing_name {
            let text = format!("Credential should be scoped to correct service: '{signing_name}'.");
            return Err(AuthError::Mismatch(text).into());
        }
        if parts.headers.contains_key("x-amz-target") && !claim.signs("x-amz-target") {
            let text = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(AuthError::Mismatch(text.to_owned()).into());
        }
        let principal = self.identity.lookup(&claim.access_key)?.ok_or(AuthError::UnknownKey)?;
        let expected = principal.session.as_ref().map(|s| s.token.reveal());
        let fits = match (expected, claim.token.as_deref()) {
            (None, None) => true,
            (Some(expected), Some(given)) => bool::from(expected.as_bytes().ct_eq(given.as_bytes())),
            _ => false,
        };
        if !fits {
            return Err(AuthError::UnknownKey.into());
        }
        let hash: [u8; 32] = Sha256::digest(body).into();
        sigv4::verify(&self.keys, parts, &hash, &claim, principal.secret.reveal(), self.signature_clock.now())?;
        if principal.expired(now) {
            return Err(AuthError::ExpiredToken.into());
        }
        Ok((claim, principal))
    }

    async fn collect(&self, id: &str, body: Incoming) -> Result<Bytes, ApiError> {
        // SageMaker's own limit for an invocation, 25 MiB, is checked against the model.
        let limit = if id == "sagemaker-runtime" { self.max_body.max(26 * 1024 * 1024) } else { self.max_body };
        match Limited::new(body, limit).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(ApiError::new(
                "RequestEntityTooLargeException",
                413,
                format!("The request body is longer than {limit} bytes"),
            )),
            Err(error) => {
                tracing::debug!(%error, "a request body was cut short");
                let message = "The request body ended before the length that Content-Length names; nothing was done";
                Err(ApiError::new("IncompleteBody", 400, message))
            }
        }
    }

    fn not_signed(&self, parts: &Parts, wire: Wire) -> ApiError {
        match Claim::of(parts) {
            Err(error) => auth_error(&error.into(), wire),
            Ok(_) => auth_error(&AuthError::Missing.into(), wire),
        }
    }

    /// Operations by which a token of another kind is exchanged for credentials, and so cannot be signed.
    async fn unsigned_sts(&self, parts: Parts, body: Incoming, request_id: &str) -> Response<Bytes> {
        let sts = sagewright_model::service("sts");
        let read = match self.collect("sts", body).await {
            Ok(body) => sts.map(|s| protocol::read(s, Wire::Query, &parts, body)),
            Err(error) => return refuse(sts, Wire::Query, &error, request_id),
        };
        let error = match read {
            Some(Ok(request)) if request.operation.name == "AssumeRoleWithWebIdentity" => {
                not_built(&request.operation.name)
            }
            Some(Ok(request)) if request.operation.name == "AssumeRoleWithSAML" => not_built(&request.operation.name),
            _ => self.not_signed(&parts, Wire::Query),
        };
        refuse(sts, Wire::Query, &error, request_id)
    }
}

/// A request that is not believed, or a database that cannot be asked.
enum Refusal {
    Auth(AuthError),
    Store(sagewright_cloud_core::store::StoreError),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<sagewright_cloud_core::store::StoreError> for Refusal {
    fn from(error: sagewright_cloud_core::store::StoreError) -> Self {
        Self::Store(error)
    }
}

/// A service that panics fails this call and no other.
async fn run(handler: &Arc<dyn Handler>, call: Call) -> Result<Output, ApiError> {
    let (service, operation) = (call.service.id, call.operation.name.to_string());
    AssertUnwindSafe(handler.call(call)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(service, operation, "the service panicked; this is a defect of Sagewright");
        Err(ApiError::internal(format!("{operation} failed inside the embedded cloud; its log says more")))
    })
}

fn refuse(
    service: Option<&'static sagewright_model::Service>,
    wire: Wire,
    error: &ApiError,
    request_id: &str,
) -> Response<Bytes> {
    protocol::write_error(service, wire, error, request_id)
}

fn unknown_service(name: &str) -> ApiError {
    let message = format!(
        "The service {name} is not part of the embedded cloud; use a real AWS account for it (unset AWS_ENDPOINT_URL, or set \
         AWS_ENDPOINT_URL_<SERVICE> for the services that are)"
    );
    ApiError::new("NotImplemented", 501, message)
}

fn not_built(operation: &str) -> ApiError {
    let message = format!(
        "STS {operation} is not supported by the embedded cloud; sign with an access key of it (`sagewright local env`)"
    );
    ApiError::new("NotImplemented", 501, message)
}

/// AWS's code and status for a signature that is not believed; they differ by protocol family.
fn auth_error(refusal: &Refusal, wire: Wire) -> ApiError {
    let error = match refusal {
        Refusal::Auth(error) => error,
        Refusal::Store(error) => return ApiError::internal(error.to_string()),
    };
    let query = wire == Wire::Query;
    let code = match error {
        AuthError::Missing if query => "MissingAuthenticationToken",
        AuthError::Missing => "MissingAuthenticationTokenException",
        AuthError::Incomplete(_) if query => "IncompleteSignature",
        AuthError::Incomplete(_) => "IncompleteSignatureException",
        AuthError::UnknownKey if query => "InvalidClientTokenId",
        AuthError::UnknownKey => "UnrecognizedClientException",
        AuthError::Mismatch(_) if query => "SignatureDoesNotMatch",
        AuthError::Mismatch(_) => "InvalidSignatureException",
        AuthError::ExpiredToken if query => "ExpiredToken",
        AuthError::ExpiredToken => "ExpiredTokenException",
    };
    let message = match error {
        AuthError::Missing if query => "Request is missing Authentication Token".to_owned(),
        other => other.to_string(),
    };
    let status = match (wire, error) {
        (Wire::Json, _) | (_, AuthError::Incomplete(_)) => 400,
        _ => 403,
    };
    ApiError::new(code, status, message)
}
