//! What was measured, for people and programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::tally::{Answer, Tally, Times, share};
use crate::args::Load;
use crate::output::{Table, amount};

/// The documents' format.
const FORMAT: &str = "sagewright.dev/load/v1";
/// A request that is later than this was sent late, in milliseconds.
const LATE: f64 = 10.0;

/// What was measured, and what it is held against.
pub(super) struct Measured<'a> {
    pub(super) endpoint: &'a str,
    pub(super) args: &'a Load,
    /// Requests that were planned.
    pub(super) planned: u64,
    pub(super) tally: &'a Tally,
    /// How long requests were sent.
    pub(super) took: Duration,
    pub(super) interrupted: bool,
}

/// A limit of the command line.
pub(super) struct Gate {
    option: &'static str,
    limit: f64,
    /// None where nothing was measured.
    measured: Option<f64>,
}

impl Gate {
    pub(super) fn holds(&self) -> bool {
        self.measured.is_some_and(|measured| measured <= self.limit)
    }

    /// What is wrong.
    pub(super) fn told(&self) -> String {
        let measured = self.measured.map_or_else(|| "there was no answer".to_owned(), |m| format!("it was {m:.2}"));
        format!("{} {} does not hold: {measured}", self.option, self.limit)
    }
}

impl Measured<'_> {
    /// The limits that were given.
    pub(super) fn gates(&self) -> Vec<Gate> {
        let p99 = self.tally.good().and_then(|times| times.quantile(0.99));
        let errors = self.args.max_errors.map(|limit| ("--max-errors", limit, Some(self.tally.errors())));
        let p99 = self.args.max_p99.map(|limit| ("--max-p99", limit, p99));
        errors.into_iter().chain(p99).map(|(option, limit, measured)| Gate { option, limit, measured }).collect()
    }

    /// Requests a second that were sent.
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    fn rate(&self) -> f64 {
        let seconds = self.took.as_secs_f64();
        if seconds > 0.0 { self.tally.sent as f64 / seconds } else { 0.0 }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Self { endpoint, args, planned, tally, took, .. } = self;
        let mut out = format!(
            "{endpoint}: {} of {planned} requests sent in {:.1} s, {:.1} a second ({} planned)\n",
            tally.sent,
            took.as_secs_f64(),
            self.rate(),
            args.rate
        );
        let mut table = Table::new(["ANSWER", "REQUESTS", "SHARE", "P50", "P90", "P99", "P99.9", "MAX"]);
        let all = tally.sent + tally.not_sent;
        let mut row = |name: String, count: u64, times: Option<&Times>| {
            let times = times.map(Times::shown).unwrap_or_default();
            let mut cells = vec![name, count.to_string(), format!("{:.1}%", share(count, all))];
            cells.extend(times.map(|(_, ms)| ms.map_or_else(|| "-".to_owned(), amount::milliseconds)));
            table.row(cells);
        };
        for (answer, times) in &tally.answers {
            row(name(answer), times.count(), Some(times));
        }
        for (variant, times) in &tally.variants {
            row(format!("variant {variant}"), times.count(), Some(times));
        }
        for (name, count) in [("not sent", tally.not_sent), ("no answer yet", tally.waiting())] {
            if count > 0 {
                row(name.to_owned(), count, None);
            }
        }
        out.push_str(&table.render());
        out
    }

    /// What to know about the numbers.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.tally.not_sent > 0 {
            notes.push(format!(
                "{} requests were not sent: {} others were without an answer (--concurrency)",
                self.tally.not_sent, self.args.concurrency
            ));
        }
        if let Some(late) = self.tally.delays.quantile(0.99).filter(|late| *late > LATE) {
            notes.push(format!(
                "this machine was too slow for the rate: 1 % of the requests were sent {} or more after their time, which is in \
                 their latency",
                amount::milliseconds(late)
            ));
        }
        notes
    }

    /// For programs.
    pub(super) fn document(&self) -> Value {
        let Self { endpoint, args, planned, tally, took, interrupted } = self;
        let answers = tally.answers.iter().map(|(answer, times)| {
            json!({
                "status": answer.status, "code": answer.code, "requests": times.count(), "latencyMs": times.document(),
            })
        });
        let variants = tally
            .variants
            .iter()
            .map(|(name, times)| json!({ "name": name, "requests": times.count(), "latencyMs": times.document() }));
        let gates = self.gates();
        let told = gates.iter().map(|gate| {
            json!({
                "option": gate.option, "limit": gate.limit, "measured": gate.measured, "holds": gate.holds(),
            })
        });
        json!({
            "format": FORMAT,
            "endpoint": endpoint,
            "rate": args.rate,
            "durationSeconds": args.duration.as_secs(),
            "interrupted": interrupted,
            "seconds": took.as_secs_f64(),
            "requests": {
                "planned": planned, "sent": tally.sent, "notSent": tally.not_sent, "failed": tally.failed(),
                "unanswered": tally.waiting(), "perSecond": self.rate(), "errorPercent": tally.errors(),
            },
            "latencyMs": tally.good().map(Times::document),
            "sendDelayMs": tally.delays.document(),
            "answers": answers.collect::<Vec<_>>(),
            "variants": variants.collect::<Vec<_>>(),
            "gates": told.collect::<Vec<_>>(),
            "ok": gates.iter().all(Gate::holds),
        })
    }
}

/// What came, in words.
pub(super) fn name(answer: &Answer) -> String {
    match (answer.status, &answer.code) {
        (Some(status), None) => status.to_string(),
        (Some(status), Some(code)) => format!("{status} {code}"),
        (None, code) => code.clone().unwrap_or_default(),
    }
}
