"""One telling of a story: a namespace, an account and an operator of its own, with a gate on each of its ways."""

import json
import os
import pathlib
import signal
import sys
import threading

import harness
import kube_tools
import urllib3
from operator_tools import GROUP, Operator, install_crds

from . import state
from .gates import AwsGate, KubeGate, Writes
from .story import KINDS, STORY

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/chaos:1"
PROGRAM = pathlib.Path(__file__).parents[1] / "program.py"
# How long a step may take. Back-offs of the operator and of its clients are within it; a run without faults takes seconds.
PATIENCE = 90
# How long what is said of objects may lag behind what is so.
AFTERWARDS = 30
# Answers of an API server that is on its way up.
AWAY = (429, 500, 503, 504)
# Metrics that stay as they are while an operator is quiet; the last two are then 0.
QUIET = ("controller_runtime_reconcile_total", "workqueue_depth", "controller_runtime_active_workers")


class World:
    """One control plane and one embedded cloud for all runs."""

    def __init__(self, folder, kube=None, log=print):
        self.folder = pathlib.Path(folder)
        self.log = log
        self.own = kube is None
        self.kube = kube or kube_tools.Kube(kube_tools.programs(), self.folder / "kube")
        # Connections are kept: a run asks much.
        self.pool = urllib3.PoolManager(maxsize=16, ssl_context=self.kube.trust())
        self.cloud = None
        try:
            if self.own:
                install_crds(self.kube)
            python = os.environ.get("SAGEWRIGHT_TEST_PYTHON", sys.executable)
            images = f'[[image]]\nmatch = "{IMAGE}"\ncommand = ["{python}", "-S", "-E", "{PROGRAM}"]\n'
            self.cloud = harness.Cloud(self.folder, images)
        except BaseException:
            self.close()
            raise
        self.lock, self.number = threading.Lock(), 0

    def close(self):
        self.pool.clear()
        if self.cloud:
            self.cloud.stop()
        if self.own:
            self.kube.stop()

    def new_account(self):
        with self.lock:
            self.number += 1
            account = f"{700_000_000_000 + self.number}"
            self.cloud.keys(account)
        self.cloud.client("s3", account).create_bucket(Bucket=f"data-{account}")
        return account

    def run(self, name, **options):
        return Run(self, name, self.new_account(), **options)


