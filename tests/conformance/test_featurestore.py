"""Feature groups and their records, with boto3 and the SageMaker SDK."""

import concurrent.futures
import re
import subprocess

import pytest

import harness
from harness import refused, role, unique, wait
from script_tools import sdk

DEFINITIONS = [
    {"FeatureName": "id", "FeatureType": "String"},
    {"FeatureName": "at", "FeatureType": "String"},
    {"FeatureName": "age", "FeatureType": "Integral"},
    {"FeatureName": "score", "FeatureType": "Fractional"},
]


@pytest.fixture
def records(cloud):
    return cloud.client("sagemaker-featurestore-runtime")


def create(sagemaker, name=None, definitions=DEFINITIONS, event_time="at", online=True, **more):
    """A feature group that is there."""
    name = name or unique("group")
    if online:
        more["OnlineStoreConfig"] = {"EnableOnlineStore": True, **more.get("OnlineStoreConfig", {})}
    sagemaker.create_feature_group(
        FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName=event_time,
        FeatureDefinitions=definitions, **more,
    )
    created = lambda: sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created"
    wait(created, f"group {name} is created")
    return name


def offline(bucket):
    return {"RoleArn": role(), "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": f"s3://{bucket}/features"}}}


def row(**values):
    return [
        {"FeatureName": name, "ValueAsStringList": value} if isinstance(value, list)
        else {"FeatureName": name, "ValueAsString": value}
        for name, value in values.items()
    ]


def plain(answer):
    """The record of an answer as a dictionary; `None` where it has none."""
    if "Record" not in answer:
        return None
    return {value["FeatureName"]: value.get("ValueAsString", value.get("ValueAsStringList")) for value in answer["Record"]}


def at(second):
    return f"2026-01-01T00:00:{second:02}Z"


