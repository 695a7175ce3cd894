"""What a real apiserver makes of the CustomResourceDefinitions: it takes them, stores ACK's objects unchanged, and refuses with
the reason what AWS would refuse."""

import copy
import json
import subprocess

import pytest
import yaml

import harness

FOLDER = harness.ROOT / "charts" / "sagewright-crds" / "crds"
LEGACY_FOLDER = harness.ROOT / "charts" / "sagewright-legacy-crds" / "crds"
SAGEMAKER = "sagemaker.services.k8s.aws/v1alpha1"
SCALING = "applicationautoscaling.services.k8s.aws/v1alpha1"
LEGACY = "sagemaker.aws.amazon.com/v1"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"


@pytest.fixture(scope="session")
def definitions(kube):
    """All definitions, applied as a person does."""
    kube.kubectl("apply", "-f", FOLDER, "-f", LEGACY_FOLDER)
    kube.kubectl("wait", "--for=condition=Established", "crd", "-l", "!none", "--timeout=120s")
    return kube


def thing(kind, spec, name="thing", api=SAGEMAKER):
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}


MODEL = thing("Model", {
    "modelName": "mnist",
    "executionRoleARN": ROLE,
    "primaryContainer": {
        "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
        "modelDataURL": "s3://bucket/model.tar.gz",
        "environment": {"LOG_LEVEL": "20", "EMPTY": ""},
    },
    "tags": [{"key": "team", "value": "vision"}],
})
ENDPOINT = thing("Endpoint", {"endpointName": "mnist", "endpointConfigName": "mnist-1"})
CONFIG = thing("EndpointConfig", {
    "endpointConfigName": "mnist-1",
    "productionVariants": [{
        "variantName": "AllTraffic", "modelName": "mnist", "initialInstanceCount": 1, "instanceType": "ml.m5.large",
        "initialVariantWeight": 1,
    }],
})
TRAINING = thing("TrainingJob", {
    "trainingJobName": "mnist-1",
    "roleARN": ROLE,
    "hyperParameters": {"num_round": "10", "objective": "multi:softmax"},
    "algorithmSpecification": {
        "trainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", "trainingInputMode": "File",
    },
    "outputDataConfig": {"s3OutputPath": "s3://bucket/out"},
    "resourceConfig": {"instanceCount": 1, "instanceType": "ml.m4.xlarge", "volumeSizeInGB": 5},
    "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    "inputDataConfig": [{
        "channelName": "train", "contentType": "text/csv", "compressionType": "None",
        "dataSource": {"s3DataSource": {
            "s3DataType": "S3Prefix", "s3URI": "s3://bucket/train", "s3DataDistributionType": "FullyReplicated",
        }},
    }],
})
POLICY = thing("ScalingPolicy", {
    "policyName": "busy",
    "policyType": "TargetTrackingScaling",
    "resourceID": "endpoint/mnist/variant/AllTraffic",
    "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
    "serviceNamespace": "sagemaker",
    "targetTrackingScalingPolicyConfiguration": {
        "targetValue": 60.5, "scaleInCooldown": 700, "scaleOutCooldown": 300,
        "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    },
}, api=SCALING)
HOSTING = thing("HostingDeployment", {
    "region": "us-east-1",
    "productionVariants": [{
        "variantName": "AllTraffic", "modelName": "xgboost", "initialInstanceCount": 1, "instanceType": "ml.r5.large",
        "initialVariantWeight": 1,
    }],
    "models": [{
        "name": "xgboost", "executionRoleArn": ROLE,
        "containers": [{"containerHostname": "xgboost", "modelDataUrl": "s3://bucket/model.tar.gz", "image": "xgboost:1"}],
    }],
}, api=LEGACY)


def resource(item):
    """`models.sagemaker.services.k8s.aws/thing`, for kubectl."""
    group = item["apiVersion"].split("/")[0]
    return f"{item['kind'].lower()}.{group}/{item['metadata']['name']}"


def changed(item, **spec):
    """The object with other fields; `None` takes one away. `a__b` is a field of a field."""
    item = copy.deepcopy(item)
    for path, value in spec.items():
        *parents, last = path.split("__")
        at = item["spec"]
        for parent in parents:
            at = at[int(parent)] if parent.isdigit() else at[parent]
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
    return item


def test_every_definition_is_established_under_its_names(definitions):
    found = {d["metadata"]["name"]: d for d in json.loads(definitions.kubectl("get", "crd", "-o", "json"))["items"]}
    files = sorted([*FOLDER.glob("*.yaml"), *LEGACY_FOLDER.glob("*.yaml")])
    assert len(files) > 80
    for file in files:
        group, plural = file.stem.split("_")
        conditions = {c["type"]: c for c in found[f"{plural}.{group}"]["status"]["conditions"]}
        assert conditions["Established"]["status"] == "True", (file.name, conditions)
        assert conditions["NamesAccepted"]["status"] == "True", (file.name, conditions)
        assert "NonStructuralSchema" not in conditions, (file.name, conditions)
    # An annotation of kubectl's that is not there would mean that something else applied it.
    kept = found["trainingjobs.sagemaker.services.k8s.aws"]["metadata"]["annotations"]
    assert "kubectl.kubernetes.io/last-applied-configuration" in kept


def sagewright(*arguments):
    return subprocess.run([harness.binary(), *arguments], capture_output=True, text=True, check=True, timeout=harness.PATIENCE).stdout


@pytest.mark.parametrize("folder, more", [(FOLDER, []), (LEGACY_FOLDER, ["--legacy"])])
def test_the_binary_prints_what_is_in_the_chart(definitions, folder, more):
    printed = sagewright("crds", *more)
    assert printed == "".join(file.read_text() for file in sorted_as_printed(printed, folder))
    assert "unchanged" in definitions.kubectl("apply", "-f", "-", input=printed)
    listed = json.loads(sagewright("crds", "--output", "json", *more))
    assert (listed["kind"], len(listed["items"])) == ("List", len(list(folder.glob("*.yaml"))))


def sorted_as_printed(text, folder):
    """The chart's files in the order in which a stream has them."""
    for document in text.split("---\n")[1:]:
        name = next(line.split(": ")[1] for line in document.splitlines() if line.startswith("  name: "))
        plural, group = name.split(".", 1)
        yield folder / f"{group}_{plural}.yaml"


def test_helm_keeps_the_chart_in_a_release(definitions, namespace):
    # A release is a Secret with the whole chart, which may have 1 MiB.
    definitions.helm("install", "crds", FOLDER.parent, "-n", namespace)
    release = json.loads(definitions.kubectl("get", "secret", "sh.helm.release.v1.crds.v1", "-n", namespace, "-o", "json"))
    assert len(release["data"]["release"]) < 900_000


def test_kubectl_explains_kinds_and_fields(definitions):
    def explained(path, *more):
        return " ".join(definitions.kubectl("explain", path, *more).split())

    group = "--api-version=sagemaker.services.k8s.aws/v1alpha1"
    assert "Training job in Amazon SageMaker, as declared. Deleting the object stops it" in explained("trainingjobs", group)
    assert "Endpoint name. At most 63 characters. Its name in AWS; metadata.name without it." in explained(
        "endpoints.spec.endpointName", group
    )
    assert "One of Pipe, File, FastFile." in explained("trainingjobs.spec.algorithmSpecification.trainingInputMode", group)
    assert "AllTraffic without it" in explained("scalingpolicies.spec.resourceIDRef.variant", f"--api-version={SCALING}")


@pytest.mark.parametrize("item", [MODEL, ENDPOINT, CONFIG, TRAINING, POLICY, HOSTING], ids=lambda i: i["kind"])
def test_objects_of_the_controllers_before_are_stored_unchanged(definitions, namespace, item):
    definitions.apply(item, namespace)
    stored = json.loads(definitions.kubectl("get", resource(item), "-n", namespace, "-o", "json"))
    assert stored["spec"] == item["spec"]
    # Fields that a definition does not have would be dropped silently.
    assert "unchanged" in definitions.apply(item, namespace)


def test_every_sample_is_stored_unchanged(definitions, namespace):
    samples = [yaml.safe_load(file.read_text()) for file in sorted((harness.ROOT / "examples" / "samples").glob("*.yaml"))]
    assert len(samples) >= 28
    definitions.apply(samples, namespace)
    names = [resource(sample) for sample in samples]
    stored = json.loads(definitions.kubectl("get", *names, "-n", namespace, "-o", "json"))["items"]
    assert [item["spec"] for item in stored] == [sample["spec"] for sample in samples]


def test_what_ack_wrote_into_a_status_stays(definitions, namespace):
    definitions.apply(ENDPOINT, namespace)
    status = {
        "ackResourceMetadata": {
            "arn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/mnist", "ownerAccountID": "123456789012", "region": "us-east-1",
        },
        "conditions": [{
            "type": "ACK.ResourceSynced", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "message": "m", "reason": "",
        }],
        "endpointStatus": "AWordOfTomorrow",
        "creationTime": "2026-01-01T00:00:00Z",
        "productionVariants": [{"variantName": "AllTraffic", "currentWeight": 1, "desiredInstanceCount": 1}],
        "sagewright": {"memory": {"any": ["thing"]}},
    }
    set_status(definitions, namespace, ENDPOINT, status)
    stored = json.loads(definitions.kubectl("get", resource(ENDPOINT), "-n", namespace, "-o", "json"))
    assert stored["status"] == status
    shown = definitions.kubectl("get", "smep", "-n", namespace)
    assert shown.split()[:4] == ["NAME", "STATUS", "READY", "AGE"] and "AWordOfTomorrow" in shown
    assert "endpoint.sagemaker.services.k8s.aws/thing" in definitions.kubectl("get", "sagemaker", "-n", namespace, "-o", "name")


def set_status(kube, namespace, item, status):
    kube.kubectl(
        "patch", resource(item), "-n", namespace, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status})
    )


