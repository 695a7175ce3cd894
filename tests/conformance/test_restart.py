"""A cloud that is killed loses nothing that it acknowledged, and leaves no process behind."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

import harness
from harness import XGBOOST, alive, descendants, gone, role, training_job, variant


def digits_bucket(cloud, rows=200):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="digits")
    s3.put_object(Bucket="digits", Key="small/train.csv", Body="\n".join(harness.digits("train", rows)) + "\n")
    return "digits"


def test_every_acknowledged_write_survives_a_kill(fresh_cloud):
    cloud = fresh_cloud
    sagemaker, s3 = cloud.client("sagemaker"), cloud.client("s3")
    s3.create_bucket(Bucket="kept")
    for i in range(50):
        sagemaker.create_model(
            ModelName=f"m{i:02}", ExecutionRoleArn=role(), PrimaryContainer={"Image": XGBOOST},
            Tags=[{"Key": "n", "Value": str(i)}],
        )
        s3.put_object(Bucket="kept", Key=f"k{i:02}", Body=b"x" * i)
    for i in range(0, 50, 5):
        sagemaker.delete_model(ModelName=f"m{i:02}")
        s3.delete_object(Bucket="kept", Key=f"k{i:02}")
    before = harness.everything(cloud, cloud.account)
    cloud.kill()
    cloud.start()
    assert harness.everything(cloud, cloud.account) == before
    sagemaker, s3 = cloud.client("sagemaker"), cloud.client("s3")
    left = [i for i in range(50) if i % 5]
    models = sagemaker.list_models(MaxResults=100, SortBy="Name", SortOrder="Ascending")["Models"]
    assert [m["ModelName"] for m in models] == [f"m{i:02}" for i in left]
    for i in left:
        assert s3.get_object(Bucket="kept", Key=f"k{i:02}")["Body"].read() == b"x" * i
    tags = sagemaker.list_tags(ResourceArn=harness.arn("model", "m49"))["Tags"]
    assert tags == [{"Key": "n", "Value": "49"}]


def test_keys_and_sessions_survive_a_kill(fresh_cloud, account):
    cloud = fresh_cloud
    session = cloud.client("sts", account).get_session_token()["Credentials"]
    cloud.kill()
    cloud.start()
    for credentials in (None, session):
        identity = cloud.client("sts", account, credentials=credentials).get_caller_identity()
        assert identity["Account"] == account


def test_a_version_that_could_not_be_written_uses_up_no_number(fresh_cloud):
    """As when the cloud is killed between two commits."""
    cloud = fresh_cloud
    container = {"Containers": [{"Image": harness.SCRIPT_IMAGE}], "SupportedContentTypes": ["a/b"], "SupportedResponseMIMETypes": ["a/b"]}
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName="g")

    def create():
        told = cloud.client("sagemaker").create_model_package(ModelPackageGroupName="g", InferenceSpecification=container)
        return told["ModelPackageArn"].rsplit("/", 1)[1]

    def alter(statement):
        cloud.stop()
        with contextlib.closing(cloud.state()) as state:
            state.execute(statement)
        cloud.start()

    alter(
        "CREATE TRIGGER no_version BEFORE INSERT ON record WHEN NEW.kind = 'model-package' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(ClientError):
        create()
    alter("DROP TRIGGER no_version")
    assert create() == "1"


def test_a_job_that_was_running_completes_after_a_restart(fresh_cloud):
    cloud = fresh_cloud
    bucket = digits_bucket(cloud)
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_training_job(**training_job("job", bucket, rounds=400))
    harness.wait(
        lambda: sagemaker.describe_training_job(TrainingJobName="job")["SecondaryStatus"] == "Training",
        "the training begins",
    )
    started = descendants(cloud.process.pid)
    cloud.kill()
    gone(started)
    cloud.start()
    sagemaker = cloud.client("sagemaker")
    told = harness.completed(sagemaker, "job", 300)
    assert told["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{bucket}/models/job/output/model.tar.gz"
    assert cloud.client("s3").head_object(Bucket=bucket, Key="models/job/output/model.tar.gz")["ContentLength"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show the environment of processes")
def test_a_daemon_of_a_job_does_not_outlive_a_killed_cloud_for_long(fresh_cloud, tmp_path):
    cloud, image, pid = fresh_cloud, "111122223333.dkr.ecr.us-east-1.amazonaws.com/daemon:1", tmp_path / "pid"
    program = tmp_path / "daemon.sh"
    program.write_text(f"setsid sh -c 'echo $$ > {pid}.part; mv {pid}.part {pid}; sleep 1000' &\nsleep 1000\n")
    with open(cloud.images[1], "a") as images:
        images.write(f'\n[[image]]\nmatch = "{image}"\ncommand = ["/bin/sh", "{program}"]\n')
    request = training_job("daemon", digits_bucket(cloud))
    request["AlgorithmSpecification"]["TrainingImage"] = image
    cloud.client("sagemaker").create_training_job(**request)
    harness.wait(pid.exists, "the daemon runs")
    daemon = int(pid.read_text())
    cloud.kill()
    assert alive(daemon), "it made a session of its own"
    pid.unlink()
    cloud.start()
    gone([daemon])


def test_a_job_that_was_stopping_is_stopped_after_a_restart(fresh_cloud):
    cloud = fresh_cloud
    bucket = digits_bucket(cloud)
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_training_job(**training_job("job", bucket, rounds=1_000_000))
    harness.wait(
        lambda: sagemaker.describe_training_job(TrainingJobName="job")["SecondaryStatus"] == "Training",
        "the training begins",
    )
    sagemaker.stop_training_job(TrainingJobName="job")
    cloud.kill()
    cloud.start()
    assert harness.finished(cloud.client("sagemaker"), "job")["TrainingJobStatus"] == "Stopped"


def test_an_endpoint_answers_again_after_a_restart(fresh_cloud, rows):
    cloud = fresh_cloud
    bucket = digits_bucket(cloud)
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_training_job(**training_job("job", bucket, rounds=2))
    artifacts = harness.completed(sagemaker, "job")["ModelArtifacts"]["S3ModelArtifacts"]
    sagemaker.create_model(
        ModelName="m", ExecutionRoleArn=role(), PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": artifacts}
    )
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant("all", "m")])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    harness.in_service(sagemaker, "e")

    def ask():
        runtime = cloud.client("sagemaker-runtime")
        answers = [
            runtime.invoke_endpoint(EndpointName="e", ContentType="text/csv", Body=row)["Body"].read() for _, row in rows[:10]
        ]
        return answers

    before = ask()
    servers = descendants(cloud.process.pid)
    assert servers, "the model is served by a process of its own"
    cloud.kill()
    gone(servers)
    cloud.start()
    harness.in_service(cloud.client("sagemaker"), "e")
    harness.wait(lambda: answers(cloud), "the endpoint answers")
    assert ask() == before


def answers(cloud):
    """Whether endpoint `e` answers."""
    runtime = cloud.client("sagemaker-runtime")
    try:
        body = harness.digits("test", 1)[0].split(",", 1)[1]
        return runtime.invoke_endpoint(EndpointName="e", ContentType="text/csv", Body=body)["Body"].read()
    except runtime.exceptions.ClientError:
        return None


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_stops_what_runs(fresh_cloud, way):
    cloud = fresh_cloud
    bucket = digits_bucket(cloud)
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_training_job(**training_job("job", bucket, rounds=1_000_000))
    harness.wait(
        lambda: sagemaker.describe_training_job(TrainingJobName="job")["SecondaryStatus"] == "Training",
        "the training begins",
    )
    started = descendants(cloud.process.pid)
    assert started
    os.kill(cloud.process.pid, way)
    assert cloud.process.wait(60) == 0
    gone(started)
    cloud.start()
    cloud.client("sagemaker").stop_training_job(TrainingJobName="job")
    assert harness.finished(cloud.client("sagemaker"), "job")["TrainingJobStatus"] == "Stopped"


def test_a_second_cloud_on_the_same_data_is_refused(fresh_cloud):
    command = [harness.binary(), "local", "up", "--listen", "127.0.0.1:0", "--data", str(fresh_cloud.data), "-o", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=harness.clean_environment(), stdin=subprocess.DEVNULL
    )
    assert done.returncode != 0
    assert str(fresh_cloud.data) in done.stderr
    fresh_cloud.client("sagemaker").list_models()


def test_a_taken_port_is_told(fresh_cloud, tmp_path):
    command = [harness.binary(), "local", "up", "--listen", fresh_cloud.listen, "--data", str(tmp_path / "other"), "-o", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=harness.clean_environment(), stdin=subprocess.DEVNULL
    )
    assert done.returncode != 0
    assert fresh_cloud.listen in done.stderr and "--listen" in done.stderr
