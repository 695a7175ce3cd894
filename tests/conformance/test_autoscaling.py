"""Application Auto Scaling: stock clients and declared resources scale endpoints that answer."""

import json
import subprocess
import sys

import pytest

import command
import harness
from harness import in_service, refused, role, variant, wait

OF = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
API = "applicationautoscaling.services.k8s.aws/v1alpha1"


def advance(cloud, time):
    arguments = [harness.binary(), "local", "clock", "--data", str(cloud.data), "--advance", time]
    subprocess.run(arguments, env=harness.clean_environment(), check=True, capture_output=True, timeout=harness.PATIENCE)


@pytest.fixture
def served(fresh_cloud):
    """An endpoint with one instance, in a cloud whose clock may be moved."""
    sagemaker = fresh_cloud.client("sagemaker")
    container = {"Image": harness.SCRIPT_IMAGE, "Environment": {"WORD": "hello"}}
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role(), PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant("main", "m")])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    in_service(sagemaker, "e")
    return fresh_cloud


@pytest.fixture
def target():
    return {**OF, "ResourceId": "endpoint/e/variant/main"}


def instances(cloud):
    told = in_service(cloud.client("sagemaker"), "e")["ProductionVariants"][0]
    assert told["CurrentInstanceCount"] == told["DesiredInstanceCount"]
    return told["CurrentInstanceCount"]


def activities(cloud, **more):
    told = cloud.client("application-autoscaling").describe_scaling_activities(ServiceNamespace="sagemaker", **more)
    return told["ScalingActivities"]


def done(cloud, count):
    """The activities, newest first, once so many are at their end."""

    def look():
        found = activities(cloud)
        return found if len(found) == count and all("EndTime" in one for one in found) else None

    return wait(look, f"{count} activities end")


def test_a_variant_under_load_scales_out_and_back_in(served, target):
    scaling, runtime = served.client("application-autoscaling"), served.client("sagemaker-runtime")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    policy = scaling.put_scaling_policy(
        **target, PolicyName="by-load", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 3.0, "ScaleInCooldown": 0, "ScaleOutCooldown": 0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )
    assert [alarm["AlarmName"].rsplit("-", 6)[1] for alarm in policy["Alarms"]] == ["AlarmHigh", "AlarmLow"]
    for _ in range(5):
        for _ in range(6):
            runtime.invoke_endpoint(EndpointName="e", Body=b"x")
        advance(served, "1m")
    (out,) = done(served, 1)
    assert (out["StatusCode"], out["Description"]) == ("Successful", "Setting desired instance count to 2.")
    assert instances(served) == 2
    for _ in range(20):
        runtime.invoke_endpoint(EndpointName="e", Body=b"x")
        advance(served, "1m")
    back, _ = done(served, 2)
    assert back["Cause"].startswith("monitor alarm TargetTracking-endpoint/e/variant/main-AlarmLow-")
    assert instances(served) == 1
    scaling.delete_scaling_policy(**target, PolicyName="by-load")
    assert served.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_bounds_pull_an_endpoint_that_keeps_its_targets(served, target):
    scaling, sagemaker = served.client("application-autoscaling"), served.client("sagemaker")
    arn = scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=2, Tags={"a": "b"})["ScalableTargetARN"]
    done(served, 1)
    assert instances(served) == 2
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "b"}
    found = served.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "a"}])["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in found] == [arn]
    sagemaker.create_endpoint_config(EndpointConfigName="other", ProductionVariants=[variant("new", "m")])
    refused(
        sagemaker.update_endpoint, "ValidationException",
        'The variant(s) "main" must be deregistered as scalable targets with AWS Auto Scaling before they can be removed or have their instance type updated.',
        EndpointName="e", EndpointConfigName="other",
    )
    refused(
        scaling.register_scalable_target, "ValidationException", MinCapacity=1, MaxCapacity=2,
        **{**target, "ResourceId": "endpoint/none/variant/main"},
    )
    sagemaker.delete_endpoint(EndpointName="e")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_the_command_line_scales_at_a_time(served, target):
    def aws(*arguments, code=0):
        environment = {**served.environment(), "AWS_PAGER": ""}
        words = [sys.executable, "-m", "awscli", "application-autoscaling", *arguments, "--output", "json"]
        told = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=harness.PATIENCE)
        assert (told.returncode != 0) == bool(code), told.stderr
        return told.stderr if code else json.loads(told.stdout or "null")

    of = ["--service-namespace", "sagemaker", "--resource-id", target["ResourceId"], "--scalable-dimension", target["ScalableDimension"]]
    action = ["put-scheduled-action", *of, "--scheduled-action-name", "soon", "--scalable-target-action", "MinCapacity=2,MaxCapacity=3"]
    told = aws(*action, "--schedule", "rate(1 hour)", code=1)
    assert "ObjectNotFoundException" in told and "No scalable target registered for service namespace: sagemaker" in told
    aws("register-scalable-target", *of, "--min-capacity", "1", "--max-capacity", "1")
    aws(*action, "--schedule", "rate(1 hour)", "--timezone", "Europe/Berlin")
    advance(served, "59m")
    assert instances(served) == 1
    advance(served, "2m")
    done(served, 2)
    assert instances(served) == 2
    (told,) = aws("describe-scheduled-actions", "--service-namespace", "sagemaker")["ScheduledActions"]
    assert told["ScheduledActionARN"].endswith(":resource/sagemaker/endpoint/e/variant/main:scheduledActionName/soon")
    aws("deregister-scalable-target", *of)
    assert aws("describe-scheduled-actions", "--service-namespace", "sagemaker")["ScheduledActions"] == []