def test_a_record_is_put_read_in_one_and_many_and_deleted(sagemaker, records):
    group = create(sagemaker)
    arn = sagemaker.describe_feature_group(FeatureGroupName=group)["FeatureGroupArn"]
    records.put_record(FeatureGroupName=group, Record=row(id="a", at=at(1), age="7", score="1.5"))
    records.put_record(FeatureGroupName=arn, Record=row(id="b", at=at(1)))
    get = lambda identifier, **more: plain(records.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=identifier, **more))
    assert get("a") == {"id": "a", "at": at(1), "age": "7", "score": "1.5"}
    assert get("a", FeatureNames=["score", "id"]) == {"id": "a", "score": "1.5"}
    assert get("missing") is None

    # A put replaces the whole record, and an older or equal event time replaces nothing.
    records.put_record(FeatureGroupName=group, Record=row(id="a", at=at(3), age="8"))
    for second in (1, 3):
        records.put_record(FeatureGroupName=group, Record=row(id="a", at=at(second), age="9"))
    assert get("a") == {"id": "a", "at": at(3), "age": "8"}

    answer = records.batch_get_record(
        Identifiers=[
            {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a", "b", "missing"], "FeatureNames": ["id", "age"]},
            {"FeatureGroupName": "no-such-group", "RecordIdentifiersValueAsString": ["a"]},
        ]
    )
    found = {record["RecordIdentifierValueAsString"]: plain(record) for record in answer["Records"]}
    assert found == {"a": {"id": "a", "age": "8"}, "b": {"id": "b"}}
    (error,) = answer["Errors"]
    assert (error["FeatureGroupName"], error["RecordIdentifierValueAsString"]) == ("no-such-group", "a")
    assert answer["UnprocessedIdentifiers"] == []

    delete = lambda second, **more: records.delete_record(
        FeatureGroupName=group, RecordIdentifierValueAsString="a", EventTime=at(second), **more
    )
    delete(2)
    assert get("a"), "a soft delete of an earlier time deletes nothing"
    refused(delete, "ValidationError", re.compile("EventTime .* is not later .*"), second=2, DeletionMode="HardDelete")
    delete(4)
    assert get("a") is None
    records.put_record(FeatureGroupName=group, Record=row(id="a", at=at(3)))
    assert get("a") is None, "what is left of a soft delete is later"
    listed = lambda **more: records.list_records(FeatureGroupName=group, **more)["RecordIdentifiers"]
    assert (listed(), listed(IncludeSoftDeletedRecords=True)) == (["b"], ["a", "b"])
    delete(5, DeletionMode="HardDelete")
    assert listed(IncludeSoftDeletedRecords=True) == ["b"]
    records.put_record(FeatureGroupName=group, Record=row(id="a", at=at(1)))
    assert get("a") == {"id": "a", "at": at(1)}, "a hard delete leaves nothing"


def test_identifiers_are_listed_by_pages(sagemaker, records):
    group = create(sagemaker)
    for number in range(5):
        records.put_record(FeatureGroupName=group, Record=row(id=f"r{number}", at=at(1)))
    found, token = [], {}
    while True:
        page = records.list_records(FeatureGroupName=group, MaxResults=2, **token)
        found.append(page["RecordIdentifiers"])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == [["r0", "r1"], ["r2", "r3"], ["r4"]]
    refused(records.list_records, "ValidationError", FeatureGroupName=group, NextToken="nonsense")


def test_bad_records_are_refused_and_change_nothing(sagemaker, records):
    group = create(sagemaker)
    cases = [
        (row(at=at(1)), "no value of id"),
        (row(id="", at=at(1)), "no value of id"),
        (row(id="a"), "no value of at"),
        (row(id="a", at="yesterday"), "ISO 8601"),
        (row(id="a", at="2026-01-01T00:00:00+00:00"), "ISO 8601"),
        (row(id="a", at=at(1), age="7.5"), "Integral"),
        (row(id="a", at=at(1), score="high"), "Fractional"),
        *[(row(id="a", at=at(1), score=score), "double precision") for score in ("1e999", "-1e400", "Infinity", "nan")],
        (row(id="a", at=at(1), height="1"), "does not have a feature named height"),
        (row(id="a", at=at(1), age=["7"]), "needs ValueAsString"),
        (row(id="a", at=at(1)) + row(id="b"), "more than once"),
        (row(id="a" * 358_400, at=at(1)), "at most 358400"),
    ]
    for record, text in cases:
        refused(records.put_record, "ValidationError", re.compile(f".*{text}.*", re.DOTALL), FeatureGroupName=group, Record=record)
    assert records.list_records(FeatureGroupName=group)["RecordIdentifiers"] == []
    good = row(id="a", at=at(1))
    refused(records.put_record, "ValidationError", FeatureGroupName=group, Record=good, TargetStores=["OfflineStore"])
    missing = "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name none"
    refused(records.put_record, "ValidationError", missing, FeatureGroupName="none", Record=good)
    refused(records.get_record, "ResourceNotFound", missing, 404, FeatureGroupName="none", RecordIdentifierValueAsString="a")
    refused(
        records.get_record, "ValidationError", FeatureGroupName=group, RecordIdentifierValueAsString="a", FeatureNames=["height"]
    )
    other = harness.arn("feature-group", group, harness.OTHER)
    refused(records.put_record, "AccessForbidden", re.compile(".*another account.*"), 403, FeatureGroupName=other, Record=good)


def test_a_batch_of_records_is_written_one_by_one(sagemaker, records):
    first, second = create(sagemaker), create(sagemaker)
    entry = lambda group, **values: {"FeatureGroupName": group, "Record": row(**values)}
    bad = entry(second, id="b", at=at(1), age="x")
    answer = records.batch_write_record(
        Entries=[entry(first, id="a", at="2000-01-01T00:00:00Z"), bad, entry(second, id="c", at="2100-01-01T00:00:00Z"), entry("none", id="a", at=at(1))],
        TtlDuration={"Unit": "Days", "Value": 1},
    )
    assert answer["UnprocessedEntries"] == []
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["ValidationError", "ResourceNotFound"]
    assert answer["Errors"][0]["Entry"] == bad
    assert records.list_records(FeatureGroupName=second)["RecordIdentifiers"] == ["c"]
    assert records.list_records(FeatureGroupName=first)["RecordIdentifiers"] == [], "it expired long ago"


def test_features_of_a_record_are_updated(sagemaker, records):
    group = create(sagemaker, OnlineStoreConfig={"StorageType": "Standard_V2"})
    update = lambda **values: records.update_record(FeatureGroupName=group, RecordIdentifierValueAsString="a", Features=row(**values))
    refused(update, "ResourceNotFound", status=404, age="1")
    records.put_record(FeatureGroupName=group, Record=row(id="a", at=at(2), age="1", score="2"))
    update(age="3")
    refused(update, "ConflictException", status=409, age="4", at=at(1))
    update(score="5", at=at(2))
    refused(update, "ValidationError", score="x")
    refused(update, "ValidationError", id="b")
    get = records.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="a")
    assert plain(get) == {"id": "a", "at": at(2), "age": "3", "score": "5"}
    refused(
        records.update_record, "ValidationError", re.compile("TtlDuration needs .*"), FeatureGroupName=group,
        RecordIdentifierValueAsString="a", Features=row(age="1"), TtlDuration={"Unit": "Days", "Value": 1},
    )
    standard = create(sagemaker)
    records.put_record(FeatureGroupName=standard, Record=row(id="a", at=at(2)))
    refused(
        records.update_record, "ValidationError", re.compile("UpdateRecord needs .*"), FeatureGroupName=standard,
        RecordIdentifierValueAsString="a", Features=row(age="1"),
    )


