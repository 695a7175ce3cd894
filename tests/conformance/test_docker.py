"""Images of a container engine: jobs and endpoints over Docker's HTTP API, which a small engine of the tests speaks, and over a
real engine where there is one."""

import json
import os
import shutil
import subprocess

import pytest

import harness
from engine import Engine
from harness import log_lines, unique, wait

URI = "111122223333.dkr.ecr.us-east-1.amazonaws.com/own:1"
MAP = f'[[image]]\nmatch = "{URI}"\ndocker = "own:latest"\nenv = {{ SAID = "by the map" }}\n'
ECHO = [os.environ.get("SAGEWRIGHT_TEST_PYTHON", "python3"), str(harness.ROOT / "tests" / "conformance" / "programs" / "echo.py")]


@pytest.fixture
def engine(tmp_path_factory, monkeypatch):
    # A socket's path may have about a hundred characters.
    engine = Engine(tmp_path_factory.mktemp("engine", numbered=True), {"own:latest": ECHO})
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    yield engine
    engine.close()


@pytest.fixture
def docker(engine, tmp_path):
    cloud = harness.Cloud(tmp_path, MAP)
    cloud.client("s3").create_bucket(Bucket="own")
    yield cloud
    cloud.kill()


def job(name, **hyperparameters):
    request = harness.training_job(name, "own")
    request["AlgorithmSpecification"]["TrainingImage"] = URI
    request["HyperParameters"] = hyperparameters
    request.pop("InputDataConfig")
    return request


def deploy(sagemaker, name, model):
    container = {"Image": URI, "ModelDataUrl": model}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[harness.variant("all", name)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    told = harness.settled(sagemaker, name)
    assert told["EndpointStatus"] == "InService", told


def test_a_job_and_an_endpoint_run_in_the_engine(docker, engine):
    sagemaker, runtime = docker.client("sagemaker"), docker.client("sagemaker-runtime")
    sagemaker.create_training_job(**job("own-job", epochs="2"))
    model = harness.completed(sagemaker, "own-job")["ModelArtifacts"]["S3ModelArtifacts"]
    lines = log_lines(docker, "/aws/sagemaker/TrainingJobs", "own-job/")
    assert 'hyperparameters: {"epochs": "2"}' in lines and "epoch=1; loss=0.500;" in lines and "on standard error" in lines
    (created,) = engine.created
    host, labels = created.body["HostConfig"], created.body["Labels"]
    assert created.body["Image"] == "own:latest" and created.body["Cmd"] == ["train"] and host["NetworkMode"] == "host"
    assert [mount["Target"] for mount in host["Mounts"]] == ["/opt/ml"]
    assert labels["sagewright.arn"].endswith("training-job/own-job") and labels["sagewright.host"] == "algo-1"
    assert {"SAID=by the map", "TRAINING_JOB_NAME=own-job"} <= set(created.body["Env"])
    wait(lambda: not engine.containers, "the container is removed")

    deploy(sagemaker, "own", model)
    answer = runtime.invoke_endpoint(EndpointName="own", ContentType="text/csv", Body="1,2")
    told = json.loads(answer["Body"].read())
    assert (told["body"], told["said"]) == ("1,2", "by the map")
    serving = engine.created[-1].body
    assert serving["Cmd"] == ["serve"] and serving["HostConfig"]["NetworkMode"] == "bridge"
    assert serving["HostConfig"]["PortBindings"]["8080/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": ""}]
    sagemaker.delete_endpoint(EndpointName="own")
    wait(lambda: not engine.containers, "the server is removed")


def test_isolation_is_the_engines(docker, engine):
    sagemaker = docker.client("sagemaker")
    sagemaker.create_training_job(**job("cut-off"), EnableNetworkIsolation=True)
    harness.completed(sagemaker, "cut-off")
    assert engine.created[0].body["HostConfig"]["NetworkMode"] == "none"


def test_a_stop_gives_the_container_its_grace_and_removes_it(docker, engine):
    sagemaker = docker.client("sagemaker")
    sagemaker.create_training_job(**job("stopped", seconds="600"))
    wait(lambda: engine.created and any(b"epoch=0" in frame for frame in engine.created[0].output if frame), "the program runs")
    sagemaker.stop_training_job(TrainingJobName="stopped")
    assert harness.finished(sagemaker, "stopped")["TrainingJobStatus"] == "Stopped"
    wait(lambda: not engine.containers, "the container is removed")
    assert engine.created[0].process.poll() == -15


