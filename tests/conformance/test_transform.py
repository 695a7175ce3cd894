"""Batch transform jobs with stock boto3, the SageMaker SDK and the command line."""

import json
import re
import subprocess
import sys
import textwrap

import pytest
from botocore.exceptions import ClientError

import harness
from command import Cli, manifest
from disks import in_namespace, leave, small_cloud  # noqa: F401
from harness import BATCH_IMAGE, log_lines, refused, role, unique, wait

GROUP = "/aws/sagemaker/TransformJobs"


def transform_job(name, model, bucket, **changes):
    """Input of CreateTransformJob: all lines below `in/`."""
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/in/"}},
            "ContentType": "text/csv", "CompressionType": "None", "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/out", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


@pytest.fixture
def turner(sagemaker):
    """A model that turns lines round."""
    return make_turner(sagemaker)


def make_turner(sagemaker, account=harness.ACCOUNT):
    name = unique("turner")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(account), PrimaryContainer={"Image": BATCH_IMAGE})
    return name


def finished(sagemaker, name):
    def look():
        told = sagemaker.describe_transform_job(TransformJobName=name)
        return told if told["TransformJobStatus"] not in ("InProgress", "Stopping") else None

    return wait(look, f"transform job {name} ends")


def content(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def keys(s3, bucket, prefix="out/"):
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def test_rows_get_their_predictions_from_the_creation_to_the_log(cloud, sagemaker, s3, bucket, model, rows, runtime, endpoint):
    ids = [f"id-{n},{row}" for n, (_, row) in enumerate(rows[:120])]
    s3.put_object(Bucket=bucket, Key="in/a.csv", Body="\n".join(ids[:100]) + "\n")
    s3.put_object(Bucket=bucket, Key="in/more/b.csv", Body="\n".join(ids[100:]))
    name = unique("Batch")
    request = transform_job(
        name, model, bucket, BatchStrategy="MultiRecord", MaxConcurrentTransforms=2, MaxPayloadInMB=1,
        Environment={"MINE": "1"}, ModelClientConfig={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
        DataCaptureConfig={"DestinationS3Uri": f"s3://{bucket}/captured", "GenerateInferenceId": False},
        ExperimentConfig={"ExperimentName": "e"}, Tags=[{"Key": "team", "Value": "data"}],
    )
    arn = harness.arn("transform-job", name)
    assert sagemaker.create_transform_job(**request)["TransformJobArn"] == arn
    sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": harness.PATIENCE}
    )
    told = sagemaker.describe_transform_job(TransformJobName=name)
    assert told["TransformJobStatus"] == "Completed", told.get("FailureReason")
    for member in request.keys() - {"Tags"}:
        assert told[member] == request[member], member
    assert told["CreationTime"] <= told["TransformStartTime"] <= told["TransformEndTime"]
    assert keys(s3, bucket) == ["out/a.csv.out", "out/more/b.csv.out"]
    predicted = (content(s3, bucket, "out/a.csv.out") + content(s3, bucket, "out/more/b.csv.out")).splitlines()
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="text/csv", Body="\n".join(row for _, row in rows[:120])
    )
    values = re.split(r"[,\n]+", answer["Body"].read().decode().strip())
    assert [line.split(",")[0] for line in predicted] == [f"id-{n}" for n in range(120)]
    assert [float(line.split(",")[1]) for line in predicted] == [float(v) for v in values], "as an endpoint answers"
    for which in ("input", "output"):
        (captured,) = keys(s3, bucket, f"captured/{which}/")
        assert re.fullmatch(rf"captured/{which}/\d{{4}}/\d\d/\d\d/\d\d/{name}\.json", captured)
    assert json.loads(content(s3, bucket, captured)) == [{"prefix": f"s3://{bucket}/out/"}, "a.csv.out", "more/b.csv.out"]
    lines = log_lines(cloud, GROUP, f"{name}/i-")
    assert any("MaxConcurrentTransforms=2, MaxPayloadInMB=1, BatchStrategy=MULTI_RECORD" in line for line in lines)
    (summary,) = harness.listed(sagemaker, "list_transform_jobs", NameContains=name)
    assert summary == {**{key: told[key] for key in summary if key in told}, "LastModifiedTime": told["TransformEndTime"]}
    assert summary["TransformEndTime"] == told["TransformEndTime"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == request["Tags"]
    refused(
        sagemaker.create_transform_job, "ResourceInUse",
        f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})", **request,
    )
    missing = "Could not find requested job with name: gone"
    refused(sagemaker.describe_transform_job, "ValidationException", missing, TransformJobName="gone")


