"""Model Monitor with stock boto3 and the SageMaker SDK: baselines, schedules that run by the driven clock, executions, reports."""

import datetime
import json
import re

import pytest
from botocore.exceptions import ClientError

import harness
from command import Cli, Told
from harness import SCORE_IMAGE, refused, role, unique, wait
from monitor_tools import ANALYZER, capture, clock, document, executions, next_hour, scoring_endpoint

HOURLY = "cron(0 * ? * * *)"
HEADER = "sum,a,b,town\n"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """A cloud of this module's own: its clock is driven."""
    cloud = harness.Cloud(tmp_path_factory.mktemp("monitored"), harness.image_map())
    yield cloud
    assert cloud.stop() == 0, cloud.log()


def rows(shift=0, town=lambda n: ["oslo", "bergen"][n % 2]):
    return [f"{n % 5 + shift},0.{n % 10},{town(n)}" for n in range(40)]


def answer(row):
    return float(row.split(",")[0]) + float(row.split(",")[1])


def resources():
    return {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}


def baseline(cloud, bucket):
    """Runs the analyser over training data; gives the folder of its reports."""
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    s3.put_object(Bucket=bucket, Key="train/train.csv", Body=HEADER + "".join(f"{answer(row)},{row}\n" for row in rows()))
    job = unique("baseline")
    sagemaker.create_processing_job(
        ProcessingJobName=job,
        AppSpecification={"ImageUri": ANALYZER},
        Environment={
            "dataset_format": json.dumps({"csv": {"header": True, "output_columns_position": "START"}}),
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
        },
        ProcessingInputs=[{"InputName": "baseline_dataset_input", "S3Input": {
            "S3Uri": f"s3://{bucket}/train/", "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
            "S3DataType": "S3Prefix", "S3InputMode": "File",
        }}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "monitoring_output", "S3Output": {
            "S3Uri": f"s3://{bucket}/baseline", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob",
        }}]},
        ProcessingResources=resources(),
        RoleArn=role(),
    )

    def ended():
        told = sagemaker.describe_processing_job(ProcessingJobName=job)
        return told if told["ProcessingJobStatus"] != "InProgress" else None

    told = wait(ended, "the baseline is made")
    assert told["ProcessingJobStatus"] == "Completed", told
    assert told["ExitMessage"] == "Completed: Job completed successfully with no violations."
    return f"s3://{bucket}/baseline"


def inline(bucket, endpoint, base=None, **changes):
    """A `MonitoringJobDefinition` of data quality."""
    definition = {
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input/endpoint"}}],
        "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": {
            "S3Uri": f"s3://{bucket}/reports", "LocalPath": "/opt/ml/processing/output",
        }}]},
        "MonitoringResources": resources(),
        "MonitoringAppSpecification": {"ImageUri": ANALYZER},
        "RoleArn": role(),
        **changes,
    }
    if base:
        definition["BaselineConfig"] = {
            "ConstraintsResource": {"S3Uri": f"{base}/constraints.json"}, "StatisticsResource": {"S3Uri": f"{base}/statistics.json"},
        }
    return definition


def schedule(sagemaker, name, definition, expression=HOURLY, **when):
    config = {"ScheduleConfig": {"ScheduleExpression": expression, **when}}
    config |= {"MonitoringJobDefinitionName": definition, "MonitoringType": "DataQuality"} if isinstance(definition, str) else {
        "MonitoringJobDefinition": definition
    }
    return sagemaker.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config)


def scheduled(cloud, sagemaker, name):
    """Drives the clock until the schedule is no longer pending."""
    clock(cloud, "--advance", "2s")
    told = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)
    assert told["MonitoringScheduleStatus"] == "Scheduled", told
    return told


def send(cloud, endpoint, lines):
    runtime = cloud.client("sagemaker-runtime")
    for line in lines:
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=line)


