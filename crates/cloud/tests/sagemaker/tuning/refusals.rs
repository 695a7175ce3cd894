//! What cannot be tuned.

use serde_json::{Value, json};

use super::{config, tuning_job, two_definitions};
use crate::support::{Cloud, with};

#[tokio::test]
async fn what_cannot_be_tuned_is_refused_and_changes_nothing() {
    let cloud = Cloud::new();
    let before = cloud.state().await;
    let ranges = |ranges: Value| config(tuning_job("t", 2, 1), "ParameterRanges", ranges);
    let continuous = |low: &str, high: &str, scaling: &str| {
        ranges(
            json!({"ContinuousParameterRanges": [{"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}]}),
        )
    };
    let integer = |low: &str, high: &str, scaling: &str| {
        ranges(
            json!({"IntegerParameterRanges": [{"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}]}),
        )
    };
    let limits = |limits: Value| config(tuning_job("t", 2, 1), "ResourceLimits", limits);
    let strategy = |strategy: &str| config(tuning_job("t", 2, 1), "Strategy", json!(strategy));
    let definition =
        |member: &str, value: Value| with(tuning_job("t", 2, 1), &format!("/TrainingJobDefinition/{member}"), value);
    let many: Vec<Value> = (0..16).map(|n| json!({"Name": format!("p{n}"), "Values": ["1", "2"]})).collect();
    let more: Vec<Value> =
        (0..15).map(|n| json!({"Name": format!("q{n}"), "MinValue": "1", "MaxValue": "2"})).collect();
    for (request, told) in [
        (
            with(tuning_job("t", 2, 1), "/Autotune", json!({"Mode": "Enabled"})),
            "Autotune is not supported by the embedded cloud",
        ),
        (ranges(json!({"AutoParameters": [{"Name": "x", "ValueHint": "1"}]})), "AutoParameters is not supported"),
        (ranges(json!({})), "There is no hyperparameter to tune"),
        (
            continuous("2", "1", "Auto"),
            "The hyperparameter x has the MinValue 2 and the MaxValue 1. MinValue must be less than MaxValue.",
        ),
        (continuous("1", "1", "Auto"), "MinValue must be less than MaxValue."),
        (continuous("low", "1", "Auto"), "'low' is not a number"),
        (continuous("NaN", "1", "Auto"), "'NaN' is not a number"),
        (continuous("0", "1", "Logarithmic"), "works only for ranges that have only values greater than 0"),
        (continuous("0", "1", "ReverseLogarithmic"), "works only for ranges within 0 <= x < 1"),
        (continuous("-1e308", "1e308", "Auto"), "a continuous range whose MaxValue - MinValue is not a finite number"),
        (integer("-9223372036854775808", "3", "Auto"), "Use integers below 2^53"),
        (integer("1.5", "3", "Auto"), "'1.5' is not an integer"),
        (integer("-1", "3", "Logarithmic"), "greater than 0"),
        (
            integer("1", "3", "ReverseLogarithmic"),
            "has an integer range, for which ReverseLogarithmic scaling is not supported",
        ),
        (
            ranges(json!({"CategoricalParameterRanges": many, "IntegerParameterRanges": more})),
            "There are 31 hyperparameters to tune; a tuning job can search over 30.",
        ),
        (
            ranges(json!({"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "1"]}]})),
            "has the value '1' twice",
        ),
        (
            ranges(json!({"CategoricalParameterRanges": [{"Name": "rounds", "Values": ["1", "2"]}]})),
            "The hyperparameter rounds is tuned and has a fixed value",
        ),
        (
            ranges(
                json!({"CategoricalParameterRanges": [{"Name": "x", "Values": ["1"]}], "IntegerParameterRanges": [{"Name": "x", "MinValue": "1", "MaxValue": "2"}]}),
            ),
            "The hyperparameter x has two ranges",
        ),
        (
            config(
                integer("1", "3", "Auto"),
                "ResourceLimits",
                json!({"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 1}),
            ),
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter combinations for the provided ranges [3.0] must be equal or greater than the value of MaxNumberOfJobs, [10]. Provide additional ranges.",
        ),
        (limits(json!({"MaxParallelTrainingJobs": 1})), "Nothing would end the tuning job"),
        (
            limits(json!({"MaxNumberOfTrainingJobs": 751, "MaxParallelTrainingJobs": 1})),
            "is 750 Training Jobs, with current utilization of 0 Training Jobs and a request delta of 751 Training Jobs.",
        ),
        (limits(json!({"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 101})), "is 100 Training Jobs"),
        (strategy("Grid"), "Only categorical parameters are supported when using the Grid strategy"),
        (
            config(
                ranges(json!({"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3"]}]})),
                "Strategy",
                json!("Grid"),
            ),
            "distinct categorical combinations possible, 3,",
        ),
        (
            strategy("Hyperband"),
            "MaxResource of HyperbandStrategyConfig is not set and cannot be taken from StaticHyperParameters",
        ),
        (
            config(
                strategy("Hyperband"),
                "StrategyConfig",
                json!({"HyperbandStrategyConfig": {"MinResource": 9, "MaxResource": 3}}),
            ),
            "MinResource is 9 and MaxResource 3",
        ),
        (
            config(strategy("Hyperband"), "TrainingJobEarlyStoppingType", json!("Auto")),
            "must be Off for the Hyperband strategy",
        ),
        (
            config(tuning_job("t", 2, 1), "StrategyConfig", json!({"HyperbandStrategyConfig": {"MaxResource": 3}})),
            "can only be set when the Strategy is Hyperband",
        ),
        (
            config(tuning_job("t", 2, 1), "HyperParameterTuningJobObjective", Value::Null),
            "An objective metric is required",
        ),
        (
            config(tuning_job("t", 2, 1), "HyperParameterTuningJobObjective/MetricName", json!("auc")),
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions.",
        ),
        (
            definition(
                "AlgorithmSpecification",
                json!({"TrainingImage": "built-in/xgboost:1.7-1", "TrainingInputMode": "File"}),
            ),
            "The objective metric loss is not valid for the algorithm of this image. Choose one of validation:accuracy, validation:aft-nloglik, validation:auc",
        ),
        (definition("AlgorithmSpecification/TrainingImage", json!("unknown")), "no image unknown on this machine"),
        (definition("RoleArn", json!("arn:aws:iam::000000000000:role/none")), "Could not assume role"),
        (definition("ResourceConfig", Value::Null), "needs a ResourceConfig"),
        (definition("HyperParameterTuningResourceConfig", json!({"InstanceType": "ml.m5.large"})), "and not both"),
        (
            definition("InputDataConfig/0/DataSource/S3DataSource/S3Uri", json!("s3://data/none")),
            "No S3 objects found under S3 URL \"s3://data/none\"",
        ),
        (
            with(tuning_job("t", 2, 1), "/TrainingJobDefinition", Value::Null),
            "Specify either TrainingJobDefinition or TrainingJobDefinitions",
        ),
        (
            with(two_definitions("t"), "/TrainingJobDefinitions/1/DefinitionName", json!("one")),
            "The DefinitionName one is used twice",
        ),
        (with(two_definitions("t"), "/TrainingJobDefinitions/1/DefinitionName", Value::Null), "needs a DefinitionName"),
        (
            with(two_definitions("t"), "/TrainingJobDefinitions/1/TuningObjective/Type", json!("Maximize")),
            "must have the same Type of TuningObjective",
        ),
        (
            config(two_definitions("t"), "ParameterRanges", json!({})),
            "each definition has its own TuningObjective and HyperParameterRanges",
        ),
    ] {
        let refused = cloud.refused("CreateHyperParameterTuningJob", request).await;
        assert!(refused.contains(told), "{told}: {refused}");
    }
    assert_eq!(cloud.state().await, before);
    let warm = json!({"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "none"}], "WarmStartType": "TransferLearning"});
    let refused =
        cloud.refused("CreateHyperParameterTuningJob", with(tuning_job("t", 2, 1), "/WarmStartConfig", warm)).await;
    assert_eq!(
        refused,
        "400 ResourceNotFound: Amazon SageMaker can't find a tuning job called none. Type another name."
    );
}
