"""The operator against a real API server, with the embedded cloud as AWS."""

import harness
from operator_tools import condition, events, full, model, thing


def exists(sagemaker, name):
    found = sagemaker.list_models(NameContains=name)["Models"]
    return [m["ModelName"] for m in found if m["ModelName"] == name]


def test_a_model_is_created_becomes_ready_and_is_deleted(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    seen = kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    assert seen["metadata"]["finalizers"] == ["finalizers.sagemaker.services.k8s.aws/Model"]
    metadata = seen["status"]["ackResourceMetadata"]
    assert metadata["arn"] == harness.arn("model", name)
    assert (metadata["ownerAccountID"], metadata["region"]) == (harness.ACCOUNT, harness.REGION)
    assert condition(seen, "ACK.ResourceSynced")["status"] == "True"
    assert [c["type"] for c in seen["status"]["conditions"]][-1] == "Ready"
    assert exists(sagemaker, name)
    kube.kubectl("delete", full("models"), name, "-n", namespace)
    assert kube.get(full("models"), name, namespace) is None
    assert not exists(sagemaker, name)


def test_a_created_model_costs_one_call_and_nothing_at_rest(kube, operator, namespace):
    names = [harness.unique("model") for _ in range(20)]
    kube.apply(model("first"), namespace)
    kube.wait_condition(full("models"), "first", "Ready", namespace=namespace)
    before = operator.calls()
    kube.apply([model(name) for name in names], namespace)
    for name in names:
        kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    assert operator.calls("CreateModel") == len(names) + 1
    harness.wait(lambda: operator.metric("sagewright_objects_settled", kind="Model") == len(names) + 1, "all are settled")
    assert operator.calls("DescribeModel") == 0
    polls = operator.calls("ListModels") + operator.calls("GetResources")
    assert operator.calls() - before - len(names) < polls
    writes = operator.metric("sagewright_apiserver_writes_total")
    calls, listed = operator.calls(), operator.calls("ListModels")
    harness.wait(lambda: operator.calls("ListModels") > listed + 2, "it is listed again")
    assert operator.metric("sagewright_apiserver_writes_total") == writes
    more = operator.page("metrics", "/metrics")[1]
    assert operator.calls() - calls <= operator.calls("ListModels") - listed + 1, more
    assert operator.calls("DescribeModel") == 0


def test_references_wait_for_what_they_refer_to_in_any_order(kube, operator, namespace):
    config = thing("EndpointConfig", "config", {"productionVariants": [{
        "variantName": "all", "modelRef": {"from": {"name": "late"}}, "initialInstanceCount": 1,
        "instanceType": "ml.m5.large",
    }]})
    config["spec"]["endpointConfigName"] = harness.unique("config")
    kube.apply(config, namespace)
    seen = kube.wait_condition(full("endpointconfigs"), "config", "ACK.ReferencesResolved", "Unknown", namespace)
    assert "no such object" in condition(seen, "ACK.ReferencesResolved")["message"]
    kube.apply(model("late", modelName=harness.unique("late")), namespace)
    kube.wait_condition(full("endpointconfigs"), "config", "Ready", namespace=namespace)


def test_an_edit_that_aws_cannot_apply_is_refused(kube, operator, namespace):
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    kube.apply(model(name, enableNetworkIsolation=True), namespace)
    seen = kube.wait_condition(full("models"), name, "ACK.Terminal", namespace=namespace)
    assert "enableNetworkIsolation" in condition(seen, "ACK.Terminal")["message"]
    assert condition(seen, "Ready")["status"] == "False"
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    ready = lambda: "Ready" in [reason for reason, _ in events(kube, namespace, name)]  # noqa: E731
    harness.wait(ready, "all events are written")
    assert sorted(reason for reason, _ in events(kube, namespace, name)) == ["Created", "ImmutableField", "Ready"]


def test_conditions_that_somebody_takes_away_come_back(kube, operator, namespace):
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    for stops in (False, True):
        harness.wait(lambda: operator.metric("sagewright_objects_settled", kind="Model") == 1, "it is settled")
        if stops:
            operator.stop()
        patch = '{"status": {"conditions": []}}'
        kube.kubectl("patch", full("models"), name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
        if stops:
            operator.start()
        kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    kube.kubectl("delete", full("models"), name, "-n", namespace)


def test_an_object_for_a_resource_that_cannot_be_goes(kube, operator, namespace):
    adopts = model("never")
    adopts["metadata"]["annotations"] = {
        "services.k8s.aws/adoption-policy": "adopt", "services.k8s.aws/adoption-fields": '{"modelName": "../x"}',
    }
    kube.apply(adopts, namespace)
    seen = kube.wait_condition(full("models"), "never", "ACK.Terminal", namespace=namespace)
    assert "ValidationException" in condition(seen, "ACK.Terminal")["message"]
    kube.kubectl("delete", full("models"), "never", "-n", namespace, "--timeout=120s")


def test_retain_leaves_the_resource(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    kept = model(name)
    kept["metadata"]["annotations"] = {"services.k8s.aws/deletion-policy": "retain"}
    kube.apply(kept, namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    kube.kubectl("delete", full("models"), name, "-n", namespace)
    assert exists(sagemaker, name)


def test_a_training_job_runs_to_its_end(kube, operator, namespace, digits):
    name = harness.unique("job")
    job = harness.training_job(name, digits)
    kube.apply(training(name, job), namespace)
    seen = kube.wait_condition(full("trainingjobs"), name, "Ready", namespace=namespace)
    assert seen["status"]["trainingJobStatus"] == "Completed"
    assert seen["status"]["modelArtifacts"]["s3ModelArtifacts"].startswith("s3://")
    kube.kubectl("delete", full("trainingjobs"), name, "-n", namespace)


def training(name, job):
    channel = job["InputDataConfig"][0]
    source = channel["DataSource"]["S3DataSource"]
    return thing("TrainingJob", name, {
        "trainingJobName": name, "roleARN": job["RoleArn"],
        "algorithmSpecification": {
            "trainingImage": job["AlgorithmSpecification"]["TrainingImage"], "trainingInputMode": "File",
        },
        "hyperParameters": job["HyperParameters"],
        "inputDataConfig": [{
            "channelName": channel["ChannelName"], "contentType": channel.get("ContentType", "text/csv"),
            "dataSource": {"s3DataSource": {
                "s3DataType": source["S3DataType"], "s3URI": source["S3Uri"],
            }},
        }],
        "outputDataConfig": {"s3OutputPath": job["OutputDataConfig"]["S3OutputPath"]},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
        "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    })


def test_health_and_metrics_are_served(operator):
    assert operator.page("health", "/healthz")[0] == 200
    status, text = operator.page("metrics", "/metrics")
    assert status == 200
    assert 'ack_outbound_api_requests_total{service="sts",op_type="READ_ONE",op_id="GetCallerIdentity"} 1' in text
    assert operator.page("health", "/nothing")[0] == 404
