"""The control plane that tests of the operator use, with stock kubectl and helm."""

import json
import os
import socket
import subprocess
import sys

import pytest

import harness


@pytest.fixture
def group():
    """An API group of the test's own."""
    return f"{harness.unique('g')}.example.com"


def definition(group):
    """A CustomResourceDefinition with one field and a status."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "minimum": 1}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [{
                "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }],
        },
    }


@pytest.fixture
def widgets(kube, group):
    """The group of a kind `Widget`."""
    kube.apply(definition(group))
    kube.kubectl("wait", "--for=condition=Established", f"crd/widgets.{group}", "--timeout=60s")
    yield group
    kube.kubectl("delete", "crd", f"widgets.{group}", "--wait=false")


def widget(group, name, size=1, **metadata):
    return {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": name, **metadata}, "spec": {"size": size}}


def test_kubectl_applies_and_reads_objects_of_a_kind_that_it_defined(kube, namespace, widgets):
    assert "created" in kube.apply(widget(widgets, "one", 3), namespace)
    read = json.loads(kube.kubectl("get", f"widget.{widgets}", "one", "-n", namespace, "-o", "json", "--show-managed-fields"))
    assert read["spec"] == {"size": 3}
    assert kube.get(f"Widget.{widgets}", "one", namespace) == read
    assert kube.list(f"widgets.{widgets}", namespace) == [read]
    refused = kube.apply(widget(widgets, "two", 0), namespace, fails=True)
    assert "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1" in refused
    assert kube.get(f"Widget.{widgets}", "two", namespace) is None


def test_programs_tell_the_versions_that_the_module_pins(kube):
    versions = json.loads(kube.kubectl("version", "-o", "json"))
    for side in ("clientVersion", "serverVersion"):
        assert (versions[side]["major"], versions[side]["minor"], versions[side]["gitVersion"]) == ("1", "34", "v1.34.2")
    assert kube.helm("version", "--template", "{{.Version}}") == "v3.19.5"


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: trivial\nversion: 0.1.0\nkubeVersion: '>=1.34.0-0'\n",
    "values.yaml": "word: hello\n",
    "templates/map.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\n"
        "data:\n  word: {{ .Values.word }}\n"
    ),
}


@pytest.fixture
def chart(tmp_path):
    for name, text in CHART.items():
        path = tmp_path / "trivial" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "trivial"


def test_helm_renders_and_installs_a_chart(kube, namespace, chart):
    assert "word: bye" in kube.helm("template", "x", chart, "--set", "word=bye")
    kube.helm("install", "greeting", chart, "-n", namespace)
    assert kube.get("ConfigMap", "greeting", namespace)["data"] == {"word": "hello"}
    kube.helm("upgrade", "greeting", chart, "-n", namespace, "--set", "word=bye")
    assert kube.get("ConfigMap", "greeting", namespace)["data"] == {"word": "bye"}
    kube.helm("uninstall", "greeting", "-n", namespace)
    assert kube.get("ConfigMap", "greeting", namespace) is None


@pytest.mark.parametrize("kill", [False, True], ids=["ended", "killed"])
def test_objects_outlive_the_apiserver(kube, namespace, kill):
    before, server = kube.apiserver.pid, kube.server
    kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}}, namespace)
    kept = kube.get("ConfigMap", "kept", namespace)
    kube.stop_apiserver(kill)
    assert not harness.alive(before)
    assert "refused" in kube.kubectl("get", "namespaces", fails=True)
    kube.start_apiserver()
    assert kube.server == server
    assert kube.wait("ConfigMap", "kept", namespace=namespace) == kept


def test_a_service_account_may_do_what_its_role_says_and_no_more(kube, namespace):
    kube.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    kube.kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps", "-n", namespace)
    kube.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader", "-n", namespace)
    reader = kube.service_account("reader", namespace)
    assert "No resources found" not in kube.kubectl("get", "configmaps", "-n", namespace, "-o", "name", kubeconfig=reader)
    told = kube.kubectl("get", "secrets", "-n", namespace, kubeconfig=reader, fails=True)
    assert f'User "system:serviceaccount:{namespace}:reader" cannot list resource "secrets"' in told


def test_a_removed_namespace_waits_for_finalizers_unless_forced(kube, widgets):
    name = harness.unique("ns")
    kube.kubectl("create", "namespace", name)
    kube.apply(widget(widgets, "held", finalizers=["example.com/hold"]), name)
    kube.kubectl("delete", "namespace", name, "--wait=false")
    kube.kubectl("delete", f"widgets.{widgets}", "held", "-n", name, "--wait=false")
    assert kube.get(f"Widget.{widgets}", "held", name)["metadata"]["deletionTimestamp"]
    kube.remove_namespace(name, force=True)
    assert kube.get("Namespace", name) is None


def test_the_apiserver_listens_at_one_address_only(kube):
    port = int(kube.server.rsplit(":", 1)[1])
    socket.create_connection(("127.0.0.1", port), 10).close()
    # Who listens at all addresses is at this one, too.
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), 1)


def test_a_missing_folder_of_programs_is_told_with_what_to_run(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAGEWRIGHT_TEST_KUBE", "PYTEST_"))}
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__, "-k", "module_pins"],
        capture_output=True, text=True, env=environment, cwd=here,
    )
    assert done.returncode == 1, done.stdout
    assert "SAGEWRIGHT_TEST_KUBE names no folder" in done.stdout and "cargo xtask kube build" in done.stdout
