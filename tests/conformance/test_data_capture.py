"""Data capture of endpoints with stock boto3: what is written to S3, when, and what DescribeEndpoint tells of it."""

import base64
import concurrent.futures
import datetime
import json
import re
import uuid

import harness
from harness import unique
from monitor_tools import capture, captured, scoring_endpoint


def invoke(cloud, endpoint, body, **more):
    more.setdefault("ContentType", "text/csv")
    return cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=body, **more)["Body"].read().decode()


def test_requests_and_answers_are_captured_as_aws_writes_them(cloud, sagemaker, s3, bucket):
    endpoint = scoring_endpoint(cloud, capture(bucket, KmsKeyId="my-key"))
    told = sagemaker.describe_endpoint(EndpointName=endpoint)["DataCaptureConfig"]
    assert told == {
        "EnableCapture": True, "CaptureStatus": "Started", "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/captured", "KmsKeyId": "my-key",
    }
    assert invoke(cloud, endpoint, "1,2\n3,x\n", InferenceId="mine", CustomAttributes="trace-7") == "3.0\n3.0\n"
    keys, lines = captured(s3, bucket, count=1)
    [line] = lines
    pattern = rf"captured/{endpoint}/AllTraffic/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}-[0-9a-f-]{{36}}\.jsonl"
    assert re.fullmatch(pattern, keys[0]), keys
    assert line["captureData"] == {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2\n3,x\n", "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", "data": "3.0\n3.0\n", "encoding": "CSV",
        },
    }
    event = line["eventMetadata"]
    assert uuid.UUID(event["eventId"]) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["inferenceTime"])
    assert (event["inferenceId"], event["customAttributes"], line["eventVersion"]) == ("mine", ["trace-7"], "0")
    # The hour of its folder is that of the request.
    assert event["inferenceTime"][:13].replace("-", "/").replace("T", "/") in keys[0]
    # What is not said to be text is kept in base64; a failed request is not kept.
    harness.refused(
        cloud.client("sagemaker-runtime").invoke_endpoint, "ModelError", status=424, EndpointName=endpoint, Body="fail",
        ContentType="text/csv",
    )
    invoke(cloud, endpoint, "5", ContentType="text/plain")
    _, lines = captured(s3, bucket, count=2)
    assert len(lines) == 2
    other = next(line for line in lines if "inferenceId" not in line["eventMetadata"])
    assert other["captureData"]["endpointInput"] == {
        "observedContentType": "text/plain", "mode": "INPUT", "data": base64.b64encode(b"5").decode(), "encoding": "BASE64",
    }
    assert "customAttributes" not in other["eventMetadata"]
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_a_share_of_the_requests_and_one_direction_are_captured(cloud, sagemaker, s3, bucket):
    config = capture(bucket, InitialSamplingPercentage=25, CaptureOptions=[{"CaptureMode": "Output"}])
    endpoint = scoring_endpoint(cloud, config)
    for n in range(40):
        invoke(cloud, endpoint, str(n))
    # All is in S3 when the endpoint is gone.
    sagemaker.delete_endpoint(EndpointName=endpoint)
    harness.wait(lambda: not any(e["EndpointName"] == endpoint for e in harness.listed(sagemaker, "list_endpoints")), "it is gone")
    _, lines = captured(s3, bucket)
    assert len(lines) == 10
    assert all(list(line["captureData"]) == ["endpointOutput"] for line in lines)


def test_capture_that_is_off_writes_nothing_and_an_update_turns_it_on(cloud, sagemaker, s3, bucket):
    endpoint = scoring_endpoint(cloud, capture(bucket, EnableCapture=False))
    told = sagemaker.describe_endpoint(EndpointName=endpoint)["DataCaptureConfig"]
    assert (told["EnableCapture"], told["CaptureStatus"]) == (False, "Stopped")
    invoke(cloud, endpoint, "1")
    on = unique("on")
    sagemaker.create_endpoint_config(
        EndpointConfigName=on, ProductionVariants=[harness.variant("AllTraffic", endpoint)], DataCaptureConfig=capture(bucket)
    )
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=on)
    told = harness.in_service(sagemaker, endpoint)
    assert told["DataCaptureConfig"]["CaptureStatus"] == "Started"
    invoke(cloud, endpoint, "2")
    _, lines = captured(s3, bucket, count=1)
    assert [line["captureData"]["endpointInput"]["data"] for line in lines] == ["2"]
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_what_was_captured_is_there_after_the_cloud_was_stopped(fresh_cloud):
    s3 = fresh_cloud.client("s3")
    s3.create_bucket(Bucket="captures")
    endpoint = scoring_endpoint(fresh_cloud, capture("captures", CaptureOptions=[{"CaptureMode": "InputAndOutput"}]))
    for n in range(20):
        invoke(fresh_cloud, endpoint, str(n))
    assert fresh_cloud.stop() == 0
    fresh_cloud.start()
    s3, sagemaker = fresh_cloud.client("s3"), fresh_cloud.client("sagemaker")
    _, lines = captured(s3, "captures")
    assert sorted(int(line["captureData"]["endpointInput"]["data"]) for line in lines) == list(range(20))
    # And it goes on.
    told = harness.in_service(sagemaker, endpoint)
    assert told["DataCaptureConfig"]["CaptureStatus"] == "Started"
    invoke(fresh_cloud, endpoint, "20")
    captured(s3, "captures", count=21)


def test_nothing_is_lost_when_requests_come_faster_than_they_can_be_written(cloud, sagemaker, s3, bucket):
    # 128 MB of 2 MB each, side by side, twice what is held in memory.
    endpoint = scoring_endpoint(cloud, capture(bucket, CaptureOptions=[{"CaptureMode": "Input"}]))
    numbers = range(64)

    def ask(number):
        return invoke(cloud, endpoint, f"{number}," + "0" * 2_000_000, ContentType="text/plain")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, numbers)) == [f"{number}.0\n" for number in numbers]
    _, lines = captured(s3, bucket, count=len(numbers))
    bodies = [base64.b64decode(line["captureData"]["endpointInput"]["data"]) for line in lines]
    assert sorted(int(body[:2].strip(b",")) for body in bodies) == list(numbers)
    assert all(len(body) > 2_000_000 for body in bodies)
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_a_bucket_that_is_gone_fails_no_request_and_the_loss_is_told(cloud, sagemaker):
    endpoint = scoring_endpoint(cloud, capture(unique("nowhere")))
    assert invoke(cloud, endpoint, "1,2") == "3.0\n"
    harness.wait(lambda: "captured data was lost" in cloud.log() and endpoint in cloud.log(), "it is logged")
    assert json.loads(invoke(cloud, endpoint, "4")) == 4.0
    # Whoever looks at the endpoint sees it, too.
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    told = harness.wait(
        lambda: [line for line in harness.log_lines(cloud, group, "AllTraffic/data-capture") if "not in S3" in line],
        "the endpoint's log tells the loss",
    )
    assert "Data capture: 1 requests are not in S3" in told[0], told
    now = datetime.datetime.now(datetime.timezone.utc)

    def lost():
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName="DataCaptureLostRequests", Period=60, Statistics=["Sum"],
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "AllTraffic"}],
            StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1),
        )["Datapoints"]
        return sum(point["Sum"] for point in points) == 2

    harness.wait(lost, "both requests count as lost")
    sagemaker.delete_endpoint(EndpointName=endpoint)
