"""Hyperparameter tuning jobs with stock boto3, the SageMaker SDK's HyperparameterTuner and the command line."""

import re
import time

import pytest

import harness
from command import Cli, manifest
from harness import SCRIPT_IMAGE, XGBOOST, log_lines, refused, role, unique, wait
from script_tools import sdk


def tuning_job(name, bucket, most=4, parallel=2, statics=None, **config):
    """Input of CreateHyperParameterTuningJob: a script whose loss is 1 / epochs."""
    training = harness.training_job(name, bucket)
    algorithm = {
        "TrainingImage": SCRIPT_IMAGE, "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=([0-9.]+);"}],
    }
    epochs = {"Name": "epochs", "MinValue": "1", "MaxValue": "50"}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {"IntegerParameterRanges": [epochs]},
            "RandomSeed": 3,
            **config,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": algorithm,
            "StaticHyperParameters": statics or {"seconds": "0"},
            **{key: training[key] for key in ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition")},
        },
    }


def finished(sagemaker, name):
    def look():
        told = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return told if told["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping") else None

    return wait(look, f"tuning job {name} ends")


def children(sagemaker, name, **arguments):
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name, PaginationConfig={"PageSize": 2}, **arguments
    )
    return [summary for page in pages for summary in page["TrainingJobSummaries"]]


def value(summary):
    return summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]


def test_a_tuning_job_from_its_creation_to_its_best_training_job(cloud, sagemaker, digits):
    name = unique("Tune")
    arn = harness.arn("hyper-parameter-tuning-job", name)
    request = tuning_job(name, digits)
    tags = [{"Key": "team", "Value": "data"}]
    created = sagemaker.create_hyper_parameter_tuning_job(**request, Tags=tags)
    assert created["HyperParameterTuningJobArn"] == arn
    told = finished(sagemaker, name)
    assert told["HyperParameterTuningJobStatus"] == "Completed", told.get("FailureReason")
    assert told["TrainingJobStatusCounters"] == {
        "Completed": 4, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }
    assert told["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    jobs = children(sagemaker, name)
    assert [job["TrainingJobName"][:-9] for job in jobs] == [f"{name}-{n:03}" for n in range(1, 5)]
    best = min(jobs, key=value)
    assert told["BestTrainingJob"] == best
    assert children(sagemaker, name, SortBy="FinalObjectiveMetricValue")[0] == best
    assert told["CreationTime"] <= best["CreationTime"] <= best["TrainingEndTime"] <= told["HyperParameterTuningEndTime"]
    for job in jobs:
        epochs = int(job["TunedHyperParameters"]["epochs"])
        assert 1 <= epochs <= 50 and value(job) == pytest.approx(1 / epochs, abs=1e-3)
        trained = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
        assert trained["TuningJobArn"] == arn
        assert trained["HyperParameters"] == {"seconds": "0", "_tuning_objective_metric": "loss", "epochs": str(epochs)}
        assert sagemaker.list_tags(ResourceArn=trained["TrainingJobArn"])["Tags"] == tags
        assert len(log_lines(cloud, "/aws/sagemaker/TrainingJobs", f"{job['TrainingJobName']}/algo-1-")) == epochs + 3
    (summary,) = harness.listed(sagemaker, "list_hyper_parameter_tuning_jobs", NameContains=name)
    assert summary["Strategy"] == "Random" and summary["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 4
    message = f"A hyperparameter tuning job with the name, {name.lower()}, already exists. Choose a different name."
    refused(sagemaker.create_hyper_parameter_tuning_job, "ResourceInUse", message, **request)
    sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    message = f"Amazon SageMaker can't find a tuning job called {name.lower()}. Type another name."
    refused(sagemaker.describe_hyper_parameter_tuning_job, "ResourceNotFound", message, HyperParameterTuningJobName=name)
    sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])


