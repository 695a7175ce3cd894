"""Endpoints: traffic by weight, target variants, updates, errors of the model, deletion."""

import collections
import concurrent.futures
import json
import re
import threading

import pytest

import harness
from harness import arn, refused, role, variant

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/script:1"


@pytest.fixture
def say(sagemaker):
    """Makes models whose answers say a word."""

    def make(word):
        name = harness.unique(word)
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=role(), PrimaryContainer={"Image": IMAGE, "Environment": {"SAID": word}}
        )
        return name

    return make


@pytest.fixture
def ask(runtime):
    def call(endpoint, body="hello", **more):
        answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/plain", Body=body, **more)
        return json.loads(answer["Body"].read()), answer

    return call


def test_the_container_gets_what_was_sent(deploy, say, ask):
    endpoint = deploy(variant("all", say("one")))
    told, answer = ask(endpoint, "grüße", Accept="application/json", CustomAttributes="trace-7")
    assert told["body"] == "grüße" and told["said"] == "one"
    assert (told["content"], told["accept"], told["attributes"]) == ("text/plain", "application/json", "trace-7")
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("application/json", "all")


def test_traffic_follows_the_weights(deploy, say, ask, sagemaker):
    endpoint = deploy(variant("a", say("a"), 3), variant("b", say("b"), 1))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        seen = collections.Counter(pool.map(lambda _: ask(endpoint)[0]["said"], range(400)))
    # Three in four; outside of 250…350 of 400 one run in 10^8 would fall by chance.
    assert 250 <= seen["a"] <= 350, seen
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": "a", "DesiredWeight": 0},
            {"VariantName": "b", "DesiredWeight": 1},
        ],
    )
    told = harness.in_service(sagemaker, endpoint)
    assert {v["VariantName"]: v["CurrentWeight"] for v in told["ProductionVariants"]} == {"a": 0.0, "b": 1.0}
    assert {ask(endpoint)[0]["said"] for _ in range(50)} == {"b"}


def test_a_target_variant_is_asked_whatever_its_weight(deploy, say, ask, runtime):
    endpoint = deploy(variant("a", say("a"), 1), variant("b", say("b"), 0))
    assert {ask(endpoint)[0]["said"] for _ in range(20)} == {"a"}
    told, answer = ask(endpoint, TargetVariant="b")
    assert (told["said"], answer["InvokedProductionVariant"]) == ("b", "b")
    answer = refused(
        runtime.invoke_endpoint, "ValidationError", EndpointName=endpoint, Body=b"x", TargetVariant="c"
    )
    assert "c" in answer["Error"]["Message"]


def test_an_update_changes_the_model_without_a_failed_request(deploy, say, ask, sagemaker):
    endpoint = deploy(variant("all", say("old")))
    config = harness.unique("next")
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant("all", say("new"))])
    stop, seen, errors = threading.Event(), [], []

    def keep_asking():
        while not stop.is_set():
            try:
                seen.append(ask(endpoint)[0]["said"])
            except Exception as error:  # noqa: BLE001 - whatever a client would see
                errors.append(error)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        told = harness.in_service(sagemaker, endpoint)
        assert told["EndpointConfigName"] == config
        assert ask(endpoint)[0]["said"] == "new"
    finally:
        stop.set()
        thread.join()
    assert not errors
    assert seen == sorted(seen, key=["old", "new"].index), "once the new model answers, the old one no longer does"


def test_an_update_that_cannot_start_keeps_the_old_model(deploy, say, ask, sagemaker):
    endpoint = deploy(variant("all", say("old")))
    broken, config = harness.unique("broken"), harness.unique("next")
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/crash:1"
    sagemaker.create_model(ModelName=broken, ExecutionRoleArn=role(), PrimaryContainer={"Image": image})
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant("all", broken)])
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    told = harness.in_service(sagemaker, endpoint)
    assert told["EndpointConfigName"] == endpoint, "rolled back"
    assert told["FailureReason"]
    assert ask(endpoint)[0]["said"] == "old"


@pytest.mark.parametrize("body,status,text", [("fail", 400, "told to fail"), ("break", 500, "told to break")])
def test_an_error_of_the_model_is_told_as_one(deploy, say, runtime, body, status, text):
    endpoint = deploy(variant("all", say("one")))
    kind = "client" if status < 500 else "server"
    console = (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        f"#logEventViewer:group=/aws/sagemaker/Endpoints/{endpoint}"
    )
    answer = refused(
        runtime.invoke_endpoint,
        "ModelError",
        f'Received {kind} error ({status}) from primary with message "{text}". '
        f"See {console} in account {harness.ACCOUNT} for more information.",
        status=424,
        EndpointName=endpoint,
        ContentType="text/plain",
        Body=body.encode(),
    )
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (status, text)
    assert answer["LogStreamArn"].startswith(
        f"arn:aws:logs:us-east-1:{harness.ACCOUNT}:log-group:/aws/sagemaker/Endpoints/{endpoint}"
    )


def test_xgboost_refuses_what_is_not_a_row(endpoint, runtime):
    answer = refused(
        runtime.invoke_endpoint, "ModelError", status=424, EndpointName=endpoint, ContentType="text/csv", Body=b"a,b,c"
    )
    # The XGBoost image answers 415 to what it cannot decode, whatever its declared type.
    assert answer["OriginalStatusCode"] == 415
    answer = refused(
        runtime.invoke_endpoint, "ModelError", status=424, EndpointName=endpoint, ContentType="image/png", Body=b"x"
    )
    assert answer["OriginalStatusCode"] == 415


def test_an_endpoint_that_is_not_there_is_told(runtime, account, cloud):
    message = re.compile(rf"Endpoint missing of account {harness.ACCOUNT} not found\.")
    refused(runtime.invoke_endpoint, "ValidationError", message, EndpointName="missing", Body=b"x")


def test_a_large_body_goes_through_and_a_larger_one_is_refused(deploy, say, ask, runtime):
    endpoint = deploy(variant("all", say("one")))
    told, _ = ask(endpoint, "x" * 1_000_000)
    assert len(told["body"]) == 1_000_000
    with pytest.raises(runtime.exceptions.ClientError) as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x" * (26 * 1024 * 1024))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 413)


def test_several_instances_share_the_work(deploy, say, ask):
    endpoint = deploy(variant("all", say("one"), count=2))
    assert len({ask(endpoint)[0]["pid"] for _ in range(40)}) == 2


def test_deletion_ends_the_endpoint_and_keeps_its_parts(sagemaker, runtime, say):
    model, name = say("one"), harness.unique("endpoint")
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant("all", model)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    harness.in_service(sagemaker, name)
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    refused(runtime.invoke_endpoint, "ValidationError", EndpointName=name, Body=b"x")
    assert sagemaker.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]["ModelName"] == model
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=model)
    refused(
        sagemaker.describe_model, "ValidationException", f'Could not find model "{arn("model", model)}".', ModelName=model
    )
