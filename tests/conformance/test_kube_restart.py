"""The operator ends, is killed, is fed old news, and goes on."""

import time

import pytest

import harness
from operator_tools import Operator, condition, full, model, thing


@pytest.fixture
def operator_account(account):
    return account


def role(account):
    return harness.role(account)


def test_after_a_restart_settled_objects_cost_no_look(kube, operator, namespace, account):
    names = [harness.unique("model") for _ in range(10)]
    kube.apply([model(name, executionRoleARN=role(account)) for name in names], namespace)
    for name in names:
        kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    for kill in (False, True):
        operator.kill() if kill else operator.stop()
        operator.start()
        settled = lambda: operator.metric("sagewright_objects_settled", kind="Model") == len(names)  # noqa: E731
        harness.wait(settled, "all are settled again")
        assert operator.calls("DescribeModel") == 0
        assert operator.metric("sagewright_apiserver_writes_total") == 0


def test_what_was_edited_while_the_operator_was_away_is_noticed(kube, operator, namespace, account, cloud):
    kept, edited, deleted, removed = (harness.unique("model") for _ in range(4))
    kube.apply([model(n, executionRoleARN=role(account)) for n in (kept, edited, deleted, removed)], namespace)
    for name in (kept, edited, deleted, removed):
        kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    operator.kill()
    tags = [{"key": "team", "value": "risk"}]
    kube.apply(model(edited, executionRoleARN=role(account), tags=tags), namespace)
    kube.kubectl("delete", full("models"), deleted, "-n", namespace, "--wait=false")
    sagemaker = cloud.client("sagemaker", account)
    sagemaker.delete_model(ModelName=removed)
    operator.start()
    arn = harness.arn("model", edited, account)
    tagged = lambda: {"Key": "team", "Value": "risk"} in sagemaker.list_tags(ResourceArn=arn)["Tags"]  # noqa: E731
    harness.wait(tagged, "the edit is applied")
    kube.wait_gone(full("models"), deleted, namespace)
    harness.wait(lambda: names(sagemaker) == {kept, edited, removed}, "the one that was removed in AWS is made anew")
    assert condition(kube.get(full("models"), kept, namespace), "Ready")["status"] == "True"


def names(sagemaker):
    return {m["ModelName"] for m in harness.listed(sagemaker, "list_models")}


def test_killed_again_and_again_nothing_is_made_twice(kube, operator, namespace, account, cloud):
    sagemaker = cloud.client("sagemaker", account)
    sagemaker.create_model_package_group(ModelPackageGroupName="group")
    objects = [
        thing("ModelPackage", f"version-{i}", {"modelPackageGroupName": "group", "modelPackageDescription": f"number {i}"})
        for i in range(8)
    ]
    objects += [model(f"m-{i}", executionRoleARN=role(account)) for i in range(8)]
    kube.apply(objects, namespace)
    for pause in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4):
        time.sleep(pause)
        operator.kill()
        operator.start(wait=False)
    for i in range(8):
        kube.wait_condition(full("modelpackages"), f"version-{i}", "Ready", namespace=namespace)
        kube.wait_condition(full("models"), f"m-{i}", "Ready", namespace=namespace)
    versions = harness.listed(sagemaker, "list_model_packages", ModelPackageGroupName="group")
    assert len(versions) == 8, versions
    arns = {kube.get(full("modelpackages"), f"version-{i}", namespace)["status"]["ackResourceMetadata"]["arn"] for i in range(8)}
    assert arns == {version["ModelPackageArn"] for version in versions}
    assert len(names(sagemaker)) == 8
    kube.kubectl("delete", f"{full('modelpackages')},{full('models')}", "--all", "-n", namespace)
    assert not harness.listed(sagemaker, "list_model_packages", ModelPackageGroupName="group")


def test_it_outlives_the_api_server(kube, operator, namespace, account):
    first, second = harness.unique("model"), harness.unique("model")
    kube.apply(model(first, executionRoleARN=role(account)), namespace)
    kube.wait_condition(full("models"), first, "Ready", namespace=namespace)
    kube.restart_apiserver(kill=True)
    kube.apply(model(second, executionRoleARN=role(account)), namespace)
    kube.wait_condition(full("models"), second, "Ready", namespace=namespace)
    assert operator.process.poll() is None
    assert operator.calls("DescribeModel") == 0


def test_an_object_that_comes_and_goes_leaves_nothing(kube, operator, namespace, account, cloud):
    name = harness.unique("model")
    for image in (harness.SCRIPT_IMAGE, harness.PIPE_IMAGE, harness.CRASHING_IMAGE):
        kube.apply(model(name, image, executionRoleARN=role(account)), namespace)
        kube.kubectl("delete", full("models"), name, "-n", namespace)
    kube.apply(model(name, harness.PIPE_IMAGE, executionRoleARN=role(account)), namespace)
    kube.wait_condition(full("models"), name, "Ready", namespace=namespace)
    sagemaker = cloud.client("sagemaker", account)
    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["Image"] == harness.PIPE_IMAGE
    kube.kubectl("delete", full("models"), name, "-n", namespace)
    assert not names(sagemaker)


def test_two_replicas_work_one_at_a_time(kube, definitions, cloud, namespace, tmp_path, account):
    elect = ["--enable-leader-election", f"--leader-election-namespace={namespace}"]
    one = Operator(kube, cloud, tmp_path, [namespace], elect, account)
    two = Operator(kube, cloud, tmp_path, [namespace], elect, account)
    try:
        first, second = harness.unique("model"), harness.unique("model")
        kube.apply(model(first, executionRoleARN=role(account)), namespace)
        kube.wait_condition(full("models"), first, "Ready", namespace=namespace)
        assert one.metric("leader_election_master_status") == 1
        assert two.metric("leader_election_master_status") == 0
        assert two.calls("CreateModel") == 0
        leases = {lease["metadata"]["name"] for lease in kube.list("leases.coordination.k8s.io", namespace)}
        assert leases == {"ack-sagemaker.services.k8s.aws", "ack-applicationautoscaling.services.k8s.aws"}
        one.stop()
        kube.apply(model(second, executionRoleARN=role(account)), namespace)
        kube.wait_condition(full("models"), second, "Ready", namespace=namespace)
        assert two.calls("CreateModel") == 1
    finally:
        one.kill()
        two.kill()
