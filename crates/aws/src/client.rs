//! The client: resolves whose call it is and where it goes, sends it, reads the answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use sagewright_model::{Operation, Service};
use sagewright_port::cloud::{Call, Cloud, CloudError, Priority, Role, Stage, Target};
use sagewright_port::retry;
use serde_json::Value;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::builder::Builder;
use crate::call_record::{CallRecord, Observe};
use crate::config::Settings;
use crate::credentials::{Ambient, Session, Sessions};
use crate::endpoint::{self, Choice, Endpoint};
use crate::failure;
use crate::identity::{Identity, Who, account_of};
use crate::protocol::{self, WireRequest, WireResponse};
use crate::rate_limiter::{Key, Turns};
use crate::transport::{AttemptLog, BodySigning, CallError, Outgoing, Reply, Transport, is_read, is_repeatable};

/// AWS over HTTP. Cheap to clone; clones share connections, sessions and rate limits.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

pub(crate) struct Inner {
    pub settings: Settings,
    pub region: Option<String>,
    pub fips: bool,
    pub dual_stack: bool,
    pub transport: Transport,
    pub turns: Arc<Turns>,
    pub sleep: SharedAsyncSleep,
    pub ambient: Ambient,
    pub sessions: Sessions<Who, Session>,
    /// With the access key that each was asked with.
    pub identities: Sessions<Who, (String, Identity)>,
    pub role_chain: Vec<Role>,
    pub session_duration: Option<Duration>,
    pub session_name: String,
    pub observer: Option<Arc<dyn Observe>>,
    pub tidying: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws")
            .field("profile", &self.0.settings.profile())
            .field("region", &self.0.region)
            .finish_non_exhaustive()
    }
}

/// A call on its way: what is the same in every protocol.
pub(crate) struct Request<'a> {
    pub target: &'a Target,
    pub service: &'static Service,
    pub operation: &'static Operation,
    pub request: WireRequest,
    /// A body from outside, with its way of being signed; the request's own otherwise.
    pub body: Option<(SdkBody, BodySigning)>,
    pub streaming: bool,
    pub transfer: bool,
    pub priority: Priority,
    pub limit: Option<Limit>,
    /// Sent at once and one time only: whoever measures a service counts its refusals.
    pub once: bool,
}

/// How long a call may take, and until when that is, as the rate limiter counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    timeout: Duration,
    deadline: Duration,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        target: &'a Target,
        service: &'static Service,
        operation: &'static Operation,
        request: WireRequest,
    ) -> Self {
        Self {
            target,
            service,
            operation,
            request,
            body: None,
            streaming: false,
            transfer: false,
            priority: Priority::default(),
            limit: None,
            once: false,
        }
    }

    /// The same request again, unless its body can be sent only once.
    fn again(&self) -> Option<Self> {
        let body = match &self.body {
            Some((body, signing)) => Some((body.try_clone()?, signing.clone())),
            None => None,
        };
        Some(Self { request: self.request.clone(), body, ..*self })
    }
}

