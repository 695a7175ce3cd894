//! Metrics in a job's log lines.
//!
//! The patterns are the user's, and so are the lines: a pattern that takes too long on one of them is dropped.

use std::sync::OnceLock;
use std::time::Duration;

use fancy_regex::{Regex, RegexBuilder};
use sagewright_cloud_core::limits;

/// Computing time that a pattern may take for a line. Steps back are counted; what leads to none is not.
const LONGEST: Duration = Duration::from_millis(100);

/// A metric definition. The service takes look-around in patterns, so that they are not Rust's own.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    name: Option<String>,
    regex: Regex,
}

impl Definition {
    /// A metric of the request.
    ///
    /// # Errors
    /// The pattern is not valid.
    pub fn new(name: &str, pattern: &str) -> Result<Self, String> {
        let regex = compile(pattern)
            .map_err(|e| format!("MetricDefinitions: the regex '{pattern}' of metric '{name}' is not valid: {e}"))?;
        Ok(Self { name: Some(name.to_owned()), regex })
    }

    /// The metrics of the built-in XGBoost: `[3]#011train-merror:0.1#011validation-merror:0.2` holds `train:merror`
    /// and `validation:merror`.
    pub fn xgboost() -> Option<Self> {
        static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
        let pattern = || compile(r"#011(?<set>train|validation)-(?<metric>[A-Za-z0-9@._-]+):(?<value>[^#\s]+)").ok();
        PATTERN.get_or_init(pattern).clone().map(|regex| Self { name: None, regex })
    }

    /// Finds this metric in a line. As SageMaker reads only what stands in a round's line for XGBoost, so do we.
    fn scan(&self, line: &str, found: &mut dyn FnMut(&str, f64)) -> Result<(), fancy_regex::Error> {
        match &self.name {
            Some(name) => {
                let capture = self.regex.captures(line)?;
                if let Some(value) = capture.and_then(|c| c.get(1)).and_then(|m| number(m.as_str())) {
                    found(name, value);
                }
            }
            None if line.contains('[') => {
                for capture in self.regex.captures_iter(line) {
                    let capture = capture?;
                    let text = |name| capture.name(name).map_or("", |m| m.as_str());
                    if let Some(value) = number(text("value")) {
                        found(&format!("{}:{}", text("set"), text("metric")), value);
                    }
                }
            }
            None => {}
        }
        Ok(())
    }
}

fn compile(pattern: &str) -> Result<Regex, fancy_regex::Error> {
    RegexBuilder::new(pattern).backtrack_limit(limits::METRIC_STEPS).delegate_size_limit(limits::METRIC_PROGRAM).build()
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

/// Looks for metrics in the lines of one host.
#[derive(Debug)]
pub(super) struct Scanner {
    definitions: Vec<Definition>,
}

impl Scanner {
    pub fn new(definitions: Vec<Definition>) -> Self {
        Self { definitions }
    }

    /// Gives every metric of a line to `found`, and to `told` what there is to say in the job's log. This may take a
    /// while: no async worker may wait for it.
    pub fn scan(&mut self, line: &str, mut found: impl FnMut(&str, f64), mut told: impl FnMut(&str)) {
        let seen = line.get(..line.floor_char_boundary(limits::METRIC_LINE)).unwrap_or(line);
        self.definitions.retain(|definition| {
            let begun = computed();
            let why = match definition.scan(seen, &mut found) {
                Err(_) => format!("takes more than {} steps back", limits::METRIC_STEPS),
                Ok(()) if computed().saturating_sub(begun) > LONGEST => format!("takes more than {LONGEST:?}"),
                Ok(()) => return true,
            };
            let name = definition.name.as_deref().unwrap_or("of the algorithm");
            told(&format!(
                "Metric definition '{name}' is dropped: its regex {why} in one line. Later lines are not searched for it; \
                 write the regex without repeats inside repeats."
            ));
            false
        });
    }
}

/// Computing time of this thread.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(definitions: &[Definition], line: &str) -> Vec<(String, f64)> {
        let mut out = Vec::new();
        let found = |name: &str, value| out.push((name.to_owned(), value));
        Scanner::new(definitions.to_vec()).scan(&crate::job::log::escape(line), found, |told| panic!("{told}"));
        out
    }

    #[test]
    fn xgboost_rounds_give_both_sets() {
        let definitions = [Definition::xgboost().unwrap()];
        let line = "[17]\ttrain-merror:0.02\tvalidation-merror:0.125";
        assert_eq!(all(&definitions, line), [("train:merror".into(), 0.02), ("validation:merror".into(), 0.125)]);
        assert_eq!(all(&definitions, "[1]#011validation-auc:nan"), []);
        assert_eq!(all(&definitions, "plain text"), []);
    }

    #[test]
    fn a_definition_takes_its_first_group_and_may_look_around() {
        let definitions = [
            Definition::new("loss", r"(?<!val_)loss=(\S+)").unwrap(),
            Definition::new("acc", ".*#011acc:([0-9.]+)").unwrap(),
        ];
        assert_eq!(all(&definitions, "val_loss=3 loss=1e-3"), [("loss".into(), 0.001)]);
        assert_eq!(all(&definitions, "x\tacc:0.5"), [("acc".into(), 0.5)]);
        assert_eq!(all(&definitions, "loss=high"), []);
        assert!(Definition::new("bad", "(").unwrap_err().contains("'bad'"));
    }

    #[test]
    fn a_pattern_that_runs_away_is_dropped_and_told_once() {
        let runaway = |n: usize| Definition::new(&format!("bad-{n}"), r"(a*)*\1b").unwrap();
        let mut scanner = Scanner::new((0..40).map(runaway).chain(Definition::new("loss", "loss=(.*)")).collect());
        let long = "a".repeat(limits::METRIC_LINE - 10);
        let (mut found, mut told) = (Vec::new(), Vec::new());
        for n in 0..1000 {
            let line = format!("loss={n} {}", if n == 0 { "" } else { &long });
            scanner.scan(&line, |name, _| found.push(name.to_owned()), |line| told.push(line.to_owned()));
        }
        assert_eq!(told.len(), 40, "{told:?}");
        assert!(
            told.iter().any(|line| line.contains("'bad-7' is dropped: its regex takes more than 10000 steps back"))
        );
        assert_eq!(found, ["loss"], "the others go on");
        assert_eq!(scanner.definitions.len(), 1);
    }

    #[test]
    fn a_definition_sees_the_beginning_of_a_line() {
        let definitions = [Definition::new("x", "x=(1)").unwrap()];
        let at = |before: usize| all(&definitions, &format!("{}x=1", "\u{e9}".repeat(before / 2))).len();
        assert_eq!((at(limits::METRIC_LINE - 4), at(limits::METRIC_LINE - 2)), (1, 0));
    }

    #[test]
    fn a_pattern_is_as_large_as_its_program_may_be() {
        assert!(Definition::new("big", r"(\w{900})").unwrap_err().contains("'big' is not valid"));
    }
}