def test_an_engine_that_does_not_tell_of_an_end_holds_no_job(docker, engine):
    sagemaker = docker.client("sagemaker")
    engine.hangs.add("logs")
    sagemaker.create_training_job(**job("ended"))
    harness.completed(sagemaker, "ended")
    assert "epoch=0; loss=1.000;" in log_lines(docker, "/aws/sagemaker/TrainingJobs", "ended/")
    engine.hangs.add("wait")
    sagemaker.create_training_job(**job("held"))
    wait(lambda: len(engine.created) == 2 and engine.created[1].process, "the program runs")
    sagemaker.stop_training_job(TrainingJobName="held")
    assert harness.finished(sagemaker, "held")["TrainingJobStatus"] == "Stopped"
    wait(lambda: not engine.containers, "the container is removed")


def test_an_image_that_the_engine_lacks_is_told_with_what_to_do(docker, engine):
    sagemaker = docker.client("sagemaker")
    engine.images.clear()
    sagemaker.create_training_job(**job("lacking"))
    told = harness.finished(sagemaker, "lacking")
    assert told["TrainingJobStatus"] == "Failed" and "docker pull own:latest" in told["FailureReason"], told["FailureReason"]
    assert not engine.created


def test_without_an_engine_a_job_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    cloud = harness.Cloud(tmp_path, MAP)
    try:
        cloud.client("s3").create_bucket(Bucket="own")
        sagemaker = cloud.client("sagemaker")
        sagemaker.create_training_job(**job("alone"))
        told = harness.finished(sagemaker, "alone")
        assert told["TrainingJobStatus"] == "Failed"
        assert "no container engine answers" in told["FailureReason"] and "DOCKER_HOST" in told["FailureReason"]
    finally:
        cloud.kill()


def test_a_killed_cloud_ends_what_it_left_and_runs_the_job_again(docker, engine):
    sagemaker = docker.client("sagemaker")
    sagemaker.create_training_job(**job("again", seconds="600"))
    wait(lambda: engine.created and engine.created[0].process, "the program runs")
    docker.kill()
    (left,) = engine.containers.values()
    assert left.process.poll() is None, "a container does not end with the cloud"
    docker.start()
    wait(lambda: len(engine.created) == 2 and engine.created[1].process, "the job runs again")
    assert left.process.wait(30) == -9 and left.id not in engine.containers
    docker.stop()
    assert not engine.containers, "an orderly end leaves nothing"


def real():
    """Whether a container engine answers, as Docker's own client finds it."""
    found = shutil.which("docker")
    return found and subprocess.run([found, "info"], capture_output=True, timeout=30, check=False).returncode == 0


@pytest.mark.skipif(not real(), reason="no container engine answers on this machine")
def test_an_image_of_a_real_engine(tmp_path):
    folder = tmp_path / "image"
    folder.mkdir()
    shutil.copy(ECHO[1], folder / "echo.py")
    (folder / "Dockerfile").write_text('FROM python:3-slim\nCOPY echo.py /echo.py\nENTRYPOINT ["python3", "/echo.py"]\n')
    tag = f"sagewright-test:{unique('own')}"
    subprocess.run(["docker", "build", "--quiet", "--tag", tag, str(folder)], check=True, timeout=280)
    cloud = harness.Cloud(tmp_path, MAP.replace("own:latest", tag))
    try:
        cloud.client("s3").create_bucket(Bucket="own")
        sagemaker = cloud.client("sagemaker")
        sagemaker.create_training_job(**job("own-job", epochs="2"))
        model = harness.completed(sagemaker, "own-job")["ModelArtifacts"]["S3ModelArtifacts"]
        deploy(sagemaker, "own", model)
        answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="own", ContentType="text/csv", Body="1,2")
        assert json.loads(answer["Body"].read())["body"] == "1,2"
        cloud.stop()
    finally:
        cloud.kill()
        subprocess.run(["docker", "image", "rm", "--force", tag], check=False, timeout=60)
