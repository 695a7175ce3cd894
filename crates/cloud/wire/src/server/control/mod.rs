//! The control endpoint: how commands of this machine read and change the simulated clock, and interrupt spot jobs.
//!
//! Of the clock, `GET` tells the times, and `POST` changes it with a JSON object. Only programs of this machine that show the pass are
//! let in: it is new with each start, and in a file that only the cloud's own user can read.

mod ask;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;

pub use ask::{AskError, ask, interrupt};

use super::body::RequestBody;
use super::collect::{Collector, MAX_UNSIGNED};
use crate::protocol::Wire;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::clock::{Change, ClockError, Keeper, Reading};
use sagewright_cloud_core::identity::Secret;
use sagewright_cloud_core::timers::Waker;

/// Where it is.
pub const CLOCK: &str = "/_sagewright/clock";
/// Where spot instances are taken away.
pub const INTERRUPT: &str = "/_sagewright/interrupt";
/// How long an answer waits until what became due is done.
const DONE: Duration = Duration::from_secs(5);

/// Takes the spot instances of a training job away, or says why not.
pub type Interrupt = Arc<dyn Fn(SpotJob) -> BoxFuture<'static, Result<(), ApiError>> + Send + Sync>;

/// A training job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpotJob {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Its name.
    pub name: String,
}

/// Whether a path is one of the control endpoint's.
pub(super) fn answers(path: &str) -> bool {
    [CLOCK, INTERRUPT].contains(&path)
}

/// Who may control the cloud, and how.
pub struct Control {
    /// What programs have to show.
    pub pass: Secret,
    /// The clock.
    pub keeper: Keeper,
    /// Tells when all that became due is done.
    pub waker: Waker,
    /// The address that the cloud listens on: programs of this machine may come from there.
    pub own: IpAddr,
    /// Spot jobs.
    pub spot: Interrupt,
}

struct Refusal(StatusCode, String);

impl Control {
    pub(super) async fn answer(&self, parts: &Parts, body: &mut RequestBody, collector: &Collector) -> Response<Bytes> {
        let (status, value) = match self.done(parts, body, collector).await {
            Ok(told) => (StatusCode::OK, told),
            Err(Refusal(status, message)) => (status, json!({"message": message})),
        };
        let mut response = Response::new(Bytes::from(value.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = if parts.uri.path() == CLOCK { "GET, POST" } else { "POST" };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }

    async fn done(&self, parts: &Parts, body: &mut RequestBody, collector: &Collector) -> Result<Value, Refusal> {
        self.let_in(parts)?;
        let path = parts.uri.path();
        match parts.method {
            Method::GET if path == CLOCK => Ok(told(&self.keeper.clock().read())),
            Method::POST => {
                let read = collector.collect_at_most(MAX_UNSIGNED, Wire::Json, body).await;
                let (body, _room) = read.map_err(|error| {
                    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                    Refusal(status, error.message)
                })?;
                if path == INTERRUPT {
                    return self.interrupt(&body).await;
                }
                let change = change(&body).map_err(|message| Refusal(StatusCode::BAD_REQUEST, message))?;
                self.change(change).await.map(|reading| told(&reading))
            }
            _ if path == CLOCK => Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, format!("{CLOCK} takes GET and POST"))),
            _ => Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, format!("{INTERRUPT} takes POST"))),
        }
    }

    fn let_in(&self, parts: &Parts) -> Result<(), Refusal> {
        let peer = parts.extensions.get::<SocketAddr>().map(|peer| peer.ip().to_canonical());
        if !peer.is_some_and(|peer| peer.is_loopback() || peer == self.own.to_canonical()) {
            let message = "the embedded cloud is controlled from the machine that it runs on";
            return Err(Refusal(StatusCode::FORBIDDEN, message.to_owned()));
        }
        let shown = parts.headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if !shown.is_some_and(|shown| bool::from(shown.ct_eq(self.pass.reveal().as_bytes()))) {
            let message = "the control endpoint takes `Authorization: Bearer PASS` with the `controlPass` of server.json in the \
                           data folder; `sagewright local clock` and `sagewright local interrupt` do that";
            return Err(Refusal(StatusCode::UNAUTHORIZED, message.to_owned()));
        }
        Ok(())
    }

    async fn interrupt(&self, body: &[u8]) -> Result<Value, Refusal> {
        let job = spot_job(body).ok_or_else(|| {
            let wrong = "the body has to be a JSON object with account, region and trainingJob, texts all three";
            Refusal(StatusCode::BAD_REQUEST, wrong.to_owned())
        })?;
        (self.spot)(job).await.map_err(|error| {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            Refusal(status, error.message)
        })?;
        Ok(json!({}))
    }

    /// Changes the clock, and waits a while until what became due by that is done.
    async fn change(&self, change: Change) -> Result<Reading, Refusal> {
        // On a task of its own: who hangs up half way leaves no half change.
        let keeper = self.keeper.clone();
        let changed = tokio::spawn(async move { keeper.change(change).await }).await;
        let reading = match changed {
            Ok(Ok(reading)) => reading,
            Ok(Err(error)) => {
                let status = match error {
                    ClockError::Speed(_) | ClockError::Advance(_) | ClockError::End(_) => StatusCode::BAD_REQUEST,
                    ClockError::Damaged(_) | ClockError::Store(_) | ClockError::Commit(_) => {
                        StatusCode::INTERNAL_SERVER_ERROR
                    }
                };
                return Err(Refusal(status, error.to_string()));
            }
            Err(error) => return Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        };
        let _ = tokio::time::timeout(DONE, self.waker.done(reading.sim)).await;
        Ok(self.keeper.clock().read())
    }
}

