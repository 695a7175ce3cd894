"""Ways to invoke an endpoint: asynchronous, streamed, serverless, through boto3 and version 2 of the SageMaker SDK."""

import concurrent.futures
import datetime
import json
import threading

import pytest
from botocore.exceptions import ClientError, EventStreamError

import harness
from harness import PATIENCE, SCRIPT_IMAGE, STREAM_IMAGE, refused, role, unique, variant, wait


@pytest.fixture
def made(sagemaker):
    """Makes models of an image."""

    def make(image=SCRIPT_IMAGE, **environment):
        name = unique("model")
        container = {"Image": image, "Environment": environment}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(), PrimaryContainer=container)
        return name

    return make


@pytest.fixture
def serve(sagemaker):
    """Makes endpoints in service of whole configurations, and takes them away afterwards."""
    names = []

    def make(**config):
        name = unique("endpoint")
        sagemaker.create_endpoint_config(EndpointConfigName=name, **config)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        names.append(name)
        harness.in_service(sagemaker, name)
        return name

    yield make
    for name in names:
        sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def queued(serve, made, bucket):
    """An asynchronous endpoint of the echo program."""

    def make(count=1, **output):
        return serve(
            ProductionVariants=[variant("all", made(), count=count)],
            AsyncInferenceConfig={
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
                "OutputConfig": {"S3OutputPath": f"s3://{bucket}/out", "S3FailurePath": f"s3://{bucket}/bad", **output},
            },
        )

    return make


@pytest.fixture
def content(s3):
    """What is at an S3 URI, once it is there."""

    def read(uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")

        def look():
            try:
                return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                return None

        return wait(look, f"an object at {uri}")

    return read


def test_an_asynchronous_answer_comes_to_s3(queued, content, runtime, sagemaker, s3, bucket):
    topic = "arn:aws:sns:us-east-1:000000000000:nobody"
    notification = {"SuccessTopic": topic, "ErrorTopic": topic, "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"]}
    endpoint = queued(NotificationConfig=notification)
    told = sagemaker.describe_endpoint(EndpointName=endpoint)["AsyncInferenceConfig"]
    assert told["OutputConfig"]["NotificationConfig"] == notification
    assert told["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 2}
    s3.put_object(Bucket=bucket, Key="in/1", Body=b"hello")
    answer = runtime.invoke_endpoint_async(
        EndpointName=endpoint, InputLocation=f"s3://{bucket}/in/1", ContentType="text/plain", Accept="application/json",
        CustomAttributes="trace-7", InferenceId="mine",
    )
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["InferenceId"]) == (202, "mine")
    name = answer["OutputLocation"].removeprefix(f"s3://{bucket}/out/").removesuffix(".out")
    assert answer["FailureLocation"] == f"s3://{bucket}/bad/{name}-error.out"
    said = json.loads(content(answer["OutputLocation"]))
    assert (said["body"], said["content"], said["accept"], said["attributes"]) == (
        "hello", "text/plain", "application/json", "trace-7",
    )
    inline = runtime.invoke_endpoint_async(
        EndpointName=endpoint, Body=b"inline", S3OutputPathExtension="today", Filename="a.json"
    )
    assert inline["OutputLocation"] == f"s3://{bucket}/out/today/a.json"
    assert json.loads(content(inline["OutputLocation"]))["body"] == "inline"


def test_a_failed_asynchronous_request_has_an_object(queued, content, runtime):
    endpoint = queued()
    answer = runtime.invoke_endpoint_async(EndpointName=endpoint, Body=b"break")
    assert content(answer["FailureLocation"]) == b"told to break"


def test_each_endpoint_takes_its_own_kind_of_request(queued, deploy, made, runtime):
    endpoint = queued()
    for call in (runtime.invoke_endpoint, runtime.invoke_endpoint_with_response_stream):
        told = refused(call, "ValidationError", EndpointName=endpoint, Body=b"x")
        assert "InvokeEndpointAsync" in told["Error"]["Message"]
    real_time = deploy(variant("all", made()))
    refused(runtime.invoke_endpoint_async, "ValidationError", EndpointName=real_time, Body=b"x")
    refused(runtime.invoke_endpoint_async, "ValidationError", EndpointName=endpoint)


