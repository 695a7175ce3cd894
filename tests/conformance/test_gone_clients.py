"""Clients that go away before they are answered: what they asked for is done once, or not at all, and never left half done."""

import socket
import struct
import urllib.parse
import uuid

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from harness import PROCESS_IMAGE, role, unique, wait
from pipeline_tools import create, process_step, succeeded
from test_processing import finished, processing_job, put_rows

AT_ONCE = 24
"""Clients that go away, one after the other: each at another moment of its request."""


class GoneClient:
    """Sends what a client asks for, signed as it signs, and hangs up without reading an answer."""

    def __init__(self, cloud):
        self.client = cloud.client("sagemaker")
        self.sent = 0
        self.client.meta.events.register("before-send.sagemaker.*", self.send)

    def send(self, request, **_):
        at = urllib.parse.urlsplit(request.url)
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        headers = {**request.headers, "Host": at.netloc, "Content-Length": str(len(body))}
        told = lambda value: value.decode() if isinstance(value, bytes) else value
        head = f"POST {at.path or '/'} HTTP/1.1\r\n" + "".join(f"{name}: {told(value)}\r\n" for name, value in headers.items())
        with socket.create_connection((at.hostname, at.port)) as connection:
            if self.sent % 2:
                # The connection is reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(head.encode() + b"\r\n" + body)
            if self.sent % 3 == 0:
                # It hangs up once the answer is on its way.
                connection.recv(1)
        self.sent += 1
        return AWSResponse(request.url, 200, {}, Nothing())


class Nothing:
    """An empty answer."""

    def stream(self, **_):
        yield b"{}"


def test_jobs_of_clients_that_are_gone_run_to_their_ends(cloud, sagemaker, s3, bucket):
    put_rows(s3, bucket)
    gone = GoneClient(cloud)
    names = [unique("gone") for _ in range(AT_ONCE)]
    for name in names:
        gone.client.create_processing_job(**processing_job(name, bucket))
    assert gone.sent == AT_ONCE
    taken = 0
    for name in names:
        try:
            # Whoever does not know asks again. A name is taken where the first request was carried out.
            sagemaker.create_processing_job(**processing_job(name, bucket))
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceInUse", error
            taken += 1
        assert finished(sagemaker, name)["ProcessingJobStatus"] == "Completed"
    assert taken >= AT_ONCE // 3, "those that waited for their answers' first byte were carried out"


def test_an_execution_whose_client_is_gone_is_found_by_its_token(cloud, sagemaker):
    pipeline = create(sagemaker, process_step("Nothing", "pass"))
    gone = GoneClient(cloud)
    for _ in range(6):
        asked = {"PipelineName": pipeline, "ClientRequestToken": str(uuid.uuid4())}
        gone.client.start_pipeline_execution(**asked)
        succeeded(sagemaker, sagemaker.start_pipeline_execution(**asked)["PipelineExecutionArn"])
    listed = sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"]
    assert len(listed) == 6, listed


def test_a_stop_and_a_delete_of_a_client_that_is_gone_come_to_their_ends(cloud, sagemaker, s3, bucket):
    put_rows(s3, bucket)
    gone = GoneClient(cloud)
    name = unique("gone")
    sagemaker.create_processing_job(**processing_job(name, bucket, ["--wait"]))
    while sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress":
        gone.client.stop_processing_job(ProcessingJobName=name)
    assert finished(sagemaker, name)["ProcessingJobStatus"] == "Stopped"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(), PrimaryContainer={"Image": PROCESS_IMAGE})

    def deleted():
        gone.client.delete_model(ModelName=name)
        try:
            return sagemaker.describe_model(ModelName=name) is None
        except ClientError:
            return True

    wait(deleted, "the model is gone")
