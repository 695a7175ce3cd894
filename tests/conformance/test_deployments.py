"""Updates under guardrails: canaries, steps, batches, alarms that roll back, kills."""

import collections
import json
import subprocess

import pytest

import harness
from harness import refused, role, variant

IMAGE = harness.SCRIPT_IMAGE
BAKES = "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on"


class Endpoint:
    """An endpoint of a cloud with a clock of its own, and models that say a word."""

    def __init__(self, cloud, count=4):
        self.cloud, self.count, self.name = cloud, count, harness.unique("safe")
        self.sagemaker, self.runtime = cloud.client("sagemaker"), cloud.client("sagemaker-runtime")
        self.cloudwatch = cloud.client("cloudwatch")
        self.config("old")
        self.sagemaker.create_endpoint(EndpointName=self.name, EndpointConfigName="old")
        harness.in_service(self.sagemaker, self.name)

    def config(self, word, count=None):
        container = {"Image": IMAGE, "Environment": {"SAID": word}}
        self.sagemaker.create_model(ModelName=word, ExecutionRoleArn=role(), PrimaryContainer=container)
        variants = [variant("all", word, count=count or self.count)]
        self.sagemaker.create_endpoint_config(EndpointConfigName=word, ProductionVariants=variants)

    def told(self):
        return self.sagemaker.describe_endpoint(EndpointName=self.name)

    def stage(self):
        pending = self.told().get("PendingDeploymentSummary", {"ProductionVariants": [{}]})
        return [status.get("StatusMessage", "") for status in pending["ProductionVariants"][0].get("VariantStatus", [])]

    def until(self, text):
        return harness.wait(lambda: any(text in message for message in self.stage()), f"{self.name} shows {text}")

    def pass_by(self, duration):
        command = [harness.binary(), "local", "clock", "--data", str(self.cloud.data), "--advance", duration]
        subprocess.run(command, check=True, capture_output=True, timeout=60, env=harness.clean_environment())

    def ask(self, count=20, body="hello"):
        """What so many requests are answered; a model's error as its status."""
        seen = collections.Counter()
        for _ in range(count):
            try:
                answer = self.runtime.invoke_endpoint(EndpointName=self.name, ContentType="text/plain", Body=body)
                seen[json.loads(answer["Body"].read())["said"]] += 1
            except self.runtime.exceptions.ModelError as error:
                seen[error.response["OriginalStatusCode"]] += 1
        return dict(seen)

    def alarm(self, name, config):
        dimensions = {"EndpointName": self.name, "VariantName": "all", "EndpointConfigName": config}
        self.cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="AWS/SageMaker", MetricName="Invocation5XXErrors", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching", Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
        )

    def update(self, config, policy, **more):
        self.sagemaker.update_endpoint(
            EndpointName=self.name, EndpointConfigName=config, DeploymentConfig=policy, **more
        )


def routing(kind, **size):
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 300, **size},
            "MaximumExecutionTimeoutInSeconds": 7200,
        }
    }


def percent(value):
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.fixture
def endpoint(fresh_cloud):
    return Endpoint(fresh_cloud)


def test_a_canary_takes_its_part_and_then_all(endpoint):
    endpoint.config("new")
    endpoint.update("new", routing("CANARY", CanarySize=percent(10)))
    endpoint.until(f"{BAKES} canary capacity of 1 instance(s)")
    assert endpoint.ask() == {"old": 18, "new": 2}
    told = endpoint.told()
    assert told["EndpointStatus"] == "Updating" and told["EndpointConfigName"] == "old"
    pending = told["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert (pending["CurrentInstanceCount"], pending["DesiredInstanceCount"]) == (1, 4)
    refused(
        endpoint.sagemaker.delete_endpoint, "ValidationException", EndpointName=endpoint.name,
    )
    endpoint.pass_by("5m")
    endpoint.until(f"{BAKES} full capacity of 4 instance(s)")
    assert endpoint.ask() == {"new": 20}
    endpoint.pass_by("5m")
    endpoint.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=endpoint.name, WaiterConfig={"Delay": 1})
    assert endpoint.told()["EndpointConfigName"] == "new"


