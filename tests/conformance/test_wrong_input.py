"""Wrong input is told in AWS's own words, and changes nothing."""

import datetime
import json
import re
import socket
import time

import botocore.auth
import pytest

import harness
from harness import XGBOOST, arn, refused, role, training_job, variant

NAME = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
ROLE_PATTERN = r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"


@pytest.fixture
def sagemaker(cloud, account):
    """A client that sends what boto3 itself would refuse."""
    return cloud.client("sagemaker", account, parameter_validation=False)


@pytest.fixture
def unchanged(cloud, account):
    """An account with one of everything, which is the same after the test as before."""
    sagemaker, s3 = cloud.client("sagemaker", account), cloud.client("s3", account)
    s3.create_bucket(Bucket=f"kept-{account}")
    s3.put_object(Bucket=f"kept-{account}", Key="train.csv", Body="\n".join(harness.digits("train", 50)) + "\n")
    sagemaker.create_model(ModelName="kept", ExecutionRoleArn=role(account), PrimaryContainer={"Image": XGBOOST})
    sagemaker.create_endpoint_config(EndpointConfigName="kept", ProductionVariants=[variant("all", "kept")])
    sagemaker.create_model_package_group(ModelPackageGroupName="kept")
    before = harness.everything(cloud, account)
    yield f"kept-{account}"
    assert harness.everything(cloud, account) == before


def with_member(request, path, value):
    """The request with one member replaced; `None` removes it."""
    *parents, last = path.split(".")
    place = request
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return request


def violation(value, path, constraint):
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {constraint}"


LONG = "a" * 64

# Member, wrong value, what AWS says about it.
VIOLATIONS = [
    ("TrainingJobName", "bad name!!", [violation("bad name!!", "trainingJobName", f"satisfy regular expression pattern: {NAME}")]),
    (
        "TrainingJobName",
        LONG,
        [
            violation(LONG, "trainingJobName", "have length less than or equal to 63"),
            violation(LONG, "trainingJobName", f"satisfy regular expression pattern: {NAME}"),
        ],
    ),
    (
        "RoleArn",
        "notarn",
        [
            violation("notarn", "roleArn", "have length greater than or equal to 20"),
            violation("notarn", "roleArn", f"satisfy regular expression pattern: {ROLE_PATTERN}"),
        ],
    ),
    (
        "RoleArn",
        "arn:aws:iam::12345:role/short-account",
        [violation("arn:aws:iam::12345:role/short-account", "roleArn", f"satisfy regular expression pattern: {ROLE_PATTERN}")],
    ),
    ("RoleArn", None, [violation(None, "roleArn", "not be null")]),
    ("TrainingJobName", None, [violation(None, "trainingJobName", "not be null")]),
    ("OutputDataConfig.S3OutputPath", None, [violation(None, "outputDataConfig.s3OutputPath", "not be null")]),
    (
        "AlgorithmSpecification.TrainingInputMode",
        "Carrier Pigeon",
        [
            violation(
                "Carrier Pigeon",
                "algorithmSpecification.trainingInputMode",
                "satisfy enum value set: [Pipe, File, FastFile]",
            )
        ],
    ),
    (
        "ResourceConfig.InstanceCount",
        -5,
        [violation("-5", "resourceConfig.instanceCount", "have value greater than or equal to 0")],
    ),
    (
        "InputDataConfig.0.ChannelName",
        "no good",
        [violation("no good", "inputDataConfig.1.member.channelName", r"satisfy regular expression pattern: [A-Za-z0-9\.\-_]+")],
    ),
    (
        "InputDataConfig.0.DataSource.S3DataSource.S3DataType",
        "Everything",
        [
            violation(
                "Everything",
                "inputDataConfig.1.member.dataSource.s3DataSource.s3DataType",
                "satisfy enum value set: [ManifestFile, S3Prefix, AugmentedManifestFile, Converse]",
            )
        ],
    ),
    ("InputDataConfig", [], [violation("[]", "inputDataConfig", "have length greater than or equal to 1")]),
]