def test_a_backlog_outlives_a_kill_and_drains(fresh_cloud):
    cloud = fresh_cloud
    sagemaker, runtime, s3 = (cloud.client(name) for name in ("sagemaker", "sagemaker-runtime", "s3"))
    s3.create_bucket(Bucket="backlog")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role(), PrimaryContainer={"Image": SCRIPT_IMAGE})
    output = {"S3OutputPath": "s3://backlog/out", "S3FailurePath": "s3://backlog/bad"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="e", ProductionVariants=[variant("all", "m")], AsyncInferenceConfig={"OutputConfig": output}
    )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="e")
    harness.in_service(sagemaker, "e")

    def scale(count):
        wanted = [{"VariantName": "all", "DesiredInstanceCount": count}]
        client = cloud.client("sagemaker")
        client.update_endpoint_weights_and_capacities(EndpointName="e", DesiredWeightsAndCapacities=wanted)
        told = harness.in_service(client, "e")["ProductionVariants"][0]
        assert told["CurrentInstanceCount"] == count

    scale(0)
    outputs = [runtime.invoke_endpoint_async(EndpointName="e", Body=b"%d" % n)["OutputLocation"] for n in range(20)]
    cloud.kill()
    cloud.start()
    harness.in_service(cloud.client("sagemaker"), "e")
    s3 = cloud.client("s3")
    assert s3.list_objects_v2(Bucket="backlog")["KeyCount"] == 0, "no instance has taken one"
    scale(2)
    wait(lambda: s3.list_objects_v2(Bucket="backlog")["KeyCount"] == len(outputs), "all answers")
    keys = [uri.removeprefix("s3://backlog/") for uri in outputs]
    said = [json.loads(s3.get_object(Bucket="backlog", Key=key)["Body"].read())["body"] for key in keys]
    assert said == [str(n) for n in range(20)]
    cloudwatch = cloud.client("cloudwatch")

    def processed():
        now = datetime.datetime.now(datetime.timezone.utc)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName="InvocationsProcessed", Statistics=["Sum"], Period=3600,
            Dimensions=[{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "all"}],
            StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=1),
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    wait(lambda: processed() == len(outputs), "each request is counted once")


def test_a_kill_over_a_backlog_loses_no_request(fresh_cloud):
    cloud = fresh_cloud
    sagemaker, runtime, s3 = (cloud.client(name) for name in ("sagemaker", "sagemaker-runtime", "s3"))
    s3.create_bucket(Bucket="backlog")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role(), PrimaryContainer={"Image": SCRIPT_IMAGE})
    queue = {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1}, "OutputConfig": {"S3OutputPath": "s3://backlog/out"}}
    sagemaker.create_endpoint_config(
        EndpointConfigName="e", ProductionVariants=[variant("all", "m")], AsyncInferenceConfig=queue
    )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="e")
    harness.in_service(sagemaker, "e")
    outputs = set()
    for n in range(60):
        answer = runtime.invoke_endpoint_async(EndpointName="e", Body=b"%d" % n)
        assert "FailureLocation" not in answer
        outputs.add(answer["OutputLocation"].removeprefix("s3://backlog/"))
    cloud.kill()
    cloud.start()
    s3 = cloud.client("s3")
    keys = lambda: {item["Key"] for item in s3.list_objects_v2(Bucket="backlog").get("Contents", [])}
    wait(lambda: keys() == outputs, "all answers, and no others")
    said = {json.loads(s3.get_object(Bucket="backlog", Key=key)["Body"].read())["body"] for key in outputs}
    assert said == {str(n) for n in range(60)}


def test_the_sdks_async_predictor(cloud, bucket, s3):
    pytest.importorskip("sagemaker")
    from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
    from sagemaker.deserializers import JSONDeserializer, StringDeserializer
    from sagemaker.exceptions import AsyncInferenceModelError
    from sagemaker.serializers import StringSerializer

    predictor = sdk_model(cloud, bucket).deploy(
        initial_instance_count=1, instance_type="ml.m5.large", endpoint_name=unique("sdk"),
        async_inference_config=AsyncInferenceConfig(output_path=f"s3://{bucket}/good", failure_path=f"s3://{bucket}/bad"),
        serializer=StringSerializer(), deserializer=JSONDeserializer(),
    )
    waiter = WaiterConfig(max_attempts=PATIENCE, delay=1)
    try:
        assert predictor.predict("hello", waiter_config=waiter)["body"] == "hello"
        later = predictor.predict_async("later")
        assert later.output_path.startswith(f"s3://{bucket}/good/")
        assert later.get_result(waiter)["body"] == "later"
        predictor.deserializer = StringDeserializer()
        with pytest.raises(AsyncInferenceModelError, match="told to fail"):
            predictor.predict("fail", waiter_config=waiter)
    finally:
        predictor.delete_endpoint()
        # The SDK has threads that wait for the other object of each request.
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
        for name in {key.partition("/")[2].removesuffix(".out").removesuffix("-error") for key in keys}:
            for key in (f"good/{name}.out", f"bad/{name}-error.out"):
                s3.put_object(Bucket=bucket, Key=key)
        wait(lambda: not [t for t in threading.enumerate() if "check_" in t.name], "the SDK's threads")


def sdk_model(cloud, bucket):
    """A model of the echo program, for version 2 of the SDK."""
    from sagemaker import Session
    from sagemaker.model import Model
    from sagemaker.predictor import Predictor

    session = Session(
        boto_session=cloud.session(), sagemaker_client=cloud.client("sagemaker"),
        sagemaker_runtime_client=cloud.client("sagemaker-runtime"), default_bucket=bucket,
    )
    session.s3_client = cloud.client("s3")
    session.s3_resource = cloud.session().resource("s3", endpoint_url=cloud.endpoint)
    return Model(image_uri=SCRIPT_IMAGE, role=role(), sagemaker_session=session, predictor_cls=Predictor, name=unique("sdk"))


