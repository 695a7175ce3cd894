"""A Kubernetes control plane for tests, and stock kubectl and helm for it."""

import json
import os
import pathlib
import subprocess
import sys

import harness

sys.path.append(str(harness.ROOT / "tests" / "kube"))
from control_plane import ControlPlane  # noqa: E402


def programs():
    """The folder of kube-apiserver, etcd, kubectl and helm."""
    path = os.environ.get("SAGEWRIGHT_TEST_KUBE")
    if not path:
        raise RuntimeError(
            "SAGEWRIGHT_TEST_KUBE names no folder of kube-apiserver, etcd, kubectl and helm: run the tests with "
            "`cargo xtask test`, or set it to the folder that `cargo xtask kube build` prints"
        )
    return pathlib.Path(path)


class Kube(ControlPlane):
    """The control plane that tests share; they keep apart by namespaces."""

    def kubectl(self, *arguments, input=None, fails=False, kubeconfig=None):
        """Runs `kubectl …`; gives what it prints, or its errors with `fails`."""
        return self._run("kubectl", arguments, input, fails, kubeconfig)

    def helm(self, *arguments, input=None, fails=False, kubeconfig=None):
        """Runs `helm …`; gives what it prints, or its errors with `fails`."""
        return self._run("helm", arguments, input, fails, kubeconfig)

    def apply(self, objects, namespace="default", fails=False):
        """Applies YAML, or objects as Python has them."""
        if not isinstance(objects, str):
            items = objects if isinstance(objects, list) else [objects]
            objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        return self.kubectl("apply", "-n", namespace, "-f", "-", input=objects, fails=fails)

    def wait(self, kind, name, check=bool, namespace="default", what="is as expected"):
        """The object once `check` of it is true; `check` gets `None` while there is no such object."""
        seen = None

        def look():
            nonlocal seen
            try:
                seen = self.get(kind, name, namespace)
            except (OSError, LookupError) as error:
                # The apiserver is being restarted, or does not serve the kind yet.
                seen = str(error)
                return None
            return check(seen) and (seen or True)

        try:
            return harness.wait(look, f"{kind} {namespace}/{name} {what}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {json.dumps(seen, indent=1)}") from None

    def wait_condition(self, kind, name, condition, status="True", namespace="default"):
        """The object once a condition of its status has this status."""

        def check(seen):
            conditions = (seen or {}).get("status", {}).get("conditions", [])
            return any(c["type"] == condition and c["status"] == status for c in conditions)

        return self.wait(kind, name, check, namespace, f"has {condition}={status}")

    def wait_gone(self, kind, name, namespace="default"):
        self.wait(kind, name, lambda seen: seen is None, namespace, "is gone")

    def service_account(self, name, namespace):
        """A kubeconfig with a token of a service account that exists."""
        token = self.kubectl("create", "token", name, "-n", namespace).strip()
        return self.write_kubeconfig(f"{namespace}-{name}", token, namespace)

    def _run(self, program, arguments, input, fails, kubeconfig):
        done = subprocess.run(
            [str(self.programs / program), *map(str, arguments)],
            input=input, capture_output=True, text=True, timeout=harness.PATIENCE, env=self.environment(kubeconfig),
        )
        told = f"{program} {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}"
        assert (done.returncode != 0) == fails, told
        return done.stderr if fails else done.stdout
