//! From an HTTP request to a service and back.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Body as _;

use super::RawService;
use super::access::Note;
use super::answer::{self, Body};
use super::auth::auth_error;
use super::body::RequestBody;
use super::collect::{Collector, MAX_UNSIGNED};
use super::control::{self, Control};
use super::event_stream;
use super::guard::Guard;
use super::inflate::inflate;
use super::proxy::Proxy;
use super::record::Recorder;
use super::request_id;
use super::route::{Route, route};
use crate::protocol::{self, Wire};
use crate::sigv4::{self, AuthError, Claim, KeyCache};
use sagewright_cloud_core::api::{ApiError, Call, Caller, Handler, Output};
use sagewright_cloud_core::clock::{SharedWall, SimClock};
use sagewright_cloud_core::events::EventStream;
use sagewright_cloud_core::identity::Identity;

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
    /// The machine's time, by which signatures and sessions are judged: clients sign by it.
    pub wall: SharedWall,
    /// AWS's time, as services see it.
    pub sim: SimClock,
    /// Reads bodies, S3 excepted, which streams.
    pub collector: Collector,
    /// Who may call at all.
    pub guard: Guard,
    /// For programs that name AWS's hosts themselves.
    pub proxy: Proxy,
    /// The request log, where one is kept.
    pub recorder: Option<Recorder>,
    /// For the commands of this machine.
    pub control: Option<Control>,
}

impl Dispatcher {
    pub(super) async fn answer(&self, parts: Parts, mut body: RequestBody, note: &mut Option<Note>) -> Response<Body> {
        let request_id = request_id::new();
        let route = route(&parts);
        let response = if let Some(why) = self.guard.refusal(&parts) {
            let wire = if route == Route::Raw { Wire::Query } else { Wire::guess(&parts) };
            let code = if wire == Wire::Query { "AccessDenied" } else { "AccessDeniedException" };
            refuse(None, wire, &ApiError::new(code, 403, why), &request_id)
        } else if parts.uri.path() == "/_sagewright/health" {
            self.health(&parts.method)
        } else if let Some(control) = self.control.as_ref().filter(|_| control::answers(parts.uri.path())) {
            control.answer(&parts, &mut body, &self.collector).await
        } else {
            match route {
                Route::Raw => match &self.raw {
                    Some(raw) => return self.raw(raw, parts, body, note, &request_id).await,
                    None => refuse(None, Wire::guess(&parts), &unknown_service("s3"), &request_id),
                },
                Route::Unknown(scope) => refuse(None, Wire::guess(&parts), &unknown_service(&scope), &request_id),
                Route::Unsigned(wire) => refuse(None, wire, &self.not_signed(&parts, wire), &request_id),
                Route::UnsignedSts => self.unsigned_sts(&parts, &mut body, &request_id).await,
                Route::Service(id, wire) => {
                    let (response, events) = self.service(id, wire, &parts, &mut body, note, &request_id).await;
                    let response = match &events {
                        Some(events) => event_stream::answer(response, events),
                        None => answer::whole(response),
                    };
                    return drained(response, &mut body).await;
                }
            }
        };
        drained(answer::whole(response), &mut body).await
    }

