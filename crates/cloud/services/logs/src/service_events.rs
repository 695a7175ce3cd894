//! Writing events, and reading one stream forwards and backwards.

use jiff::SignedDuration;
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::logs::LogSink as _;

use super::page::{EVENT_OVERHEAD, Key, MOST_EVENTS, Query};
use super::service::{Request, disk, group, group_name, invalid, limit, no_stream, refuse_members};
use super::{Event, Streams};

/// AWS's limits for one `PutLogEvents`; every event counts with its overhead.
const LONGEST_BATCH: usize = 1_048_576;
const LONGEST_EVENT: usize = 1_048_576;
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(24);
const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24);
const NEWEST: SignedDuration = SignedDuration::from_hours(2);

/// A place in a stream: by time, then by arrival. Written as AWS writes its tokens, in 56 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) timestamp: i64,
    pub(super) arrival: u64,
}

impl From<Key<'_>> for Place {
    fn from(Key { timestamp, arrival, .. }: Key<'_>) -> Self {
        Self { timestamp, arrival }
    }
}

impl Place {
    fn key(self, stream: &str) -> Key<'_> {
        Key { timestamp: self.timestamp, stream, arrival: self.arrival }
    }

    /// The place just before.
    fn back(self) -> Self {
        match self.arrival.checked_sub(1) {
            Some(arrival) => Self { arrival, ..self },
            None => Self { timestamp: self.timestamp.saturating_sub(1), arrival: u64::MAX },
        }
    }

    fn digits(self) -> String {
        format!("{:020}{:036}", self.timestamp.max(0), self.arrival)
    }

    fn parse(digits: &str) -> Option<Self> {
        if digits.len() != 56 || !digits.is_ascii() {
            return None;
        }
        Some(Self { timestamp: digits[..20].parse().ok()?, arrival: digits[20..].parse().ok()? })
    }
}

/// The range of time that a call asks for: from `startTime` to before `endTime`.
pub(super) fn range(call: &Call) -> (Key<'static>, Key<'static>) {
    let bound = |member: &str| call.input.get(member).and_then(Value::as_i64);
    (Key::at(bound("startTime").unwrap_or(i64::MIN)), Key::at(bound("endTime").unwrap_or(i64::MAX)))
}

impl Request {
    pub(super) async fn put_events(&self, call: &Call) -> Result<Value, ApiError> {
        let retention = self.retention(call, &group_name(call)?).await?;
        self.files(move |streams, call| put(streams, call, retention)).await
    }

    pub(super) async fn get_events(&self, _: &Call) -> Result<Value, ApiError> {
        self.files(get).await
    }
}

