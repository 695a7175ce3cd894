"""Objects of the legacy operator's kinds in a cluster that runs the operator."""

import io
import sys
import tarfile

import pytest

import harness
from operator_tools import Operator, condition, events, model, thing

sys.path.insert(0, str(harness.ROOT / "tests"))

from chaos.cluster.gates import BEFORE, KubeGate, Writes, answer_json  # noqa: E402

LEGACY = "sagemaker.aws.amazon.com"
OURS = "sagemaker.services.k8s.aws"


@pytest.fixture
def operator_account(account):
    return account


@pytest.fixture
def sagemaker(cloud, account):
    return cloud.client("sagemaker", account)


@pytest.fixture
def artifact(cloud, account):
    s3, bucket = cloud.client("s3", account), harness.unique("legacy")
    s3.create_bucket(Bucket=bucket)
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w:gz").close()
    for name in ("one", "two"):
        s3.put_object(Bucket=bucket, Key=f"{name}.tar.gz", Body=empty.getvalue())
    return f"s3://{bucket}/{{}}.tar.gz".format


def legacy(kind, name, spec):
    return {
        "apiVersion": f"{LEGACY}/v1", "kind": kind, "metadata": {"name": name}, "spec": {"region": harness.REGION, **spec},
    }


def seen(kube, plural, name, namespace):
    return kube.get(f"{plural}.{LEGACY}", name, namespace)


def settled(kube, plural, name, namespace, word, value):
    """The status of a legacy object once a field of it has a value."""

    def look():
        status = seen(kube, plural, name, namespace).get("status", {})
        return status if status.get(word) == value else None

    return harness.wait(look, f"{plural}/{name} has {word} {value}")


def test_a_model_is_made_and_goes_with_its_object(kube, operator, namespace, account, sagemaker, artifact):
    container = {
        "image": harness.SCRIPT_IMAGE, "modelDataUrl": artifact("one"), "environment": [{"name": "A", "value": "1"}],
    }
    spec = {"executionRoleArn": harness.role(account), "primaryContainer": container}
    kube.apply(legacy("Model", "boost", spec), namespace)
    status = settled(kube, "models", "boost", namespace, "status", "Created")
    name = status["sageMakerModelName"]
    assert name.startswith("boost-") and status["modelArn"].endswith(f"model/{name}")
    described = sagemaker.describe_model(ModelName=name)
    assert described["PrimaryContainer"]["Environment"] == {"A": "1"}
    whole = seen(kube, "models", "boost", namespace)
    assert whole["metadata"]["finalizers"] == ["sagemaker-operator-finalizer"]
    kube.wait_condition(f"models.{LEGACY}", "boost", "Ready", namespace=namespace)
    columns = kube.kubectl("get", f"models.{LEGACY}", "boost", "-n", namespace).splitlines()
    assert columns[0].split()[:3] == ["NAME", "STATUS", "SAGE-MAKER-MODEL-NAME"]
    assert columns[1].split()[:3] == ["boost", "Created", name]
    kube.kubectl("delete", f"models.{LEGACY}", "boost", "-n", namespace, "--timeout=120s")
    assert kube.get(f"models.{OURS}", "boost", namespace) is None
    assert harness.listed(sagemaker, "list_models") == []


def test_what_the_legacy_operator_made_is_taken_over(kube, operator, namespace, account, sagemaker, artifact):
    role = harness.role(account)
    sagemaker.create_model(
        ModelName="made-before", ExecutionRoleArn=role,
        PrimaryContainer={"Image": harness.SCRIPT_IMAGE, "ModelDataUrl": artifact("one")},
    )
    created = sagemaker.describe_model(ModelName="made-before")["CreationTime"]
    operator.stop()
    container = {"image": harness.SCRIPT_IMAGE, "modelDataUrl": artifact("one")}
    kube.apply(legacy("Model", "live", {"executionRoleArn": role, "primaryContainer": container}), namespace)
    kube.kubectl(
        "patch", f"models.{LEGACY}", "live", "-n", namespace, "--subresource=status", "--type=merge",
        "-p", '{"status": {"status": "Created", "sageMakerModelName": "made-before"}}',
    )
    operator.start()
    harness.wait(lambda: kube.get(f"models.{OURS}", "live", namespace), "its child is there")
    kube.wait_condition(f"models.{OURS}", "live", "Ready", namespace=namespace)
    assert [m["ModelName"] for m in harness.listed(sagemaker, "list_models")] == ["made-before"]
    assert sagemaker.describe_model(ModelName="made-before")["CreationTime"] == created


