"""The main job with stock boto3: upload, train, register, approve, deploy, call."""

import concurrent.futures
import gzip
import hashlib
import io
import os
import re
import tarfile

import pytest

import harness


@pytest.fixture(scope="module")
def job(cloud):
    """A training job on all training digits, ten rounds, completed; with its bucket."""
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    bucket, name = harness.unique("mnist"), harness.unique("mnist")
    s3.create_bucket(Bucket=bucket)
    for part in ("train", "validation"):
        s3.put_object(Bucket=bucket, Key=f"{part}/{part}.csv", Body="\n".join(harness.digits(part)) + "\n")
    request = harness.training_job(name, bucket, rounds=10, train="train/", validation="validation/")
    created = sagemaker.create_training_job(**request)
    assert created["TrainingJobArn"] == harness.arn("training-job", name)
    return bucket, request, harness.completed(sagemaker, name)


def test_the_job_is_described_as_it_was_asked_for(job):
    bucket, request, told = job
    for member, value in request.items():
        if member in ("InputDataConfig", "OutputDataConfig", "AlgorithmSpecification"):
            continue
        assert told[member] == value, member
    assert told["OutputDataConfig"]["S3OutputPath"] == request["OutputDataConfig"]["S3OutputPath"]
    assert told["AlgorithmSpecification"]["TrainingImage"] == harness.XGBOOST
    assert [c["ChannelName"] for c in told["InputDataConfig"]] == ["train", "validation"]
    artifacts = f"s3://{bucket}/models/{request['TrainingJobName']}/output/model.tar.gz"
    assert told["ModelArtifacts"]["S3ModelArtifacts"] == artifacts
    assert told["SecondaryStatus"] == "Completed"
    statuses = [t["Status"] for t in told["SecondaryStatusTransitions"]]
    assert [s for s in statuses if s in ("Starting", "Downloading", "Training", "Uploading", "Completed")] == statuses
    assert statuses[0] == "Starting" and statuses[-3:] == ["Training", "Uploading", "Completed"]
    assert told["CreationTime"] <= told["TrainingStartTime"] <= told["TrainingEndTime"]
    seconds = (told["TrainingEndTime"] - told["TrainingStartTime"]).total_seconds()
    assert abs(told["TrainingTimeInSeconds"] - seconds) <= 1
    assert told["BillableTimeInSeconds"] >= 0
    assert told["EnableNetworkIsolation"] is False


def test_the_model_is_in_s3(cloud, job):
    bucket, request, _ = job
    key = f"models/{request['TrainingJobName']}/output/model.tar.gz"
    body = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        names = [member.name.removeprefix("./") for member in archive.getmembers() if member.isfile()]
        assert names == ["xgboost-model"]


def test_the_metrics_are_those_of_the_log(cloud, job):
    _, request, told = job
    name = request["TrainingJobName"]
    metrics = {m["MetricName"]: m["Value"] for m in told["FinalMetricDataList"]}
    lines = harness.log_lines(cloud, "/aws/sagemaker/TrainingJobs", f"{name}/algo-1-")
    rounds = [line for line in lines if re.search(r"\[\d+\]#011train-", line)]
    assert len(rounds) == 10, lines
    for what in ("train", "validation"):
        (metric,) = [m for m in metrics if m.startswith(f"{what}:")]
        logged = re.search(rf"{what}-{metric.split(':')[1]}:([0-9.]+)", rounds[-1])
        assert metrics[metric] == pytest.approx(float(logged[1]), abs=1e-5)
        # As SageMaker tells for its own algorithms: what it looks for in the log.
        (definition,) = [d for d in told["AlgorithmSpecification"]["MetricDefinitions"] if d["Name"] == metric]
        assert re.search(definition["Regex"], rounds[-1])[1] == logged[1]


def test_the_log_has_one_stream_a_host(cloud, job):
    name = job[1]["TrainingJobName"]
    logs = cloud.client("logs")
    found = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/")
    (stream,) = found["logStreams"]
    assert re.fullmatch(rf"{re.escape(name)}/algo-1-\d{{10}}", stream["logStreamName"])
    assert stream["firstEventTimestamp"] <= stream["lastEventTimestamp"]


def test_boto3s_own_waiter_sees_the_end(sagemaker, job):
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName=job[1]["TrainingJobName"], WaiterConfig={"Delay": 1, "MaxAttempts": 2})


def test_from_the_registry_to_answers(cloud, sagemaker, runtime, rows, job):
    artifacts = job[2]["ModelArtifacts"]["S3ModelArtifacts"]
    name = harness.unique("digits")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": harness.XGBOOST, "ModelDataUrl": artifacts}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    assert package == harness.arn("model-package", f"{name}/1")
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer={"ModelPackageName": package}
    )
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[harness.variant("all", name)])
    created = sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert created["EndpointArn"] == harness.arn("endpoint", name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    try:
        told = sagemaker.describe_endpoint(EndpointName=name)
        (variant,) = told["ProductionVariants"]
        assert (variant["VariantName"], variant["CurrentWeight"], variant["CurrentInstanceCount"]) == ("all", 1.0, 1)

        def ask(row):
            answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=row)
            assert answer["InvokedProductionVariant"] == "all"
            return float(answer["Body"].read())

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, [row for _, row in rows]))
        right = sum(float(label) == answer for (label, _), answer in zip(rows, answers))
        assert right / len(rows) >= 0.9

        # Many rows in one request are answered in order.
        batch = runtime.invoke_endpoint(
            EndpointName=name, ContentType="text/csv", Body="\n".join(row for _, row in rows[:50])
        )
        text = batch["Body"].read().decode()
        assert [float(v) for v in re.split(r"[,\n]+", text.strip())] == answers[:50]

        streams = cloud.client("logs").describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["logStreams"]
        assert streams and all(s["logStreamName"].startswith("all/") for s in streams)
    finally:
        sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    harness.refused(
        sagemaker.describe_endpoint,
        "ValidationException",
        f'Could not find endpoint "{harness.arn("endpoint", name)}".',
        EndpointName=name,
    )


