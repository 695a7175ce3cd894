"""Processing jobs with stock boto3, the SageMaker SDK and the command line."""

import json
import subprocess
import sys
import textwrap

import pytest
from botocore.exceptions import ClientError

import harness
from command import Cli, manifest
from disks import fill, in_namespace, leave, small_cloud  # noqa: F401
from harness import PROCESS_IMAGE, PYTHON_IMAGE, log_lines, refused, role, unique, wait

GROUP = "/aws/sagemaker/ProcessingJobs"


def processing_job(name, bucket, arguments=(), mode="EndOfJob", count=1, **changes):
    """Input of CreateProcessingJob: sums of what is in the bucket."""
    source = {
        "S3Uri": f"s3://{bucket}/in/", "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix",
        "S3InputMode": "File", "S3DataDistributionType": "ShardedByS3Key", "S3CompressionType": "None",
    }
    target = {"S3Uri": f"s3://{bucket}/out", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": mode}
    application = {"ImageUri": PROCESS_IMAGE}
    if arguments:
        application["ContainerArguments"] = list(arguments)
    return {
        "ProcessingJobName": name,
        "AppSpecification": application,
        "ProcessingInputs": [{"InputName": "data", "S3Input": source}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "sums", "S3Output": target}]},
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 5}},
        "RoleArn": role(),
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def put_rows(s3, bucket, files=2):
    for n in range(files):
        s3.put_object(Bucket=bucket, Key=f"in/{n}.csv", Body=f"{n},x\n{n + 1},y\n")


def finished(sagemaker, name):
    def look():
        told = sagemaker.describe_processing_job(ProcessingJobName=name)
        return told if told["ProcessingJobStatus"] not in ("InProgress", "Stopping") else None

    return wait(look, f"processing job {name} ends")


def content(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def keys(s3, bucket, prefix):
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def listed(sagemaker, **filters):
    """What a filter leaves of all pages: it is applied to each page, and others list here, too."""
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(**filters)
    return [job for page in pages for job in page["ProcessingJobSummaries"]]



def test_a_job_on_two_hosts_from_its_creation_to_its_log(cloud, sagemaker, s3, bucket):
    put_rows(s3, bucket, files=3)
    name = unique("Sums")
    request = processing_job(
        name, bucket, ["--by", "first column"], count=2, Environment={"SCALE": "2"},
        Tags=[{"Key": "team", "Value": "data"}], ExperimentConfig={"ExperimentName": "e"},
    )
    arn = harness.arn("processing-job", name)
    assert sagemaker.create_processing_job(**request)["ProcessingJobArn"] == arn
    sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
        ProcessingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": harness.PATIENCE}
    )
    told = sagemaker.describe_processing_job(ProcessingJobName=name)
    assert told["ProcessingJobStatus"] == "Completed", told.get("FailureReason")
    for member in request.keys() - {"Tags", "ProcessingInputs", "ProcessingOutputConfig"}:
        assert told[member] == request[member], member
    assert told["ProcessingInputs"] == [{**request["ProcessingInputs"][0], "AppManaged": False}]
    assert told["ExitMessage"] == "algo-1 is donealgo-2 is done"
    assert told["CreationTime"] <= told["ProcessingStartTime"] <= told["ProcessingEndTime"] == told["LastModifiedTime"]
    assert json.loads(content(s3, bucket, "out/algo-1.json")) == {"rows": 4, "sum": 6.0, "scale": "2"}
    assert json.loads(content(s3, bucket, "out/algo-2.json")) == {"rows": 2, "sum": 3.0, "scale": "2"}
    for host, rows in (("algo-1", 4), ("algo-2", 2)):
        lines = log_lines(cloud, GROUP, f"{name}/{host}-")
        assert lines == [f"{name} on {host}: {rows} rows, arguments ['--by', 'first column']"]
    (summary,) = listed(sagemaker, NameContains=name)
    assert summary == {key: told[key] for key in summary} and summary["ExitMessage"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == request["Tags"]
    refused(
        sagemaker.create_processing_job, "ResourceInUse",
        f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})", **request,
    )
    sagemaker.delete_processing_job(ProcessingJobName=name)
    missing = f"Could not find requested job with name: {name.lower()}"
    refused(sagemaker.describe_processing_job, "ValidationException", missing, ProcessingJobName=name)