def assert_the_command_line_shows_what_was_found(cloud, sagemaker, name, folder):
    cli, of = Cli(cloud, cloud.account, folder), f"MonitoringSchedule/{name}"
    latest, first = executions(sagemaker, name)
    job = sagemaker.describe_processing_job(ProcessingJobName=latest["ProcessingJobArn"].rsplit("/", 1)[1])
    for row in (cli("get", of).table()[0], next(r for r in cli("get", "monitoringschedules").table() if r["NAME"] == name)):
        assert re.fullmatch(r"CompletedWithViolations, \d+[smhd] ago", row["LAST-RUN"])
    assert cli("wait", of).out == f"{of}: Scheduled (last run {job['ExitMessage']})\n"
    told = cli("get", of, "--executions")
    rows = Told("\n".join(told.lines[1:]), "").table()
    assert told.lines[0] == f"{name}: Scheduled" and [r["STATUS"] for r in rows] == ["CompletedWithViolations", "Completed"]
    assert (rows[0]["JOB"], rows[0]["RESULT"]) == (f"ProcessingJob/{job['ProcessingJobName']}", job["ExitMessage"])
    assert rows[0]["SCHEDULED"] == f"{latest['ScheduledTime']:%Y-%m-%dT%H:%M:%SZ}"
    violations = re.search(r"`sagewright cp (s3://\S+) \.`", told.err)[1]
    cli("cp", violations, ".")
    assert json.loads((folder / "constraint_violations.json").read_text())["violations"]
    assert json.loads(cli("get", of, "--executions", "-o", "json").out)["executions"][0]["violations"] == violations
    assert cli("logs", of).out == cli("logs", rows[0]["JOB"]).out != ""
    assert "--executions" in cli("get", "monitoringexecutions", code=64).err
    assert "a model has no executions" in cli("get", "models", "--executions", code=64).err