fn put(streams: &Streams, call: &Call, retention: Option<SignedDuration>) -> Result<Value, ApiError> {
    let group = group(streams, call)?;
    let stream = call.text("logStreamName").unwrap_or_default();
    let (account, region) = (&call.caller.account, &call.region);
    if !streams.has_stream(account, region, &group, stream) {
        return Err(no_stream());
    }
    let now = call.now.as_millisecond();
    let items = call.input.get("logEvents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let events: Vec<Event> = items
        .iter()
        .map(|item| Event {
            timestamp: item["timestamp"].as_i64().unwrap_or_default(),
            ingested: now,
            message: item["message"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    if events.windows(2).any(|pair| pair[0].timestamp > pair[1].timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let size = |event: &Event| event.message.len() + EVENT_OVERHEAD;
    if let Some(size) = events.iter().map(size).find(|size| *size > LONGEST_EVENT) {
        return Err(invalid(format!("Log event too large: {size} bytes exceeds limit of {LONGEST_EVENT}")));
    }
    let total: usize = events.iter().map(size).sum();
    if total > LONGEST_BATCH {
        return Err(invalid(format!(
            "Upload too large: {total} bytes exceeds limit of {LONGEST_BATCH}; send fewer events at a time"
        )));
    }
    let bound = |time: Result<jiff::Timestamp, jiff::Error>| time.map_or(now, |t| t.as_millisecond());
    // A client writes by the wall clock, a job by the simulated one, which may be ahead of it.
    let (oldest, newest) =
        (bound(call.wall.saturating_sub(OLDEST)), bound(call.now.timestamp().saturating_add(NEWEST)));
    let retained = retention.map(|days| bound(call.now.timestamp().saturating_sub(days)));
    let too_old = events.iter().take_while(|e| e.timestamp < oldest).count();
    let expired = events.iter().take_while(|e| retained.is_some_and(|from| e.timestamp < from)).count();
    let too_new = events.iter().position(|e| e.timestamp > newest).unwrap_or(events.len());
    let kept = events.get(too_old.max(expired)..too_new).unwrap_or_default();
    if let (Some(first), Some(last)) = (kept.first(), kept.last()) {
        if i128::from(last.timestamp) - i128::from(first.timestamp) > LONGEST_SPAN.as_millis() {
            return Err(invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ));
        }
        streams.append(account, region, &group, stream, kept).map_err(|e| disk(&e))?;
    }
    let mut rejected = serde_json::Map::new();
    for (member, index, given) in [
        ("tooOldLogEventEndIndex", too_old, too_old > 0),
        ("expiredLogEventEndIndex", expired, expired > too_old),
        ("tooNewLogEventStartIndex", too_new, too_new < events.len()),
    ] {
        if given {
            rejected.insert(member.to_owned(), json!(index));
        }
    }
    // Since 2023 AWS takes any sequence token; it still gives one.
    Ok(json!({
        "nextSequenceToken": Place { timestamp: now, arrival: 0 }.digits(),
        "rejectedLogEventsInfo": (!rejected.is_empty()).then_some(rejected),
    }))
}

fn get(streams: &Streams, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, &["unmask"])?;
    let group = group(streams, call)?;
    let stream = call.text("logStreamName").unwrap_or_default();
    if !streams.has_stream(&call.caller.account, &call.region, &group, stream) {
        return Err(no_stream());
    }
    let from_head = call.input.get("startFromHead").and_then(Value::as_bool).unwrap_or(false);
    let bad = || invalid("The specified nextToken is invalid.");
    let (backwards, given) = match call.text("nextToken").map(|t| t.split_once('/').ok_or_else(bad)).transpose()? {
        None => (!from_head, None),
        Some(("f", digits)) => (false, Some(Place::parse(digits).ok_or_else(bad)?)),
        Some(("b", digits)) => (true, Some(Place::parse(digits).ok_or_else(bad)?)),
        Some(_) => return Err(bad()),
    };
    let (mut from, mut to) = range(call);
    match given.map(|place| place.key(stream)) {
        Some(key) if backwards => to = to.min(key),
        Some(key) => from = from.max(key.next()),
        None => {}
    }
    let query = Query { from, to, backwards, most: limit(call, MOST_EVENTS).min(MOST_EVENTS), keep: None };
    let names = [stream.to_owned()];
    let found = streams.select(&call.caller.account, &call.region, &group, &names, &query);
    let events = found.map_err(|e| disk(&e))?.events;
    // At an end the token that was given comes back, by which a reader knows that it is there.
    let start = Place { timestamp: 0, arrival: 0 };
    let first = events.first().map(|(key, _)| Place::from(*key));
    let last = events.last().map(|(key, _)| Place::from(*key));
    let (forward, backward) = match (first, last, given) {
        (Some(first), Some(last), _) => (last, first),
        (_, _, Some(place)) if backwards => (place.back(), place),
        (_, _, Some(place)) => (place, Place { arrival: place.arrival.saturating_add(1), ..place }),
        _ => (start, start),
    };
    let events: Vec<Value> = events
        .into_iter()
        .map(|(_, e)| json!({"timestamp": e.timestamp, "message": e.message, "ingestionTime": e.ingested}))
        .collect();
    Ok(json!({
        "events": events,
        "nextForwardToken": format!("f/{}", forward.digits()),
        "nextBackwardToken": format!("b/{}", backward.digits()),
    }))
}
