//! The access log: one line a request, when the last byte of its answer is gone. The request log is told then, too.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::answer::Body;
use super::record::{Entry, Recorder, Tap};
use super::slots::Busy;

/// The target of its lines, for filters of logs.
pub const ACCESS_LOG: &str = "sagewright::access";

/// What is told of a request. Never anything of its query or headers: signatures and tokens are there.
pub(super) struct Note {
    began: Instant,
    account: String,
    what: String,
    /// For the request log.
    entry: Option<Entry>,
}

impl Note {
    /// A note, where anyone reads it.
    pub(super) fn of(method: &Method, path: &str, recorder: Option<&Recorder>) -> Option<Self> {
        let wanted = recorder.is_some() || tracing::enabled!(target: ACCESS_LOG, tracing::Level::INFO);
        wanted.then(|| Self {
            began: Instant::now(),
            account: "-".to_owned(),
            what: format!("{method} {path}"),
            // What drives the cloud itself is no request to a service.
            entry: recorder.filter(|_| !path.starts_with("/_sagewright/")).map(Entry::new),
        })
    }

    /// What the request log is told, where there is one.
    pub(super) fn entry(&mut self) -> Option<&mut Entry> {
        self.entry.as_mut()
    }

    /// The account whose key signed.
    pub(super) fn account(&mut self, account: &str) {
        account.clone_into(&mut self.account);
    }

    /// The operation, in place of method and path.
    pub(super) fn operation(&mut self, service: &str, operation: &str) {
        self.what = format!("{service}.{operation}");
    }

    /// `s3` before method and path.
    pub(super) fn s3(&mut self) {
        self.what.insert_str(0, "s3 ");
    }
}

/// The body of an answer on its way out. While it lives, its connection counts as busy; at its end, it is in the log.
pub(super) struct Outgoing {
    body: Body,
    line: Option<Line>,
    _busy: Busy,
}

struct Line {
    note: Note,
    status: StatusCode,
    request_id: String,
    bytes: u64,
    whole: bool,
    /// What the request log keeps of the answer.
    headers: HeaderMap,
    tap: Option<Tap>,
}

/// Sends an answer on its way.
pub(super) fn send(answer: Response<Body>, note: Option<Note>, busy: Busy) -> Response<Outgoing> {
    let (parts, body) = answer.into_parts();
    let line = note.map(|note| {
        let id = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| parts.headers.get(*name));
        let request_id = id.and_then(|id| id.to_str().ok()).unwrap_or("-").to_owned();
        let tap = note.entry.as_ref().and_then(Entry::tap);
        let headers = if tap.is_some() { parts.headers.clone() } else { HeaderMap::new() };
        Line { note, status: parts.status, request_id, bytes: 0, whole: body.is_end_stream(), headers, tap }
    });
    Response::from_parts(parts, Outgoing { body, line, _busy: busy })
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let ended = self.body.is_end_stream();
        if let Some(line) = &mut self.line {
            match &polled {
                Poll::Ready(Some(Ok(frame))) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    line.bytes += data.len() as u64;
                    if let Some(tap) = &line.tap {
                        tap.see(data);
                    }
                    line.whole |= ended;
                }
                Poll::Ready(None) => line.whole = true,
                Poll::Ready(Some(Err(_))) | Poll::Pending => {}
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { note: Note { began, account, what, entry }, status, request_id, bytes, whole, headers, .. } = self;
        let (status, milliseconds) = (status.as_u16(), began.elapsed().as_millis());
        let cut = if *whole { "" } else { " (cut off)" };
        tracing::info!(target: ACCESS_LOG, "{account} {what} {status} {milliseconds} ms {bytes} B {request_id}{cut}");
        if let Some(entry) = entry.take() {
            let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
            let (account, what) = (std::mem::take(account), std::mem::take(what));
            entry.finish(account, what, (status, std::mem::take(headers)), milliseconds, *whole);
        }
    }
}
