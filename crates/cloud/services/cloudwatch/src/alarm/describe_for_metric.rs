//! `DescribeAlarmsForMetric`: alarms of one metric, without those of expressions.

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;

use super::{KIND, METRIC, config, shown, type_of};
use crate::CloudWatch;
use crate::input::metric;

/// Members that a request may name besides the metric.
const FURTHER: [&str; 4] = ["Statistic", "ExtendedStatistic", "Period", "Unit"];

pub(crate) async fn describe(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let of = |value: &Value| metric(call, value["Namespace"].as_str().unwrap_or_default(), value);
    let wanted = of(&call.input);
    let fits = |record: &Record| {
        let config = config(record);
        type_of(record) == METRIC
            && of(config) == wanted
            && FURTHER.iter().all(|member| match call.input.get(member) {
                None | Some(Value::Null) => true,
                given => config.get(member) == given,
            })
    };
    let all = cloudwatch.watch.store.list(&call.caller.account, &call.region, KIND).await?;
    Ok(json!({"MetricAlarms": all.iter().filter(|record| fits(record)).map(shown).collect::<Vec<_>>()}))
}
