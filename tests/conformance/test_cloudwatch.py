"""CloudWatch metrics through boto3 in its protocols, and the AWS command line."""

import datetime
import json

import pytest
from botocore.config import Config

import harness
from harness import PATIENCE, refused, unique

MINUTE = datetime.timedelta(minutes=1)
PROTOCOLS = {"smithy-rpc-v2-cbor": "cbor", "json": "json", "query": "query"}


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def this_minute():
    """A whole minute, some of them ago."""
    return now().replace(second=0, microsecond=0) - 10 * MINUTE


def client(cloud, protocol, account=None):
    """boto3's client in one of the protocols that CloudWatch speaks; the first is today's."""
    session = cloud.session(account)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE)
    loader = session._session.get_component("data_loader")
    model = loader.load_service_model("cloudwatch", "service-2")
    model["metadata"] = {**model["metadata"], "protocol": protocol, "protocols": [protocol]}
    plain = loader.load_service_model

    def load(service, kind, api_version=None):
        wanted = (service, kind) == ("cloudwatch", "service-2")
        return model if wanted else plain(service, kind, api_version)

    loader.load_service_model = load
    return session.client("cloudwatch", endpoint_url=cloud.endpoint, config=config)


@pytest.fixture(params=PROTOCOLS, ids=PROTOCOLS.values())
def cloudwatch(cloud, account, request):
    return client(cloud, request.param, account)


def stat(namespace, name, statistic="Sum", period=60, dimensions=()):
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": [dict(Name=n, Value=v) for n, v in dimensions]}
    return {"Metric": metric, "Period": period, "Stat": statistic}


def query(id, statistic=None, expression=None, **more):
    source = {"MetricStat": statistic} if statistic else {"Expression": expression}
    return {"Id": id, **source, **more}


def test_what_is_put_is_read_in_every_protocol(cloudwatch):
    start = this_minute()
    dimensions = [{"Name": "Host", "Value": "a"}, {"Name": "Disk", "Value": "1"}]
    cloudwatch.put_metric_data(
        Namespace="App",
        MetricData=[
            {"MetricName": "Load", "Dimensions": dimensions, "Timestamp": start, "Value": 1.5, "Unit": "Percent"},
            {"MetricName": "Load", "Dimensions": dimensions[::-1], "Timestamp": start + MINUTE, "Values": [2, 4], "Counts": [1, 3], "Unit": "Percent"},
            {"MetricName": "Load", "Dimensions": dimensions, "Timestamp": start + MINUTE, "Unit": "Percent",
             "StatisticValues": {"SampleCount": 2, "Sum": 10, "Minimum": 1, "Maximum": 9}},
        ],
    )
    cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "Other", "Value": 7}])
    told = cloudwatch.get_metric_statistics(
        Namespace="App", MetricName="Load", Dimensions=dimensions, StartTime=start, EndTime=start + 5 * MINUTE, Period=60,
        Statistics=["SampleCount", "Average", "Sum", "Minimum", "Maximum"],
    )
    first, second = sorted(told["Datapoints"], key=lambda point: point["Timestamp"])
    assert told["Label"] == "Load"
    assert (first["Timestamp"], second["Timestamp"]) == (start, start + MINUTE)
    assert (first["SampleCount"], first["Average"], first["Unit"]) == (1, 1.5, "Percent")
    assert (second["SampleCount"], second["Sum"], second["Minimum"], second["Maximum"]) == (6, 24, 1, 9)
    results = cloudwatch.get_metric_data(
        StartTime=start, EndTime=start + 5 * MINUTE, ScanBy="TimestampAscending",
        MetricDataQueries=[
            query("load", stat("App", "Load", "Average", dimensions=[("Host", "a"), ("Disk", "1")]), Label="the load"),
            query("missing", stat("App", "Load")),
            query("twice", expression="load * 2"),
        ],
    )["MetricDataResults"]
    assert [(r["Id"], r["Label"], r["Values"], r["StatusCode"]) for r in results] == [
        ("load", "the load", [1.5, 4.0], "Complete"), ("missing", "Load", [], "Complete"), ("twice", "twice", [3.0, 8.0], "Complete"),
    ]
    assert results[0]["Timestamps"] == [start, start + MINUTE]
    metrics = listed_metrics(cloudwatch)
    assert [(m["Namespace"], m["MetricName"]) for m in metrics] == [("App", "Load"), ("App", "Other")]
    assert metrics[0]["Dimensions"] == sorted(dimensions, key=lambda d: d["Name"])