class Run:
    """One telling.

    `replicas` operators elect a leader where there are several. `watched` are namespaces beside the run's own: where one alone is
    watched, annotations of namespaces do not count.
    """

    def __init__(self, world, name, account, seed=0, replicas=1, watched=()):
        self.world, self.kube, self.cloud = world, world.kube, world.cloud
        self.namespace = f"chaos-{account}"
        self.folder = world.folder / "runs" / f"{name.replace(' ', '-')}-{account}"
        self.folder.mkdir(parents=True)
        self.belong(account)
        self.asked, self.patience, self.afterwards = 0, PATIENCE, AFTERWARDS
        self.kube.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        self.writes = Writes()
        self.aws = AwsGate(self.cloud.endpoint, self.writes, seed)
        self.gates = [KubeGate(self.kube, self.writes, f"{seed}/{i}") for i in range(replicas)]
        self.operators = []
        arguments = [f"--reconcile-resources={','.join(KINDS)}"]
        if replicas > 1:
            arguments += ["--enable-leader-election", f"--leader-election-namespace={self.namespace}"]
        for gate in self.gates:
            environment = {
                "KUBECONFIG": str(gate.kubeconfig(self.folder)), "AWS_ENDPOINT_URL": self.aws.url, "AWS_MAX_ATTEMPTS": "3",
                "ACK_SYSTEM_NAMESPACE": self.namespace,
            }
            namespaces = [self.namespace, *watched]
            self.operators.append(
                Operator(self.kube, self.cloud, self.folder, namespaces, arguments, account, environment=environment)
            )
        self.gate, self.operator = self.gates[0], self.operators[0]

    def belong(self, account):
        """Resources belong to an account from now on."""
        self.account, self.image, self.role, self.bucket = account, IMAGE, harness.role(account), f"data-{account}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for operator in self.operators:
            operator.process.send_signal(signal.SIGCONT)
            operator.kill()
        self.aws.close()
        for gate in self.gates:
            gate.release()
            gate.drop()
            gate.close()
        self.kube.remove_namespace(self.namespace, force=True)
        # Endpoints that a run has left would go on.
        for name in [item["EndpointName"] for item in self.call("ListEndpoints").get("Endpoints", [])]:
            self.call("DeleteEndpoint", EndpointName=name)

    # The operator

    def kill(self):
        self.operator.kill()

    def restart(self, wait=True):
        """Kills the operator where it still lives, and starts the next one."""
        self.operator.kill()
        self.gate.drop()
        self.writes.mend()
        self.operator.start(wait)

    def leader(self, but=None):
        """The operator that leads and its gate, once there is one."""

        def look():
            for operator, gate in zip(self.operators, self.gates):
                if operator is not but and operator.metric("leader_election_master_status") == 1:
                    return operator, gate
            return None

        return harness.wait(look, "an operator leads", PATIENCE, 0.2)

    def await_fired(self, step):
        """Whether what was to be done at a write was done, before the step came to its end without that write."""

        def either():
            return self.writes.fired.is_set() or step.done(self, self.everything())

        harness.wait(either, "a write", PATIENCE, 0.05)
        return self.writes.fired.is_set()

    def await_quiet(self):
        """Waits until the operator does nothing but to poll, and has polled."""
        polls, seen = self.aws.operations["ListModels"], []

        def is_quiet():
            metrics = self.operator.page("metrics", "/metrics")[1].splitlines()
            of = {name: [line for line in metrics if line.startswith(name)] for name in QUIET}
            seen.append(of)
            busy = any(not line.endswith(" 0") for name in QUIET[1:] for line in of[name])
            polled = self.aws.operations["ListModels"] > polls + 1 or not self.knows_models()
            return polled and not busy and seen[-3:] == [of] * 3

        harness.wait(is_quiet, "the operator is quiet", PATIENCE, 0.1)

    def knows_models(self):
        return self.operator.metric("sagewright_objects", kind="Model") > 0

    # The cluster

    def path(self, kind, name=None):
        root = f"/apis/{GROUP}/v1alpha1/namespaces/{self.namespace}/{KINDS[kind]}"
        return f"{root}/{name}" if name else root

    def request(self, method, path, body=None, content="application/json"):
        """What the API server answers, once it is there: it may be restarted."""

        def answer():
            try:
                answered = self.world.pool.request(
                    method, self.kube.server + path, body=body and json.dumps(body),
                    headers={"Authorization": f"Bearer {self.kube.token}", "Content-Type": content}, retries=False,
                )
            except (urllib3.exceptions.HTTPError, OSError):
                return None
            return (answered.status, answered.json()) if answered.status not in AWAY else None

        code, told = harness.wait(answer, f"{method} {path} is answered", PATIENCE)
        if code >= 300 and not (code == 404 and method == "DELETE"):
            raise AssertionError(f"{method} {path}: {code}: {told}")
        return told

    def apply(self, *objects):
        for one in objects:
            path = self.path(one["kind"], one["metadata"]["name"])
            self.request("PATCH", f"{path}?fieldManager=user&force=true", one, "application/apply-patch+yaml")

    def ask(self, kind, name):
        """Asks for a look at an object."""
        self.asked += 1
        patch = {"metadata": {"annotations": {state.ASK: str(self.asked)}}}
        self.kube.request("PATCH", self.path(kind, name), patch, "application/merge-patch+json")

    def delete(self, kind, name):
        self.request("DELETE", self.path(kind, name))

    def list(self, kind):
        return self.request("GET", self.path(kind))["items"]

    def everything(self):
        return [seen for kind in KINDS for seen in self.list(kind)]

    def objects(self):
        return [(kind, seen["metadata"]["name"]) for kind in KINDS for seen in self.list(kind)]

    def revision(self):
        return int(self.request("GET", self.path("Model"))["metadata"]["resourceVersion"])

    # AWS

    def call(self, operation, **input):
        code, told = self.cloud.raw(operation, input, keys=self.cloud.keys(self.account))
        return told if code == 200 else {"__error": told}

    def describe(self, operation, **input):
        return self.call(operation, **input)

    def tags_of(self, arn):
        return {tag["Key"]: tag["Value"] for tag in self.call("ListTags", ResourceArn=arn).get("Tags", [])}

    def tags(self, model):
        return self.tags_of(harness.arn("model", model, self.account))

    # The story

    def tell(self, reference=None, before=lambda step: None, during=lambda step: None, steps=STORY):
        """Tells a story, and gives what each step came to; with a reference, each has to come to the same.

        `before` is done before a step declares anything, `during` afterwards.
        """
        told = {}
        for step in steps:
            writes, effects = len(self.writes.seen), len(self.aws.effects)
            before(step)
            step.act(self)
            during(step)
            self.settle(step, reference and reference[step.name].state)
            told[step.name] = Told(
                state.look(self), state.order(self.aws.effects[effects:]), len(self.writes.seen) - writes, self.revision()
            )
            if reference and (lines := state.difference(reference[step.name].order, told[step.name].order)):
                raise Violation(f"other creates or deletes in {step.name}: " + "; ".join(lines))
        self.check_log()
        return told

    def settle(self, step, like=None):
        """Waits until a step is done; and, where there is one, until all is as in the run without faults."""
        last = []

        def is_done():
            objects = self.everything()
            last[:] = [(s["kind"] + "/" + s["metadata"]["name"], s.get("status", {}).get("conditions")) for s in objects]
            return step.done(self, objects)

        try:
            harness.wait(is_done, step.name, self.patience, 0.2)
        except AssertionError as error:
            raise Violation(f"stuck: {error}: {json.dumps(last)}") from None
        if like is not None:
            self.settle_like(step.name, like)

    def settle_like(self, what, like):
        seen = []

        def is_like():
            seen[:] = state.difference(like, state.look(self))
            return not seen

        try:
            harness.wait(is_like, "the same end", self.afterwards, 0.2)
        except AssertionError:
            raise Violation(f"another end of {what}: " + "; ".join(seen)) from None

    def check_log(self):
        for operator in self.operators:
            for fault in ("panicked", "a fault of this program"):
                if fault in operator.log():
                    raise Violation(f"the operator's log has `{fault}`: {operator.log_path}")


class Told:
    """What a step came to: the state, creates and deletes in their order, the number of writes, and the revision."""

    def __init__(self, state, order, writes, revision):
        self.state, self.order, self.writes, self.revision = state, order, writes, revision


class Violation(Exception):
    """Something else came of a run than of the one without faults."""