def test_each_hour_is_held_against_the_baseline_once(cloud, sagemaker, s3, bucket, tmp_path):
    base = baseline(cloud, bucket)
    endpoint, name = scoring_endpoint(cloud, capture(bucket)), unique("schedule")
    next_hour(cloud)
    arn = schedule(sagemaker, name, inline(bucket, endpoint, base))["MonitoringScheduleArn"]
    assert arn == harness.arn("monitoring-schedule", name)
    assert sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)["MonitoringScheduleStatus"] == "Pending"
    told = scheduled(cloud, sagemaker, name)
    assert (told["EndpointName"], told.get("LastMonitoringExecutionSummary")) == (endpoint, None)
    assert sagemaker.list_monitoring_executions(MonitoringScheduleName=name)["MonitoringExecutionSummaries"] == []

    # As in training; then drifted, with a new town; then nothing at all.
    send(cloud, endpoint, rows())
    first = next_hour(cloud)
    [same] = executions(sagemaker, name)
    assert same["MonitoringExecutionStatus"] == "Completed", same
    assert same["ScheduledTime"] == first and same["EndpointName"] == endpoint and same["MonitoringType"] == "DataQuality"
    send(cloud, endpoint, rows(shift=100, town=lambda n: "paris"))
    second = next_hour(cloud)
    assert_the_command_line_shows_what_was_found(cloud, sagemaker, name, tmp_path)
    third = next_hour(cloud)
    found = executions(sagemaker, name)
    assert [e["ScheduledTime"] for e in found] == [third, second, first]
    none, drifted, _ = found
    assert (none["MonitoringExecutionStatus"], none["FailureReason"]) == ("Failed", "Job inputs had no data")
    assert "ProcessingJobArn" not in none
    assert drifted["MonitoringExecutionStatus"] == "CompletedWithViolations"

    # The job is one that users see, named and fed as Model Monitor does.
    job = drifted["ProcessingJobArn"].rsplit("/", 1)[1]
    assert job.startswith(f"model-monitoring-{second:%Y%m%d%H%M}-") and len(job.rsplit("-", 1)[1]) == 24
    told = sagemaker.describe_processing_job(ProcessingJobName=job)
    hour = second - datetime.timedelta(hours=1)
    assert told["Environment"]["start_time"] == f"{hour:%Y-%m-%dT%H:%M:%SZ}"
    assert told["ExitMessage"].startswith("CompletedWithViolations: Job completed successfully with ")
    data = [i["S3Input"]["S3Uri"] for i in told["ProcessingInputs"] if i["InputName"] == "endpoint_input_1"]
    assert data == [f"s3://{bucket}/captured/{endpoint}/AllTraffic/{hour:%Y/%m/%d/%H}"]
    report = told["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    assert report == f"s3://{bucket}/reports/{endpoint}/{name}/{second:%Y/%m/%d/%H}"
    violations = document(s3, report, "constraint_violations.json")["violations"]
    checks = {(v["feature_name"], v["constraint_check_type"]) for v in violations}
    assert checks == {
        ("sum", "baseline_drift_check"), ("a", "baseline_drift_check"), ("town", "baseline_drift_check"),
        ("town", "categorical_values_check"),
    }
    assert document(s3, report, "statistics.json")["dataset"]["item_count"] == 40

    last = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)["LastMonitoringExecutionSummary"]
    assert last == none
    listed = lambda **filters: [
        e["ScheduledTime"] for e in harness.listed(sagemaker, "list_monitoring_executions", MonitoringScheduleName=name, **filters)
    ]
    assert listed(StatusEquals="CompletedWithViolations") == [second]
    assert listed(SortOrder="Ascending", EndpointName=endpoint) == [first, second, third]
    assert listed(ScheduledTimeAfter=first, ScheduledTimeBefore=third) == [second]
    assert listed(MonitoringTypeEquals="ModelQuality") == []

    # Stopped it does not run, started it does; the history of its executions outlives it.
    sagemaker.stop_monitoring_schedule(MonitoringScheduleName=name)
    next_hour(cloud)
    assert len(executions(sagemaker, name)) == 3
    refused(sagemaker.stop_monitoring_schedule, "ValidationException", MonitoringScheduleName=name)
    sagemaker.start_monitoring_schedule(MonitoringScheduleName=name)
    scheduled(cloud, sagemaker, name)
    fifth = next_hour(cloud)
    assert executions(sagemaker, name)[0]["ScheduledTime"] == fifth
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
    refused(sagemaker.describe_monitoring_schedule, "ResourceNotFound", MonitoringScheduleName=name)
    assert len(harness.listed(sagemaker, "list_monitoring_executions", MonitoringScheduleName=name)) == 4
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_now_runs_once_over_the_window_that_it_names(cloud, sagemaker, s3, bucket):
    endpoint, name = scoring_endpoint(cloud, capture(bucket)), unique("now")
    send(cloud, endpoint, rows()[:3])
    when = {"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"}
    schedule(sagemaker, name, inline(bucket, endpoint), "NOW", **when)
    scheduled(cloud, sagemaker, name)
    [told] = executions(sagemaker, name)
    assert told["MonitoringExecutionStatus"] == "Completed", told
    next_hour(cloud)
    assert len(executions(sagemaker, name)) == 1
    # Without a baseline there is nothing to violate; columns have no names.
    job = sagemaker.describe_processing_job(ProcessingJobName=told["ProcessingJobArn"].rsplit("/", 1)[1])
    report = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    features = document(s3, report, "constraints.json")["features"]
    assert [(f["name"], f["inferred_type"]) for f in features] == [
        ("_c0", "Fractional"), ("_c1", "Integral"), ("_c2", "Fractional"), ("_c3", "String"),
    ]
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_an_update_counts_from_the_next_run_on(cloud, sagemaker, bucket):
    endpoint, name = scoring_endpoint(cloud, capture(bucket)), unique("updated")
    schedule(sagemaker, name, inline(bucket, endpoint))
    refused(
        sagemaker.update_monitoring_schedule, "ResourceInUse", MonitoringScheduleName=name,
        MonitoringScheduleConfig={"ScheduleConfig": {"ScheduleExpression": HOURLY}, "MonitoringJobDefinition": inline(bucket, endpoint)},
    )
    scheduled(cloud, sagemaker, name)
    hour = (clock(cloud) + datetime.timedelta(hours=2)).hour
    config = {
        "ScheduleConfig": {"ScheduleExpression": f"cron(0 {hour} ? * * *)"}, "MonitoringJobDefinition": inline(bucket, endpoint),
    }
    sagemaker.update_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config)
    scheduled(cloud, sagemaker, name)
    next_hour(cloud)
    assert harness.listed(sagemaker, "list_monitoring_executions", MonitoringScheduleName=name) == []
    second = next_hour(cloud)
    assert [e["ScheduledTime"] for e in executions(sagemaker, name)] == [second]
    # One that was stopped stays so.
    sagemaker.stop_monitoring_schedule(MonitoringScheduleName=name)
    config["ScheduleConfig"]["ScheduleExpression"] = HOURLY
    sagemaker.update_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config)
    next_hour(cloud)
    assert sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)["MonitoringScheduleStatus"] == "Stopped"
    assert len(executions(sagemaker, name)) == 1
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_a_wrong_baseline_fails_the_execution(cloud, sagemaker, s3, bucket):
    endpoint = scoring_endpoint(cloud, capture(bucket))
    s3.put_object(Bucket=bucket, Key="bad/constraints.json", Body="{")
    s3.put_object(Bucket=bucket, Key="bad/statistics.json", Body="{}")
    send(cloud, endpoint, ["1,2"])
    reasons = {}
    for what, definition in {
        "bad": inline(bucket, endpoint, f"s3://{bucket}/bad"),
        "missing": inline(bucket, endpoint, f"s3://{bucket}/nowhere"),
    }.items():
        name = unique(what)
        schedule(sagemaker, name, definition, "NOW", DataAnalysisStartTime="-PT1H", DataAnalysisEndTime="PT0H")
        scheduled(cloud, sagemaker, name)
        [told] = executions(sagemaker, name)
        assert told["MonitoringExecutionStatus"] == "Failed"
        reasons[what] = told["FailureReason"]
        sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
    missing = refused(
        sagemaker.create_monitoring_schedule, "ValidationException", MonitoringScheduleName=unique("gone"),
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": HOURLY}, "MonitoringJobDefinition": inline(bucket, "no-such-endpoint"),
        },
    )
    assert "Could not find endpoint" in missing["Error"]["Message"]
    assert reasons["bad"].startswith("constraints.json is not valid")
    assert "No S3 objects found" in reasons["missing"]
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_an_execution_survives_a_kill_and_runs_once(fresh_cloud):
    cloud = fresh_cloud
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    s3.create_bucket(Bucket="killed")
    base = baseline(cloud, "killed")
    endpoint = scoring_endpoint(cloud, capture("killed"), "killed")
    next_hour(cloud)
    schedule(sagemaker, "killed", inline("killed", endpoint, base))
    scheduled(cloud, sagemaker, "killed")
    send(cloud, endpoint, rows())
    harness.wait(lambda: s3.list_objects_v2(Bucket="killed", Prefix="captured/").get("KeyCount"), "it is captured")
    hour = next_hour(cloud)
    # The execution has begun, and is somewhere on its way.
    cloud.kill()
    cloud.start()
    sagemaker = cloud.client("sagemaker")
    [told] = executions(sagemaker, "killed")
    assert (told["ScheduledTime"], told["MonitoringExecutionStatus"]) == (hour, "Completed"), told
    jobs = [j["ProcessingJobName"] for j in harness.listed(sagemaker, "list_processing_jobs", NameContains="model-monitoring")]
    assert jobs == [told["ProcessingJobArn"].rsplit("/", 1)[1]]
    # The schedule goes on.
    harness.in_service(sagemaker, endpoint)
    send(cloud, endpoint, rows())
    next_hour(cloud)
    assert [e["MonitoringExecutionStatus"] for e in executions(sagemaker, "killed")] == ["Completed", "Completed"]


