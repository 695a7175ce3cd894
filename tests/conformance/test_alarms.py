"""CloudWatch's alarms through boto3 in its protocols, the AWS command line, and over a clock that is advanced."""

import datetime
import json

import pytest

import harness
import test_clock
from harness import refused, unique
from test_cloudwatch import client, query, stat, PROTOCOLS

TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"


@pytest.fixture(params=PROTOCOLS, ids=PROTOCOLS.values())
def cloudwatch(cloud, account, request):
    return client(cloud, request.param, account)


def alarm(name, **changes):
    given = dict(
        AlarmName=name, Namespace="App", MetricName="Load", Dimensions=[{"Name": "Host", "Value": "a"}], Statistic="Average",
        Period=60, EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=0.5, ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore", AlarmDescription="too much",
    )
    return {member: value for member, value in (given | changes).items() if value is not None}


def names(found):
    return [one["AlarmName"] for one in found["MetricAlarms"] + found["CompositeAlarms"]]


def test_an_alarm_lives_in_every_protocol(cloudwatch, account):
    put = alarm("a", AlarmActions=[TOPIC], Tags=[{"Key": "team", "Value": "x"}])
    cloudwatch.put_metric_alarm(**put)
    (told,) = cloudwatch.describe_alarms()["MetricAlarms"]
    arn = f"arn:aws:cloudwatch:us-east-1:{account}:alarm:a"
    assert told["AlarmArn"] == arn
    assert {member: told[member] for member in put if member != "Tags"} == {m: v for m, v in put.items() if m != "Tags"}
    assert (told["ActionsEnabled"], told["OKActions"], told["InsufficientDataActions"]) == (True, [], [])
    assert (told["StateValue"], told["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert "StateReasonData" not in told
    assert told["StateUpdatedTimestamp"] == told["StateTransitionedTimestamp"] == told["AlarmConfigurationUpdatedTimestamp"]
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a test", StateReasonData='{"by": "me"}')
    (told,) = cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"]
    assert (told["StateValue"], told["StateReason"], told["StateReasonData"]) == ("ALARM", "a test", '{"by": "me"}')
    cloudwatch.put_metric_alarm(**alarm("a", Threshold=7))
    (told,) = cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"]
    assert (told["StateValue"], told["Threshold"], told["AlarmActions"]) == ("ALARM", 7, []), "a state stays"
    cloudwatch.disable_alarm_actions(AlarmNames=["a", "nothing"])
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=["a"])
    history = cloudwatch.describe_alarm_history(AlarmName="a", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [
        'Alarm "a" created',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        f'Failed to execute action {TOPIC}. Received error: "The embedded cloud has no service for this action."',
        'Alarm "a" updated', 'Alarm "a" updated', 'Alarm "a" updated',
    ]
    assert {item["AlarmType"] for item in history} == {"MetricAlarm"}
    data = json.loads(history[1]["HistoryData"])
    assert data["newState"] == {"stateValue": "ALARM", "stateReason": "a test", "stateReasonData": {"by": "me"}}
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "stage", "Value": "y"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "stage", "Value": "y"}]
    found = cloudwatch.describe_alarms_for_metric(
        Namespace="App", MetricName="Load", Dimensions=[{"Name": "Host", "Value": "a"}], Statistic="Average"
    )
    assert [one["AlarmName"] for one in found["MetricAlarms"]] == ["a"]
    assert cloudwatch.describe_alarms_for_metric(Namespace="App", MetricName="Load")["MetricAlarms"] == []
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule='ALARM("a") OR FALSE', OKActions=[TOPIC])
    (both,) = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert (both["StateValue"], both["AlarmRule"], both["OKActions"]) == ("ALARM", 'ALARM("a") OR FALSE', [TOPIC])
    cloudwatch.delete_alarms(AlarmNames=["both"])
    cloudwatch.delete_alarms(AlarmNames=["a"])
    assert names(cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])) == []
    last = cloudwatch.describe_alarm_history(AlarmName="a", MaxRecords=1)["AlarmHistoryItems"][0]
    assert last["HistorySummary"] == 'Alarm "a" deleted', "history outlives an alarm"