def listed_metrics(cloudwatch, **arguments):
    pages = cloudwatch.get_paginator("list_metrics").paginate(**arguments)
    return [metric for page in pages for metric in page["Metrics"]]


def test_an_error_has_the_code_and_text_of_aws_in_every_protocol(cloudwatch):
    start = this_minute()
    put = cloudwatch.put_metric_data
    member = "The parameter MetricData.member.1"
    old, new = "Timestamp must specify a time within the past two weeks.", "Timestamp must specify a time no more than two hours in the future."
    for data, code, message in [
        ({"Value": 1, "Timestamp": start - datetime.timedelta(days=15)}, "InvalidParameterValue", f"{member}.{old}"),
        ({"Value": 1, "Timestamp": start + datetime.timedelta(hours=3)}, "InvalidParameterValue", f"{member}.{new}"),
        ({"Value": 1e120}, "InvalidParameterValue", None),
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination",
         "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both."),
        ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue",
         "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."),
        ({"Values": list(range(151))}, "InvalidParameterValue",
         "The collection MetricData.member.1.Values must not have a size greater than 150."),
        ({}, "MissingParameter", None),
        ({"Value": 1, "StorageResolution": 5}, "InvalidParameterValue", None),
        ({"Value": 1, "Dimensions": [{"Name": "ä", "Value": "x"}]}, "InvalidParameterValue",
         "The parameter MetricData.member.1.Dimensions.member.1.Name must contain only ASCII characters."),
    ]:
        refused(put, code, message, Namespace="App", MetricData=[{"MetricName": "m", **data}])
    refused(put, "InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.",
            Namespace="AWS/SageMaker", MetricData=[{"MetricName": "m", "Value": 1}])
    # The whole request is refused for one wrong datum, with a line for each.
    data = [{"MetricName": "good", "Value": 1}] + 2 * [{"MetricName": "bad", "Value": 1, "Timestamp": start - datetime.timedelta(days=30)}]
    refused(put, "InvalidParameterValue", "\n".join(f"The parameter MetricData.member.{n}.{old}" for n in (2, 3)), Namespace="App", MetricData=data)
    error = cloudwatch.exceptions.InvalidParameterValueException
    with pytest.raises(error):
        put(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}] * 1001)
    assert listed_metrics(cloudwatch) == []
    refused(put, "ValidationError", None, Namespace="App", MetricData=[{"MetricName": "m", "Value": 1, "Unit": "Miles"}])

    def statistics(**changes):
        given = dict(Namespace="App", MetricName="m", StartTime=start, EndTime=start + MINUTE, Period=60, Statistics=["Sum"])
        cloudwatch.get_metric_statistics(**{name: value for name, value in (given | changes).items() if value is not None})

    refused(statistics, "InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics", Statistics=None)
    refused(statistics, "InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.", EndTime=start)
    refused(statistics, "InvalidParameterValue", None, Period=61)
    refused(statistics, "InvalidParameterValue", None, Statistics=None, ExtendedStatistics=["p101"])
    refused(statistics, "NotImplemented", None, 501, Statistics=None, ExtendedStatistics=["tm90"])
    refused(
        statistics, "InvalidParameterCombination",
        "You have requested up to 1,441 datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by "
        "increasing Period, or decreasing the time range.",
        StartTime=start - 1441 * MINUTE, EndTime=start,
    )
    refused(cloudwatch.list_metrics, "InvalidParameterValue", "Request parameter NextToken is invalid", NextToken="x")


