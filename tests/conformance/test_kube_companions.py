"""FieldExport and AdoptedResource: the small kinds beside those of AWS."""

import base64

import harness
from operator_tools import Operator, condition, full, model


def common(kind, name, spec):
    return {"apiVersion": "services.k8s.aws/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def export(name, source, path, to):
    resource = {"group": "sagemaker.services.k8s.aws", "kind": "Model", "name": source}
    return common("FieldExport", name, {"from": {"path": path, "resource": resource}, "to": to})


def test_fields_are_copied_into_config_maps_and_secrets(kube, operator, namespace):
    name = harness.unique("model")
    kube.apply([
        export("arn", name, ".status.ackResourceMetadata.arn", {"kind": "configmap", "name": "target"}),
        export("image", name, ".spec.primaryContainer.image", {"kind": "secret", "name": "hidden", "key": "image"}),
        export("odd", name, ".spec.primaryContainer", {"kind": "configmap", "name": "target"}),
        export("wrong", name, "spec | keys", {"kind": "configmap", "name": "target"}),
    ], namespace)
    seen = kube.wait_condition("fieldexports", "arn", "ACK.Recoverable", namespace=namespace)
    assert "is not there" in condition(seen, "ACK.Recoverable")["message"]
    kube.apply([
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "target"}, "data": {"mine": "stays"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}},
        model(name),
    ], namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    for one in ("arn", "image"):
        kube.wait_condition("fieldexports", one, "Ready", namespace=namespace)
    data = kube.get("configmaps", "target", namespace)["data"]
    assert data == {"mine": "stays", f"{namespace}.arn": harness.arn("model", name)}
    secret = kube.get("secrets", "hidden", namespace)["data"]["image"]
    assert base64.b64decode(secret).decode() == harness.SCRIPT_IMAGE
    for one, why in (("odd", "neither text"), ("wrong", "no single field")):
        seen = kube.wait_condition("fieldexports", one, "ACK.Terminal", namespace=namespace)
        assert why in condition(seen, "ACK.Terminal")["message"]
    # ACK's finalizer does not hold it.
    kube.kubectl(
        "patch", "fieldexport", "arn", "-n", namespace, "--type=merge",
        "-p", '{"metadata": {"finalizers": ["finalizers.services.k8s.aws/FieldExport"]}}',
    )
    kube.kubectl("delete", "fieldexport", "arn", "-n", namespace)


def test_an_export_chooses_no_role_of_the_operator(kube, definitions, cloud, namespace, tmp_path):
    """Whoever may write one in a namespace could send the operator to any account otherwise."""
    name = harness.unique("model")
    operator = Operator(kube, cloud, tmp_path, [], environment={"ACK_SYSTEM_NAMESPACE": namespace})
    try:
        role = harness.role(harness.OTHER)
        maps = ("ack-role-account-map", "ack-role-team-map")
        kube.apply([
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": one}, "data": {"222222222222": role}} for one in maps
        ], namespace)
        kube.apply([model(name, tags=[{"key": "role", "value": harness.role()}])] + [
            export(one, name, ".spec.tags[0].value", {"kind": "configmap", "name": one, "key": "222222222222"}) for one in maps
        ], namespace)
        kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
        for one in maps:
            seen = kube.wait_condition("fieldexports", one, "ACK.Terminal", namespace=namespace)
            assert "says which roles the controller takes on" in condition(seen, "ACK.Terminal")["message"]
            assert kube.get("configmaps", one, namespace)["data"] == {"222222222222": role}
        kube.kubectl("delete", full("models"), name, "-n", namespace)
    finally:
        operator.stop()


def test_an_adopted_resource_makes_the_object_that_takes_it_over(kube, operator, namespace, sagemaker):
    name = harness.unique("model")
    container = {"Image": harness.SCRIPT_IMAGE, "Environment": {"A": "1"}}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer=container)
    kube.apply(common("AdoptedResource", "adopt-model-sample", {
        "aws": {"nameOrID": name},
        "kubernetes": {"group": "sagemaker.services.k8s.aws", "kind": "Model", "metadata": {"name": "taken"}},
    }), namespace)
    kube.wait_condition("adoptedresources", "adopt-model-sample", "ACK.Adopted", namespace=namespace)
    seen = kube.wait_condition(full("models"), "taken", "Ready", namespace=namespace)
    assert seen["spec"]["primaryContainer"]["environment"] == {"A": "1"}
    kube.kubectl("delete", "adoptedresource", "adopt-model-sample", "-n", namespace)
    assert kube.get(full("models"), "taken", namespace)