@pytest.mark.parametrize("member,value,told", VIOLATIONS, ids=[f"{m}={v}"[:40] for m, v, _ in VIOLATIONS])
def test_a_violation_is_told_with_its_path(cloud, sagemaker, account, unchanged, member, value, told):
    if "s3DataType" in told[0]:
        # The set grows with the service; the model that the client has says what is in it.
        shape = sagemaker.meta.service_model.shape_for("S3DataType")
        told = [re.sub(r"\[.*\]$", f"[{', '.join(shape.enum)}]", told[0])]
    request = with_member(training_job("job", unchanged, account, train="train.csv"), member, value)
    some = "1 validation error" if len(told) == 1 else f"{len(told)} validation errors"
    refused(sagemaker.create_training_job, "ValidationException", f"{some} detected: {'; '.join(told)}", **request)


def test_an_instance_type_is_told_with_the_whole_set(sagemaker, account, unchanged):
    request = with_member(training_job("job", unchanged, account), "ResourceConfig.InstanceType", "local")
    shape = sagemaker.meta.service_model.shape_for("TrainingInstanceType")
    message = violation("local", "resourceConfig.instanceType", f"satisfy enum value set: [{', '.join(shape.enum)}]")
    refused(
        sagemaker.create_training_job, "ValidationException", f"1 validation error detected: {message}", **request
    )


def test_several_violations_are_told_at_once(sagemaker, account, unchanged):
    request = training_job("bad name", unchanged, account)
    request["AlgorithmSpecification"]["TrainingInputMode"] = "Pigeon"
    request["InputDataConfig"].append({"ChannelName": "no good", "DataSource": {}})
    answer = refused(sagemaker.create_training_job, "ValidationException", **request)
    message = answer["Error"]["Message"]
    assert message.startswith("3 validation errors detected: "), message
    for told in (
        violation("bad name", "trainingJobName", f"satisfy regular expression pattern: {NAME}"),
        violation("Pigeon", "algorithmSpecification.trainingInputMode", "satisfy enum value set: [Pipe, File, FastFile]"),
        violation("no good", "inputDataConfig.2.member.channelName", r"satisfy regular expression pattern: [A-Za-z0-9\.\-_]+"),
    ):
        assert told in message


@pytest.mark.parametrize(
    "member,value,message",
    [
        ("ResourceConfig.InstanceCount", "abc", "STRING_VALUE can not be converted to an Integer"),
        ("ResourceConfig.InstanceCount", 1.5, "1.5 can not be converted to an Integer"),
        ("OutputDataConfig", [], "Start of list found where not expected"),
    ],
)
def test_a_wrong_type_is_a_serialization_error(cloud, account, unchanged, member, value, message):
    request = with_member(training_job("job", unchanged, account), member, value)
    status, answer = cloud.raw("CreateTrainingJob", request, keys=cloud.keys(account))
    assert (status, answer["__type"].rsplit("#")[-1]) == (400, "SerializationException")
    assert answer.get("message", answer.get("Message")) == message


def test_what_is_not_json_is_a_serialization_error(cloud, account, unchanged):
    for body in (b"{", b"[]", b'"text"', b"\xff\xfe", b'{"a":1}{'):
        status, answer = cloud.raw("ListModels", body, keys=cloud.keys(account))
        assert (status, answer["__type"].rsplit("#")[-1]) == (400, "SerializationException"), body


def test_an_unknown_member_is_ignored_as_aws_does(cloud, account):
    request = {"ModelName": "extra", "ExecutionRoleArn": role(account), "PrimaryContainer": {"Image": XGBOOST, "Colour": "red"}}
    status, answer = cloud.raw("CreateModel", {**request, "Nonsense": {"a": [1]}}, keys=cloud.keys(account))
    assert (status, answer) == (200, {"ModelArn": arn("model", "extra", account)})
    told = cloud.client("sagemaker", account).describe_model(ModelName="extra")
    assert "Nonsense" not in told and "Colour" not in told["PrimaryContainer"]