def manifest(kind, name, **spec):
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_declared_targets_policies_and_actions_are_applied_changed_and_deleted(served, tmp_path):
    cli = command.Cli(served, harness.ACCOUNT, tmp_path)
    of = {"serviceNamespace": "sagemaker", "resourceID": "endpoint/e/variant/main", "scalableDimension": OF["ScalableDimension"]}
    tracking = {"targetValue": 60, "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
    objects = [
        manifest("ScalableTarget", "t", **of, minCapacity=1, maxCapacity=2),
        manifest("ScalingPolicy", "p", **of, policyName="p", policyType="TargetTrackingScaling", targetTrackingScalingPolicyConfiguration=tracking),
        manifest("ScheduledAction", "a", **of, scheduledActionName="a", schedule="rate(1 day)", scalableTargetAction={"minCapacity": 1}),
    ]
    path = tmp_path / "scaling.json"

    def apply():
        path.write_text("\n---\n".join(json.dumps(one) for one in objects))
        return cli("apply", "-f", str(path))

    apply()
    scaling = served.client("application-autoscaling")
    describe = lambda what: getattr(scaling, f"describe_{what}")(ServiceNamespace="sagemaker")  # noqa: E731
    assert describe("scalable_targets")["ScalableTargets"][0]["MaxCapacity"] == 2
    again = cli("plan", "-f", str(path))
    assert "No changes" in again.out + again.err or "0 to change" in again.out or "unchanged" in again.out, again.out
    objects[0]["spec"]["maxCapacity"] = 3
    tracking["targetValue"] = 50
    objects[2]["spec"]["schedule"] = "cron(0 8 * * ? *)"
    apply()
    assert describe("scalable_targets")["ScalableTargets"][0]["MaxCapacity"] == 3
    policy = describe("scaling_policies")["ScalingPolicies"][0]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50
    assert describe("scheduled_actions")["ScheduledActions"][0]["Schedule"] == "cron(0 8 * * ? *)"
    cli("delete", "-f", str(path), "--yes")
    for what, member in [("scalable_targets", "ScalableTargets"), ("scaling_policies", "ScalingPolicies"), ("scheduled_actions", "ScheduledActions")]:
        assert describe(what)[member] == []
    assert served.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
