"""Fixtures of the conformance tests: the embedded cloud, driven by stock clients over its port."""

import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

import harness
import kube_tools
from harness import OTHER  # noqa: F401 - tests take it from here
from operator_tools import Operator, install_crds
from quickstart_tools import Quickstart


def pytest_configure(config):
    config.addinivalue_line("markers", "both_ages: also with the stock clients of a year ago")
    config.addinivalue_line("markers", "sdk3: of version 3 of the SageMaker SDK (cargo xtask conformance sdk3)")
    config.addinivalue_line("markers", "frameworks: of PyTorch and Hugging Face (cargo xtask conformance frameworks)")
    # Neither this machine's AWS settings nor its metadata service may reach a client.
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true",
        # The SageMaker SDK would tell its makers about each call.
        SAGEMAKER_USER_CONFIG_OVERRIDE=str(pathlib.Path(__file__).parent / "programs" / "sdk-config.yaml"),
    )


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """The cloud that tests share; they keep apart by names and accounts."""
    cloud = harness.Cloud(tmp_path_factory.mktemp("cloud"), harness.image_map())
    yield cloud
    code = cloud.stop()
    assert code == 0, f"the cloud ended with {code}:\n{cloud.log()}"


@pytest.fixture
def fresh_cloud(tmp_path):
    """A cloud of the test's own, which it may stop, kill and start again."""
    cloud = harness.Cloud(tmp_path, harness.image_map())
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def kube(tmp_path_factory):
    """The Kubernetes control plane that tests share; they keep apart by namespaces."""
    kube = kube_tools.Kube(kube_tools.programs(), tmp_path_factory.mktemp("kube"))
    yield kube
    kube.stop()


@pytest.fixture(scope="session")
def definitions(kube):
    """The definitions of all kinds, the legacy ones too."""
    install_crds(kube)


@pytest.fixture
def namespace(kube):
    """A namespace of the test's own; all in it is taken away afterwards."""
    name = harness.unique("ns")
    kube.kubectl("create", "namespace", name)
    yield name
    kube.remove_namespace(name, force=True)


@pytest.fixture
def operator_account():
    """The operator's account: the one that tests share, unless their file says another."""


@pytest.fixture
def operator(kube, definitions, cloud, namespace, tmp_path, operator_account):
    """An operator of the test's own namespace."""
    operator = Operator(kube, cloud, tmp_path, [namespace], account=operator_account)
    yield operator
    if operator.process.poll() is None:
        assert operator.stop() == 0, operator.log()


@pytest.fixture
def account():
    """An account of the test's own."""
    return f"{random.randrange(10**11, 10**12)}"


@pytest.fixture
def sagemaker(cloud):
    return cloud.client("sagemaker")


@pytest.fixture
def runtime(cloud):
    return cloud.client("sagemaker-runtime")


@pytest.fixture
def s3(cloud):
    return cloud.client("s3")


@pytest.fixture
def bucket(s3):
    """An empty bucket, taken away afterwards."""
    name = harness.unique("bucket")
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=item["Key"])
    s3.delete_bucket(Bucket=name)


@pytest.fixture(scope="session")
def digits(cloud):
    """A bucket with a few digits to train on, for tests of everything around the training."""
    s3 = cloud.client("s3")
    name = harness.unique("digits")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="small/train.csv", Body="\n".join(harness.digits("train", 200)) + "\n")
    return name


@pytest.fixture(scope="session")
def artifacts(cloud, digits):
    """Model data of a small XGBoost model."""
    sagemaker = cloud.client("sagemaker")
    job = harness.unique("shared")
    sagemaker.create_training_job(**harness.training_job(job, digits))
    return harness.completed(sagemaker, job)["ModelArtifacts"]["S3ModelArtifacts"]


@pytest.fixture
def model(cloud, artifacts):
    """A model that can be deployed."""
    sagemaker = cloud.client("sagemaker")
    name = harness.unique("model")
    container = {"Image": harness.XGBOOST, "ModelDataUrl": artifacts}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=harness.role(), PrimaryContainer=container)
    return name


@pytest.fixture
def endpoint(cloud, model):
    """An endpoint in service with one variant, `all`; taken away afterwards."""
    sagemaker = cloud.client("sagemaker")
    name = harness.unique("endpoint")
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[harness.variant("all", model)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    harness.in_service(sagemaker, name)
    yield name
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def deploy(sagemaker):
    """Makes endpoints in service, and takes them away afterwards."""
    made = []

    def make(*variants):
        name = harness.unique("endpoint")
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants))
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        harness.in_service(sagemaker, name)
        return name

    yield make
    for name in made:
        harness.settled(sagemaker, name)
        sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def aws(cloud):
    """Runs `aws …`; gives its JSON, or its text where it prints none."""
    program = pathlib.Path(sys.executable).parent / "aws"

    def run(*arguments, fails=False, **environment):
        done = subprocess.run(
            [str(program), *arguments],
            capture_output=True,
            text=True,
            timeout=harness.PATIENCE,
            env={**cloud.environment(), "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json", **environment},
        )
        assert (done.returncode != 0) == fails, f"aws {' '.join(arguments)}: {done.stdout}{done.stderr}"
        if fails:
            return done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    return run


@pytest.fixture(scope="session")
def walked(tmp_path_factory):
    """A data folder on which the quickstart has run, and that first run."""
    data = tmp_path_factory.mktemp("walked") / "data"
    run = Quickstart(data, "--exit", "--output", "json")
    run.until("[5]#011")
    run.until("Accuracy")
    assert run.end() == 0, run.text
    return data, run


@pytest.fixture(scope="session")
def rows():
    """Test digits: pairs of label and CSV row."""
    return [line.split(",", 1) for line in harness.digits("test")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What the cloud and the control plane logged during a test stands beside its failure."""
    for name in LOGGED:
        cloud = getattr(item, "funcargs", {}).get(name)
        if cloud and call.when == "setup":
            item.stash.setdefault(LOG_STARTS, {})[name] = os.path.getsize(cloud.log_path)
    report = yield
    if report.failed:
        starts = item.stash.get(LOG_STARTS, {})
        for name in LOGGED:
            cloud = getattr(item, "funcargs", {}).get(name)
            if cloud:
                text = cloud.log(0 if report.when == "setup" else starts.get(name, 0))
                report.sections.append((f"log of {name}", text[-20_000:]))
    return report


LOGGED = ("cloud", "fresh_cloud", "kube", "operator")
LOG_STARTS = pytest.StashKey()
