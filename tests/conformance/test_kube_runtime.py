"""What the operator tells and keeps up: names and times, failures with their log, what is gone, generated names."""

import re

import harness
from operator_tools import condition, events, full, install_crds, model, thing


def messages(kube, namespace, name, reason):
    return [message for told, message in events(kube, namespace, name) if told == reason]


def test_what_aws_names_is_told_by_its_arn_and_times_have_whole_seconds(kube, operator, namespace, sagemaker):
    group = harness.unique("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    kube.apply(thing("ModelPackage", "version", {
        "modelPackageGroupName": group, "inferenceSpecification": {
            "containers": [{"image": harness.SCRIPT_IMAGE}],
            "supportedContentTypes": ["text/csv"], "supportedResponseMIMETypes": ["text/csv"],
        },
    }), namespace)
    seen = kube.wait_condition(full("modelpackages"), "version", "Ready", namespace=namespace)
    told = lambda: messages(kube, namespace, "version", "Created")  # noqa: E731
    harness.wait(told, "the create is told")
    assert told() == [f"created the model package `{group}/1`"]
    times = [c["lastTransitionTime"] for c in seen["status"]["conditions"]] + [seen["status"]["creationTime"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in times), times


def test_a_definition_that_comes_later_is_served(kube, operator, namespace):
    crd = "fieldexports.services.k8s.aws"
    kube.kubectl("delete", "crd", crd)
    harness.wait(
        lambda: any(line.get("kind") == "FieldExport" for line in operator.lines()), "the operator misses the definition",
    )
    install_crds(kube)
    name = harness.unique("model")
    kube.apply([
        model(name),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "target"}},
        {
            "apiVersion": "services.k8s.aws/v1alpha1", "kind": "FieldExport", "metadata": {"name": "arn"},
            "spec": {
                "from": {
                    "path": ".status.ackResourceMetadata.arn",
                    "resource": {"group": "sagemaker.services.k8s.aws", "kind": "Model", "name": name},
                },
                "to": {"kind": "configmap", "name": "target"},
            },
        },
    ], namespace)
    kube.wait_condition("fieldexports", "arn", "Ready", namespace=namespace)
    assert kube.get("configmaps", "target", namespace)["data"] == {f"{namespace}.arn": harness.arn("model", name)}


def crash(name):
    return thing("ProcessingJob", name, {
        "appSpecification": {"imageURI": harness.CRASHING_IMAGE}, "roleARN": harness.role(),
        "processingResources": {
            "clusterConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
        },
    })


def test_a_failed_job_tells_its_reason_and_the_end_of_its_log(kube, operator, namespace):
    name = harness.unique("job")
    kube.apply(crash(name), namespace)
    seen = kube.wait_condition(full("processingjobs"), name, "ACK.Terminal", namespace=namespace)
    message = condition(seen, "ACK.Terminal")["message"]
    assert "AlgorithmError" in message and "Last lines of its log:" in message
    assert message.endswith("ValueError: no such column: label"), message
    assert operator.calls("DescribeLogStreams") == 1
    told = lambda: [text for text in messages(kube, namespace, name, "Failed") if "Last lines" in text]  # noqa: E731
    harness.wait(told, "the failure is told")
    assert told() == [message]
    looks = operator.calls("DescribeProcessingJob")
    kube.kubectl(
        "annotate", full("processingjobs"), name, "-n", namespace, "sagewright.dev/reconcile-at=now",
    )
    harness.wait(lambda: operator.calls("DescribeProcessingJob") > looks, "it is looked at again")
    assert operator.calls("DescribeLogStreams") == 1
    again = kube.wait_condition(full("processingjobs"), name, "ACK.Terminal", namespace=namespace)
    assert condition(again, "ACK.Terminal") == condition(seen, "ACK.Terminal")


def config(name, model, **spec):
    return thing("EndpointConfig", name, {"productionVariants": [{
        "variantName": "all", **model, "initialInstanceCount": 1, "instanceType": "ml.m5.large",
    }], **spec})


