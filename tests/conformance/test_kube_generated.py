"""Generated names: another resource for each change of the spec, and the older one deleted when nothing uses it."""

import json
import time

import pytest

import harness
from operator_tools import Operator, condition, events, full, model, thing

GENERATE, KEEP = "sagewright.dev/generate-name", "sagewright.dev/keep-generated"
MODELS, CONFIGS, ENDPOINTS = full("models"), full("endpointconfigs"), full("endpoints")


@pytest.fixture
def operator_account(account):
    return account


@pytest.fixture
def sagemaker(cloud, account):
    return cloud.client("sagemaker", account)


@pytest.fixture
def generated(account):
    """A model whose names are generated."""

    def make(image=harness.SCRIPT_IMAGE, name="fraud", keep=None, annotations=None, **spec):
        annotations = {GENERATE: f"{name}-", **({KEEP: keep} if keep else {}), **(annotations or {})}
        made = model(name, image, executionRoleARN=harness.role(account), **spec)
        return {**made, "metadata": {**made["metadata"], "annotations": annotations}}

    return make


def config(model_name):
    return thing("EndpointConfig", "serving", {"productionVariants": [{
        "variantName": "all", "modelRef": {"from": {"name": model_name}}, "initialInstanceCount": 1,
        "instanceType": "ml.m5.large",
    }]}, {GENERATE: "serving-"})


def endpoint(name):
    return thing("Endpoint", name, {"endpointConfigRef": {"from": {"name": "serving"}}})


def names(seen):
    """The names that an object has made, the present one last."""
    return (seen or {}).get("status", {}).get("sagewright", {}).get("generated", {}).get("names", [])


def arn(seen):
    return (seen or {}).get("status", {}).get("ackResourceMetadata", {}).get("arn", "")


def is_ready(seen):
    """Ready, with the resource of its last name."""
    return bool(names(seen)) and condition(seen, "Ready").get("status") == "True" and arn(seen).endswith(f"/{names(seen)[-1]}")


def settled(kube, namespace, but=(), kind=MODELS, name="fraud", count=1):
    """The object, once it has another name than these, and so many in all."""
    check = lambda seen: is_ready(seen) and names(seen)[-1] not in but and len(names(seen)) == count  # noqa: E731
    return kube.wait(kind, name, check, namespace, f"has {count} names, and another one than {but}")


def there(sagemaker, operation="list_models", key="ModelName"):
    return {found[key] for found in harness.listed(sagemaker, operation)}


def configs(sagemaker):
    return there(sagemaker, "list_endpoint_configs", "EndpointConfigName")


def test_a_change_of_the_spec_is_another_model_and_the_older_one_goes(kube, operator, namespace, sagemaker, generated):
    kube.apply(generated(), namespace)
    first = names(settled(kube, namespace))[0]
    assert first.startswith("fraud-") and there(sagemaker) == {first}
    # Tags can be changed, and are.
    kube.apply(generated(tags=[{"key": "team", "value": "risk"}]), namespace)
    tag = {"Key": "team", "Value": "risk"}
    found = sagemaker.describe_model(ModelName=first)["ModelArn"]
    harness.wait(lambda: tag in sagemaker.list_tags(ResourceArn=found)["Tags"], "the tag is there")
    assert names(settled(kube, namespace)) == [first]
    kube.apply(generated(harness.PIPE_IMAGE), namespace)
    second = names(settled(kube, namespace, but=[first]))[0]
    assert there(sagemaker) == {second}
    assert sagemaker.describe_model(ModelName=second)["PrimaryContainer"]["Image"] == harness.PIPE_IMAGE
    told = lambda: ("Deleting", f"deleted the model `{first}`") in events(kube, namespace, "fraud")  # noqa: E731
    harness.wait(told, "that it was deleted is told")
    # At rest nothing is called, nor after a restart.
    operator.stop()
    operator.start()
    harness.wait(lambda: operator.metric("sagewright_objects_settled", kind="Model") == 1, "it is settled again")
    assert operator.calls("DescribeModel") == 0
    assert operator.metric("sagewright_apiserver_writes_total") == 0