def definition(bucket, kind="DataQuality", **changes):
    input_ = {"EndpointInput": {"EndpointName": "e", "LocalPath": "/opt/ml/processing/input/endpoint"}}
    if kind in ("ModelQuality", "ModelBias"):
        input_["GroundTruthS3Input"] = {"S3Uri": f"s3://{bucket}/truth"}
    application = {"ImageUri": ANALYZER}
    if kind in ("ModelBias", "ModelExplainability"):
        application["ConfigUri"] = f"s3://{bucket}/config.json"
    return {
        "JobDefinitionName": unique("definition"),
        f"{kind}AppSpecification": application,
        f"{kind}JobInput": input_,
        f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": {
            "S3Uri": f"s3://{bucket}/reports", "LocalPath": "/opt/ml/processing/output",
        }}]},
        "JobResources": resources(),
        "RoleArn": role(),
        **changes,
    }


def test_what_would_not_run_is_refused_by_name(sagemaker, bucket):
    create = sagemaker.create_data_quality_job_definition
    clarify = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
    for kind, call in {
        "ModelBias": sagemaker.create_model_bias_job_definition,
        "ModelExplainability": sagemaker.create_model_explainability_job_definition,
    }.items():
        wanted = definition(bucket, kind)
        wanted[f"{kind}AppSpecification"]["ImageUri"] = clarify
        answer = refused(call, "ValidationException", **wanted)
        assert clarify in answer["Error"]["Message"] and "[[image]]" in answer["Error"]["Message"]
        # An image that the map knows is taken.
        wanted[f"{kind}AppSpecification"]["ImageUri"] = SCORE_IMAGE
        call(**wanted)
    script = {"ImageUri": ANALYZER, "RecordPreprocessorSourceUri": f"s3://{bucket}/p.py"}
    answer = refused(create, "ValidationException", **definition(bucket, DataQualityAppSpecification=script))
    assert "RecordPreprocessorSourceUri" in answer["Error"]["Message"]
    batch = {"BatchTransformInput": {
        "DataCapturedDestinationS3Uri": f"s3://{bucket}/x", "DatasetFormat": {"Csv": {"Header": True}}, "LocalPath": "/opt/ml/processing/in",
    }}
    answer = refused(create, "ValidationException", **definition(bucket, DataQualityJobInput=batch))
    assert "BatchTransformInput" in answer["Error"]["Message"]

    job = inline(bucket, "e")
    attempt = lambda expression, of=job, **when: refused(
        sagemaker.create_monitoring_schedule, "ValidationException", MonitoringScheduleName=unique("s"),
        MonitoringScheduleConfig={"ScheduleConfig": {"ScheduleExpression": expression, **when}, **of},
    )["Error"]["Message"]
    assert "cron(0 * ? * * *)" in attempt("cron(5 * ? * * *)", {"MonitoringJobDefinition": job})
    assert "DataAnalysisStartTime" in attempt("NOW", {"MonitoringJobDefinition": job})
    wrong = {"DataAnalysisStartTime": "-1H", "DataAnalysisEndTime": "-PT0H"}
    assert "-1H" in attempt("NOW", {"MonitoringJobDefinition": job}, **wrong)
    assert "Exactly one" in attempt(HOURLY, {})
    assert "MonitoringType" in attempt(HOURLY, {"MonitoringJobDefinitionName": "none"})
    for image, part in (("me/unknown:1", "[[image]]"), (harness.XGBOOST, "trains and serves")):
        other = job | {"MonitoringAppSpecification": {"ImageUri": image}}
        assert part in attempt(HOURLY, {"MonitoringJobDefinition": other})
    refused(
        sagemaker.create_monitoring_schedule, "ResourceNotFound", MonitoringScheduleName=unique("s"),
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": HOURLY}, "MonitoringJobDefinitionName": "none", "MonitoringType": "DataQuality",
        },
    )
    for operation in (sagemaker.list_monitoring_alerts, sagemaker.list_monitoring_alert_history):
        with pytest.raises(ClientError) as error:
            operation(MonitoringScheduleName="s")
        assert error.value.response["Error"]["Code"] == "NotImplemented"
    # The analyser neither trains nor serves.
    answer = refused(
        sagemaker.create_model, "ValidationException", ModelName=unique("m"), ExecutionRoleArn=role(), PrimaryContainer={"Image": ANALYZER}
    )
    assert "processing job" in answer["Error"]["Message"]


