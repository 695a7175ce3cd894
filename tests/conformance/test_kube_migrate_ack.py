"""`sagewright migrate ack`: the check before a swap of ACK's controllers for Sagewright, the swap, and the swap back.

The definitions of all kinds are replaced, and so these tests have a control plane of their own. Nobody plays the controller manager:
replicas of Deployments are numbers, and pods are made by the tests.
"""

import json
import subprocess

import pytest
import yaml

import harness
import kube_tools
from command import Cli
from operator_tools import GROUP, Operator, thing

SCALING = "applicationautoscaling.services.k8s.aws"
HELD = {"app.kubernetes.io/managed-by": "Helm"}
"""A label of a definition that a swap has to keep."""
LOOSE = ("enum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minimum",
         "maximum", "x-kubernetes-validations")  # fmt: skip


def loosened(schema):
    """A schema as ACK's are: types and nothing more."""
    if isinstance(schema, dict):
        return {key: loosened(value) for key, value in schema.items() if key not in LOOSE or isinstance(value, dict)}
    return [loosened(value) for value in schema] if isinstance(schema, list) else schema


def acks(definition):
    """A definition as ACK's generator makes it; that of Model lacks a field."""
    definition = json.loads(json.dumps(definition))
    definition["metadata"]["annotations"] = {"controller-gen.kubebuilder.io/version": "v0.16.2"}
    definition["metadata"]["labels"] = HELD
    names, (version,) = definition["spec"]["names"], definition["spec"]["versions"]
    names.pop("shortNames", None), names.pop("categories", None)
    version["schema"] = loosened(version["schema"])
    if names["kind"] == "Model":
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].pop("vpcConfig")
    return definition


FOLDER = harness.ROOT / "charts" / "sagewright-crds" / "crds"
PLURALS = [f"models.{GROUP}", f"modelpackagegroups.{GROUP}", f"trainingjobs.{GROUP}", f"scalabletargets.{SCALING}"]
OURS = {}
for plural in [*PLURALS, "fieldexports.services.k8s.aws"]:
    (OURS[plural],) = yaml.safe_load_all((FOLDER / "{1}_{0}.yaml".format(*plural.split(".", 1))).read_text())


@pytest.fixture(scope="module")
def own_kube(tmp_path_factory):
    kube = kube_tools.Kube(kube_tools.programs(), tmp_path_factory.mktemp("kube"))
    yield kube
    kube.stop()


