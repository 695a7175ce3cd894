"""SageMaker Metrics, with the SDK's experiment runs and stock boto3: what is logged to a trial component, and who shows it."""

import concurrent.futures
import datetime
import math
import time

import boto3
import pytest

import harness
from harness import refused, unique

sdk = pytest.importorskip("sagemaker")

LOSSES = [0.9, 0.4, 0.2, 0.3]


@pytest.fixture(scope="module")
def session(cloud):
    """A session of the SDK."""
    return sdk.Session(
        boto_session=boto3.Session(region_name=harness.REGION),
        sagemaker_client=cloud.client("sagemaker"),
        sagemaker_metrics_client=cloud.client("sagemaker-metrics"),
        default_bucket="unused",
    )


@pytest.fixture(scope="module")
def metrics(cloud):
    return cloud.client("sagemaker-metrics")


@pytest.fixture
def component(sagemaker):
    """The name and the ARN of a trial component."""
    name = unique("component")
    return name, sagemaker.create_trial_component(TrialComponentName=name)["TrialComponentArn"]


def summaries(sagemaker, component):
    told = sagemaker.describe_trial_component(TrialComponentName=component).get("Metrics", [])
    return {summary["MetricName"]: summary for summary in told}


def datum(name, value, at=None, **more):
    return {"MetricName": name, "Value": value, "Timestamp": at or datetime.datetime.now(datetime.timezone.utc), **more}


def values(metrics, arn, name, stat="Last", period="IterationNumber", axis="IterationNumber", **more):
    query = {"MetricName": name, "ResourceArn": arn, "MetricStat": stat, "Period": period, "XAxisType": axis, **more}
    [result] = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    return result


def test_metrics_of_the_sdks_runs_are_described_searched_and_read(sagemaker, session, metrics):
    from sagemaker.analytics import ExperimentAnalytics
    from sagemaker.experiments.run import Run, load_run

    experiment = unique("losses")
    with Run(experiment_name=experiment, run_name="first", sagemaker_session=session) as run:
        for step, loss in enumerate(LOSSES):
            run.log_metric("loss", loss, step=step)
    # A batch has ten values; these come in two.
    with load_run(experiment_name=experiment, run_name="first", sagemaker_session=session) as run:
        for _ in range(15):
            run.log_metric("accuracy", 0.8)
    name = f"{experiment}-first"
    told = summaries(sagemaker, name)
    assert set(told) == {"loss", "accuracy"}
    loss = told["loss"]
    assert (loss["Min"], loss["Max"], loss["Last"], loss["Count"]) == (0.2, 0.9, 0.3, 4)
    mean = sum(LOSSES) / 4
    deviation = math.sqrt(sum((loss - mean) ** 2 for loss in LOSSES) / 4)
    assert (loss["Avg"], loss["StdDev"]) == (pytest.approx(mean), pytest.approx(deviation))
    arn = sagemaker.describe_trial_component(TrialComponentName=name)["TrialComponentArn"]
    assert loss["SourceArn"] == arn and abs(loss["TimeStamp"].timestamp() - time.time()) < 600
    assert (told["accuracy"]["Count"], told["accuracy"]["StdDev"]) == (15, pytest.approx(0, abs=1e-9))

    def found(statistic, operator, value):
        filters = [
            {"Name": f"Metrics.loss.{statistic}", "Operator": operator, "Value": value},
            {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": experiment},
        ]
        results = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters})["Results"]
        return [result["TrialComponent"]["TrialComponentName"] for result in results]

    assert found("Min", "LessThan", "0.25") == [name] and found("Last", "LessThan", "0.25") == []
    [row] = ExperimentAnalytics(experiment_name=experiment, sagemaker_session=session).dataframe().to_dict("records")
    assert (row["loss - Max"], row["accuracy - Count"]) == (0.9, 15)

    assert values(metrics, arn, "loss") == {"Status": "Complete", "XAxisValues": [0, 1, 2, 3], "MetricValues": LOSSES}
    assert values(metrics, arn, "loss", Start=1, End=2)["MetricValues"] == LOSSES[1:3]
    hours = values(metrics, arn, "accuracy", "Count", "OneHour", "Timestamp")
    assert sum(hours["MetricValues"]) == 15 and all(second % 3600 == 0 for second in hours["XAxisValues"])