def test_records_expire_by_the_groups_time_or_their_own(fresh_cloud):
    sagemaker, records = fresh_cloud.client("sagemaker"), fresh_cloud.client("sagemaker-featurestore-runtime")
    group = create(
        sagemaker, definitions=[DEFINITIONS[0], {"FeatureName": "at", "FeatureType": "Fractional"}],
        OnlineStoreConfig={"TtlDuration": {"Unit": "Hours", "Value": 1}},
    )
    now = sagemaker.describe_feature_group(FeatureGroupName=group)["CreationTime"].timestamp()
    records.put_record(FeatureGroupName=group, Record=row(id="default", at=f"{now}"))
    records.put_record(FeatureGroupName=group, Record=row(id="own", at=f"{now}"), TtlDuration={"Unit": "Days", "Value": 1})
    records.put_record(FeatureGroupName=group, Record=row(id="renewed", at=f"{now}"))
    records.put_record(FeatureGroupName=group, Record=row(id="renewed", at=f"{now + 7200}"))
    size = lambda: sagemaker.describe_feature_group(FeatureGroupName=group)["OnlineStoreTotalSizeBytes"]
    get = lambda name, **more: records.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=name, **more)
    shown = get("own", ExpirationTimeResponse="Enabled")["ExpiresAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", shown)
    assert "ExpiresAt" not in get("own")
    before = size()
    command = [harness.binary(), "local", "clock", "--data", str(fresh_cloud.data), "--advance", "90m"]
    subprocess.run(command, check=True, capture_output=True)
    assert plain(get("default")) is None
    assert plain(get("own")) and plain(get("renewed"))
    left = 2 * (before // 3)
    wait(lambda: size() < before, "the record that has expired is removed")
    assert abs(size() - left) <= 6, "the names differ by some bytes"
    sagemaker.update_feature_group(FeatureGroupName=group, OnlineStoreConfig={"TtlDuration": {}})
    records.put_record(FeatureGroupName=group, Record=row(id="default", at=f"{now}"))
    assert plain(get("default")), "the group has no default any more"


def test_collections_keep_their_elements(sagemaker, records):
    definitions = DEFINITIONS[:2] + [
        {"FeatureName": "tags", "FeatureType": "String", "CollectionType": "List"},
        {"FeatureName": "kinds", "FeatureType": "Integral", "CollectionType": "Set"},
        {"FeatureName": "place", "FeatureType": "Fractional", "CollectionType": "Vector", "CollectionConfig": {"VectorConfig": {"Dimension": 2}}},
    ]
    group = create(sagemaker, definitions=definitions, OnlineStoreConfig={"StorageType": "InMemory"})
    values = {"id": "a", "at": at(1), "tags": ["x", "y", "x"], "kinds": ["1", "2"], "place": ["0.5", "-1"]}
    records.put_record(FeatureGroupName=group, Record=row(**values))
    assert plain(records.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="a")) == values
    for wrong in ({"kinds": ["1", "1"]}, {"place": ["1"]}, {"tags": "x"}):
        refused(records.put_record, "ValidationError", FeatureGroupName=group, Record=row(**{**values, **wrong}))
    arguments = dict(RecordIdentifierFeatureName="id", EventTimeFeatureName="at", OnlineStoreConfig={"EnableOnlineStore": True})
    refused(
        sagemaker.create_feature_group, "ValidationException", re.compile(".*only feature groups with an InMemory.*"),
        FeatureGroupName=unique(), FeatureDefinitions=definitions, **arguments,
    )