def test_a_job_that_fails_tells_why(cloud, sagemaker, s3, bucket):
    put_rows(s3, bucket)
    name = unique("fails")
    sagemaker.create_processing_job(**processing_job(name, bucket, ["--fail"]))
    told = finished(sagemaker, name)
    assert (told["ProcessingJobStatus"], told["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 1")
    assert told["ExitMessage"] == "algo-1 is done"
    assert log_lines(cloud, GROUP, name)[-1] == "no such column"
    assert keys(s3, bucket, "out/") == []
    (summary,) = listed(sagemaker, NameContains=name, StatusEquals="Failed")
    assert summary["FailureReason"] == told["FailureReason"]


def test_a_job_without_data_fails_and_an_unknown_image_is_refused(sagemaker, bucket):
    name = unique("empty")
    sagemaker.create_processing_job(**processing_job(name, bucket))
    reason = f"ClientError: Failed to download data. No S3 objects found under s3://{bucket}/in/ of the input 'data'."
    assert finished(sagemaker, name)["FailureReason"] == reason
    other = processing_job(unique("unknown"), bucket, AppSpecification={"ImageUri": "repo/unknown:1"})
    error = refused(sagemaker.create_processing_job, "ValidationException", **other)["Error"]["Message"]
    assert "cannot run image 'repo/unknown:1'" in error and '[[image]]\nmatch = "repo/unknown:1"' in error


def test_a_stopped_job_keeps_its_outputs(sagemaker, s3, bucket):
    put_rows(s3, bucket)
    name = unique("stop")
    sagemaker.create_processing_job(**processing_job(name, bucket, ["--wait"], mode="Continuous"))
    wait(lambda: "out/ready" in keys(s3, bucket, "out/"), "the output is uploaded while the job runs")
    sagemaker.stop_processing_job(ProcessingJobName=name)
    told = finished(sagemaker, name)
    assert (told["ProcessingJobStatus"], told["ExitMessage"]) == ("Stopped", "stopped in time")
    assert "FailureReason" not in told and content(s3, bucket, "out/stopped") == "heard"
    message = "The request was rejected because the processing job is in status Stopped."
    refused(sagemaker.stop_processing_job, "ValidationException", message, ProcessingJobName=name)


def started(cloud, name):
    """The lines of a job whose program may not have written any yet."""
    try:
        return log_lines(cloud, GROUP, f"{name}/")
    except ClientError:
        return []


@pytest.mark.parametrize("stopping", [False, True])
def test_a_job_survives_a_kill_of_the_cloud(fresh_cloud, stopping):
    cloud = fresh_cloud
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    s3.create_bucket(Bucket="data")
    put_rows(s3, "data")
    sagemaker.create_processing_job(**processing_job("again", "data", ["--wait"], mode="Continuous"))
    wait(lambda: started(cloud, "again"), "the job runs")
    left = harness.descendants(cloud.process.pid)
    if stopping:
        sagemaker.stop_processing_job(ProcessingJobName="again")
    cloud.kill()
    cloud.start()
    harness.gone(left)
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    if stopping:
        assert finished(sagemaker, "again")["ProcessingJobStatus"] == "Stopped"
        return
    wait(lambda: len(started(cloud, "again")) == 2, "the job runs again")
    assert sagemaker.describe_processing_job(ProcessingJobName="again")["ProcessingJobStatus"] == "InProgress"
    sagemaker.stop_processing_job(ProcessingJobName="again")
    assert finished(sagemaker, "again")["ProcessingJobStatus"] == "Stopped"
    assert len(sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == 1


SDK = """
import json, sys
import boto3, sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor, ScriptProcessor

image, role, folder, bucket = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
common = dict(role=role, image_uri=image, instance_count=1, instance_type="ml.m5.xlarge", sagemaker_session=session)


def run(processor, **arguments):
    processor.run(wait=False, logs=False, **arguments)
    job = processor.latest_job
    job.wait(logs=False)
    session.logs_for_processing_job(job.job_name)
    description = job.describe()
    out = description["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    found = sagemaker.s3.S3Downloader.read_file(out + "/sum.txt", session)
    print(json.dumps({"status": description["ProcessingJobStatus"], "message": description["ExitMessage"], "sum": found}))


outputs = [ProcessingOutput(output_name="sum", source="/opt/ml/processing/output")]
inputs = [ProcessingInput(source=folder + "/data", destination="/opt/ml/processing/input/data")]
script = ScriptProcessor(command=["python3"], env={"UNIT": "apples"}, max_runtime_in_seconds=600, tags=[{"Key": "a", "Value": "b"}], **common)
run(script, code=folder + "/sum.py", inputs=inputs, outputs=outputs, arguments=["--data", "/opt/ml/processing/input/data"])
code = ProcessingInput(source=folder + "/sum.py", destination="/opt/ml/processing/code", input_name="code")
plain = Processor(entrypoint=["python3", "/opt/ml/processing/code/sum.py"], **common)
run(plain, inputs=inputs + [code], outputs=outputs, arguments=["--data", "/opt/ml/processing/input/data"])
"""

SUM = """
import os, pathlib, sys
data = pathlib.Path(sys.argv[sys.argv.index("--data") + 1])
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
total = sum(int(line) for file in data.glob("*.txt") for line in file.read_text().split())
print("summed up", total, flush=True)
(base / "processing/output/sum.txt").write_text(f"{total} {os.environ.get('UNIT', 'things')}")
(base / "output/message").write_text("done")
"""


def test_processors_of_the_sagemaker_sdk(cloud, bucket, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/numbers.txt").write_text("1\n2\n39\n")
    (tmp_path / "sum.py").write_text(SUM)
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SDK))
    environment = {**cloud.environment(), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script), PYTHON_IMAGE, role(), str(tmp_path), bucket],
        capture_output=True, text=True, env=environment, timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [t["sum"] for t in told] == ["42 apples", "42 things"], done.stdout
    assert all((t["status"], t["message"]) == ("Completed", "done") for t in told)
    assert done.stdout.count("summed up 42") == 2, "the SDK shows the log"


