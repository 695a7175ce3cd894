"""Stock clients, today's and those of a year ago: `cargo xtask test` runs what is marked `both_ages` with either."""

import os

import boto3
import harness
import pytest
from botocore.config import Config

pytestmark = pytest.mark.both_ages

# A client that waits for what does not come gives up after this long, and does not try again.
ONCE = {"read_timeout": 20, "retries": {"total_max_attempts": 1}, "max_pool_connections": 1}


def test_empty_and_full_objects_go_up_on_one_connection(cloud, bucket):
    s3 = cloud.client("s3", **ONCE)
    contents = [b"", b"full", b"", b"", b"x" * 100_000, b""]
    for i, content in enumerate(contents):
        s3.put_object(Bucket=bucket, Key=f"{i}", Body=content)
    assert [s3.get_object(Bucket=bucket, Key=f"{i}")["Body"].read() for i in range(len(contents))] == contents


def test_a_refused_upload_leaves_the_connection_in_order(cloud, bucket):
    s3 = cloud.client("s3", **ONCE)
    for content in (b"", b"lost"):
        harness.refused(s3.put_object, "NoSuchBucket", status=404, Bucket="no-such-bucket-here", Key="k", Body=content)
        s3.put_object(Bucket=bucket, Key="k", Body=content)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == content


def test_a_folder_with_empty_files_is_synchronized(aws, bucket, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for i in range(25):
        (source / f"{i:02}").write_bytes(b"" if i % 5 == 0 else os.urandom(1000))
    aws("s3", "sync", str(source), f"s3://{bucket}", "--only-show-errors", "--cli-read-timeout", "20")
    aws("s3", "sync", f"s3://{bucket}", str(tmp_path / "back"), "--only-show-errors")
    assert {p.name: p.read_bytes() for p in source.iterdir()} == {p.name: p.read_bytes() for p in (tmp_path / "back").iterdir()}


def test_files_go_up_by_the_transfer_manager(cloud, bucket, tmp_path):
    s3 = cloud.client("s3", **ONCE)
    for size in (0, 1, 9 << 20):
        path = tmp_path / "file"
        path.write_bytes(os.urandom(size))
        s3.upload_file(str(path), bucket, "file")
        s3.download_file(bucket, "file", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_each_protocol_is_understood(cloud, bucket):
    who = cloud.client("sts").get_caller_identity()
    assert who["Account"] == cloud.account
    name = harness.unique("client")
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    told = sagemaker.describe_model_package_group(ModelPackageGroupName=name)
    assert told["ModelPackageGroupArn"] == harness.arn("model-package-group", name)
    harness.refused(sagemaker.describe_model, "ValidationException", ModelName=name)
    harness.refused(cloud.client("iam").get_user, "NoSuchEntity", status=404, UserName=name)
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=name)
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]] == [name]
    cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": 1}])
    assert [m["MetricName"] for m in cloudwatch.list_metrics(Namespace=name)["Metrics"]] == ["m"]
    harness.refused(cloudwatch.put_metric_data, "InvalidParameterValue", Namespace="AWS/X", MetricData=[{"MetricName": "m", "Value": 1}])
    runtime = cloud.client("sagemaker-runtime")
    harness.refused(runtime.invoke_endpoint, "ValidationError", EndpointName=name, Body=b"1", ContentType="text/csv")


def test_a_name_that_is_not_its_own_is_refused_in_words_that_clients_show(cloud):
    def elsewhere(request, **_):
        request.headers["Host"] = "127.0.0.1.nip.example"

    key, secret = cloud.keys()
    for service, operation in (("s3", "list_buckets"), ("sts", "get_caller_identity"), ("sagemaker", "list_models")):
        config = Config(retries={"total_max_attempts": 1})
        client = boto3.client(
            service, endpoint_url=cloud.endpoint, region_name=cloud.region, aws_access_key_id=key,
            aws_secret_access_key=secret, config=config,
        )
        client.meta.events.register("before-sign", elsewhere)
        with pytest.raises(Exception, match="not a name of the embedded cloud"):
            getattr(client, operation)()