def test_what_the_request_leaves_out_is_filled_in(sagemaker, s3, bucket, turner):
    s3.put_object(Bucket=bucket, Key="in/a", Body="abc\ndef")
    name = unique("plain")
    request = transform_job(name, turner, bucket)
    request["TransformInput"] = {"DataSource": request["TransformInput"]["DataSource"]}
    request["TransformOutput"] = {"S3OutputPath": f"s3://{bucket}/out/"}
    sagemaker.create_transform_job(**request)
    told = finished(sagemaker, name)
    assert told["TransformJobStatus"] == "Completed", told.get("FailureReason")
    assert told["TransformInput"] == {**request["TransformInput"], "CompressionType": "None", "SplitType": "None"}
    assert told["TransformOutput"] == {**request["TransformOutput"], "AssembleWith": "None"}
    assert told["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert content(s3, bucket, "out/a.out") == "cba\nfed"


def test_an_object_that_fails_is_told_and_the_others_are_there(cloud, sagemaker, s3, bucket, turner):
    for key, body in (("1", "abc\n"), ("2", "abc\nbad\n"), ("3", "def\n")):
        s3.put_object(Bucket=bucket, Key=f"in/{key}.csv", Body=body)
    name = unique("partly")
    sagemaker.create_transform_job(**transform_job(name, turner, bucket))
    told = finished(sagemaker, name)
    reason = "ClientError: See job logs for more information"
    assert (told["TransformJobStatus"], told["FailureReason"]) == ("Failed", reason)
    assert keys(s3, bucket) == ["out/1.csv.out", "out/3.csv.out"]
    streams = cloud.client("logs").describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    (data,) = [s["logStreamName"] for s in streams if s["logStreamName"].endswith("/data-log")]
    lines = [line.partition(":[sagemaker logs]: ")[2] for line in log_lines(cloud, GROUP, data)]
    shown = ["ClientError: 400", "", "Message:", "no such column"]
    assert lines[1:] == [f"{bucket}/in/2.csv: {line}" for line in shown]
    (summary,) = harness.listed(sagemaker, "list_transform_jobs", NameContains=name, StatusEquals="Failed")
    assert summary["FailureReason"] == reason


def test_wrong_requests_are_refused(sagemaker, bucket, turner):
    def wrong(message, **changes):
        request = transform_job(unique("wrong"), turner, bucket, **changes)
        error = refused(sagemaker.create_transform_job, "ValidationException", **request)["Error"]["Message"]
        assert message in error, error

    model = harness.arn("model", "gone")
    wrong(f'Could not find model "{model}".', ModelName="gone")
    wrong("must not exceed 100 MB", MaxPayloadInMB=101)
    wrong("must not exceed 100 MB", MaxPayloadInMB=30, MaxConcurrentTransforms=4)
    wrong(
        "Invalid JsonPath: $[0:2,246:]: only single range filters of format (eg: [1:5]) are supported. Format [0:2,246:] is not supported",
        DataProcessing={"OutputFilter": "$[0:2,246:]"},
    )


def started(cloud, name):
    """The lines of a job whose containers may not have written any yet."""
    try:
        return [line for line in log_lines(cloud, GROUP, f"{name}/") if "lines, " in line]
    except ClientError:
        return []


def test_a_stopped_job_stores_nothing(cloud, sagemaker, s3, bucket, turner):
    s3.put_object(Bucket=bucket, Key="in/1.csv", Body="abc\n")
    s3.put_object(Bucket=bucket, Key="in/2.csv", Body="wait /nowhere\n")
    name = unique("stop")
    sagemaker.create_transform_job(**transform_job(name, turner, bucket))
    wait(lambda: len(started(cloud, name)) == 2, "the second object is sent")
    sagemaker.stop_transform_job(TransformJobName=name)
    told = finished(sagemaker, name)
    assert told["TransformJobStatus"] == "Stopped" and "FailureReason" not in told
    assert keys(s3, bucket) == []
    message = "The request was rejected because the transform job is in status Stopped."
    refused(sagemaker.stop_transform_job, "ValidationException", message, TransformJobName=name)


def reached(cloud, step):
    """Until the job `again` has come to a step."""
    sagemaker = cloud.client("sagemaker")
    if step == "started":
        wait(lambda: "TransformStartTime" in sagemaker.describe_transform_job(TransformJobName="again"), "the job starts")
    if step in ("sent", "stopping"):
        wait(lambda: len(started(cloud, "again")) == 2, "the second object is sent")
    if step == "stopping":
        sagemaker.stop_transform_job(TransformJobName="again")


@pytest.mark.parametrize("step", ["created", "started", "sent", "stopping"])
def test_a_job_survives_a_kill_of_the_cloud(fresh_cloud, tmp_path, step):
    cloud = fresh_cloud
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="in/1.csv", Body="abc\n")
    s3.put_object(Bucket="data", Key="in/2.csv", Body=f"wait {tmp_path}/go\n")
    model = make_turner(sagemaker)
    sagemaker.create_transform_job(**transform_job("again", model, "data"))
    reached(cloud, step)
    left = harness.descendants(cloud.process.pid)
    # When the job runs again, the model is gone.
    sagemaker.delete_model(ModelName=model)
    cloud.kill()
    cloud.start()
    harness.gone(left)
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    if step == "stopping":
        assert finished(sagemaker, "again")["TransformJobStatus"] == "Stopped"
        assert keys(s3, "data") == []
        return
    seen = 4 if step == "sent" else 2
    wait(lambda: len(started(cloud, "again")) >= seen, "the job runs again")
    assert sagemaker.describe_transform_job(TransformJobName="again")["TransformJobStatus"] == "InProgress"
    (tmp_path / "go").touch()
    told = finished(sagemaker, "again")
    assert told["TransformJobStatus"] == "Completed", told
    assert keys(s3, "data") == ["out/1.csv.out", "out/2.csv.out"]
    assert content(s3, "data", "out/1.csv.out") == "cba\n"
    assert len(sagemaker.list_transform_jobs()["TransformJobSummaries"]) == 1


