"""`kubectl smlogs` as stock kubectl runs it, against a real API server, with the embedded cloud as AWS."""

import json
import os
import re
import subprocess
import time

import pytest
import yaml

import harness
from operator_tools import thing
from test_tuning import tuning_job

ACK, LEGACY = "sagemaker.services.k8s.aws", "sagemaker.aws.amazon.com"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC"


@pytest.fixture
def plugin(kube, definitions, cloud, namespace, tmp_path):
    """Runs `kubectl smlogs …` in the test's namespace; gives what it prints, or its errors with `fails`."""
    (tmp_path / "kubectl-smlogs").symlink_to(harness.binary())
    path = os.pathsep.join([str(tmp_path), str(kube.programs), os.environ["PATH"]])

    def run(*arguments, namespace=namespace, fails=False, without=(), **environment):
        clients = {key: value for key, value in kube.environment().items() if key.startswith(("KUBE", "HELM"))}
        variables = {**cloud.environment(), **clients, "PATH": path, **environment}
        variables = {key: value for key, value in variables.items() if key not in without}
        within = ["-n", namespace] if namespace else []
        done = subprocess.run(
            ["kubectl", "smlogs", *arguments, *within],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.PATIENCE, env=variables,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stderr if fails else (done.stdout.splitlines(), done.stderr)

    return run


@pytest.fixture
def job(sagemaker, digits):
    """A training job that has ended."""
    name = harness.unique("Job")
    sagemaker.create_training_job(**script_job(name, digits))
    harness.completed(sagemaker, name)
    return name


def script_job(name, digits, **hyperparameters):
    return harness.training_job(
        name, digits,
        AlgorithmSpecification={"TrainingImage": harness.SCRIPT_IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"epochs": "3", **hyperparameters},
    )


def sample(file, field, name, **annotations):
    """The sample of a kind, as an object `mine` that stands for a resource."""
    spec = yaml.safe_load((harness.ROOT / "examples" / "samples" / file).read_text())
    return thing(spec["kind"], "mine", {**spec["spec"], field: name}, annotations)


def training(name, **annotations):
    return sample("training-job.yaml", "trainingJobName", name, **annotations)


def legacy(name, region=harness.REGION, **spec):
    """A legacy TrainingJob."""
    return {
        "apiVersion": f"{LEGACY}/v1", "kind": "TrainingJob", "metadata": {"name": "mine"},
        "spec": {
            "region": region, "roleArn": harness.role(), "trainingJobName": name,
            "algorithmSpecification": {"trainingImage": harness.SCRIPT_IMAGE, "trainingInputMode": "File"},
            "outputDataConfig": {"s3OutputPath": "s3://bucket/models"},
            "resourceConfig": {"instanceCount": 1, "instanceType": "ml.m5.large", "volumeSizeInGB": 5},
            "stoppingCondition": {"maxRuntimeInSeconds": 600}, **spec,
        },
    }


def show_status(kube, namespace, kind, **status):
    patch = json.dumps({"status": status})
    kube.kubectl("patch", kind, "mine", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)


def annotate(kube, namespace, **annotations):
    pairs = [f"services.k8s.aws/{key.replace('_', '-')}={value}" for key, value in annotations.items()]
    kube.kubectl("annotate", "--overwrite", "namespace", namespace, *pairs)


def written(cloud, job):
    return harness.log_lines(cloud, "/aws/sagemaker/TrainingJobs", f"{job}/")


def messages(lines):
    return [re.sub(rf"^\S+ {TIME} ", "", line) for line in lines]


def test_lines_have_stream_and_time_and_the_state_stands_beside_them(kube, plugin, namespace, cloud, job):
    kube.apply(training(job), namespace)
    lines, told = plugin("TrainingJob", "mine")
    assert len(lines) > 3 and messages(lines) == written(cloud, job)
    for line in lines:
        assert re.match(rf"{job}/algo-1-\d+ {TIME} ", line), line
    state = f'"mine" has SageMaker TrainingJobName "{job}" in region "us-east-1", status "Completed" and secondary status "Completed"'
    assert state in told.splitlines()
    bare, _ = plugin("trainingjob/mine", "--hide-log-stream-name")
    assert bare == [line.split(" ", 1)[1] for line in lines]
    for kind in ("trainingjobs", "TRAININGJOB", "smtj", "training-job", f"trainingjobs.{ACK}", "trainingjobs.v1alpha1." + ACK):
        assert plugin(kind, "mine")[0] == lines, kind


def test_a_prefix_chooses_instances(kube, plugin, namespace, cloud, job):
    kube.apply(training(job), namespace)
    assert messages(plugin("trainingjob", "mine", "-p", "algo-1")[0]) == written(cloud, job)
    lines, told = plugin("trainingjob", "mine", "--logSearchPrefix", "algo-2")
    assert lines == [] and "no log lines of instances whose names start with algo-2" in told


def test_following_ends_with_the_job_and_shows_each_line_once(kube, plugin, namespace, cloud, sagemaker, digits):
    name = harness.unique("follow")
    kube.apply(training(name), namespace)
    sagemaker.create_training_job(**script_job(name, digits, seconds="2"))
    lines, told = plugin("trainingjob", "mine", "--follow")
    assert '"InProgress"' in told
    assert sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed"
    assert messages(lines) == written(cloud, name)


def test_more_lines_than_pages_hold_come_by_time_and_none_twice(kube, plugin, namespace, cloud, job):
    logs, group = cloud.client("logs"), "/aws/sagemaker/TrainingJobs"
    start = int(time.time() * 1000)
    expected = [line for _, line in sorted((n * 3 + host, f"line {n} of host {host}") for n in range(4000) for host in range(3))]
    for host in range(3):
        stream = f"{job}/algo-{host + 2}-1700000000"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": start + n * 3 + host, "message": f"line {n} of host {host}"} for n in range(4000)]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    kube.apply(training(job), namespace)
    lines = messages(plugin("trainingjob", "mine")[0])
    assert [line for line in lines if line.startswith("line ")] == expected
    assert sorted(lines) == sorted(written(cloud, job))


def test_the_region_comes_from_status_annotation_or_namespace(kube, plugin, namespace, job):
    elsewhere = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    kube.apply(training(job), namespace)
    said = plugin("trainingjob", "mine", fails=True, **elsewhere)
    assert f"the training job {job} in eu-central-1" in said and "which AWS does not have" in said
    annotate(kube, namespace, default_region="us-east-1")
    assert plugin("trainingjob", "mine", **elsewhere)[0]
    annotate(kube, namespace, default_region="eu-west-3")
    kube.apply(training(job, **{"services.k8s.aws/region": "us-east-1"}), namespace)
    assert plugin("trainingjob", "mine", **elsewhere)[0]
    kube.apply(training(job, **{"services.k8s.aws/region": "eu-west-3"}), namespace)
    metadata = {"region": "us-east-1", "ownerAccountID": harness.ACCOUNT}
    show_status(kube, namespace, f"trainingjobs.{ACK}", ackResourceMetadata=metadata)
    assert plugin("trainingjob", "mine", **elsewhere)[0]
    assert plugin("trainingjob", "mine", "--region", "us-east-1", **elsewhere)[0]


def test_the_namespace_says_the_endpoint(kube, plugin, namespace, cloud, job):
    kube.apply(training(job), namespace)
    annotate(kube, namespace, endpoint_url="http://aws.example.com")
    said = plugin("trainingjob", "mine", fails=True, without=["AWS_ENDPOINT_URL"])
    assert "it is not HTTPS" in said and "--endpoint-url" in said
    annotate(kube, namespace, endpoint_url=cloud.endpoint)
    assert plugin("trainingjob", "mine", without=["AWS_ENDPOINT_URL"])[0]


def test_objects_of_the_legacy_group_are_found_too(kube, plugin, namespace, cloud, job):
    elsewhere = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    kube.apply(legacy(job), namespace)
    lines, told = plugin("TrainingJob", "mine", **elsewhere)
    assert messages(lines) == written(cloud, job)
    assert f'"mine" has SageMaker TrainingJobName "{job}" in region "us-east-1"' in told
    kube.apply(legacy(job, sageMakerEndpoint=cloud.endpoint), namespace)
    logs_alone = {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": cloud.endpoint, "AWS_ENDPOINT_URL_STS": cloud.endpoint}
    assert plugin("TrainingJob", "mine", without=["AWS_ENDPOINT_URL"], **logs_alone)[0] == lines
    # As `migrate legacy` leaves them: one resource, two objects.
    kube.apply(training(job, **{"services.k8s.aws/region": "us-east-1"}), namespace)
    assert plugin("TrainingJob", "mine")[0] == lines


def test_a_name_of_several_objects_is_refused_and_said_in_full(kube, plugin, namespace, job):
    kube.apply([training(job), legacy("another")], namespace)
    said = plugin("TrainingJob", "mine", fails=True)
    assert "several objects have the name mine" in said
    assert f"write trainingjobs.{ACK}/mine or trainingjobs.{LEGACY}/mine" in said
    assert plugin(f"trainingjobs.{ACK}/mine")[0]


def test_a_tuning_job_shows_the_lines_of_its_training_jobs(kube, plugin, namespace, cloud, sagemaker, digits):
    name = harness.unique("tune")
    sagemaker.create_hyper_parameter_tuning_job(**tuning_job(name, digits, most=2))
    kube.apply(sample("hyper-parameter-tuning-job.yaml", "hyperParameterTuningJobName", name), namespace)
    lines, told = plugin("HyperParameterTuningJob", "mine", "-f")
    assert f'"mine" has SageMaker HyperParameterTuningJobName "{name}"' in told
    of_jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    for summary in of_jobs["TrainingJobSummaries"]:
        job = summary["TrainingJobName"]
        assert messages([line for line in lines if line.startswith(f"{job}/")]) == written(cloud, job)


def test_the_lines_of_an_endpoint_are_shown(kube, plugin, namespace, endpoint, runtime, rows):
    runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=rows[0][1])
    spec = {"endpointName": endpoint, "endpointConfigName": endpoint}
    kube.apply(thing("Endpoint", "mine", spec), namespace)
    lines, told = plugin("endpoint", "mine")
    assert f'"mine" has SageMaker EndpointName "{endpoint}" in region "us-east-1", status "InService"' in told
    assert "secondary" not in told and lines and all(line.startswith("all/") for line in lines)


def test_the_contexts_namespace_counts(kube, plugin, namespace, job):
    kube.apply(training(job), namespace)
    contexts = kube.write_kubeconfig(harness.unique("contexts"), kube.token, namespace)
    assert plugin("trainingjob", "mine", f"--kubeconfig={contexts}", namespace=None)[0]
    assert plugin("trainingjob", "mine", namespace=None, KUBECONFIG=str(contexts))[0]
    assert plugin("trainingjob", "mine", f"--kubeconfig={contexts}", "--context=sagewright", namespace=None)[0]
    said = plugin("trainingjob", "mine", f"--kubeconfig={contexts}", "--context=none", namespace=None, fails=True)
    assert "cannot find a Kubernetes cluster" in said and "none" in said and "kubectl config get-contexts" in said


@pytest.mark.parametrize("arguments, environment, said, help", [
    (["trainingjob", "gone"], {}, "there is no object gone of trainingjobs.", "kubectl get trainingjobs."),
    (["trainingjob"], {}, "`trainingjob` names no object", "write KIND NAME or KIND/NAME"),
    (["pod", "mine"], {}, "the cluster has no kind `pod` of SageMaker", "trainingjobs"),
    (["trainingjob", "../secrets"], {}, "`../secrets` cannot be the name of an object", "small letters"),
    (["model", "mine"], {}, "a model writes no logs", "TrainingJob"),
    (["trainingjob", "mine", "-o", "json"], {}, "smlogs shows lines", "sagewright logs"),
    (["trainingjob", "mine"], {"KUBECONFIG": "/nowhere/config"}, "cannot find a Kubernetes cluster", "--kubeconfig"),
    (["trainingjob", "mine"], {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "credentials", "AWS_PROFILE"),
])
def test_what_is_wrong_is_said_with_what_to_do(kube, plugin, namespace, arguments, environment, said, help):
    kube.apply([training("none"), sample("model.yaml", "modelName", "none")], namespace)
    told = plugin(*arguments, fails=True, **environment)
    assert said in told and help in told, told


def test_an_object_whose_job_was_refused_says_why(kube, plugin, namespace):
    kube.apply(training("none"), namespace)
    terminal = {"type": "ACK.Terminal", "status": "True", "message": "no such role"}
    show_status(kube, namespace, f"trainingjobs.{ACK}", conditions=[terminal])
    told = plugin("trainingjob", "mine", fails=True)
    assert "which AWS does not have" in told and "the object says: no such role" in told


def test_who_may_only_read_the_objects_is_told_what_is_not_known(kube, plugin, namespace, job):
    kube.apply(training(job), namespace)
    kube.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    kube.kubectl("create", "role", "reader", "--verb=get", f"--resource=trainingjobs.{ACK}", "-n", namespace)
    kube.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader", "-n", namespace)
    reader = kube.service_account("reader", namespace)
    lines, told = plugin("trainingjob", "mine", KUBECONFIG=str(reader))
    assert lines and f"warning: the namespace {namespace} cannot be read" in told
    told = plugin("endpoint", "mine", fails=True, KUBECONFIG=str(reader))
    assert "cannot read endpoints." in told and "kubectl auth can-i get endpoints." in told


def test_the_plugins_help_speaks_of_kubectl(plugin):
    lines, _ = plugin("--help", namespace=None)
    assert any(line.startswith("Usage: kubectl smlogs ") for line in lines)
    done = subprocess.run([harness.binary(), "smlogs", "--help"], capture_output=True, text=True, check=True)
    assert "Usage: sagewright smlogs " in done.stdout


def test_the_krew_manifest_has_krews_form_and_placeholders_for_the_release():
    path = harness.ROOT / "deploy" / "krew" / "smlogs.yaml"
    manifest = yaml.safe_load(path.read_text())
    assert (manifest["apiVersion"], manifest["kind"]) == ("krew.googlecontainertools.github.com/v1alpha2", "Plugin")
    assert manifest["metadata"]["name"] == path.stem
    spec = manifest["spec"]
    assert set(spec) == {"version", "homepage", "shortDescription", "description", "platforms"}
    assert "\n" not in spec["shortDescription"] and spec["version"] == "${VERSION}"
    chosen = set()
    for platform in spec["platforms"]:
        assert set(platform) == {"selector", "uri", "sha256", "files", "bin"}
        labels = platform["selector"]["matchLabels"]
        assert set(labels) == {"os", "arch"}
        place = f"{labels['os']}_{labels['arch']}".upper()
        assert platform["sha256"] == f"${{SHA256_{place}}}"
        assert platform["uri"] == f"${{URI_{place}}}"
        assert {"from": "sagewright", "to": "kubectl-smlogs"} in platform["files"] and platform["bin"] == "kubectl-smlogs"
        assert all(file["from"] and file["to"] for file in platform["files"])
        chosen.add(place)
    assert chosen == {"LINUX_AMD64", "LINUX_ARM64", "DARWIN_AMD64", "DARWIN_ARM64"}
    filled = re.sub(r"\$\{SHA256_\w+\}", "0" * 64, path.read_text())
    filled = re.sub(r"\$\{URI_\w+\}", "https://example.com/sagewright.tar.gz", filled).replace("${VERSION}", "v0.1.0").replace("${HOMEPAGE}", "https://example.com")
    assert "${" not in filled and re.fullmatch(r"v\d+\.\d+\.\d+", yaml.safe_load(filled)["spec"]["version"])
