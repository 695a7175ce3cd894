"""The samples of all kinds in a cluster: each is applied, changed, deleted, kept and taken over again."""

import json
import re
import tomllib

import pytest
import yaml

import harness
from operator_tools import Operator, condition

SAMPLES = harness.ROOT / "examples" / "samples"
EXPECTED = tomllib.loads((SAMPLES / "expected.toml").read_text())
BUCKET = "sagewright-samples"
RETAIN = "services.k8s.aws/deletion-policy=retain"
# Calls that leave AWS as it is.
READS = ("READ_ONE", "READ_MANY", "GET_ATTRIBUTES")


class World:
    """A namespace, its operator and the data that samples name."""

    def __init__(self, kube, cloud, folder):
        self.kube, self.sagemaker = kube, cloud.client("sagemaker")
        self.scaling = cloud.client("application-autoscaling")
        self.namespace = harness.unique("samples")
        kube.kubectl("create", "namespace", self.namespace)
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        lines = harness.digits("train", 200)
        for part in ("train", "validation", "test"):
            # What is to be predicted has no labels.
            rows = [line.split(",", 1)[1] for line in lines[:5]] if part == "test" else lines
            s3.put_object(Bucket=BUCKET, Key=f"mnist/{part}/{part}.csv", Body="\n".join(rows) + "\n")
        self.operator = Operator(kube, cloud, folder, [self.namespace])

    def stop(self):
        code = self.operator.stop()
        self.kube.remove_namespace(self.namespace, force=True)
        assert code == 0, self.operator.log()

    def writes(self):
        """Calls that may change AWS."""
        pages = self.operator.page("metrics", "/metrics")[1]
        lines = [line for line in pages.splitlines() if line.startswith("ack_outbound_api_requests_total{")]
        return sorted(line for line in lines if not any(f'op_type="{read}"' in line for read in READS))

    def apply(self, *objects):
        self.kube.apply(list(objects), self.namespace)

    def settled(self, sample, expected):
        """The object once what was declared last has come to its end."""
        kind, says = expected.get("ends", ("Ready", ""))

        def ended(seen):
            told = condition(seen, kind)
            return told.get("status") == "True" and says in told.get("message", "")

        return self.kube.wait(plural(sample), named(sample), ended, self.namespace, f"has {kind}: {says}")

    def delete(self, *objects):
        """Deletes objects and waits for their ends."""
        for item in objects:
            self.kube.kubectl("delete", *at(item), "-n", self.namespace)

    def exists(self, arn):
        if ":autoscaling:" in arn:
            pages = self.scaling.get_paginator("describe_scaling_policies").paginate(ServiceNamespace="sagemaker")
            return arn in [policy["PolicyARN"] for page in pages for policy in page["ScalingPolicies"]]
        if ":application-autoscaling:" in arn:
            pages = self.scaling.get_paginator("describe_scalable_targets").paginate(ServiceNamespace="sagemaker")
            return arn in [target["ScalableTargetARN"] for page in pages for target in page["ScalableTargets"]]
        try:
            # Executions have no tags of their own.
            if "/execution/" in arn:
                self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            else:
                self.sagemaker.list_tags(ResourceArn=arn)
        except self.sagemaker.exceptions.ClientError:
            return False
        return True


@pytest.fixture(scope="module")
def world(kube, definitions, cloud, tmp_path_factory):
    world = World(kube, cloud, tmp_path_factory.mktemp("samples"))
    yield world
    world.stop()


def plural(item):
    group = item["apiVersion"].split("/")[0]
    return f"{item['kind'].lower()}.{group}"


def at(item):
    return plural(item), named(item)


def named(item):
    return item["metadata"]["name"]


def sample(file, name):
    """A sample whose names, and those that it refers to, are a test's own."""
    text = re.sub(r"\bsample\b", name, (SAMPLES / f"{file}.yaml").read_text())
    # Plain Python stands for the framework, which takes minutes to install.
    text = re.sub(r"\S+/sagemaker-scikit-learn:\S+", harness.PYTHON_IMAGE, text)
    return yaml.safe_load(text)


def second(file, name):
    """The sample once more, under a name that follows from its object's."""
    item = sample(file, name)
    item["metadata"]["name"] += "-second"
    item["spec"] = {field: value for field, value in item["spec"].items() if value != name}
    return item


def needed(file):
    """What a sample refers to, from what refers to nothing on."""
    found = []
    for need in EXPECTED[file].get("needs", []):
        found += [one for one in (*needed(need), need) if one not in found]
    return found


def test_each_sample_has_its_expectation():
    files = {file.stem for file in SAMPLES.glob("*.yaml")}
    assert len(files) == 28 and files == set(EXPECTED)


@pytest.mark.parametrize("file", EXPECTED)
def test_a_sample_is_applied_changed_kept_taken_over_and_deleted(world, file):
    expected, name = EXPECTED[file], harness.unique("sample")
    item, before = sample(file, name), [sample(need, name) for need in needed(file)]
    if before:
        world.apply(*before)
    for need in before:
        world.settled(need, {})
    world.apply(item)
    seen = world.settled(item, expected)
    arn = seen["status"].get("ackResourceMetadata", {}).get("arn")
    if arn:
        if "second" in expected:
            before.append(second(expected["second"], name))
            world.apply(before[-1])
            world.settled(before[-1], {})
        if "change" in expected:
            patch = json.dumps({"spec": expected["change"]}).replace("sample", name)
            changed(world, item, patch, expected.get("through", ""))
            world.settled(item, expected)
        retained(world, item, expected, arn)
    writes = world.writes()
    world.delete(item)
    if arn:
        assert (world.writes() == writes) == expected.get("kept", False)
        assert expected.get("lingers") or world.exists(arn) == expected.get("kept", False)
    world.delete(*reversed(before))


def changed(world, item, patch, through):
    """The spec has the change, and so has AWS: that has been called by this operation, or by any."""
    writes = world.writes()
    world.kube.kubectl("patch", *at(item), "-n", world.namespace, "--type=merge", "-p", patch)
    item["spec"] = world.kube.get(plural(item), named(item), world.namespace)["spec"]
    more = lambda: set(world.writes()) - set(writes)  # noqa: E731
    harness.wait(lambda: any(through in line for line in more()), f"{item['kind']} is changed in AWS")


def retained(world, item, expected, arn):
    """Its resource stays when the object is deleted, and is the object's again when that comes back."""
    world.kube.kubectl("annotate", *at(item), RETAIN, "-n", world.namespace)
    writes = world.writes()
    world.delete(item)
    assert world.exists(arn)
    if expected.get("adopt"):
        item["metadata"]["annotations"] = {
            "services.k8s.aws/adoption-policy": "adopt-or-create",
            "services.k8s.aws/adoption-fields": json.dumps({"arn": arn}),
        }
    world.apply(item)
    again = world.settled(item, expected)
    assert again["status"]["ackResourceMetadata"]["arn"] == arn
    assert world.writes() == writes