def test_training_is_repeatable(sagemaker, digits, cloud):
    """The same input gives the same model."""
    bodies = []
    for _ in range(2):
        job = harness.unique("same")
        sagemaker.create_training_job(**harness.training_job(job, digits, rounds=2))
        harness.completed(sagemaker, job)
        key = f"models/{job}/output/model.tar.gz"
        archive = cloud.client("s3").get_object(Bucket=digits, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            bodies.append(tar.extractfile(tar.getmembers()[-1]).read())
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_bucket_is_place_enough(cloud, sagemaker, digits, end):
    """The SageMaker SDK's default output path is a bucket alone."""
    job = harness.unique("bare")
    request = harness.training_job(job, digits)
    request["OutputDataConfig"] = {"S3OutputPath": f"s3://{digits}{end}"}
    request["CheckpointConfig"] = {"S3Uri": f"s3://{digits}{end}"}
    sagemaker.create_training_job(**request)
    artifacts = harness.completed(sagemaker, job)["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == f"s3://{digits}/{job}/output/model.tar.gz"
    cloud.client("s3").head_object(Bucket=digits, Key=f"{job}/output/model.tar.gz")


def test_a_programs_metrics_log_and_hyperparameters(cloud, sagemaker, digits):
    """A training image of the user's own, from the image map, with metric definitions."""
    job = harness.unique("script")
    request = harness.training_job(job, digits, Environment={"GREETING": "hello"})
    request["AlgorithmSpecification"] = {
        "TrainingImage": "111122223333.dkr.ecr.us-east-1.amazonaws.com/script:1",
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=([0-9.]+);"}],
    }
    request["HyperParameters"] = {"epochs": "4", "note": "two words"}
    sagemaker.create_training_job(**request)
    told = harness.completed(sagemaker, job)
    assert [(m["MetricName"], m["Value"]) for m in told["FinalMetricDataList"]] == [("loss", pytest.approx(0.25))]
    lines = harness.log_lines(cloud, "/aws/sagemaker/TrainingJobs", f"{job}/")
    assert 'hyperparameters: {"epochs": "4", "note": "two words"}' in lines
    assert f"job: {job}" in lines and "on standard error" in lines
    assert [line for line in lines if line.startswith("epoch=")] == [f"epoch={i}; loss={1 / (i + 1):.3f};" for i in range(4)]


def test_a_program_reads_its_channel_from_pipes(cloud, sagemaker, digits):
    """Input mode Pipe: each epoch has a named pipe with the content of all objects."""
    parts = [os.urandom(300_000), b"", b"middle\n", os.urandom(70_000)]
    job = harness.unique("pipe")
    for number, part in enumerate(parts):
        cloud.client("s3").put_object(Bucket=digits, Key=f"{job}/{number}", Body=gzip.compress(part))
    request = harness.training_job(job, digits, train=f"{job}/", HyperParameters={"epochs": "2"})
    request["AlgorithmSpecification"] = {"TrainingImage": harness.PIPE_IMAGE, "TrainingInputMode": "Pipe"}
    request["InputDataConfig"][0]["CompressionType"] = "Gzip"
    sagemaker.create_training_job(**request)
    told = harness.completed(sagemaker, job)
    assert told["AlgorithmSpecification"]["TrainingInputMode"] == "Pipe"
    whole = b"".join(parts)
    said = f"{len(whole)} bytes, {hashlib.sha256(whole).hexdigest()}"
    lines = harness.log_lines(cloud, "/aws/sagemaker/TrainingJobs", f"{job}/")
    assert lines == ["mode: Pipe", f"epoch 0: {said}", f"epoch 1: {said}"]

    request["TrainingJobName"] = harness.unique("pipe")
    request["AlgorithmSpecification"]["TrainingImage"] = harness.XGBOOST
    harness.refused(
        sagemaker.create_training_job,
        "ValidationException",
        "AlgorithmSpecification.TrainingInputMode Pipe for the built-in xgboost is not supported by the embedded cloud. "
        "Use File or FastFile, or use a real AWS account for it (unset AWS_ENDPOINT_URL).",
        **request,
    )


def test_a_stopped_job_is_stopped(sagemaker, digits):
    job = harness.unique("stop")
    sagemaker.create_training_job(**harness.training_job(job, digits, rounds=100_000))
    harness.wait(
        lambda: sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"] == "Training", "the training begins"
    )
    sagemaker.stop_training_job(TrainingJobName=job)
    told = harness.finished(sagemaker, job)
    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "FailureReason" not in told
    harness.refused(
        sagemaker.stop_training_job,
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
        TrainingJobName=job,
    )
