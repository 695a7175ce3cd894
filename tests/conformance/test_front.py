"""The cloud's port: its access log, how many it serves, and how far it listens."""

import re
import resource
import socket
import subprocess

import harness
import requests

LINE = re.compile(r"INFO sagewright::access: (\S+) (\S+(?: \S+){0,2}) (\d{3}) (\d+) ms (\d+) B (\S+)")


def start(folder, *arguments, **popen):
    """A cloud with further arguments of `local up`, and settings of its process."""
    return harness.Cloud(folder, arguments=arguments, **popen)


def test_the_access_log_has_one_line_a_request_and_no_secret(tmp_path):
    cloud = start(tmp_path, "-v")
    try:
        s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
        s3.create_bucket(Bucket="a-bucket")
        s3.put_object(Bucket="a-bucket", Key="a key", Body=b"12345")
        # boto3 presigns with the older signature unless told otherwise; either has the key in its query.
        assert requests.get(s3.generate_presigned_url("get_object", {"Bucket": "a-bucket", "Key": "a key"})).content == b"12345"
        sagemaker.list_models()
        harness.refused(sagemaker.describe_model, "ValidationException", ModelName="absent")
        assert requests.get(cloud.endpoint + "/_sagewright/health", headers={"Origin": "http://a.example"}).status_code == 403
        code = cloud.stop()
    finally:
        cloud.kill()
    assert code == 0
    log = cloud.log()
    lines = [found.groups() for found in map(LINE.search, log.splitlines()) if found]
    told = [(account, what, int(status)) for account, what, status, *_ in lines]
    assert told == [
        (cloud.account, "s3 PUT /a-bucket", 200),
        (cloud.account, "s3 PUT /a-bucket/a%20key", 200),
        (cloud.account, "s3 GET /a-bucket/a%20key", 200),
        (cloud.account, "sagemaker.ListModels", 200),
        (cloud.account, "sagemaker.DescribeModel", 400),
        ("-", "GET /_sagewright/health", 403),
    ], log
    assert lines[2][4] == "5", "bytes of the answer"
    for secret in (cloud.secret_key, "X-Amz-Signature", "Signature="):
        assert secret not in log


def test_idle_connections_never_block_new_ones(tmp_path):
    def few_files():
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, min(hard, 400)))

    cloud = start(tmp_path, preexec_fn=few_files)
    try:
        address = cloud.listen.rsplit(":", 1)
        sts = cloud.client("sts", read_timeout=20)
        idle = []
        for _ in range(500):
            idle.append(socket.create_connection((address[0], int(address[1])), 20))
        assert sts.get_caller_identity()["Account"] == cloud.account
        # A limit of 64 files was raised, and half of them are for connections.
        open_now = sum(1 for connection in idle if is_open(connection))
        assert 100 <= open_now < 200, open_now
    finally:
        cloud.stop()


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_listening_beyond_this_machine_has_to_be_meant(tmp_path):
    command = [harness.binary(), "local", "up", "--data", str(tmp_path / "none"), "--listen", "0.0.0.0:0"]
    done = subprocess.run(command, capture_output=True, text=True, env=harness.clean_environment(), timeout=60)
    assert done.returncode == 64 and "--allow-remote" in done.stderr, done.stderr
    assert not (tmp_path / "none").exists()
    cloud = start(tmp_path, "--allow-remote", "--host", "build.example", listen="0.0.0.0:0")
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", cloud.endpoint), "a client cannot call 0.0.0.0"
        assert cloud.client("sts").get_caller_identity()["Account"] == cloud.account
        health = cloud.endpoint + "/_sagewright/health"
        assert requests.get(health, headers={"Host": "build.example"}).json()["status"] == "ok"
        assert "--host a.example" in requests.get(health, headers={"Host": "a.example"}).text
    finally:
        cloud.stop()
