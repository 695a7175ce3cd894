//! `BatchGetMetrics`

use std::collections::BTreeMap;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::parse_arn;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::point::Point;
use super::stats::Stats;
use super::{CHUNK, summaries, values_key};

/// So many values answer a query; the first ones of more.
const MOST: usize = 10_000;

pub async fn get(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let mut results = Vec::new();
    for query in call.input["MetricQueries"].as_array().into_iter().flatten() {
        let result = match Query::read(query) {
            Ok(wanted) => answer(sm, call, query, wanted).await?,
            Err(why) => Err(why),
        };
        results.push(result.unwrap_or_else(
            |why| json!({ "Status": "ValidationError", "Message": why, "XAxisValues": [], "MetricValues": [] }),
        ));
    }
    Ok(json!({ "MetricQueryResults": results }))
}

async fn answer(sm: &SageMaker, call: &Call, query: &Value, wanted: Query) -> Result<Result<Value, String>, ApiError> {
    let text = |member: &str| query[member].as_str().unwrap_or_default();
    let (arn, metric) = (text("ResourceArn"), text("MetricName"));
    let component: Record = match parse_arn(call, arn) {
        Some((kind, name)) if kind == Kind::TRIAL_COMPONENT => {
            match sm.find(call, Kind::TRIAL_COMPONENT, &name).await {
                Ok(component) => component,
                Err(error) if error.status < 500 => return Ok(Err(error.message)),
                Err(error) => return Err(error),
            }
        }
        _ => {
            return Ok(Err(format!(
                "{arn} is no trial component of this account and region. The metrics of jobs are in CloudWatch \
                 (GetMetricStatistics)."
            )));
        }
    };
    let count = summaries(&component).find(|(known, _)| *known == metric).map_or(0, |(_, stats)| stats.count);
    let mut found = Found::default();
    for chunk in 0..count.div_ceil(CHUNK) {
        let values = sm.env().store.shared(&values_key(&component.key, metric, chunk * CHUNK)).await?;
        let points = values.as_ref().and_then(|values| values.record.body["Points"].as_array());
        for point in points.into_iter().flatten().filter_map(Point::read) {
            found.add(&wanted, &point);
        }
    }
    Ok(Ok(found.shown(text("MetricStat"))))
}

/// Which values are put together, and which are left out.
struct Query {
    /// Seconds; by steps where there are none.
    period: Option<i64>,
    /// First and last step or second.
    from: i64,
    to: i64,
}

impl Query {
    fn read(query: &Value) -> Result<Self, String> {
        let period = match query["Period"].as_str().unwrap_or_default() {
            "OneMinute" => Some(60),
            "FiveMinute" => Some(300),
            "OneHour" => Some(3600),
            _ => None,
        };
        let by_steps = query["XAxisType"] == "IterationNumber";
        if by_steps != period.is_none() {
            return Err(
                "The Period IterationNumber goes with the XAxisType IterationNumber, and the other periods with \
                        Timestamp."
                    .to_owned(),
            );
        }
        let bound = |member: &str, open: i64| query[member].as_i64().unwrap_or(open);
        Ok(Self { period, from: bound("Start", i64::MIN), to: bound("End", i64::MAX) })
    }

    /// Where a value is on the x-axis. A value without a step is on none by steps.
    fn place(&self, point: &Point) -> Option<i64> {
        let second = point.at.div_euclid(1000);
        let at = if self.period.is_some() { second } else { point.step? };
        let place = self.period.map_or(at, |period| second - second.rem_euclid(period));
        (self.from..=self.to).contains(&at).then_some(place)
    }
}

/// The values of a query, put together.
#[derive(Default)]
struct Found {
    by_place: BTreeMap<i64, Stats>,
    truncated: bool,
}

impl Found {
    fn add(&mut self, query: &Query, point: &Point) {
        let Some(place) = query.place(point) else { return };
        self.by_place.entry(place).and_modify(|stats| stats.add(point)).or_insert_with(|| Stats::of(point));
        if self.by_place.len() > MOST {
            self.by_place.pop_last();
            self.truncated = true;
        }
    }

    fn shown(&self, stat: &str) -> Value {
        json!({
            "Status": if self.truncated { "Truncated" } else { "Complete" },
            "XAxisValues": self.by_place.keys().collect::<Vec<_>>(),
            "MetricValues": self.by_place.values().map(|stats| stats.get(stat)).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &Value, points: &[(i64, Option<i64>, f64)]) -> Found {
        let query = Query::read(query).unwrap();
        let mut found = Found::default();
        for (second, step, value) in points {
            found.add(&query, &Point { at: second * 1000 + 500, step: *step, value: *value });
        }
        found
    }

    #[test]
    fn values_are_put_together_by_steps_or_by_time() {
        let points =
            [(0, Some(1), 1.0), (59, Some(1), 3.0), (60, Some(2), 5.0), (130, None, 9.0), (3601, Some(0), 7.0)];
        let steps = |more: Value| {
            let mut query = json!({ "Period": "IterationNumber", "XAxisType": "IterationNumber" });
            query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            query
        };
        for (query, stat, x, y) in [
            (steps(json!({})), "Avg", vec![0, 1, 2], vec![7.0, 2.0, 5.0]),
            (steps(json!({ "Start": 1, "End": 1 })), "Count", vec![1], vec![2.0]),
            (
                json!({ "Period": "OneMinute", "XAxisType": "Timestamp" }),
                "Last",
                vec![0, 60, 120, 3600],
                vec![3.0, 5.0, 9.0, 7.0],
            ),
            (json!({ "Period": "FiveMinute", "XAxisType": "Timestamp", "End": 60 }), "Max", vec![0], vec![5.0]),
            (
                json!({ "Period": "OneHour", "XAxisType": "Timestamp", "Start": 59 }),
                "Min",
                vec![0, 3600],
                vec![3.0, 7.0],
            ),
        ] {
            let shown = found(&query, &points).shown(stat);
            assert_eq!(shown, json!({ "Status": "Complete", "XAxisValues": x, "MetricValues": y }), "{query}");
        }
        assert!(Query::read(&json!({ "Period": "OneMinute", "XAxisType": "IterationNumber" })).is_err());
        assert!(Query::read(&json!({ "Period": "IterationNumber", "XAxisType": "Timestamp" })).is_err());
    }

    #[test]
    fn the_first_values_answer_where_there_are_too_many() {
        let query = json!({ "Period": "IterationNumber", "XAxisType": "IterationNumber" });
        let points: Vec<_> = (0..=MOST as i64).rev().map(|step| (0, Some(step), 1.0)).collect();
        let found = found(&query, &points);
        assert!(found.truncated && found.by_place.len() == MOST);
        assert_eq!(found.by_place.last_key_value().unwrap().0, &(MOST as i64 - 1));
    }
}