def test_an_unknown_operation_is_refused(cloud, account, unchanged):
    status, answer = cloud.raw("CreateSandwich", {}, keys=cloud.keys(account))
    assert (status, answer["__type"].rsplit("#")[-1]) == (400, "UnknownOperationException")


def test_an_operation_that_is_not_emulated_is_refused_by_name(cloud, account, unchanged):
    request = {"NotebookInstanceName": "n"}
    status, answer = cloud.raw("CreatePresignedNotebookInstanceUrl", request, keys=cloud.keys(account))
    assert status == 501
    assert "CreatePresignedNotebookInstanceUrl is not supported by the embedded cloud" in answer.get("message", answer.get("Message"))


def test_a_role_that_is_not_there_is_refused(sagemaker, account, unchanged):
    missing = f"arn:aws:iam::{account}:role/nobody"
    request = with_member(training_job("job", unchanged, account), "RoleArn", missing)
    answer = refused(sagemaker.create_training_job, "ValidationException", **request)
    assert missing in answer["Error"]["Message"] and "sagemaker.amazonaws.com" in answer["Error"]["Message"]


# Names that are taken, names that are missing


def test_a_taken_name_is_refused(cloud, sagemaker, account, unchanged):
    refused(
        sagemaker.create_model, "ValidationException",
        f'Cannot create already existing model "{arn("model", "kept", account)}".',
        ModelName="kept", ExecutionRoleArn=role(account), PrimaryContainer={"Image": XGBOOST},
    )
    refused(
        sagemaker.create_endpoint_config, "ValidationException",
        f'Cannot create already existing endpoint configuration "{arn("endpoint-config", "kept", account)}".',
        EndpointConfigName="kept", ProductionVariants=[variant("all", "kept")],
    )
    refused(
        sagemaker.create_model_package_group, "ValidationException",
        f"Model Package Group already exists: {arn('model-package-group', 'kept', account)}",
        ModelPackageGroupName="kept",
    )


def test_a_taken_job_name_is_refused(cloud, digits):
    sagemaker, name = cloud.client("sagemaker"), harness.unique("taken")
    sagemaker.create_training_job(**training_job(name, digits))
    refused(
        sagemaker.create_training_job, "ResourceInUse",
        "Training job names must be unique within an AWS account and region, and a training job with this name "
        f"already exists ({arn('training-job', name)})",
        **training_job(name, digits, rounds=2),
    )
    assert harness.completed(sagemaker, name)["HyperParameters"]["num_round"] == "1"


def test_a_taken_endpoint_name_is_refused(cloud, endpoint):
    sagemaker = cloud.client("sagemaker")
    refused(
        sagemaker.create_endpoint, "ValidationException",
        f'Cannot create already existing endpoint "{arn("endpoint", endpoint)}".',
        EndpointName=endpoint, EndpointConfigName=endpoint,
    )


def test_what_is_missing_is_told_by_its_arn(sagemaker, account, unchanged):
    where = {"account": account}
    cases = [
        (sagemaker.describe_training_job, {"TrainingJobName": "no"}, "Requested resource not found."),
        (sagemaker.stop_training_job, {"TrainingJobName": "no"}, "Requested resource not found."),
        (sagemaker.describe_model, {"ModelName": "no"}, f'Could not find model "{arn("model", "no", **where)}".'),
        (sagemaker.delete_model, {"ModelName": "no"}, f'Could not find model "{arn("model", "no", **where)}".'),
        (
            sagemaker.describe_endpoint_config, {"EndpointConfigName": "no"},
            f'Could not find endpoint configuration "{arn("endpoint-config", "no", **where)}".',
        ),
        (
            sagemaker.delete_endpoint_config, {"EndpointConfigName": "no"},
            f'Could not find endpoint configuration "{arn("endpoint-config", "no", **where)}".',
        ),
        (sagemaker.describe_endpoint, {"EndpointName": "no"}, f'Could not find endpoint "{arn("endpoint", "no", **where)}".'),
        (sagemaker.delete_endpoint, {"EndpointName": "no"}, f'Could not find endpoint "{arn("endpoint", "no", **where)}".'),
        (
            sagemaker.describe_model_package_group, {"ModelPackageGroupName": "no"},
            f"ModelPackageGroup {arn('model-package-group', 'no', **where)} does not exist.",
        ),
        (
            sagemaker.describe_model_package, {"ModelPackageName": arn("model-package", "kept/7", **where)},
            f"ModelPackage {arn('model-package', 'kept/7', **where)} does not exist.",
        ),
    ]
    for call, request, message in cases:
        refused(call, "ValidationException", message, **request)