def test_the_command_line_applies_shows_logs_and_finds_no_change(cloud, account, tmp_path):
    cli = Cli(cloud, account, tmp_path)
    s3, bucket = cloud.client("s3", account), unique("cli")
    s3.create_bucket(Bucket=bucket)
    put_rows(s3, bucket)
    source = {"s3URI": f"s3://{bucket}/in/", "localPath": "/opt/ml/processing/input", "s3DataType": "S3Prefix", "s3InputMode": "File"}
    target = {"s3URI": f"s3://{bucket}/out", "localPath": "/opt/ml/processing/output", "s3UploadMode": "EndOfJob"}
    job = manifest(
        "ProcessingJob", "declared", processingJobName="declared", roleARN=role(account),
        appSpecification={"imageURI": PROCESS_IMAGE, "containerArguments": ["--by", "first"]},
        processingInputs=[{"inputName": "data", "s3Input": source}],
        processingOutputConfig={"outputs": [{"outputName": "sums", "s3Output": target}]},
        processingResources={"clusterConfig": {"instanceCount": 1, "instanceType": "ml.m5.large", "volumeSizeInGB": 5}},
    )
    told = cli("apply", "--logs", "-f", "-", stdin=job)
    assert "declared on algo-1: 4 rows" in told.err and told.lines[-1] == "Done: 1 created."
    assert cli("get", "processingjob", "declared").table()[0]["STATUS"] == "Completed"
    assert "declared on algo-1: 4 rows" in cli("logs", "ProcessingJob/declared").out
    assert cli("wait", "ProcessingJob/declared", "-o", "name").out == "ProcessingJob/declared\n"
    assert cli("apply", "-f", "-", stdin=job).lines[-1] == "Done: 1 unchanged."
    job["metadata"]["name"] = job["spec"]["processingJobName"] = "waiting"
    job["spec"]["appSpecification"]["containerArguments"] = ["--wait"]
    cli("apply", "--no-wait", "-f", "-", stdin=job)
    assert "ProcessingJob waiting" in cli("delete", "--yes", "ProcessingJob/waiting").out
    assert cli("get", "processingjob", "waiting").table()[0]["STATUS"] == "Stopped"


def a_full_disk(folder):
    with small_cloud(folder) as (cloud, disk):
        s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="in/0.csv", Body="1,x\n" * 6_000_000)
        leave(disk, 10 << 20)
        sagemaker.create_processing_job(**processing_job("full", "data"))
        told = finished(sagemaker, "full")
        assert told["ProcessingJobStatus"] == "Failed" and "No space left" in told["FailureReason"], told
        assert keys(s3, "data", "out") == [] and list((disk / "data/work/processing").iterdir()) == []
        (disk / "filler").unlink()
        sagemaker.create_processing_job(**processing_job("room", "data"))
        assert finished(sagemaker, "room")["ProcessingJobStatus"] == "Completed"
        assert json.loads(content(s3, "data", "out/algo-1.json"))["rows"] == 6_000_000

        # A job that is stopped on a full disk ends, at the latest when there is room to say so.
        s3.put_object(Bucket="data", Key="in/0.csv", Body="1,x\n")
        sagemaker.create_processing_job(**processing_job("stopped", "data", ["--wait"]))
        wait(lambda: list((disk / "data/work/processing").glob("**/ready")), "the program waits")
        fill(disk / "filler")
        sagemaker.stop_processing_job(ProcessingJobName="stopped")
        (disk / "filler").unlink()
        assert finished(sagemaker, "stopped")["ProcessingJobStatus"] == "Stopped"
        assert list((disk / "data/work/processing").iterdir()) == []


def test_a_full_disk_fails_a_job_and_leaves_nothing(in_namespace):
    in_namespace(a_full_disk)
