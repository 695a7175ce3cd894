"""The operator behind a proxy: its calls to AWS and to the cluster, and the certificates that it trusts."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

import harness
from operator_tools import Operator, full, install_crds, model
from test_exec import Upstream, command, upstream  # noqa: F401

ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
AWS = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture(scope="session")
def crds(kube):
    install_crds(kube)


@pytest.fixture
def behind(kube, crds, cloud, namespace, tmp_path):
    """Starts an operator that names AWS's own hosts, and reaches them through the embedded cloud's proxy."""
    told = subprocess.run(
        command(cloud, "exec", "--", sys.executable, "-c", ENVIRONMENT), env=harness.clean_environment(),
        capture_output=True, text=True, check=True,
    )
    told = json.loads(told.stdout)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CA_BUNDLE", "HTTPS_PROXY")
    given = {name: told[name] for name in names if name in told}
    started = []

    class Behind(Operator):
        def start(self, wait=True):
            # Nothing points it at the embedded cloud but its proxy.
            cloud, self.cloud = self.cloud, Nothing()
            super().start(wait)
            self.cloud = cloud

    class Nothing:
        def environment(self, account):
            return {name: value for name, value in harness.clean_environment().items() if "proxy" not in name.lower()}

    def start(**environment):
        operator = Behind(kube, cloud, tmp_path, [namespace], environment={**given, **environment})
        started.append(operator)
        return operator

    yield start
    for operator in started:
        operator.kill()


def becomes_ready(kube, namespace):
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    kube.kubectl("delete", full("models"), name, "-n", namespace)


def test_aws_is_reached_through_a_proxy_by_its_own_authority_and_the_cluster_without(kube, behind, namespace, upstream):
    own = urlsplit(kube.server).netloc
    # The proxy has another name than the cluster, though both are on this machine.
    operator = behind(NO_PROXY="127.0.0.1")
    becomes_ready(kube, namespace)
    assert operator.calls("CreateModel") == 1
    operator.kill()
    assert not [head for head in upstream.asked if own in head]


def test_the_cluster_is_reached_through_a_proxy_unless_it_is_named(kube, behind, cloud, namespace, upstream):
    own = urlsplit(kube.server).netloc
    aws = {**cloud.environment(), "AWS_CA_BUNDLE": "", "HTTPS_PROXY": f"http://localhost:{upstream.port}"}
    aws = {name: aws[name] for name in (*AWS, "AWS_CA_BUNDLE", "HTTPS_PROXY")}
    behind(**aws, NO_PROXY="127.0.0.1,other").kill()
    assert upstream.asked == []
    behind(**aws, NO_PROXY="localhost,other")
    becomes_ready(kube, namespace)
    assert [head for head in upstream.asked if head.startswith(f"CONNECT {own} ")]
