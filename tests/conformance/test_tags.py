"""Tags: given at creation, added, changed, taken away."""

import pytest

from harness import XGBOOST, arn, refused, role, variant


@pytest.fixture
def sagemaker(cloud, account):
    return cloud.client("sagemaker", account)


def tags(sagemaker, resource):
    return {t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=resource)["Tags"]}


def pairs(**values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


def test_each_kind_keeps_the_tags_it_was_made_with(sagemaker, account):
    given = pairs(team="vision", stage="test")
    made = [
        sagemaker.create_model(
            ModelName="m", ExecutionRoleArn=role(account), PrimaryContainer={"Image": XGBOOST}, Tags=given
        )["ModelArn"],
        sagemaker.create_endpoint_config(
            EndpointConfigName="c", ProductionVariants=[variant("all", "m")], Tags=given
        )["EndpointConfigArn"],
        sagemaker.create_model_package_group(ModelPackageGroupName="g", Tags=given)["ModelPackageGroupArn"],
    ]
    for resource in made:
        assert tags(sagemaker, resource) == {"team": "vision", "stage": "test"}, resource


def test_tags_are_added_changed_and_taken_away(sagemaker, account):
    group = sagemaker.create_model_package_group(ModelPackageGroupName="g", Tags=pairs(a="1", b="2"))["ModelPackageGroupArn"]
    answer = sagemaker.add_tags(ResourceArn=group, Tags=pairs(b="3", c="4"))
    assert {t["Key"]: t["Value"] for t in answer["Tags"]} == {"a": "1", "b": "3", "c": "4"}
    sagemaker.delete_tags(ResourceArn=group, TagKeys=["a", "never-there"])
    assert tags(sagemaker, group) == {"b": "3", "c": "4"}


def test_a_deleted_resource_takes_its_tags_with_it(sagemaker, account):
    made = {"ModelName": "m", "ExecutionRoleArn": role(account), "PrimaryContainer": {"Image": XGBOOST}}
    resource = sagemaker.create_model(**made, Tags=pairs(old="1"))["ModelArn"]
    sagemaker.delete_model(ModelName="m")
    sagemaker.create_model(**made)
    assert tags(sagemaker, resource) == {}


def test_tags_of_what_is_not_there_are_refused(sagemaker, account):
    missing = arn("model", "missing", account)
    message = f'Could not find model "{missing}".'
    refused(sagemaker.add_tags, "ValidationException", message, ResourceArn=missing, Tags=pairs(a="1"))
    refused(sagemaker.list_tags, "ValidationException", message, ResourceArn=missing)


def test_wrong_tags_change_nothing(cloud, account, sagemaker):
    loose = cloud.client("sagemaker", account, parameter_validation=False)
    group = sagemaker.create_model_package_group(ModelPackageGroupName="g", Tags=pairs(a="1"))["ModelPackageGroupArn"]
    refused(
        sagemaker.add_tags, "ValidationException", "aws: prefixed tag key names are not allowed for external use.",
        ResourceArn=group, Tags=[{"Key": "aws:mine", "Value": "x"}],
    )
    refused(loose.add_tags, "ValidationException", ResourceArn=group, Tags=[{"Key": "k" * 129, "Value": "x"}])
    refused(loose.add_tags, "ValidationException", ResourceArn=group, Tags=[{"Key": "k", "Value": "x" * 257}])
    refused(loose.add_tags, "ValidationException", ResourceArn=group, Tags=[{"Key": "k"}])
    assert tags(sagemaker, group) == {"a": "1"}


def test_duplicate_keys_are_refused(sagemaker):
    refused(
        sagemaker.create_model_package_group, "ValidationException", ModelPackageGroupName="g",
        Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
    )
    assert sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"] == []
