//! What came of the requests.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Different answers and variants that are told apart; what more a server makes up is counted together.
const MOST: usize = 64;
/// Under which that is.
const OTHERS: &str = "others";
/// The longest time that is told apart from longer ones, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    /// HTTP status; none without an answer.
    pub(super) status: Option<u16>,
    /// The code of the error; none for a success.
    pub(super) code: Option<String>,
}

impl Answer {
    /// The model answered.
    pub(super) fn good() -> Self {
        Self { status: Some(200), code: None }
    }

    /// Whether the model answered.
    pub(super) fn is_good(&self) -> bool {
        self.code.is_none()
    }
}

/// Times of several requests, by three significant digits.
#[derive(Debug, Clone)]
pub(super) struct Times(Option<Histogram<u64>>);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).ok())
    }
}

impl Times {
    pub(super) fn add(&mut self, time: Duration) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST));
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// The time that a share of the requests did not exceed, in milliseconds; none without requests.
    #[allow(clippy::cast_precision_loss)] // an hour in microseconds is far below 2^52
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        Some(histogram.value_at_quantile(share) as f64 / 1000.0)
    }

    /// What is shown, with its name.
    pub(super) fn shown(&self) -> [(&'static str, Option<f64>); 5] {
        [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)]
            .map(|(name, share)| (name, self.quantile(share)))
    }

    /// For programs, in milliseconds.
    pub(super) fn document(&self) -> Value {
        self.shown().into_iter().map(|(name, ms)| (name.to_owned(), json!(ms))).collect()
    }
}

/// Counts and times of all requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Requests that were sent.
    pub(super) sent: u64,
    /// Requests that were not, since too many waited for an answer.
    pub(super) not_sent: u64,
    /// How much later than planned they were sent.
    pub(super) delays: Times,
    /// From the planned time to the end, by what came.
    pub(super) answers: BTreeMap<Answer, Times>,
    /// The same by the variant that answered, where the model did.
    pub(super) variants: BTreeMap<String, Times>,
}

impl Tally {
    /// A request was sent, so long after its planned time.
    pub(super) fn sent(&mut self, delay: Duration) {
        self.sent += 1;
        self.delays.add(delay);
    }

    /// A request ended, so long after its planned time.
    pub(super) fn ended(&mut self, answer: Answer, variant: Option<String>, time: Duration) {
        let others = Answer { status: None, code: Some(OTHERS.to_owned()) };
        add(&mut self.answers, answer, others, time);
        if let Some(variant) = variant {
            add(&mut self.variants, variant, OTHERS.to_owned(), time);
        }
    }

    /// Times of the requests that the model answered.
    pub(super) fn good(&self) -> Option<&Times> {
        self.answers.get(&Answer::good())
    }

    /// Requests that came to an end.
    pub(super) fn all_ended(&self) -> u64 {
        self.answers.values().map(Times::count).sum()
    }

    /// Requests that ended with an error.
    pub(super) fn failed(&self) -> u64 {
        self.answers.iter().filter(|(answer, _)| !answer.is_good()).map(|(_, times)| times.count()).sum()
    }

    /// Requests without an answer yet.
    pub(super) fn waiting(&self) -> u64 {
        self.sent.saturating_sub(self.all_ended())
    }

    /// The share of requests that failed, were not sent or have no answer, in percent.
    pub(super) fn errors(&self) -> f64 {
        share(self.failed() + self.not_sent + self.waiting(), self.sent + self.not_sent)
    }
}

fn add<K: Ord>(all: &mut BTreeMap<K, Times>, key: K, others: K, time: Duration) {
    let key = if all.len() < MOST || all.contains_key(&key) { key } else { others };
    all.entry(key).or_default().add(time);
}

/// A part of a whole in percent; none of nothing is 0.
#[allow(clippy::cast_precision_loss)] // far below 2^52
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> Answer {
        Answer { status: Some(424), code: Some(code.to_owned()) }
    }

    #[test]
    fn percentiles_are_of_the_answers_that_models_gave() {
        let mut tally = Tally::default();
        for ms in 1..=1000 {
            tally.sent(Duration::ZERO);
            tally.ended(Answer::good(), Some("a".to_owned()), Duration::from_millis(ms));
        }
        tally.sent(Duration::from_millis(3));
        tally.ended(error("ModelError"), None, Duration::from_secs(60));
        let shown = tally.good().unwrap().shown().map(|(_, ms)| ms.unwrap().round());
        assert_eq!(shown, [500.0, 900.0, 990.0, 999.0, 1000.0]);
        assert_eq!((tally.sent, tally.failed(), tally.waiting()), (1001, 1, 0));
        assert_eq!(tally.variants["a"].count(), 1000);
        assert_eq!(tally.delays.quantile(1.0).map(f64::round), Some(3.0));
    }

    #[test]
    fn what_was_not_sent_or_not_answered_counts_as_an_error() {
        let mut tally = Tally { not_sent: 1, ..Tally::default() };
        for answer in [Answer::good(), error("ModelError")] {
            tally.sent(Duration::ZERO);
            tally.ended(answer, None, Duration::from_millis(1));
        }
        tally.sent(Duration::ZERO);
        assert_eq!(tally.waiting(), 1);
        assert!((tally.errors() - 75.0).abs() < 0.1, "{}", tally.errors());
        assert!(Tally::default().errors() < 0.1);
    }

    #[test]
    fn a_server_that_makes_up_codes_takes_no_memory() {
        let mut tally = Tally::default();
        for n in 0..1000 {
            tally.ended(error(&n.to_string()), Some(n.to_string()), Duration::from_millis(1));
        }
        assert_eq!((tally.answers.len(), tally.variants.len()), (MOST + 1, MOST + 1));
        assert_eq!(tally.all_ended(), 1000);
    }
}
