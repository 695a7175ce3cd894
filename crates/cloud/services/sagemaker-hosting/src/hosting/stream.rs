//! `InvokeEndpointWithResponseStream`: a model's answer, piece by piece as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::chain::{self, Trouble};
use super::invoke::{chain as servers_of, choose, members};
use super::measure::Meter;
use super::outstanding::Held;
use super::pool::{Flow, SendError};
use super::routing::{Instance, Routes};
use super::{Hosting, errors};
use sagewright_cloud_core::api::{ApiError, Call, Output};
use sagewright_cloud_core::events::{EventStream, StreamEvent};
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

/// How long an answer may take from its request to its last byte.
const LONGEST: Duration = Duration::from_secs(8 * 60);

/// Members that need what is not here.
const REFUSED: [&str; 2] = ["InferenceComponentName", "PrefixAwareId"];

impl Hosting {
    pub(super) async fn stream(&self, call: Call) -> Result<Output, ApiError> {
        let (endpoint, routes) = self.serving(&call)?;
        if let Some(member) = REFUSED.iter().find(|member| call.text(member).is_some()) {
            return Err(errors::refused(member));
        }
        if routes.is_asynchronous() {
            return Err(errors::only_asynchronous(&endpoint));
        }
        if call.payload.len() > self.config.max_payload {
            return Err(errors::too_large(self.config.max_payload));
        }
        let begun = Instant::now();
        let session = self.sessions.instance(&endpoint, call.text("SessionId"))?;
        let whole: BoxFuture<'static, ()> = self.env.wall.sleep(LONGEST);
        let mut tried: Vec<usize> = Vec::new();
        loop {
            let (variant, instance) = choose(&routes, &call, &endpoint, &tried, session.as_deref())?;
            if instance.demand.is_some() {
                return Err(errors::no_stream(&endpoint, "it is serverless"));
            }
            let servers = servers_of(variant, instance, &call)?;
            if servers.iter().any(|server| server.models.is_some()) {
                return Err(errors::no_stream(&endpoint, "a request names none of its models"));
            }
            let held = instance.outstanding.hold();
            let container = servers.last().map_or("", |server| &server.name).to_owned();
            let sent = Instant::now();
            let late = self.env.wall.sleep(self.config.invocation_timeout);
            let opened = tokio::select! {
                biased;
                opened = chain::open(&servers, &call.input, (call.payload.clone().into(), None), self.config.max_payload) => opened,
                () = late => Err(Trouble::Late { container: container.clone() }),
            };
            let trouble = match opened {
                Ok(flow) => {
                    let value = members(&flow.headers, variant);
                    let streaming = Streaming {
                        flow: Some(flow),
                        first: true,
                        times: (begun, sent),
                        whole,
                        meter: variant.meter.clone(),
                        container,
                        _instance: instance.clone(),
                        _held: held,
                    };
                    let events = stream::unfold(streaming, |mut streaming| async {
                        streaming.next().await.map(|event| (event, streaming))
                    });
                    let events = Some(EventStream::new(events.boxed()));
                    return Ok(Output { value, events, ..Output::default() });
                }
                Err(Trouble::Refused) => {
                    tried.push(instance.number);
                    continue;
                }
                Err(trouble) => trouble,
            };
            let error = error(&endpoint, &trouble, self.config.max_payload);
            if let Some(meter) = &variant.meter {
                meter.count(Some(&error), Some((sent.elapsed(), begun.elapsed())));
            }
            return Err(error);
        }
    }

    /// The endpoint that a call names, and what serves it now.
    pub(super) fn serving(&self, call: &Call) -> Result<(EndpointKey, Arc<Routes>), ApiError> {
        let endpoint = EndpointKey {
            account: call.caller.account.clone(),
            region: call.region.clone(),
            name: call.text("EndpointName").unwrap_or_default().to_owned(),
        };
        let routes = self.slot(&endpoint).and_then(|slot| slot.routes());
        routes.map(|routes| (endpoint.clone(), routes)).ok_or_else(|| errors::no_endpoint(&endpoint))
    }
}

fn error(endpoint: &EndpointKey, trouble: &Trouble, limit: usize) -> ApiError {
    match trouble {
        Trouble::Refused => errors::unavailable(endpoint),
        Trouble::Status { container, status, body } => {
            errors::model(endpoint, container, *status, &String::from_utf8_lossy(body))
        }
        Trouble::Late { container } => errors::model(endpoint, container, 0, &errors::late(container)),
        Trouble::Silent { container, why } => {
            errors::model(endpoint, container, 0, &errors::silent(container, why, limit))
        }
    }
}

/// An answer on its way. Dropping it, as when the caller is gone, ends the request at the container.
struct Streaming {
    /// `None` once it has ended.
    flow: Option<Flow>,
    /// Nothing was passed on yet.
    first: bool,
    /// When the request came, and when the container was sent it.
    times: (Instant, Instant),
    whole: Pin<Box<dyn Future<Output = ()> + Send>>,
    meter: Option<Arc<Meter>>,
    container: String,
    /// It stays for as long.
    _instance: Arc<Instance>,
    _held: Held,
}

impl Streaming {
    async fn next(&mut self) -> Option<StreamEvent> {
        let flow = self.flow.as_mut()?;
        let piece = tokio::select! {
            biased;
            piece = flow.next() => piece,
            () = &mut self.whole => {
                let text = format!("The answer of container {} took longer than {} s.", self.container, LONGEST.as_secs());
                return Some(self.broken("ModelInvocationTimeExceeded", &text));
            }
        };
        match piece {
            Some(Ok(payload)) => {
                if std::mem::take(&mut self.first)
                    && let Some(meter) = &self.meter
                {
                    meter.first_chunk(self.times.1.elapsed(), self.times.0.elapsed());
                }
                Some(StreamEvent::Bytes { name: "PayloadPart", payload })
            }
            Some(Err(why)) => {
                let why = match why {
                    SendError::Broken(why) => why,
                    SendError::Refused | SendError::TooLong => "it ended".to_owned(),
                };
                let text =
                    format!("Container {} closed the connection before its answer was complete: {why}", self.container);
                Some(self.broken("StreamBroken", &text))
            }
            None => {
                self.end(None);
                None
            }
        }
    }

    /// Ends with an error that tells callers that what they have is not all.
    fn broken(&mut self, code: &str, text: &str) -> StreamEvent {
        self.end(Some(&ApiError::new("ModelStreamError", 424, text)));
        let body: Value = json!({ "Message": text, "ErrorCode": code });
        StreamEvent::Error { name: "ModelStreamError", body }
    }

    fn end(&mut self, error: Option<&ApiError>) {
        if self.flow.take().is_none() {
            return;
        }
        if let Some(meter) = &self.meter {
            let (begun, sent) = self.times;
            meter.count(None, Some((sent.elapsed(), begun.elapsed())));
            if error.is_some() {
                meter.mid_stream_error();
            }
        }
    }
}

impl Drop for Streaming {
    /// The caller is gone.
    fn drop(&mut self) {
        self.end(None);
    }
}
