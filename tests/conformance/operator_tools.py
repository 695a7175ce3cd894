"""`sagewright controller` as a process, beside the control plane and the embedded cloud of a test."""

import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import harness

GROUP = "sagemaker.services.k8s.aws"


class Operator:
    """One `sagewright controller`, which watches the namespaces of its test."""

    def __init__(self, kube, cloud, folder, namespaces, arguments=(), account=None, poll=1, environment=()):
        self.kube, self.cloud, self.account = kube, cloud, account
        self.log_path = pathlib.Path(folder) / f"controller-{harness.unique('log')}.log"
        self.log_path.touch()
        watched = [f"--watch-namespace={','.join(namespaces)}"] if namespaces else []
        self.arguments = [
            "--metrics-addr=127.0.0.1:0", "--healthz-addr=127.0.0.1:0", "--log-level=debug", f"--poll-seconds={poll}",
            *watched, *arguments,
        ]
        self.process = None
        self.environment = dict(environment)
        self.start()

    def start(self, wait=True):
        environment = {
            **self.cloud.environment(self.account), "KUBECONFIG": str(self.kube.kubeconfig), **self.environment,
        }
        self._from = self.log_path.stat().st_size
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [harness.binary(), "controller", *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            )
        if wait:
            harness.wait(self.ready, "the controller is ready")

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the controller ended with {self.process.returncode}:\n{self.log(self._from)}")
        return self.page("health", "/readyz")[0] == 200

    def address(self, what):
        for line in self.lines(self._from):
            if line.get("message") == f"serving {what}":
                return line["address"]
        return None

    def page(self, what, path):
        """Status and text of a page of health or metrics."""
        address = self.address(what)
        if not address:
            return 0, ""
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=harness.PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name, **labels):
        """The sum of a metric's samples that have these labels."""
        total = 0.0
        for line in self.page("metrics", "/metrics")[1].splitlines():
            if line.startswith((f"{name}{{", f"{name} ")):
                if all(f'{key}="{value}"' in line for key, value in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
        return total

    def calls(self, operation=None):
        """Calls to AWS that the controller has made."""
        labels = {"op_id": operation} if operation else {}
        return self.metric("ack_outbound_api_requests_total", **labels)

    def lines(self, since=0):
        """The lines of the log."""
        for line in self.log(since).splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                yield {"message": line}

    def log(self, since=0):
        with open(self.log_path, "rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def stop(self):
        """Ends the controller as Kubernetes does; gives the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(60)

    def kill(self):
        """Ends the controller as a crash does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def model(name, image=harness.SCRIPT_IMAGE, **spec):
    """A Model."""
    return thing("Model", name, {
        "executionRoleARN": harness.role(), "primaryContainer": {"image": image}, **spec,
    })


def thing(kind, name, spec, annotations=None, **metadata):
    return {
        "apiVersion": f"{GROUP}/v1alpha1", "kind": kind,
        "metadata": {"name": name, "annotations": annotations or {}, **metadata}, "spec": spec,
    }


def condition(seen, kind):
    """A condition of an object, or an empty one."""
    found = [c for c in (seen or {}).get("status", {}).get("conditions", []) if c["type"] == kind]
    return found[0] if found else {}


def events(kube, namespace, name):
    """Reasons and messages of an object's events."""
    found = [e for e in kube.list("events", namespace) if e["involvedObject"]["name"] == name]
    return [(event["reason"], event["message"]) for event in found]


def full(plural):
    """The kind's whole name: the legacy operator's kinds have the same plurals."""
    return f"{plural}.{GROUP}"


def trusted(cloud, account):
    """A role of another account that the operator's account may assume."""
    iam = cloud.client("iam", account)
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{harness.ACCOUNT}:root"}, "Action": "sts:AssumeRole",
    }]}
    name = harness.unique("operator")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(everything))
    return role


def scratch_crd(kind, plural, group):
    """A kind of another controller, which takes anything."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{
                "name": "v1alpha1", "served": True, "storage": True, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": anything, "status": anything},
                }},
            }],
        },
    }


def install_crds(kube):
    """Applies the definitions of all kinds, the legacy ones too."""
    for chart in ("sagewright-crds", "sagewright-legacy-crds"):
        kube.kubectl("apply", "-f", harness.ROOT / "charts" / chart / "crds")
    kube.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=120s")
