"""Checksums of objects."""

import base64
import hashlib

from s3_tools import client, crc32, fails, sha256


def test_checksums_are_verified_kept_and_returned(s3, bucket):
    data = b"123456789"
    known = {
        "CRC32": crc32(data),
        "CRC32C": base64.b64encode(bytes.fromhex("e3069283")).decode(),
        "CRC64NVME": base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode(),
        "SHA1": base64.b64encode(hashlib.sha1(data).digest()).decode(),
        "SHA256": sha256(data),
    }
    for name, value in known.items():
        field = f"Checksum{name}"
        put = s3.put_object(Bucket=bucket, Key=name, Body=data, **{field: value})
        assert put[field] == value
        head = s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        assert (head[field], head["ChecksumType"]) == (value, "FULL_OBJECT")
        assert field not in s3.head_object(Bucket=bucket, Key=name)
        got = s3.get_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        assert (got[field], got["Body"].read()) == (value, data)
        wrong = base64.b64encode(b"\1" * len(base64.b64decode(value))).decode()
        error = fails("BadDigest", 400, s3.put_object, Bucket=bucket, Key="bad", Body=data, **{field: wrong})
        assert name in error["Message"]
        fails("InvalidRequest", 400, s3.put_object, Bucket=bucket, Key="bad", Body=data, **{field: "AAA="})
    fails("404", 404, s3.head_object, Bucket=bucket, Key="bad")
    listed = {one["Key"]: one["ChecksumAlgorithm"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed == {name: [name] for name in known}


def test_an_object_without_a_checksum_gets_one(cloud, bucket):
    plain = client(cloud, request_checksum_calculation="when_required")
    plain.put_object(Bucket=bucket, Key="a", Body=b"123456789")
    head = plain.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode()


def test_content_md5(s3, bucket):
    md5 = lambda data: base64.b64encode(hashlib.md5(data).digest()).decode()
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ContentMD5=md5(b"x"))
    fails("BadDigest", 400, s3.put_object, Bucket=bucket, Key="b", Body=b"x", ContentMD5=md5(b"y"))
    fails("InvalidDigest", 400, s3.put_object, Bucket=bucket, Key="b", Body=b"x", ContentMD5="xyz")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a"]