def test_one_change_rolls_forward_to_the_endpoint(kube, operator, namespace, sagemaker, generated):
    served = harness.unique("endpoint")
    kube.apply([generated(), config("fraud"), endpoint(served)], namespace)
    kube.wait_condition(ENDPOINTS, served, "Ready", namespace=namespace)
    model_before = names(settled(kube, namespace))
    config_before = names(settled(kube, namespace, kind=CONFIGS, name="serving"))
    assert sagemaker.describe_endpoint(EndpointName=served)["EndpointConfigName"] == config_before[0]
    # A model that cannot serve: AWS goes back to what served before, and nothing of that is gone.
    kube.apply(generated(harness.CRASHING_IMAGE), namespace)
    failed = lambda seen: condition(seen, "ACK.Terminal").get("status") == "True"  # noqa: E731
    kube.wait(ENDPOINTS, served, failed, namespace, "the update failed")
    crashing = settled(kube, namespace, but=model_before, count=2)
    config_crashing = settled(kube, namespace, but=config_before, kind=CONFIGS, name="serving", count=2)
    assert sagemaker.describe_endpoint(EndpointName=served)["EndpointConfigName"] == config_before[0]
    kept = lambda seen: f"`{model_before[0]}` is kept" in condition(seen, "ACK.Advisory").get("message", "")  # noqa: E731
    kube.wait(MODELS, "fraud", kept, namespace, "it says why the first model is kept")
    assert there(sagemaker) == set(names(crashing)) and configs(sagemaker) == set(names(config_crashing))
    # One that serves: everything moves on, and the older ones go.
    kube.apply(generated(enableNetworkIsolation=True), namespace)
    last_config = settled(kube, namespace, but=names(config_crashing), kind=CONFIGS, name="serving")
    last_model = settled(kube, namespace, but=names(crashing))
    assert there(sagemaker) == set(names(last_model)) and configs(sagemaker) == set(names(last_config))
    found = sagemaker.describe_endpoint(EndpointName=served)
    assert (found["EndpointConfigName"], found["EndpointStatus"]) == (names(last_config)[0], "InService")
    seen = kube.wait(MODELS, "fraud", lambda seen: not condition(seen, "ACK.Advisory"), namespace, "nothing is kept")
    assert is_ready(seen)
    assert operator.calls("UpdateEndpoint") == 2, "each change is one update"


def test_an_older_spec_has_its_older_resource_again(kube, operator, namespace, sagemaker, generated):
    kube.apply(generated(keep="1"), namespace)
    first = names(settled(kube, namespace))[0]
    kube.apply(generated(harness.PIPE_IMAGE, keep="1"), namespace)
    second = names(settled(kube, namespace, but=[first], count=2))[-1]
    kube.apply(generated(keep="1"), namespace)
    assert names(settled(kube, namespace, but=[second], count=2)) == [second, first]
    assert operator.calls("CreateModel") == 2
    assert there(sagemaker) == {first, second}
    # Of two that nothing uses, the one that was declared longest ago goes.
    kube.apply(generated(harness.CRASHING_IMAGE, keep="1"), namespace)
    third = names(settled(kube, namespace, but=[first, second], count=2))
    assert third[0] == first and there(sagemaker) == {*third}
    kube.apply(generated(harness.CRASHING_IMAGE), namespace)
    assert names(settled(kube, namespace)) == third[1:]
    assert there(sagemaker) == {third[1]}


def test_what_something_else_uses_is_kept_and_told(kube, operator, namespace, sagemaker, generated):
    kube.apply(generated(), namespace)
    first = names(settled(kube, namespace))[0]
    other = harness.unique("config")
    sagemaker.create_endpoint_config(EndpointConfigName=other, ProductionVariants=[harness.variant("all", first)])
    kube.apply(generated(harness.PIPE_IMAGE), namespace)
    kept = f"`{first}` is kept: EndpointConfig/{other} uses it"
    seen = kube.wait(
        MODELS, "fraud", lambda seen: condition(seen, "ACK.Advisory").get("message") == kept, namespace, "says why it is kept",
    )
    assert is_ready(seen) and there(sagemaker) == set(names(seen))
    sagemaker.delete_endpoint_config(EndpointConfigName=other)
    kube.kubectl("annotate", MODELS, "fraud", "-n", namespace, "sagewright.dev/reconcile-at=now")
    seen = settled(kube, namespace, but=[first])
    assert there(sagemaker) == set(names(seen)) and not condition(seen, "ACK.Advisory")


