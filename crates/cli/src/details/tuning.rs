//! Tuning jobs: how many training jobs are over, and the best one.

use sagewright_engine::Object;
use serde_json::Value;

/// `3 of 5, 1 failed`: training jobs that are over, of those that there will be.
pub(super) fn jobs(object: &Object) -> Option<String> {
    let counters = object.status.get("trainingJobStatusCounters")?;
    let count = |member: &str| counters.get(member).and_then(Value::as_u64).unwrap_or(0);
    let (completed, stopped) = (count("completed"), count("stopped"));
    let failed = count("nonRetryableError");
    let over = completed + stopped + failed;
    let limits = ["/hyperParameterTuningJobConfig/resourceLimits", "/resourceLimits"];
    let most = limits.iter().find_map(|at| {
        [&object.spec, &object.status]
            .into_iter()
            .find_map(|part| part.pointer(at)?.get("maxNumberOfTrainingJobs")?.as_u64())
    });
    let mut text = most.map_or_else(|| over.to_string(), |most| format!("{over} of {most}"));
    for (count, word) in [(failed, "failed"), (stopped, "stopped")] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    Some(text)
}

/// `test:auc 0.7524 (churn-002-1f2e3d4c)`: the best objective, and whose it is.
pub(super) fn best(object: &Object) -> Option<String> {
    let best = ["overallBestTrainingJob", "bestTrainingJob"].iter().find_map(|member| object.status.get(*member))?;
    let name = best.get("trainingJobName")?.as_str()?;
    let metric = best.get("finalHyperParameterTuningJobObjectiveMetric");
    let value = metric.and_then(|metric| Some(format!("{} {}", metric["metricName"].as_str()?, metric.get("value")?)));
    Some(value.map_or_else(|| name.to_owned(), |value| format!("{value} ({name})")))
}

/// Both in a line.
pub(super) fn line(object: &Object) -> Option<String> {
    let jobs = jobs(object)?;
    let best = best(object).map(|best| format!("; best {best}")).unwrap_or_default();
    Some(format!("training jobs over: {jobs}{best}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tuning_job_tells_how_far_it_is_and_what_was_best() {
        let kind = sagewright_kinds::find("HyperParameterTuningJob").unwrap();
        let mut object = Object::new(kind, "churn");
        assert_eq!((jobs(&object), best(&object), line(&object)), (None, None, None));
        object.spec = json!({"hyperParameterTuningJobConfig": {"resourceLimits": {"maxNumberOfTrainingJobs": 5}}});
        object.status = json!({"trainingJobStatusCounters": {"completed": 2, "nonRetryableError": 1, "inProgress": 2}});
        assert_eq!(line(&object).unwrap(), "training jobs over: 3 of 5, 1 failed");
        object.status["bestTrainingJob"] = json!({
            "trainingJobName": "churn-002-x",
            "finalHyperParameterTuningJobObjectiveMetric": {"metricName": "test:auc", "value": 0.7524},
        });
        assert_eq!(line(&object).unwrap(), "training jobs over: 3 of 5, 1 failed; best test:auc 0.7524 (churn-002-x)");
    }
}