def test_a_large_request_comes_compressed(cloud, account):
    cloudwatch = cloud.client("cloudwatch", account)
    data = [{"MetricName": f"m{n}", "Value": n, "Dimensions": [{"Name": "n", "Value": "x" * 200}]} for n in range(1000)]
    encodings = []
    cloudwatch.meta.events.register("before-send.*", lambda request, **_: encodings.append(request.headers.get("Content-Encoding")))
    cloudwatch.put_metric_data(Namespace="Large", MetricData=data)
    assert encodings == [b"gzip"] or encodings == ["gzip"]
    assert len(listed_metrics(cloudwatch, Namespace="Large")) == 1000


def test_metrics_are_listed_by_what_they_have(cloud, account):
    cloudwatch = cloud.client("cloudwatch", account)
    old = now() - datetime.timedelta(hours=5)

    def put(namespace, name, dimensions, **more):
        dimensions = [{"Name": n, "Value": v} for n, v in dimensions.items()]
        datum = {"MetricName": name, "Dimensions": dimensions, "Value": 1, **more}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])

    put("A", "x", {"host": "1"})
    put("A", "x", {"host": "2", "disk": "a"}, Timestamp=old)
    put("A", "y", {"host": "1"})
    put("B", "x", {})

    def found(**arguments):
        metrics = listed_metrics(cloudwatch, **arguments)
        return [(m["Namespace"], m["MetricName"], {d["Name"]: d["Value"] for d in m["Dimensions"]}) for m in metrics]

    first, second = ("A", "x", {"host": "1"}), ("A", "x", {"host": "2", "disk": "a"})
    assert found(Namespace="A", MetricName="x") == [second, first]
    assert found(Dimensions=[{"Name": "host"}]) == [second, first, ("A", "y", {"host": "1"})]
    assert found(Dimensions=[{"Name": "host", "Value": "2"}, {"Name": "disk"}]) == [second]
    assert found(MetricName="x", RecentlyActive="PT3H") == [first, ("B", "x", {})]
    assert found(Namespace="C") == []
    owned = cloudwatch.list_metrics(Namespace="B", IncludeLinkedAccounts=True)
    assert owned["OwningAccounts"] == [account]


def test_percentiles_units_and_fine_data(cloud, account):
    cloudwatch = cloud.client("cloudwatch", account)
    start = this_minute()
    values = [float(n) for n in range(1, 101)]
    cloudwatch.put_metric_data(Namespace="P", MetricData=[
        {"MetricName": "m", "Values": values, "Timestamp": start, "Unit": "Seconds"},
        {"MetricName": "m", "Value": 5, "Timestamp": start, "Unit": "Count"},
        {"MetricName": "fine", "Value": 1, "Timestamp": start, "StorageResolution": 1},
        {"MetricName": "fine", "Value": 3, "Timestamp": start + datetime.timedelta(seconds=10), "StorageResolution": 1},
    ])

    def statistics(name, period=60, **more):
        span = dict(StartTime=start, EndTime=start + MINUTE, Period=period)
        return cloudwatch.get_metric_statistics(Namespace="P", MetricName=name, **span, **more)["Datapoints"]

    (point,) = statistics("m", ExtendedStatistics=["p50", "p99.9"], Unit="Seconds")
    assert point["ExtendedStatistics"] == {"p50": 50.0, "p99.9": 100.0}
    assert {(p["Unit"], p["Sum"]) for p in statistics("m", Statistics=["Sum"])} == {("Seconds", 5050), ("Count", 5)}
    fine = sorted((p["Timestamp"], p["Sum"]) for p in statistics("fine", 10, Statistics=["Sum"]))
    assert fine == [(start, 1), (start + datetime.timedelta(seconds=10), 3)]
    assert statistics("m", 10, Statistics=["Sum"]) == [], "what was put by the minute has no seconds"


