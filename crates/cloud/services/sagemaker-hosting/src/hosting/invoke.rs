//! `InvokeEndpoint`: from the runtime API to a model server and back.

use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};

use super::ask::Failure;
use super::pool::{Incoming, Outgoing};
use super::routing::{Instance, Routes, Variant};
use super::server::Server;
use super::{Hosting, errors};
use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

const CUSTOM_ATTRIBUTES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-custom-attributes");
const INFERENCE_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-id");

/// Members that need what is not here: inference components, explainers, sticky sessions.
const REFUSED: [&str; 3] = ["InferenceComponentName", "EnableExplanations", "SessionId"];

#[async_trait]
impl Handler for Hosting {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        match call.operation.name.as_str() {
            "InvokeEndpoint" => self.invoke(call).await,
            _ => Err(unsupported(&call)),
        }
    }
}

impl Hosting {
    async fn invoke(&self, call: Call) -> Result<Output, ApiError> {
        let endpoint = EndpointKey {
            account: call.caller.account.clone(),
            region: call.region.clone(),
            name: call.text("EndpointName").unwrap_or_default().to_owned(),
        };
        let not_found = || errors::no_endpoint(&endpoint);
        let routes = self.slot(&endpoint).and_then(|slot| slot.routes()).ok_or_else(not_found)?;
        if let Some(member) = REFUSED.iter().find(|member| call.text(member).is_some()) {
            return Err(errors::refused(member));
        }
        if call.payload.len() > self.config.max_payload {
            return Err(errors::too_large(self.config.max_payload));
        }
        let begun = Instant::now();
        let mut tried: Vec<usize> = Vec::new();
        loop {
            let (variant, instance) = match choose(&routes, &call, &endpoint, &tried) {
                Ok(chosen) => chosen,
                Err(error) => {
                    unanswered(&routes, &call, &error);
                    return Err(error);
                }
            };
            let servers = chain(variant, instance, &call)?;
            match (call.text("TargetModel"), servers.iter().any(|server| server.models.is_some())) {
                (Some(_), false) => return Err(errors::one_model(&endpoint)),
                (None, true) => return Err(errors::no_target(&call.request_id)),
                _ => {}
            }
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
                    return Ok(output(answer, variant));
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

    /// Sends the request through the servers of an instance; each gets what the one before answered.
    async fn pass(&self, endpoint: &EndpointKey, servers: &[&Server], call: &Call) -> Result<Incoming, Failure> {
        let mut body = call.payload.clone();
        let mut content_type = call.text("ContentType").and_then(|text| HeaderValue::from_str(text).ok());
        let mut answer = None;
        for (index, server) in servers.iter().enumerate() {
            let last = index + 1 == servers.len();
            let request = request(call, body, content_type, last);
            let incoming = self.ask(endpoint, server, request, call.text("TargetModel"), index == 0).await?;
            body = incoming.body.clone();
            content_type = incoming.headers.get(CONTENT_TYPE).cloned();
            answer = Some(incoming);
        }
        answer.ok_or(Failure::Refused)
    }
}

fn choose<'r>(
    routes: &'r Routes,
    call: &Call,
    endpoint: &EndpointKey,
    tried: &[usize],
) -> Result<(&'r Variant, &'r Instance), ApiError> {
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
    let mut variants = routes.serving().flat_map(|fleet| &fleet.variants);
    let found = variants.find(|variant| wanted.is_none_or(|wanted| variant.name == wanted));
    if let Some(meter) = found.and_then(|variant| variant.meter.as_ref()) {
        meter.count(Some(error), None);
    }
}

/// All servers of an instance, or the one that the request asks for where it has to.
fn chain<'i>(variant: &Variant, instance: &'i Instance, call: &Call) -> Result<Vec<&'i Server>, ApiError> {
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

fn request(call: &Call, body: Bytes, content_type: Option<HeaderValue>, last: bool) -> Outgoing {
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    // What the caller accepts is the last container's to give.
    let accept = if last { call.text("Accept") } else { None };
    let given = [
        (ACCEPT, accept),
        (CUSTOM_ATTRIBUTES, call.text("CustomAttributes")),
        (INFERENCE_ID, call.text("InferenceId")),
    ];
    for (name, text) in given {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    }
    Outgoing { method: Method::POST, uri: Uri::from_static("/invocations"), headers, body: body.into() }
}

fn output(answer: Incoming, variant: &Variant) -> Output {
    let mut value = Map::new();
    value.insert("InvokedProductionVariant".into(), Value::String(variant.name.clone()));
    for (member, header) in [("ContentType", CONTENT_TYPE), ("CustomAttributes", CUSTOM_ATTRIBUTES)] {
        if let Some(text) = answer.headers.get(header).and_then(|value| value.to_str().ok()) {
            value.insert(member.into(), Value::String(text.to_owned()));
        }
    }
    Output { value: Value::Object(value), payload: answer.body }
}
