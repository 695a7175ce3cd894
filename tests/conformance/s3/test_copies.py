"""Copies of objects."""

from s3_tools import crc32, fails, sha256, tags


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