def test_a_config_that_names_a_missing_model_is_refused(sagemaker, account, unchanged):
    refused(
        sagemaker.create_endpoint_config, "ValidationException",
        f'Could not find model "{arn("model", "missing", account)}".',
        EndpointConfigName="config", ProductionVariants=[variant("all", "missing")],
    )


def test_an_endpoint_that_names_a_missing_config_is_refused(sagemaker, account, unchanged):
    refused(
        sagemaker.create_endpoint, "ValidationException",
        f'Could not find endpoint configuration "{arn("endpoint-config", "missing", account)}".',
        EndpointName="endpoint", EndpointConfigName="missing",
    )


def test_a_package_for_a_missing_group_is_refused(sagemaker, account, unchanged):
    answer = refused(
        sagemaker.create_model_package, "ValidationException", ModelPackageGroupName="missing",
        InferenceSpecification={
            "Containers": [{"Image": XGBOOST}], "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    assert "missing" in answer["Error"]["Message"] and "does not exist" in answer["Error"]["Message"]


def test_model_data_that_is_not_there_is_refused(sagemaker, account, unchanged):
    uri = f"s3://{unchanged}/nothing/model.tar.gz"
    refused(
        sagemaker.create_model, "ValidationException", f"Could not find model data at {uri}.",
        ModelName="model", ExecutionRoleArn=role(account), PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": uri},
    )


def test_a_bucket_is_no_model(sagemaker, account, unchanged):
    for uri in (f"s3://{unchanged}", f"s3://{unchanged}/"):
        refused(
            sagemaker.create_model, "ValidationException", f"Could not find model data at {uri}.",
            ModelName="model", ExecutionRoleArn=role(account), PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": uri},
        )


@pytest.mark.parametrize("name,value", [("SAGEMAKER_SUBMIT_DIRECTORY", "s3://b/code"), ("SAGEMAKER_MULTI_MODEL", "true")])
def test_what_a_built_in_image_would_run_instead_is_refused(cloud, artifacts, name, value):
    sagemaker = cloud.client("sagemaker")
    container = {"Image": XGBOOST, "ModelDataUrl": artifacts, "Environment": {name: value}}
    request = {"ModelName": harness.unique("script"), "ExecutionRoleArn": role(), "PrimaryContainer": container}
    message = refused(sagemaker.create_model, "ValidationException", **request)["Error"]["Message"]
    assert f"The variable {name}" in message and "image map" in message
    sagemaker.create_model(**request | {"PrimaryContainer": container | {"Environment": {name: ""}}})


def test_an_update_while_updating_is_refused(cloud, model, endpoint):
    sagemaker = cloud.client("sagemaker")
    config = harness.unique("next")
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant("all", model)])
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    message = f'Cannot update in-progress endpoint "{arn("endpoint", endpoint)}".'
    refused(
        sagemaker.update_endpoint, "ValidationException", message, EndpointName=endpoint, EndpointConfigName=endpoint
    )
    assert harness.in_service(sagemaker, endpoint)["EndpointConfigName"] == config


def test_an_unknown_image_is_refused_with_what_to_do(sagemaker, account, unchanged):
    image = "999988887777.dkr.ecr.us-east-1.amazonaws.com/nobody-knows:1"
    request = with_member(training_job("job", unchanged, account), "AlgorithmSpecification.TrainingImage", image)
    for call, arguments in (
        (sagemaker.create_training_job, request),
        (
            sagemaker.create_model,
            {"ModelName": "m", "ExecutionRoleArn": role(account), "PrimaryContainer": {"Image": image}},
        ),
    ):
        message = refused(call, "ValidationException", **arguments)["Error"]["Message"]
        assert image in message and "images.toml" in message and "sagemaker-xgboost" in message