def a_full_disk(folder):
    with small_cloud(folder) as (cloud, disk):
        s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="in/1.csv", Body="12345678\n" * 3_000_000)
        model = make_turner(sagemaker)
        leave(disk, 10 << 20)
        sagemaker.create_transform_job(**transform_job("full", model, "data"))
        told = finished(sagemaker, "full")
        assert told["TransformJobStatus"] == "Failed" and "No space left" in told["FailureReason"], told
        assert keys(s3, "data") == [] and list((disk / "data/work/transform").iterdir()) == []
        (disk / "filler").unlink()
        sagemaker.create_transform_job(**transform_job("room", model, "data"))
        assert finished(sagemaker, "room")["TransformJobStatus"] == "Completed"
        assert content(s3, "data", "out/1.csv.out") == "87654321\n" * 3_000_000


def test_a_full_disk_fails_the_job_and_leaves_nothing(in_namespace):
    in_namespace(a_full_disk)


SDK = """
import json, sys
import sagemaker
from sagemaker.inputs import BatchDataCaptureConfig
from sagemaker.model import Model
from sagemaker.transformer import Transformer

name, image, role, bucket, artifacts = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)


def run(transformer, **arguments):
    transformer.transform(f"s3://{bucket}/in/", content_type="text/csv", split_type="Line", **arguments)
    found = sagemaker.s3.S3Downloader.read_file(transformer.output_path + "/a.csv.out", session)
    print(json.dumps({"status": session.describe_transform_job(transformer.latest_transform_job.job_name)["TransformJobStatus"], "found": found}))


common = dict(instance_count=1, instance_type="ml.m5.xlarge", accept="text/csv", assemble_with="Line")
run(Transformer(model_name=name, sagemaker_session=session, strategy="MultiRecord", max_payload=1, **common))
trained = Model(image_uri=image, model_data=artifacts, role=role, sagemaker_session=session)
transformer = trained.transformer(output_path=f"s3://{bucket}/joined", strategy="SingleRecord", env={"A": "b"}, **common)
run(
    transformer, input_filter="$[1:]", join_source="Input", output_filter="$[0,-1]",
    model_client_config={"InvocationsTimeoutInSeconds": 60},
    batch_data_capture_config=BatchDataCaptureConfig(f"s3://{bucket}/captured", generate_inference_id=True),
)
"""


