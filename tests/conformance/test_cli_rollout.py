"""`traffic`, `apply --strategy`, `rollback` and `get alarms` over an endpoint of the embedded cloud."""

import pytest

import harness
from command import Cli, config, endpoint, many, model


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


def served(cli, name="one", count=1, **changed):
    """An endpoint that serves a config of that name."""
    the_endpoint = endpoint("e", name)
    the_endpoint["spec"] |= changed
    return many(model("m", cli.account), config(name, "m", initialInstanceCount=count), the_endpoint)


def describe(cli):
    return cli.cloud.client("sagemaker", cli.account).describe_endpoint(EndpointName="e")


def tags(cli):
    arn = describe(cli)["EndpointArn"]
    found = cli.cloud.client("sagemaker", cli.account).list_tags(ResourceArn=arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_traffic_is_shown_once_without_a_terminal(cli):
    both = config("c", "m", variantName="a")
    variants = both["spec"]["productionVariants"]
    variants.append(variants[0] | {"variantName": "b", "initialVariantWeight": 0})
    cli("apply", "-f", "-", stdin=many(model("m", cli.account), both, endpoint("e", "c")))
    cli("invoke", "e", "--text", "x")
    told = cli("traffic", "e")
    assert told.lines[0] == "e: InService, config c"
    rows = {line.split()[0]: line.split() for line in told.lines[3:5]}
    # VARIANT, CONFIG, WEIGHT, INSTANCES, REQUESTS, ERRORS, P50, P99, STEP
    assert rows["a"][:6] == ["a", "c", "1", "1", "1", "0"] and rows["a"][7].endswith("ms")
    assert rows["b"] == ["b", "c", "0", "1", "-", "-", "-", "-", "-"]
    assert told.lines[-1].startswith("requests, errors and latency since 20")
    document = cli("traffic", "Endpoint/e", "--since", "1h", "-o", "json").json()
    assert (document["format"], document["status"], document["deployment"]) == ("sagewright.dev/traffic/v1", "InService", None)
    first = document["variants"][0]
    assert (first["name"], first["currentWeight"], first["measured"]["invocations"]) == ("a", 1, 1)
    assert "`ee`" in cli("traffic", "ee", code=1).err


def test_a_strategy_is_sent_with_the_update(cli):
    words = ["--strategy", "all-at-once", "--alarm", "errors", "--alarm", "slow"]
    cli("apply", "-f", "-", stdin=served(cli))
    alarms(cli, "errors", "slow")
    planned = cli("plan", "-f", "-", *words, stdin=served(cli, "two"))
    line = "an update of Endpoint e is rolled out as all-at-once, rolled back by errors, slow"
    assert line in planned.err
    assert line in cli("apply", "-f", "-", *words, stdin=served(cli, "two")).err
    told = describe(cli)
    assert told["EndpointConfigName"] == "two"
    last = told["LastDeploymentConfig"]
    assert last["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert [alarm["AlarmName"] for alarm in last["AutoRollbackConfiguration"]["Alarms"]] == ["errors", "slow"]
    again = cli("apply", "-f", "-", *words, stdin=served(cli, "two"))
    assert again.lines[-1] == "Done: 3 unchanged.", "a strategy alone is no reason for an update"


def test_a_canary_is_followed_step_by_step(fresh_cloud, account, tmp_path):
    cli = Cli(fresh_cloud, account, tmp_path)
    cli("apply", "-f", "-", stdin=served(cli, "one", count=4))
    words = ["--strategy", "canary:25%@5m", "--alarm", "errors", "--no-wait"]
    alarms(cli, "errors")
    told = cli("apply", "-f", "-", *words, stdin=served(cli, "two", count=4))
    assert "rolled out as canary 25% @ 300s, rolled back by errors" in told.err
    look = lambda: cli("traffic", "e", "-o", "json").json()
    bakes = lambda: any(v["pending"] and v["currentInstanceCount"] == 1 and v["variantStatus"] for v in look()["variants"])
    harness.wait(bakes, "the canary takes traffic")
    for _ in range(8):
        cli("invoke", "e", "--text", "x")
    seen = look()
    assert (seen["status"], seen["config"], seen["deployment"]["config"]) == ("Updating", "one", "two")
    shares = {v["config"]: v["measured"]["invocations"] for v in seen["variants"]}
    assert shares["one"] > 0 and shares["two"] > 0 and sum(shares.values()) == 8
    lines = cli("traffic", "e").lines
    assert lines[0] == "e: Updating, config one" and lines[1].startswith("deployment of two, for ")
    step = [line for line in lines if line.startswith("all ") and "two" in line]
    assert len(step) == 1 and "Baking" in step[0] and "canary capacity" in step[0]
    # A rollback has to wait for what is under way; AWS takes no update meanwhile.
    assert "in progress" in cli("rollback", "endpoint", "e", "--to", "two", "--dry-run").out
    cli.cloud.client("cloudwatch", cli.account).set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="tried")
    harness.settled(cli.cloud.client("sagemaker", cli.account), "e")
    back = cli("traffic", "e").lines
    assert back[0] == "e: InService, config one" and back[1].startswith("last update failed: ")
    assert "it is not known what the endpoint `e` served before `one`" in cli("rollback", "endpoint", "e", "--yes", code=1).err


def test_a_manifest_is_not_overruled(cli):
    own = {"blueGreenUpdatePolicy": {"trafficRoutingConfiguration": {"type_": "ALL_AT_ONCE", "waitIntervalInSeconds": 0}}}
    objects = served(cli, deploymentConfig=own)
    for command in ("plan", "apply"):
        told = cli(command, "-f", "-", "--strategy", "canary:10%@5m", stdin=objects, code=65)
        assert "--strategy says canary 10% @ 300s, and Endpoint e declares all-at-once" in told.err
    assert cli("plan", "-f", "-", "--strategy", "all-at-once", stdin=objects).lines[-1] == "Plan: 3 to create."
    none = cli("plan", "-f", "-", "--strategy", "all-at-once", stdin=config("c", "m"), code=64).err
    assert "the manifests declare none" in none
    assert "expected canary:10%@5m" in cli("plan", "-f", "-", "--strategy", "blue", code=64).err
    assert "--strategy" in cli("plan", "-f", "-", "--alarm", "a", code=64).err


def test_a_rollback_leads_to_what_was_served_before(cli):
    cli("apply", "-f", "-", stdin=served(cli, "one"))
    told = cli("rollback", "endpoint", "e", "--yes", code=1)
    assert "it is not known what the endpoint `e` served before `one`" in told.err and "--to CONFIG" in told.err
    cli("apply", "-f", "-", stdin=served(cli, "two"))
    assert tags(cli)["sagewright.dev/served"] == "one"
    shown = cli("rollback", "Endpoint/e", "--dry-run")
    assert "one" in shown.out and shown.lines[-1] == "Plan: 1 to update." and describe(cli)["EndpointConfigName"] == "two"
    assert "no terminal to confirm on" in cli("rollback", "endpoint", "e", code=64).err
    refused, code = cli.asked("n\n", "rollback", "endpoint", "e")
    assert code == 1 and "Roll e back from the config two to one?" in refused.err and "nothing was done" in refused.err
    done, code = cli.asked("y\n", "rollback", "endpoint", "e")
    assert code == 0 and done.lines[-1] == "Done: 1 updated.", done.err
    assert "a manifest that declares two has it updated again" in done.err
    assert describe(cli)["EndpointConfigName"] == "one" and tags(cli)["sagewright.dev/served"] == "two one"
    # And forward again, by its name or as what was served before.
    assert "serves the config `one` already" in cli("rollback", "endpoint", "e", "--yes", "--to", "one", code=1).err
    assert cli("rollback", "endpoint", "e", "--yes", "--strategy", "all-at-once").lines[-1] == "Done: 1 updated."
    assert describe(cli)["EndpointConfigName"] == "two"
    assert cli("plan", "-f", "-", stdin=served(cli, "two")).lines[-1] == "Plan: 3 unchanged."
    assert "`gone`" in cli("rollback", "endpoint", "e", "--yes", "--to", "gone", code=1).err
    assert describe(cli)["EndpointConfigName"] == "two"


def test_a_rollback_leaves_owners_sets_and_tags_as_they_are(cli):
    def labelled(name):
        objects = served(cli, name, tags=[{"key": "team", "value": "a"}])
        for item in objects["items"]:
            item["metadata"] |= {"namespace": "prod", "labels": {"app": "fraud"}}
        return objects

    for name in ("one", "two"):
        cli("apply", "-f", "-", "--prune", "-l", "app=fraud", "--yes", stdin=labelled(name))
    # The prune took the config that was served before.
    told = cli("rollback", "endpoint", "e", "--yes", code=1).err
    assert "`one`" in told
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    variant = harness.variant("all", "m")
    sagemaker.create_endpoint_config(EndpointConfigName="one", ProductionVariants=[variant])
    before = tags(cli)
    cli("rollback", "endpoint", "e", "--yes")
    after = tags(cli)
    own = ("sagewright.dev/served", "sagewright.dev/last-update")
    kept = lambda tags: {key: value for key, value in tags.items() if key not in own}
    assert kept(before) == kept(after) and after["sagewright.dev/set"] == "app=fraud" and after["team"] == "a"


def test_a_report_is_one_page(cli):
    cli("apply", "-f", "-", stdin=served(cli))
    for _ in range(3):
        cli("invoke", "e", "--text", "x")
    told = cli("report", "endpoint", "e", "--out", "e.html", "--since", "30m")
    assert told.lines == ["e.html"]
    page = (cli.folder / "e.html").read_text()
    assert page.count("<svg") == 4 and "<td>all</td><td>1</td><td>1</td><td>3</td>" in page
    assert "last changed" in page or "created" in page
    assert "https://" not in page and "<script" not in page and "src=" not in page, "it needs nothing else"
    assert "there is no report of a model" in cli("report", "model", "m", "--out", "m.html", code=64).err
    assert "cannot write none/e.html" in cli("report", "Endpoint/e", "--out", "none/e.html", code=1).err


def test_what_nobody_owns_is_not_rolled_back(cli):
    cli("apply", "-f", "-", stdin=many(model("m", cli.account), config("one", "m"), config("two", "m")))
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    harness.in_service(sagemaker, "e")
    told = cli("rollback", "endpoint", "e", "--yes", "--to", "two", code=1).err
    assert "no manifest manages Endpoint/e" in told and "sagewright adopt Endpoint/e" in told


def alarms(cli, *names):
    cloudwatch = cli.cloud.client("cloudwatch", cli.account)
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="AWS/SageMaker", MetricName="Invocation5XXErrors", Statistic="Sum", Period=60,
            EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=5, ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
            Dimensions=[{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "all"}],
        )  # fmt: skip
    return cloudwatch


def test_alarms_are_rows(cli):
    assert "no alarms in us-east-1" in cli("get", "alarms").err
    cloudwatch = alarms(cli, "b", "a")
    cloudwatch.set_alarm_state(AlarmName="b", StateValue="ALARM", StateReason="told so")
    rows = {row["NAME"]: row for row in cli("get", "alarms").table()}
    assert list(rows) == ["a", "b"]
    assert rows["b"]["METRIC"] == "Invocation5XXErrors" and rows["b"]["THRESHOLD"] == "Sum > 5, 2 of 3 x 60s"
    [one] = cli("get", "alarm", "b", "-o", "json").json()["alarms"]
    assert (one["alarmName"], one["threshold"]) == ("b", 5)
    assert "EndpointName=e,VariantName=all" in cli("get", "alarms", "a", "-o", "wide").out
    assert cli("get", "alarms", "-o", "name").lines == ["Alarm/a", "Alarm/b"]
    missing = cli("get", "alarms", "a", "c", code=1)
    assert "there is no alarm `c`" in missing.err and missing.lines[1].startswith("a ")