def boost(account, artifact, name="boost", **spec):
    container = {"image": harness.SCRIPT_IMAGE, "modelDataUrl": artifact("one")}
    return legacy("Model", name, {"executionRoleArn": harness.role(account), "primaryContainer": container, **spec})


def refused(kube, name, namespace):
    """Why a legacy model is not ready."""
    seen = kube.wait_condition(f"models.{LEGACY}", name, "Ready", "False", namespace)
    return seen["status"].get("additional", "")


def test_an_object_that_somebody_else_made_is_left_alone(kube, operator, namespace, account, sagemaker, artifact):
    kube.apply(model("boost", executionRoleARN=harness.role(account), modelName="own"), namespace)
    own = kube.wait_condition(f"models.{OURS}", "boost", "Ready", namespace=namespace)
    kube.apply(boost(account, artifact), namespace)
    harness.wait(lambda: "not made for this object" in refused(kube, "boost", namespace), "the clash is told")
    kube.kubectl("delete", f"models.{LEGACY}", "boost", "-n", namespace, "--timeout=120s")
    kept = kube.get(f"models.{OURS}", "boost", namespace)
    assert (kept["spec"], kept["metadata"].get("labels")) == (own["spec"], own["metadata"].get("labels"))
    assert [m["ModelName"] for m in harness.listed(sagemaker, "list_models")] == ["own"]
    kube.apply(boost(account, artifact), namespace)
    harness.wait(lambda: "not made for this object" in refused(kube, "boost", namespace), "the clash is told again")
    kube.kubectl("delete", f"models.{OURS}", "boost", "-n", namespace, "--timeout=120s")
    kube.kubectl("annotate", f"models.{LEGACY}", "boost", "look=again", "-n", namespace)
    settled(kube, "models", "boost", namespace, "status", "Created")
    kube.kubectl("delete", f"models.{LEGACY}", "boost", "-n", namespace, "--timeout=120s")


def test_what_the_cluster_does_not_take_is_told(kube, operator, namespace, account, artifact):
    kube.apply(boost(account, artifact, executionRoleArn="no-arn-of-any-role-at-all"), namespace)
    harness.wait(lambda: "does not take the Model boost" in refused(kube, "boost", namespace), "the refusal is told")
    assert "executionRoleARN" in refused(kube, "boost", namespace)
    kube.apply(boost(account, artifact), namespace)
    settled(kube, "models", "boost", namespace, "status", "Created")
    told = lambda: {reason for reason, _ in events(kube, namespace, "boost")}  # noqa: E731
    harness.wait(lambda: {"Refused", "Ready"} <= told(), "the legacy object has events of its own")
    kube.kubectl("delete", f"models.{LEGACY}", "boost", "-n", namespace, "--timeout=120s")


@pytest.mark.parametrize("selector", ["team=ml", "team in (ml, risk)"])
def test_children_are_watched_where_labels_select_objects(
    kube, definitions, cloud, account, namespace, tmp_path, artifact, selector
):
    operator = Operator(kube, cloud, tmp_path, [namespace], [f"--watch-selectors={selector}"], account=account)
    try:
        chosen = boost(account, artifact)
        chosen["metadata"]["labels"] = {"team": "ml", "app": "digits"}
        kube.apply(chosen, namespace)
        settled(kube, "models", "boost", namespace, "status", "Created")
        labels = kube.get(f"models.{OURS}", "boost", namespace)["metadata"]["labels"]
        assert (labels["team"], "app" in labels) == ("ml", False)
        kube.kubectl("delete", f"models.{LEGACY}", "boost", "-n", namespace, "--timeout=120s")
    finally:
        operator.stop()