def parts(answer):
    for event in answer["Body"]:
        yield event["PayloadPart"]["Bytes"]


def test_an_answer_is_streamed_as_it_comes(deploy, made, runtime, tmp_path):
    endpoint = deploy(variant("all", made(STREAM_IMAGE)))
    go = tmp_path / "go"
    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=f"one\nwait {go}\ntwo\nthree".encode(), ContentType="text/plain"
    )
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/event-stream", "all")
    pieces = parts(answer)
    assert next(pieces) == b"one", "before the model has gone on"
    go.touch()
    assert b"".join(pieces) == b"twothree"
    told = refused(runtime.invoke_endpoint_with_response_stream, "ModelError", status=424, EndpointName=endpoint, Body=b"fail")
    assert told["OriginalMessage"] == "told to fail"


def test_a_stream_that_breaks_is_told_as_such(deploy, made, runtime):
    endpoint = deploy(variant("all", made(STREAM_IMAGE)))
    answer = runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"one\ndie")
    pieces = parts(answer)
    assert next(pieces) == b"one"
    with pytest.raises(EventStreamError) as broken:
        next(pieces)
    assert broken.value.response["Error"]["Code"] == "ModelStreamError"


def test_a_long_answer_is_streamed_whole(deploy, made, runtime):
    endpoint = deploy(variant("all", made(STREAM_IMAGE)))
    lines = [f"{n:05}" * 100 for n in range(5000)]
    answer = runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body="\n".join(lines).encode())
    assert b"".join(parts(answer)).decode() == "".join(lines)


def serverless(model, **config):
    return {"VariantName": "all", "ModelName": model, "ServerlessConfig": {"MemorySizeInMB": 2048, **config}}


def test_a_serverless_endpoint_throttles_and_is_changed(serve, made, cloud, sagemaker, tmp_path):
    endpoint = serve(ProductionVariants=[serverless(made(STREAM_IMAGE), MaxConcurrency=1)])
    runtime = cloud.client("sagemaker-runtime", retries={"total_max_attempts": 1})
    begun, go = tmp_path / "begun", tmp_path / "go"

    def ask(body):
        return runtime.invoke_endpoint(EndpointName=endpoint, Body=body)["Body"].read()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, f"make {begun}\nwait {go}\none".encode())
        try:
            wait(begun.exists, "the first request at the model")
            with pytest.raises(ClientError) as throttled:
                ask(b"two")
        finally:
            go.touch()
        assert first.result() == b"one"
    told = throttled.value.response["Error"]
    assert told["Code"] == "ThrottlingException"
    wanted = {"VariantName": "all", "ServerlessUpdateConfig": {"MaxConcurrency": 9, "ProvisionedConcurrency": 3}}
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=[wanted])
    told = harness.in_service(sagemaker, endpoint)["ProductionVariants"][0]
    expected = {"MemorySizeInMB": 2048, "MaxConcurrency": 9, "ProvisionedConcurrency": 3}
    assert told["CurrentServerlessConfig"] == expected
    assert ask(b"again") == b"again"
    wanted["ServerlessUpdateConfig"] = {"MaxConcurrency": 2}
    told = refused(
        sagemaker.update_endpoint_weights_and_capacities, "ValidationException", EndpointName=endpoint,
        DesiredWeightsAndCapacities=[wanted],
    )
    assert "must not be greater than its MaxConcurrency" in told["Error"]["Message"]


def test_the_sdks_serverless_endpoint(cloud, bucket):
    pytest.importorskip("sagemaker")
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.serializers import StringSerializer
    from sagemaker.serverless import ServerlessInferenceConfig

    predictor = sdk_model(cloud, bucket).deploy(
        serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=4096, max_concurrency=5),
        endpoint_name=unique("sdk"), serializer=StringSerializer(), deserializer=JSONDeserializer(),
    )
    try:
        assert predictor.predict("hello")["body"] == "hello"
    finally:
        predictor.delete_endpoint()


def test_what_an_endpoint_cannot_be_is_refused_by_name(made, sagemaker, bucket):
    output = {"OutputConfig": {"S3OutputPath": f"s3://{bucket}/out"}}
    model = made()
    for config, text in [
        (
            {"ProductionVariants": [serverless(model, MaxConcurrency=1)], "AsyncInferenceConfig": output},
            "ServerlessConfig, which can not be served with an AsyncInferenceConfig",
        ),
        (
            {"ProductionVariants": [variant("all", model)], "AsyncInferenceConfig": {"OutputConfig": {}}},
            "S3OutputPath is not supported",
        ),
        (
            {"ProductionVariants": [{**variant("all", model), "RoutingConfig": {"RoutingStrategy": "KV_AWARE"}}]},
            "RoutingStrategy KV_AWARE is not supported",
        ),
    ]:
        told = refused(sagemaker.create_endpoint_config, "ValidationException", EndpointConfigName=unique("c"), **config)
        assert text in told["Error"]["Message"]