def test_an_entry_that_is_added_to_the_image_map_is_heeded_at_once(fresh_cloud):
    image = "999988887777.dkr.ecr.us-east-1.amazonaws.com/nobody-knows:1"
    sagemaker = fresh_cloud.client("sagemaker")
    request = {"ModelName": "m", "ExecutionRoleArn": role(), "PrimaryContainer": {"Image": image}}
    path = fresh_cloud.images[1]
    assert path in refused(sagemaker.create_model, "ValidationException", **request)["Error"]["Message"]
    with open(path, "a") as images:
        images.write(f'\n[[image]]\nmatch = "{image}"\ncommand = ["true"]\n')
    sagemaker.create_model(**request)


# Signatures and tokens


def spoil_body(request):
    request.data = json.dumps({"ModelName": "other"}).encode()


def spoil_target(request):
    request.headers.replace_header("X-Amz-Target", "SageMaker.DeleteModel")


@pytest.mark.parametrize("tamper", [None, spoil_body, spoil_target])
def test_a_bad_signature_is_refused(cloud, account, unchanged, tamper):
    key, secret = cloud.keys(account)
    if tamper is None:
        secret = secret[::-1]
    _, answer = cloud.raw("DescribeModel", {"ModelName": "kept"}, keys=(key, secret), tamper=tamper)
    assert answer["__type"].rsplit("#")[-1] == "InvalidSignatureException", answer
    assert answer.get("message", answer.get("Message")).startswith(
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method."
    )


def test_an_unknown_key_and_no_signature_are_refused(cloud, account, unchanged):
    _, answer = cloud.raw("ListModels", {}, keys=("AKIAIOSFODNN7EXAMPLE", "secret"))
    assert answer["__type"].rsplit("#")[-1] == "UnrecognizedClientException"
    assert answer.get("message", answer.get("Message")) == "The security token included in the request is invalid."
    _, answer = cloud.raw("ListModels", {}, signed=False)
    assert answer["__type"].rsplit("#")[-1] == "MissingAuthenticationTokenException"


def test_an_old_signature_is_refused(cloud, account, unchanged, monkeypatch):
    now = botocore.auth.get_current_datetime
    earlier = datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: now(*a, **k) - earlier)
    _, answer = cloud.raw("ListModels", {}, keys=cloud.keys(account))
    assert answer["__type"].rsplit("#")[-1] == "InvalidSignatureException"
    assert answer.get("message", answer.get("Message")).startswith("Signature expired: ")