class Installing(KubeGate):
    """An API server whose legacy kinds are installed one after the other."""

    kinds = ["trainingjobs"]

    async def _answer(self, head, body, writer):
        if self.kinds and head.startswith(f"GET /apis/{LEGACY}/v1 ".encode()):
            served = {"kind": "APIResourceList", "resources": [{"name": kind} for kind in self.kinds]}
            writer.write(answer_json(200, served))
            await writer.drain()
            return True
        return await super()._answer(head, body, writer)


def test_kinds_that_are_installed_later_are_served(kube, definitions, cloud, account, namespace, tmp_path, artifact):
    gate = Installing(kube, Writes())
    environment = {"KUBECONFIG": str(gate.kubeconfig(tmp_path))}
    operator = Operator(kube, cloud, tmp_path, [namespace], account=account, environment=environment)
    try:
        serves = lambda: any(line.get("message") == "serving legacy kinds" for line in operator.lines())  # noqa: E731
        harness.wait(serves, "the first kind is served")
        gate.kinds = []
        kube.apply(boost(account, artifact), namespace)
        settled(kube, "models", "boost", namespace, "status", "Created")
        kube.kubectl("delete", f"models.{LEGACY}", "boost", "-n", namespace, "--timeout=120s")
    finally:
        operator.stop()
        gate.close()


def test_an_object_that_goes_before_it_is_held_gets_no_children(
    kube, definitions, cloud, account, namespace, tmp_path, artifact
):
    """Nobody would take them away: they are deleted before the finalizer is, and there is none."""
    writes = Writes()
    gate = KubeGate(kube, writes)
    environment = {"KUBECONFIG": str(gate.kubeconfig(tmp_path))}
    operator = Operator(kube, cloud, tmp_path, [namespace], account=account, environment=environment)
    try:
        # The first write is the finalizer.
        writes.at(1, BEFORE, lambda: kube.kubectl("delete", f"models.{LEGACY}", "boost", "-n", namespace))
        kube.apply(boost(account, artifact), namespace)
        assert writes.fired.wait(harness.PATIENCE)
        kube.apply(boost(account, artifact, "other"), namespace)
        settled(kube, "models", "other", namespace, "status", "Created")
        kube.kubectl("delete", f"models.{LEGACY}", "other", "-n", namespace, "--timeout=120s")
        assert kube.list(f"models.{OURS}", namespace) == []
        assert [write for write in writes.seen if write.endswith("models/boost")] == ["PATCH models/boost"]
    finally:
        operator.stop()
        gate.close()


def deployment(account, artifact, name):
    return legacy("HostingDeployment", "digits", {
        "productionVariants": [
            {"variantName": "main", "modelName": "boost", "initialInstanceCount": 1, "instanceType": "ml.c5.large"}
        ],
        "models": [{
            "name": "boost", "executionRoleArn": harness.role(account),
            "containers": [{"image": harness.SCRIPT_IMAGE, "modelDataUrl": artifact(name)}],
        }],
    })


def test_a_deployment_is_made_updated_and_taken_away(kube, operator, namespace, account, sagemaker, artifact):
    def served(name):
        """The status once the endpoint serves a model of this artifact, and nothing of an earlier one is left."""

        def look():
            status = seen(kube, "hostingdeployments", "digits", namespace).get("status", {})
            models = harness.listed(sagemaker, "list_models")
            configs = harness.listed(sagemaker, "list_endpoint_configs")
            if status.get("endpointStatus") != "InService" or len(models) != 1 or len(configs) != 1:
                return None
            described = sagemaker.describe_model(ModelName=models[0]["ModelName"])
            url = described["PrimaryContainer"]["ModelDataUrl"]
            names = [{"name": "boost", "value": models[0]["ModelName"]}]
            return status if url == artifact(name) and status["modelNames"] == names else None

        kube.apply(deployment(account, artifact, name), namespace)
        return harness.wait(look, f"only a model of {artifact(name)} is served")

    first = served("one")
    assert first["endpointUrl"].endswith(f"/endpoints/{first['endpointName']}/invocations")
    kube.wait_condition(f"hostingdeployments.{LEGACY}", "digits", "Ready", namespace=namespace)
    second = served("two")
    assert second["endpointName"] == first["endpointName"]
    described = sagemaker.describe_endpoint(EndpointName=second["endpointName"])
    assert described["EndpointConfigName"] == second["endpointConfigName"] != first["endpointConfigName"]
    kube.kubectl("delete", f"hostingdeployments.{LEGACY}", "digits", "-n", namespace, "--timeout=240s")
    assert harness.listed(sagemaker, "list_endpoints") == []
    assert harness.listed(sagemaker, "list_endpoint_configs") == []
    assert harness.listed(sagemaker, "list_models") == []


