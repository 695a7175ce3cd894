"""The request log (`local up --record`) and its replay on another cloud."""

import base64
import contextlib
import datetime
import json
import os
import socket
import stat
import subprocess
import threading

import pytest
from botocore.exceptions import ClientError

import conftest
import harness
from harness import SCRIPT_IMAGE

SECRET = "correct-horse-battery"


def recorded(folder, *more):
    """A cloud that records, and its file."""
    file = folder / "requests.jsonl"
    cloud = harness.Cloud(folder / "recorded", conftest.image_map(), arguments=["--record", str(file), *more])
    return cloud, file


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def replay(file, cloud, **environment):
    done = subprocess.run(
        [harness.binary(), "local", "replay", str(file), "--data", str(cloud.data), "-o", "json"],
        capture_output=True,
        text=True,
        env={**harness.clean_environment(), **environment},
        timeout=240,
    )
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    assert done.returncode == (1 if told["different"] else 0)
    return told


def session(cloud):
    """A session with S3, IAM, STS, SageMaker and its logs, and with refusals; gives what has to be kept secret."""
    s3, iam, sm = cloud.client("s3"), cloud.client("iam"), cloud.client("sagemaker")
    bucket = "recorded-bucket"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="small/train.csv", Body=b"1,2,3\n", Metadata={"made-by": "hand"})
    s3.put_object(Bucket=bucket, Key="a name with <&>", Body=b"")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"all of it")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == b"all of it"
    s3.list_objects_v2(Bucket=bucket, Prefix="s")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/parts")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}]})
    for call, arguments in [
        (s3.get_object, {"Bucket": bucket, "Key": "not there"}),
        (s3.head_object, {"Bucket": bucket, "Key": "not there"}),
        (sm.describe_model, {"ModelName": "not-there"}),
        (iam.get_role, {"RoleName": "not-there"}),
    ]:
        with pytest.raises(ClientError):
            call(**arguments)
    allowed = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [allowed]}
    iam.create_role(RoleName="recorded", AssumeRolePolicyDocument=json.dumps(trust), Description="a & b")
    iam.create_user(UserName="recorded")
    key = iam.create_access_key(UserName="recorded")["AccessKey"]
    iam.update_access_key(UserName="recorded", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    sm.add_tags(
        ResourceArn=sm.create_model(
            ModelName="recorded", ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": SCRIPT_IMAGE}
        )["ModelArn"],
        Tags=[{"Key": "a", "Value": "b"}],
    )
    sm.describe_model(ModelName="recorded")
    since = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    sm.list_models(NameContains="recorded", CreationTimeAfter=since)
    assumed = cloud.client("sts").assume_role(RoleArn=f"arn:aws:iam::{cloud.account}:role/recorded", RoleSessionName="recorded")["Credentials"]
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "parts"})
    with harness.requests.get(url) as response:
        assert response.content == b"all of it"
    sm.create_training_job(
        **{
            **harness.training_job("recorded", bucket),
            "AlgorithmSpecification": {"TrainingImage": SCRIPT_IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": {"epochs": "1"},
        }
    )
    harness.wait(
        lambda: sm.describe_training_job(TrainingJobName="recorded")["TrainingJobStatus"] == "Completed", "the job ends"
    )
    return [key["SecretAccessKey"], assumed["SecretAccessKey"], assumed["SessionToken"], cloud.secret_key, "Signature"]


def test_a_recorded_session_is_the_same_on_a_fresh_cloud_until_something_differs(tmp_path):
    cloud, file = recorded(tmp_path, "--record-bodies")
    secrets = session(cloud)
    assert cloud.stop() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert not [secret for secret in secrets if secret in text]
    head, *requests = lines(file)
    assert (head["format"], head["version"], head["bodies"]) == ("sagewright-requests", 1, True)
    named = {(r.get("service"), r.get("operation")) for r in requests}
    for operation in ("PutObject", "CompleteMultipartUpload", "DeleteObjects", "CopyObject", "GetObject"):
        assert ("s3", operation) in named
    create = next(r for r in requests if r.get("operation") == "CreateRole")
    assert create["account"] == harness.ACCOUNT and create["region"] == "us-east-1" and create["status"] == 200
    assert create["input"]["Description"] == "a & b" and create["principal"].startswith("arn:aws:iam::")
    assert create["output"]["Role"]["RoleName"] == "recorded"

    fresh = harness.Cloud(tmp_path / "fresh", conftest.image_map())
    told = replay(file, fresh)
    differing = [r for r in told["requests"] if r["result"] == "different"]
    assert not differing, differing
    asked_again = "the same was asked again before anything was changed"
    skipped = [r for r in told["requests"] if r["result"] == "skipped" and r["why"] != asked_again]
    assert not skipped, skipped
    assert told["same"] >= 25
    # What was made is there.
    assert fresh.client("sagemaker").describe_training_job(TrainingJobName="recorded")["TrainingJobStatus"] == "Completed"
    fresh.stop()

    other = harness.Cloud(tmp_path / "other", conftest.image_map())
    other.client("sagemaker").create_model(
        ModelName="recorded", ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": SCRIPT_IMAGE, "Environment": {"A": "b"}}
    )
    told = replay(file, other)
    differing = {r["request"]: r["why"] for r in told["requests"] if r["result"] == "different"}
    assert list(differing) == ["sagemaker.CreateModel", "sagemaker.DescribeModel"], differing
    assert "ValidationException" in differing["sagemaker.CreateModel"]
    assert "/PrimaryContainer/Environment" in differing["sagemaker.DescribeModel"]
    other.stop()


def test_secrets_and_contents_are_not_recorded_and_a_replay_names_what_it_skips(tmp_path):
    cloud, file = recorded(tmp_path)
    s3, iam, sm = cloud.client("s3"), cloud.client("iam"), cloud.client("sagemaker")
    s3.create_bucket(Bucket="b-secret")
    s3.put_object(Bucket="b-secret", Key="k", Body=SECRET.encode())
    s3.get_object(Bucket="b-secret", Key="k")["Body"].read()
    with pytest.raises(ClientError):
        s3.put_object(Bucket="b-secret", Key="k", Body=b"x", SSECustomerKey=b"0123456789abcdef0123456789abcdef", SSECustomerAlgorithm="AES256")
    container = {"Image": SCRIPT_IMAGE, "Environment": {"DB_PASSWORD": SECRET, "EPOCHS": "3"}}
    sm.create_model(ModelName="m", ExecutionRoleArn=harness.role(), PrimaryContainer=container)
    sm.describe_model(ModelName="m")
    with pytest.raises(ClientError):
        iam.create_login_profile(UserName="nobody", Password=SECRET)
    with pytest.raises(ClientError):
        cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=SECRET.encode())
    with pytest.raises(ClientError):
        cloud.client("sagemaker", credentials={"AccessKeyId": "AKIAUNKNOWN", "SecretAccessKey": SECRET, "SessionToken": None}).list_models()
    cloud.stop()
    text = file.read_text()
    assert SECRET not in text and base64.b64encode(SECRET.encode()).decode() not in text
    assert "0123456789abcdef0123456789abcdef" not in text
    by_name = {r.get("operation", r.get("request")): r for r in lines(file)[1:]}
    assert by_name["CreateModel"]["masked"] == ["/PrimaryContainer/Environment/DB_PASSWORD"]
    assert by_name["CreateModel"]["input"]["PrimaryContainer"]["Environment"] == {"DB_PASSWORD": "***", "EPOCHS": "3"}
    assert by_name["GetObject"]["answer"]["bytes"] == len(SECRET)

    fresh = harness.Cloud(tmp_path / "fresh", conftest.image_map())
    told = replay(file, fresh)
    whys = [(r["request"], r["why"]) for r in told["requests"] if r["result"] == "skipped"]
    puts = [why for request, why in whys if request == "s3.PutObject"]
    why = dict(whys)
    assert why["sagemaker.CreateModel"] == (
        "its input has secrets, which are not recorded: /PrimaryContainer/Environment/DB_PASSWORD"
    )
    assert "--record-bodies" in puts[0] and puts[1].endswith("not recorded: /SSECustomerKey")
    assert "was not recorded" in why["sagemaker-runtime.InvokeEndpoint"]
    assert "before its operation was known" in why["POST /"]
    fresh.stop()


