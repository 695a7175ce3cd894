"""Regions, accounts, roles and endpoints of objects; adoption, read-only objects, references to others, on demand."""

import json

import pytest

import harness
from operator_tools import Operator, condition, events, full, model, scratch_crd, thing, trusted


@pytest.fixture
def system(kube):
    """The operator's own namespace."""
    name = harness.unique("system")
    kube.kubectl("create", "namespace", name)
    yield name
    kube.remove_namespace(name, force=True)


@pytest.fixture
def operator(kube, definitions, cloud, namespace, system, tmp_path):
    operator = start(kube, cloud, namespace, system, tmp_path)
    yield operator
    if operator.process.poll() is None:
        assert operator.stop() == 0, operator.log()


def start(kube, cloud, namespace, system, folder, *arguments):
    """Two namespaces: where one alone is watched, annotations of namespaces do not count."""
    environment = {"ACK_SYSTEM_NAMESPACE": system}
    return Operator(kube, cloud, folder, [namespace, system], arguments, environment=environment)


def annotate(kube, what, name, *annotations, namespace=None):
    within = ["-n", namespace] if namespace else []
    kube.kubectl("annotate", "--overwrite", what, name, *annotations, *within)


def names(sagemaker):
    return {m["ModelName"] for m in harness.listed(sagemaker, "list_models")}


def test_the_region_is_of_the_object_or_of_its_namespace(kube, operator, namespace, cloud):
    annotate(kube, "namespace", namespace, "services.k8s.aws/default-region=eu-west-1")
    near, far = harness.unique("model"), harness.unique("model")
    objects = [model(near), model(far)]
    objects[1]["metadata"]["annotations"] = {"services.k8s.aws/region": "us-west-2"}
    kube.apply(objects, namespace)
    for name, region in ((near, "eu-west-1"), (far, "us-west-2")):
        seen = kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
        assert seen["status"]["ackResourceMetadata"]["region"] == region
        assert name in names(cloud.client("sagemaker", region=region))
    annotate(kube, full("models"), far, "services.k8s.aws/region=eu-west-1", namespace=namespace)
    seen = kube.wait_condition(full("models"), far, "ACK.Terminal", namespace=namespace)
    assert "cannot move" in condition(seen, "ACK.Terminal")["message"]
    annotate(kube, full("models"), far, "services.k8s.aws/region-", namespace=namespace)
    kube.wait_condition(full("models"), far, "Ready", namespace=namespace)


def test_a_role_of_another_account_comes_by_a_config_map(kube, operator, namespace, system, cloud, account):
    annotate(kube, "namespace", namespace, f"services.k8s.aws/owner-account-id={account}")
    name = harness.unique("model")
    kube.apply(model(name, executionRoleARN=harness.role(account)), namespace)
    seen = kube.wait_condition(full("models"), name, "ACK.Recoverable", namespace=namespace)
    assert "IAM Role is not available" in condition(seen, "ACK.Recoverable")["message"]
    assert name not in names(cloud.client("sagemaker"))
    role = trusted(cloud, account)
    kube.apply({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ack-role-account-map"}, "data": {account: role},
    }, system)
    seen = kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    assert seen["status"]["ackResourceMetadata"]["ownerAccountID"] == account
    assert name in names(cloud.client("sagemaker", account))
    told = [reason for reason, _ in events(kube, namespace, name)]
    assert told.count("ScopeNotAvailable") == 1 and told.count("Created") == 1, told
    kube.kubectl("delete", full("models"), name, "-n", namespace)
    assert name not in names(cloud.client("sagemaker", account))


def test_another_endpoint_of_a_namespace_counts_at_once(kube, operator, namespace, cloud):
    annotate(kube, "namespace", namespace, "services.k8s.aws/endpoint-url=http://127.0.0.1:9")
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "ACK.Recoverable", namespace=namespace)
    annotate(kube, "namespace", namespace, f"services.k8s.aws/endpoint-url={cloud.endpoint}")
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)