impl Aws {
    /// A builder.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The default region: the builder's, the environment's or the profile's.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.region.as_deref()
    }

    /// The selected profile of the shared config files.
    #[must_use]
    pub fn profile(&self) -> &str {
        self.0.settings.profile()
    }

    /// The configured URL of a service, where a setting names one: an embedded or emulated cloud.
    #[must_use]
    pub fn configured_endpoint(&self, service: &str) -> Option<String> {
        let url = self.0.settings.endpoint_url(sagewright_model::service(service)?)?;
        Some(endpoint::without_user(&url))
    }

    /// The rate that calls of an operation are limited to, in calls a second; none while it was not throttled.
    #[must_use]
    pub fn rate_limit(&self, target: &Target, service: &str, operation: &str) -> Option<f64> {
        let service = sagewright_model::service(service)?;
        let operation = service.operation(operation)?;
        self.0.turns.rate(&Self::key(target, service, operation))
    }

    /// Does in the background what a call that is cut off can no longer do itself.
    pub(crate) fn tidy_up(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut tidying = self.0.tidying.lock().unwrap_or_else(PoisonError::into_inner);
            tidying.retain(|task| !task.is_finished());
            tidying.push(runtime.spawn(work));
        }
    }

    /// Waits for what calls that were cut off leave to do: an upload in parts takes its parts away again.
    pub async fn tidied(&self) {
        // One task may leave another one to do.
        loop {
            let next = self.0.tidying.lock().unwrap_or_else(PoisonError::into_inner).pop();
            // A task that ended abnormally has nothing more to do.
            let Some(task) = next else { return };
            drop(task.await);
        }
    }

    /// AWS counts calls per account: the target's, the role's, or that of the ambient identity, whichever it is.
    fn key(target: &Target, service: &'static Service, operation: &'static Operation) -> Key {
        let named = target.account.as_ref().map(|a| a.as_str().to_owned());
        let identity = named
            .or_else(|| target.role.as_ref().map(|r| account_of(&r.arn).unwrap_or_else(|| r.arn.clone())))
            .unwrap_or_else(|| "ambient".to_owned());
        Key {
            identity,
            endpoint: target.endpoint.clone(),
            region: target.region.as_str().to_owned(),
            service: service.id,
            operation: operation.name.as_str(),
        }
    }

    /// The service's model and the operation's.
    pub(crate) fn look_up(
        service: &str,
        operation: &str,
    ) -> Result<(&'static Service, &'static Operation), CloudError> {
        let place = (service, operation);
        let model = sagewright_model::service(service).ok_or_else(|| {
            let known = sagewright_model::SERVICES.join(", ");
            failure::input(place, "UnknownService", format!("no service '{service}' is known; known are: {known}"))
        })?;
        let operation = protocol::operation(model, operation)
            .map_err(|error| failure::input(place, "UnknownOperation", error.to_string()))?;
        Ok((model, operation))
    }

    /// Where a request goes.
    pub(crate) fn endpoint(
        &self,
        target: &Target,
        service: &Service,
        bucket: Option<&str>,
    ) -> Result<Endpoint, String> {
        let url = target.endpoint.clone().or_else(|| self.0.settings.endpoint_url(service));
        let choice = Choice { url: url.as_deref(), fips: self.0.fips, dual_stack: self.0.dual_stack, bucket };
        let endpoint = endpoint::resolve(service, &target.region, &choice);
        let parsed = endpoint.url.parse::<http::Uri>().ok();
        // Nothing would send them, and the URL is shown in many places.
        if endpoint::without_user(&endpoint.url) != endpoint.url {
            return Err(format!(
                "the configured endpoint of {} holds a user name or a password, which AWS's clients do not send: take them \
                 out of AWS_ENDPOINT_URL or of the profile's endpoint_url",
                service.metadata.service_id
            ));
        }
        let usable = parsed.is_some_and(|u| matches!(u.scheme_str(), Some("http" | "https")) && u.host().is_some());
        if usable {
            Ok(endpoint)
        } else {
            Err(format!(
                "the configured endpoint '{}' of {} is not a URL like http://127.0.0.1:4566: \
                 check AWS_ENDPOINT_URL and endpoint_url of the profile",
                endpoint.url, service.metadata.service_id
            ))
        }
    }

    /// Sends a call with the target's credentials. Those that the service does not know are renewed once.
    pub(crate) async fn send(&self, call: Request<'_>) -> Result<Reply, CloudError> {
        let place = (call.service.id, call.operation.name.as_str());
        let limit = call.limit;
        let late = |error: Option<CloudError>| {
            error.unwrap_or_else(|| {
                let message =
                    "no credentials could be obtained within the call's time limit. It was not sent".to_owned();
                failure::credentials(place, "CredentialsTimeout", message)
            })
        };
        let (target, who) = (call.target, self.who(call.target));
        let again = call.again();
        let session = self.within(limit, self.session(target, place.0, place.1)).await.map_err(late)?;
        let error = match self.send_as(call, &session).await {
            Err(error) => error,
            Ok(reply) => return Ok(reply),
        };
        let Some(again) = again else { return Err(error) };
        match self.within(limit, self.renewed(&error, &who, target, &session, place)).await.map_err(late)? {
            Some(fresh) => self.send_as(again, &fresh).await,
            None => Err(error),
        }
    }

    /// What some work comes to, or nothing once the limit has passed: the work is dropped then.
    async fn within<T>(
        &self,
        limit: Option<Limit>,
        work: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, Option<CloudError>> {
        // Boxed, or the types of the futures inside one another grow beyond what the compiler follows.
        let work = Box::pin(work);
        let Some(limit) = limit else { return work.await.map_err(Some) };
        let left = limit.deadline.saturating_sub(self.0.turns.now());
        tokio::select! {
            biased;
            done = work => done.map_err(Some),
            () = self.0.sleep.sleep(left) => Err(None),
        }
    }

    async fn send_as(&self, call: Request<'_>, session: &Session) -> Result<Reply, CloudError> {
        self.check_account(call.target, session, call.service.id, &call.operation.name).await?;
        self.dispatch(call, session).await
    }

    /// Sends a call with given credentials: at its turn, traced, observed.
    pub(crate) async fn dispatch(&self, call: Request<'_>, session: &Session) -> Result<Reply, CloudError> {
        let account = call.target.account.as_ref().map(|a| a.as_str()).or(session.account.as_deref());
        let span = tracing::debug_span!(
            "aws",
            service = call.service.id,
            operation = %call.operation.name,
            region = %call.target.region,
            account,
            request_id = tracing::field::Empty,
            attempt = tracing::field::Empty,
            status = tracing::field::Empty,
            code = tracing::field::Empty,
        );
        let started = self.0.turns.now();
        let log = Arc::new(AttemptLog::default());
        let (service, operation, region) = (call.service, call.operation, call.target.region.as_str());
        let account = account.map(str::to_owned);
        let (key, limit) = (Self::key(call.target, service, operation), call.limit);
        let result = self.within(limit, self.dispatch_in_turn(call, session, key, &log)).instrument(span.clone()).await;
        let result =
            result.map_err(|error| error.unwrap_or_else(|| timed_out((service.id, &operation.name), limit, &log)));
        let last = log.last();
        span.record("attempt", log.attempts());
        last.status.map(|status| span.record("status", status));
        last.request_id.as_deref().map(|id| span.record("request_id", id));
        if let Err(error) = &result {
            span.record("code", error.code.as_str());
        }
        if let Some(observer) = &self.0.observer {
            observer.observed(&CallRecord {
                service: service.id,
                operation: operation.name.to_string(),
                region: region.to_owned(),
                account,
                attempts: log.attempts(),
                throttled: log.throttled(),
                status: last.status,
                request_id: last.request_id,
                code: result.as_ref().err().map(|e| e.code.clone()),
                elapsed: self.0.turns.now().saturating_sub(started),
            });
        }
        result
    }

    async fn dispatch_in_turn(
        &self,
        mut call: Request<'_>,
        session: &Session,
        key: Key,
        log: &Arc<AttemptLog>,
    ) -> Result<Reply, CloudError> {
        let place = (call.service.id, call.operation.name.as_str());
        let bucket = call.request.bucket.as_deref();
        let endpoint = self
            .endpoint(call.target, call.service, bucket)
            .map_err(|message| failure::input(place, "InvalidEndpoint", message))?;
        if let Some(message) = self.0.transport.distrust(&endpoint) {
            return Err(failure::input(place, "InvalidCaBundle", message));
        }
        let mut uri = String::new();
        if let (true, Some(bucket)) = (endpoint.bucket_in_path, bucket) {
            uri.push('/');
            // Whatever was given as a name must not become part of the address.
            uri.extend(protocol::escaped(bucket));
        }
        if call.request.path != "/" || uri.is_empty() {
            uri.push_str(&call.request.path);
        }
        if !call.request.query.is_empty() {
            uri.push('?');
            uri.push_str(&call.request.query);
        }
        let turns = &self.0.turns;
        let ticket = turns.ticket(call.priority);
        let most = if call.once { 1 } else { self.0.transport.max_attempts() };
        loop {
            let deadline = call.limit.map(|limit| limit.deadline);
            if !call.once {
                turns.wait(&key, ticket, deadline).await.map_err(|late| failure::too_late(place, late))?;
            }
            let again = call.again();
            let (body, signing) = match call.body {
                Some(body) => body,
                None => (SdkBody::from(call.request.body), BodySigning::Bytes),
            };
            let outgoing = Outgoing {
                service: call.service,
                operation: call.operation.name.as_str(),
                repeatable: is_repeatable(call.service, call.operation),
                endpoint: endpoint.clone(),
                credentials: session.credentials.clone(),
                method: call.request.method,
                uri: uri.clone(),
                headers: call.request.headers,
                body,
                signing,
                streaming: call.streaming,
                transfer: call.transfer,
                key: key.clone(),
                attempts: most.saturating_sub(log.attempts()),
            };
            let result: Result<Reply, SdkError<CallError, HttpResponse>> = self.0.transport.send(outgoing, log).await;
            let error = match result {
                Ok(reply) => return Ok(reply),
                Err(error) => failure::sent(place, &endpoint, error),
            };
            match again {
                // It goes back to its queue, and keeps its place.
                Some(again) if error.is_throttle() && log.attempts() < most => call = again,
                _ => return Err(error),
            }
            if let Some(after) = error.retry_after {
                self.0.sleep.sleep(after.min(retry::LONGEST_AFTER)).await;
            }
        }
    }

    /// Lays out, sends and reads a call of the model's input and output.
    pub(crate) async fn modelled(
        &self,
        call: &Call,
        limit: Option<Limit>,
    ) -> Result<(&'static Service, &'static Operation, WireResponse), CloudError> {
        let (service, operation) = Self::look_up(&call.service, &call.operation)?;
        let place = (service.id, operation.name.as_str());
        let request = protocol::encode(service, operation, &call.input, &token)
            .map_err(|error| failure::input(place, "InvalidInput", error.to_string()))?;
        let request = Request {
            transfer: takes_long(service, operation),
            priority: call.priority,
            limit,
            ..Request::new(&call.target, service, operation, request)
        };
        let response = whole(self.send(request).await?);
        Ok((service, operation, response))
    }

    async fn call_once(&self, call: &Call, limit: Option<Limit>) -> Result<Value, CloudError> {
        let (service, operation, response) = self.modelled(call, limit).await?;
        decoded(service, operation, &response)
    }

    /// Makes a read, again where its answer cannot be read.
    pub(crate) async fn until_readable<F>(
        &self,
        limit: Option<Limit>,
        mut read: impl FnMut() -> F,
    ) -> Result<Value, CloudError>
    where
        F: Future<Output = Result<Value, CloudError>>,
    {
        let left = || limit.map(|limit| limit.deadline.saturating_sub(self.0.turns.now()));
        let mut failures = 0;
        loop {
            failures += 1;
            // Boxed, or the types of the futures inside one another grow beyond what the compiler follows.
            let error = match Box::pin(read()).await {
                Err(error) if error.stage == Stage::Answer && error.code == "UnreadableAnswer" => error,
                result => return result,
            };
            let pause = retry::next(error.class(), failures, error.retry_after, left());
            match pause.filter(|_| failures < READABLE_AFTER && self.0.transport.max_attempts() > 1) {
                Some(pause) => self.0.sleep.sleep(pause).await,
                None => return Err(error),
            }
        }
    }
}