def test_an_expired_token_is_refused(fresh_cloud, account):
    """Sessions last at least 15 minutes, so one is aged where it is stored."""
    cloud = fresh_cloud
    credentials = cloud.client("sts", account).get_session_token(DurationSeconds=900)["Credentials"]
    assert cloud.client("sagemaker", credentials=credentials).list_models()["Models"] == []
    cloud.stop()
    with cloud.state() as state:
        changed = state.execute("UPDATE record SET modified = ? WHERE kind = 'session'", [int((time.time() - 60) * 1000)])
        assert changed.rowcount >= 1
    state.close()
    cloud.start()
    refused(
        cloud.client("sagemaker", credentials=credentials).create_model_package_group,
        "ExpiredTokenException",
        "The security token included in the request is expired",
        status=400,
        ModelPackageGroupName="group",
    )
    refused(cloud.client("s3", credentials=credentials).list_buckets, "ExpiredToken", "The provided token has expired.")
    assert cloud.client("sagemaker", account).list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_a_token_that_is_not_the_sessions_is_refused(cloud, account):
    credentials = dict(cloud.client("sts", account).get_session_token()["Credentials"])
    credentials["SessionToken"] = credentials["SessionToken"][:-4] + "AAAA"
    refused(
        cloud.client("sagemaker", credentials=credentials).list_models, "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


# Uploads and jobs that go wrong


def test_a_truncated_upload_changes_nothing(cloud, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    path = "/" + url.split("/", 3)[3]
    host, port = cloud.listen.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"PUT {path} HTTP/1.1\r\nHost: {cloud.listen}\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 5000)
    harness.wait(lambda: s3.head_bucket(Bucket=bucket), "the cloud still answers")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"before"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_an_upload_with_a_wrong_digest_changes_nothing(s3, bucket):
    refused(s3.put_object, "BadDigest", Bucket=bucket, Key="k", Body=b"text", ContentMD5="rL0Y20zC+Fzt72VPzMSk2A==")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_script_that_crashes_fails_its_job(cloud, digits):
    sagemaker, job = cloud.client("sagemaker"), harness.unique("crash")
    request = training_job(job, digits)
    request["AlgorithmSpecification"]["TrainingImage"] = "111122223333.dkr.ecr.us-east-1.amazonaws.com/crash:1"
    sagemaker.create_training_job(**request)
    told = harness.finished(sagemaker, job)
    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == ("Failed", "Failed")
    reason = told["FailureReason"]
    assert reason.startswith("AlgorithmError: ") and "ValueError: no such column: label" in reason
    # As AWS does: at most 1,024 characters of what the script left, and the exit code.
    assert len(reason) <= 1024 + 64 and "exit code: 1" in reason
    # Describe tells where the model would have been; nothing is there.
    lines = harness.log_lines(cloud, "/aws/sagemaker/TrainingJobs", f"{job}/")
    assert "about to crash" in lines and any("Traceback" in line for line in lines)
    objects = cloud.client("s3").list_objects_v2(Bucket=digits, Prefix=f"models/{job}/output/model")
    assert objects["KeyCount"] == 0


def test_wrong_hyperparameters_fail_the_job(cloud, digits):
    sagemaker, job = cloud.client("sagemaker"), harness.unique("hyper")
    request = training_job(job, digits)
    request["HyperParameters"]["objective"] = "multi:nonsense"
    sagemaker.create_training_job(**request)
    told = harness.finished(sagemaker, job)
    assert told["TrainingJobStatus"] == "Failed"
    assert "objective" in told["FailureReason"] and "multi:nonsense" in told["FailureReason"]


def test_data_that_is_not_there_fails_the_job(cloud, digits):
    sagemaker, job = cloud.client("sagemaker"), harness.unique("nodata")
    answer = None
    try:
        sagemaker.create_training_job(**training_job(job, digits, train="nothing/here"))
    except sagemaker.exceptions.ClientError as error:
        # AWS looks for the data before it accepts the job in some regions, and after in others.
        answer = error.response["Error"]
    reason = answer["Message"] if answer else harness.finished(sagemaker, job)["FailureReason"]
    assert f"s3://{digits}/nothing/here" in reason and "No S3 objects found" in reason


def test_a_job_over_its_time_limit_is_stopped(cloud, digits):
    sagemaker, job = cloud.client("sagemaker"), harness.unique("slow")
    request = training_job(job, digits, rounds=1_000_000)
    request["StoppingCondition"]["MaxRuntimeInSeconds"] = 2
    sagemaker.create_training_job(**request)
    told = harness.finished(sagemaker, job)
    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert told["TrainingTimeInSeconds"] >= 2
    assert told["SecondaryStatusTransitions"][-1]["Status"] == "MaxRuntimeExceeded"


def test_a_serving_script_that_crashes_fails_its_endpoint(cloud):
    sagemaker, name = cloud.client("sagemaker"), harness.unique("crash")
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/crash:1"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(), PrimaryContainer={"Image": image})
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant("all", name)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    told = harness.settled(sagemaker, name)
    assert told["EndpointStatus"] == "Failed"
    assert told["FailureReason"].startswith("The primary container for production variant all did not pass the ping health check.")
    sagemaker.delete_endpoint(EndpointName=name)