def test_a_group_is_checked_described_listed_updated_and_deleted(cloud, account, bucket):
    sagemaker, records = cloud.client("sagemaker", account), cloud.client("sagemaker-featurestore-runtime", account)
    base = dict(
        FeatureGroupName="g", RecordIdentifierFeatureName="id", EventTimeFeatureName="at", FeatureDefinitions=DEFINITIONS,
        OnlineStoreConfig={"EnableOnlineStore": True},
    )
    s3 = {"S3StorageConfig": {"S3Uri": "s3://no-such-bucket/x"}}
    wrong = [
        ({"RecordIdentifierFeatureName": "none"}, "not among"),
        ({"EventTimeFeatureName": "none"}, "not among"),
        ({"EventTimeFeatureName": "age"}, "Integral"),
        ({"EventTimeFeatureName": "id"}, "two different"),
        ({"FeatureDefinitions": DEFINITIONS + DEFINITIONS[:1]}, "more than once"),
        ({"FeatureDefinitions": DEFINITIONS + [{"FeatureName": "is_deleted", "FeatureType": "String"}]}, "reserved"),
        ({"OnlineStoreConfig": {"EnableOnlineStore": False}}, "needs a store"),
        ({"OfflineStoreConfig": s3}, "RoleArn is required"),
        ({"OfflineStoreConfig": s3, "RoleArn": role(account)}, "does not exist"),
        ({"OfflineStoreConfig": {**s3, "TableFormat": "Iceberg"}, "RoleArn": role(account)}, "Iceberg is not supported"),
        ({"ThroughputConfig": {"ThroughputMode": "OnDemand", "ProvisionedReadCapacityUnits": 1}}, "not applicable"),
    ]
    for change, text in wrong:
        refused(sagemaker.create_feature_group, "ValidationException", re.compile(f".*{text}.*"), **{**base, **change})
    assert sagemaker.list_feature_groups()["FeatureGroupSummaries"] == []

    own = unique("own")
    cloud.client("s3", account).create_bucket(Bucket=own)
    sagemaker.create_feature_group(
        **base, RoleArn=role(account), OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{own}/features/"}}, Description="d",
        Tags=[{"Key": "team", "Value": "a"}],
    )
    refused(sagemaker.create_feature_group, "ResourceInUse", **base)
    told = sagemaker.describe_feature_group(FeatureGroupName="g")
    assert told["FeatureGroupStatus"] == "Creating"
    refused(records.put_record, "ValidationError", re.compile(".*status Creating.*"), FeatureGroupName="g", Record=row(id="a", at=at(1)))
    describe = lambda: sagemaker.describe_feature_group(FeatureGroupName="g")
    wait(lambda: describe()["FeatureGroupStatus"] == "Created", "the group is created")
    told = describe()
    created = int(told["CreationTime"].timestamp())
    assert told["OfflineStoreConfig"] == {
        "S3StorageConfig": {
            "S3Uri": f"s3://{own}/features/",
            "ResolvedOutputS3Uri": f"s3://{own}/features/{account}/sagemaker/us-east-1/offline-store/g-{created}/data",
        },
        "DisableGlueTableCreation": False, "TableFormat": "Glue",
    }
    assert (told["OfflineStoreStatus"], told["ThroughputConfig"]) == ({"Status": "Active"}, {"ThroughputMode": "OnDemand"})
    assert told["OnlineStoreTotalSizeBytes"] == 0
    records.put_record(FeatureGroupName="g", Record=row(id="a", at=at(1)))
    assert describe()["OnlineStoreTotalSizeBytes"] == len("ida" + "at" + at(1))

    create(sagemaker, "online-only")
    listed = lambda **filters: sorted(g["FeatureGroupName"] for g in sagemaker.list_feature_groups(**filters)["FeatureGroupSummaries"])
    assert listed() == ["g", "online-only"]
    assert listed(OfflineStoreStatusEquals="Active") == ["g"]
    assert listed(NameContains="only", FeatureGroupStatusEquals="Created") == ["online-only"]
    assert listed(FeatureGroupStatusEquals="Deleting") == []

    update = lambda **change: sagemaker.update_feature_group(FeatureGroupName="g", **change)
    addition = {"FeatureName": "height", "FeatureType": "Fractional"}
    refused(update, "ValidationException", FeatureAdditions=[DEFINITIONS[0]])
    refused(update, "ValidationException", FeatureAdditions=[addition], ThroughputConfig={"ThroughputMode": "OnDemand"})
    update(FeatureAdditions=[addition])
    update(OnlineStoreConfig={"StorageType": "Standard_V2"})
    refused(update, "ValidationException", OnlineStoreConfig={"StorageType": "Standard"})
    told = describe()
    assert told["FeatureDefinitions"] == DEFINITIONS + [addition]
    assert (told["LastUpdateStatus"], told["OnlineStoreConfig"]["StorageType"]) == ({"Status": "Successful"}, "Standard_V2")
    records.put_record(FeatureGroupName="g", Record=row(id="a", at=at(2), height="1.8"))

    feature = dict(FeatureGroupName="g", FeatureName="height")
    sagemaker.update_feature_metadata(**feature, Description="in m", ParameterAdditions=[{"Key": "unit", "Value": "m"}, {"Key": "x", "Value": "y"}])
    sagemaker.update_feature_metadata(**feature, ParameterRemovals=["x"])
    told = sagemaker.describe_feature_metadata(**feature)
    assert (told["Description"], told["Parameters"]) == ("in m", [{"Key": "unit", "Value": "m"}])
    assert (told["FeatureType"], told["FeatureGroupName"]) == ("Fractional", "g")
    refused(sagemaker.describe_feature_metadata, "ResourceNotFound", FeatureGroupName="g", FeatureName="none")

    # A group of the same name begins with nothing, whatever the one before had.
    sagemaker.delete_feature_group(FeatureGroupName="g")
    refused(records.put_record, "ValidationError", FeatureGroupName="g", Record=row(id="b", at=at(1)))
    wait(lambda: listed() == ["online-only"], "the group is deleted")
    refused(sagemaker.delete_feature_group, "ResourceNotFound", FeatureGroupName="g")
    create(sagemaker, "g", DEFINITIONS + [addition])
    assert plain(records.get_record(FeatureGroupName="g", RecordIdentifierValueAsString="a")) is None
    assert "Description" not in sagemaker.describe_feature_metadata(**feature)
    files = cloud.client("s3", account).list_objects_v2(Bucket=own)["Contents"]
    assert len(files) == 1 and files[0]["Key"].endswith(".parquet"), "what was put reaches S3 before the group is gone"


