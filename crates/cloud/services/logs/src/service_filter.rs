//! Searching several streams of a group.

use serde_json::{Value, json};

use super::service::{LogsService, after, disk, invalid, limit, no_stream, refuse_members, token};
use super::service_events::{Place, in_time, placed, within};
use sagewright_cloud_core::api::{ApiError, Call};

/// AWS's limit for one answer of `FilterLogEvents`.
const MOST_EVENTS: usize = 10_000;

impl LogsService {
    pub(super) fn filter_events(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, &["unmask"])?;
        let group = self.group(call)?;
        let (account, region) = (&call.caller.account, &call.region);
        let pattern = Pattern::parse(call.text("filterPattern").unwrap_or_default())?;
        let prefix = call.text("logStreamNamePrefix");
        let named = call.input.get("logStreamNames").and_then(Value::as_array);
        let streams: Vec<String> = match (named, prefix) {
            (Some(_), Some(_)) => {
                return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters."));
            }
            (Some(named), None) => named.iter().filter_map(|n| Some(n.as_str()?.to_owned())).collect(),
            (None, prefix) => {
                let mut all = self.streams.streams(account, region, &group);
                all.retain(|name| name.starts_with(prefix.unwrap_or_default()));
                all
            }
        };
        let after = after(call)?.map(|value| {
            let arrival = value[2].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
            (value[0].as_i64().unwrap_or_default(), value[1].as_str().unwrap_or_default().to_owned(), arrival)
        });
        let mut found = Vec::new();
        for stream in &streams {
            let events = self.streams.read(account, region, &group, stream).map_err(|e| disk(&e))?;
            let events = match (events, named) {
                (Some(events), _) => events,
                (None, Some(_)) => return Err(no_stream()),
                (None, None) => continue,
            };
            for (place, event) in placed(events) {
                let here = (place.timestamp, stream.as_str(), place.arrival);
                let later = after.as_ref().is_none_or(|(t, s, a)| here > (*t, s.as_str(), *a));
                if later && in_time(call, &event) && pattern.matches(&event.message) {
                    found.push((place, stream, event));
                }
            }
        }
        found.sort_by(|a, b| (a.0.timestamp, a.1, a.0.arrival).cmp(&(b.0.timestamp, b.1, b.0.arrival)));
        let most = limit(call, MOST_EVENTS).min(MOST_EVENTS);
        let count = within(found.iter().map(|(_, _, e)| e.message.len()), most);
        let next = found.get(count).and_then(|_| found.get(count.checked_sub(1)?));
        let next = next.map(|(place, stream, _)| token(&json!([place.timestamp, stream, place.arrival])));
        found.truncate(count);
        let events: Vec<Value> = found
            .into_iter()
            .map(|(place, stream, event)| {
                json!({
                    "logStreamName": stream,
                    "timestamp": event.timestamp,
                    "message": event.message,
                    "ingestionTime": event.ingested,
                    "eventId": event_id(place),
                })
            })
            .collect();
        Ok(json!({"events": events, "searchedLogStreams": [], "nextToken": next}))
    }
}

fn event_id(place: Place) -> String {
    place.digits()
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