def test_a_deleted_object_takes_all_that_it_made_along_or_nothing(kube, operator, namespace, sagemaker, generated):
    retain = {"services.k8s.aws/deletion-policy": "retain"}
    for annotations, keep, left in (({}, "5", 0), (retain, None, 3)):
        known = []
        for image in (harness.SCRIPT_IMAGE, harness.PIPE_IMAGE, harness.CRASHING_IMAGE):
            kube.apply(generated(image, keep=keep, annotations=annotations), namespace)
            seen = settled(kube, namespace, but=known, count=len(known) + 1)
            known.append(names(seen)[-1])
            for at in ("once", "again"):
                looks = operator.calls("DescribeModel")
                kube.kubectl("annotate", "--overwrite", MODELS, "fraud", "-n", namespace, f"sagewright.dev/reconcile-at={at}")
                harness.wait(lambda: operator.calls("DescribeModel") > looks, "it is looked at")  # noqa: B023
        assert there(sagemaker) == set(known)
        kube.kubectl("delete", MODELS, "fraud", "-n", namespace)
        assert len(there(sagemaker)) == left
    # What was retained is the object's again, by its mark.
    kube.apply(generated(keep="5"), namespace)
    settled(kube, namespace)
    assert len(there(sagemaker)) == 3
    assert operator.calls("CreateModel") == 6


def test_killed_again_and_again_nothing_is_left_behind(kube, operator, namespace, sagemaker, generated):
    images = [harness.SCRIPT_IMAGE, harness.PIPE_IMAGE, harness.CRASHING_IMAGE]
    for i, pause in enumerate((0.1, 0.2, 0.3, 0.5, 0.7, 1.0)):
        kube.apply([generated(images[(i + j) % 3], f"m-{j}") for j in range(4)], namespace)
        time.sleep(pause)
        operator.kill()
        operator.start(wait=False)
    last = {names(settled(kube, namespace, name=f"m-{j}"))[0] for j in range(4)}
    assert there(sagemaker) == last


def test_a_name_of_which_no_resource_came_is_forgotten(kube, operator, namespace, sagemaker, generated):
    kube.apply(generated(), namespace)
    first = names(settled(kube, namespace))[0]
    operator.kill()
    # As after a crash between the name and its create, and after one between the create and what came of it.
    remembered = {"generated": {"names": ["fraud-0123456789", first], "declared": None}}
    remembered |= {"memory": None, "settled": None, "made": None, "relied": None}
    status = {"sagewright": remembered, "ackResourceMetadata": None, "conditions": None}
    patch = ["--subresource=status", "--type=merge", "-p", json.dumps({"status": status})]
    kube.kubectl("patch", MODELS, "fraud", "-n", namespace, *patch)
    operator.start()
    seen = settled(kube, namespace)
    assert names(seen) == [first] and there(sagemaker) == {first}
    assert operator.calls("CreateModel") == 0


def test_an_object_takes_generated_names_up_and_lays_them_down(kube, operator, namespace, sagemaker, generated):
    plain = generated()
    plain["metadata"]["annotations"] = {}
    kube.apply(plain, namespace)
    kube.wait_condition(MODELS, "fraud", "Ready", namespace=namespace)
    assert there(sagemaker) == {"fraud"}
    kube.apply(generated(), namespace)
    name = names(settled(kube, namespace))[0]
    assert there(sagemaker) == {name}
    plain["spec"]["modelName"] = name
    kube.apply(plain, namespace)
    seen = kube.wait(
        MODELS, "fraud", lambda seen: GENERATE not in seen["metadata"].get("annotations", {}) and is_ready(seen), namespace, "is ready",
    )
    assert names(seen) == [name] and operator.calls("CreateModel") == 2
    kube.kubectl("delete", MODELS, "fraud", "-n", namespace)
    assert not there(sagemaker)