def test_what_has_to_name_something_else_is_adopted_by_name_and_by_arn(kube, operator, namespace, sagemaker):
    name = harness.unique("endpoint")
    container = {"Image": harness.SCRIPT_IMAGE}
    made = sagemaker.create_model(ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[harness.variant("all", name)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    group = "sagemaker.services.k8s.aws"
    for kind, aws in (("Endpoint", {"nameOrID": name}), ("EndpointConfig", {"nameOrID": name}), ("Model", {"arn": made["ModelArn"]})):
        adopted = kind.lower()
        kube.apply(common("AdoptedResource", adopted, {
            "aws": aws, "kubernetes": {"group": group, "kind": kind, "metadata": {"name": "taken"}},
        }), namespace)
        kube.wait_condition("adoptedresources", adopted, "ACK.Adopted", namespace=namespace)
        kube.wait_condition(full(f"{adopted}s"), "taken", "Ready", namespace=namespace)
    assert kube.get(full("endpoints"), "taken", namespace)["spec"]["endpointConfigName"] == name
    assert kube.get(full("models"), "taken", namespace)["spec"]["modelName"] == name
    # An endpoint that serves something else than its object declares goes with the object, and so does what it served.
    operator.stop()
    sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-2", ProductionVariants=[harness.variant("all", name)])
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    kube.kubectl("delete", full("endpoints"), "taken", "-n", namespace, "--wait=false")
    operator.start()
    kube.kubectl("wait", "--for=delete", "--timeout=60s", f"{full('endpoints')}/taken", "-n", namespace)
    assert name not in [e["EndpointName"] for e in harness.listed(sagemaker, "list_endpoints")]


def test_an_object_that_is_there_is_not_taken_for_the_one_that_was_asked_for(kube, operator, namespace, sagemaker):
    mine, other = harness.unique("model"), harness.unique("model")
    sagemaker.create_model(ModelName=other, ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": harness.SCRIPT_IMAGE})
    made = model("there", modelName=mine)
    made["metadata"]["annotations"] = {"services.k8s.aws/adopted": "true"}
    kube.apply(made, namespace)
    kube.wait_condition(full("models"), "there", "Ready", namespace=namespace)
    target = {"group": "sagemaker.services.k8s.aws", "kind": "Model", "metadata": {"name": "there"}}
    for name, resource, why in (("another", other, "has another modelName"), ("same", mine, None)):
        kube.apply(common("AdoptedResource", name, {"aws": {"nameOrID": resource}, "kubernetes": target}), namespace)
        if why:
            seen = kube.wait_condition("adoptedresources", name, "ACK.Recoverable", namespace=namespace)
            assert why in condition(seen, "ACK.Recoverable")["message"]
        else:
            kube.wait_condition("adoptedresources", name, "ACK.Adopted", namespace=namespace)
    kube.kubectl("annotate", full("models"), "there", "services.k8s.aws/adopted-", "-n", namespace)
    kube.apply(common("AdoptedResource", "never", {"aws": {"nameOrID": mine}, "kubernetes": target}), namespace)
    seen = kube.wait_condition("adoptedresources", "never", "ACK.Recoverable", namespace=namespace)
    assert "takes nothing over" in condition(seen, "ACK.Recoverable")["message"]
    kube.kubectl("delete", full("models"), "there", "-n", namespace)


def test_one_that_asks_for_a_kind_that_is_not_there_is_told(kube, operator, namespace):
    kube.apply(common("AdoptedResource", "nothing", {
        "aws": {"nameOrID": "x"}, "kubernetes": {"group": "sagemaker.services.k8s.aws", "kind": "Modell"},
    }), namespace)
    seen = kube.wait_condition("adoptedresources", "nothing", "ACK.Terminal", namespace=namespace)
    assert "there is no kind Modell" in condition(seen, "ACK.Terminal")["message"]
