//! Writing events, and reading one stream forwards and backwards.

use jiff::SignedDuration;
use serde_json::{Value, json};

use sagewright_cloud_core::logs::LogSink as _;

use super::Event;
use super::service::{LogsService, disk, invalid, limit, no_stream, refuse_members};
use sagewright_cloud_core::api::{ApiError, Call};

/// AWS's limits for one answer of `GetLogEvents`.
const MOST_EVENTS: usize = 10_000;
const MOST_BYTES: usize = 1024 * 1024;
/// AWS's limits for one `PutLogEvents`; every event counts 26 bytes more than its text.
const EVENT_OVERHEAD: usize = 26;
const LONGEST_BATCH: usize = 1_048_576;
const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24);
const NEWEST: SignedDuration = SignedDuration::from_hours(2);

/// A place in a stream: by time, then by arrival. Written as AWS writes its tokens, in 56 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) timestamp: i64,
    pub(super) arrival: usize,
}

impl Place {
    pub(super) fn digits(self) -> String {
        format!("{:020}{:036}", self.timestamp.max(0), self.arrival)
    }

    fn parse(digits: &str) -> Option<Self> {
        if digits.len() != 56 || !digits.is_ascii() {
            return None;
        }
        Some(Self { timestamp: digits[..20].parse().ok()?, arrival: digits[20..].parse().ok()? })
    }
}

/// Events by place: by time, and those of one time by arrival.
pub(super) fn placed(events: Vec<Event>) -> Vec<(Place, Event)> {
    let mut placed: Vec<_> = events
        .into_iter()
        .enumerate()
        .map(|(arrival, event)| (Place { timestamp: event.timestamp, arrival }, event))
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed
}

/// Whether an event is of the time that a call asks for: from `startTime` to before `endTime`.
pub(super) fn in_time(call: &Call, event: &Event) -> bool {
    let bound = |member: &str| call.input.get(member).and_then(Value::as_i64);
    bound("startTime").is_none_or(|start| event.timestamp >= start)
        && bound("endTime").is_none_or(|end| event.timestamp < end)
}

impl LogsService {
    pub(super) fn put_events(&self, call: &Call) -> Result<Value, ApiError> {
        let group = self.group(call)?;
        let stream = call.text("logStreamName").unwrap_or_default();
        let (account, region) = (&call.caller.account, &call.region);
        let summary = self.streams.summary(account, region, &group, stream).map_err(|e| disk(&e))?;
        if summary.is_none() {
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
        let size: usize = events.iter().map(|e| e.message.len() + EVENT_OVERHEAD).sum();
        if size > LONGEST_BATCH {
            return Err(invalid(format!(
                "Upload too large: {size} bytes exceeds limit of {LONGEST_BATCH}; send fewer events at a time"
            )));
        }
        let bound = |time: Result<jiff::Timestamp, jiff::Error>| time.map_or(now, |t| t.as_millisecond());
        let (oldest, newest) = (bound(call.now.saturating_sub(OLDEST)), bound(call.now.saturating_add(NEWEST)));
        let too_old = events.iter().take_while(|e| e.timestamp < oldest).count();
        let too_new = events.iter().position(|e| e.timestamp > newest).unwrap_or(events.len());
        let kept = events.get(too_old..too_new).unwrap_or_default();
        if !kept.is_empty() {
            self.streams.append(account, region, &group, stream, kept).map_err(|e| disk(&e))?;
        }
        let mut rejected = serde_json::Map::new();
        if too_old > 0 {
            rejected.insert("tooOldLogEventEndIndex".to_owned(), json!(too_old));
        }
        if too_new < events.len() {
            rejected.insert("tooNewLogEventStartIndex".to_owned(), json!(too_new));
        }
        // Since 2023 AWS takes any sequence token; it still gives one.
        Ok(json!({
            "nextSequenceToken": Place { timestamp: now, arrival: 0 }.digits(),
            "rejectedLogEventsInfo": (!rejected.is_empty()).then_some(rejected),
        }))
    }

    pub(super) fn get_events(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, &["unmask"])?;
        let group = self.group(call)?;
        let stream = call.text("logStreamName").unwrap_or_default();
        let read = self.streams.read(&call.caller.account, &call.region, &group, stream).map_err(|e| disk(&e))?;
        let mut events = placed(read.ok_or_else(no_stream)?);
        events.retain(|(_, event)| in_time(call, event));
        let from_head = call.input.get("startFromHead").and_then(Value::as_bool).unwrap_or(false);
        let bad = || invalid("The specified nextToken is invalid.");
        let (backwards, given) = match call.text("nextToken").map(|t| t.split_once('/').ok_or_else(bad)).transpose()? {
            None => (!from_head, None),
            Some(("f", digits)) => (false, Some(Place::parse(digits).ok_or_else(bad)?)),
            Some(("b", digits)) => (true, Some(Place::parse(digits).ok_or_else(bad)?)),
            Some(_) => return Err(bad()),
        };
        if let Some(place) = given {
            events.retain(|(p, _)| if backwards { *p < place } else { *p > place });
        }
        let most = limit(call, MOST_EVENTS).min(MOST_EVENTS);
        let size = |(_, event): &(Place, Event)| event.message.len() + EVENT_OVERHEAD;
        if backwards {
            let count = within(events.iter().rev().map(size), most);
            events.drain(..events.len() - count);
        } else {
            let count = within(events.iter().map(size), most);
            events.truncate(count);
        }
        // At an end the token that was given comes back, by which a reader knows that it is there.
        let start = Place { timestamp: 0, arrival: 0 };
        let first = events.first().map(|(p, _)| *p);
        let last = events.last().map(|(p, _)| *p);
        let (forward, backward) = match (first, last, given) {
            (Some(first), Some(last), _) => (last, first),
            (_, _, Some(place)) if backwards => (Place { arrival: place.arrival.saturating_sub(1), ..place }, place),
            (_, _, Some(place)) => (place, Place { arrival: place.arrival + 1, ..place }),
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
}

/// How many of the items fit into one answer; at least one.
pub(super) fn within(sizes: impl Iterator<Item = usize>, most: usize) -> usize {
    let mut total = 0;
    let mut count = 0;
    for size in sizes.take(most) {
        total += size;
        if total > MOST_BYTES && count > 0 {
            break;
        }
        count += 1;
    }
    count
}
