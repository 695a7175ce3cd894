//! Stateful sessions: requests of one session go to the instance whose container opened it.
//!
//! A container opens a session with the header `X-Amzn-SageMaker-New-Session-Id: ID; Expires=TIME` of its answer, and closes it
//! with `X-Amzn-SageMaker-Closed-Session-Id: ID`. A session ends with its instance.
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/stateful-sessions.html>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use super::errors;
use super::invoke::SESSION_ID;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

const NEW: HeaderName = HeaderName::from_static("x-amzn-sagemaker-new-session-id");
const CLOSED: HeaderName = HeaderName::from_static("x-amzn-sagemaker-closed-session-id");

/// Asks for a new session.
const NEW_SESSION: &str = "NEW_SESSION";
/// Sessions that are known; of more, the one that ends first is forgotten.
const MOST: usize = 10_000;

/// The sessions of all endpoints.
pub(super) struct Sessions {
    wall: SharedWall,
    open: Mutex<HashMap<(EndpointKey, String), Session>>,
}

struct Session {
    /// Id of the instance.
    instance: String,
    /// By the machine's clock: the container has no other.
    expires: Timestamp,
}

/// What an answer says of sessions, as callers are told it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// `ID; Expires=TIME`
    pub opened: Option<String>,
    pub closed: Option<String>,
}

impl Sessions {
    pub fn new(wall: SharedWall) -> Self {
        Self { wall, open: Mutex::default() }
    }

    /// The instance that a request with this `SessionId` goes to; `None` where any may take it.
    ///
    /// # Errors
    /// There is no such session.
    pub fn instance(&self, endpoint: &EndpointKey, id: Option<&str>) -> Result<Option<String>, ApiError> {
        let Some(id) = id.filter(|id| *id != NEW_SESSION) else { return Ok(None) };
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get(&(endpoint.clone(), id.to_owned())) {
            Some(session) if session.expires > self.wall.now() => Ok(Some(session.instance.clone())),
            _ => Err(errors::no_session(id, endpoint)),
        }
    }

    /// Notes what an instance's answer says of sessions.
    pub fn note(&self, endpoint: &EndpointKey, instance: &str, headers: &HeaderMap) -> Said {
        let said = said(headers);
        if said == Said::default() {
            return said;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, expires)) = said.opened.as_deref().and_then(opened) {
            let now = self.wall.now();
            if open.len() >= MOST {
                open.retain(|_, session| session.expires > now);
            }
            if open.len() >= MOST
                && let Some(first) = open.iter().min_by_key(|(_, session)| session.expires).map(|(key, _)| key.clone())
            {
                open.remove(&first);
            }
            open.insert((endpoint.clone(), id.to_owned()), Session { instance: instance.to_owned(), expires });
        }
        if let Some(id) = &said.closed {
            open.remove(&(endpoint.clone(), id.clone()));
        }
        said
    }
}

fn said(headers: &HeaderMap) -> Said {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // Some containers answer with the name of the request's header.
    let new = text(&NEW).or_else(|| text(&SESSION_ID));
    Said {
        opened: new.filter(|text| opened(text).is_some()).map(str::to_owned),
        closed: text(&CLOSED).map(str::to_owned),
    }
}

/// Id and end of `ID; Expires=TIME`.
fn opened(text: &str) -> Option<(&str, Timestamp)> {
    let (id, expires) = text.split_once("; Expires=")?;
    Some((id, expires.parse().ok()?)).filter(|_| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sagewright_cloud_core::clock::SystemWall;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn a_session_belongs_to_the_instance_that_opened_it_until_it_ends() {
        let sessions = Sessions::new(Arc::new(SystemWall));
        let endpoint = EndpointKey { account: "1".into(), region: "r".into(), name: "e".into() };
        let ask = |id: &str| sessions.instance(&endpoint, Some(id)).ok();
        assert_eq!(sessions.instance(&endpoint, None), Ok(None));
        assert_eq!(ask(NEW_SESSION), Some(None));
        assert_eq!(ask("s1"), None);
        for (name, id) in [("x-amzn-sagemaker-new-session-id", "s1"), ("x-amzn-sagemaker-session-id", "s2")] {
            let text = format!("{id}; Expires=9999-01-01T00:00:00Z");
            let said = sessions.note(&endpoint, "i-1", &headers(name, &text));
            assert_eq!(said, Said { opened: Some(text), closed: None });
            assert_eq!(ask(id), Some(Some("i-1".to_owned())), "{name}");
        }
        let other = EndpointKey { name: "f".into(), ..endpoint.clone() };
        assert!(sessions.instance(&other, Some("s1")).is_err());
        let said = sessions.note(&endpoint, "i-1", &headers("x-amzn-sagemaker-closed-session-id", "s1"));
        assert_eq!((said.closed.as_deref(), ask("s1")), (Some("s1"), None));
        sessions.note(
            &endpoint,
            "i-1",
            &headers("x-amzn-sagemaker-new-session-id", "s3; Expires=2001-01-01T00:00:00Z"),
        );
        assert_eq!(ask("s3"), None, "it has ended");
        // A request's session that is echoed opens nothing.
        assert_eq!(sessions.note(&endpoint, "i-1", &headers("x-amzn-sagemaker-session-id", "s4")), Said::default());
    }
}
