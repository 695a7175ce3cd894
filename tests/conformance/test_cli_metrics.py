"""`sagewright get metrics`: what CloudWatch measured, for people and programs."""

import pytest

import harness
from command import Cli, config, endpoint, many, model, training_job

METRIC = {"name": "loss", "regex": "loss=(.*?);"}


@pytest.fixture(scope="module")
def cli(cloud, tmp_path_factory):
    """An account with an endpoint that was invoked, and a training job that logged."""
    cli = Cli(cloud, "444455556667", tmp_path_factory.mktemp("metrics"))
    bucket = harness.unique("metrics")
    cloud.client("s3", cli.account).create_bucket(Bucket=bucket)
    both = config("served", "m")
    both["spec"]["productionVariants"].append(both["spec"]["productionVariants"][0] | {"variantName": "idle", "initialVariantWeight": 0})
    job = training_job("trained", bucket, cli.account, epochs=3)
    job["spec"]["algorithmSpecification"]["metricDefinitions"] = [METRIC]
    silent = training_job("silent", bucket, cli.account)
    cli("apply", "-f", "-", stdin=many(model("m", cli.account), both, endpoint("served", "served"), job, silent))
    runtime = cloud.client("sagemaker-runtime", cli.account)
    for body in ["1", "2", "3"]:
        runtime.invoke_endpoint(EndpointName="served", Body=body, ContentType="text/csv")
    for body in ["fail", "break"]:
        with pytest.raises(runtime.exceptions.ModelError):
            runtime.invoke_endpoint(EndpointName="served", Body=body, ContentType="text/csv")
    return cli


def test_variants_of_an_endpoint_are_rows(cli):
    told = cli("get", "metrics", "served")
    rows = {row["VARIANT"]: row for row in told.table()}
    assert (rows["all"]["INVOCATIONS"], rows["all"]["4XX"], rows["all"]["5XX"]) == ("5", "1", "1")
    assert rows["all"]["PER-INSTANCE"] == "5" and rows["all"]["MODEL-P99"].endswith("ms")
    assert set(rows["idle"].values()) == {"idle", "-"}
    wide = cli("get", "metrics", "Endpoint/served", "-o", "wide").table()
    assert {row["VARIANT"] for row in wide} == {"all"} and all(row["TIME"].endswith("00Z") for row in wide)
    assert sum(int(row["INVOCATIONS"]) for row in wide) == 5


def test_programs_get_each_period(cli):
    told = cli("get", "metrics", "served", "--since", "10m", "--period", "300", "-o", "json").json()
    assert (told["format"], told["endpoint"], told["periodSeconds"]) == ("sagewright.dev/metrics/v1", "served", 300)
    variants = {v["name"]: v for v in told["variants"]}
    every = variants["all"]
    assert (every["total"]["invocations"], every["total"]["errors5xx"]) == (5, 1)
    assert 0 < every["total"]["modelLatencyP50Ms"] <= every["total"]["modelLatencyP99Ms"]
    assert sum(point["invocations"] for point in every["points"]) == 5
    assert all(told["from"] <= point["time"] < told["to"] for point in every["points"])
    assert variants["idle"]["points"] == [] and variants["idle"]["total"]["invocations"] is None


def test_a_jobs_metrics_are_its_last_values(cli):
    [row] = cli("get", "metrics", "TrainingJob/trained").table()
    assert (row["METRIC"], row["LAST"]) == ("loss", "0.333")
    told = cli("get", "metrics", "trained", "-o", "json").json()
    assert told["trainingJob"] == "trained" and told["metrics"][0]["last"]["value"] == 0.333
    points = told["metrics"][0]["points"]
    assert points and all(0 < point["value"] <= 1 for point in points)
    assert len(cli("get", "metrics", "trained", "-o", "wide").table()) == len(points)
    quiet = cli("get", "metrics", "silent")
    assert quiet.out == "" and "TrainingJob/silent declares no metrics" in quiet.err


def test_what_has_no_metrics_is_told(cli):
    assert "the metrics of a model are not shown" in cli("get", "metrics", "Model/m", code=64).err
    assert "the metrics of one resource are shown at a time" in cli("get", "metrics", code=64).err
    missing = cli("get", "metrics", "nothing", code=1).err
    assert "`nothing`" in missing and "no training job of that name" in missing
    assert "a multiple of 60 seconds" in cli("get", "metrics", "served", "--period", "30", code=64).err