def test_metric_math_and_pages(cloud, account):
    cloudwatch = cloud.client("cloudwatch", account)
    start = this_minute()
    for n, (errors, requests) in enumerate([(1, 10), (0, 20), (None, 40)]):
        at = start + n * MINUTE
        data = [{"MetricName": "requests", "Value": requests, "Timestamp": at}]
        data += [{"MetricName": "errors", "Value": errors, "Timestamp": at}] if errors is not None else []
        cloudwatch.put_metric_data(Namespace="M", MetricData=data)
    metrics = [
        query("errors", stat("M", "errors"), ReturnData=False),
        query("requests", stat("M", "requests"), ReturnData=False),
    ]
    span = dict(StartTime=start, EndTime=start + 3 * MINUTE)

    def value(expression, **more):
        told = cloudwatch.get_metric_data(MetricDataQueries=[*metrics, query("e", expression=expression)], **span, **more)
        return [(r["Label"], r["Values"]) for r in told["MetricDataResults"]]

    assert value("100 * FILL(errors, 0) / requests", ScanBy="TimestampAscending") == [("e", [10.0, 0.0, 0.0])]
    assert value("requests / errors") == [("e", [10.0])], "there is no point where it is divided by zero"
    assert value("SUM(METRICS())") == [("e", [40.0, 20.0, 11.0])], "the newest comes first"
    assert value("IF(requests > 15, requests, 0)", ScanBy="TimestampAscending") == [("e", [0.0, 20.0, 40.0])]
    assert value("RATE(requests)", ScanBy="TimestampAscending") == [("e", [pytest.approx(1 / 6), pytest.approx(1 / 3)])]
    assert value("METRICS('s')", ScanBy="TimestampAscending") == [("e errors", [1.0, 0.0]), ("e requests", [10.0, 20.0, 40.0])]
    refused(value, "ValidationError", "Error in expression 'e': there is no query with the id 'nothing'", expression="nothing + 1")
    refused(value, "ValidationError", "Error in expression 'e': it is a scalar, and has to be a time series", expression="MAX(requests)")
    refused(value, "ValidationError", None, expression="e + 1")
    refused(value, "NotImplemented", None, 501, expression="SEARCH('{M} errors', 'Sum', 60)")

    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query("a", stat("M", "requests")), query("b", expression="a + 1"), query("c", stat("M", "errors"))],
        MaxDatapoints=2, **span,
    )
    told = {}
    for page in pages:
        assert sum(len(r["Values"]) for r in page["MetricDataResults"]) <= 2
        for result in page["MetricDataResults"]:
            told.setdefault(result["Id"], []).extend(result["Values"])
    assert told == {"a": [40, 20, 10], "b": [41, 21, 11], "c": [0, 1]}
    get = cloudwatch.get_metric_data
    refused(get, "InvalidNextToken", None, MetricDataQueries=[query("a", stat("M", "x"))], NextToken="x", **span)
    refused(get, "ValidationError", "The values for parameter id in MetricDataQueries are not unique.",
            MetricDataQueries=[query("a", stat("M", "x"))] * 2, **span)
    refused(get, "ValidationError", None, MetricDataQueries=[query("A", stat("M", "x"))], **span)
    refused(get, "ValidationError", "The parameter EndTime must be greater than StartTime.",
            MetricDataQueries=[query("a", stat("M", "x"))], StartTime=span["EndTime"], EndTime=start)