def test_a_selector_chooses_the_role(kube, definitions, cloud, namespace, system, tmp_path, account):
    selector = {
        "apiVersion": "services.k8s.aws/v1alpha1", "kind": "IAMRoleSelector", "metadata": {"name": harness.unique("s")},
        "spec": {"arn": trusted(cloud, account), "namespaceSelector": {"names": [namespace]}},
    }
    kube.apply(selector)
    operator = start(kube, cloud, namespace, system, tmp_path, "--feature-gates=IAMRoleSelector=true")
    try:
        name = harness.unique("model")
        kube.apply(model(name, executionRoleARN=harness.role(account)), namespace)
        seen = kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
        assert condition(seen, "ACK.IAMRoleSelected")["status"] == "True"
        assert name in names(cloud.client("sagemaker", account))
    finally:
        operator.stop()
        kube.kubectl("delete", "iamroleselector", selector["metadata"]["name"])


def test_labels_of_an_object_choose_another_selector(kube, definitions, cloud, namespace, system, tmp_path, account):
    group, role, selectors = harness.unique("group"), trusted(cloud, account), []
    for label in ("a", "b"):
        selectors.append(harness.unique(label))
        kube.apply({
            "apiVersion": "services.k8s.aws/v1alpha1", "kind": "IAMRoleSelector", "metadata": {"name": selectors[-1]},
            "spec": {
                "arn": role, "namespaceSelector": {"names": [namespace]},
                "resourceLabelSelector": {"matchLabels": {label: "yes"}},
            },
        })
    operator = start(kube, cloud, namespace, system, tmp_path, "--feature-gates=IAMRoleSelector=true")
    try:
        kube.apply(thing("ModelPackageGroup", group, {}, labels={"a": "yes", "b": "yes"}), namespace)
        seen = kube.wait_condition(full("modelpackagegroups"), group, "ACK.Terminal", namespace=namespace)
        assert "several IAMRoleSelectors match" in condition(seen, "ACK.Terminal")["message"]
        kube.kubectl("label", full("modelpackagegroups"), group, "b-", "-n", namespace)
        seen = kube.wait_condition(full("modelpackagegroups"), group, "Ready", namespace=namespace)
        assert seen["status"]["ackResourceMetadata"]["ownerAccountID"] == account
        kube.kubectl("delete", full("modelpackagegroups"), group, "-n", namespace)
    finally:
        operator.stop()
        kube.kubectl("delete", "iamroleselectors", *selectors)


def test_what_is_there_is_adopted_as_it_is(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    container = {"Image": harness.SCRIPT_IMAGE, "Environment": {"A": "1"}}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer=container)
    clash = thing("Model", name, {
        "modelName": name, "executionRoleARN": harness.role(), "primaryContainer": {"image": harness.SCRIPT_IMAGE},
    })
    kube.apply(clash, namespace)
    seen = kube.wait_condition(full("models"), name, "ACK.Terminal", namespace=namespace)
    assert condition(seen, "ACK.Terminal")["reason"] == "NotManaged"
    assert "ackResourceMetadata" not in seen["status"]
    annotate(kube, full("models"), name, "sagewright.dev/reconcile-at=now", namespace=namespace)
    kube.kubectl("delete", full("models"), name, "-n", namespace)
    assert name in names(sagemaker)
    adopted = thing("Model", name, {"modelName": name}, {"services.k8s.aws/adoption-policy": "adopt"})
    kube.apply(adopted, namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    seen = kube.wait(full("models"), name, lambda seen: seen["metadata"]["annotations"].get("services.k8s.aws/adopted"), namespace)
    assert seen["spec"]["primaryContainer"]["environment"] == {"A": "1"}
    kube.kubectl("delete", full("models"), name, "-n", namespace)
    assert name not in names(sagemaker)


def test_a_read_only_object_shows_and_changes_nothing(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": harness.SCRIPT_IMAGE},
    )
    kube.apply(thing("Model", name, {"modelName": name}, {"services.k8s.aws/read-only": "true"}), namespace)
    seen = kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    assert seen["status"]["ackResourceMetadata"]["arn"] == harness.arn("model", name)
    assert "finalizers" not in seen["metadata"]
    kube.kubectl("delete", full("models"), name, "-n", namespace)
    assert name in names(sagemaker)
    assert not sagemaker.list_tags(ResourceArn=harness.arn("model", name))["Tags"]


def test_resources_have_the_tags_of_the_flag(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    kube.apply(model(name, tags=[{"key": "team", "value": "ml"}]), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=harness.arn("model", name))["Tags"]}
    assert (tags["team"], tags["services.k8s.aws/namespace"]) == ("ml", namespace)
    assert tags["services.k8s.aws/controller-version"].startswith("sagemaker-")
    kube.apply(model(name, tags=[{"key": "team", "value": "risk"}]), namespace)

    def edited():
        tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=harness.arn("model", name))["Tags"]}
        return tags["team"] == "risk" and tags["services.k8s.aws/namespace"] == namespace

    harness.wait(edited, "the edit of the tag is applied")
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)


