"""A cloud on a disk that is full: it starts, and room can be made through its API."""

import json

import boto3

from disks import fill, in_namespace, mount  # noqa: F401
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