def test_what_cannot_be_meant_is_said(kube, operator, namespace, account, artifact):
    wrong = deployment(account, artifact, "one")
    wrong["spec"]["productionVariants"][0]["modelName"] = "other"
    kube.apply(wrong, namespace)

    def look():
        return seen(kube, "hostingdeployments", "digits", namespace).get("status", {}).get("additional")

    said = harness.wait(look, "it says what is wrong")
    assert said == "spec.productionVariants: there is no model `other` in spec.models; there are: boost"
    refused = kube.wait_condition(f"hostingdeployments.{LEGACY}", "digits", "Ready", "False", namespace)
    assert condition(refused, "Ready")["message"] == said
    kube.kubectl("delete", f"hostingdeployments.{LEGACY}", "digits", "-n", namespace, "--timeout=120s")


def tuning(account, bucket, name, most):
    definition = {
        "roleArn": harness.role(account),
        "algorithmSpecification": {
            "trainingImage": harness.SCRIPT_IMAGE, "trainingInputMode": "File",
            "metricDefinitions": [{"name": "loss", "regex": r"loss=([0-9.]+);"}],
        },
        "staticHyperParameters": [{"name": "seconds", "value": "0"}],
        "outputDataConfig": {"s3OutputPath": f"s3://{bucket}/models"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
        "stoppingCondition": {"maxRuntimeInSeconds": 600},
    }
    return legacy("HyperparameterTuningJob", "tune", {
        "hyperParameterTuningJobName": name, "trainingJobDefinition": definition,
        "hyperParameterTuningJobConfig": {
            "strategy": "Random",
            "hyperParameterTuningJobObjective": {"type": "Minimize", "metricName": "loss"},
            "resourceLimits": {"maxNumberOfTrainingJobs": most, "maxParallelTrainingJobs": min(most, 2)},
            "parameterRanges": {"integerParameterRanges": [
                {"name": "epochs", "minValue": "1", "maxValue": "50", "scalingType": "Linear"},
            ]},
        },
    })


def test_training_jobs_of_a_tuning_job_are_mirrored(kube, operator, namespace, account, sagemaker, artifact):
    bucket, name = artifact("one").split("/")[2], harness.unique("Tune")[:20]
    kube.apply(tuning(account, bucket, name, 3), namespace)
    settled(kube, "hyperparametertuningjobs", "tune", namespace, "hyperParameterTuningJobStatus", "Completed")
    jobs = harness.listed(
        sagemaker, "list_training_jobs_for_hyper_parameter_tuning_job", HyperParameterTuningJobName=name,
    )
    mine = {job["TrainingJobName"]: job["TrainingJobStatus"] for job in jobs}
    assert len(mine) == 3 and any(job != job.lower() for job in mine)

    def mirrored():
        found = kube.list(f"trainingjobs.{LEGACY}", namespace)
        shown = {one.get("status", {}).get("sageMakerTrainingJobName"): one for one in found}
        states = {job: one.get("status", {}).get("trainingJobStatus") for job, one in shown.items()}
        return shown if states == mine else None

    mirrors = harness.wait(mirrored, "each training job is mirrored")
    tune = seen(kube, "hyperparametertuningjobs", "tune", namespace)
    for job, mirror in mirrors.items():
        told = sagemaker.describe_training_job(TrainingJobName=job)
        spec, status = mirror["spec"], mirror["status"]
        assert mirror["metadata"]["name"] == job.lower()
        assert [owner["uid"] for owner in mirror["metadata"]["ownerReferences"]] == [tune["metadata"]["uid"]]
        assert (spec["trainingJobName"], spec["region"], spec["roleArn"]) == (job, harness.REGION, told["RoleArn"])
        assert {pair["name"]: pair["value"] for pair in spec["hyperParameters"]} == told["HyperParameters"]
        assert status["modelPath"] == told["ModelArtifacts"]["S3ModelArtifacts"]
        assert status["secondaryStatus"] == told["SecondaryStatus"] and job in status["cloudWatchLogUrl"]
        assert condition(mirror, "Ready")["status"] == "True"
    columns = kube.kubectl("get", f"trainingjobs.{LEGACY}", "-n", namespace)
    assert columns.splitlines()[0].split()[:3] == ["NAME", "STATUS", "SECONDARY-STATUS"] and columns.count("Completed") >= 3
    # They have the tags that AWS copies from their tuning job, and no others.
    tags = lambda arn: sagemaker.list_tags(ResourceArn=arn)["Tags"]  # noqa: E731
    whole = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)["HyperParameterTuningJobArn"]
    assert all(tags(job["TrainingJobArn"]) == tags(whole) for job in jobs)
    kube.kubectl("delete", f"hyperparametertuningjobs.{LEGACY}", "tune", "-n", namespace, "--timeout=120s")
    assert kube.list(f"trainingjobs.{LEGACY}", namespace) == [] and kube.list(f"trainingjobs.{OURS}", namespace) == []
    after = {job: sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] for job in mine}
    assert after == mine


