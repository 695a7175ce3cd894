"""Multipart uploads."""

import concurrent.futures
import hashlib
import io
import os
import threading

from s3_tools import MIB, complete, crc32, fails, names, sha256, tags, upload_parts


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


def test_a_completion_that_is_sent_again_while_it_is_at_work_gives_the_same_answer(s3, bucket):
    together = threading.Barrier(2)

    def finish(key, upload, parts):
        together.wait()
        return complete(s3, bucket, key, upload, parts)["ETag"]

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for number in range(5):
            key = f"twice-{number}"
            upload, parts = upload_parts(s3, bucket, key, [bytes(5 * MIB), b"tail"])
            answers = [threads.submit(finish, key, upload, parts) for _ in range(2)]
            assert len({answer.result() for answer in answers}) == 1


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
    refused("InvalidRequest", [])
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
    without = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    fails("InvalidRequest", 400, complete, s3=s3, bucket=bucket, key="composite", upload=upload, parts=without)
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