def test_what_is_wrong_with_an_alarm_is_told(cloudwatch):
    put = lambda **changes: cloudwatch.put_metric_alarm(**alarm("a", **changes))
    for code, message, changes in [
        ("ValidationError", "Period must be 10, 20, 30 or a multiple of 60", dict(Period=45)),
        ("ValidationError", "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
         dict(Period=300, EvaluationPeriods=289)),
        ("ValidationError",
         "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms using period >= 3600",
         dict(Period=86400, EvaluationPeriods=8)),
        ("ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods.", dict(DatapointsToAlarm=4)),
        ("MissingParameter", "The parameter Threshold is required.", dict(Threshold=None)),
        ("MissingParameter", "The parameter MetricName is required.", dict(MetricName=None)),
        ("MissingParameter", None, dict(Statistic=None)),
        ("InvalidParameterCombination", None, dict(ExtendedStatistic="p90")),
        ("ValidationError", None, dict(TreatMissingData="sometimes")),
        ("ValidationError", "Invalid arn syntax: topic", dict(AlarmActions=["topic"])),
        ("InvalidParameterCombination", None, dict(Metrics=[query("m", stat("App", "Load"))])),
        ("InvalidParameterValue", None, dict(Statistic=None, ExtendedStatistic="p101")),
    ]:
        refused(put, code, message, **changes)
    for changes in [
        dict(ComparisonOperator="GreaterThanUpperThreshold"), dict(ThresholdMetricId="band"),
        dict(Statistic=None, ExtendedStatistic="tm90"),
    ]:
        refused(put, "NotImplemented", None, 501, **changes)
    refused(cloudwatch.set_alarm_state, "ResourceNotFound", None, 404, AlarmName="no", StateValue="OK", StateReason="x")
    refused(cloudwatch.delete_alarms, "ResourceNotFound", None, 404, AlarmNames=["no"])
    put()
    refused(cloudwatch.delete_alarms, "ResourceNotFound", None, 404, AlarmNames=["a", "no"])
    refused(cloudwatch.set_alarm_state, "InvalidFormat", None, AlarmName="a", StateValue="OK", StateReason="x", StateReasonData="{")
    refused(cloudwatch.describe_alarms, "InvalidParameterCombination", None, AlarmNames=["a"], AlarmNamePrefix="a")
    refused(cloudwatch.describe_alarms, "InvalidNextToken", None, NextToken="x")
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    refused(cloudwatch.list_tags_for_resource, "ResourceNotFoundException", None, 404, ResourceARN=arn + "b")
    put_composite = cloudwatch.put_composite_alarm
    refused(put_composite, "ValidationError", "Could not save the composite alarm as alarms [no] in the alarm rule do not exist",
            AlarmName="c", AlarmRule="ALARM(no)")
    refused(put_composite, "ValidationError", None, AlarmName="c", AlarmRule="ALARM(a")
    refused(put_composite, "NotImplemented", None, 501, AlarmName="c", AlarmRule="AT_LEAST(1, ALARM, (a))")


