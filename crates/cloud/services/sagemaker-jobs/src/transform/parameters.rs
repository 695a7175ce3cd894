//! How a job's payloads are made and sent: by the request, by what the container asks for, by default.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html>

use sagewright_cloud_core::limits;
use serde::Deserialize;
use serde_json::Value;

use super::split::Split;

/// Bytes of a payload, where nobody says another number.
const PAYLOAD_IN_MB: u64 = 6;
/// "The value of `MaxConcurrentTransforms * MaxPayloadInMB` must not exceed 100 MB" (developer guide).
pub(super) const MOST_IN_MB: u64 = 100;

/// Bytes of what AWS calls a MB.
pub(super) const MB: u64 = 1024 * 1024;

/// How many records a payload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Strategy {
    #[serde(alias = "MULTI_RECORD")]
    MultiRecord,
    #[serde(alias = "SINGLE_RECORD")]
    SingleRecord,
}

impl Strategy {
    /// As containers and logs know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MultiRecord => "MULTI_RECORD",
            Self::SingleRecord => "SINGLE_RECORD",
        }
    }
}

/// What a request leaves open.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub concurrent: Option<u64>,
    pub payload_in_mb: Option<u64>,
    pub strategy: Option<Strategy>,
}

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Requests to an instance at the same time.
    pub concurrent: usize,
    /// Of any length where it is 0.
    pub payload_in_mb: u64,
    pub strategy: Strategy,
}

impl Parameters {
    /// `answered` is the container's answer, if it gave one. Values in it that make no sense are ignored.
    pub fn of(asked: Asked, answered: Option<&[u8]>) -> Self {
        let answered: Value = answered.and_then(|answered| serde_json::from_slice(answered).ok()).unwrap_or_default();
        let number = |name: &str, most| answered[name].as_u64().filter(|number| (1..=most).contains(number));
        let strategy = || Strategy::deserialize(&answered["BatchStrategy"]).ok();
        let payload = asked.payload_in_mb.or_else(|| number("MaxPayloadInMB", MOST_IN_MB)).unwrap_or(PAYLOAD_IN_MB);
        let concurrent = asked.concurrent.or_else(|| number("MaxConcurrentTransforms", u64::MAX)).unwrap_or(1);
        // A container of a machine with many cores asks for more than there may be at once.
        let concurrent = concurrent.min(MOST_IN_MB / payload.max(1)).max(1);
        Self {
            concurrent: usize::try_from(concurrent).unwrap_or(1),
            payload_in_mb: payload,
            strategy: asked.strategy.or_else(strategy).unwrap_or(Strategy::MultiRecord),
        }
    }

    /// Most bytes of a payload that is held in memory, where there is so much room for each.
    pub fn longest(self, room: usize) -> usize {
        match self.payload_in_mb {
            0 => room,
            some => usize::try_from(some.saturating_mul(MB)).unwrap_or(room),
        }
    }

    /// Most bytes of an answer, and of the records of a payload before a filter: those of all requests at the same time
    /// have [`limits::TRANSFORM_MEMORY`] together, but each may be as long as a payload.
    pub fn room(self, instances: usize) -> usize {
        let share = limits::TRANSFORM_MEMORY / self.concurrent.saturating_mul(instances).max(1);
        share.max(self.longest(0)).min(limits::TRANSFORM_PAYLOAD)
    }

    /// Whether an object is sent while it is read, in chunks: "for cases where the payload might be arbitrarily large"
    /// (API reference, `MaxPayloadInMB`). Records one by one are not.
    pub fn chunks(self, split: Split) -> bool {
        self.payload_in_mb == 0 && (split == Split::None || self.strategy == Strategy::MultiRecord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: Asked, told: Option<&str>) -> (usize, u64, &'static str) {
        let parameters = Parameters::of(asked, told.map(str::as_bytes));
        (parameters.concurrent, parameters.payload_in_mb, parameters.strategy.name())
    }

    #[test]
    fn the_request_counts_before_the_container_and_the_container_before_the_defaults() {
        let told = r#"{"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 5}"#;
        let asked = Asked { concurrent: Some(2), payload_in_mb: Some(7), strategy: Some(Strategy::MultiRecord) };
        assert_eq!(of(Asked::default(), None), (1, 6, "MULTI_RECORD"));
        assert_eq!(of(Asked::default(), Some(told)), (8, 5, "SINGLE_RECORD"));
        assert_eq!(of(asked, Some(told)), (2, 7, "MULTI_RECORD"));
        assert_eq!(of(Asked { payload_in_mb: Some(9), ..Asked::default() }, Some(told)), (8, 9, "SINGLE_RECORD"));
    }

    #[test]
    fn payloads_of_any_length_are_sent_in_chunks_but_for_single_records() {
        let asked =
            |payload, strategy| Asked { payload_in_mb: Some(payload), strategy: Some(strategy), concurrent: None };
        for (payload, strategy, split, chunks) in [
            (0, Strategy::MultiRecord, Split::Line, true),
            (0, Strategy::SingleRecord, Split::None, true),
            (0, Strategy::SingleRecord, Split::Line, false),
            (1, Strategy::MultiRecord, Split::None, false),
        ] {
            assert_eq!(Parameters::of(asked(payload, strategy), None).chunks(split), chunks, "{payload} {strategy:?}");
        }
        let any = Parameters::of(asked(0, Strategy::SingleRecord), None);
        assert_eq!((any.room(1), any.longest(any.room(1))), (limits::TRANSFORM_PAYLOAD, limits::TRANSFORM_PAYLOAD));
        let many = Parameters { concurrent: 100, ..any };
        assert_eq!((many.room(2), many.longest(many.room(2))), (limits::TRANSFORM_MEMORY / 200, many.room(2)));
        let large = Parameters { payload_in_mb: 100, ..many };
        assert_eq!(large.room(2), limits::TRANSFORM_PAYLOAD, "no less than a payload");
    }

    #[test]
    fn what_a_container_tells_is_bounded_and_may_be_nonsense() {
        for (told, expected) in [
            (r#"{"MaxConcurrentTransforms": 64, "MaxPayloadInMB": 6}"#, (16, 6, "MULTI_RECORD")),
            (r#"{"MaxConcurrentTransforms": 0, "MaxPayloadInMB": 101, "BatchStrategy": 1}"#, (1, 6, "MULTI_RECORD")),
            (r#"{"MaxConcurrentTransforms": "4", "MaxPayloadInMB": -1}"#, (1, 6, "MULTI_RECORD")),
            ("[1]", (1, 6, "MULTI_RECORD")),
            ("<html>", (1, 6, "MULTI_RECORD")),
        ] {
            assert_eq!(of(Asked::default(), Some(told)), expected, "{told}");
        }
    }
}