@pytest.fixture
def kube(own_kube):
    """The control plane with ACK's definitions."""
    for name, definition in OURS.items():
        there = own_kube.get("customresourcedefinition", name)
        wanted = acks(definition)
        if there:
            wanted["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
        own_kube.kubectl("replace" if there else "create", "-f", "-", input=json.dumps(wanted))
    own_kube.kubectl("wait", "--for=condition=Established", "crd", "-l", "!none", "--timeout=120s")
    return own_kube


@pytest.fixture
def namespace(kube):
    name = harness.unique("ack")
    kube.kubectl("create", "namespace", name)
    yield name
    kube.remove_namespace(name, force=True)


def controller(service, namespace, url, replicas=1, arguments=(), **pod):
    """The Deployment of ACK's chart, as far as it matters."""
    name = f"ack-{service}-controller"
    labels = {"app.kubernetes.io/name": f"{service}-chart", "app.kubernetes.io/instance": name}
    variables = {
        "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": url, "ACK_WATCH_NAMESPACE": "", "DELETION_POLICY": "delete",
        "RECONCILE_DEFAULT_RESYNC_SECONDS": "36000", "RECONCILE_RESOURCES": "", "HTTPS_PROXY": "http://proxy.corp:3128",
    }
    container = {
        "name": "controller", "image": f"public.ecr.aws/aws-controllers-k8s/{service}-controller:1.9.1",
        "command": ["./bin/controller"],
        "args": [
            "--aws-region", "$(AWS_REGION)", "--aws-endpoint-url", "$(AWS_ENDPOINT_URL)", "--watch-namespace",
            "$(ACK_WATCH_NAMESPACE)", "--deletion-policy", "$(DELETION_POLICY)", "--reconcile-default-resync-seconds",
            "$(RECONCILE_DEFAULT_RESYNC_SECONDS)", "--reconcile-resources", "$(RECONCILE_RESOURCES)", *arguments,
        ],
        "env": [{"name": key, "value": value} for key, value in variables.items()],
    }
    spec = {"serviceAccountName": name, "containers": [container], **pod}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def sagewright(namespace):
    labels = {"app.kubernetes.io/name": "sagewright", "app.kubernetes.io/instance": "sagewright"}
    container = {"name": "controller", "image": "registry.corp/sagewright:0.1.0", "args": ["controller"]}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "sagewright", "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture
def swap(kube, cloud, namespace, account, tmp_path):
    return Swap(kube, cloud, namespace, account, tmp_path)


class Swap:
    """A namespace in which ACK's two controllers run, and an account of AWS."""

    def __init__(self, kube, cloud, namespace, account, folder):
        self.kube, self.cloud, self.namespace, self.account = kube, cloud, namespace, account
        self.cli = Cli(cloud, account, folder)
        self.sagemaker = cloud.client("sagemaker", account)
        self.applied = [controller(service, namespace, cloud.endpoint_url) for service in ("sagemaker", "applicationautoscaling")]
        kube.apply([*self.applied, sagewright(namespace)], namespace)

    def __call__(self, *arguments, code=0, **more):
        return self.cli("migrate", "ack", *arguments, code=code, KUBECONFIG=str(self.kube.kubeconfig), **more)

    def replicas(self):
        found = self.kube.list("deployment", self.namespace)
        return {one["metadata"]["name"]: one["spec"]["replicas"] for one in found}

    def model(self, name, managed=True, created=None, **spec):
        """A Model that ACK has made in AWS, and its object."""
        image = {"Image": harness.SCRIPT_IMAGE, "Environment": {"A": "1"}}
        made = {"ExecutionRoleArn": harness.role(self.account), "PrimaryContainer": image} | (created or {})
        tags = {"services.k8s.aws/namespace": self.namespace, "services.k8s.aws/controller-version": "sagemaker-v1.9.1"}
        tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        arn = self.sagemaker.create_model(ModelName=name, Tags=tags, **made)["ModelArn"]
        container = {"image": harness.SCRIPT_IMAGE, "environment": {"A": "1"}}
        declared = {"modelName": name, "executionRoleARN": harness.role(self.account), "primaryContainer": container}
        held = {"finalizers": [f"finalizers.{GROUP}/Model"]} if managed else {}
        self.kube.apply(thing("Model", name, declared | spec, **held), self.namespace)
        status = {
            "ackResourceMetadata": {"arn": arn, "ownerAccountID": self.account, "region": "us-east-1"},
            "conditions": [{"type": "ACK.ResourceSynced", "status": "True"}],
        }
        patch = json.dumps({"status": status})
        self.kube.kubectl("patch", f"models.{GROUP}", name, "-n", self.namespace, "--subresource=status", "--type=merge", "-p", patch)
        return arn

    def tags(self, arn):
        return {tag["Key"]: tag["Value"] for tag in self.sagemaker.list_tags(ResourceArn=arn)["Tags"]}

    def definitions(self):
        return {name: self.kube.get("customresourcedefinition", name) for name in OURS}

    def lease(self, holder="ack-pod_1"):
        name = f"ack-{GROUP}"
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
        self.kube.apply(lease, self.namespace)


def test_the_check_tells_what_there_is_and_changes_nothing(swap):
    arn, name = swap.model(one := harness.unique("model")), one
    swap.model(harness.unique("model"))
    swap.lease()
    before = swap.definitions(), swap.kube.get(f"models.{GROUP}", name, swap.namespace), swap.replicas(), swap.tags(arn)
    told = swap()
    assert f"{swap.namespace}/ack-sagemaker-controller: ACK's controller for sagemaker runs (1 replica, 0 pods, public.ecr" in told.out
    assert f"{swap.namespace}/sagewright: Sagewright does not run" in told.out
    assert f"the lease {swap.namespace}/ack-{GROUP} is held by ack-pod_1" in told.out
    assert "4 are ACK's and would be replaced, 0 are Sagewright's" in told.out
    assert "other ACK controllers share them: fieldexports.services.k8s.aws" in told.out
    row = [line.split() for line in told.lines if line.startswith(f"{swap.namespace} ")]
    assert row == [[swap.namespace, "Model", "2", "2", "0", "2", "0"]]
    assert told.lines[-1] == "Nothing would change in AWS but the mark: the tag sagewright.dev/owner."
    assert "Plan: 2 to adopt." in told.lines
    assert before == (swap.definitions(), swap.kube.get(f"models.{GROUP}", name, swap.namespace), swap.replicas(), swap.tags(arn))
    document = swap("-o", "json").json()
    assert [(one["object"]["name"], one["action"], one["changesAws"], one["finalizer"], one["ackTag"]) for one in document["objects"]][0][1:] == (
        "adopt", False, True, True,
    )
    assert {one["deployment"].split("/")[1]: one["replicas"] for one in document["controllers"]} == swap.replicas()


def test_settings_become_values_that_the_chart_takes(swap):
    (setting,) = swap("-o", "json").json()["settings"]
    assert len(setting["of"]) == 2, "both controllers have the same settings"
    assert setting["values"] == {
        "aws": {"region": "us-east-1", "endpoint_url": swap.cloud.endpoint_url}, "deletionPolicy": "delete",
        "serviceAccount": {"create": False, "name": "ack-sagemaker-controller"},
        "deployment": {"extraEnvVars": [{"name": "HTTPS_PROXY", "value": "http://proxy.corp:3128"}]},
    }
    assert any("36000" in told for told in setting["notTakenOver"]) and any("image" in told for told in setting["notTakenOver"])
    chart = harness.ROOT / "charts" / "sagewright"
    rendered = swap.kube.helm("template", "sagewright", chart, "-f", "-", input=json.dumps(setting["values"]))
    (deployment,) = [one for one in yaml.safe_load_all(rendered) if one and one["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "ack-sagemaker-controller"
    assert f"--aws-endpoint-url={swap.cloud.endpoint_url}" in pod["containers"][0]["args"]


def test_settings_that_differ_are_values_of_two_releases(swap):
    other = controller("sagemaker", swap.namespace, swap.cloud.endpoint_url, arguments=["--enable-carm=false", "--new-flag=1"])
    swap.kube.apply(other, swap.namespace)
    told = swap("-o", "json").json()["settings"]
    assert [len(one["of"]) for one in told] == [1, 1]
    assert [one["values"].get("enableCARM") for one in told] == [False, None]
    assert any(left.startswith("--new-flag=1: ") for left in told[0]["notTakenOver"])


def test_what_would_change_is_shown_and_the_exit_code_says_so(swap):
    name, gone = harness.unique("model"), harness.unique("model")
    swap.model(name, tags=[{"key": "team", "value": "fraud"}])
    swap.model(gone)
    swap.sagemaker.delete_model(ModelName=gone)
    told = swap(code=2)
    assert "+ tags.team: fraud" in told.out
    assert f"Model {swap.namespace}/{gone}: create" in told.out
    assert told.lines[-1] == "Sagewright would change the resources of 2 objects."
    assert "nothing was swapped" in swap("--swap", "--yes", code=2).err
    assert swap.replicas()["ack-sagemaker-controller"] == 1
    with pytest.raises(swap.sagemaker.exceptions.ClientError):
        swap.sagemaker.describe_model(ModelName=gone)


def test_what_cannot_be_taken_over_is_told(swap):
    unmanaged, edited = harness.unique("model"), harness.unique("model")
    swap.model(unmanaged, managed=False)
    swap.model(edited, enableNetworkIsolation=True)
    told = swap(code=1)
    assert f"the model `{unmanaged}` exists and is not managed by this object" in told.out
    assert "spec.enableNetworkIsolation" in told.out and "(cannot be changed)" in told.out
    assert "nothing was swapped" in swap("--swap", "--yes", code=1).err


def test_what_the_definitions_would_not_take_is_told(swap):
    name = harness.unique("model")
    swap.model(name)
    long = {"metadata": {"name": name}, "spec": {"modelName": "m" * 64}}
    swap.kube.kubectl("patch", f"models.{GROUP}", name, "-n", swap.namespace, "--type=merge", "-p", json.dumps(long))
    told = swap(code=1)
    assert f"{swap.namespace}/{name} is stored and would not be taken: spec.modelName is out of bounds: maxLength 63" in told.out


def test_the_swap_goes_on_after_a_crash_and_deletes_nothing(swap, tmp_path):
    arn, name = swap.model(one := harness.unique("model")), one
    swap.lease()
    before = swap.definitions()
    command = [harness.binary(), "migrate", "ack", "--swap", "--yes", "--timeout", "1h"]
    environment = swap.cli.environment(KUBECONFIG=str(swap.kube.kubeconfig))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    for line in process.stderr:
        if "wait until the pods of ACK are gone" in line:
            break
    process.kill()
    process.communicate()
    down = {"ack-sagemaker-controller": 0, "ack-applicationautoscaling-controller": 0, "sagewright": 0}
    assert swap.replicas() == down and swap.definitions() == before
    # A lease that is not given up is waited for, and not for ever.
    told = swap("--swap", "--yes", "--timeout", "1s", code=3)
    assert f"the lease {swap.namespace}/ack-{GROUP} is held by ack-pod_1" in told.err
    assert "write down" not in told.err and "scale the Deployment" not in told.err
    assert swap.replicas() == down and swap.definitions() == before
    swap.lease(holder="")
    told = swap("--swap", "--yes")
    assert "replace 4 definitions by Sagewright's" in told.err and told.err.count("scale the Deployment") == 1
    assert swap.replicas() == down | {"sagewright": 1}
    for plural, after in swap.definitions().items():
        assert after["metadata"]["uid"] == before[plural]["metadata"]["uid"]
        assert after["metadata"]["labels"] == HELD
        assert after["metadata"]["annotations"]["controller-gen.kubebuilder.io/version"]
        enums = "enum" in json.dumps(after["spec"])
        assert enums == ("enum" in json.dumps(OURS[plural]["spec"]) and plural in PLURALS), plural
    assert "all steps were done before" in swap("--swap", "--yes").err

    # What was promised holds: the controller takes the object over, with the mark as its only write.
    operator = Operator(swap.kube, swap.cloud, tmp_path, [swap.namespace], account=swap.account)
    harness.wait(lambda: "sagewright.dev/owner" in swap.tags(arn), "the resource has the mark")
    swap.kube.wait_condition(f"models.{GROUP}", name, "Ready", namespace=swap.namespace)
    assert operator.calls("CreateModel") == operator.calls("DeleteModel") == 0
    assert operator.stop() == 0

    told = swap("--back", "--yes")
    assert "replace 4 definitions by ACK's" in told.err
    assert swap.replicas() == {"ack-sagemaker-controller": 1, "ack-applicationautoscaling-controller": 1, "sagewright": 0}
    after = swap.definitions()
    assert {name: one["spec"] for name, one in after.items()} == {name: one["spec"] for name, one in before.items()}
    assert {one["metadata"]["uid"] for one in after.values()} == {one["metadata"]["uid"] for one in before.values()}
    assert swap.kube.get(f"models.{GROUP}", name, swap.namespace)["spec"]["modelName"] == name
    assert swap.sagemaker.describe_model(ModelName=name)
    assert "all steps were done before" in swap("--back", "--yes").err
    # And there again.
    swap("--swap", "--yes")
    assert swap.replicas() == down | {"sagewright": 1}


def test_pods_of_ack_are_waited_for(swap):
    labels = swap.applied[0]["spec"]["selector"]["matchLabels"]
    swap.kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}, swap.namespace)
    container = {"name": "controller", "image": "x"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", "labels": labels}, "spec": {"containers": [container]}}
    swap.kube.apply(pod, swap.namespace)
    told = swap("--swap", "--yes", "--timeout", "1s", code=3)
    assert f"1 pod of {swap.namespace}/ack-sagemaker-controller" in told.err and swap.replicas()["sagewright"] == 0
    swap.kube.kubectl("delete", "pod", "pod", "-n", swap.namespace, "--force", "--grace-period=0")
    swap("--swap", "--yes")
    assert swap.replicas()["sagewright"] == 1


def test_fields_that_ack_does_not_have_are_not_lost_unasked(swap):
    swap("--swap", "--yes")
    name = harness.unique("model")
    network = {"subnets": ["subnet-1"], "securityGroupIDs": ["sg-1"]}
    container = {"image": harness.SCRIPT_IMAGE}
    spec = {"modelName": name, "executionRoleARN": harness.role(), "primaryContainer": container, "vpcConfig": network}
    swap.kube.apply(thing("Model", name, spec), swap.namespace)
    told = swap("--back", "--yes", code=1)
    assert f"models {swap.namespace}/{name}: ACK's definition does not take it: spec.vpcConfig is no field" in told.err
    assert swap.replicas()["sagewright"] == 1
    swap("--back", "--yes", "--force")
    assert swap.replicas()["ack-sagemaker-controller"] == 1


def test_nothing_is_done_without_a_yes(swap):
    told = swap("--swap", code=64)
    assert "6 steps would be done, and there is no terminal" in told.err
    told, code = swap.cli.asked("y\nn\n", "migrate", "ack", "--swap", KUBECONFIG=str(swap.kube.kubeconfig))
    assert code == 1 and "Step 2 of 6: scale the Deployment" in told.err and "stopped here" in told.err
    assert swap.replicas() == {"ack-sagemaker-controller": 1, "ack-applicationautoscaling-controller": 1, "sagewright": 0}


def test_a_deployment_that_is_kept_by_others_is_told(swap):
    swap.kube.kubectl("label", "deployment", "ack-sagemaker-controller", "-n", swap.namespace, "argocd.argoproj.io/instance=ack")
    told = swap("--swap", "--yes")
    assert f"warning: {swap.namespace}/ack-sagemaker-controller is kept by Argo CD" in told.err


def test_what_stands_in_the_way_of_a_swap_is_told(swap):
    swap.kube.kubectl("delete", "deployment", "sagewright", "-n", swap.namespace)
    told = swap("--swap", "--yes", code=1)
    assert "the cluster has no Deployment of Sagewright" in told.flat and "deployment.replicas=0" in told.flat
    swap.kube.apply({**sagewright(swap.namespace), "spec": sagewright(swap.namespace)["spec"] | {"replicas": 1}}, swap.namespace)
    told = swap("--swap", "--yes", code=1)
    assert f"both {swap.namespace}/sagewright and ACK run" in told.flat
    told = swap("--back", "--yes", code=1)
    assert "nothing was swapped" in told.flat


def test_calls_that_others_could_read_are_not_made_unasked(swap):
    name = harness.unique("model")
    swap.model(name)
    swap.kube.apply(controller("sagemaker", swap.namespace, "http://aws.corp"), swap.namespace)
    told = swap(code=1)
    assert "ACK's controller calls http://aws.corp" in told.flat and "give --endpoint-url" in told.flat
    given = ("--endpoint-url", swap.cloud.endpoint_url)
    assert "Nothing would change" in swap(*given).out
    url = "services.k8s.aws/endpoint-url=http://elsewhere.corp"
    swap.kube.kubectl("annotate", "namespace", swap.namespace, url)
    assert "its namespace sends calls to http://elsewhere.corp" in swap(*given, code=1).out