def test_alarms_are_found_by_what_they_have(cloud, account):
    cloudwatch = cloud.client("cloudwatch", account)
    for n in range(7):
        cloudwatch.put_metric_alarm(**alarm(f"n{n}", AlarmActions=[TOPIC] if n == 3 else []))
    cloudwatch.put_composite_alarm(AlarmName="n9", AlarmRule="OK(n1) OR ALARM(n2)")
    cloudwatch.set_alarm_state(AlarmName="n2", StateValue="ALARM", StateReason="x")
    both = dict(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    describe = cloudwatch.describe_alarms
    assert names(describe(AlarmNamePrefix="n", StateValue="ALARM", **both)) == ["n2", "n9"]
    assert names(describe(AlarmNames=["n9", "n1", "no"], **both)) == ["n1", "n9"]
    assert names(describe(AlarmNames=["n9"])) == [], "composite alarms are shown to those who ask for them"
    assert names(describe(ActionPrefix="arn:aws:sns:")) == ["n3"]
    assert names(describe(ChildrenOfAlarmName="n9")) == ["n1", "n2"]
    assert names(describe(ParentsOfAlarmName="n2")) == ["n9"]
    pages = list(cloudwatch.get_paginator("describe_alarms").paginate(**both, PaginationConfig={"PageSize": 3}))
    assert [names(page) for page in pages] == [["n0", "n1", "n2"], ["n3", "n4", "n5"], ["n6", "n9"]]
    items = cloudwatch.get_paginator("describe_alarm_history").paginate(HistoryItemType="ConfigurationUpdate", PaginationConfig={"PageSize": 2})
    summaries = [item["HistorySummary"] for page in items for item in page["AlarmHistoryItems"]]
    assert summaries == [f'Alarm "n{n}" created' for n in reversed(range(7))]
    assert cloud.client("cloudwatch", account, "eu-west-1").describe_alarms()["MetricAlarms"] == []


def test_alarms_are_found_and_tagged_by_resource_groups_tagging(cloud, account):
    cloudwatch, tagging = cloud.client("cloudwatch", account), cloud.client("resourcegroupstaggingapi", account)
    cloudwatch.put_metric_alarm(**alarm("a", Tags=[{"Key": "team", "Value": "x"}]))
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    assert tagging.tag_resources(ResourceARNList=[arn], Tags={"stage": "y"})["FailedResourcesMap"] == {}
    for types in (["cloudwatch"], ["cloudwatch:alarm"], []):
        (found,) = tagging.get_resources(ResourceTypeFilters=types, TagFilters=[{"Key": "team"}])["ResourceTagMappingList"]
        assert found == {"ResourceARN": arn, "Tags": [{"Key": "stage", "Value": "y"}, {"Key": "team", "Value": "x"}]}
    assert tagging.untag_resources(ResourceARNList=[arn], TagKeys=["team", "stage"])["FailedResourcesMap"] == {}
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


def test_the_aws_command_line_puts_alarms_and_waits_for_them(aws):
    name = unique("cli")
    aws("cloudwatch", "put-metric-alarm", "--alarm-name", name, "--namespace", "App", "--metric-name", name, "--statistic", "Sum",
        "--period", "60", "--evaluation-periods", "1", "--threshold", "5", "--comparison-operator", "GreaterThanOrEqualToThreshold",
        "--treat-missing-data", "ignore")
    aws("cloudwatch", "wait", "alarm-exists", "--alarm-names", name)
    told = aws("cloudwatch", "describe-alarms", "--alarm-name-prefix", name)
    assert (told["MetricAlarms"][0]["Threshold"], told["MetricAlarms"][0]["StateValue"]) == (5.0, "INSUFFICIENT_DATA")
    aws("cloudwatch", "put-composite-alarm", "--alarm-name", name + "-c", "--alarm-rule", f'ALARM("{name}")')
    aws("cloudwatch", "wait", "composite-alarm-exists", "--alarm-names", name + "-c", "--alarm-types", "CompositeAlarm")
    aws("cloudwatch", "set-alarm-state", "--alarm-name", name, "--state-value", "ALARM", "--state-reason", "test")
    told = aws("cloudwatch", "describe-alarms", "--alarm-names", name + "-c", "--alarm-types", "CompositeAlarm")
    assert told["CompositeAlarms"][0]["StateValue"] == "ALARM"
    history = aws("cloudwatch", "describe-alarm-history", "--alarm-name", name, "--history-item-type", "StateUpdate")
    assert history["AlarmHistoryItems"][0]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    aws("cloudwatch", "delete-alarms", "--alarm-names", name + "-c")
    aws("cloudwatch", "delete-alarms", "--alarm-names", name)
    error = aws("cloudwatch", "put-anomaly-detector", "--single-metric-anomaly-detector", "Namespace=a,MetricName=b,Stat=Sum", fails=True)
    assert "is not supported by the embedded cloud" in error


def test_an_alarm_goes_off_when_the_clock_is_advanced_and_stays_so_after_a_kill(fresh_cloud):
    cloudwatch = fresh_cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(**alarm("a", EvaluationPeriods=1, DatapointsToAlarm=1, Dimensions=None, TreatMissingData="notBreaching"))
    cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "Load", "Value": 1}])
    test_clock.clock(fresh_cloud, "--advance", "1m")
    (told,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert told["StateValue"] == "ALARM", told["StateReason"]
    assert "[1.0 (" in told["StateReason"]
    fresh_cloud.kill()
    fresh_cloud.start()
    cloudwatch = fresh_cloud.client("cloudwatch")
    (again,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert again["StateTransitionedTimestamp"] == told["StateTransitionedTimestamp"]
    test_clock.clock(fresh_cloud, "--advance", "365d")
    (told,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert told["StateValue"] == "OK"
    # It went back minutes after the data, and not when somebody looked.
    gone = told["StateTransitionedTimestamp"] - again["StateTransitionedTimestamp"]
    assert gone <= datetime.timedelta(minutes=5)


def test_a_fast_clock_evaluates_by_itself(fresh_cloud):
    cloudwatch = fresh_cloud.client("cloudwatch")
    test_clock.clock(fresh_cloud, "--speed", "600")
    cloudwatch.put_metric_alarm(**alarm("a", Dimensions=None, EvaluationPeriods=1, DatapointsToAlarm=1, TreatMissingData="breaching"))
    state = lambda: cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"]
    harness.wait(lambda: state() == "ALARM", "missing data are breaching")

    def fine():
        cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "Load", "Value": 0}])
        return state() == "OK"

    harness.wait(fine, "data are looked at")


def test_an_endpoints_errors_set_off_an_alarm(fresh_cloud):
    cloud = fresh_cloud
    sagemaker, runtime, cloudwatch = (cloud.client(name) for name in ("sagemaker", "sagemaker-runtime", "cloudwatch"))
    model = unique("failing")
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": harness.SCRIPT_IMAGE})
    sagemaker.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[harness.variant("one", model)])
    sagemaker.create_endpoint(EndpointName=model, EndpointConfigName=model)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=model, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    for metric in ("Invocation5XXErrors", "Invocation4XXErrors"):
        cloudwatch.put_metric_alarm(**alarm(
            metric, Namespace="AWS/SageMaker", MetricName=metric, Statistic="Average", Threshold=0, EvaluationPeriods=1, DatapointsToAlarm=1,
            Dimensions=[{"Name": "EndpointName", "Value": model}, {"Name": "VariantName", "Value": "one"}], TreatMissingData="notBreaching",
        ))
    runtime.invoke_endpoint(EndpointName=model, Body="fine")
    test_clock.clock(cloud, "--advance", "2m")
    states = lambda: {one["AlarmName"]: one["StateValue"] for one in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert states() == {"Invocation4XXErrors": "OK", "Invocation5XXErrors": "OK"}
    refused(runtime.invoke_endpoint, "ModelError", None, 424, EndpointName=model, Body="break")
    test_clock.clock(cloud, "--advance", "1m")
    assert states() == {"Invocation4XXErrors": "OK", "Invocation5XXErrors": "ALARM"}
    test_clock.clock(cloud, "--advance", "10m")
    assert states()["Invocation5XXErrors"] == "OK"
