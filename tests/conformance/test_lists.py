"""Lists: filters, order, pages, for each kind."""

import datetime

import pytest

import harness
from harness import XGBOOST, refused, role, variant

COUNT = 7


def make_models(sagemaker, account, names):
    for name in names:
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(account), PrimaryContainer={"Image": XGBOOST})


def make_configs(sagemaker, account, names):
    make_models(sagemaker, account, ["base"])
    for name in names:
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant("all", "base")])


def make_groups(sagemaker, account, names):
    for name in names:
        sagemaker.create_model_package_group(ModelPackageGroupName=name)


KINDS = {
    "models": ("list_models", "Models", "ModelName", make_models),
    "configs": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", make_configs),
    "groups": ("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName", make_groups),
}


@pytest.fixture(params=KINDS)
def made(request, cloud, account):
    """Seven of a kind, made in an order that is not that of their names."""
    operation, member, name, make = KINDS[request.param]
    sagemaker = cloud.client("sagemaker", account)
    names = ["list-c", "list-a", "other-e", "list-g", "list-b", "other-d", "list-f"]
    assert len(names) == COUNT
    make(sagemaker, account, names)

    def names_of(**arguments):
        answer = getattr(sagemaker, operation)(**arguments)
        return [item[name] for item in answer[member]], answer.get("NextToken")

    return names, names_of


def test_order_by_name_and_time_both_ways(made):
    names, listed = made
    assert listed(SortBy="Name", SortOrder="Ascending", MaxResults=100)[0] == sorted(names)
    assert listed(SortBy="Name", SortOrder="Descending", MaxResults=100)[0] == sorted(names, reverse=True)
    assert listed(SortBy="CreationTime", SortOrder="Ascending", MaxResults=100)[0] == names
    assert listed(SortBy="CreationTime", SortOrder="Descending", MaxResults=100)[0] == names[::-1]


def test_names_that_contain_a_part(made):
    names, listed = made
    found, _ = listed(NameContains="other", SortBy="Name", SortOrder="Ascending")
    assert found == ["other-d", "other-e"]
    assert listed(NameContains="nothing")[0] == []


def test_pages_hold_each_item_once(made):
    names, listed = made
    found, token = [], None
    for _ in range(COUNT):
        page, token = listed(
            MaxResults=2, SortBy="Name", SortOrder="Ascending", **({"NextToken": token} if token else {})
        )
        assert 1 <= len(page) <= 2
        found += page
        if not token:
            break
    assert found == sorted(names)


def test_times_bound_what_is_listed(made):
    names, listed = made
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    assert len(listed(CreationTimeAfter=now - hour, MaxResults=100)[0]) == COUNT
    assert listed(CreationTimeAfter=now + hour)[0] == []
    assert listed(CreationTimeBefore=now - hour)[0] == []


def test_a_wrong_page_token_is_refused(cloud, account):
    sagemaker = cloud.client("sagemaker", account)
    make_models(sagemaker, account, ["a", "b"])
    for token in ("nonsense", "AAAA", "x" * 500):
        refused(sagemaker.list_models, "ValidationException", NextToken=token)


def test_a_page_that_changes_underneath_skips_and_repeats_nothing(cloud, account):
    sagemaker = cloud.client("sagemaker", account)
    make_models(sagemaker, account, ["m1", "m2", "m3", "m4"])
    order = {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 2}
    first = sagemaker.list_models(**order)
    sagemaker.delete_model(ModelName="m2")
    make_models(sagemaker, account, ["m0"])
    second = sagemaker.list_models(**order, NextToken=first["NextToken"])
    assert [m["ModelName"] for m in first["Models"] + second["Models"]] == ["m1", "m2", "m3", "m4"]


def test_wrong_bounds_are_refused(cloud, account):
    sagemaker = cloud.client("sagemaker", account, parameter_validation=False)
    for value, constraint in ((0, "greater than or equal to 1"), (101, "less than or equal to 100")):
        refused(
            sagemaker.list_models, "ValidationException",
            f"1 validation error detected: Value '{value}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have value {constraint}",
            MaxResults=value,
        )


def test_training_jobs_by_status(cloud, sagemaker, digits):
    prefix = harness.unique("status")
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/crash:1"
    sagemaker.create_training_job(**harness.training_job(f"{prefix}-good", digits))
    bad = harness.training_job(f"{prefix}-bad", digits)
    bad["AlgorithmSpecification"]["TrainingImage"] = image
    sagemaker.create_training_job(**bad)
    for job in (f"{prefix}-good", f"{prefix}-bad"):
        harness.finished(sagemaker, job)

    def listed(**arguments):
        found = harness.listed(sagemaker, "list_training_jobs", NameContains=prefix, **arguments)
        return [s["TrainingJobName"] for s in found]

    assert listed(StatusEquals="Completed") == [f"{prefix}-good"]
    assert listed(StatusEquals="Failed") == [f"{prefix}-bad"]
    assert listed(StatusEquals="InProgress") == []
    assert listed(SortBy="Status", SortOrder="Ascending") == [f"{prefix}-good", f"{prefix}-bad"]
    assert listed(SortBy="Name", SortOrder="Ascending") == [f"{prefix}-bad", f"{prefix}-good"]
    (summary,) = harness.listed(sagemaker, "list_training_jobs", NameContains=f"{prefix}-good")
    told = sagemaker.describe_training_job(TrainingJobName=f"{prefix}-good")
    for member in ("TrainingJobArn", "CreationTime", "LastModifiedTime", "TrainingEndTime", "TrainingJobStatus"):
        assert summary[member] == told[member], member


def test_endpoints_by_status(sagemaker, endpoint):
    def listed(**arguments):
        return [e["EndpointName"] for e in harness.listed(sagemaker, "list_endpoints", NameContains=endpoint, **arguments)]

    assert listed() == listed(StatusEquals="InService") == [endpoint]
    assert listed(StatusEquals="Failed") == []


def test_package_versions_by_approval(cloud, account):
    sagemaker = cloud.client("sagemaker", account)
    sagemaker.create_model_package_group(ModelPackageGroupName="g")
    specification = {
        "Containers": [{"Image": XGBOOST}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    for status in ("Approved", "Rejected", "PendingManualApproval"):
        sagemaker.create_model_package(
            ModelPackageGroupName="g", InferenceSpecification=specification, ModelApprovalStatus=status
        )

    def versions(**arguments):
        answer = sagemaker.list_model_packages(ModelPackageGroupName="g", **arguments)
        return [p["ModelPackageVersion"] for p in answer["ModelPackageSummaryList"]]

    assert versions(SortBy="CreationTime", SortOrder="Ascending") == [1, 2, 3]
    assert versions(SortBy="CreationTime", SortOrder="Descending") == [3, 2, 1]
    assert versions(ModelApprovalStatus="Approved") == [1]
    assert versions(ModelApprovalStatus="PendingManualApproval") == [3]
    # Without a group and a type, versions are not listed.
    assert sagemaker.list_model_packages()["ModelPackageSummaryList"] == []
    both = sagemaker.list_model_packages(ModelPackageType="Both")["ModelPackageSummaryList"]
    assert len(both) == 3
