//! `PutMetricAlarm`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};

use super::{METRIC, asked, measured};
use crate::{CloudWatch, unsupported};

/// What CloudWatch heeds, and the embedded cloud does not.
const NOT_HERE: [(&str, &str); 6] = [
    ("ThresholdMetricId", "compare with a Threshold"),
    ("EvaluationWindow", "use Period and EvaluationPeriods"),
    ("WarmUpConfiguration", "leave it out"),
    ("EvaluationCriteria", "use Metrics"),
    ("EvaluationInterval", "leave it out"),
    ("ActionConfiguration", "leave it out"),
];

pub(crate) async fn put(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    for (member, instead) in NOT_HERE {
        if call.input.get(member).is_some_and(|value| !value.is_null()) {
            return Err(unsupported(&format!("{member} of PutMetricAlarm"), instead));
        }
    }
    let config = asked(call);
    measured(&call.caller.account, &call.region, &config)?;
    super::put::put(cloudwatch, call, METRIC, config).await?;
    Ok(json!({}))
}