def files(cloud, bucket):
    """Keys and contents of the Parquet files in a bucket."""
    s3 = cloud.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_rows_reach_the_offline_store_at_intervals_when_the_cloud_ends_and_after_a_crash(fresh_cloud, tmp_path):
    sagemaker, records = fresh_cloud.client("sagemaker"), fresh_cloud.client("sagemaker-featurestore-runtime")
    fresh_cloud.client("s3").create_bucket(Bucket="offline")
    group = create(sagemaker, **offline("offline"))
    start = sagemaker.describe_feature_group(FeatureGroupName=group)["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    put = lambda identifier, when, **more: fresh_cloud.client("sagemaker-featurestore-runtime").put_record(
        FeatureGroupName=group, Record=row(id=identifier, at=when, age="7"), **more
    )
    advance = lambda: subprocess.run(
        [harness.binary(), "local", "clock", "--data", str(fresh_cloud.data), "--advance", "1m"], check=True, capture_output=True
    )
    put("first-hour", "2020-06-30T00:44:01Z")
    put("first-hour-too", "2020-06-30T00:20:00.500Z")
    put("online-alone", "2020-06-30T00:20:00Z", TargetStores=["OnlineStore"])
    put("next-hour", "2020-06-30T01:00:00Z")
    assert files(fresh_cloud, "offline") == {}
    advance()
    found = wait(lambda: files(fresh_cloud, "offline"), "rows reach S3")
    prefix = re.escape(start.removeprefix("s3://offline/"))
    first, second = sorted(found)
    assert re.fullmatch(prefix + r"/year=2020/month=06/day=30/hour=00/20200630T004401Z_[0-9a-zA-Z]{16}\.parquet", first)
    assert re.fullmatch(prefix + r"/year=2020/month=06/day=30/hour=01/20200630T010000Z_[0-9a-zA-Z]{16}\.parquet", second)
    for content in found.values():
        assert content[:4] == content[-4:] == b"PAR1"
        assert all(column in content for column in (b"write_time", b"api_invocation_time", b"is_deleted", b"score"))
    assert b"first-hour-too" in found[first] and b"next-hour" in found[second]
    assert b"online-alone" not in b"".join(found.values())

    # Acknowledged, and nowhere but in the state: the next process writes it, once.
    put("before-the-crash", "2020-06-30T02:00:00Z")
    fresh_cloud.kill()
    fresh_cloud.start()
    advance()
    found = wait(lambda: len(files(fresh_cloud, "offline")) == 3 and files(fresh_cloud, "offline"), "the row reaches S3")
    assert sum(content.count(b"before-the-crash") > 0 for content in found.values()) == 1

    put("before-the-end", "2020-06-30T03:00:00Z")
    records = fresh_cloud.client("sagemaker-featurestore-runtime")
    records.delete_record(FeatureGroupName=group, RecordIdentifierValueAsString="next-hour", EventTime="2020-06-30T04:00:00Z")
    assert fresh_cloud.stop() == 0
    fresh_cloud.start()
    found = files(fresh_cloud, "offline")
    assert len(found) == 5 and sum(b"before-the-end" in content for content in found.values()) == 1
    (deleted,) = (content for key, content in found.items() if "hour=04" in key)
    assert b"next-hour" in deleted