def test_a_mirror_never_touches_its_training_job_and_leaves_other_objects_alone(
    kube, operator, namespace, account, sagemaker, artifact
):
    bucket, name = artifact("one").split("/")[2], harness.unique("tune")[:20]
    job = tuning(account, bucket, name, 1)
    job["spec"]["trainingJobDefinition"]["staticHyperParameters"][0]["value"] = "3600"
    kube.apply(job, namespace)
    settled(kube, "hyperparametertuningjobs", "tune", namespace, "hyperParameterTuningJobStatus", "InProgress")

    def listed():
        found = harness.listed(
            sagemaker, "list_training_jobs_for_hyper_parameter_tuning_job", HyperParameterTuningJobName=name,
        )
        return found[0]["TrainingJobName"] if found else None

    running = lambda job: sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"] == "Training"  # noqa: E731
    only = lambda: [one["metadata"] for one in kube.list(f"trainingjobs.{LEGACY}", namespace)]  # noqa: E731
    made = harness.wait(listed, "the training job is there")
    first = harness.wait(only, "it is mirrored")[0]
    harness.wait(lambda: running(made), "it runs")
    assert first["finalizers"] == ["sagemaker-operator-hpo-trainingjob"]
    kube.kubectl("delete", f"trainingjobs.{LEGACY}", made, "-n", namespace, "--timeout=120s")
    assert running(made)
    # The name of the mirror's child is somebody else's by now.
    own = thing("TrainingJob", made, {
        "trainingJobName": made, "roleARN": harness.role(account),
        "algorithmSpecification": {"trainingImage": harness.SCRIPT_IMAGE, "trainingInputMode": "File"},
        "outputDataConfig": {"s3OutputPath": f"s3://{bucket}/models"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
        "stoppingCondition": {"maxRuntimeInSeconds": 600},
    }, annotations={"services.k8s.aws/read-only": "true"})
    kube.apply(own, namespace)
    uid = lambda: kube.get(f"trainingjobs.{OURS}", made, namespace)["metadata"]["uid"]  # noqa: E731
    before = uid()
    kube.kubectl("annotate", f"hyperparametertuningjobs.{LEGACY}", "tune", "look=again", "-n", namespace)
    again = harness.wait(only, "it is mirrored again")[0]
    assert again["name"].startswith(name) and again["name"] != made
    settled(kube, "trainingjobs", again["name"], namespace, "sageMakerTrainingJobName", made)
    kube.kubectl("delete", f"hyperparametertuningjobs.{LEGACY}", "tune", "-n", namespace, "--timeout=120s")
    assert only() == [] and uid() == before
    told = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert told["HyperParameterTuningJobStatus"] in ("Stopping", "Stopped")
