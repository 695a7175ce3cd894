//! Which data an execution analyses: the hours of its window, and the folders that they are in.

use serde_json::Value;

use crate::plan::Plan;
use crate::schedule::expression::{Expression, hour, offset};

const HOUR: i64 = 3_600_000;
/// Most hours of a window, about a year.
const MOST: i64 = 9_000;

/// From and until when data is analysed, in milliseconds since 1970: since the run before, unless offsets say otherwise.
///
/// # Errors
/// The configuration is not valid.
pub(crate) fn of(config: &Value, plan: &Plan, scheduled: i64) -> Result<(i64, i64), String> {
    let when = &config["ScheduleConfig"];
    let expression = Expression::read(when["ScheduleExpression"].as_str())?;
    // What the input says comes before what the schedule says.
    let of = |own: &str, general: &str, or: i64| -> Result<i64, String> {
        match plan.endpoint[own].as_str().or_else(|| when[general].as_str()) {
            Some(text) => Ok(scheduled + offset(own, text)?),
            None => Ok(or),
        }
    };
    let start = of("StartTimeOffset", "DataAnalysisStartTime", expression.previous(scheduled))?;
    let end = of("EndTimeOffset", "DataAnalysisEndTime", scheduled)?;
    if start >= end {
        return Err("The window of the data to analyse is empty: its start is not before its end.".to_owned());
    }
    if end - start > MOST * HOUR {
        return Err(format!(
            "The window of the data to analyse is longer than {MOST} hours; give offsets that are closer to each other."
        ));
    }
    Ok((start, end))
}

/// The hours that a window touches, as folders.
pub(super) fn hours((start, end): (i64, i64)) -> Vec<String> {
    let first = start.div_euclid(HOUR);
    let last = (end + HOUR - 1).div_euclid(HOUR);
    (first..last).map(|at| hour(at * HOUR)).collect()
}

/// The folders that hold these hours of these variants, at most so many: where hours are too many, their days, their months, and
/// in the end all that a variant has. The analyser leaves out what is of another time.
pub(super) fn folders(found: &[(String, String)], most: usize) -> Vec<String> {
    for parts in (0..=4).rev() {
        let mut folders: Vec<String> = found
            .iter()
            .map(|(variant, hour)| {
                let kept: Vec<&str> = hour.split('/').take(parts).collect();
                if kept.is_empty() { variant.clone() } else { format!("{variant}/{}", kept.join("/")) }
            })
            .collect();
        folders.dedup();
        if folders.len() <= most {
            return folders;
        }
    }
    vec![String::new()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Type;
    use serde_json::json;

    fn window(expression: &str, start: Option<&str>, input: Value) -> Result<Vec<String>, String> {
        let definition = json!({ "MonitoringInputs": [{ "EndpointInput": input }] });
        let plan = Plan::inline(&definition, Type::DataQuality);
        let config = json!({ "ScheduleConfig": {
            "ScheduleExpression": expression, "DataAnalysisStartTime": start, "DataAnalysisEndTime": start.map(|_| "-PT0H"),
        } });
        // 2026-01-02T03:30.
        Ok(hours(of(&config, &plan, 1_767_324_600_000)?))
    }

    #[test]
    fn a_window_is_what_came_since_the_run_before_or_what_offsets_say() {
        let none = || json!({});
        assert_eq!(window("NOW", Some("-PT1H"), none()).unwrap(), ["2026/01/02/02", "2026/01/02/03"]);
        let own = json!({ "StartTimeOffset": "-PT3H", "EndTimeOffset": "-PT2H" });
        assert_eq!(window("NOW", Some("-PT1H"), own).unwrap(), ["2026/01/02/00", "2026/01/02/01"]);
        let wrong = json!({ "StartTimeOffset": "-PT1H", "EndTimeOffset": "-PT2H" });
        assert!(window("NOW", Some("-PT1H"), wrong).unwrap_err().contains("empty"));
        assert_eq!(hours((HOUR, 2 * HOUR)), ["1970/01/01/01"]);
    }

    #[test]
    fn many_hours_are_taken_by_their_days() {
        let found = |hours: &[&str]| -> Vec<(String, String)> {
            hours.iter().map(|hour| ("v".to_owned(), (*hour).to_owned())).collect()
        };
        let two = found(&["2026/01/01/22", "2026/01/01/23"]);
        assert_eq!(folders(&two, 8), ["v/2026/01/01/22", "v/2026/01/01/23"]);
        assert_eq!(folders(&two, 1), ["v/2026/01/01"]);
        let days = found(&["2026/01/01/22", "2026/01/02/00", "2026/02/02/00"]);
        assert_eq!(folders(&days, 2), ["v/2026/01", "v/2026/02"]);
        assert_eq!(folders(&days, 1), ["v/2026"]);
        let variants = [("a".to_owned(), "2026/01/01/22".to_owned()), ("b".to_owned(), "2026/01/01/22".to_owned())];
        assert_eq!(folders(&variants, 1), [""]);
    }
}
