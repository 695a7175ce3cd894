//! `DescribeTrainingJob`

use serde_json::{Value, json};

use super::machine::TrainingJobs;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::resource::{self, Kind, required};
use sagewright_cloud_sagemaker_base::{SageMaker, machine};

/// The metrics of the XGBoost image that take no parameter, as its container registers them, with the first version of the
/// image that has each.
const METRICS: [(&str, &str); 33] = [
    ("accuracy", "0.90"),
    ("aft-nloglik", "1.2-1"),
    ("auc", "0"),
    ("aucpr", "0.90"),
    ("balanced_accuracy", "1.3"),
    ("cox-nloglik", "0.90"),
    ("error", "0"),
    ("f1", "0.90"),
    ("f1_binary", "1.2-2"),
    ("f1_macro", "1.2-2"),
    ("gamma-deviance", "0"),
    ("gamma-nloglik", "0"),
    ("interval-regression-accuracy", "1.2-1"),
    ("logloss", "0"),
    ("mae", "0"),
    ("map", "0"),
    ("mape", "1.3"),
    ("merror", "0"),
    ("mlogloss", "0"),
    ("mphe", "1.2-1"),
    ("mse", "0.90"),
    ("ndcg", "0"),
    ("poisson-nloglik", "0"),
    ("precision", "1.3"),
    ("precision_macro", "1.3"),
    ("precision_micro", "1.3"),
    ("r2", "1.2-2"),
    ("recall", "1.3"),
    ("recall_macro", "1.3"),
    ("recall_micro", "1.3"),
    ("rmse", "0"),
    ("rmsle", "1.0"),
    ("tweedie-nloglik", "0"),
];

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, Kind::TRAINING_JOB, required(call, "TrainingJobName")?).await?;
    let pool = machine::state::<TrainingJobs>(&record).pool;
    let mut found = Value::Object(resource::describe(Kind::TRAINING_JOB, record));
    let script = found.pointer("/HyperParameters/sagemaker_program").is_some();
    if let Some(Value::Object(algorithm)) = found.get_mut("AlgorithmSpecification") {
        let image = algorithm.get("TrainingImage").and_then(Value::as_str).unwrap_or_default();
        // SageMaker fills in what it reads from its own algorithms' logs; clients look for the names there.
        if let Some(definitions) = built_in(sm, image).filter(|_| !script) {
            algorithm.entry("MetricDefinitions").or_insert(definitions);
        }
    }
    if let Some(pool) = pool {
        pool.bill(&mut found, call.now.as_millisecond());
    }
    Ok(found)
}

/// `MetricDefinitions` of an image that is one of SageMaker's own algorithms.
pub(crate) fn built_in(sm: &SageMaker, image: &str) -> Option<Value> {
    (sm.env().runner.built_in(image) == Some("xgboost")).then(|| definitions(image))
}

fn definitions(image: &str) -> Value {
    // The tags of the first image, `1` and `latest`, do not name its version. All others sort as their versions do.
    let tag = image.rsplit(':').next().filter(|tag| tag.contains('-')).unwrap_or("0.72");
    let number = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)";
    let of_set = |set: &'static str| {
        METRICS.iter().filter(move |(_, since)| *since <= tag).map(move |(metric, _)| {
            let regex = format!(r".*\[[0-9]+\].*#011{set}-{metric}:{number}.*");
            json!({"Name": format!("{set}:{metric}"), "Regex": regex})
        })
    };
    of_set("train").chain(of_set("validation")).collect()
}

#[cfg(test)]
mod tests {
    use super::definitions;

    #[test]
    fn the_metrics_are_those_of_the_images_version() {
        for (tag, count, newest) in [
            ("xgboost:1", 13, "tweedie-nloglik"),
            ("sagemaker-xgboost:0.90-2", 18, "mse"),
            ("sagemaker-xgboost:1.2-1-cpu-py3", 22, "mphe"),
            ("sagemaker-xgboost:1.2-2", 25, "r2"),
            ("sagemaker-xgboost:1.7-1", 33, "mape"),
            ("sagemaker-xgboost:3.0-5", 33, "mape"),
        ] {
            let found = definitions(&format!("683313688378.dkr.ecr.us-east-1.amazonaws.com/{tag}"));
            let names: Vec<_> = found.as_array().unwrap().iter().filter_map(|d| d["Name"].as_str()).collect();
            assert_eq!(names.len(), 2 * count, "{tag}");
            assert!(names.contains(&format!("validation:{newest}").as_str()), "{tag}");
        }
    }
}
