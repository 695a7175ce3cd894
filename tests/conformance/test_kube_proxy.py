"""The operator behind a proxy: its calls to AWS and to the cluster, and the certificates that it trusts."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

import harness
from operator_tools import Operator, full, model
from test_exec import command, upstream  # noqa: F401

ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


class Nothing:
    """In the embedded cloud's place."""

    @staticmethod
    def environment(account):
        return {name: value for name, value in harness.clean_environment().items() if "proxy" not in name.lower()}


@pytest.fixture
def behind(kube, definitions, namespace, tmp_path):
    """Starts an operator that knows nothing of the embedded cloud but what it is told here."""
    started = []

    def start(**environment):
        started.append(Operator(kube, Nothing, tmp_path, [namespace], environment=environment))
        return started[-1]

    yield start
    for operator in started:
        operator.kill()


def becomes_ready(kube, namespace):
    name = harness.unique("model")
    kube.apply(model(name), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    kube.kubectl("delete", full("models"), name, "-n", namespace)


def test_aws_is_reached_through_a_proxy_whose_authority_is_trusted(kube, behind, cloud, namespace):
    told = subprocess.run(
        command(cloud, "exec", "--", sys.executable, "-c", ENVIRONMENT), env=harness.clean_environment(),
        capture_output=True, text=True, check=True,
    )
    told = json.loads(told.stdout)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CA_BUNDLE", "HTTPS_PROXY")
    # It names AWS's own hosts.
    operator = behind(**{name: told[name] for name in names if name in told}, NO_PROXY="127.0.0.1")
    becomes_ready(kube, namespace)
    assert operator.calls("CreateModel") == 1


def test_the_cluster_is_reached_through_a_proxy_unless_it_is_named(kube, behind, cloud, namespace, upstream):
    own = urlsplit(kube.server).netloc
    aws = {name: value for name, value in cloud.environment().items() if name.startswith("AWS_")}
    # The embedded cloud speaks no TLS, and is not behind the proxy. The proxy has another name than the cluster has.
    aws["HTTPS_PROXY"] = f"http://localhost:{upstream.port}"
    behind(**aws, NO_PROXY="127.0.0.1,other").kill()
    assert upstream.asked == []
    behind(**aws, NO_PROXY="localhost,other")
    becomes_ready(kube, namespace)
    assert [head for head in upstream.asked if head.startswith(f"CONNECT {own} ")]
