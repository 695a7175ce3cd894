"""Fixtures of the tests of S3: stock boto3 and the AWS CLI as its clients."""

import pytest

from s3_tools import client, new_bucket


@pytest.fixture(scope="session")
def s3(cloud):
    return client(cloud)


@pytest.fixture
def bucket(s3):
    return new_bucket(s3)
