"""The `sagewright` command as a user runs it, and manifests for it."""

import json
import os
import pty
import re
import signal
import subprocess

import harness
from harness import CRASHING_IMAGE as CRASHING  # noqa: F401 - tests take it from here
from harness import SCRIPT_IMAGE as SCRIPT
from harness import SILENT_IMAGE as SILENT  # noqa: F401 - tests take it from here

API = "sagemaker.services.k8s.aws/v1alpha1"


class Told:
    """What a command printed."""

    def __init__(self, out, err):
        self.out, self.err = out, err

    @property
    def flat(self):
        """Standard error on one line: what is wrong in a manifest is wrapped for people."""
        return re.sub(r"\s*\n\s*(│\s)?\s*", " ", self.err)

    @property
    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)

    def table(self):
        """Rows as dictionaries by column head."""
        head, *rows = self.lines
        starts = [0] + [i + 2 for i in range(len(head) - 2) if head[i : i + 2] == "  " and head[i + 2] != " "]
        cut = lambda line: [line[a:b].strip() for a, b in zip(starts, starts[1:] + [None])]
        return [dict(zip(cut(head), cut(row))) for row in rows]


class Cli:
    """Runs commands against one account of a cloud, in a folder."""

    def __init__(self, cloud, account, folder):
        self.cloud, self.account, self.folder = cloud, account, folder

    @property
    def target(self):
        """The line that says which cloud is called."""
        return f"Target: embedded cloud, account {self.account}, us-east-1\n"

    def environment(self, **more):
        return {**self.cloud.environment(self.account), **more}

    def __call__(self, *arguments, code=0, stdin="", **environment):
        """Runs `sagewright …`, which has to end with a code; a manifest given as standard input is an object or text."""
        stdin = stdin if isinstance(stdin, str) else json.dumps(stdin)
        command = [harness.binary(), *map(str, arguments)]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=harness.PATIENCE,
            cwd=self.folder,
            env=self.environment(**environment),
        )
        assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return Told(done.stdout, done.stderr)

    def start(self, *arguments):
        """Starts a command and leaves it running."""
        return subprocess.Popen(
            [harness.binary(), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment(),
        )

    def asked(self, answer, *words, **environment):
        """The command on a terminal where somebody types the answer."""
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        done = subprocess.run(
            [harness.binary(), *words], stdin=theirs, capture_output=True, text=True,
            cwd=self.folder, env=self.environment(**environment), timeout=harness.PATIENCE,
        )  # fmt: skip
        os.close(theirs)
        os.close(ours)
        return Told(done.stdout, done.stderr), done.returncode

    def interrupted(self, process):
        """Ctrl-C; gives what was printed and the exit code."""
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        return Told(out, err), process.returncode


def many(*objects):
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def manifest(kind, name, tags=None, **spec):
    if tags:
        spec["tags"] = [{"key": k, "value": v} for k, v in tags.items()]
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def ref(name):
    return {"from": {"name": name}}


def training_job(name, bucket, account, image=SCRIPT, tags=None, **hyperparameters):
    return manifest(
        "TrainingJob",
        name,
        tags,
        trainingJobName=name,
        roleARN=harness.role(account),
        algorithmSpecification={"trainingImage": image, "trainingInputMode": "File"},
        hyperParameters={k: str(v) for k, v in hyperparameters.items()} or {"epochs": "2"},
        outputDataConfig={"s3OutputPath": f"s3://{bucket}/models"},
        resourceConfig={"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
        stoppingCondition={"maxRuntimeInSeconds": 600},
    )


def group(name, **more):
    return manifest("ModelPackageGroup", name, modelPackageGroupName=name, **more)


def package(name, group, job):
    return manifest(
        "ModelPackage",
        name,
        modelPackageGroupRef=ref(group),
        modelApprovalStatus="Approved",
        inferenceSpecification={
            "containers": [{"image": SCRIPT, "modelDataRef": ref(job)}],
            "supportedContentTypes": ["text/csv"],
            "supportedResponseMIMETypes": ["application/json"],
        },
    )


def model(name, account, image=SCRIPT, **more):
    more = more or {"primaryContainer": {"image": image, "environment": {"SAID": name}}}
    return manifest("Model", name, modelName=name, executionRoleARN=harness.role(account), **more)


def config(name, model, **more):
    variant = {"variantName": "all", "modelRef": ref(model), "initialInstanceCount": 1, "instanceType": "ml.m5.large"}
    return manifest("EndpointConfig", name, endpointConfigName=name, productionVariants=[variant | more])


def endpoint(name, config, tags=None):
    return manifest("Endpoint", name, tags, endpointName=name, endpointConfigRef=ref(config))


def whole_set(bucket, account):
    """All kinds of the embedded cloud, each named by reference."""
    return [
        endpoint("served", "served", {"team": "a"}),
        config("served", "served"),
        model("served", account, containers=[{"modelPackageRef": ref("version")}]),
        package("version", "versions", "trained"),
        group("versions", modelPackageGroupDescription="Of the tests"),
        training_job("trained", bucket, account, tags={"team": "a"}, epochs=3),
    ]