def test_an_endpoint_whose_config_is_gone_has_an_advisory(kube, operator, namespace, sagemaker):
    name = harness.unique("endpoint")
    kube.apply([
        model(name), config(name, {"modelRef": {"from": {"name": name}}}),
        thing("Endpoint", name, {"endpointConfigRef": {"from": {"name": name}}}),
    ], namespace)
    kube.wait_condition(full("endpoints"), name, "Ready", namespace=namespace)
    assert operator.calls("DescribeEndpointConfig") == 0
    kept = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "all", "DesiredWeight": 3}],
    )
    seen = kube.wait_condition(full("endpoints"), name, "ACK.Advisory", namespace=namespace)
    advisory = condition(seen, "ACK.Advisory")
    assert advisory["reason"] == "PartsGone" and f"its endpoint config `{name}` is gone" in advisory["message"]
    told = lambda: messages(kube, namespace, name, "PartsGone")  # noqa: E731
    harness.wait(told, "it is told")
    assert told() == [advisory["message"]]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=kept["ProductionVariants"])
    kube.kubectl("annotate", full("endpoints"), name, "-n", namespace, "sagewright.dev/reconcile-at=now")
    kube.wait(full("endpoints"), name, lambda seen: not condition(seen, "ACK.Advisory"), namespace, "is well")


def test_a_referrer_follows_the_value_that_it_refers_to(kube, operator, namespace, sagemaker):
    name, first, second = (harness.unique(what) for what in ("endpoint", "first", "second"))

    def named(config_name, **annotations):
        made = config("current", {"modelName": name}, endpointConfigName=config_name)
        return {**made, "metadata": {**made["metadata"], "annotations": annotations}}

    def unmark(config_name):
        # Without the owner's mark, the config is nobody's: with it, the object would seem to rename its resource.
        arn = sagemaker.describe_endpoint_config(EndpointConfigName=config_name)["EndpointConfigArn"]
        marks = [tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]]
        sagemaker.delete_tags(ResourceArn=arn, TagKeys=marks)

    def uses(config_name):
        found = sagemaker.describe_endpoint(EndpointName=name)
        return found["EndpointConfigName"] == config_name and found["EndpointStatus"] == "InService"

    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    kube.apply([named(first), thing("Endpoint", name, {"endpointConfigRef": {"from": {"name": "current"}}})], namespace)
    kube.wait_condition(full("endpoints"), name, "Ready", namespace=namespace)
    assert uses(first)
    kube.kubectl(
        "annotate", full("endpointconfigs"), "current", "-n", namespace, "services.k8s.aws/deletion-policy=retain",
    )
    kube.kubectl("delete", full("endpointconfigs"), "current", "-n", namespace)
    unmark(first)
    kube.apply(named(second), namespace)
    harness.wait(lambda: uses(second), "the endpoint has the new config")
    kube.wait_condition(full("endpoints"), name, "Ready", namespace=namespace)
    # What another operator did meanwhile is noticed by the next one.
    operator.stop()
    kube.kubectl(
        "patch", full("endpointconfigs"), "current", "-n", namespace, "--type=merge", "-p", '{"metadata": {"finalizers": null}}',
    )
    kube.kubectl("delete", full("endpointconfigs"), "current", "-n", namespace)
    unmark(second)
    kube.apply(named(first, **{"services.k8s.aws/adoption-policy": "adopt-or-create"}), namespace)
    operator.start()
    harness.wait(lambda: uses(first), "the endpoint has the first config again")


def test_a_config_is_not_deleted_while_an_endpoint_uses_it(kube, operator, namespace, sagemaker):
    name, old, new = (harness.unique(what) for what in ("endpoint", "old", "new"))
    kube.apply([
        model(name), config(old, {"modelName": name}), config(new, {"modelName": name}),
        thing("Endpoint", name, {"endpointConfigName": old}),
    ], namespace)
    kube.wait_condition(full("endpoints"), name, "Ready", namespace=namespace)
    kube.kubectl("delete", full("endpointconfigs"), old, "-n", namespace, "--wait=false")
    seen = kube.wait_condition(full("endpointconfigs"), old, "ACK.Recoverable", namespace=namespace)
    assert f"the endpoint `{name}` uses it" in condition(seen, "ACK.Recoverable")["message"]
    sagemaker.describe_endpoint_config(EndpointConfigName=old)
    kube.apply(thing("Endpoint", name, {"endpointConfigName": new}), namespace)
    kube.kubectl("wait", "--for=delete", "--timeout=60s", f"{full('endpointconfigs')}/{old}", "-n", namespace)
    found = sagemaker.describe_endpoint(EndpointName=name)
    assert (found["EndpointConfigName"], found["EndpointStatus"]) == (new, "InService")
    # What is deleted together goes in this order.
    kube.kubectl(
        "delete", f"{full('endpointconfigs')}/{new}", f"{full('endpoints')}/{name}", "-n", namespace, "--timeout=90s",
    )
    left = [c["EndpointConfigName"] for page in sagemaker.get_paginator("list_endpoint_configs").paginate()
            for c in page["EndpointConfigs"]]
    assert new not in left and old not in left
