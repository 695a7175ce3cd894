//! The hours that a run is about. What is downloaded may be more: "It is up to the container code to parse the data as required"
//! (developer guide, on the variable `dataset_source`).

use jiff::Timestamp;
use serde_json::Value;

use crate::monitor::environment::Environment;

const HOUR: i64 = 3600;

/// Whole hours, in seconds since 1970; all time where there are none.
#[derive(Debug, Default)]
pub(in crate::monitor) struct Span(Option<(i64, i64)>);

impl Span {
    pub fn of(environment: &Environment) -> Self {
        let time = |name: &str| Some(environment.text(name)?.parse::<Timestamp>().ok()?.as_second());
        let hours =
            |(start, end): (i64, i64)| (start.div_euclid(HOUR) * HOUR, (end + HOUR - 1).div_euclid(HOUR) * HOUR);
        Self(time("start_time").zip(time("end_time")).map(hours))
    }

    /// Whether a line of captured data is of these hours. One that does not tell its time is.
    pub fn has(&self, line: &Value) -> bool {
        let Some((start, end)) = self.0 else { return true };
        let told = line["eventMetadata"]["inferenceTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        told.is_none_or(|time| (start..end).contains(&time.as_second()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_hours_are_taken() {
        let mut environment = Environment::default();
        environment.0.insert("start_time".to_owned(), "2026-01-01T10:30:00Z".to_owned());
        environment.0.insert("end_time".to_owned(), "2026-01-01T11:30:00Z".to_owned());
        let span = Span::of(&environment);
        let line = |time: &str| json!({ "eventMetadata": { "inferenceTime": time } });
        for (time, has) in [
            ("2026-01-01T09:59:59Z", false),
            ("2026-01-01T10:00:00Z", true),
            ("2026-01-01T11:59:59Z", true),
            ("2026-01-01T12:00:00Z", false),
            ("?", true),
        ] {
            assert_eq!(span.has(&line(time)), has, "{time}");
            assert!(Span::default().has(&line(time)));
        }
    }
}
