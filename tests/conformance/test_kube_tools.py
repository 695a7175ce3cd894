"""What tools beside kubectl make of the objects: Argo CD's health, kstatus (Flux, `helm --wait`), `kubectl wait`, and kro."""

import copy
import json
import re

import pytest
import yaml

import harness
from command import Cli
from operator_tools import GROUP, Operator, full, model, thing

KRO = harness.ROOT / "examples" / "kro"


@pytest.fixture
def operator(kube, definitions, cloud, namespace, tmp_path):
    operator = Operator(kube, cloud, tmp_path, [namespace])
    yield operator
    assert operator.stop() == 0, operator.log()


def argo_health(seen):
    """Argo CD's own rule for `*.services.k8s.aws`: the first condition in their order that it knows says the health."""
    for condition in seen.get("status", {}).get("conditions", []):
        kind, status = condition["type"], condition["status"]
        if (kind, status) == ("ACK.Terminal", "True"):
            return "Degraded"
        if kind == "Ready" and status in ("True", "False"):
            return "Healthy" if status == "True" else "Progressing"
    return "Progressing"


def argo_health_by_sync(seen):
    """The rule that users put into `argocd-cm` before Argo CD had its own."""
    for condition in seen.get("status", {}).get("conditions", []):
        kind, status = condition["type"], condition["status"]
        if kind in ("ACK.Terminal", "ACK.Recoverable") and status == "True":
            return "Degraded"
        if kind == "ACK.ResourceSynced":
            return {"True": "Healthy", "False": "Progressing"}.get(status, "Degraded")
    return "Progressing"


def judged(seen):
    return argo_health(seen), argo_health_by_sync(seen), kstatus(seen)


def kstatus(seen):
    """The status that kstatus computes of a custom resource."""
    if seen["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = seen.get("status") or {}
    if status.get("observedGeneration", seen["metadata"]["generation"]) != seen["metadata"]["generation"]:
        return "InProgress"
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    if conditions.get("Stalled") == "True":
        return "Failed"
    if conditions.get("Reconciling") == "True" or conditions.get("Ready", "True") != "True":
        return "InProgress"
    return "Current"


def test_a_ready_object_is_healthy_for_every_tool(kube, operator, namespace):
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    what = f"{full('models')}/{name}"
    assert "condition met" in kube.kubectl("wait", "--for=condition=Ready", what, "-n", namespace, "--timeout=100s")
    assert "condition met" in kube.kubectl("wait", "--for=condition=ACK.ResourceSynced", what, "-n", namespace, "--timeout=100s")
    seen = kube.get(full("models"), name, namespace)
    assert judged(seen) == ("Healthy", "Healthy", "Current")
    kube.kubectl("delete", what, "-n", namespace, "--wait=false")
    kube.kubectl("wait", "--for=delete", what, "-n", namespace, "--timeout=100s")


def test_an_object_that_failed_is_degraded_and_never_current(kube, operator, namespace):
    # Somebody else made the resource of this name.
    operator.cloud.client("sagemaker").create_model(
        ModelName=(other := harness.unique("model")), ExecutionRoleArn=harness.role(),
        PrimaryContainer={"Image": harness.SCRIPT_IMAGE},
    )
    kube.apply(model(other), namespace)
    seen = kube.wait_condition(full("models"), other, "ACK.Terminal", namespace=namespace)
    # Argo CD takes the first that it knows: the condition of the failure has to come before Ready.
    assert judged(seen) == ("Degraded", "Degraded", "InProgress")
    told = kube.kubectl("wait", "--for=condition=Ready", f"{full('models')}/{other}", "-n", namespace, "--timeout=1s", fails=True)
    assert "timed out" in told


def test_an_object_that_waits_is_in_progress(kube, operator, namespace):
    name = harness.unique("config")
    variant = {
        "variantName": "all", "initialInstanceCount": 1, "instanceType": "ml.m5.large",
        "modelRef": {"from": {"name": "not-there"}},
    }
    kube.apply(thing("EndpointConfig", name, {"endpointConfigName": name, "productionVariants": [variant]}), namespace)
    seen = kube.wait_condition(full("endpointconfigs"), name, "ACK.ReferencesResolved", "Unknown", namespace)
    assert (argo_health(seen), kstatus(seen)) == ("Progressing", "InProgress")


# kro

SIMPLE = r"(string|integer|boolean|float|\[\](string|integer|boolean|float))( \| (default=\S+|required=true|description=\"[^\"]*\"))*"
EXPRESSION = re.compile(r"\$\{([^}]*)\}")


def resource_graph():
    (graph,) = yaml.safe_load_all((KRO / "hosted-model.yaml").read_text())
    return graph


def defaults(fields, given):
    """The values of an instance, with the defaults of the schema."""
    values = {}
    for name, kind in fields.items():
        found = re.search(r'default="?([^"\s]+)"?', kind)
        value = given.get(name, found.group(1) if found else None)
        assert value is not None, f"{name} is given or has a default"
        values[name] = int(value) if kind.startswith("integer") else value
    return values


def reached(expression, scope):
    """The value of a path such as `model.spec.modelName`."""
    value = scope
    for part in expression.strip().split("."):
        value = value[part]
    return value


def filled(template, scope):
    """A template with the values of its expressions."""
    if isinstance(template, dict):
        return {key: filled(value, scope) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, scope) for value in template]
    if not isinstance(template, str):
        return template
    if whole := EXPRESSION.fullmatch(template):
        return reached(whole.group(1), scope)
    return EXPRESSION.sub(lambda found: str(reached(found.group(1), scope)), template)


