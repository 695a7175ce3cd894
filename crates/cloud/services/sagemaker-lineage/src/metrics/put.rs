//! `BatchPutMetrics`

use std::collections::{BTreeMap, HashMap};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, CommitError, Key, Record, StoreError, Versioned, Write};
use sagewright_cloud_sagemaker_base::resource::{fields, locate, required};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::point::Point;
use super::stats::Stats;
use super::{METRICS, MOST, VALUES, is_logged, summaries, values_key};

/// How often a put is tried again that others came before. Each try means that another one got through.
const TRIES: usize = 1000;

/// A metric, and a value of it.
type Datum<'a> = (&'a str, Point);

pub async fn put(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::TRIAL_COMPONENT, required(call, "TrialComponentName")?)?;
    let data: Vec<Option<Datum<'_>>> = call.input["MetricData"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|datum| Some((datum["MetricName"].as_str()?, Point::given(call, datum)?)))
        .collect();
    for _ in 0..TRIES {
        let found = sm.env().store.get(&key).await?.ok_or_else(|| Kind::TRIAL_COMPONENT.missing(&arn))?;
        let (batch, errors) = writes(sm, found, &data, call.now.as_millisecond()).await?;
        match sm.env().store.commit(batch).await {
            Ok(()) if errors.is_empty() => return Ok(json!({})),
            Ok(()) => return Ok(json!({ "Errors": errors })),
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy { kind: VALUES.to_owned(), name: key.name }.into())
}

/// What adds the values that can be added, and the errors of the others.
async fn writes(
    sm: &SageMaker,
    mut component: Versioned,
    data: &[Option<Datum<'_>>],
    now: i64,
) -> Result<(Batch, Vec<Value>), StoreError> {
    let key = component.record.key.clone();
    let mut known: BTreeMap<String, Stats> =
        summaries(&component.record).map(|(metric, stats)| (metric.to_owned(), stats)).collect();
    let mut total: u64 = known.values().map(|stats| stats.count).sum();
    let mut added: HashMap<Key, Vec<Value>> = HashMap::new();
    let mut errors = Vec::new();
    for (index, datum) in data.iter().enumerate() {
        let mut refuse = |code: &str| errors.push(json!({ "Code": code, "MetricIndex": index }));
        let Some((metric, point)) = datum else {
            refuse("VALIDATION_ERROR");
            continue;
        };
        let place = known.get(*metric).map_or(0, |stats| stats.count);
        if total >= MOST || (place == 0 && known.len() >= METRICS) {
            refuse("METRIC_LIMIT_EXCEEDED");
            continue;
        }
        known.entry((*metric).to_owned()).and_modify(|stats| stats.add(point)).or_insert_with(|| Stats::of(point));
        added.entry(values_key(&key, metric, place)).or_default().push(point.stored());
        total += 1;
    }
    let mut batch = Batch::new();
    for (key, points) in added {
        batch.push(extended(sm, key, points, now).await?);
    }
    if !batch.is_empty() {
        show(&mut component.record, &known);
        batch.push(Write::Replace(component));
    }
    Ok((batch, errors))
}

/// Values behind those of a record, which may not be there yet.
async fn extended(sm: &SageMaker, key: Key, points: Vec<Value>, now: i64) -> Result<Write, StoreError> {
    let Some(mut found) = sm.env().store.get(&key).await? else {
        let body = json!({ "Points": points });
        return Ok(Write::Insert(Record {
            key,
            arn: String::new(),
            status: String::new(),
            created: now,
            modified: now,
            body,
        }));
    };
    if let Some(there) = found.record.body["Points"].as_array_mut() {
        there.extend(points);
    }
    Ok(Write::Replace(found))
}

/// Brings the summaries in a component up to date; those of a job's own metrics stay.
fn show(component: &mut Record, known: &BTreeMap<String, Stats>) {
    let arn = component.arn.clone();
    let Ok(body) = fields(component) else { return };
    let before = body.get("Metrics").and_then(Value::as_array).into_iter().flatten();
    let of_jobs: Vec<Value> = before.filter(|summary| !is_logged(summary)).cloned().collect();
    let own = known.iter().map(|(metric, stats)| stats.summary(metric, &arn));
    body.insert("Metrics".to_owned(), of_jobs.into_iter().chain(own).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_takes_the_place_of_its_own_summary_beside_a_jobs_metrics() {
        let stats = |value| Stats::of(&Point { at: 1000, step: None, value });
        let of_job = json!({"MetricName": "loss", "SourceArn": "job", "TimeStamp": 1.0, "Last": 0.5});
        let body = json!({"Metrics": [of_job, stats(1.0).summary("acc", "arn")]});
        let (key, arn, status) = (Key::new("1", "r", "k", "n"), "arn".to_owned(), String::new());
        let mut component = Record { key, arn, status, created: 0, modified: 0, body };
        show(&mut component, &BTreeMap::from([("acc".to_owned(), stats(2.0))]));
        assert_eq!(component.body["Metrics"], json!([of_job, stats(2.0).summary("acc", "arn")]));
    }
}
