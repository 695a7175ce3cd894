//! Requests beside those that Model Monitor has been seen to make.

use super::*;
use crate::plan::Plan;

fn state(monitoring: Type, definition: Option<&str>) -> State {
    let stored = json!({
        "DataQualityAppSpecification": {
            "ImageUri": "1.dkr.ecr.us-east-2.amazonaws.com/sagemaker-model-monitor-analyzer", "Environment": { "own": "x" },
        },
        "DataQualityBaselineConfig": {
            "ConstraintsResource": { "S3Uri": "s3://b/base/constraints.json" },
            "StatisticsResource": { "S3Uri": "s3://b/base/statistics.json" },
        },
        "DataQualityJobInput": { "EndpointInput": { "EndpointName": "e", "LocalPath": "/opt/ml/processing/input/endpoint" } },
        "DataQualityJobOutputConfig": { "MonitoringOutputs": [{ "S3Output": {
            "S3Uri": "s3://b/reports", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "Continuous",
        } }] },
        "ModelQualityAppSpecification": {
            "ImageUri": "1.dkr.ecr.us-east-2.amazonaws.com/sagemaker-model-monitor-analyzer", "ProblemType": "Regression",
        },
        "ModelQualityBaselineConfig": { "ConstraintsResource": { "S3Uri": "s3://b/base/constraints.json" } },
        "ModelQualityJobInput": {
            "EndpointInput": { "EndpointName": "e", "LocalPath": "/opt/ml/processing/input", "InferenceAttribute": "0" },
            "GroundTruthS3Input": { "S3Uri": "s3://b/truth/" },
        },
        "ModelQualityJobOutputConfig": { "MonitoringOutputs": [{ "S3Output": {
            "S3Uri": "s3://b/reports/", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "Continuous",
        } }] },
        "JobResources": { "ClusterConfig": { "InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20 } },
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "StoppingCondition": { "MaxRuntimeInSeconds": 1800 },
    });
    State {
        plan: Plan { definition: definition.map(str::to_owned), ..Plan::stored("d", monitoring, &stored) },
        schedule: "s".to_owned(),
        // 2021-05-06T23:00Z
        scheduled: 1_620_342_000_000,
        window: (1_620_338_400_000, 1_620_342_000_000),
        suffix: "de32d8acceeef6a1626b8fa6".to_owned(),
        done: 0,
        created: false,
    }
}

fn data() -> Data {
    Data {
        source: "s3://b/capture/e".to_owned(),
        found: vec![("AllTraffic".to_owned(), "2021/05/06/22".to_owned())],
        truths: vec!["2021/05/06/22".to_owned()],
    }
}

fn places(request: &Value) -> Vec<(&str, &str, &str)> {
    let inputs = request["ProcessingInputs"].as_array().unwrap();
    let text = |value: &'_ Value| -> &'static str { Box::leak(value.as_str().unwrap().to_owned().into_boxed_str()) };
    inputs
        .iter()
        .map(|i| (text(&i["InputName"]), text(&i["S3Input"]["LocalPath"]), text(&i["S3Input"]["S3Uri"])))
        .collect()
}

#[test]
fn data_quality_is_one_job_over_what_was_captured() {
    let state = state(Type::DataQuality, Some("d"));
    assert_eq!(state.job(), Some(Job::Analyse));
    let request = state.request(Job::Analyse, &data());
    assert_eq!(request["ProcessingJobName"], "data-quality-monitoring-202105062300-de32d8acceeef6a1626b8fa6");
    assert_eq!(
        places(&request),
        [
            ("baseline", "/opt/ml/processing/baseline/stats", "s3://b/base/statistics.json"),
            ("constraints", "/opt/ml/processing/baseline/constraints", "s3://b/base/constraints.json"),
            (
                "endpoint_input_1",
                "/opt/ml/processing/input/endpoint/e/AllTraffic/2021/05/06/22",
                "s3://b/capture/e/AllTraffic/2021/05/06/22",
            ),
        ]
    );
    assert_eq!(
        request["Environment"],
        json!({
            "own": "x",
            "dataset_format": "{\"sagemakerCaptureJson\":{\"captureIndexNames\":[\"endpointInput\",\"endpointOutput\"]}}",
            "dataset_source": "/opt/ml/processing/input/endpoint",
            "output_path": "/opt/ml/processing/output",
            "sagemaker_endpoint_name": "e",
            "sagemaker_monitoring_schedule_name": "s",
            "start_time": "2021-05-06T22:00:00Z",
            "metric_time": "2021-05-06T22:00:00Z",
            "end_time": "2021-05-06T23:00:00Z",
            "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
            "baseline_statistics": "/opt/ml/processing/baseline/stats/statistics.json",
            "publish_cloudwatch_metrics": "Enabled",
        })
    );
    let output = &request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"];
    assert_eq!(output["S3Uri"], "s3://b/reports/e/s/2021/05/06/23");
    assert_eq!(request["StoppingCondition"], json!({ "MaxRuntimeInSeconds": 1800 }));
}

#[test]
fn a_definition_inside_a_schedule_has_jobs_of_another_name() {
    let name = self::state(Type::DataQuality, None).name(Job::Analyse);
    assert_eq!(name, "model-monitoring-202105062300-de32d8acceeef6a1626b8fa6");
}

#[test]
fn model_quality_merges_ground_truth_first() {
    let mut state = state(Type::ModelQuality, Some("d"));
    assert_eq!(state.job(), Some(Job::Merge));
    let merge = state.request(Job::Merge, &data());
    assert_eq!(merge["ProcessingJobName"], "groundtruth-merge-202105062300-de32d8acceeef6a1626b8fa6");
    assert_eq!(
        merge["AppSpecification"]["ImageUri"],
        "1.dkr.ecr.us-east-2.amazonaws.com/sagemaker-model-monitor-groundtruth-merger"
    );
    assert_eq!(
        places(&merge),
        [
            ("groundtruth_input_1", "/opt/ml/processing/groundtruth/2021/05/06/22", "s3://b/truth/2021/05/06/22"),
            (
                "endpoint_input_1",
                "/opt/ml/processing/input_data/e/AllTraffic/2021/05/06/22",
                "s3://b/capture/e/AllTraffic/2021/05/06/22",
            ),
        ]
    );
    assert_eq!(merge["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"], "s3://b/reports/merge");
    state.done = 1;
    assert_eq!(state.job(), Some(Job::Analyse));
    let request = state.request(Job::Analyse, &Data { source: state.merged(), ..data() });
    assert_eq!(request["ProcessingJobName"], "model-quality-monitoring-202105062300-de32d8acceeef6a1626b8fa6");
    assert_eq!(
        places(&request),
        [
            ("constraints", "/opt/ml/processing/baseline/constraints", "s3://b/base/constraints.json"),
            (
                "endpoint_input_1",
                "/opt/ml/processing/input_data/e/AllTraffic/2021/05/06/22",
                "s3://b/reports/merge/e/AllTraffic/2021/05/06/22",
            ),
        ]
    );
    let environment = &request["Environment"];
    assert_eq!(environment["dataset_format"], "{\"sagemakerMergeJson\":{\"captureIndexNames\":[\"endpointOutput\"]}}");
    assert_eq!(environment["analysis_type"], "MODEL_QUALITY");
    assert_eq!(
        (&environment["problem_type"], &environment["inference_attribute"]),
        (&json!("Regression"), &json!("0"))
    );
    state.done = 2;
    assert_eq!(state.job(), None);
}

#[test]
fn ground_truth_is_merged_by_the_same_program_whatever_analyses_it() {
    let of = |image: &str| {
        let mut state = state(Type::ModelQuality, Some("d"));
        image.clone_into(&mut state.plan.image);
        state.request(Job::Merge, &data())["AppSpecification"]["ImageUri"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("me/sagemaker-model-monitor-analyzer:1"), "me/sagemaker-model-monitor-groundtruth-merger");
    assert!(of("me/mine:1").ends_with(".amazonaws.com/sagemaker-model-monitor-groundtruth-merger"));
}

#[test]
fn a_job_has_no_more_inputs_than_it_may() {
    let state = state(Type::DataQuality, Some("d"));
    let found = (0..24).map(|hour| ("v".to_owned(), format!("2021/05/06/{hour:02}"))).collect();
    let request = state.request(Job::Analyse, &Data { found, ..data() });
    let places = places(&request);
    assert_eq!(places.len(), 3);
    assert_eq!(places[2].2, "s3://b/capture/e/v/2021/05/06");
}

#[test]
fn suffixes_tell_schedules_and_times_apart() {
    let all = [suffix("a", "1", 0), suffix("a", "1", 1), suffix("a", "2", 0), suffix("b", "1", 0)];
    let mut distinct = all.to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
    assert!(all.iter().all(|suffix| suffix.len() == 24));
    assert_eq!(suffix("a", "1", 0), all[0]);
}