# The SageMaker SDK


@pytest.fixture
def sdk(cloud, bucket, monkeypatch):
    """A session of SDK 2 at the embedded cloud."""
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    import boto3
    import sagemaker

    # boto3's own session is the process's, with the credentials of whoever made it.
    return sagemaker.Session(boto_session=boto3.Session(), default_bucket=bucket)


def baselined(sagemaker, monitor):
    job = monitor.latest_baselining_job.job_name

    def ended():
        told = sagemaker.describe_processing_job(ProcessingJobName=job)
        return told if told["ProcessingJobStatus"] != "InProgress" else None

    told = wait(ended, f"{job} ends")
    assert told["ProcessingJobStatus"] == "Completed", told


def metric(cloud, namespace, endpoint, name, metric_name, start):
    """The one point of a metric of monitoring in an hour."""
    told = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=f"aws/sagemaker/Endpoints/{namespace}", MetricName=metric_name,
        Dimensions=[{"Name": "Endpoint", "Value": endpoint}, {"Name": "MonitoringSchedule", "Value": name}],
        StartTime=start, EndTime=start + datetime.timedelta(hours=1), Period=3600,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
    )
    [point] = told["Datapoints"]
    return point


def test_the_sdks_default_monitor_finds_drift(cloud, sagemaker, s3, bucket, sdk, tmp_path):
    from sagemaker.model_monitor import CronExpressionGenerator, DefaultModelMonitor
    from sagemaker.model_monitor.dataset_format import DatasetFormat

    training = tmp_path / "train.csv"
    training.write_text(HEADER + "".join(f"{answer(row)},{row}\n" for row in rows()))
    monitor = DefaultModelMonitor(role=role(), instance_type="ml.m5.large", sagemaker_session=sdk)
    monitor.suggest_baseline(
        baseline_dataset=str(training), dataset_format=DatasetFormat.csv(header=True),
        output_s3_uri=f"s3://{bucket}/baseline", wait=False, logs=False,
    )
    baselined(sagemaker, monitor)
    assert monitor.baseline_statistics().body_dict["dataset"]["item_count"] == 40
    constraints = monitor.suggested_constraints()
    constraints.set_monitoring(False, "town")
    constraints.save()

    endpoint, name = scoring_endpoint(cloud, capture(bucket)), unique("sdk")
    next_hour(cloud)
    monitor.create_monitoring_schedule(
        monitor_schedule_name=name, endpoint_input=endpoint, output_s3_uri=f"s3://{bucket}/reports",
        statistics=monitor.baseline_statistics(), constraints=monitor.suggested_constraints(),
        schedule_cron_expression=CronExpressionGenerator.hourly(), enable_cloudwatch_metrics=True,
    )
    scheduled(cloud, sagemaker, name)
    assert monitor.list_executions() == []
    send(cloud, endpoint, rows(shift=100, town=lambda n: "paris"))
    hour = next_hour(cloud)
    [told] = executions(sagemaker, name)
    assert told["MonitoringExecutionStatus"] == "CompletedWithViolations", told
    assert told["ProcessingJobArn"].rsplit("/", 1)[1].startswith(f"data-quality-monitoring-{hour:%Y%m%d%H%M}-")
    [execution] = monitor.list_executions()
    assert execution.statistics().body_dict["dataset"]["item_count"] == 40
    violations = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
    assert {(v["feature_name"], v["constraint_check_type"]) for v in violations} == {
        ("sum", "baseline_drift_check"), ("a", "baseline_drift_check"),
    }
    # Its metrics are in CloudWatch, at the beginning of the hour that was analysed.
    start = hour - datetime.timedelta(hours=1)
    point = metric(cloud, "data-metrics", endpoint, name, "feature_data_a", start)
    assert (point["SampleCount"], point["Minimum"], point["Maximum"]) == (40.0, 100.0, 104.0)
    assert metric(cloud, "data-metrics", endpoint, name, "feature_non_null_town", start)["Sum"] == 1.0
    assert metric(cloud, "data-metrics", endpoint, name, "feature_baseline_drift_a", start)["Sum"] > 0.1
    # An attached monitor finds the same.
    attached = DefaultModelMonitor.attach(name, sagemaker_session=sdk)
    assert attached.latest_monitoring_statistics().body_dict == execution.statistics().body_dict
    monitor.update_monitoring_schedule(schedule_cron_expression=CronExpressionGenerator.daily(hour=3))
    told = monitor.describe_schedule()
    assert told["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"] == "cron(0 3 ? * * *)"
    monitor.stop_monitoring_schedule()
    monitor.start_monitoring_schedule()
    monitor.delete_monitoring_schedule()
    sagemaker.delete_endpoint(EndpointName=endpoint)