def test_what_cannot_be_heeded_is_refused(kube, operator, namespace, sagemaker, generated):
    said = generated(name="said", modelName="said")
    wrong = generated(name="wrong")
    wrong["metadata"]["annotations"][GENERATE] = "wrong_"
    alone = generated(name="alone")
    alone["metadata"]["annotations"] = {KEEP: "3"}
    typed = generated(name="typed")
    typed["metadata"]["annotations"] = {"sagewright.dev/generate-nam": "typed-"}
    group = thing("ModelPackageGroup", "group", {}, {GENERATE: "group-"})
    kube.apply([said, wrong, alone, typed, group], namespace)
    for kind, name, message in (
        (MODELS, "said", "spec.modelName says the name already: `said`"),
        (MODELS, "wrong", "`wrong_` and 10 digits make no name of a model"),
        (MODELS, "alone", f"this says nothing without {GENERATE}"),
        (MODELS, "typed", f"did you mean `{GENERATE}`?"),
        (full("modelpackagegroups"), "group", "ModelPackageGroup takes no generated names"),
    ):
        seen = kube.wait_condition(kind, name, "ACK.Terminal", namespace=namespace)
        assert message in condition(seen, "ACK.Terminal")["message"]
    assert not there(sagemaker) and not harness.listed(sagemaker, "list_model_package_groups")
    for kind, name in ((MODELS, "said"), (full("modelpackagegroups"), "group")):
        kube.kubectl("delete", kind, name, "-n", namespace)
    # What is put right goes on.
    kube.apply(generated(name="wrong"), namespace)
    settled(kube, namespace, name="wrong")


def test_two_objects_with_one_prefix_and_one_spec_have_a_resource_each(kube, operator, namespace, sagemaker, generated):
    one, other = generated(name="one"), generated(name="other")
    other["metadata"]["annotations"] = dict(one["metadata"]["annotations"])
    kube.apply([one, other], namespace)
    made = {names(settled(kube, namespace, name=name))[0] for name in ("one", "other")}
    assert len(made) == 2 and there(sagemaker) == made


@pytest.fixture
def forgetful(kube, definitions):
    """The definition of models without what is remembered, as ACK's is: the API server drops the field."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{MODELS}"
    whole = kube.request("GET", path)[1]["spec"]

    def put(spec):
        found = kube.request("GET", path)[1]
        status, body = kube.request("PUT", path, {**found, "spec": spec})
        assert status == 200, body

    less = json.loads(json.dumps(whole))
    schema = less["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["status"]["properties"]["sagewright"], schema["x-kubernetes-validations"]
    put(less)
    yield lambda: put(whole)
    put(whole)


def keeps(kube, namespace, name):
    """Whether the cluster keeps what is remembered in a status."""
    path = kube.resource(MODELS).path(namespace, name) + "/status"
    body = {"status": {"sagewright": {"relied": 7}}}
    status, written = kube.request("PATCH", path, body, content_type="application/merge-patch+json")
    return status == 200 and "sagewright" in written.get("status", {})


def test_no_name_is_generated_that_the_cluster_would_forget(kube, forgetful, operator, namespace, sagemaker, generated):
    """The next process would leave its resource behind."""
    probe = generated(name="probe")
    probe["metadata"]["annotations"] = {"services.k8s.aws/read-only": "true"}
    kube.apply(probe, namespace)
    harness.wait(lambda: not keeps(kube, namespace, "probe"), "the definition is in use")
    kube.apply(generated(), namespace)
    seen = kube.wait_condition(MODELS, "fraud", "ACK.Recoverable", namespace=namespace)
    assert f"{MODELS} does not keep status.sagewright" in condition(seen, "ACK.Recoverable")["message"]
    assert there(sagemaker) == set()
    forgetful()
    harness.wait(lambda: keeps(kube, namespace, "probe"), "the definition is whole again")
    kube.kubectl("annotate", MODELS, "fraud", "sagewright.dev/reconcile-at=now", "-n", namespace)
    made = names(settled(kube, namespace))
    assert there(sagemaker) == set(made)