def test_a_bucket_that_is_gone_blocks_the_offline_store_until_it_is_back(fresh_cloud):
    sagemaker, s3 = fresh_cloud.client("sagemaker"), fresh_cloud.client("s3")
    s3.create_bucket(Bucket="offline")
    group = create(sagemaker, **offline("offline"))
    s3.delete_bucket(Bucket="offline")
    records = fresh_cloud.client("sagemaker-featurestore-runtime")
    records.put_record(FeatureGroupName=group, Record=row(id="a", at=at(1)))
    advance = lambda: subprocess.run(
        [harness.binary(), "local", "clock", "--data", str(fresh_cloud.data), "--advance", "2m"], check=True, capture_output=True
    )
    status = lambda: sagemaker.describe_feature_group(FeatureGroupName=group)["OfflineStoreStatus"]
    advance()
    wait(lambda: status()["Status"] == "Blocked", "the offline store is blocked")
    assert "offline" in status()["BlockedReason"]
    s3.create_bucket(Bucket="offline")
    advance()
    wait(lambda: status() == {"Status": "Active"}, "the offline store is active")
    assert len(files(fresh_cloud, "offline")) == 1

    # A group can be deleted whether or not its bucket is there.
    (key,) = files(fresh_cloud, "offline")
    s3.delete_object(Bucket="offline", Key=key)
    s3.delete_bucket(Bucket="offline")
    records.put_record(FeatureGroupName=group, Record=row(id="b", at=at(1)))
    sagemaker.delete_feature_group(FeatureGroupName=group)
    advance()
    wait(lambda: not sagemaker.list_feature_groups()["FeatureGroupSummaries"], "the group is deleted")


