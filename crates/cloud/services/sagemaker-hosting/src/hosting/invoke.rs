//! `InvokeEndpoint`: from the runtime API to a model server and back.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};

use super::ask::Failure;
use super::pool::{Incoming, Outgoing};
use super::routing::{Instance, Routes, Variant};
use super::server::Server;
use super::serverless::{Demand, Execution, MOST_PAYLOAD};
use super::sessions::Said;
use super::{Hosting, errors};
use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use sagewright_cloud_sagemaker_base::ports::{Body, EndpointKey};

pub(super) const CUSTOM_ATTRIBUTES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-custom-attributes");
const INFERENCE_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-id");
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-session-id");

/// Members that need what is not here: inference components, explainers, routing by prefix.
const REFUSED: [&str; 3] = ["InferenceComponentName", "EnableExplanations", "PrefixAwareId"];

#[async_trait]
impl Handler for Hosting {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        match call.operation.name.as_str() {
            "InvokeEndpoint" => self.invoke(call).await,
            "InvokeEndpointAsync" => self.enqueue(call).await,
            "InvokeEndpointWithResponseStream" => self.stream(call).await,
            _ => Err(unsupported(&call)),
        }
    }
}

impl Hosting {
    async fn invoke(&self, call: Call) -> Result<Output, ApiError> {
        let (endpoint, routes) = self.serving(&call)?;
        if routes.is_asynchronous() {
            return Err(errors::only_asynchronous(&endpoint));
        }
        if let Some(member) = REFUSED.iter().find(|member| call.text(member).is_some()) {
            return Err(errors::refused(member));
        }
        if call.payload.len() > self.config.max_payload {
            return Err(errors::too_large(self.config.max_payload));
        }
        let begun = Instant::now();
        let session = self.sessions.instance(&endpoint, call.text("SessionId"))?;
        let mut tried: Vec<usize> = Vec::new();
        loop {
            let (variant, instance) = choose(&routes, &call, &endpoint, &tried, session.as_deref())?;
            let servers = chain(variant, instance, &call)?;
            match (call.text("TargetModel"), servers.iter().any(|server| server.models.is_some())) {
                (Some(_), false) => return Err(errors::one_model(&endpoint)),
                (None, true) => return Err(errors::no_target(&call.request_id)),
                _ => {}
            }
            let _held = instance.outstanding.hold();
            let _execution = match &instance.demand {
                Some(demand) => match self.execution(demand, instance, &variant.name, &call).await {
                    Ok(execution) => Some(execution),
                    Err(error) => {
                        unanswered(&routes, &call, &error);
                        return Err(error);
                    }
                },
                None => None,
            };
            let sent = Instant::now();
            let answer = self.pass(&endpoint, &servers, &call).await;
            let count = |error| {
                if let Some(meter) = &variant.meter {
                    meter.count(error, Some((sent.elapsed(), begun.elapsed())));
                }
            };
            match answer {
                Ok(answer) => {
                    count(None);
                    if let Some(sampler) = variant.capture.as_ref().filter(|sampler| sampler.takes()) {
                        self.capture.take(sampler.captured(&endpoint, &variant.name, &call, &answer)).await;
                    }
                    let said = self.sessions.note(&endpoint, &instance.id, &answer.headers);
                    return Ok(output(answer, variant, said));
                }
                Err(Failure::Error(error)) => {
                    count(Some(&error));
                    return Err(error);
                }
                // It died a moment ago: another one takes the request.
                Err(Failure::Refused) => tried.push(instance.number),
            }
        }
    }

    /// A serverless variant's place for a request, once its servers are up.
    async fn execution(
        &self,
        demand: &Arc<Demand>,
        instance: &Instance,
        variant: &str,
        call: &Call,
    ) -> Result<Execution, ApiError> {
        if call.payload.len() > MOST_PAYLOAD {
            return Err(errors::too_large(MOST_PAYLOAD));
        }
        demand.begin(instance, variant, self.env.wall.sleep(self.config.invocation_timeout)).await
    }

    /// Takes a request into the endpoint's queue.
    async fn enqueue(&self, call: Call) -> Result<Output, ApiError> {
        let (endpoint, routes) = self.serving(&call)?;
        let slot = self.slot(&endpoint).ok_or_else(|| errors::no_endpoint(&endpoint))?;
        let mut plans = routes.variants().filter_map(|variant| variant.serving.asynchronous.as_ref());
        let plan = plans.next().ok_or_else(|| errors::not_asynchronous(&endpoint))?;
        self.backlog.take(&endpoint, &slot, plan, &call).await
    }

    /// Sends the request through the servers of an instance; each gets what the one before answered.
    async fn pass(&self, endpoint: &EndpointKey, servers: &[&Server], call: &Call) -> Result<Incoming, Failure> {
        let mut body = call.payload.clone();
        let mut content_type = call.text("ContentType").and_then(|text| HeaderValue::from_str(text).ok());
        let mut answer = None;
        for (index, server) in servers.iter().enumerate() {
            let last = index + 1 == servers.len();
            let request = request(&call.input, body.into(), content_type, last);
            let incoming = self.ask(endpoint, server, request, call.text("TargetModel"), index == 0).await?;
            body = incoming.body.clone();
            content_type = incoming.headers.get(CONTENT_TYPE).cloned();
            answer = Some(incoming);
        }
        answer.ok_or(Failure::Refused)
    }
}

