"""Buckets, and what the embedded S3 does not serve."""

import base64
import datetime
import uuid

import boto3
import pytest

from s3_tools import client, fails, new_bucket


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


def test_what_is_often_asked_of_a_bucket(s3, bucket):
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert acl["Grants"] == [{"Grantee": {"ID": acl["Owner"]["ID"], "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]
    assert fails("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=bucket)["BucketName"] == bucket


# What the embedded S3 does; every other operation of a bucket or an object has to be refused.
SERVED = set("""
CreateBucket DeleteBucket HeadBucket ListBuckets GetBucketLocation GetBucketVersioning GetBucketAcl GetBucketTagging
PutObject GetObject HeadObject
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
