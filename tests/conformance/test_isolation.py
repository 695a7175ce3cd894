"""Accounts and regions do not see each other; a role crosses from one account to another."""

import json
import random

import pytest

import harness
from harness import XGBOOST, arn, refused, role


@pytest.fixture
def other():
    return f"{random.randrange(10**11, 10**12)}"


def make_model(cloud, account, name="m", region=None):
    sagemaker = cloud.client("sagemaker", account, region)
    return sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(account), PrimaryContainer={"Image": XGBOOST})


def names(cloud, account=None, region=None, credentials=None):
    models = cloud.client("sagemaker", account, region, credentials).list_models()["Models"]
    return [m["ModelName"] for m in models]


def test_an_account_is_told_by_its_key(cloud, account):
    told = cloud.client("sts", account).get_caller_identity()
    assert told["Account"] == account and told["Arn"].startswith(f"arn:aws:iam::{account}:user/")


def test_accounts_do_not_see_each_other(cloud, account, other):
    make_model(cloud, account)
    assert names(cloud, account) == ["m"]
    assert names(cloud, other) == []
    theirs = cloud.client("sagemaker", other)
    refused(theirs.describe_model, "ValidationException", f'Could not find model "{arn("model", "m", other)}".', ModelName="m")
    refused(theirs.delete_model, "ValidationException", f'Could not find model "{arn("model", "m", other)}".', ModelName="m")
    refused(theirs.list_tags, "ValidationException", ResourceArn=arn("model", "m", account))
    make_model(cloud, other)
    cloud.client("sagemaker", other).delete_model(ModelName="m")
    assert names(cloud, account) == ["m"]


def test_buckets_and_logs_belong_to_an_account(cloud, account, other):
    mine, theirs = cloud.client("s3", account), cloud.client("s3", other)
    bucket = harness.unique("mine")
    mine.create_bucket(Bucket=bucket)
    mine.put_object(Bucket=bucket, Key="k", Body=b"secret")
    assert [b["Name"] for b in theirs.list_buckets()["Buckets"]] == []
    refused(theirs.get_object, "AccessDenied", status=403, Bucket=bucket, Key="k")
    refused(theirs.put_object, "AccessDenied", status=403, Bucket=bucket, Key="k", Body=b"x")
    refused(theirs.list_objects_v2, "AccessDenied", status=403, Bucket=bucket)
    # A bucket's name is taken in all accounts.
    refused(theirs.create_bucket, "BucketAlreadyExists", status=409, Bucket=bucket)
    assert mine.get_object(Bucket=bucket, Key="k")["Body"].read() == b"secret"


def test_a_job_does_not_read_another_accounts_bucket(cloud, account, other, digits):
    sagemaker = cloud.client("sagemaker", account)
    try:
        sagemaker.create_training_job(**harness.training_job("thief", digits, account))
    except sagemaker.exceptions.ClientError as error:
        assert error.response["Error"]["Message"].startswith("No S3 objects found under S3 URL")
    else:
        told = harness.finished(sagemaker, "thief")
        assert told["TrainingJobStatus"] == "Failed" and "denied" in told["FailureReason"].lower()


def test_regions_do_not_see_each_other(cloud, account):
    make_model(cloud, account, "here", "us-east-1")
    created = make_model(cloud, account, "there", "eu-west-1")
    assert created["ModelArn"] == arn("model", "there", account, "eu-west-1")
    assert names(cloud, account, "us-east-1") == ["here"]
    assert names(cloud, account, "eu-west-1") == ["there"]
    assert names(cloud, account, "ap-south-1") == []


def trusted_role(cloud, account, principal, name="deployer", **condition):
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **condition}
        ],
    }
    iam = cloud.client("iam", account)
    told = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    return told


def test_a_role_acts_in_its_own_account(cloud, account, other):
    make_model(cloud, account, "theirs")
    deployer = trusted_role(cloud, account, f"arn:aws:iam::{other}:root")
    answer = cloud.client("sts", other).assume_role(RoleArn=deployer, RoleSessionName="ci")
    credentials = answer["Credentials"]
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/deployer/ci"
    identity = cloud.client("sts", credentials=credentials).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (account, f"arn:aws:sts::{account}:assumed-role/deployer/ci")
    assert names(cloud, credentials=credentials) == ["theirs"]
    assert names(cloud, other) == []


def test_a_role_that_does_not_trust_is_not_assumed(cloud, account, other):
    deployer = trusted_role(cloud, account, f"arn:aws:iam::{account}:root")
    answer = refused(
        cloud.client("sts", other).assume_role, "AccessDenied", status=403, RoleArn=deployer, RoleSessionName="ci"
    )
    told = answer["Error"]["Message"]
    assert told.endswith(f"is not authorized to perform: sts:AssumeRole on resource: {deployer}"), told
    assert told.startswith(f"User: arn:aws:iam::{other}:user/"), told


def test_an_external_id_is_asked_for(cloud, account, other):
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": "shared-secret"}}}
    deployer = trusted_role(cloud, account, f"arn:aws:iam::{other}:root", **condition)
    sts = cloud.client("sts", other)
    for wrong in ({}, {"ExternalId": "guessed"}):
        refused(sts.assume_role, "AccessDenied", status=403, RoleArn=deployer, RoleSessionName="ci", **wrong)
    sts.assume_role(RoleArn=deployer, RoleSessionName="ci", ExternalId="shared-secret")