def test_the_aws_command_line_puts_and_reads(aws, cloud):
    namespace = unique("cli")
    start = this_minute()
    aws("cloudwatch", "put-metric-data", "--namespace", namespace, "--metric-name", "m", "--value", "3", "--unit", "Count",
        "--dimensions", "Host=a", "--timestamp", start.isoformat())
    queries = [query("m", stat(namespace, "m", dimensions=[("Host", "a")])), query("e", expression="m ^ 2")]
    span = ["--start-time", start.isoformat(), "--end-time", (start + MINUTE).isoformat()]
    told = aws("cloudwatch", "get-metric-data", "--metric-data-queries", json.dumps(queries), *span)
    assert [result["Values"] for result in told["MetricDataResults"]] == [[3.0], [9.0]]
    told = aws("cloudwatch", "get-metric-statistics", "--namespace", namespace, "--metric-name", "m", "--dimensions",
               "Name=Host,Value=a", *span, "--period", "60", "--statistics", "Average", "Maximum")
    assert (told["Datapoints"][0]["Average"], told["Datapoints"][0]["Unit"]) == (3.0, "Count")
    assert len(aws("cloudwatch", "list-metrics", "--namespace", namespace)["Metrics"]) == 1
    error = aws("cloudwatch", "put-metric-data", "--namespace", "AWS/X", "--metric-name", "m", "--value", "1", fails=True)
    assert "InvalidParameterValue" in error
    error = aws("cloudwatch", "list-dashboards", fails=True)
    assert "is not supported by the embedded cloud" in error


def test_accounts_and_regions_have_their_own_metrics(cloud, account):
    for region in ("us-east-1", "eu-west-1"):
        cloudwatch = cloud.client("cloudwatch", account, region)
        cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": region, "Value": 1}])
    for region in ("us-east-1", "eu-west-1"):
        (metric,) = listed_metrics(cloud.client("cloudwatch", account, region))
        assert metric["MetricName"] == region


def test_a_kill_loses_nothing_that_was_acknowledged(fresh_cloud):
    cloudwatch = fresh_cloud.client("cloudwatch")
    start = this_minute()
    for n in range(20):
        cloudwatch.put_metric_data(Namespace="K", MetricData=[{"MetricName": "m", "Value": n, "Timestamp": start}])
    bucket = unique("bucket")
    fresh_cloud.client("s3").create_bucket(Bucket=bucket)
    sagemaker = fresh_cloud.client("sagemaker")
    job = train(sagemaker, bucket, epochs="3")
    harness.completed(sagemaker, job)
    fresh_cloud.kill()
    fresh_cloud.start()
    cloudwatch = fresh_cloud.client("cloudwatch")
    found = points(cloudwatch, "/aws/sagemaker/TrainingJobs", "loss", {"TrainingJobName": job}, "SampleCount")
    assert sum(p["SampleCount"] for p in found) == 3, "what a job measured is there once it has ended"
    (point,) = cloudwatch.get_metric_statistics(
        Namespace="K", MetricName="m", StartTime=start, EndTime=start + MINUTE, Period=60, Statistics=["SampleCount", "Sum"]
    )["Datapoints"]
    assert (point["SampleCount"], point["Sum"]) == (20, 190)


# Metrics of jobs and endpoints

LOSS = [{"Name": "loss", "Regex": "loss=([0-9.]+);"}, {"Name": "epoch", "Regex": "epoch=([0-9]+);"}]


def train(sagemaker, bucket, **hyperparameters):
    job = unique("curve")
    request = harness.training_job(
        job, bucket, HyperParameters=hyperparameters,
        AlgorithmSpecification={"TrainingImage": harness.SCRIPT_IMAGE, "TrainingInputMode": "File", "MetricDefinitions": LOSS},
    )
    del request["InputDataConfig"]
    sagemaker.create_training_job(**request)
    return job


def points(cloudwatch, namespace, name, dimensions, *statistics, unit=None):
    """The data points of the last hour and the next, by the minute."""
    more = {"Unit": unit} if unit else {}
    return cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=name, Dimensions=[{"Name": n, "Value": v} for n, v in dimensions.items()],
        StartTime=now() - datetime.timedelta(hours=1), EndTime=now() + datetime.timedelta(hours=1), Period=60,
        Statistics=statistics, **more,
    )["Datapoints"]


