"""`sagewright migrate legacy`: objects of the legacy operator, and the resources that they made."""

import json

import pytest

import harness
from command import Cli

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


def _legacy(kind, name, spec, status=None, **metadata):
    return {
        "apiVersion": "sagemaker.aws.amazon.com/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "ml", "uid": "1a2b3c4d-0000-4000-8000-0123456789ab", **metadata},
        "spec": {"region": "us-east-1", **spec},
        **({"status": status} if status else {}),
    }


def _listed(*objects):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def test_live_objects_become_ones_that_take_over_the_same_resources(cli):
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    role = harness.role(cli.account)
    s3, artifact = cli.cloud.client("s3", cli.account), f"s3://{(bucket := harness.unique('legacy'))}/model.tar.gz"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"")
    sagemaker.create_model(
        ModelName="boost-1-1a2b3c4d",
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact, "Environment": {"A": "1"}},
        Tags=[{"Key": "team", "Value": "fraud"}],
    )
    variant = {"VariantName": "main", "ModelName": "boost-1-1a2b3c4d", "InitialInstanceCount": 1}
    variant |= {"InstanceType": "ml.c5.large", "InitialVariantWeight": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="config-1", ProductionVariants=[variant])
    created = [sagemaker.describe_model(ModelName="boost-1-1a2b3c4d")["CreationTime"]]
    container = {"image": IMAGE, "modelDataUrl": artifact, "environment": [{"name": "A", "value": "1"}]}
    live = _listed(
        _legacy(
            "Model",
            "boost",
            {"primaryContainer": container, "executionRoleArn": role, "tags": [{"key": "team", "value": "fraud"}]},
            {"status": "Created", "sageMakerModelName": "boost-1-1a2b3c4d"},
        ),
        _legacy(
            "EndpointConfig",
            "config",
            {
                "productionVariants": [
                    {
                        "variantName": "main",
                        "modelName": "boost-1-1a2b3c4d",
                        "initialInstanceCount": 1,
                        "instanceType": "ml.c5.large",
                        "initialVariantWeight": 1,
                    }
                ]
            },
            {"status": "Created", "sageMakerEndpointConfigName": "config-1"},
        ),
        _legacy("Model", "part", {}, labels={"owner_HostingDeployment_name": "other"}),
        _legacy("TrainingJob", "mirror", {}, finalizers=["sagemaker-operator-hpo-trainingjob"]),
    )
    told = cli("migrate", "legacy", "-f", "-", stdin=live)
    assert "Model/part is left out: it is a part of a hosting deployment" in told.err
    assert "TrainingJob/mirror is left out: it mirrors a training job of a tuning job" in told.err
    (cli.folder / "today.yaml").write_text(told.out)
    assert cli("plan", "-f", "today.yaml").lines[-1] == "Plan: 2 to adopt."
    cli("apply", "-f", "today.yaml")
    assert [sagemaker.describe_model(ModelName="boost-1-1a2b3c4d")["CreationTime"]] == created
    (model,) = harness.listed(sagemaker, "list_models")
    assert len(harness.listed(sagemaker, "list_endpoint_configs")) == 1
    tags = {t["Key"]: t["Value"] for t in sagemaker.list_tags(ResourceArn=model["ModelArn"])["Tags"]}
    assert tags["team"] == "fraud" and tags["sagewright.dev/owner"].endswith("ml/boost")
    assert cli("plan", "-f", "today.yaml", "--exit-code", code=0)


def test_a_manifest_of_a_deployment_becomes_a_whole_set(cli):
    deployment = _legacy(
        "HostingDeployment",
        "mnist",
        {
            "sageMakerEndpoint": "https://example.test",
            "productionVariants": [
                {"variantName": "main", "modelName": "boost", "initialInstanceCount": 1, "instanceType": "ml.c5.large"}
            ],
            "models": [
                {
                    "name": "boost",
                    "executionRoleArn": harness.role(cli.account),
                    "containers": [{"image": IMAGE, "modelDataUrl": "s3://bucket/model.tar.gz"}],
                }
            ],
        },
    )
    told = cli("migrate", "legacy", "-f", "-", "-o", "json", stdin=json.dumps(deployment))
    kinds = [item["kind"] for item in json.loads(told.out)["items"]]
    assert kinds == ["Model", "EndpointConfig", "Endpoint"]
    assert "annotate its namespace with services.k8s.aws/endpoint-url=https://example.test" in told.err
    assert "adoption-policy" not in told.out
    assert "3 to create" in cli("plan", "--offline", "-f", "-", stdin=told.out).out


def test_other_objects_are_refused_and_nothing_is_written(cli):
    model = _legacy("Model", "m", {"executionRoleArn": harness.role(), "primaryContainer": {"imagee": "x"}})
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    told = cli("migrate", "legacy", "-f", "-", stdin=_listed(model, other), code=65)
    assert told.out == ""
    assert "Model/m: no such field: spec.primaryContainer.imagee" in told.err
    assert "Secret/s: is of no kind of sagemaker.aws.amazon.com" in told.err
