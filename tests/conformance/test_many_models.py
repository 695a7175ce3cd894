"""Endpoints that serve many models, and containers that are asked one by one."""

import json
import re
import subprocess

import pytest

import harness
from harness import SCRIPT_IMAGE, XGBOOST, refused, role, variant

MISSING = (
    "Failed to download model data(bucket: {bucket}, key: many/{name}). Please ensure that there is an object located at "
    "the URL and that the role passed to CreateModel has permissions to download the model."
)


@pytest.fixture(scope="module")
def lines(cloud):
    """A bucket with the models of two lines, a rising and a falling one, below `many/`."""
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    bucket = harness.unique("lines")
    s3.create_bucket(Bucket=bucket)
    jobs = {}
    for name, slope in (("rising", 1), ("falling", -1)):
        s3.put_object(Bucket=bucket, Key=f"{name}.csv", Body="".join(f"{slope * x},{x}\n" for x in range(100)))
        jobs[name] = harness.unique(name)
        hyperparameters = {"objective": "reg:squarederror", "num_round": "5"}
        request = harness.training_job(jobs[name], bucket, train=f"{name}.csv", HyperParameters=hyperparameters)
        sagemaker.create_training_job(**request)
    for name, job in jobs.items():
        harness.completed(sagemaker, job)
        source = {"Bucket": bucket, "Key": f"models/{job}/output/model.tar.gz"}
        s3.copy_object(Bucket=bucket, Key=f"many/{name}.tar.gz", CopySource=source)
    return bucket


@pytest.fixture
def many(sagemaker, deploy, lines):
    """An endpoint with whatever is below `many/`."""
    name = harness.unique("many")
    container = {"Image": XGBOOST, "Mode": "MultiModel", "ModelDataUrl": f"s3://{lines}/many/"}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(), PrimaryContainer=container)
    return deploy(variant("all", name))


def test_a_request_says_which_model_answers(runtime, s3, lines, many):
    def ask(model, x):
        answer = runtime.invoke_endpoint(EndpointName=many, ContentType="text/csv", Body=str(x), TargetModel=model)
        assert answer["InvokedProductionVariant"] == "all"
        return float(answer["Body"].read())

    assert ask("rising.tar.gz", 90) > 20 > -20 > ask("falling.tar.gz", 90)
    assert ask("rising.tar.gz", 90) == ask("/rising.tar.gz", 90)
    answer = refused(runtime.invoke_endpoint, "ValidationError", EndpointName=many, Body=b"1")
    request = answer["ResponseMetadata"]["RequestId"]
    assert answer["Error"]["Message"] == f"Request {request} is missing a target model header."
    late = {"EndpointName": many, "ContentType": "text/csv", "Body": b"90", "TargetModel": "sub/late.tar.gz"}
    told = MISSING.format(bucket=lines, name="sub/late.tar.gz")
    refused(runtime.invoke_endpoint, "ValidationError", told, **late)
    # A model that comes later needs no change of the endpoint.
    s3.copy_object(Bucket=lines, Key="many/sub/late.tar.gz", CopySource={"Bucket": lines, "Key": "many/falling.tar.gz"})
    assert ask("sub/late.tar.gz", 90) == ask("falling.tar.gz", 90)
    s3.put_object(Bucket=lines, Key="many/text.tar.gz", Body=b"no archive")
    broken = re.compile(r'Failed to extract model data archive for container "primary" from URL "s3://.*/many/text\.tar\.gz".*')
    refused(runtime.invoke_endpoint, "ValidationError", broken, **late | {"TargetModel": "text.tar.gz"})


def test_both_command_lines_name_the_model(cloud, aws, tmp_path, many):
    def ours(*more):
        command = [harness.binary(), "invoke", many, "--text", "90", *more]
        return subprocess.run(command, env=cloud.environment(), capture_output=True, text=True, timeout=harness.PATIENCE)

    assert float(ours("--target-model", "rising.tar.gz").stdout) > 20
    nameless = ours()
    assert nameless.returncode == 1 and "name the model with --target-model" in nameless.stderr
    answer = tmp_path / "answer"
    aws(
        "sagemaker-runtime", "invoke-endpoint", "--endpoint-name", many, "--content-type", "text/csv", "--body", "90",
        "--target-model", "falling.tar.gz", str(answer),
    )  # fmt: skip
    assert float(answer.read_text()) < -20


def test_an_endpoint_of_one_model_takes_no_target(runtime, endpoint):
    told = f"Endpoint {endpoint} is not a multi-model endpoint and does not support target model header."
    refused(runtime.invoke_endpoint, "ValidationError", told, EndpointName=endpoint, Body=b"1", TargetModel="a.tar.gz")


def test_containers_are_asked_one_by_one(sagemaker, runtime, deploy):
    name = harness.unique("direct")
    containers = [
        {"Image": SCRIPT_IMAGE, "ContainerHostname": word, "Environment": {"SAID": word}} for word in ("north", "south")
    ]
    direct = {"Mode": "Direct"}
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=role(), Containers=containers, InferenceExecutionConfig=direct
    )
    endpoint = deploy(variant("all", name))
    for word in ("south", "north"):
        answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x", TargetContainerHostname=word)
        assert json.loads(answer["Body"].read())["said"] == word
    answer = refused(runtime.invoke_endpoint, "ValidationError", EndpointName=endpoint, Body=b"x")
    assert "missing a target container hostname header" in answer["Error"]["Message"]