def test_a_training_jobs_metrics_are_those_of_its_log(cloud, sagemaker, bucket):
    from sagemaker.analytics import TrainingJobAnalytics
    from sagemaker.session import Session

    job = train(sagemaker, bucket, epochs="5")
    told = harness.completed(sagemaker, job)
    cloudwatch = cloud.client("cloudwatch")
    final = {metric["MetricName"]: metric["Value"] for metric in told["FinalMetricDataList"]}
    assert final == {"loss": pytest.approx(0.2), "epoch": 4}
    found = points(cloudwatch, "/aws/sagemaker/TrainingJobs", "loss", {"TrainingJobName": job}, "SampleCount", "Minimum", "Maximum")
    assert sum(p["SampleCount"] for p in found) == 5
    assert (min(p["Minimum"] for p in found), max(p["Maximum"] for p in found)) == (pytest.approx(final["loss"]), 1.0)
    assert {p["Unit"] for p in found} == {"None"}
    session = Session(boto_session=cloud.session(), sagemaker_client=sagemaker)
    clients = session.boto_session.client
    session.boto_session.client = lambda name, **more: clients(name, endpoint_url=cloud.endpoint, **more)
    frame = TrainingJobAnalytics(job, sagemaker_session=session).dataframe()
    assert set(frame["metric_name"]) == {"loss", "epoch"}
    losses = frame[frame["metric_name"] == "loss"]["value"]
    assert losses.between(0.2, 1.0).all()


def test_a_built_in_algorithms_metrics_are_there(cloud, sagemaker, digits):
    job = unique("built-in")
    sagemaker.create_training_job(**harness.training_job(job, digits, rounds=3))
    told = harness.completed(sagemaker, job)
    (final,) = told["FinalMetricDataList"]
    dimensions = {"TrainingJobName": job}
    found = points(cloud.client("cloudwatch"), "/aws/sagemaker/TrainingJobs", final["MetricName"], dimensions, "SampleCount", "Minimum", "Maximum")
    assert sum(p["SampleCount"] for p in found) == 3
    assert any(p["Minimum"] <= final["Value"] * 1.000001 and p["Maximum"] >= final["Value"] * 0.999999 for p in found)


def test_what_a_jobs_host_takes_is_measured(cloud, sagemaker, bucket):
    job = train(sagemaker, bucket, seconds="600")
    cloudwatch = cloud.client("cloudwatch")
    host = {"Host": f"{job}/algo-1"}
    for name in ("CPUUtilization", "MemoryUtilization", "DiskUtilization"):
        found = harness.wait(
            lambda name=name: points(cloudwatch, "/aws/sagemaker/TrainingJobs", name, host, "Maximum", unit="Percent"), f"{name} is measured"
        )
        assert 0 <= found[0]["Maximum"] <= 100 * (1 if name != "CPUUtilization" else 1000)
    assert points(cloudwatch, "/aws/sagemaker/TrainingJobs", "MemoryUtilization", host, "Maximum")[0]["Maximum"] > 0
    sagemaker.stop_training_job(TrainingJobName=job)
    harness.finished(sagemaker, job)


def test_what_a_processing_jobs_host_takes_is_measured(cloud, sagemaker):
    job = unique("processing")
    spin = ["python3", "-c", "while True: pass"]
    sagemaker.create_processing_job(
        ProcessingJobName=job, RoleArn=harness.role(),
        AppSpecification={"ImageUri": harness.PYTHON_IMAGE, "ContainerEntrypoint": spin},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    )
    cloudwatch = cloud.client("cloudwatch")

    def busy():
        found = points(cloudwatch, "/aws/sagemaker/ProcessingJobs", "CPUUtilization", {"Host": f"{job}/algo-1"}, "Maximum", unit="Percent")
        return any(point["Maximum"] > 0 for point in found)

    harness.wait(busy, "the job's computing is measured")
    sagemaker.stop_processing_job(ProcessingJobName=job)