def test_a_model_of_the_objective_finds_better_digits_than_its_first_trial(sagemaker, s3, bucket):
    for part, rows in (("train", 600), ("validation", 300)):
        s3.put_object(Bucket=bucket, Key=f"{part}.csv", Body="\n".join(harness.digits(part, rows)) + "\n")
    name = unique("mnist")
    training = harness.training_job(name, bucket, train="train.csv", validation="validation.csv")
    request = tuning_job(
        name, bucket, most=7, parallel=1, Strategy="Bayesian",
        statics={"objective": "multi:softmax", "num_class": "10", "num_round": "4"},
        HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "validation:merror"},
        ParameterRanges={
            "ContinuousParameterRanges": [
                {"Name": "eta", "MinValue": "0.001", "MaxValue": "0.9", "ScalingType": "Logarithmic"},
                {"Name": "subsample", "MinValue": "0.1", "MaxValue": "1"},
            ],
            "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "8"}],
        },
    )
    request["TrainingJobDefinition"].update(
        AlgorithmSpecification=training["AlgorithmSpecification"], InputDataConfig=training["InputDataConfig"]
    )
    sagemaker.create_hyper_parameter_tuning_job(**request)
    told = finished(sagemaker, name)
    assert told["HyperParameterTuningJobStatus"] == "Completed", told.get("FailureReason")
    jobs = children(sagemaker, name)
    assert len(jobs) == 7 and value(told["BestTrainingJob"]) < value(jobs[0]) - 0.02, [value(job) for job in jobs]
    best = sagemaker.describe_training_job(TrainingJobName=told["BestTrainingJob"]["TrainingJobName"])
    metrics = {metric["MetricName"]: metric["Value"] for metric in best["FinalMetricDataList"]}
    assert metrics["validation:merror"] == value(told["BestTrainingJob"])
    assert best["HyperParameters"]["_tuning_objective_metric"] == "validation:merror"
    s3.head_object(Bucket=bucket, Key=best["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3])
    request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] = "train:merror"
    request["HyperParameterTuningJobName"] = unique("wrong")
    error = refused(sagemaker.create_hyper_parameter_tuning_job, "ValidationException", **request)["Error"]["Message"]
    assert "The objective metric train:merror is not valid" in error and "validation:merror" in error


def test_jobs_that_get_worse_are_stopped_early(sagemaker, digits):
    name = unique("early")
    # The loss falls, so that for who wants more of it each epoch is worse than the average of the ones before.
    request = tuning_job(
        name, digits, most=5, parallel=1, statics={"seconds": "3"}, TrainingJobEarlyStoppingType="Auto",
        HyperParameterTuningJobObjective={"Type": "Maximize", "MetricName": "loss"},
        ParameterRanges={"IntegerParameterRanges": [{"Name": "epochs", "MinValue": "10", "MaxValue": "50"}]},
    )
    sagemaker.create_hyper_parameter_tuning_job(**request)
    told = finished(sagemaker, name)
    statuses = [job["TrainingJobStatus"] for job in children(sagemaker, name)]
    assert statuses == ["Completed"] * 3 + ["Stopped"] * 2
    assert told["TrainingJobStatusCounters"]["Stopped"] == 2 and told["ObjectiveStatusCounters"]["Succeeded"] == 5


def test_a_stop_stops_the_training_jobs(sagemaker, digits):
    name = unique("stop")
    sagemaker.create_hyper_parameter_tuning_job(**tuning_job(name, digits, statics={"seconds": "600"}))
    wait(lambda: len(children(sagemaker, name, StatusEquals="InProgress")) == 2, "two training jobs run")
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert finished(sagemaker, name)["HyperParameterTuningJobStatus"] == "Stopped"
    assert [job["TrainingJobStatus"] for job in children(sagemaker, name)] == ["Stopped"] * 2
    message = "The request was rejected because the hyperparameter tuning job is in status Stopped."
    refused(sagemaker.stop_hyper_parameter_tuning_job, "ValidationException", message, HyperParameterTuningJobName=name)


def test_a_tuning_job_survives_kills_of_the_cloud(fresh_cloud):
    cloud = fresh_cloud
    cloud.client("s3").create_bucket(Bucket="data")
    cloud.client("s3").put_object(Bucket="data", Key="small/train.csv", Body="0,1\n")
    request = tuning_job("t", "data", most=6, statics={"seconds": "1"})
    cloud.client("sagemaker").create_hyper_parameter_tuning_job(**request)

    def in_progress():
        return {job["TrainingJobName"] for job in children(cloud.client("sagemaker"), "t", StatusEquals="InProgress")}

    # A training job that dies with the cloud twice is not tried again: each kill meets others, however late this test looks.
    met = set()
    for _ in range(3):
        def others_run():
            names = in_progress()
            return names and not names & met

        def over():
            told = cloud.client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="t")
            return told["HyperParameterTuningJobStatus"] != "InProgress"

        wait(lambda: others_run() or over(), "those that a kill met are completed, and others run")
        left = harness.descendants(cloud.process.pid)
        cloud.kill()
        cloud.start()
        met |= in_progress()
        harness.gone(left)
    assert met, "no kill met a training job"
    sagemaker = cloud.client("sagemaker")
    told = finished(sagemaker, "t")
    assert (told["HyperParameterTuningJobStatus"], told["TrainingJobStatusCounters"]["Completed"]) == ("Completed", 6)
    jobs = children(sagemaker, "t")
    assert [job["TrainingJobName"][:6] for job in jobs] == [f"t-{n:03}-" for n in range(1, 7)]
    all_jobs = sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    assert sorted(job["TrainingJobName"] for job in all_jobs) == sorted(job["TrainingJobName"] for job in jobs)