/// The variant and instance that a request goes to; with a `session`, the instance that has it. A request that none can take is
/// counted.
pub(super) fn choose<'r>(
    routes: &'r Routes,
    call: &Call,
    endpoint: &EndpointKey,
    tried: &[usize],
    session: Option<&str>,
) -> Result<(&'r Variant, &'r Arc<Instance>), ApiError> {
    find(routes, call, endpoint, tried, session).inspect_err(|error| unanswered(routes, call, error))
}

fn find<'r>(
    routes: &'r Routes,
    call: &Call,
    endpoint: &EndpointKey,
    tried: &[usize],
    session: Option<&str>,
) -> Result<(&'r Variant, &'r Arc<Instance>), ApiError> {
    if let Some(id) = session {
        let variants = routes.fleets.iter().flat_map(|fleet| &fleet.variants);
        let mut all = variants.flat_map(|variant| variant.instances.iter().map(move |instance| (variant, instance)));
        let found = all.find(|(_, instance)| instance.id == id && !tried.contains(&instance.number));
        // Another instance knows nothing of the session.
        return found.ok_or_else(|| errors::no_session(call.text("SessionId").unwrap_or_default(), endpoint));
    }
    let variant = match call.text("TargetVariant") {
        Some(name) if !routes.serving().any(|fleet| fleet.variant(name).is_some()) => {
            return Err(errors::no_variant(name, endpoint));
        }
        Some(name) => routes.pick_named(name, tried),
        None => routes.pick(tried),
    };
    let target = call.text("TargetModel");
    let instance = |variant: &'r Variant| Some((variant, variant.pick(tried, target)?));
    variant.and_then(instance).ok_or_else(|| errors::unavailable(endpoint))
}

/// Counts a request that no server could take: of the variant that it asks for, or else of the first.
fn unanswered(routes: &Routes, call: &Call, error: &ApiError) {
    let wanted = call.text("TargetVariant");
    let found = routes.variants().find(|variant| wanted.is_none_or(|wanted| variant.name == wanted));
    if let Some(meter) = found.and_then(|variant| variant.meter.as_ref()) {
        meter.count(Some(error), None);
    }
}

/// All servers of an instance, or the one that the request asks for where it has to.
pub(super) fn chain<'i>(variant: &Variant, instance: &'i Instance, call: &Call) -> Result<Vec<&'i Server>, ApiError> {
    let mut all = instance.servers.iter().map(|server| &**server);
    match (variant.direct, call.text("TargetContainerHostname")) {
        (false, None) => Ok(all.collect()),
        (false, Some(_)) => Err(errors::not_direct(&variant.name)),
        (true, None) => Err(errors::no_container(&call.request_id)),
        (true, Some(wanted)) => {
            let found = all.find(|server| server.hostname.as_deref() == Some(wanted));
            found
                .map(|server| vec![server])
                .ok_or_else(|| errors::validation(format!("Could not find container with hostname {wanted}.")))
        }
    }
}

/// What a container is sent of a request with these members.
pub(super) fn request(input: &Value, body: Body, content_type: Option<HeaderValue>, last: bool) -> Outgoing {
    let text = |member: &str| input.get(member).and_then(Value::as_str);
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    // What the caller accepts is the last container's to give.
    let accept = if last { text("Accept") } else { None };
    let given = [
        (ACCEPT, accept),
        (CUSTOM_ATTRIBUTES, text("CustomAttributes")),
        (INFERENCE_ID, text("InferenceId")),
        (SESSION_ID, text("SessionId")),
    ];
    for (name, text) in given {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    }
    Outgoing { method: Method::POST, uri: Uri::from_static("/invocations"), headers, body }
}

fn output(answer: Incoming, variant: &Variant, said: Said) -> Output {
    let mut value = members(&answer.headers, variant);
    for (member, text) in [("NewSessionId", said.opened), ("ClosedSessionId", said.closed)] {
        if let Some(text) = text {
            value[member] = Value::String(text);
        }
    }
    Output { value, payload: answer.body, ..Output::default() }
}

/// The members of an output that are in its headers.
pub(super) fn members(headers: &HeaderMap, variant: &Variant) -> Value {
    let mut value = Map::new();
    value.insert("InvokedProductionVariant".into(), Value::String(variant.name.clone()));
    for (member, header) in [("ContentType", CONTENT_TYPE), ("CustomAttributes", CUSTOM_ATTRIBUTES)] {
        if let Some(text) = headers.get(header).and_then(|value| value.to_str().ok()) {
            value.insert(member.into(), Value::String(text.to_owned()));
        }
    }
    Value::Object(value)
}