def exists(kube, namespace, item):
    set_status(kube, namespace, item, {"ackResourceMetadata": {"arn": "arn:aws:sagemaker:us-east-1:123456789012:x/y"}})


# What is refused when it is created, and what the refusal says.
REFUSED = {
    "an unknown value": (changed(TRAINING, algorithmSpecification__trainingInputMode="Files"), ["trainingInputMode", '"Pipe", "File"']),
    "a pattern": (changed(MODEL, modelName="no_good"), ["spec.modelName", "should match '^[a-zA-Z0-9]"]),
    "a length": (changed(MODEL, modelName="m" * 64), ["spec.modelName", "may not be more than 63"]),
    "a range": (changed(TRAINING, resourceConfig__instanceCount=-1), ["instanceCount", "greater than or equal to 0"]),
    "too many": (changed(CONFIG, productionVariants=CONFIG["spec"]["productionVariants"] * 11), ["productionVariants", "at most 10"]),
    "too few": (changed(CONFIG, productionVariants=[]), ["productionVariants", "at least 1"]),
    "a required field": (changed(TRAINING, roleARN=None), ['missing required field "roleARN"']),
    "a nested required field": (changed(TRAINING, outputDataConfig={}), ['missing required field "s3OutputPath"']),
    "a type": (changed(TRAINING, resourceConfig__instanceCount="one"), ["instanceCount", "integer"]),
    "neither field nor reference": (
        changed(ENDPOINT, endpointConfigName=None), ["write endpointConfigName or endpointConfigRef, and only one of them"],
    ),
    "field and reference": (
        changed(ENDPOINT, endpointConfigRef={"from": {"name": "c"}}), ["write endpointConfigName or endpointConfigRef"],
    ),
    "an optional field and its reference": (
        changed(MODEL, primaryContainer__modelDataRef={"from": {"name": "job"}}),
        ["modelDataURL and modelDataRef say the same thing: keep one of them"],
    ),
    "a reference to nothing": (changed(ENDPOINT, endpointConfigName=None, endpointConfigRef={"from": {}}), ['missing required field "name"']),
    "two members of a union": (
        thing("FeatureGroup", {
            "recordIdentifierFeatureName": "id", "eventTimeFeatureName": "at",
            "featureDefinitions": [{"featureName": "id", "featureType": "String", "collectionConfig": {}}],
        }),
        ["write vectorConfig"],
    ),
    "a name of the object's own that AWS does not take": (
        thing("Model", {"executionRoleARN": ROLE}, name="mnist.v1"), ["AWS takes no such name as metadata.name", "write modelName"],
    ),
    "two tags of one key": (changed(MODEL, tags=[{"key": "a", "value": v} for v in "bc"]), ["two tags have the same key: keep one"]),
    "tags of a version": (
        thing("ModelPackage", {"modelPackageGroupName": "g", "tags": [{"key": "a", "value": "b"}]}),
        ["AWS takes no tags here beside modelPackageGroupName"],
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_aws_would_refuse_is_refused_at_once(definitions, what):
    item, said = REFUSED[what]
    refusal = definitions.apply(item, fails=True)
    for text in said:
        assert text in refusal, refusal


def test_a_name_may_be_left_out(definitions, namespace):
    definitions.apply(changed(MODEL, modelName=None), namespace)
    definitions.apply({"apiVersion": SAGEMAKER, "kind": "Endpoint", "metadata": {
        "name": "adopted", "annotations": {"services.k8s.aws/adoption-policy": "adopt"},
    }}, namespace)


# What cannot be changed once the resource exists: the object, the change, what the refusal says.
FIXED = {
    "a name": (MODEL, {"modelName": "other"}, ["spec.modelName", "names the resource in AWS, and cannot be changed"]),
    "a name that is given late": (
        changed(MODEL, modelName=None), {"modelName": "other"}, ["names the resource in AWS, and cannot be changed"],
    ),
    "a field of a kind that cannot be changed": (
        MODEL, {"primaryContainer": {"image": "other:1"}}, ["spec.primaryContainer", "cannot be changed once the resource exists"],
    ),
    "a part of what can be changed in part": (
        TRAINING, {"resourceConfig__instanceType": "ml.m5.large"}, ["spec.resourceConfig.instanceType", "cannot be changed"],
    ),
    "what says which resource is meant": (POLICY, {"resourceID": "endpoint/o/variant/v"}, ["says which resource is meant"]),
}


@pytest.mark.parametrize("what", FIXED)
def test_what_cannot_be_changed_is_refused_once_the_resource_exists(definitions, namespace, what):
    item, change, said = FIXED[what]
    definitions.apply(item, namespace)
    other = changed(item, **change)
    # A typing error is mended while there is nothing in AWS.
    definitions.apply(other, namespace)
    definitions.apply(item, namespace)
    exists(definitions, namespace, item)
    refusal = definitions.apply(other, namespace, fails=True)
    for text in said:
        assert text in refusal, refusal


def test_what_can_be_changed_is_taken(definitions, namespace):
    definitions.apply([ENDPOINT, TRAINING, POLICY], namespace)
    for item in (ENDPOINT, TRAINING, POLICY):
        exists(definitions, namespace, item)
    definitions.apply([
        changed(ENDPOINT, endpointConfigName="mnist-2", tags=[{"key": "a", "value": "b"}]),
        changed(TRAINING, resourceConfig__keepAlivePeriodInSeconds=60),
        changed(POLICY, targetTrackingScalingPolicyConfiguration__targetValue=10),
    ], namespace)
    # The same name, said and unsaid.
    model = changed(MODEL, modelName="thing")
    definitions.apply(model, namespace)
    exists(definitions, namespace, model)
    definitions.apply(changed(model, modelName=None), namespace)


def test_a_role_selectors_role_is_fixed(definitions):
    selector = {
        "apiVersion": "services.k8s.aws/v1alpha1", "kind": "IAMRoleSelector", "metadata": {"name": harness.unique("selector")},
        "spec": {"arn": ROLE, "namespaceSelector": {"names": ["prod"]}, "resourceTypeSelector": [{"kind": "Model"}]},
    }
    definitions.apply(selector)
    try:
        selector["spec"]["arn"] = ROLE + "-other"
        assert "make another IAMRoleSelector for another role" in definitions.apply(selector, fails=True)
    finally:
        definitions.kubectl("delete", f"iamroleselector/{selector['metadata']['name']}")


def test_the_adoption_of_the_tutorial_is_taken(definitions, namespace):
    adopted = {
        "apiVersion": "services.k8s.aws/v1alpha1", "kind": "AdoptedResource", "metadata": {"name": "adopt-endpoint-sample"},
        "spec": {
            "aws": {"nameOrID": "xgboost-endpoint"},
            "kubernetes": {
                "group": "sagemaker.services.k8s.aws", "kind": "Endpoint", "metadata": {"name": "xgboost-endpoint"},
            },
        },
    }
    definitions.apply(adopted, namespace)
    adopted["spec"]["aws"] = {}
    assert "write nameOrID or arn" in definitions.apply(adopted, namespace, fails=True)


def test_an_object_that_a_new_check_would_refuse_can_still_be_changed_elsewhere(definitions, namespace):
    file = FOLDER / "sagemaker.services.k8s.aws_notebookinstances.yaml"
    lax = yaml.safe_load(file.read_text())
    spec = lax["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["rootAccess"]["enum"]
    odd = thing("NotebookInstance", {
        "notebookInstanceName": "odd", "instanceType": "ml.t3.medium", "roleARN": ROLE, "rootAccess": "Sometimes",
    })
    try:
        definitions.apply(lax)
        harness.wait(lambda: try_apply(definitions, namespace, odd), "the lax definition is heeded")
        definitions.apply(odd, namespace)
    finally:
        definitions.kubectl("apply", "-f", file)
    other = copy.deepcopy(odd)
    other["metadata"]["name"] = "other"
    harness.wait(lambda: not try_apply(definitions, namespace, other), "the strict definition is heeded")
    definitions.apply(changed(odd, volumeSizeInGB=10), namespace)
    assert "rootAccess" in definitions.apply(changed(odd, rootAccess="Never"), namespace, fails=True)


def try_apply(kube, namespace, item):
    """Whether the apiserver would take an object."""
    try:
        kube.kubectl("apply", "--dry-run=server", "-n", namespace, "-f", "-", input=json.dumps(item))
    except AssertionError:
        return False
    return True