TRUTHS = {"p": 0.9, "q": 0.2}


def ground_truth(s3, bucket, hour, truths):
    """Puts ground truth where Model Monitor looks for that of an hour."""
    lines = [
        json.dumps({
            "groundTruthData": {"data": str(truth), "encoding": "CSV"}, "eventMetadata": {"eventId": event}, "eventVersion": "0",
        })
        for event, truth in truths.items()
    ]
    s3.put_object(Bucket=bucket, Key=f"truth/{hour:%Y/%m/%d/%H}/truths.jsonl", Body="\n".join(lines) + "\n")


def test_the_sdks_model_quality_monitor_merges_ground_truth(cloud, sagemaker, s3, bucket, sdk, tmp_path):
    from sagemaker.model_monitor import CronExpressionGenerator, EndpointInput, ModelQualityMonitor
    from sagemaker.model_monitor.dataset_format import DatasetFormat

    validation = tmp_path / "validation.csv"
    validation.write_text("probability,prediction,label\n" + "0.9,1,1\n0.8,1,1\n0.3,0,0\n0.2,0,0\n" * 5)
    monitor = ModelQualityMonitor(role=role(), instance_type="ml.m5.large", sagemaker_session=sdk)
    monitor.suggest_baseline(
        baseline_dataset=str(validation), dataset_format=DatasetFormat.csv(header=True), output_s3_uri=f"s3://{bucket}/baseline",
        problem_type="BinaryClassification", inference_attribute="prediction", probability_attribute="probability",
        ground_truth_attribute="label", wait=False, logs=False,
    )
    baselined(sagemaker, monitor)
    suggested = monitor.suggested_constraints().body_dict["binary_classification_constraints"]
    assert suggested["recall"] == {"threshold": 1.0, "comparison_operator": "LessThanThreshold"}

    endpoint, name = scoring_endpoint(cloud, capture(bucket), scores=TRUTHS), unique("quality")
    next_hour(cloud)
    monitor.create_monitoring_schedule(
        monitor_schedule_name=name, problem_type="BinaryClassification", output_s3_uri=f"s3://{bucket}/reports",
        endpoint_input=EndpointInput(
            endpoint_name=endpoint, destination="/opt/ml/processing/input/endpoint", probability_attribute="0",
            probability_threshold_attribute=0.5, start_time_offset="-PT1H", end_time_offset="-PT0H",
        ),
        ground_truth_input=f"s3://{bucket}/truth", constraints=monitor.suggested_constraints(),
        schedule_cron_expression=CronExpressionGenerator.hourly(), enable_cloudwatch_metrics=True,
    )
    scheduled(cloud, sagemaker, name)
    runtime = cloud.client("sagemaker-runtime")
    for n, line in enumerate(["p", "p", "q", "q"]):
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=line, InferenceId=f"i-{n}")
    hour = clock(cloud).replace(minute=0, second=0, microsecond=0)
    # One of those that were found is not positive, and one that was not found is; what nobody asked for is left out.
    ground_truth(s3, bucket, hour, {"i-0": 1, "i-1": 0, "i-2": 0, "i-3": 1, "i-9": 1})
    end = next_hour(cloud)
    [told] = executions(sagemaker, name)
    assert told["MonitoringExecutionStatus"] == "CompletedWithViolations", told
    assert (told["MonitoringType"], told["ScheduledTime"]) == ("ModelQuality", end)
    job = sagemaker.describe_processing_job(ProcessingJobName=told["ProcessingJobArn"].rsplit("/", 1)[1])
    assert job["ProcessingJobName"].startswith(f"model-quality-monitoring-{end:%Y%m%d%H%M}-")
    merge = job["ProcessingJobName"].replace("model-quality-monitoring", "groundtruth-merge")
    told = sagemaker.describe_processing_job(ProcessingJobName=merge)
    assert told["AppSpecification"]["ImageUri"].endswith("/sagemaker-model-monitor-groundtruth-merger")
    assert told["ExitMessage"].endswith("4 records were merged.")
    [execution] = monitor.list_executions()
    metrics = execution.statistics().body_dict["binary_classification_metrics"]
    assert metrics["confusion_matrix"] == {"0": {"0": 1.0, "1": 1.0}, "1": {"0": 1.0, "1": 1.0}}
    violations = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
    recall = next(v for v in violations if v["metric_name"] == "recall")
    assert recall["constraint_check_type"] == "LessThanThreshold"
    assert recall["description"] == "Metric recall with 0.5 +/- NaN was LessThanThreshold '1.0'"

    assert metric(cloud, "model-metrics", endpoint, name, "recall", end - datetime.timedelta(hours=1))["Sum"] == 0.5

    # Requests without ground truth are no data.
    runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body="p")
    next_hour(cloud)
    last = executions(sagemaker, name)[0]
    assert (last["MonitoringExecutionStatus"], last["FailureReason"]) == ("Failed", "Job inputs had no data")
    monitor.delete_monitoring_schedule()
    sagemaker.delete_endpoint(EndpointName=endpoint)
