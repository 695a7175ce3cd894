"""The operator before an API server that shows something late, refuses writes, or does not serve a kind for a moment."""

import asyncio
import collections
import sys

import pytest

import harness
from operator_tools import Operator, condition, events, full, model, trusted

sys.path.insert(0, str(harness.ROOT / "tests"))

from chaos.cluster.gates import KubeGate, Writes, answer_json, short, status  # noqa: E402


class Gate(KubeGate):
    """Refuses so many requests of a method to a path, as `short` gives it, by an HTTP status."""

    def __init__(self, kube):
        super().__init__(kube, Writes())
        self.refused = collections.Counter()
        self.code = 403
        # Seconds that a list of namespaces takes.
        self.delay = 0

    async def _answer(self, head, body, writer):
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        path, _, query = path.partition("?")
        if method == "GET" and path == "/api/v1/namespaces":
            await asyncio.sleep(self.delay)
        # Children of legacy objects are watched beside the others, by their label.
        chosen = "labelSelector" not in query
        if chosen and (self.refused[method, path] > 0 or self.refused[method, short(path)] > 0):
            self.refused[method, path] -= 1
            self.refused[method, short(path)] -= 1
            writer.write(answer_json(self.code, status(self.code, "Refused", f"{path} is refused")))
            await writer.drain()
            return True
        return await super()._answer(head, body, writer)


@pytest.fixture
def gate(kube):
    gate = Gate(kube)
    yield gate
    gate.release()
    gate.close()


@pytest.fixture
def other(kube):
    """Another namespace: where one alone is watched, annotations of namespaces do not count."""
    name = harness.unique("other")
    kube.kubectl("create", "namespace", name)
    yield name
    kube.remove_namespace(name, force=True)


@pytest.fixture
def start(kube, definitions, cloud, gate, tmp_path):
    """Starts operators that reach the API server through the gate."""
    started = []

    def start(namespaces, *arguments):
        environment = {"ACK_SYSTEM_NAMESPACE": namespaces[0], "KUBECONFIG": str(gate.kubeconfig(tmp_path))}
        started.append(Operator(kube, cloud, tmp_path, namespaces, arguments, environment=environment))
        return started[-1]

    yield start
    for operator in started:
        operator.stop()


def names(sagemaker):
    return {m["ModelName"] for m in harness.listed(sagemaker, "list_models")}


def test_an_object_waits_until_its_new_namespace_is_known(kube, gate, start, cloud, namespace):
    fresh = harness.unique("fresh")
    start([namespace, fresh])
    gate.holds = lambda path: path.endswith("/namespaces")
    gate.hold()
    annotations = {"services.k8s.aws/default-region": "eu-west-1"}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": fresh, "annotations": annotations}})
    try:
        early, later = harness.unique("model"), harness.unique("model")
        kube.apply(model(early), fresh)
        kube.apply(model(later), namespace)
        kube.wait_condition(full("models"), later, "Ready", namespace=namespace)
        gate.release()
        seen = kube.wait_condition(full("models"), early, "Ready", namespace=fresh)
        assert seen["status"]["ackResourceMetadata"]["region"] == "eu-west-1"
        assert early not in names(cloud.client("sagemaker"))
        kube.kubectl("delete", full("models"), early, "-n", fresh)
    finally:
        kube.remove_namespace(fresh, force=True)


def test_a_restart_looks_at_nothing_although_namespaces_are_told_late(
    kube, gate, start, cloud, namespace, other, account
):
    kube.kubectl("annotate", "namespace", other, f"services.k8s.aws/owner-account-id={account}")
    roles = {"kind": "ConfigMap", "metadata": {"name": "ack-role-account-map"}, "data": {account: trusted(cloud, account)}}
    kube.apply({"apiVersion": "v1", **roles}, namespace)
    operator = start([namespace, other])
    some = [harness.unique("model") for _ in range(5)]
    kube.apply([model(name, executionRoleARN=harness.role(account)) for name in some], other)
    for name in some:
        kube.wait_condition(full("models"), name, "Ready", namespace=other)
    all_settled = lambda: operator.metric("sagewright_objects_settled", kind="Model") == len(some)  # noqa: E731
    harness.wait(all_settled, "all are settled")
    operator.stop()
    gate.delay = 1
    operator.start()
    harness.wait(all_settled, "all are settled again")
    assert operator.calls("DescribeModel") == 0
    kube.kubectl("delete", full("models"), *some, "-n", other)


def test_a_kind_that_is_not_served_for_a_moment_is_watched_again_in_each_namespace(kube, gate, start, namespace, other):
    gate.code = 404
    gate.refused["GET", f"/apis/sagemaker.services.k8s.aws/v1alpha1/namespaces/{other}/models"] = 1
    operator = start([namespace, other])
    gone = "the cluster does not serve this kind any more"
    harness.wait(lambda: gone in operator.log(), "one of the two watches has ended")
    for place in (namespace, other):
        name = harness.unique("model")
        kube.apply(model(name), place)
        kube.wait_condition(full("models"), name, "Ready", namespace=place)
        kube.kubectl("delete", full("models"), name, "-n", place)


def test_what_happened_is_told_once_although_the_status_cannot_be_written(kube, gate, start, namespace, sagemaker):
    operator = start([namespace])
    name = harness.unique("model")
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer={"Image": harness.SCRIPT_IMAGE},
    )
    gate.refused["PATCH", f"models/{name}/status"] = 2
    kube.apply(model(name), namespace)
    seen = kube.wait_condition(full("models"), name, "ACK.Terminal", namespace=namespace)
    assert condition(seen, "ACK.Terminal")["reason"] == "NotManaged"
    assert operator.log().count("is refused") >= 2
    told = lambda: [reason for reason, _ in events(kube, namespace, name)]  # noqa: E731
    harness.wait(lambda: "NotManaged" in told(), "the event is written")
    assert told().count("NotManaged") == 1
    kube.kubectl("delete", full("models"), name, "-n", namespace)


def test_a_leader_goes_on_when_its_lease_is_written_at_the_same_time(kube, gate, start, namespace):
    operator = start([namespace], "--enable-leader-election", f"--leader-election-namespace={namespace}")
    leads = lambda: operator.metric("leader_election_master_status") == 1  # noqa: E731
    harness.wait(leads, "it leads")
    lease = "leases/ack-sagemaker.services.k8s.aws"
    gate.conflicts[lease] = 1
    harness.wait(lambda: gate.conflicts[lease] == 0, "it met the conflict")
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    renewed = kube.get("leases", "ack-sagemaker.services.k8s.aws", namespace)["spec"]["renewTime"]
    again = lambda: kube.get("leases", "ack-sagemaker.services.k8s.aws", namespace)["spec"]["renewTime"] != renewed  # noqa: E731
    harness.wait(again, "it renews its lease")
    assert operator.process.poll() is None and leads()
    kube.kubectl("delete", full("models"), name, "-n", namespace)