def test_a_log_outlives_a_kill_in_the_middle_of_traffic(tmp_path):
    cloud, file = recorded(tmp_path)
    sm = cloud.client("sagemaker", retries={"total_max_attempts": 1})
    acknowledged, stop = [], threading.Event()

    def traffic():
        while not stop.is_set():
            name = f"m-{len(acknowledged)}"
            try:
                sm.create_model(ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": SCRIPT_IMAGE})
            except Exception:
                return
            acknowledged.append(name)

    thread = threading.Thread(target=traffic)
    thread.start()
    harness.wait(lambda: len(acknowledged) > 30, "requests are answered")
    cloud.kill()
    stop.set()
    thread.join()
    # As a kill within a write leaves it.
    with open(file, "ab") as log:
        log.write(b'{"n":7,"time":"20')
    cloud.start()
    # Not all of them: what was answered last may not have been written.
    cloud.client("sagemaker").list_models(NameContains="m-1", SortBy="Name", SortOrder="Ascending", MaxResults=5)
    cloud.stop()
    heads = [line for line in file.read_text().splitlines() if line.startswith('{"format"')]
    assert len(heads) == 2
    fresh = harness.Cloud(tmp_path / "fresh", conftest.image_map())
    told = replay(file, fresh)
    differing = [r for r in told["requests"] if r["result"] == "different"]
    assert not differing, differing
    assert told["torn"] == 1 and told["same"] >= 30
    assert told["requests"][-1]["request"] == "sagemaker.ListModels"
    fresh.stop()


def test_a_file_that_is_no_request_log_is_refused(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("keep me\n")
    environment = harness.clean_environment()
    command = [harness.binary(), "local", "up", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")]
    done = subprocess.run([*command, "--record", str(mine)], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1 and "not a request log" in done.stderr
    assert mine.read_text() == "keep me\n"
    for text, why in [("keep me\n", "is not a request log"), ("", "is not a request log"),
                      ('{"format":"sagewright-requests","version":99}\n', "is a request log of version 99")]:
        mine.write_text(text)
        done = subprocess.run(
            [harness.binary(), "local", "replay", str(mine)], capture_output=True, text=True, env=environment, timeout=60
        )
        assert done.returncode == 1 and why in done.stderr
    assert os.listdir(tmp_path / "data") == [] or "objects" not in os.listdir(tmp_path / "data")


def test_a_replay_goes_to_the_cloud_whatever_is_set_for_single_services(tmp_path):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        elsewhere = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        cloud, file = recorded(tmp_path)
        cloud.client("s3").create_bucket(Bucket="mine")
        cloud.client("iam").create_user(UserName="mine")
        cloud.stop()
        fresh = harness.Cloud(tmp_path / "fresh")
        for variables in (
            {"AWS_ENDPOINT_URL_S3": elsewhere, "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_IAM": elsewhere},
            {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        ):
            told = replay(file, fresh, **variables)
            assert told["skipped"] == 0 and len(told["requests"]) == 2, told
        assert [user["UserName"] for user in fresh.client("iam").list_users()["Users"]].count("mine") == 1
        assert "mine" in [bucket["Name"] for bucket in fresh.client("s3").list_buckets()["Buckets"]]
        fresh.stop()
