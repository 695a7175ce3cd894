//! `DescribeTrainingJob`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{self, Kind, required};

/// The metrics of the XGBoost image that take no parameter, as its container registers them.
const METRICS: [&str; 33] = [
    "accuracy",
    "aft-nloglik",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "cox-nloglik",
    "error",
    "f1",
    "f1_binary",
    "f1_macro",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "map",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "ndcg",
    "poisson-nloglik",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
];

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, Kind::TRAINING_JOB, required(call, "TrainingJobName")?).await?;
    let mut found = Value::Object(resource::describe(Kind::TRAINING_JOB, record));
    if let Some(Value::Object(algorithm)) = found.get_mut("AlgorithmSpecification") {
        let image = algorithm.get("TrainingImage").and_then(Value::as_str).unwrap_or_default();
        // SageMaker fills in what it reads from its own algorithms' logs; clients look for the names there.
        if sm.env().runner.built_in(image) == Some("xgboost") {
            algorithm.entry("MetricDefinitions").or_insert_with(definitions);
        }
    }
    Ok(found)
}

fn definitions() -> Value {
    let number = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)";
    let of_set = |set: &'static str| {
        METRICS.iter().map(move |metric| {
            let regex = format!(r".*\[[0-9]+\].*#011{set}-{metric}:{number}.*");
            json!({"Name": format!("{set}:{metric}"), "Regex": regex})
        })
    };
    of_set("train").chain(of_set("validation")).collect()
}
