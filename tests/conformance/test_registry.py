"""The model registry: groups, versions, approval, policies, deletion."""

import json

import pytest

import harness
from harness import XGBOOST, arn, refused

SPECIFICATION = {
    "Containers": [{"Image": XGBOOST}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def sagemaker(cloud, account):
    return cloud.client("sagemaker", account)


@pytest.fixture
def group(sagemaker):
    sagemaker.create_model_package_group(ModelPackageGroupName="digits", ModelPackageGroupDescription="ten classes")
    return "digits"


def add(sagemaker, group, **more):
    created = sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **more
    )
    return created["ModelPackageArn"]


def test_a_group_is_described(sagemaker, account, group):
    told = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert told["ModelPackageGroupArn"] == arn("model-package-group", group, account)
    assert told["ModelPackageGroupStatus"] == "Completed"
    assert told["ModelPackageGroupDescription"] == "ten classes"
    assert f":{account}:" in told["CreatedBy"].get("UserProfileArn", f":{account}:")
    # By ARN as well as by name.
    assert sagemaker.describe_model_package_group(ModelPackageGroupName=told["ModelPackageGroupArn"])["ModelPackageGroupName"] == group


def test_versions_count_from_one_and_are_never_used_again(sagemaker, account, group):
    first, second = add(sagemaker, group), add(sagemaker, group)
    assert [first, second] == [arn("model-package", f"{group}/{n}", account) for n in (1, 2)]
    sagemaker.delete_model_package(ModelPackageName=second)
    assert add(sagemaker, group) == arn("model-package", f"{group}/3", account)
    told = sagemaker.describe_model_package(ModelPackageName=first)
    assert (told["ModelPackageVersion"], told["ModelPackageGroupName"]) == (1, group)
    assert told["ModelPackageStatus"] == "Completed"
    assert told["ModelApprovalStatus"] == "PendingManualApproval"
    assert told["InferenceSpecification"]["Containers"][0]["Image"] == XGBOOST


def test_approval_is_recorded(sagemaker, group):
    package = add(sagemaker, group)
    changed = sagemaker.update_model_package(
        ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="accuracy 0.92"
    )
    assert changed["ModelPackageArn"] == package
    told = sagemaker.describe_model_package(ModelPackageName=package)
    assert (told["ModelApprovalStatus"], told["ApprovalDescription"]) == ("Approved", "accuracy 0.92")
    assert told["LastModifiedTime"] >= told["CreationTime"]
    (summary,) = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert summary["ModelApprovalStatus"] == "Approved"


def test_customer_metadata_is_kept_and_changed(sagemaker, group):
    package = add(sagemaker, group, CustomerMetadataProperties={"commit": "abc", "stage": "one"})
    sagemaker.update_model_package(
        ModelPackageArn=package,
        CustomerMetadataProperties={"stage": "two"},
        CustomerMetadataPropertiesToRemove=["commit"],
    )
    assert sagemaker.describe_model_package(ModelPackageName=package)["CustomerMetadataProperties"] == {"stage": "two"}


def test_a_wrong_approval_changes_nothing(cloud, account, sagemaker, group):
    package = add(sagemaker, group)
    loose = cloud.client("sagemaker", account, parameter_validation=False)
    refused(
        loose.update_model_package, "ValidationException",
        "1 validation error detected: Value 'Maybe' at 'modelApprovalStatus' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Approved, Rejected, PendingManualApproval]",
        ModelPackageArn=package, ModelApprovalStatus="Maybe",
    )
    assert sagemaker.describe_model_package(ModelPackageName=package)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_group_with_versions_is_not_deleted(sagemaker, account, group):
    package = add(sagemaker, group)
    answer = refused(sagemaker.delete_model_package_group, "ConflictException", ModelPackageGroupName=group)
    assert "ModelPackage" in answer["Error"]["Message"].replace(" ", "")
    sagemaker.delete_model_package(ModelPackageName=package)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    refused(
        sagemaker.describe_model_package_group, "ValidationException",
        f"ModelPackageGroup {arn('model-package-group', group, account)} does not exist.", ModelPackageGroupName=group,
    )


def test_a_group_policy_is_kept(sagemaker, account, group):
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "read",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::222233334444:root"},
                "Action": ["sagemaker:DescribeModelPackageGroup"],
                "Resource": arn("model-package-group", group, account),
            }
        ],
    }
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=json.dumps(policy))
    told = sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"]
    assert json.loads(told) == policy
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    refused(sagemaker.get_model_package_group_policy, "ValidationException", ModelPackageGroupName=group)
    refused(
        sagemaker.put_model_package_group_policy, "ValidationException",
        ModelPackageGroupName=group, ResourcePolicy="not json",
    )


def test_versions_beyond_nine_are_in_the_order_of_numbers(sagemaker, group):
    for _ in range(11):
        add(sagemaker, group)
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 4}
    )
    versions = [p["ModelPackageVersion"] for page in pages for p in page["ModelPackageSummaryList"]]
    assert versions == list(range(1, 12))


def test_the_same_token_makes_one_version(sagemaker, group):
    token = harness.unique("token")
    first = add(sagemaker, group, ClientToken=token)
    assert add(sagemaker, group, ClientToken=token) == first
    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1