/// The output of an answer.
pub(crate) fn decoded(
    service: &'static Service,
    operation: &'static Operation,
    response: &WireResponse,
) -> Result<Value, CloudError> {
    protocol::decode(service, operation, response).map_err(|error| CloudError {
        status: Some(response.status),
        request_id: protocol::error::request_id(&response.headers),
        ..CloudError::new(service.id, &operation.name, Stage::Answer, error.code(), error.to_string())
    })
}

/// Whether a call may take as long as a transfer: S3 takes a body, or copies one itself, before it answers.
fn takes_long(service: &Service, operation: &Operation) -> bool {
    const LONG: [&str; 5] = ["CompleteMultipartUpload", "CopyObject", "PutObject", "UploadPart", "UploadPartCopy"];
    service.id == "s3" && LONG.contains(&operation.name.as_str())
}

/// A body that was read whole.
pub(crate) fn whole(reply: Reply) -> WireResponse {
    match reply {
        Reply::Whole(response) => response,
        Reply::Stream(head, _) => WireResponse { body: Bytes::new(), ..head },
    }
}

/// An idempotency token.
pub(crate) fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A call whose time limit has passed on the way.
fn timed_out(place: (&str, &str), limit: Option<Limit>, log: &AttemptLog) -> CloudError {
    let (started, ended) = (log.started(), log.attempts());
    let limit = limit.map_or(0.0, |limit| limit.timeout.as_secs_f64());
    if started == 0 {
        let message = format!("the time limit of {limit} s passed before the request was sent");
        return CloudError::new(place.0, place.1, Stage::Queue, "QueueTooLong", message);
    }
    let requests = if started == 1 { "request" } else { "requests" };
    let mut message = format!("no answer within the time limit of {limit} s, after {started} {requests}");
    let last = log.last();
    if let (true, Some(code)) = (ended > 0, last.code.or(last.status.map(|status| format!("HTTP {status}")))) {
        message.push_str(&format!("; the last answer was {code}"));
    }
    failure::transport(place, "TimedOut", message)
}

/// How often a read is sent whose answer cannot be read.
const READABLE_AFTER: u32 = 3;

#[async_trait]
impl Cloud for Aws {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        let now = self.0.turns.now();
        let limit = call.timeout.map(|timeout| Limit { timeout, deadline: now.saturating_add(timeout) });
        // What a write's answer said is for whoever looks at the resource to find out.
        match Self::look_up(&call.service, &call.operation) {
            Ok((_, operation)) if is_read(operation) => {
                self.until_readable(limit, || self.call_once(&call, limit)).await
            }
            _ => self.call_once(&call, limit).await,
        }
    }
}
