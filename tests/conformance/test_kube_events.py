"""SageMaker's events through a queue of SQS (moto's), with the embedded cloud as AWS: what changes is looked at when its event comes."""

import json
import re
import subprocess
import sys
import threading

import boto3
import pytest

import harness
from operator_tools import Operator, condition, full, thing


class Moto:
    """A moto server, for its SQS."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        told = []
        # The server listens before it says where.
        for line in self.process.stderr:
            told.append(line)
            found = re.search(r"Running on (\S+)", line)
            if found:
                break
        else:
            raise AssertionError(f"moto did not start:\n{''.join(told)}")
        self.url = found[1]
        # It logs every request; a full pipe would stop it.
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Queue:
    """A queue of SQS, and events that come by it as EventBridge sends them."""

    def __init__(self, moto):
        self.sqs = boto3.client("sqs", region_name=harness.REGION, endpoint_url=moto.url,
                                aws_access_key_id="testing", aws_secret_access_key="testing")
        self.endpoint = moto.url
        self.url = self.sqs.create_queue(QueueName=harness.unique("events"))["QueueUrl"]

    def send(self, *bodies):
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def event(self, detail_type, resource, detail, **changes):
        self.send(json.dumps({
            "version": "0", "id": harness.unique("event"), "detail-type": detail_type, "source": "aws.sagemaker",
            "account": harness.ACCOUNT, "time": "2026-01-02T03:04:05Z", "region": harness.REGION,
            "resources": [resource], "detail": detail, **changes,
        }))

    def job(self, name, status, reason=None, **changes):
        self.event("SageMaker Training Job State Change", harness.arn("training-job", name),
                   {"TrainingJobName": name, "TrainingJobStatus": status, "FailureReason": reason}, **changes)

    def left(self):
        """Messages that were not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture(scope="module")
def moto():
    moto = Moto()
    yield moto
    moto.stop()


@pytest.fixture
def queue(moto):
    return Queue(moto)


@pytest.fixture
def operator(kube, definitions, cloud, namespace, tmp_path, queue):
    """An operator that lists AWS's resources so seldom that no test sees it."""
    operator = Operator(
        kube, cloud, tmp_path, [namespace], arguments=[f"--event-queue-url={queue.url}"], poll=600,
        environment={"AWS_ENDPOINT_URL_SQS": queue.endpoint},
    )
    harness.wait(lambda: operator.metric("sagewright_event_queue_readable") == 1, "the queue is read")
    yield operator
    if operator.process.poll() is None:
        assert operator.stop() == 0, operator.log()


def heard(operator, result):
    return operator.metric("sagewright_event_queue_messages_total", result=result)


@pytest.fixture
def job(kube, operator, namespace, digits, sagemaker, queue):
    """A training job that runs until it is stopped, and of which an event has come."""
    name = harness.unique("job")
    kube.apply(thing("TrainingJob", name, {
        "trainingJobName": name, "roleARN": harness.role(), "hyperParameters": {"seconds": "3600"},
        "algorithmSpecification": {"trainingImage": harness.SCRIPT_IMAGE, "trainingInputMode": "File"},
        "outputDataConfig": {"s3OutputPath": f"s3://{digits}/models"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
        "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    }), namespace)
    running = lambda: sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training"  # noqa: E731
    kube.wait(full("trainingjobs"), name, lambda seen: seen.get("status", {}).get("trainingJobStatus"), namespace)
    harness.wait(running, "the job runs")
    queue.job(name, "InProgress")
    shows = lambda seen: seen["status"].get("secondaryStatus") == "Training"  # noqa: E731
    kube.wait(full("trainingjobs"), name, shows, namespace)
    harness.wait(lambda: heard(operator, "look") == 1 and not queue.left(), "the event is taken")
    yield name
    if sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress":
        stopped(sagemaker, name)


def stopped(sagemaker, job):
    sagemaker.stop_training_job(TrainingJobName=job)
    harness.finished(sagemaker, job)


def wait_stopped(kube, job, namespace):
    kube.wait(full("trainingjobs"), job, lambda seen: seen["status"]["trainingJobStatus"] == "Stopped", namespace)


def test_a_job_that_ends_is_looked_at_when_its_event_comes(kube, operator, namespace, sagemaker, queue, job):
    stopped(sagemaker, job)
    before = operator.calls("DescribeTrainingJob")
    for _ in range(3):
        queue.job(job, "Stopped")
    wait_stopped(kube, job, namespace)
    harness.wait(lambda: not queue.left(), "the events are deleted")
    assert (heard(operator, "look"), heard(operator, "duplicate")) == (2, 2)
    assert operator.calls("DescribeTrainingJob") == before + 1, "three events of one change are one look"
    assert operator.metric("sagewright_event_queue_message_age_seconds_count") == 4


def test_what_an_event_says_is_not_believed(kube, operator, namespace, queue, job):
    before = operator.calls("DescribeTrainingJob")
    queue.job(job, "Failed", "hostile")
    harness.wait(lambda: operator.calls("DescribeTrainingJob") == before + 1, "the job is looked at")
    harness.wait(lambda: not queue.left(), "the event is deleted")
    seen = kube.get(full("trainingjobs"), job, namespace)
    assert seen["status"]["trainingJobStatus"] == "InProgress" and "failureReason" not in seen["status"]
    assert condition(seen, "ACK.Terminal") == {}


def test_messages_that_are_of_no_use_are_removed(operator, queue, job):
    calls = operator.calls("DescribeTrainingJob")
    queue.send("no event", "{}", "[" * 100_000, json.dumps({"source": "aws.sagemaker"}), "null")
    queue.job(job, "Completed", source="aws.ec2")
    queue.event("SageMaker Human Task Created", "task", {})
    others = [("account", "999999999999"), ("region", "eu-north-1")]
    for member, value in others:
        queue.job(job, "Completed", **{member: value})
    queue.job("no-such-job", "Completed")
    harness.wait(lambda: not queue.left(), "the queue is empty")
    assert heard(operator, "ignored") == 7 and heard(operator, "no_object") == len(others) + 1
    assert operator.calls("DescribeTrainingJob") == calls
    assert operator.page("health", "/readyz") == (200, "ok\n")
    lines = [line for line in operator.lines() if line.get("message") == "a message of the queue is of no use; it is deleted"]
    assert len(lines) == 7 and all(line["level"].lower() == "debug" for line in lines)


def test_a_queue_that_vanishes_is_told_and_aws_is_polled_instead(kube, operator, namespace, sagemaker, queue, job):
    queue.sqs.delete_queue(QueueUrl=queue.url)
    harness.wait(lambda: operator.metric("sagewright_event_queue_readable") == 0, "the queue is missed")
    status, text = operator.page("health", "/readyz")
    assert status == 200 and "create the queue in us-east-1, or correct --event-queue-url" in text, text
    # Nothing tells of it: it was to be looked at minutes later, as long as events came.
    stopped(sagemaker, job)
    wait_stopped(kube, job, namespace)
    told = [line for line in operator.lines() if "cannot read the queue of events; AWS" in line.get("message", "")]
    assert len(told) == 1 and told[0]["level"].lower() == "warn", told


def test_what_is_no_url_of_a_queue_ends_the_controller(cloud, kube):
    done = subprocess.run(
        [harness.binary(), "controller", "--event-queue-url=events"], capture_output=True, text=True,
        env={**cloud.environment(), "KUBECONFIG": str(kube.kubeconfig)}, timeout=harness.PATIENCE,
    )
    assert done.returncode == 64 and "https://sqs.us-east-1.amazonaws.com/111122223333/NAME" in done.stderr, done.stderr