SDK = """
import json, sys
import boto3, sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter
from sagemaker.tuner import WarmStartConfig, WarmStartTypes

image, role, bucket = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
estimator = Estimator(
    image_uri=image, role=role, instance_count=1, instance_type="ml.m5.xlarge", sagemaker_session=session,
    output_path=f"s3://{bucket}/models", hyperparameters={"objective": "multi:softmax", "num_class": 10, "num_round": 2},
)
ranges = {
    "eta": ContinuousParameter(0.1, 0.9, scaling_type="Logarithmic"),
    "max_depth": IntegerParameter(1, 6),
    "tree_method": CategoricalParameter(["hist", "exact"]),
}
channels = {part: TrainingInput(f"s3://{bucket}/{part}.csv", content_type="text/csv") for part in ("train", "validation")}


def run(name, **arguments):
    tuner = HyperparameterTuner(
        estimator, "validation:merror", arguments.pop("ranges", ranges), objective_type="Minimize",
        max_parallel_jobs=2, base_tuning_job_name=name, **arguments,
    )
    tuner.fit(channels, include_cls_metadata=False)
    tuner.wait()
    frame = tuner.analytics().dataframe()
    best = frame.sort_values("FinalObjectiveValue").iloc[0]
    print("JSON", json.dumps({
        "status": tuner.describe()["HyperParameterTuningJobStatus"], "jobs": len(frame),
        "columns": sorted(frame.columns), "best": tuner.best_training_job(), "first": best["TrainingJobName"],
        "value": best["FinalObjectiveValue"],
        "same": float(frame[frame.TrainingJobName == tuner.best_training_job()].FinalObjectiveValue.iloc[0]),
    }))
    return tuner


first = run("model", strategy="Bayesian", max_jobs=3, early_stopping_type="Auto")
run("grid", strategy="Grid", max_jobs=2, ranges={"tree_method": CategoricalParameter(["hist", "exact"])})
attached = HyperparameterTuner.attach(first.latest_tuning_job.name, sagemaker_session=session)
assert attached.best_training_job() == first.best_training_job()
assert attached.best_estimator().model_data.endswith("/output/model.tar.gz")
warm = WarmStartConfig(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, parents={first.latest_tuning_job.name})
again = run("again", strategy="Random", max_jobs=2, warm_start_config=warm)
print("JSON", json.dumps({"overall": again.describe()["OverallBestTrainingJob"]["TrainingJobName"]}))
"""


