"""The server as a process: memory, kills, what is left behind."""

import os
import pathlib
import sys

import pytest

import s3_standalone
from s3_tools import MIB, client, complete, fails, new_bucket, upload_parts


def memory(process):
    """Resident memory in bytes, the most that there was."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.fixture
def server(tmp_path):
    with s3_standalone.Server(tmp_path / "root") as started:
        yield started


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat(server, tmp_path):
    s3 = client(server)
    bucket = new_bucket(s3)
    path = tmp_path / "big"
    with open(path, "wb") as file:
        for _ in range(20):
            file.write(os.urandom(5 * MIB))
    s3.put_object(Bucket=bucket, Key="small", Body=b"x")
    before = memory(server.process)
    with open(path, "rb") as body:
        s3.put_object(Bucket=bucket, Key="big", Body=body)
    s3.download_file(bucket, "big", str(tmp_path / "back"))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/big")
    assert path.read_bytes() == (tmp_path / "back").read_bytes()
    assert memory(server.process) - before < 40 * MIB


def test_a_killed_server_loses_nothing(tmp_path):
    root = tmp_path / "root"
    with s3_standalone.Server(root) as server:
        s3 = client(server)
        bucket = new_bucket(s3)
        for index in range(50):
            s3.put_object(Bucket=bucket, Key=f"k{index}", Body=str(index).encode())
        s3.delete_object(Bucket=bucket, Key="k0")
        upload, parts = upload_parts(s3, bucket, "m", [b"part"])
    with s3_standalone.Server(root) as server:
        s3 = client(server)
        keys = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
        assert keys == {f"k{index}" for index in range(1, 50)}
        for index in range(1, 50):
            assert s3.get_object(Bucket=bucket, Key=f"k{index}")["Body"].read() == str(index).encode()
        complete(s3, bucket, "m", upload, parts)
        assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"part"


def files(root):
    return [path for path in (root / "objects").rglob("*") if path.is_file()]


def test_nothing_is_left_behind(server, tmp_path):
    root = tmp_path / "root"
    s3 = client(server)
    bucket = new_bucket(s3)
    for _ in range(3):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert len(files(root)) == 1
    fails("BadDigest", 400, s3.put_object, Bucket=bucket, Key="b", Body=b"x", ChecksumCRC32="AAAAAA==")
    upload, parts = upload_parts(s3, bucket, "m", [b"1", b"2"])
    s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"3")
    assert len(files(root)) == 3
    s3.abort_multipart_upload(Bucket=bucket, Key="m", UploadId=upload)
    assert len(files(root)) == 1
    upload, parts = upload_parts(s3, bucket, "a", [os.urandom(5 * MIB), b"2"])
    complete(s3, bucket, "a", upload, parts)
    assert len(files(root)) == 1
    s3.delete_object(Bucket=bucket, Key="a")
    assert files(root) == []