def test_linear_steps_survive_a_kill_and_go_on(endpoint):
    endpoint.config("new")
    endpoint.update("new", routing("LINEAR", LinearStepSize=percent(50)))
    endpoint.until(f"{BAKES} partial capacity of 2 instance(s)")
    endpoint.cloud.kill()
    endpoint.cloud.start()
    endpoint.until(f"{BAKES} partial capacity of 2 instance(s)")
    harness.wait(lambda: endpoint.told()["EndpointStatus"] == "Updating", "the update goes on")
    endpoint.runtime = endpoint.cloud.client("sagemaker-runtime")
    assert harness.wait(lambda: answers(endpoint), "both fleets answer again") == {"old": 10, "new": 10}
    endpoint.pass_by("5m")
    endpoint.until(f"{BAKES} full capacity of 4 instance(s)")
    endpoint.pass_by("5m")
    assert harness.in_service(endpoint.sagemaker, endpoint.name)["EndpointConfigName"] == "new"
    assert endpoint.ask() == {"new": 20}


def answers(endpoint):
    try:
        return endpoint.ask()
    except endpoint.runtime.exceptions.ClientError:
        return None


def test_a_rolling_update_keeps_its_counts(endpoint):
    endpoint.config("new")
    batch = {"Type": "INSTANCE_COUNT", "Value": 2}
    endpoint.update("new", {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 300}})
    endpoint.until(f"{BAKES} partial capacity of 2 instance(s)")
    assert endpoint.ask() == {"old": 10, "new": 10}
    endpoint.pass_by("5m")
    endpoint.until(f"{BAKES} full capacity of 4 instance(s)")
    assert endpoint.told()["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert endpoint.ask() == {"new": 20}
    endpoint.pass_by("5m")
    assert harness.in_service(endpoint.sagemaker, endpoint.name)["EndpointConfigName"] == "new"


def test_a_canary_with_a_bad_model_is_rolled_back_by_its_alarm(endpoint):
    endpoint.config("new")
    endpoint.alarm("errors", "new")
    policy = {**routing("CANARY", CanarySize=percent(10)), "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    endpoint.update("new", policy)
    endpoint.until(f"{BAKES} canary capacity of 1 instance(s)")
    # Both fleets fail at this body; the alarm sees the errors of the new one alone.
    assert set(endpoint.ask(body="break")) == {500}
    endpoint.pass_by("2m")
    told = harness.in_service(endpoint.sagemaker, endpoint.name)
    assert told["EndpointConfigName"] == "old"
    assert told["FailureReason"] == "One or more configured alarm(s) in ALARM state: [errors]."
    assert told["LastDeploymentConfig"] == policy
    assert endpoint.ask() == {"old": 20}
    refused(
        endpoint.sagemaker.update_endpoint, "ValidationException", "Could not find CloudWatch alarm(s) [missing].",
        EndpointName=endpoint.name, EndpointConfigName="new",
        DeploymentConfig={"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "missing"}]}},
    )


def test_the_sdk_updates_with_the_policy_of_the_last_update(endpoint):
    sagemaker = pytest.importorskip("sagemaker")
    endpoint.config("new")
    endpoint.config("newer")
    endpoint.update("new", routing("CANARY", CanarySize=percent(50)))
    endpoint.until(f"{BAKES} canary capacity of 2 instance(s)")
    endpoint.pass_by("5m")
    endpoint.until(f"{BAKES} full capacity of 4 instance(s)")
    endpoint.pass_by("5m")
    harness.in_service(endpoint.sagemaker, endpoint.name)
    session = sagemaker.Session(
        boto_session=endpoint.cloud.session(), sagemaker_client=endpoint.sagemaker,
        sagemaker_runtime_client=endpoint.runtime, default_bucket="unused",
    )
    endpoint.sagemaker.update_endpoint(
        EndpointName=endpoint.name, EndpointConfigName="newer", RetainDeploymentConfig=True
    )
    endpoint.until(f"{BAKES} canary capacity of 2 instance(s)")
    endpoint.pass_by("5m")
    endpoint.until(f"{BAKES} full capacity of 4 instance(s)")
    endpoint.pass_by("5m")
    session.wait_for_endpoint(endpoint.name, poll=1)
    # The SDK's own update has no policy: all at once.
    predictor = sagemaker.Predictor(endpoint.name, sagemaker_session=session)
    predictor.update_endpoint(initial_instance_count=3, instance_type="ml.m5.xlarge", wait=True)
    told = endpoint.told()
    assert told["ProductionVariants"][0]["CurrentInstanceCount"] == 3 and "LastDeploymentConfig" not in told
    assert endpoint.ask() == {"newer": 20}