def test_the_tuner_of_the_sagemaker_sdk(cloud, s3, bucket, tmp_path):
    for part, rows in (("train", 200), ("validation", 100)):
        s3.put_object(Bucket=bucket, Key=f"{part}.csv", Body="\n".join(harness.digits(part, rows)) + "\n")
    *told, overall = sdk(cloud, tmp_path / "run", SDK, XGBOOST, role(), bucket)
    assert [(t["status"], t["jobs"]) for t in told] == [("Completed", 3), ("Completed", 2), ("Completed", 2)]
    assert all(t["value"] == t["same"] for t in told), told
    assert {"eta", "max_depth", "tree_method", "FinalObjectiveValue"} <= set(told[0]["columns"])
    # Two may be equally good.
    least = min(told[0]["value"], told[2]["value"])
    assert overall["overall"] in [t["best"] for t in (told[0], told[2]) if t["value"] == least], (told, overall)


def test_the_command_line_applies_waits_and_finds_no_change(cloud, account, tmp_path):
    cli = Cli(cloud, account, tmp_path)
    s3, bucket = cloud.client("s3", account), unique("cli")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="small/train.csv", Body="0,1\n")
    source = {"s3DataType": "S3Prefix", "s3URI": f"s3://{bucket}/small/", "s3DataDistributionType": "FullyReplicated"}

    def job(name, seconds):
        return manifest(
            "HyperParameterTuningJob", name, hyperParameterTuningJobName=name,
            hyperParameterTuningJobConfig={
                "strategy": "Random",
                "hyperParameterTuningJobObjective": {"type_": "Minimize", "metricName": "loss"},
                "resourceLimits": {"maxNumberOfTrainingJobs": 2, "maxParallelTrainingJobs": 2},
                "parameterRanges": {"integerParameterRanges": [{"name": "epochs", "minValue": "1", "maxValue": "9"}]},
            },
            trainingJobDefinition={
                "algorithmSpecification": {
                    "trainingImage": SCRIPT_IMAGE, "trainingInputMode": "File",
                    "metricDefinitions": [{"name": "loss", "regex": "loss=([0-9.]+);"}],
                },
                "roleARN": role(account),
                "staticHyperParameters": {"seconds": seconds},
                "inputDataConfig": [{"channelName": "train", "dataSource": {"s3DataSource": source}}],
                "outputDataConfig": {"s3OutputPath": f"s3://{bucket}/models"},
                "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
                "stoppingCondition": {"maxRuntimeInSeconds": 600},
            },
        )

    told = cli("apply", "-f", "-", stdin=job("declared", "0"))
    assert told.lines[-1] == "Done: 1 created."
    line = re.search(r"training jobs over: 2 of 2; best loss ([0-9.]+) \((declared-00[12]-\w{8})\)", told.err)
    assert line, told.err
    for named in (["hyperparametertuningjobs"], ["hyperparametertuningjob", "declared"], ["HyperParameterTuningJob/declared", "-o", "wide"]):
        row = cli("get", *named).table()[0]
        assert (row["STATUS"], row["JOBS"]) == ("Completed", "2 of 2")
        assert row["BEST"] == f"loss {line[1]} ({line[2]})"
    assert cli("wait", "HyperParameterTuningJob/declared").out == f"HyperParameterTuningJob/declared: Completed ({line[0]})\n"
    # Another job whose name begins in the same way has lines of its own.
    stream = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "declared-later/algo-1-1700000000"}
    logs = cloud.client("logs", account)
    logs.create_log_stream(**stream)
    logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": "another job's"}])
    lines = cli("logs", "HyperParameterTuningJob/declared").lines
    jobs = {line.split(": ")[0] for line in lines}
    assert len(jobs) == 2 and line[2] in jobs and all(re.fullmatch(r"declared-00[12]-\w{8}", job) for job in jobs)
    assert cli("wait", "HyperParameterTuningJob/declared", "-o", "name").out == "HyperParameterTuningJob/declared\n"
    assert cli("apply", "-f", "-", stdin=job("declared", "0")).lines[-1] == "Done: 1 unchanged."
    assert re.search(r"loss=1\.000", cli("logs", "HyperParameterTuningJob/declared").out)
    cli("apply", "--no-wait", "-f", "-", stdin=job("waiting", "600"))
    assert "HyperParameterTuningJob waiting" in cli("delete", "--yes", "HyperParameterTuningJob/waiting").out
    assert cli("get", "hyperparametertuningjob", "waiting").table()[0]["STATUS"] == "Stopped"
