"""A cloud on a disk that is full: it starts, room can be made through its API, and jobs that need more than there is fail and leave nothing."""

import json

import boto3

import harness
import test_tuning
from disks import fill, in_namespace, leave, mount, small_cloud  # noqa: F401
from harness import SCRIPT_IMAGE, finished
from pipeline_tools import create, ended, process_step, start
from quickstart_tools import command


def access(data):
    told = json.loads(command(data, "local", "env", "-o", "json"))
    keys = {"aws_access_key_id": told["accessKeyId"], "aws_secret_access_key": told["secretAccessKey"]}
    return boto3.client("s3", endpoint_url=told["endpoint"], region_name=told["region"], **keys)


def room_is_made(folder):
    disk = folder / "disk"
    data = disk / "data"
    mount(disk, "-o", "size=600m")
    command(data, "local", "up", "--detach", "--listen", "127.0.0.1:0")
    try:
        s3 = access(data)
        s3.create_bucket(Bucket="full")
        for name in ("one", "two"):
            s3.put_object(Bucket="full", Key=name, Body=b"x" * (20 << 20))
        command(data, "local", "down")
        # Not one byte is left, but for what is kept for this.
        fill(disk / "filler")
        command(data, "local", "up", "--detach", "--listen", "127.0.0.1:0")
        s3 = access(data)
        assert s3.get_object(Bucket="full", Key="two")["Body"].read() == b"x" * (20 << 20)
        s3.delete_object(Bucket="full", Key="one")
        s3.put_object(Bucket="full", Key="three", Body=b"y" * (10 << 20))
        assert [o["Key"] for o in s3.list_objects_v2(Bucket="full")["Contents"]] == ["three", "two"]
    finally:
        command(data, "local", "down")


def test_room_is_made_through_the_api_after_a_restart_on_a_full_disk(in_namespace):
    in_namespace(room_is_made)


def jobs_fail_and_succeed(folder):
    with small_cloud(folder) as (cloud, disk):
        s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="small/train.csv", Body=b"1,2\n" * 6_000_000)
        script = {"TrainingImage": SCRIPT_IMAGE, "TrainingInputMode": "File"}
        large = "import os; open(os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml') + '/large', 'wb').write(b'x' * (24 << 20))"
        pipeline = create(sagemaker, process_step("Small", "pass"), process_step("Large", large, ["Small"]))

        def run(name):
            training = harness.training_job(name, "data", AlgorithmSpecification=script, HyperParameters={})
            sagemaker.create_training_job(**training)
            sagemaker.create_hyper_parameter_tuning_job(**test_tuning.tuning_job(name, "data", most=2, parallel=1))
            execution = start(sagemaker, pipeline)
            trained = finished(sagemaker, name)
            tuned = test_tuning.finished(sagemaker, name)
            told = ended(sagemaker, execution)
            children = tuned["TrainingJobStatusCounters"]
            return trained, (tuned["HyperParameterTuningJobStatus"], children["Completed"], children["InProgress"]), told

        leave(disk, 10 << 20)
        trained, tuned, told = run("full")
        assert trained["TrainingJobStatus"] == "Failed" and "No space left" in trained["FailureReason"], trained
        assert tuned == ("Failed", 0, 0), tuned
        assert told["PipelineExecutionStatus"] == "Failed", told
        work = disk / "data" / "work"
        assert [left for kind in ("training", "processing") for left in (work / kind).glob("*")] == []
        (disk / "filler").unlink()
        trained, tuned, told = run("room")
        assert trained["TrainingJobStatus"] == "Completed", trained
        assert tuned == ("Completed", 2, 0), tuned
        assert told["PipelineExecutionStatus"] == "Succeeded", told


def test_training_tuning_and_pipelines_fail_on_a_full_disk_and_succeed_with_room(in_namespace):
    in_namespace(jobs_fail_and_succeed)
