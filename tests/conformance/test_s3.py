"""S3 as stock boto3 and the AWS CLI see it."""

import base64
import concurrent.futures
import datetime
import hashlib
import io
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
import zlib

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import s3_standalone

MIB = 1024 * 1024


def client(cloud, **config):
    return boto3.client(
        "s3",
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=cloud.access_key,
        aws_secret_access_key=cloud.secret_key,
        region_name=config.pop("region", "us-east-1"),
        config=Config(retries={"max_attempts": 1}, **config),
    )


@pytest.fixture(scope="session")
def s3(cloud):
    return client(cloud)


def new_bucket(s3):
    name = f"test-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def bucket(s3):
    return new_bucket(s3)


def fails(code, status, call, **arguments):
    """The call is refused with this code and status, and with a message and a request id."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    assert (error["Code"], metadata["HTTPStatusCode"]) == (code, status), error
    assert error["Message"] and metadata["RequestId"]
    return error


# Buckets


def test_bucket_life(s3):
    name = new_bucket(s3)
    head = s3.head_bucket(Bucket=name)
    assert head["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    listed = {one["Name"]: one for one in s3.list_buckets()["Buckets"]}
    assert abs(listed[name]["CreationDate"] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)
    s3.delete_bucket(Bucket=name)
    fails("404", 404, s3.head_bucket, Bucket=name)
    error = fails("NoSuchBucket", 404, s3.list_objects_v2, Bucket=name)
    assert error["BucketName"] == name
    fails("NoSuchBucket", 404, s3.delete_bucket, Bucket=name)


def test_bucket_regions(cloud, s3):
    west = client(cloud, region="eu-west-1")
    name = f"test-{uuid.uuid4()}"
    fails("IllegalLocationConstraintException", 400, west.create_bucket, Bucket=name)
    constraint = {"LocationConstraint": "eu-west-1"}
    west.create_bucket(Bucket=name, CreateBucketConfiguration=constraint)
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    fails("BucketAlreadyOwnedByYou", 409, west.create_bucket, Bucket=name, CreateBucketConfiguration=constraint)
    fails(
        "InvalidLocationConstraint",
        400,
        s3.create_bucket,
        Bucket=f"{name}-2",
        CreateBucketConfiguration={"LocationConstraint": "nowhere"},
    )


def test_creating_again_in_us_east_1_succeeds(s3, bucket):
    s3.create_bucket(Bucket=bucket)


@pytest.mark.parametrize("name", ["a_b", "Upper", "a..b", "192.168.1.1", "xn--ab", "-ab", "ab-s3alias"])
def test_bad_bucket_names(s3, name):
    fails("InvalidBucketName", 400, s3.create_bucket, Bucket=name)


def test_a_bucket_with_objects_is_kept(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a")
    fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)


def test_list_buckets_pages(s3):
    prefix = f"page-{uuid.uuid4().hex[:8]}-"
    names = [f"{prefix}{index}" for index in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [one["Name"] for page in pages for one in page["Buckets"]] == names
    assert len(pages) == 3


def test_expected_owner(s3, bucket):
    fails("AccessDenied", 403, s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="999999999999")


def test_what_is_not_there_is_refused_by_name(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    enabled = {"Status": "Enabled"}
    error = fails("NotImplemented", 501, s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=enabled)
    assert "PutBucketVersioning" in error["Message"]
    fails("NotImplemented", 501, s3.put_bucket_policy, Bucket=bucket, Policy="{}")
    fails("AccessControlListNotSupported", 400, s3.put_object, Bucket=bucket, Key="a", ACL="public-read")
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
    assert "SSE-C" in fails("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="a", **key)["Message"]
    digest = base64.b64encode(b"\0" * 64).decode()
    error = fails("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="a", Body=b"x", ChecksumSHA512=digest)
    assert "x-amz-checksum-sha512" in error["Message"]


# What the embedded S3 does; every other operation of a bucket or an object has to be refused.
SERVED = set("""
CreateBucket DeleteBucket HeadBucket ListBuckets GetBucketLocation GetBucketVersioning PutObject GetObject HeadObject
CopyObject DeleteObject DeleteObjects GetObjectAttributes GetObjectTagging PutObjectTagging DeleteObjectTagging ListObjects
ListObjectsV2 ListObjectVersions CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload
AbortMultipartUpload ListParts ListMultipartUploads
""".split())
# Not calls on a bucket or an object of S3: sessions of directory buckets, object lambdas. And the old form of
# PutBucketNotificationConfiguration, whose document is refused as malformed.
ELSEWHERE = {"CreateSession", "ListDirectoryBuckets", "WriteGetObjectResponse", "PutBucketNotification"}


def least(shape, given):
    """The smallest value of a shape."""
    if shape.type_name == "structure":
        names = {*shape.required_members, *filter(None, [shape.serialization.get("payload")])} or list(shape.members)[:1]
        return {name: given.get(name) or least(shape.members[name], given) for name in names}
    if shape.type_name == "list":
        return [least(shape.member, given)]
    if shape.type_name == "timestamp":
        return datetime.datetime(2030, 1, 1)
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "x" * shape.metadata.get("min", 1)
    return {"boolean": True, "integer": 1, "long": 1, "blob": b"x"}[shape.type_name]


def operations_that_are_not_served():
    model = boto3.Session(region_name="us-east-1").client("s3").meta.service_model
    return sorted(set(model.operation_names) - SERVED - ELSEWHERE)


@pytest.mark.parametrize("name", operations_that_are_not_served())
def test_what_is_not_served_is_refused_and_destroys_nothing(s3, bucket, name):
    s3.put_object(Bucket=bucket, Key="a", Body=b"data")
    given = {"Bucket": bucket, "Key": "a", "RenameSource": f"{bucket}/a"}
    arguments = least(s3.meta.service_model.operation_model(name).input_shape, given)
    method = next(method for method, operation in s3.meta.method_to_api_mapping.items() if operation == name)
    error = fails("NotImplemented", 501, getattr(s3, method), **arguments)
    told = (name, "not supported by the embedded cloud", "Unknown operation")
    assert any(words in error["Message"] for words in told), error["Message"]
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"data"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a"]




# Objects


def test_put_get_head_delete(s3, bucket):
    put = s3.put_object(
        Bucket=bucket,
        Key="dir/a b+c/ü.txt",
        Body=b"hello",
        ContentType="text/plain; charset=utf-8",
        CacheControl="max-age=60",
        ContentDisposition='attachment; filename="x"',
        ContentEncoding="gzip",
        ContentLanguage="de",
        Expires=datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        Metadata={"one": "1", "two": "zwei"},
        StorageClass="STANDARD_IA",
        WebsiteRedirectLocation="/elsewhere",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="alias/mine",
    )
    etag = '"5d41402abc4b2a76b9719d911017c592"'
    assert put["ETag"] == etag and put["ServerSideEncryption"] == "aws:kms"
    got = s3.get_object(Bucket=bucket, Key="dir/a b+c/ü.txt")
    assert got["Body"].read() == b"hello"
    head = s3.head_object(Bucket=bucket, Key="dir/a b+c/ü.txt")
    for answer in (got, head):
        assert answer["ETag"] == etag
        assert answer["ContentLength"] == 5
        assert answer["ContentType"] == "text/plain; charset=utf-8"
        assert answer["CacheControl"] == "max-age=60"
        assert answer["ContentDisposition"] == 'attachment; filename="x"'
        assert answer["ContentEncoding"] == "gzip"
        assert answer["ContentLanguage"] == "de"
        assert answer["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
        assert answer["Metadata"] == {"one": "1", "two": "zwei"}
        assert answer["StorageClass"] == "STANDARD_IA"
        assert answer["WebsiteRedirectLocation"] == "/elsewhere"
        assert answer["SSEKMSKeyId"] == "alias/mine"
        assert answer["AcceptRanges"] == "bytes"
    assert s3.delete_object(Bucket=bucket, Key="dir/a b+c/ü.txt")["ResponseMetadata"]["HTTPStatusCode"] == 204
    s3.delete_object(Bucket=bucket, Key="dir/a b+c/ü.txt")
    error = fails("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="dir/a b+c/ü.txt")
    assert error["Key"] == "dir/a b+c/ü.txt"
    fails("404", 404, s3.head_object, Bucket=bucket, Key="dir/a b+c/ü.txt")


@pytest.mark.parametrize(
    "key",
    ["../../etc/passwd", "..", "/", "//", "a//b", "dir/", "a\\b", "%2e%2e", "a?b=c&d#e", "~!@$^*()'\"<>|", "日本語", "x" * 1024],
)
def test_any_key_is_stored(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == key.encode()
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [one["Key"] for one in deleted["Deleted"]] == [key]


def test_keys_and_metadata_have_limits(s3, bucket):
    fails("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="x" * 1025)
    fails("MetadataTooLarge", 400, s3.put_object, Bucket=bucket, Key="a", Metadata={"a": "x" * 2048})
    fails("InvalidStorageClass", 400, s3.put_object, Bucket=bucket, Key="a", StorageClass="WARM")


def test_empty_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="empty")
    got = s3.get_object(Bucket=bucket, Key="empty")
    assert got["Body"].read() == b"" and got["ContentLength"] == 0
    assert got["ContentType"] == "binary/octet-stream"
    fails("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-0")


@pytest.mark.parametrize(
    ("range_", "expected", "shown"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=4-99", b"456789", "bytes 4-9/10"),
    ],
)
def test_ranges(s3, bucket, range_, expected, shown):
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="a", Range=range_)
    assert got["Body"].read() == expected
    assert got["ContentRange"] == shown
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    head = s3.head_object(Bucket=bucket, Key="a", Range=range_)
    assert (head["ContentLength"], head["ResponseMetadata"]["HTTPStatusCode"]) == (len(expected), 206)


def test_range_beyond_the_end(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    for range_ in ("bytes=10-", "bytes=-0"):
        fails("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="a", Range=range_)


def test_range_inside_a_large_object(s3, bucket):
    data = os.urandom(3 * MIB + 17)
    s3.put_object(Bucket=bucket, Key="a", Body=data)
    got = s3.get_object(Bucket=bucket, Key="a", Range=f"bytes={MIB}-{3 * MIB}")
    assert got["Body"].read() == data[MIB : 3 * MIB + 1]


def test_response_overrides(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    got = s3.get_object(Bucket=bucket, Key="a", ResponseContentType="text/x", ResponseContentDisposition="inline")
    assert (got["ContentType"], got["ContentDisposition"]) == ("text/x", "inline")


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    now = s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    past, future = now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1)
    for call in (s3.get_object, s3.head_object):
        read = lambda **conditions: call(Bucket=bucket, Key="a", **conditions)
        refused = lambda status, **conditions: fails_status(status, read, **conditions)
        read(IfMatch=etag)
        read(IfNoneMatch='"other"')
        read(IfModifiedSince=past)
        read(IfUnmodifiedSince=now)
        read(IfMatch=etag, IfUnmodifiedSince=past)
        read(IfNoneMatch='"other"', IfModifiedSince=future)
        refused(412, IfMatch='"other"')
        refused(412, IfUnmodifiedSince=past)
        refused(304, IfNoneMatch=etag)
        refused(304, IfNoneMatch="*")
        refused(304, IfModifiedSince=now)
        refused(304, IfMatch=etag, IfNoneMatch=etag)
    fails("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="a", IfMatch='"other"')


def fails_status(status, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_conditional_writes(s3, bucket):
    put = lambda body, **conditions: s3.put_object(Bucket=bucket, Key="a", Body=body, **conditions)
    fails("NoSuchKey", 404, put, body=b"0", IfMatch='"x"')
    first = put(b"1", IfNoneMatch="*")["ETag"]
    fails("PreconditionFailed", 412, put, body=b"2", IfNoneMatch="*")
    fails("PreconditionFailed", 412, put, body=b"2", IfMatch='"other"')
    put(b"3", IfMatch=first)
    fails("PreconditionFailed", 412, put, body=b"4", IfMatch=first)
    fails("NotImplemented", 501, put, body=b"4", IfNoneMatch=first)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"3"


def test_one_of_many_concurrent_creations_wins(cloud, s3, bucket):
    s3s = [client(cloud, max_pool_connections=1) for _ in range(8)]

    def create(index):
        try:
            s3s[index].put_object(Bucket=bucket, Key="lock", Body=str(index).encode(), IfNoneMatch="*")
            return index
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412)
            return None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        winners = [index for index in pool.map(create, range(8)) if index is not None]
    assert len(winners) == 1
    assert s3.get_object(Bucket=bucket, Key="lock")["Body"].read() == str(winners[0]).encode()


def test_delete_conditions(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    fails("PreconditionFailed", 412, s3.delete_object, Bucket=bucket, Key="a", IfMatch='"other"')
    s3.delete_object(Bucket=bucket, Key="a", IfMatch="*")
    fails("404", 404, s3.head_object, Bucket=bucket, Key="a")


def test_delete_objects(s3, bucket):
    for key in ("a", "b", "c&<d>"):
        s3.put_object(Bucket=bucket, Key=key)
    objects = [{"Key": "a"}, {"Key": "missing"}, {"Key": "c&<d>"}]
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert sorted(one["Key"] for one in done["Deleted"]) == ["a", "c&<d>", "missing"]
    assert "Errors" not in done
    done = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": "b", "ETag": "other"}, {"Key": "b", "VersionId": "v1"}], "Quiet": True},
    )
    assert "Deleted" not in done
    assert sorted(one["Code"] for one in done["Errors"]) == ["NoSuchVersion", "PreconditionFailed"]
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["b"]
    fails("MalformedXML", 400, s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(1001)]})


# Copies


def test_copy_keeps_or_replaces(s3, bucket):
    s3.put_object(
        Bucket=bucket, Key="a", Body=b"data", Metadata={"m": "1"}, ContentType="text/a", Tagging="t=1&u=a%20b",
        ChecksumAlgorithm="SHA256",
    )
    source = {"Bucket": bucket, "Key": "a"}
    result = s3.copy_object(Bucket=bucket, Key="b", CopySource=source)["CopyObjectResult"]
    assert result["ChecksumSHA256"] == sha256(b"data")
    head = s3.head_object(Bucket=bucket, Key="b")
    assert (head["Metadata"], head["ContentType"], head["ETag"]) == ({"m": "1"}, "text/a", result["ETag"])
    assert tags(s3, bucket, "b") == {"t": "1", "u": "a b"}
    s3.copy_object(
        Bucket=bucket, Key="c", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"},
        ContentType="text/c", TaggingDirective="REPLACE", Tagging="v=3", StorageClass="ONEZONE_IA",
        ChecksumAlgorithm="CRC32",
    )
    head = s3.head_object(Bucket=bucket, Key="c", ChecksumMode="ENABLED")
    assert (head["Metadata"], head["ContentType"], head["StorageClass"]) == ({"n": "2"}, "text/c", "ONEZONE_IA")
    assert head["ChecksumCRC32"] == crc32(b"data")
    assert tags(s3, bucket, "c") == {"v": "3"}
    s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"data"


def test_copy_onto_itself(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"data", Metadata={"m": "1"})
    source = {"Bucket": bucket, "Key": "a"}
    fails("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="a", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="a", CopySource=source, MetadataDirective="REPLACE", Metadata={"m": "2"})
    got = s3.get_object(Bucket=bucket, Key="a")
    assert (got["Metadata"], got["Body"].read()) == ({"m": "2"}, b"data")


def test_copy_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"data")["ETag"]
    copy = lambda **conditions: s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a", **conditions)
    copy(CopySourceIfMatch=etag)
    fails("PreconditionFailed", 412, copy, IfNoneMatch="*")
    fails("PreconditionFailed", 412, copy, IfMatch='"x"')
    copy(IfMatch=etag)
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a", IfNoneMatch="*")
    fails("PreconditionFailed", 412, copy, CopySourceIfMatch='"x"')
    fails("PreconditionFailed", 412, copy, CopySourceIfNoneMatch=etag)
    fails("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="b", CopySource=f"{bucket}/missing")
    fails("NoSuchBucket", 404, s3.copy_object, Bucket=bucket, Key="b", CopySource=f"{bucket}-x/a")


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def tags(s3, bucket, key):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


# Checksums


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


# Listings

KEYS = ["a", "b/1", "b/2", "b/c/3", "b0", "c d", "e+f", "x/y", "ü"]


@pytest.fixture(scope="module")
def listed(s3):
    name = new_bucket(s3)
    for key in reversed(KEYS):
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def names(page):
    keys = [one["Key"] for one in page.get("Contents", [])]
    return keys, [one["Prefix"] for one in page.get("CommonPrefixes", [])]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("prefix", "delimiter", "keys", "prefixes"),
    [
        ("", "", KEYS, []),
        ("", "/", ["a", "b0", "c d", "e+f", "ü"], ["b/", "x/"]),
        ("b/", "/", ["b/1", "b/2"], ["b/c/"]),
        ("b", "", ["b/1", "b/2", "b/c/3", "b0"], []),
        ("b", "/", ["b0"], ["b/"]),
        ("none", "/", [], []),
    ],
)
def test_listing_pages(s3, listed, operation, size, prefix, delimiter, keys, prefixes):
    pages = s3.get_paginator(operation).paginate(
        Bucket=listed, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    )
    found, rolled, count = [], [], 0
    for page in pages:
        contents = page.get("Versions" if operation == "list_object_versions" else "Contents", [])
        entries = len(contents) + len(page.get("CommonPrefixes", []))
        assert entries <= size
        assert "KeyCount" not in page or page["KeyCount"] == entries
        found += [one["Key"] for one in contents]
        rolled += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        count += 1
    assert (found, rolled) == (keys, prefixes)
    assert count == max(1, -(-(len(keys) + len(prefixes)) // size))


def test_listing_details(s3, listed):
    page = s3.list_objects_v2(Bucket=listed, Prefix="a", FetchOwner=True)
    (entry,) = page["Contents"]
    assert entry["Size"] == 1 and entry["StorageClass"] == "STANDARD" and len(entry["Owner"]["ID"]) == 64
    assert entry["ETag"] == f'"{hashlib.md5(b"a").hexdigest()}"'
    assert (page["Name"], page["Prefix"], page["MaxKeys"], page["IsTruncated"]) == (listed, "a", 1000, False)
    assert "Owner" not in s3.list_objects_v2(Bucket=listed, Prefix="a")["Contents"][0]


def test_listing_starts(s3, listed):
    assert names(s3.list_objects_v2(Bucket=listed, StartAfter="b0"))[0] == ["c d", "e+f", "x/y", "ü"]
    assert names(s3.list_objects_v2(Bucket=listed, StartAfter="b/", Delimiter="/"))[1] == ["x/"]
    assert names(s3.list_objects(Bucket=listed, Marker="b/1", Prefix="b/"))[0] == ["b/2", "b/c/3"]
    page = s3.list_objects(Bucket=listed, Delimiter="/", MaxKeys=2)
    assert names(page) == (["a"], ["b/"]) and page["NextMarker"] == "b/"
    page = s3.list_objects(Bucket=listed, MaxKeys=2)
    assert page["IsTruncated"] and "NextMarker" not in page


def test_listing_limits(s3, listed):
    page = s3.list_objects_v2(Bucket=listed, MaxKeys=0)
    assert (names(page), page["IsTruncated"], page["KeyCount"]) == (([], []), False, 0)
    assert s3.list_objects_v2(Bucket=listed, MaxKeys=5000)["MaxKeys"] == 1000
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=listed, MaxKeys=-1)
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=listed, ContinuationToken="!")
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=listed, EncodingType="base64")


# Multipart uploads


def upload_parts(s3, bucket, key, bodies, **arguments):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        # boto3 sends a CRC32 with a part unless told otherwise.
        checksum = {name: value for name, value in arguments.items() if name == "ChecksumAlgorithm"}
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body, **checksum)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    return upload, parts


def complete(s3, bucket, key, upload, parts, **arguments):
    return s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **arguments
    )


def test_multipart(s3, bucket):
    first, second = os.urandom(5 * MIB), b"tail"
    upload, parts = upload_parts(
        s3, bucket, "m", [first, second], ContentType="text/m", Metadata={"k": "v"}, Tagging="t=1",
        StorageClass="STANDARD_IA",
    )
    listing = s3.list_parts(Bucket=bucket, Key="m", UploadId=upload)
    assert [(one["PartNumber"], one["Size"]) for one in listing["Parts"]] == [(1, 5 * MIB), (2, 4)]
    page = s3.list_parts(Bucket=bucket, Key="m", UploadId=upload, MaxParts=1)
    assert page["IsTruncated"] and page["NextPartNumberMarker"] == 1
    assert names(s3.list_objects_v2(Bucket=bucket)) == ([], [])
    done = complete(s3, bucket, "m", upload, parts)
    digest = hashlib.md5(hashlib.md5(first).digest() + hashlib.md5(second).digest()).hexdigest()
    assert done["ETag"] == f'"{digest}-2"' and done["Key"] == "m"
    got = s3.get_object(Bucket=bucket, Key="m")
    assert got["Body"].read() == first + second
    assert (got["ContentType"], got["Metadata"], got["StorageClass"]) == ("text/m", {"k": "v"}, "STANDARD_IA")
    assert tags(s3, bucket, "m") == {"t": "1"}
    part = s3.get_object(Bucket=bucket, Key="m", PartNumber=2)
    assert (part["Body"].read(), part["PartsCount"]) == (b"tail", 2)
    assert part["ContentRange"] == f"bytes {5 * MIB}-{5 * MIB + 3}/{5 * MIB + 4}"
    fails("InvalidPartNumber", 416, s3.get_object, Bucket=bucket, Key="m", PartNumber=3)
    # A completion that is sent again gives the same answer.
    assert complete(s3, bucket, "m", upload, parts)["ETag"] == done["ETag"]
    fails("NoSuchUpload", 404, s3.list_parts, Bucket=bucket, Key="m", UploadId=upload)
    # A copy is one piece, with an ETag of its own.
    copied = s3.copy_object(Bucket=bucket, Key="n", CopySource=f"{bucket}/m")["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(first + second).hexdigest()}"'


def test_part_is_replaced_and_parts_may_be_left_out(s3, bucket):
    upload, _ = upload_parts(s3, bucket, "m", [b"old", b"unused"])
    etag = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"new")["ETag"]
    complete(s3, bucket, "m", upload, [{"PartNumber": 1, "ETag": etag}])
    assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"new"


def test_multipart_refusals(s3, bucket):
    upload, parts = upload_parts(s3, bucket, "m", [b"small", b"tail"])
    refused = lambda code, parts: fails(
        code, 400, complete, s3=s3, bucket=bucket, key="m", upload=upload, parts=parts
    )
    refused("EntityTooSmall", parts)
    refused("InvalidPartOrder", parts[::-1])
    refused("InvalidPart", [{"PartNumber": 1, "ETag": '"0123"'}])
    refused("InvalidPart", [{"PartNumber": 7, "ETag": parts[0]["ETag"]}])
    refused("MalformedXML", [])
    fails("InvalidArgument", 400, s3.upload_part, Bucket=bucket, Key="m", UploadId=upload, PartNumber=10001, Body=b"")
    fails("NoSuchUpload", 404, s3.upload_part, Bucket=bucket, Key="m", UploadId="nope", PartNumber=1, Body=b"")
    fails("NoSuchUpload", 404, s3.upload_part, Bucket=bucket, Key="other", UploadId=upload, PartNumber=1, Body=b"")
    fails("InvalidRequest", 400, complete, s3=s3, bucket=bucket, key="m", upload=upload, parts=parts[:1], MpuObjectSize=9)
    fails("404", 404, s3.head_object, Bucket=bucket, Key="m")
    s3.abort_multipart_upload(Bucket=bucket, Key="m", UploadId=upload)
    fails("NoSuchUpload", 404, s3.abort_multipart_upload, Bucket=bucket, Key="m", UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_conditional_completion(s3, bucket):
    s3.put_object(Bucket=bucket, Key="m", Body=b"there")
    upload, parts = upload_parts(s3, bucket, "m", [b"new"])
    arguments = {"s3": s3, "bucket": bucket, "key": "m", "upload": upload, "parts": parts}
    fails("PreconditionFailed", 412, complete, **arguments, IfNoneMatch="*")
    fails("PreconditionFailed", 412, complete, **arguments, IfMatch='"x"')
    etag = s3.head_object(Bucket=bucket, Key="m")["ETag"]
    complete(**arguments, IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"new"


def test_multipart_checksums(s3, bucket):
    bodies = [os.urandom(5 * MIB), b"tail"]
    upload, parts = upload_parts(s3, bucket, "composite", bodies, ChecksumAlgorithm="SHA256")
    done = complete(s3, bucket, "composite", upload, parts)
    joined = b"".join(hashlib.sha256(body).digest() for body in bodies)
    assert done["ChecksumSHA256"] == sha256(joined) + "-2"
    assert done["ChecksumType"] == "COMPOSITE"
    found = s3.get_object_attributes(
        Bucket=bucket, Key="composite", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    )
    assert found["ETag"] == done["ETag"].strip('"')
    assert found["ObjectSize"] == 5 * MIB + 4 and found["StorageClass"] == "STANDARD"
    assert found["Checksum"]["ChecksumSHA256"] == done["ChecksumSHA256"]
    assert found["ObjectParts"]["TotalPartsCount"] == 2
    assert [one["ChecksumSHA256"] for one in found["ObjectParts"]["Parts"]] == [sha256(body) for body in bodies]

    upload, parts = upload_parts(s3, bucket, "whole", bodies, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    arguments = {"s3": s3, "bucket": bucket, "key": "whole", "upload": upload, "parts": parts}
    fails("BadDigest", 400, complete, **arguments, ChecksumCRC32=crc32(b"other"), ChecksumType="FULL_OBJECT")
    done = complete(**arguments, ChecksumCRC32=crc32(b"".join(bodies)), ChecksumType="FULL_OBJECT")
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (crc32(b"".join(bodies)), "FULL_OBJECT")

    upload, parts = upload_parts(s3, bucket, "part", [b"x"], ChecksumAlgorithm="SHA256")
    wrong = [{**parts[0], "ChecksumSHA256": sha256(b"y")}]
    fails("InvalidPart", 400, complete, s3=s3, bucket=bucket, key="part", upload=upload, parts=wrong)
    fails(
        "InvalidRequest", 400, s3.upload_part, Bucket=bucket, Key="part", UploadId=upload, PartNumber=2, Body=b"",
        ChecksumAlgorithm="SHA1",
    )
    fails(
        "InvalidRequest", 400, s3.create_multipart_upload, Bucket=bucket, Key="x", ChecksumAlgorithm="SHA1",
        ChecksumType="FULL_OBJECT",
    )


def test_upload_part_copy(s3, bucket):
    data = os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    copy = lambda number, **arguments: s3.upload_part_copy(
        Bucket=bucket, Key="m", UploadId=upload, PartNumber=number, CopySource=f"{bucket}/source", **arguments
    )["CopyPartResult"]["ETag"]
    etags = [copy(1, CopySourceRange=f"bytes=0-{5 * MIB - 1}"), copy(2)]
    fails("InvalidArgument", 400, copy, number=3, CopySourceRange=f"bytes=0-{6 * MIB}")
    complete(s3, bucket, "m", upload, [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)])
    assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == data[: 5 * MIB] + data


def test_list_multipart_uploads(s3, bucket):
    ids = {}
    for key in ("a", "d/1", "d/2", "e", "e"):
        ids.setdefault(key, []).append(s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
    everything = s3.list_multipart_uploads(Bucket=bucket)
    assert [one["Key"] for one in everything["Uploads"]] == ["a", "d/1", "d/2", "e", "e"]
    found, prefixes = [], []
    for page in s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}
    ):
        found += [one["UploadId"] for one in page.get("Uploads", [])]
        prefixes += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
    assert prefixes == ["d/"]
    assert found[0] == ids["a"][0] and sorted(found[1:]) == sorted(ids["e"])
    assert len(s3.list_multipart_uploads(Bucket=bucket, Prefix="d/")["Uploads"]) == 2
    # A bucket with nothing but uploads in progress is empty.
    s3.delete_bucket(Bucket=bucket)


def test_managed_transfer(s3, bucket, tmp_path):
    data = os.urandom(20 * MIB + 1)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    s3.upload_file(str(source), bucket, "big")
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')
    s3.download_file(bucket, "big", str(target))
    assert target.read_bytes() == data
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy")
    buffer = io.BytesIO()
    s3.download_fileobj(bucket, "copy", buffer)
    assert buffer.getvalue() == data


# Tags


def test_tagging(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="one=1&two=a%2Bb+c&empty=")
    assert tags(s3, bucket, "a") == {"one": "1", "two": "a+b c", "empty": ""}
    assert s3.get_object(Bucket=bucket, Key="a")["TagCount"] == 3
    put = lambda *pairs: s3.put_object_tagging(
        Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in pairs]}
    )
    put(("k", "v&<w>"))
    assert tags(s3, bucket, "a") == {"k": "v&<w>"}
    with pytest.raises(ClientError, match="InvalidTag"):
        put(("k", "1"), ("k", "2"))
    with pytest.raises(ClientError, match="cannot be greater than 10"):
        put(*((str(index), "") for index in range(11)))
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    assert tags(s3, bucket, "a") == {}
    fails("NoSuchKey", 404, s3.get_object_tagging, Bucket=bucket, Key="missing")


# Addressing and signatures


def test_virtual_host_style(cloud, s3, bucket):
    port = cloud.endpoint_url.rsplit(":", 1)[1]
    s3.put_object(Bucket=bucket, Key="dir/a b", Body=b"path")
    for host in ("s3.localhost", "localhost"):
        virtual = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id=cloud.access_key,
            aws_secret_access_key=cloud.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "virtual"}),
        )
        seen = []
        virtual.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.url))
        virtual.meta.events.register("before-send.s3", lambda request, **_: to_loopback(cloud, request))
        assert virtual.get_object(Bucket=bucket, Key="dir/a b")["Body"].read() == b"path"
        assert seen[0].startswith(f"http://{bucket}.{host}:{port}/dir/")


def to_loopback(cloud, request):
    """Sends a signed request to the address of the server whatever the name of the host."""
    from urllib.parse import urlsplit

    from botocore.httpsession import URLLib3Session

    parts = urlsplit(request.url)
    request.headers["Host"] = parts.netloc
    request.url = request.url.replace(f"http://{parts.netloc}", cloud.endpoint_url, 1)
    return URLLib3Session().send(request)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned(cloud, bucket, version):
    signer = client(cloud, signature_version=version)
    put = signer.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p q"})
    urllib.request.urlopen(urllib.request.Request(put, data=b"presigned", method="PUT", headers={"Content-Type": ""}))
    get = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p q"})
    assert urllib.request.urlopen(get).read() == b"presigned"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(get.replace("p%20q", "other"))
    assert caught.value.code == 403 and b"SignatureDoesNotMatch" in caught.value.read()


def test_presigned_post(cloud, s3, bucket):
    post = client(cloud, signature_version="s3v4").generate_presigned_post(
        bucket, "form/a.txt", Conditions=[["content-length-range", 1, 100]]
    )
    boundary = "b0undary"
    send = lambda content: urllib.request.urlopen(
        urllib.request.Request(
            post["url"],
            data="".join(
                f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in post["fields"].items()
            ).encode()
            + f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n{content}\r\n--{boundary}--\r\n'.encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
    )
    assert send("posted").status in (200, 204)
    assert s3.get_object(Bucket=bucket, Key="form/a.txt")["Body"].read() == b"posted"
    post["fields"]["key"] = "form/other"
    with pytest.raises(urllib.error.HTTPError) as caught:
        send("posted")
    assert caught.value.code in (400, 403)
    fails("404", 404, s3.head_object, Bucket=bucket, Key="form/other")
    post["fields"]["key"] = "form/a.txt"
    with pytest.raises(urllib.error.HTTPError) as caught:
        send("x" * 101)
    assert caught.value.code == 400 and b"EntityTooLarge" in caught.value.read()


def test_expired_presigned_url(cloud, bucket, monkeypatch):
    signer = client(cloud, signature_version="s3v4")
    import botocore.auth as auth

    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: past.replace(tzinfo=None))
    url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"}, ExpiresIn=60)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 403 and b"Request has expired" in caught.value.read()


def test_a_connection_goes_on_after_a_refusal(cloud, bucket):
    """boto3 asks before it sends a body, and reuses the connection when it is told no."""
    s3 = client(cloud, max_pool_connections=1)
    for _ in range(30):
        fails("InvalidRequest", 400, s3.put_object, Bucket=bucket, Key="a", Body=b"x", ChecksumCRC32="AAA=")
        s3.put_object(Bucket=bucket, Key="b", Body=b"y")


def test_wrong_keys(cloud, s3):
    other = lambda access, secret: boto3.client(
        "s3", endpoint_url=cloud.endpoint_url, aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1"
    )
    fails("InvalidAccessKeyId", 403, other("AKIDNOBODY", "x").list_buckets)
    fails("SignatureDoesNotMatch", 403, other(cloud.access_key, "wrong").list_buckets)


def test_anonymous(cloud, bucket):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{cloud.endpoint_url}/{bucket}/a")
    assert caught.value.code == 403 and b"<Code>AccessDenied</Code>" in caught.value.read()


# The AWS CLI


def cli(cloud, *arguments, cwd=None):
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": cloud.access_key,
        "AWS_SECRET_ACCESS_KEY": cloud.secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return subprocess.run(["aws", *arguments], env=environment, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_aws_cli(cloud, s3, tmp_path):
    name = f"cli-{uuid.uuid4()}"
    assert cli(cloud, "s3", "mb", f"s3://{name}").returncode == 0
    tree = tmp_path / "tree"
    for path in ("one.txt", "sub/two", "sub/ü & +", "sub/deep/three"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(path)
    up = cli(cloud, "s3", "sync", "--no-progress", str(tree), f"s3://{name}/t")
    assert up.returncode == 0 and up.stdout.count("upload:") == 4, up
    assert cli(cloud, "s3", "sync", "--no-progress", str(tree), f"s3://{name}/t").stdout == ""
    listing = cli(cloud, "s3", "ls", f"s3://{name}/t/").stdout
    assert "PRE sub/" in listing and "one.txt" in listing
    down = tmp_path / "down"
    assert cli(cloud, "s3", "sync", f"s3://{name}/t", str(down)).returncode == 0
    assert {p.relative_to(down): p.read_text() for p in down.rglob("*") if p.is_file()} == {
        p.relative_to(tree): p.read_text() for p in tree.rglob("*") if p.is_file()
    }
    assert cli(cloud, "s3", "cp", f"s3://{name}/t/one.txt", "-").stdout == "one.txt"
    assert cli(cloud, "s3", "mv", f"s3://{name}/t/one.txt", f"s3://{name}/t/moved").returncode == 0
    missing = cli(cloud, "s3", "ls", "s3://no-such-bucket-here")
    assert missing.returncode != 0 and "(NoSuchBucket)" in missing.stderr
    assert "The specified bucket does not exist" in missing.stderr
    assert cli(cloud, "s3", "rm", "--recursive", f"s3://{name}").returncode == 0
    assert cli(cloud, "s3", "rb", f"s3://{name}").returncode == 0


# The process


def memory(process):
    """Resident memory in bytes, the most that there was."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.fixture
def server(tmp_path):
    started = s3_standalone.Server(tmp_path / "root")
    yield started
    started.kill()


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
    server = s3_standalone.Server(root)
    try:
        s3 = client(server)
        bucket = new_bucket(s3)
        for index in range(50):
            s3.put_object(Bucket=bucket, Key=f"k{index}", Body=str(index).encode())
        s3.delete_object(Bucket=bucket, Key="k0")
        upload, parts = upload_parts(s3, bucket, "m", [b"part"])
    finally:
        server.kill()
    server = s3_standalone.Server(root)
    try:
        s3 = client(server)
        keys = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
        assert keys == {f"k{index}" for index in range(1, 50)}
        for index in range(1, 50):
            assert s3.get_object(Bucket=bucket, Key=f"k{index}")["Body"].read() == str(index).encode()
        complete(s3, bucket, "m", upload, parts)
        assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"part"
    finally:
        server.kill()


def files(root):
    return [path for path in (root / "objects").rglob("*") if path.is_file()]


def test_nothing_is_left_behind(tmp_path):
    root = tmp_path / "root"
    server = s3_standalone.Server(root)
    try:
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
    finally:
        server.kill()