def test_an_annotation_asks_for_a_look(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    kube.apply(model(name, tags=[{"key": "team", "value": "ml"}]), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    arn = harness.arn("model", name)
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    harness.wait(lambda: operator.metric("sagewright_objects_settled", kind="Model") == 1, "it is settled")
    annotate(kube, full("models"), name, "sagewright.dev/reconcile-at=now", namespace=namespace)
    harness.wait(
        lambda: "team" in {tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}, "the tag is there again",
    )


def test_a_change_in_aws_is_noticed_by_the_listing(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    harness.wait(lambda: operator.metric("sagewright_objects_settled", kind="Model") == 1, "it is settled")
    sagemaker.delete_model(ModelName=name)
    annotate(kube, full("models"), name, "sagewright.dev/reconcile-at=now", namespace=namespace)
    harness.wait(lambda: name in names(sagemaker), "it is made anew")


def test_an_object_of_another_controller_is_referred_to(kube, operator, namespace, sagemaker):
    kube.apply(scratch_crd("SecurityGroup", "securitygroups", "ec2.services.k8s.aws"))
    kube.kubectl("wait", "--for=condition=Established", "crd/securitygroups.ec2.services.k8s.aws", "--timeout=60s")
    name = harness.unique("notebook")
    kube.apply(thing("NotebookInstance", name, {
        "notebookInstanceName": name, "roleARN": harness.role(), "instanceType": "ml.t3.medium", "subnetID": "subnet-1",
        "securityGroupRefs": [{"from": {"name": "inside"}}],
    }), namespace)
    kube.wait_condition(full("notebookinstances"), name, "ACK.ReferencesResolved", "Unknown", namespace)
    group = {
        "apiVersion": "ec2.services.k8s.aws/v1alpha1", "kind": "SecurityGroup", "metadata": {"name": "inside"}, "spec": {},
    }
    kube.apply(group, namespace)
    status = {"status": {"id": "sg-1", "conditions": [{"type": "ACK.ResourceSynced", "status": "True"}]}}
    kube.kubectl(
        "patch", "securitygroups.ec2.services.k8s.aws", "inside", "-n", namespace, "--subresource=status", "--type=merge",
        "-p", json.dumps(status),
    )
    annotate(kube, full("notebookinstances"), name, "sagewright.dev/reconcile-at=now", namespace=namespace)
    kube.wait_condition(full("notebookinstances"), name, "Ready", namespace=namespace)
    assert sagemaker.describe_notebook_instance(NotebookInstanceName=name)["SecurityGroups"] == ["sg-1"]
    kube.kubectl("delete", full("notebookinstances"), name, "-n", namespace)


def test_another_namespace_is_referred_to_unless_that_is_turned_off(kube, operator, namespace, system):
    kube.apply(model("there", modelName=harness.unique("there")), system)
    config = thing("EndpointConfig", "config", {
        "endpointConfigName": harness.unique("config"), "productionVariants": [{
            "variantName": "all", "modelRef": {"from": {"name": "there", "namespace": system}}, "initialInstanceCount": 1,
            "instanceType": "ml.m5.large",
        }],
    })
    kube.apply(config, namespace)
    kube.wait_condition(full("endpointconfigs"), "config", "Ready", namespace=namespace)
    operator.stop()
    operator.arguments.append("--enable-cross-namespace=false")
    operator.start()
    config["metadata"]["name"] = "other"
    config["spec"]["endpointConfigName"] = harness.unique("config")
    kube.apply(config, namespace)
    seen = kube.wait_condition(full("endpointconfigs"), "other", "ACK.Terminal", namespace=namespace)
    assert "--enable-cross-namespace" in condition(seen, "ACK.Terminal")["message"]
