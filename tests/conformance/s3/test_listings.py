"""Listings."""

import hashlib

import pytest

from s3_tools import fails, names, new_bucket


KEYS = ["a", "b/1", "b/2", "b/c/3", "b0", "c d", "e+f", "x/y", "ü"]


@pytest.fixture(scope="module")
def listed(s3):
    name = new_bucket(s3)
    for key in reversed(KEYS):
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


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
