"""Resource Groups Tagging: resources of all services by their tags."""

import contextlib
import json
import random

import pytest

from command import Cli, manifest
from harness import Cloud, REGION, XGBOOST, arn, refused, role, unique


@pytest.fixture
def tagging(cloud, account):
    return cloud.client("resourcegroupstaggingapi", account)


@pytest.fixture
def sagemaker(cloud, account):
    return cloud.client("sagemaker", account)


def pairs(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def group(sagemaker, name, **tags):
    return sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=pairs(tags))["ModelPackageGroupArn"]


def model(sagemaker, account, name, **tags):
    container = {"Image": XGBOOST}
    created = sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=role(account), PrimaryContainer=container, Tags=pairs(tags)
    )
    return created["ModelArn"]


def found(tagging, **request):
    """ARNs and tags, from all pages."""
    pages = tagging.get_paginator("get_resources").paginate(**request)
    return {
        item["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in item["Tags"]}
        for page in pages
        for item in page["ResourceTagMappingList"]
    }


def where(**tags):
    return [{"Key": key, "Values": values} if values else {"Key": key} for key, values in tags.items()]


@pytest.fixture
def stock(cloud, account, sagemaker):
    """Resources of three services, some without tags."""
    logs, iam = cloud.client("logs", account), cloud.client("iam", account)
    logs.create_log_group(logGroupName="/g", tags={"env": "prod"})
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    policy = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(document), Tags=pairs({"env": "prod"}))
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "s.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust), Tags=pairs({"env": "prod", "role": "1"}))
    made = {
        "a": model(sagemaker, account, "a", env="prod", team="x"),
        "b": model(sagemaker, account, "b", env="test", team="y"),
        "g": group(sagemaker, "g", env="prod", note=""),
        "log": f"arn:aws:logs:{REGION}:{account}:log-group:/g",
        "policy": policy["Policy"]["Arn"],
    }
    model(sagemaker, account, "untagged")
    group(cloud.client("sagemaker", account, region="us-west-2"), "elsewhere", env="prod", west="1")
    return made


@pytest.mark.parametrize(
    "request_,expected",
    [
        ({}, "a b g log policy"),
        ({"TagFilters": where(env=["prod"])}, "a g log policy"),
        ({"TagFilters": where(env=["prod", "test"])}, "a b g log policy"),
        ({"TagFilters": where(env=["prod"], team=None)}, "a"),
        ({"TagFilters": where(team=None)}, "a b"),
        ({"TagFilters": where(team=["x", "y"], env=["test"])}, "b"),
        ({"TagFilters": where(note=[""])}, "g"),
        ({"TagFilters": where(none=None)}, ""),
        ({"ResourceTypeFilters": ["sagemaker"]}, "a b g"),
        ({"ResourceTypeFilters": ["sagemaker:model"]}, "a b"),
        ({"ResourceTypeFilters": ["logs:log-group", "iam"]}, "log policy"),
        ({"ResourceTypeFilters": ["iam:policy"]}, "policy"),
        # AWS does not find roles by their tags, and buckets have none here.
        ({"ResourceTypeFilters": ["iam:role", "s3", "ec2:instance", "sagemaker:mod"]}, ""),
        ({"ResourceTypeFilters": ["sagemaker:model"], "TagFilters": where(env=["prod"])}, "a"),
    ],
)
def test_resources_are_found_by_type_and_tags(tagging, stock, request_, expected):
    expected = {stock[name] for name in expected.split()}
    assert set(found(tagging, **request_)) == expected
    singly = found(tagging, **request_, PaginationConfig={"PageSize": 1})
    assert singly == found(tagging, **request_)


def test_each_region_and_account_has_its_own_and_what_is_global_is_in_the_first_region(cloud, account, tagging, stock):
    west = cloud.client("resourcegroupstaggingapi", account, region="us-west-2")
    assert set(found(west)) == {arn("model-package-group", "elsewhere", account, "us-west-2")}
    assert west.get_tag_keys()["TagKeys"] == ["env", "west"]
    keys = tagging.get_tag_keys()
    assert (keys["TagKeys"], keys["PaginationToken"]) == (["env", "note", "team"], "")
    assert tagging.get_tag_values(Key="env")["TagValues"] == ["prod", "test"]
    assert tagging.get_tag_values(Key="west")["TagValues"] == []
    assert found(tagging)[stock["g"]] == {"env": "prod", "note": ""}
    other = cloud.client("resourcegroupstaggingapi", f"{random.randrange(10**11, 10**12)}")
    assert found(other) == {} and other.get_tag_keys()["TagKeys"] == []


def test_resources_are_looked_up_by_arn(tagging, stock, account):
    missing = arn("model", "missing", account)
    untagged = arn("model", "untagged", account)
    elsewhere = arn("model-package-group", "elsewhere", account, "us-west-2")
    asked = [stock["b"], missing, untagged, elsewhere, stock["a"], stock["b"], f"arn:aws:iam::{account}:role/r"]
    answer = tagging.get_resources(ResourceARNList=asked)
    assert [item["ResourceARN"] for item in answer["ResourceTagMappingList"]] == [stock["b"], stock["a"]]
    assert answer["PaginationToken"] == ""