def test_values_that_cannot_be_taken_are_told_by_their_place_and_the_others_are_kept(sagemaker, metrics, component):
    name, arn = component
    now = datetime.datetime.now(datetime.timezone.utc)
    put = metrics.batch_put_metrics(
        TrialComponentName=name,
        MetricData=[
            datum("m", 1.0),
            datum("m", 2.0, now - datetime.timedelta(days=15)),
            datum("m", 3.0, now + datetime.timedelta(hours=3)),
            datum("m", 4.0, now - datetime.timedelta(days=13)),
        ],
    )
    assert put["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in (1, 2)]
    told = summaries(sagemaker, name)["m"]
    # The last value is the latest by its own time.
    assert (told["Count"], told["Max"], told["Last"]) == (2, 4.0, 1.0)
    refused(metrics.batch_put_metrics, "ResourceNotFound", TrialComponentName="none", MetricData=[datum("m", 1.0)])
    for wrong, text in [
        (dict(arn=arn, name="m", period="OneMinute"), "XAxisType"),
        (dict(arn=arn + "x", name="m"), "does not exist"),
        (dict(arn=arn.replace("experiment-trial-component", "training-job"), name="m"), "CloudWatch"),
    ]:
        result = values(metrics, **wrong)
        assert result["Status"] == "ValidationError" and text in result["Message"], result
    assert values(metrics, arn, "other") == {"Status": "Complete", "XAxisValues": [], "MetricValues": []}


def test_a_component_has_a_bounded_number_of_metrics(sagemaker, metrics, component):
    name, _ = component
    for first in range(0, 500, 10):
        data = [datum(f"m{number}", 1.0) for number in range(first, first + 10)]
        assert "Errors" not in metrics.batch_put_metrics(TrialComponentName=name, MetricData=data)
    put = metrics.batch_put_metrics(TrialComponentName=name, MetricData=[datum("m7", 2.0), datum("one more", 1.0)])
    assert put["Errors"] == [{"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": 1}]
    told = summaries(sagemaker, name)
    assert len(told) == 500 and told["m7"]["Count"] == 2


def test_many_callers_log_to_one_component_and_a_deleted_one_leaves_nothing(cloud, sagemaker, metrics, component):
    name, arn = component
    own = [cloud.client("sagemaker-metrics") for _ in range(4)]

    def log(worker):
        for first in range(0, 100, 10):
            steps = range(worker * 100 + first, worker * 100 + first + 10)
            own[worker].batch_put_metrics(
                TrialComponentName=name, MetricData=[datum("m", float(step), Step=step) for step in steps]
            )

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(log, range(4)))
    assert summaries(sagemaker, name)["m"]["Count"] == 400
    result = values(metrics, arn, "m")
    assert result["XAxisValues"] == list(range(400)) and result["MetricValues"] == [float(step) for step in range(400)]
    # A new component of the name has none of the old one's values.
    sagemaker.delete_trial_component(TrialComponentName=name)
    sagemaker.create_trial_component(TrialComponentName=name)
    assert summaries(sagemaker, name) == {}
    metrics.batch_put_metrics(TrialComponentName=name, MetricData=[datum("m", 7.0, Step=0)])
    assert values(metrics, arn, "m")["MetricValues"] == [7.0]


def test_a_killed_cloud_keeps_what_was_logged(fresh_cloud):
    sagemaker, metrics = fresh_cloud.client("sagemaker"), fresh_cloud.client("sagemaker-metrics")
    arn = sagemaker.create_trial_component(TrialComponentName="c")["TrialComponentArn"]
    for step in range(3):
        metrics.batch_put_metrics(TrialComponentName="c", MetricData=[datum("m", float(step), Step=step)])
    fresh_cloud.kill()
    fresh_cloud.start()
    sagemaker, metrics = fresh_cloud.client("sagemaker"), fresh_cloud.client("sagemaker-metrics")
    assert summaries(sagemaker, "c")["m"]["Count"] == 3
    assert values(metrics, arn, "m")["MetricValues"] == [0.0, 1.0, 2.0]