    /// The embedded S3 checks signatures itself and streams bodies, but for forms, which it reads whole.
    async fn raw(
        &self,
        raw: &RawService,
        parts: Parts,
        mut body: RequestBody,
        note: &mut Option<Note>,
        request_id: &str,
    ) -> Response<Body> {
        if let Some(note) = note {
            note.s3();
            if let Some(key) = sigv4::named_access_key(&parts)
                && let Ok(Some(principal)) = self.identity.lookup(&key).await
            {
                note.account(&principal.account);
                if let Some(entry) = note.entry() {
                    let claim = Claim::of(&parts).ok().flatten();
                    entry.by(&principal.arn, claim.as_ref().map_or("", |claim| &claim.region));
                }
            }
            if let Some(entry) = note.entry() {
                body.seen_by(entry.s3(&parts));
            }
        }
        let form = parts.method == Method::POST
            && parts.headers.get("content-type").is_some_and(|v| v.as_bytes().starts_with(b"multipart/form-data"));
        let room = if form { self.collector.room_for_form(&body).await } else { Ok(None) };
        match room {
            Ok(_room) => raw(Request::from_parts(parts, body)).await,
            Err(error) => answer::whole(refuse(None, Wire::Query, &error, request_id)),
        }
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
        parts: &Parts,
        body: &mut RequestBody,
        note: &mut Option<Note>,
        request_id: &str,
    ) -> (Response<Bytes>, Option<EventStream>) {
        let Some(handler) = self.handlers.get(id) else {
            return (refuse(None, wire, &unknown_service(id), request_id), None);
        };
        let Some(service) = sagewright_model::service(id) else {
            let error = ApiError::internal(format!(
                "this program has no model of {id} that can be read (services! in crates/model/src/load.rs)"
            ));
            return (refuse(None, wire, &error, request_id), None);
        };
        let failed = |error: &ApiError, note: &mut Option<Note>| {
            if let Some(entry) = note.as_mut().and_then(Note::entry) {
                entry.refused(error);
            }
            (protocol::write_error(Some(service), wire, error, request_id), None)
        };
        let wall = self.wall.now();
        let (claim, principal) = match self.identify(service, parts, wall).await {
            Ok(found) => found,
            Err(error) => return failed(&auth_error(&error, wire), note),
        };
        if let Some(note) = note {
            note.account(&principal.account);
        }
        let (body, unverified) = match self.collector.collect(id, wire, body).await {
            Ok(collected) => collected,
            Err(error) => return failed(&error, note),
        };
        if let Err(error) = self.verify(parts, &body, &claim, &principal) {
            return failed(&auth_error(&error, wire), note);
        }
        drop(unverified);
        let body = match inflate(parts, wire, body, self.collector.longest()) {
            Ok(body) => body,
            Err(error) => return failed(&error, note),
        };
        let caller = Caller {
            account: principal.account.clone(),
            principal_arn: principal.arn.clone(),
            user_id: principal.user_id.clone(),
            access_key: claim.access_key.to_string(),
            source_ip: parts.extensions.get::<SocketAddr>().map(|peer| peer.ip().to_canonical()),
        };
        let region = claim.region.to_string();
        let length = body.len();
        let request = match protocol::read(service, wire, parts, body) {
            Ok(request) => request,
            Err(error) => {
                tracing::debug!(service = id, code = %error.code, request_id, "refused");
                return failed(&error, note);
            }
        };
        let operation = request.operation;
        if let Some(note) = note {
            note.operation(id, &operation.name);
            if let Some(entry) = note.entry() {
                entry.by(&caller.principal_arn, &region);
                entry.operation(service, operation, (&request.input, request.payload.len()), length);
            }
        }
        let call = Call {
            caller,
            region,
            service,
            operation,
            input: request.input,
            now: self.sim.now(),
            wall,
            request_id: request_id.to_owned(),
            payload: request.payload,
        };
        let result = run(handler, call).await;
        if let Some(entry) = note.as_mut().and_then(Note::entry) {
            entry.output(&result);
        }
        match result {
            Ok(mut output) => {
                tracing::debug!(service = id, operation = %operation.name, request_id, "answered");
                let events = output.events.take();
                (protocol::write(service, wire, operation, output, request_id), events)
            }
            Err(error) => {
                // 501 is an answer; what else is the cloud's own fault is for the people who run it too.
                if error.status >= 500 && error.status != 501 {
                    tracing::error!(service = id, operation = %operation.name, error = error.message, request_id, "failed");
                } else {
                    tracing::debug!(service = id, operation = %operation.name, code = %error.code, request_id, "refused");
                }
                failed(&error, note)
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
    async fn unsigned_sts(&self, parts: &Parts, body: &mut RequestBody, request_id: &str) -> Response<Bytes> {
        let sts = sagewright_model::service("sts");
        let read = match self.collector.collect_at_most(MAX_UNSIGNED, Wire::Query, body).await {
            Ok((body, _unverified)) => sts.map(|s| protocol::read(s, Wire::Query, parts, body)),
            Err(error) => return refuse(sts, Wire::Query, &error, request_id),
        };
        let error = match read {
            Some(Ok(request)) if request.operation.name == "AssumeRoleWithWebIdentity" => {
                not_built(&request.operation.name)
            }
            Some(Ok(request)) if request.operation.name == "AssumeRoleWithSAML" => not_built(&request.operation.name),
            _ => self.not_signed(parts, Wire::Query),
        };
        refuse(sts, Wire::Query, &error, request_id)
    }
}

/// An answer to a request whose body was read to its end, or as far as can be expected.
async fn drained(mut response: Response<Body>, body: &mut RequestBody) -> Response<Body> {
    if !body.is_end_stream() && !body.drain().await {
        // What follows on this connection cannot be told from the rest of the body.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
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