/// The job that a body names.
fn spot_job(body: &[u8]) -> Option<SpotJob> {
    let asked: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let text = |name: &str| asked.get(name)?.as_str().map(str::to_owned);
    let job = SpotJob { account: text("account")?, region: text("region")?, name: text("trainingJob")? };
    (asked.len() == 3).then_some(job)
}

const ADVANCE: &str = "advanceSeconds";
const SPEED: &str = "speed";

/// What a body asks for.
fn change(body: &[u8]) -> Result<Change, String> {
    let wrong = |why: &str| format!("the body has to be a JSON object with {ADVANCE} or {SPEED}, numbers both: {why}");
    let asked: Map<String, Value> = serde_json::from_slice(body).map_err(|error| wrong(&error.to_string()))?;
    if asked.is_empty() {
        return Err(wrong("it is empty"));
    }
    if let Some(other) = asked.keys().find(|name| ![ADVANCE, SPEED].contains(&name.as_str())) {
        return Err(wrong(&format!("'{other}' is not known")));
    }
    let number = |name: &str| match asked.get(name) {
        Some(value) => value.as_f64().map(Some).ok_or_else(|| wrong(&format!("{name} is {value}"))),
        None => Ok(None),
    };
    Change::of(number(ADVANCE)?, number(SPEED)?).map_err(|error| error.to_string())
}

/// A reading as it is told.
fn told(reading: &Reading) -> Value {
    let sim = reading.sim.timestamp();
    // The two are read one after the other, and simulated time is in whole microseconds.
    let ahead = sim.duration_since(reading.wall).as_millis();
    json!({
        "simulated": milliseconds(sim),
        "wall": milliseconds(reading.wall),
        "aheadSeconds": i64::try_from((ahead + 500).div_euclid(1000)).unwrap_or(i64::MAX),
        "speed": reading.speed.factor(),
    })
}

/// Always with three digits of seconds.
fn milliseconds(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_job_is_named_whole() {
        let job = spot_job(br#"{"account": "1", "region": "r", "trainingJob": "j"}"#);
        assert_eq!(job, Some(SpotJob { account: "1".into(), region: "r".into(), name: "j".into() }));
        for body in
            ["", "[]", r#"{"account": "1", "region": "r"}"#, r#"{"account": 1, "region": "r", "trainingJob": "j"}"#]
        {
            assert_eq!(spot_job(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn bodies_that_say_nothing_or_too_much_are_refused() {
        let day = change(br#"{"advanceSeconds": 86400, "speed": 60}"#).unwrap();
        assert_eq!(day.advance, Some(Duration::from_secs(86_400)));
        assert_eq!(change(br#"{"advanceSeconds": 0.5}"#).unwrap().advance, Some(Duration::from_millis(500)));
        for (body, why) in [
            ("", "EOF"),
            ("{}", "it is empty"),
            ("[]", "expected a map"),
            (r#"{"speed": "60"}"#, r#"speed is "60""#),
            (r#"{"speed": null}"#, "speed is null"),
            (r#"{"advance": 1}"#, "'advance' is not known"),
            (r#"{"speed": 0}"#, "from 1 to 10000"),
            (r#"{"speed": 1e999}"#, "number out of range"),
            (r#"{"advanceSeconds": -1}"#, "forward only"),
        ] {
            let told = change(body.as_bytes()).unwrap_err();
            assert!(told.contains(why), "{body}: {told}");
        }
    }
}
