"""Objects: content, metadata, ranges, conditions, tags."""

import concurrent.futures
import datetime
import os

import pytest
from botocore.exceptions import ClientError

from s3_tools import MIB, client, fails, fails_status, tags


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


def test_tagging(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="one=1&two=a%2Bb+c&empty=")
    assert tags(s3, bucket, "a") == {"one": "1", "two": "a+b c", "empty": ""}
    assert s3.get_object(Bucket=bucket, Key="a")["TagCount"] == 3
    put = lambda *pairs: s3.put_object_tagging(
        Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in pairs]}
    )
    put(("k", "v + w:/=@"))
    assert tags(s3, bucket, "a") == {"k": "v + w:/=@"}
    with pytest.raises(ClientError, match="InvalidTag"):
        put(("k", "1"), ("k", "2"))
    with pytest.raises(ClientError, match="cannot be greater than 10"):
        put(*((str(index), "") for index in range(11)))
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    assert tags(s3, bucket, "a") == {}
    fails("NoSuchKey", 404, s3.get_object_tagging, Bucket=bucket, Key="missing")