def test_the_latest_of_many_puts_at_the_same_time_stays(sagemaker, records):
    group = create(sagemaker)

    def put(number):
        records.put_record(FeatureGroupName=group, Record=row(id="one", at=f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z", age=str(number)))
        records.put_record(FeatureGroupName=group, Record=row(id=f"r{number:03}", at=at(1)))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, reversed(range(120))))
    assert plain(records.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="one"))["age"] == "119"
    found = [name for page in pages(records, group) for name in page]
    assert found == ["one"] + [f"r{number:03}" for number in range(120)]
    size = sum(len("id" + name + "at" + at(1)) for name in found) + len("age119")
    assert sagemaker.describe_feature_group(FeatureGroupName=group)["OnlineStoreTotalSizeBytes"] == size


def pages(records, group):
    token = {}
    while True:
        page = records.list_records(FeatureGroupName=group, **token)
        yield page["RecordIdentifiers"]
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


INGEST = """
import json, sys
import pandas as pd
import sagemaker
from sagemaker.feature_store.feature_group import FeatureGroup, IngestionError
from sagemaker.feature_store.feature_store import FeatureStore

name, role, bucket = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
group = FeatureGroup(name=name, sagemaker_session=session)
frame = pd.DataFrame({
    "id": pd.Series([f"r{n}" for n in range(40)], dtype="string"),
    "at": [1767225600.0 + n for n in range(40)],
    "age": list(range(40)),
    "score": [n / 2 if n % 2 else None for n in range(40)],
})
definitions = group.load_feature_definitions(data_frame=frame)
group.create(
    s3_uri=f"s3://{bucket}/sdk", record_identifier_name="id", event_time_feature_name="at", role_arn=role,
    enable_online_store=True,
)
while group.describe()["FeatureGroupStatus"] == "Creating":
    import time
    time.sleep(1)
group.ingest(data_frame=frame, max_workers=2, max_processes=2, wait=True)
bad = frame.head(2).assign(height=1)
try:
    group.ingest(data_frame=bad, max_workers=1, wait=True)
    failed = []
except IngestionError as error:
    failed = error.failed_rows
many = FeatureStore(session)
listed = many.list_feature_groups(name_contains=name)
record = group.get_record("r3")
deleted = group.delete_record("r4", "1767312000.0")
told = group.describe()
print("JSON " + json.dumps({
    "types": {d.feature_name: d.feature_type.value for d in definitions},
    "status": told["FeatureGroupStatus"],
    "failed": failed,
    "listed": [g["FeatureGroupName"] for g in listed["FeatureGroupSummaries"]],
    "record": record,
    "even": group.get_record("r2"),
    "deleted": group.get_record("r4"),
}))
group.delete()
"""


def test_the_sdk_ingests_a_data_frame(cloud, records, bucket, tmp_path):
    group = unique("frame")
    (told,) = sdk(cloud, tmp_path / "sdk", INGEST, group, role(), bucket)
    assert told["types"] == {"id": "String", "at": "Fractional", "age": "Integral", "score": "Fractional"}
    assert (told["status"], told["failed"], told["listed"]) == ("Created", [0, 1], [group])
    assert plain({"Record": told["record"]}) == {"id": "r3", "at": "1767225603.0", "age": "3", "score": "1.5"}
    assert plain({"Record": told["even"]}) == {"id": "r2", "at": "1767225602.0", "age": "2"}, "NaN is no value"
    assert told["deleted"] is None
    sagemaker = cloud.client("sagemaker")
    gone = lambda: not sagemaker.list_feature_groups(NameContains=group)["FeatureGroupSummaries"]
    wait(gone, "the group is deleted")
    assert any(key.startswith("sdk/") for key in files(cloud, bucket)), "its rows are in S3"