def test_an_endpoints_invocations_are_measured(cloud, sagemaker, runtime, deploy):
    model = unique("measured")
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": harness.SCRIPT_IMAGE})
    endpoint = deploy(harness.variant("one", model, count=2))
    for body in ("a", "b", "c"):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=body)
    refused(runtime.invoke_endpoint, "ModelError", None, 424, EndpointName=endpoint, Body="fail")
    refused(runtime.invoke_endpoint, "ValidationError", EndpointName=endpoint, Body="x", TargetVariant="nothing")
    cloudwatch = cloud.client("cloudwatch")
    dimensions = {"EndpointName": endpoint, "VariantName": "one"}

    def total(name, statistic="Sum", unit="None"):
        return sum(p[statistic] for p in points(cloudwatch, "AWS/SageMaker", name, dimensions, statistic, unit=unit))

    # Read at once: what was counted is not waited for.
    assert total("Invocations") == total("Invocations", "SampleCount") == 4
    assert total("InvocationsPerInstance") == 2
    assert (total("Invocation4XXErrors"), total("Invocation4XXErrors", "SampleCount")) == (1, 4)
    assert (total("Invocation5XXErrors"), total("InvocationModelErrors")) == (0, 1)
    for name in ("ModelLatency", "OverheadLatency"):
        assert total(name, "SampleCount", "Microseconds") == 4
        assert total(name, "Sum", "Microseconds") > 0
    metrics = listed_metrics(cloudwatch, Namespace="AWS/SageMaker", Dimensions=[{"Name": "EndpointName", "Value": endpoint}])
    named = lambda metric: tuple(sorted(d["Name"] for d in metric["Dimensions"]))
    of = {dimensions: {m["MetricName"] for m in metrics if named(m) == dimensions} for dimensions in map(named, metrics)}
    # Of the variant, and of it under each config, so that an alarm can watch the fleet of an update alone.
    assert set(of) == {("EndpointName", "VariantName"), ("EndpointConfigName", "EndpointName", "VariantName")}
    assert all(len(names) == 7 for names in of.values()), of


def test_the_metrics_of_an_advanced_clock_are_in_its_time(fresh_cloud):
    import test_clock

    sagemaker = fresh_cloud.client("sagemaker")
    bucket = unique("bucket")
    fresh_cloud.client("s3").create_bucket(Bucket=bucket)
    advanced = test_clock.simulated(test_clock.clock(fresh_cloud, "--advance", "10d"))
    job = train(sagemaker, bucket, epochs="2")
    told = harness.completed(sagemaker, job)
    cloudwatch = fresh_cloud.client("cloudwatch")
    query = dict(
        Namespace="/aws/sagemaker/TrainingJobs", MetricName="epoch", Dimensions=[{"Name": "TrainingJobName", "Value": job}],
        StartTime=told["TrainingStartTime"] - MINUTE, EndTime=told["TrainingEndTime"] + MINUTE, Statistics=["SampleCount"],
    )
    found = cloudwatch.get_metric_statistics(Period=60, **query)["Datapoints"]
    assert sum(p["SampleCount"] for p in found) == 2
    assert all(p["Timestamp"] > advanced - 2 * MINUTE for p in found)
    # After 15 days there are no minutes any more, and after 63 none of five.
    test_clock.clock(fresh_cloud, "--advance", "20d")
    cloudwatch.put_metric_data(Namespace="now", MetricData=[{"MetricName": "m", "Value": 1}])
    assert len(cloudwatch.get_metric_statistics(Period=300, **query)["Datapoints"]) == 1
    fresh_cloud.stop()
    fresh_cloud.start()
    cloudwatch = fresh_cloud.client("cloudwatch")

    # What is too old is removed in the background.
    harness.wait(lambda: not cloudwatch.get_metric_statistics(Period=60, **query)["Datapoints"], "minutes are removed")
    assert len(cloudwatch.get_metric_statistics(Period=300, **query)["Datapoints"]) == 1
    assert listed_metrics(cloudwatch, Namespace="/aws/sagemaker/TrainingJobs") == [], "without data for two weeks"
    assert len(listed_metrics(cloudwatch, Namespace="now")) == 1
