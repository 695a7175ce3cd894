"""What the tests of S3 share."""

import base64
import hashlib
import uuid
import zlib

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


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


def new_bucket(s3):
    name = f"test-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


def fails(code, status, call, **arguments):
    """The call is refused with this code and status, and with a message and a request id."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    assert (error["Code"], metadata["HTTPStatusCode"]) == (code, status), error
    assert error["Message"] and metadata["RequestId"]
    return error


def fails_status(status, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def tags(s3, bucket, key):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def names(page):
    keys = [one["Key"] for one in page.get("Contents", [])]
    return keys, [one["Prefix"] for one in page.get("CommonPrefixes", [])]


def upload_parts(s3, bucket, key, bodies, **arguments):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        # boto3 sends a CRC32 with a part unless told otherwise.
        checksum = {name: value for name, value in arguments.items() if name == "ChecksumAlgorithm"}
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body, **checksum)
        # A composite checksum is completed with those of the parts.
        sums = {name: value for name, value in part.items() if checksum and name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": part["ETag"], **sums})
    return upload, parts


def complete(s3, bucket, key, upload, parts, **arguments):
    return s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **arguments
    )
