"""Endpoints that capture data, and what tests do with it."""

import datetime
import json
import subprocess

import harness
from harness import SCORE_IMAGE, role, unique, variant, wait

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"


def capture(bucket, **changes):
    """`DataCaptureConfig` of everything, as text."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        **changes,
    }


def scoring_endpoint(cloud, config, name=None, scores=None):
    """An endpoint in service that sums lines of CSV, with a `DataCaptureConfig`."""
    sagemaker = cloud.client("sagemaker")
    name = name or unique("endpoint")
    environment = {"SCORES": json.dumps(scores or {})}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(), PrimaryContainer={"Image": SCORE_IMAGE, "Environment": environment})
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant("AllTraffic", name)], DataCaptureConfig=config
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    harness.in_service(sagemaker, name)
    return name


def captured(s3, bucket, prefix="captured", count=0):
    """The keys of captured objects, and their lines in the order of the keys, once there are so many."""

    def look():
        items = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
        keys = [item["Key"] for item in items]
        lines = [
            json.loads(line)
            for key in keys
            for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()
        ]
        return (keys, lines) if len(lines) >= count else None

    return wait(look, f"{count} requests are captured")


def clock(cloud, *arguments):
    command = [harness.binary(), "local", "clock", "--data", str(cloud.data), "-o", "json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=harness.clean_environment(), timeout=harness.PATIENCE)
    assert done.returncode == 0, done.stderr
    return datetime.datetime.fromisoformat(json.loads(done.stdout)["simulated"].replace("Z", "+00:00"))


def next_hour(cloud):
    """Drives the clock to just after the next full hour, and tells that hour. All that is due by then is done."""
    now = clock(cloud)
    hour = now.replace(minute=0, second=0, microsecond=0) + datetime.timedelta(hours=1)
    clock(cloud, "--advance", f"{int((hour - now).total_seconds()) + 5}s")
    return hour


def executions(sagemaker, schedule):
    """All executions of a schedule, the last one first, once each has ended."""

    def look():
        found = harness.listed(sagemaker, "list_monitoring_executions", MonitoringScheduleName=schedule)
        alive = ("Pending", "InProgress", "Stopping")
        return found if found and all(e["MonitoringExecutionStatus"] not in alive for e in found) else None

    return wait(look, f"the executions of {schedule} end")


def document(s3, uri, name):
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    return json.loads(s3.get_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/{name}")["Body"].read())