def test_transformers_of_the_sagemaker_sdk(cloud, s3, bucket, model, artifacts, rows, tmp_path):
    s3.put_object(Bucket=bucket, Key="in/a.csv", Body="".join(row + "\n" for _, row in rows[:30]))
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SDK))
    environment = {**cloud.environment(), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script), model, harness.XGBOOST, role(), bucket, artifacts],
        capture_output=True, text=True, env=environment, timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plain, joined = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert plain["status"] == joined["status"] == "Completed"
    labels = [float(line) for line in plain["found"].splitlines()]
    right = sum(float(label) == found for (label, _), found in zip(rows, labels))
    assert len(labels) == 30 and right >= 10, labels
    table = [line.split(",") for line in joined["found"].splitlines()]
    assert len(table) == 30 and all(len(row) == 4 and len(row[2]) == 36 for row in table), table
    assert "BatchStrategy=MULTI_RECORD" in done.stdout, "the SDK shows the log"


def test_the_command_line_applies_shows_logs_and_finds_no_change(cloud, account, tmp_path):
    cli = Cli(cloud, account, tmp_path)
    s3, bucket = cloud.client("s3", account), unique("cli")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="in/a.csv", Body="abc\n")
    model = make_turner(cloud.client("sagemaker", account), account)
    source = {"s3DataSource": {"s3DataType": "S3Prefix", "s3URI": f"s3://{bucket}/in/"}}
    job = manifest(
        "TransformJob", "declared", transformJobName="declared", modelName=model,
        transformInput={"dataSource": source, "contentType": "text/csv", "splitType": "Line"},
        transformOutput={"s3OutputPath": f"s3://{bucket}/out", "assembleWith": "Line"},
        transformResources={"instanceCount": 1, "instanceType": "ml.m5.large"},
    )
    told = cli("apply", "--logs", "-f", "-", stdin=job)
    assert "1 lines, text/csv to None" in told.err and told.lines[-1] == "Done: 1 created."
    assert content(s3, bucket, "out/a.csv.out") == "cba\n"
    assert cli("get", "transformjob", "declared").table()[0]["STATUS"] == "Completed"
    assert "1 lines, text/csv to None" in cli("logs", "TransformJob/declared").out
    assert cli("wait", "TransformJob/declared", "-o", "name").out == "TransformJob/declared\n"
    assert cli("apply", "-f", "-", stdin=job).lines[-1] == "Done: 1 unchanged."
    s3.put_object(Bucket=bucket, Key="in/b.csv", Body="wait /nowhere\n")
    job["metadata"]["name"] = job["spec"]["transformJobName"] = "waiting"
    cli("apply", "--no-wait", "-f", "-", stdin=job)
    assert "TransformJob waiting" in cli("delete", "--yes", "TransformJob/waiting").out
    assert cli("get", "transformjob", "waiting").table()[0]["STATUS"] == "Stopped"
