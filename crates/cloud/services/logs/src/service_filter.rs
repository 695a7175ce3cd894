//! Searching several streams of a group.

use serde_json::{Value, json};

use super::page::{Key, MOST_EVENTS, Query};
use super::service::{Request, after, disk, group, invalid, limit, no_stream, refuse_members, token};
use super::service_events::range;
use super::{Event, Streams};
use sagewright_cloud_core::api::{ApiError, Call};

/// Since when AWS can search from the last event on: 2024-01-01T00:00:00Z.
const BACKWARDS_SINCE: i64 = 1_704_067_200_000;

impl Request {
    pub(super) async fn filter_events(&self, _: &Call) -> Result<Value, ApiError> {
        self.files(filter).await
    }
}

fn filter(logs: &Streams, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, &["unmask"])?;
    let group = group(logs, call)?;
    let (account, region) = (&call.caller.account, &call.region);
    let pattern = Pattern::parse(call.text("filterPattern").unwrap_or_default())?;
    let prefix = call.text("logStreamNamePrefix");
    let named = call.input.get("logStreamNames").and_then(Value::as_array);
    let mut streams: Vec<String> = match (named, prefix) {
        (Some(_), Some(_)) => {
            return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters."));
        }
        (Some(named), None) => named.iter().filter_map(|n| Some(n.as_str()?.to_owned())).collect(),
        (None, prefix) => {
            let mut all = logs.streams(account, region, &group);
            all.retain(|name| name.starts_with(prefix.unwrap_or_default()));
            all
        }
    };
    if named.is_some() && !streams.iter().all(|name| logs.has_stream(account, region, &group, name)) {
        return Err(no_stream());
    }
    streams.sort();
    streams.dedup();
    let backwards = call.input.get("startFromHead").and_then(Value::as_bool) == Some(false);
    if backwards && call.input.get("startTime").and_then(Value::as_i64).is_none_or(|t| t < BACKWARDS_SINCE) {
        return Err(invalid("startFromHead can be false only with a startTime on or after 2024-01-01T00:00:00Z."));
    }
    let after = after(call)?;
    let (mut from, mut to) = range(call);
    let place = after.as_ref().map(|value| Key {
        timestamp: value[0].as_i64().unwrap_or_default(),
        stream: value[1].as_str().unwrap_or_default(),
        arrival: value[2].as_u64().unwrap_or_default(),
    });
    match place {
        Some(place) if backwards => to = to.min(place),
        Some(place) => from = from.max(place),
        None => {}
    }
    let most = limit(call, MOST_EVENTS).min(MOST_EVENTS);
    let keep = |message: &str| pattern.matches(message);
    let query = Query { from, to, backwards, most, keep: (!pattern.is_empty()).then_some(&keep) };
    let page = logs.select(account, region, &group, &streams, &query).map_err(|e| disk(&e))?;
    let next = page.next.map(|key| token(&json!([key.timestamp, key.stream, key.arrival])));
    let event = |(key, event): (Key<'_>, Event)| {
        json!({
            "logStreamName": key.stream,
            "timestamp": event.timestamp,
            "message": event.message,
            "ingestionTime": event.ingested,
            "eventId": event_id(key),
        })
    };
    let mut events: Vec<Value> = page.events.into_iter().map(event).collect();
    if backwards {
        events.reverse();
    }
    Ok(json!({"events": events, "searchedLogStreams": [], "nextToken": next}))
}

/// 56 digits, as AWS's: clients tell events apart by them, those of several streams too.
fn event_id(key: Key<'_>) -> String {
    // FNV-1a: the same in every version of this program.
    let of_stream = key
        .stream
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:016}{of_stream:020}{:020}", key.timestamp.max(0), key.arrival)
}

/// A filter pattern of plain terms: all of them, none of the `-` ones, at least one of the `?` ones.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pattern {
    all: Vec<String>,
    none: Vec<String>,
    any: Vec<String>,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        let kind = match text.chars().next() {
            Some('{') => Some("JSON"),
            Some('[') => Some("space-delimited"),
            Some('%') => Some("regular expression"),
            _ => None,
        };
        if let Some(kind) = kind {
            let message = format!(
                "The {kind} filter pattern {text} is not supported by the embedded cloud; search for plain terms, \
                 like: ERROR \"two words\" -ignored ?either ?or"
            );
            return Err(ApiError::new("NotImplemented", 501, message));
        }
        let mut out = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (target, body) = match rest.as_bytes()[0] {
                b'-' => (&mut out.none, &rest[1..]),
                b'?' => (&mut out.any, &rest[1..]),
                _ => (&mut out.all, rest),
            };
            let (term, tail) = if let Some(quoted) = body.strip_prefix('"') {
                quoted.split_once('"').ok_or_else(|| invalid("Invalid filter pattern: a quote is not closed"))?
            } else {
                let end = body.find(char::is_whitespace).unwrap_or(body.len());
                body.split_at(end)
            };
            if term.is_empty() {
                return Err(invalid("Invalid filter pattern: a term is empty"));
            }
            target.push(term.to_owned());
            rest = tail.trim_start();
        }
        Ok(out)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|t| message.contains(t.as_str()))
            && !self.none.iter().any(|t| message.contains(t.as_str()))
            && (self.any.is_empty() || self.any.iter().any(|t| message.contains(t.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_terms() {
        let cases = [
            ("", "anything", true),
            ("ERROR", "an ERROR here", true),
            ("ERROR", "an error here", false),
            ("ERROR disk", "disk ERROR", true),
            ("ERROR disk", "ERROR", false),
            ("\"disk full\" -retry", "disk full", true),
            ("\"disk full\" -retry", "disk full, retry", false),
            ("?a ?b", "xbx", true),
            ("?a ?b", "xx", false),
        ];
        for (pattern, message, expected) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(message), expected, "{pattern} on {message}");
        }
        for bad in ["\"open", "-", "\"\""] {
            assert_eq!(Pattern::parse(bad).unwrap_err().code, "InvalidParameterException", "{bad}");
        }
        for other in ["{ $.a = 1 }", "[ip, user]", "%\\d+%"] {
            assert_eq!(Pattern::parse(other).unwrap_err().code, "NotImplemented", "{other}");
        }
    }
}