def objects_of(graph, instance):
    """What kro would make of an instance: resources may name those before them, as fields that are declared."""
    schema = graph["spec"]["schema"]
    scope = {"schema": {"spec": defaults(schema["spec"], instance["spec"])}}
    for resource in graph["spec"]["resources"]:
        scope[resource["id"]] = filled(resource["template"], scope)
    return [scope[resource["id"]] for resource in graph["spec"]["resources"]]


def test_the_definition_is_one_that_kro_takes():
    graph = resource_graph()
    assert (graph["apiVersion"], graph["kind"]) == ("kro.run/v1alpha1", "ResourceGraphDefinition")
    assert set(graph["spec"]) == {"schema", "resources"}
    schema = graph["spec"]["schema"]
    assert set(schema) <= {"apiVersion", "kind", "group", "spec", "status", "types", "validation", "additionalPrinterColumns"}
    assert re.fullmatch(r"v\d+(alpha\d+|beta\d+)?", schema["apiVersion"]) and re.fullmatch("[A-Z][A-Za-z0-9]+", schema["kind"])
    for name, kind in schema["spec"].items():
        assert re.fullmatch(SIMPLE, kind), f"{name}: {kind}"
    ids = [resource["id"] for resource in graph["spec"]["resources"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch("[a-z][A-Za-z0-9]*", one) for one in ids)
    for at, resource in enumerate(graph["spec"]["resources"]):
        assert set(resource) <= {"id", "template", "readyWhen", "includeWhen", "externalRef", "forEach"}
        # An expression names the instance and other resources; what is ready is said of the resource itself.
        for used in EXPRESSION.findall(json.dumps(resource["template"])):
            assert used.split(".")[0] in ["schema", *ids[:at]], used
        for ready in resource.get("readyWhen", []):
            assert EXPRESSION.fullmatch(ready) and EXPRESSION.fullmatch(ready).group(1).startswith(f"{resource['id']}."), ready
    for expression in schema["status"].values():
        assert EXPRESSION.fullmatch(expression).group(1).split(".")[0] in ids, expression


def test_what_kro_makes_is_planned_applied_and_ready_as_the_definition_says(kube, operator, cloud, namespace, tmp_path):
    graph, instance = resource_graph(), yaml.safe_load((KRO / "digits.yaml").read_text())
    assert instance["kind"] == graph["spec"]["schema"]["kind"]
    s3, bucket = cloud.client("s3"), harness.unique("kro")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=harness.unique().encode())
    instance["spec"] |= {"name": harness.unique("digits"), "modelDataURL": f"s3://{bucket}/model.tar.gz"}
    objects = objects_of(graph, instance)
    cli = Cli(cloud, harness.ACCOUNT, tmp_path)
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    assert cli("plan", "--offline", "-f", "-", stdin=listed).lines[-1] == "Plan: 4 to create."
    wrong = copy.deepcopy(objects)
    wrong[0]["spec"]["primaryContainer"]["imagee"] = "x"
    cli("plan", "--offline", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": wrong}), code=65)
    # The admission of the cluster takes all of them; the model is none that could be served.
    assert kube.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", input=listed).count("dry run") == 4
    kube.apply(objects[:2], namespace)
    for plural in ("models", "endpointconfigs"):
        kube.wait_condition(full(plural), instance["spec"]["name"], "Ready", namespace=namespace)
    # What readyWhen and the status of the graph read is where they look for it.
    seen = kube.get(full("models"), instance["spec"]["name"], namespace)
    assert any(c["type"] == "Ready" and c["status"] == "True" for c in seen["status"]["conditions"])
    properties = kube.get("customresourcedefinition", f"endpoints.{GROUP}")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    status = properties["properties"]["status"]["properties"]
    assert {"endpointStatus", "ackResourceMetadata"} <= set(status) and "arn" in status["ackResourceMetadata"]["properties"]
