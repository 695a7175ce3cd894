"""A cloud on a disk that is full: it starts, and room can be made through its API."""

import json
import pathlib
import shutil
import subprocess
import sys

import boto3
import pytest

from harness import ROOT
from quickstart_tools import command
from test_quickstart_trouble import fill, mount


def access(data):
    told = json.loads(command(data, "local", "env", "-o", "json"))
    keys = {"aws_access_key_id": told["accessKeyId"], "aws_secret_access_key": told["secretAccessKey"]}
    return boto3.client("s3", endpoint_url=told["endpoint"], region_name=told["region"], **keys)


def room_is_made(folder):
    disk = pathlib.Path(folder) / "disk"
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


def test_room_is_made_through_the_api_after_a_restart_on_a_full_disk(tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a mount namespace: no disk can be made small")
    script = f"import sys; sys.path.insert(0, {str(ROOT / 'tests/conformance')!r}); import test_full_disk as t; t.room_is_made(sys.argv[1])"
    done = subprocess.run(["unshare", "-rm", sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