def test_pages_end_by_resources_and_by_tags(tagging, sagemaker):
    made = {group(sagemaker, f"g{n:03}", **{f"k{i:02}": str(n) for i in range(40)}) for n in range(12)}
    first = tagging.get_resources(TagsPerPage=100)
    assert len(first["ResourceTagMappingList"]) == 2 and first["PaginationToken"]
    pages = list(tagging.get_paginator("get_resources").paginate(TagsPerPage=100))
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [2] * 6
    assert set(found(tagging, TagsPerPage=100)) == set(found(tagging, ResourcesPerPage=5)) == made
    # What is added or removed meanwhile moves nothing.
    token = tagging.get_resources(ResourcesPerPage=6)["PaginationToken"]
    sagemaker.delete_model_package_group(ModelPackageGroupName="g000")
    rest = tagging.get_resources(ResourcesPerPage=100, PaginationToken=token)["ResourceTagMappingList"]
    assert [item["ResourceARN"].rsplit("/")[-1] for item in rest] == [f"g{n:03}" for n in range(6, 12)]


def test_keys_and_values_come_in_pages(tagging, sagemaker):
    for n in range(5):
        group(sagemaker, f"g{n}", **{f"k{n}-{i}": str(i) for i in range(49)}, common=str(n))
    pages = list(tagging.get_paginator("get_tag_keys").paginate())
    assert [len(page["TagKeys"]) for page in pages] == [100, 100, 46]
    assert len({key for page in pages for key in page["TagKeys"]}) == 246
    assert tagging.get_tag_values(Key="common")["TagValues"] == ["0", "1", "2", "3", "4"]


def test_tags_are_set_through_the_service_that_owns_the_resource(cloud, account, tagging, stock, sagemaker):
    roles = f"arn:aws:iam::{account}:role/r"
    every = [*stock.values(), roles]
    assert tagging.tag_resources(ResourceARNList=every, Tags={"added": "1"})["FailedResourcesMap"] == {}
    assert set(found(tagging, TagFilters=where(added=["1"]))) == set(stock.values())
    told = sagemaker.list_tags(ResourceArn=stock["a"])["Tags"]
    assert {"Key": "added", "Value": "1"} in told and len(told) == 3
    iam = cloud.client("iam", account)
    assert {"Key": "added", "Value": "1"} in iam.list_role_tags(RoleName="r")["Tags"]
    assert tagging.untag_resources(ResourceARNList=every, TagKeys=["added", "never"])["FailedResourcesMap"] == {}
    assert found(tagging, TagFilters=where(added=None)) == {}
    assert found(tagging, TagFilters=where(team=None)) == {
        stock["a"]: {"env": "prod", "team": "x"}, stock["b"]: {"env": "test", "team": "y"}
    }
    tagging.untag_resources(ResourceARNList=[stock["a"]], TagKeys=["env", "team"])
    assert stock["a"] not in found(tagging), "what has no tags is not shown"


def test_what_cannot_be_tagged_is_told_of_each_resource_and_the_others_are(tagging, stock, account):
    missing = arn("model", "missing", account)
    bucket, west = "arn:aws:s3:::b", arn("model-package-group", "elsewhere", account, "us-west-2")
    theirs = arn("model", "a", "999999999999")
    asked = [missing, bucket, stock["b"], west, theirs]
    failed = tagging.tag_resources(ResourceARNList=asked, Tags={"added": "1"})["FailedResourcesMap"]
    assert set(failed) == {missing, bucket, west, theirs}
    assert failed[missing] == {
        "StatusCode": 400,
        "ErrorCode": "ValidationException",
        "ErrorMessage": f'Could not find model "{missing}".',
    }
    assert failed[bucket]["ErrorCode"] == "NotImplemented" and bucket in failed[bucket]["ErrorMessage"]
    assert failed[west]["ErrorCode"] == failed[theirs]["ErrorCode"] == "InvalidParameterException"
    assert found(tagging, TagFilters=where(added=None)).keys() == {stock["b"]}
    many = {f"k{n:02}": "" for n in range(49)}
    failed = tagging.tag_resources(ResourceARNList=[stock["b"]], Tags=many)["FailedResourcesMap"]
    assert "Tag limit exceeded" in failed[stock["b"]]["ErrorMessage"]
    assert len(found(tagging)[stock["b"]]) == 3, "a refused change changes nothing"


def test_wrong_input_is_refused(cloud, account, tagging, stock):
    loose = cloud.client("resourcegroupstaggingapi", account, parameter_validation=False)
    wrong = "InvalidParameterException"

    def told(call, word, code=wrong, status=400, **request):
        message = refused(call, code, status=status, **request)["Error"]["Message"]
        assert word in message, message

    named = {"ResourceARNList": [stock["a"]]}
    for other in (
        {"TagFilters": where(a=None)}, {"ResourceTypeFilters": ["s3"]}, {"ResourcesPerPage": 5},
        {"TagsPerPage": 100}, {"PaginationToken": "x"},
    ):
        told(tagging.get_resources, f"both ResourceARNList and {next(iter(other))}", **named, **other)
    told(tagging.get_resources, "not-an-arn is not a valid AmazonResourceName (ARN)", ResourceARNList=["not-an-arn"])
    told(loose.get_resources, "resourceARNList", ResourceARNList=[stock["a"]] * 101)
    told(loose.get_resources, "resourceARNList", ResourceARNList=[])
    for member, number in [("ResourcesPerPage", 0), ("ResourcesPerPage", 101), ("TagsPerPage", 99), ("TagsPerPage", 501)]:
        told(tagging.get_resources, f"{member} must be a number", **{member: number})
    told(tagging.get_resources, "has no Key", TagFilters=[{"Values": ["x"]}])
    told(loose.get_resources, "tagFilters", TagFilters=where(**{f"k{n}": None for n in range(51)}))
    told(loose.get_resources, "values", TagFilters=where(k=[str(n) for n in range(21)]))
    told(tagging.get_resources, "ResourceTypeFilters has 'sagemaker:'", ResourceTypeFilters=["sagemaker:"])
    told(tagging.get_resources, "101 types", ResourceTypeFilters=["s3"] * 101)
    told(tagging.get_resources, "Invalid PaginationToken", PaginationToken="forged")
    token = tagging.get_resources(ResourcesPerPage=1)["PaginationToken"]
    told(tagging.get_resources, "Invalid PaginationToken", PaginationToken=token, TagFilters=where(env=None))
    for member in ("IncludeComplianceDetails", "ExcludeCompliantResources"):
        told(tagging.get_resources, member, "NotImplemented", 501, **{member: True})
    assert set(found(tagging, IncludeComplianceDetails=False)) == set(stock.values())
    told(tagging.get_compliance_summary, "GetComplianceSummary", "NotImplemented", 501)
    told(loose.get_tag_values, "key")
    told(tagging.tag_resources, "aws: prefixed", ResourceARNList=[stock["a"]], Tags={"AWS:x": "1"})
    told(tagging.tag_resources, "is not a valid", ResourceARNList=[stock["a"], "arn:aws"], Tags={"late": "1"})
    told(loose.untag_resources, "tagKeys", ResourceARNList=[stock["a"]], TagKeys=[])
    assert found(tagging, TagFilters=where(late=None)) == {}, "what is refused changes nothing"


def test_the_aws_command_line_speaks_to_it_as_well(aws, cloud, sagemaker):
    key = unique("k")
    made = group(cloud.client("sagemaker"), unique("g"), **{key: "1"})
    try:
        told = aws("resourcegroupstaggingapi", "get-resources", "--tag-filters", f"Key={key},Values=1")
        assert made in (told if isinstance(told, str) else json.dumps(told))
    finally:
        cloud.client("sagemaker").delete_model_package_group(ModelPackageGroupName=made.rsplit("/")[-1])


def test_tags_are_found_after_a_kill(fresh_cloud):
    made = group(fresh_cloud.client("sagemaker"), "g", env="prod")
    fresh_cloud.kill()
    fresh_cloud.start()
    assert found(fresh_cloud.client("resourcegroupstaggingapi"), TagFilters=where(env=["prod"])) == {made: {"env": "prod"}}


def test_a_renamed_object_is_found_by_its_mark_without_reading_the_tags_of_all(tmp_path):
    requests = tmp_path / "requests.jsonl"
    cloud = Cloud(tmp_path, arguments=["--record", str(requests)])
    try:
        renamed(cloud, tmp_path, requests)
    finally:
        cloud.stop()


def renamed(cloud, tmp_path, requests):
    cli = Cli(cloud, cloud.account, tmp_path)
    named = lambda name: manifest("ModelPackageGroup", "object", modelPackageGroupName=name)
    cli("apply", "-f", "-", stdin=named("first"))
    for n in range(20):
        group(cloud.client("sagemaker"), f"other-{n}", env="prod")
    # What is younger than the index's lag is looked at itself.
    cloud.stop()
    with contextlib.closing(cloud.state()) as state:
        state.execute("UPDATE record SET created = created - 3600000, modified = modified - 3600000")
        state.commit()
    cloud.start()
    told = cli("apply", "-f", "-", stdin=named("second"), code=1)
    assert "first" in told.out and "renamed" in told.out
    # The log is whole once the cloud has ended; the last that came before is the last create.
    cloud.stop()
    lines = map(json.loads, requests.read_text().splitlines())
    calls = [line["operation"] for line in lines if "operation" in line]
    after = calls[len(calls) - calls[::-1].index("CreateModelPackageGroup") :]
    assert "GetResources" in after
    assert after.count("ListTags") <= 1, f"only the one that the index shows is looked at: {after}"
