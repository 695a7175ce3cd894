"""Applies of the example over a network that fails: each converges, and nothing is made twice.

`SAGEWRIGHT_APPLIES=500` gives another number than that of an ordinary run.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

import harness

sys.path.insert(0, str(harness.ROOT / "tests"))

from chaos.proxy import Proxy  # noqa: E402
from chaos.sweep import PROGRAM  # noqa: E402

APPLIES = int(os.environ.get("SAGEWRIGHT_APPLIES", "3"))
# An apply waits for most of its time.
AT_ONCE = min(APPLIES, 40)
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/faults:1"
# Applies of one name: one that gives up says so, and is run again.
RUNS = 5
# What an apply of the example makes.
MADE = ["CreateTrainingJob", "CreateModelPackageGroup", "CreateModelPackage", "CreateModel", "CreateEndpointConfig", "CreateEndpoint"]


def example(name, folder):
    """The example under another name, with a container that does in no time what the example's does."""
    text = "\n---\n".join(path.read_text() for path in sorted(harness.MNIST.glob("*.yaml")))
    text = re.sub(r"\b(digits-xgboost|mnist-xgboost|digits|mnist)$", rf"\1-{name}", text, flags=re.MULTILINE)
    text = text.replace(harness.XGBOOST, IMAGE)
    text = text.replace("  hyperParameters:\n", f'  hyperParameters:\n    ledger: "{folder}/{name}.ledger"\n    seconds: "0"\n')
    text = text.replace("    - modelPackageRef:\n", f"    - environment: {{SAID: {name}}}\n      modelPackageRef:\n")
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def apply(cloud, proxy, name, folder):
    """Applies one example until the command says that all is well; gives the number of runs."""
    path = example(name, folder)
    environment = {**cloud.environment(), "AWS_ENDPOINT_URL": proxy.url}
    del environment["AWS_MAX_ATTEMPTS"]
    for run in range(1, RUNS + 1):
        command = [harness.binary(), "apply", "-f", str(path), "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1200)
        if done.returncode == 0:
            # The worker of an endpoint is not needed any more, and there would be as many as there are applies.
            cloud.client("sagemaker").delete_endpoint(EndpointName=f"digits-{name}")
            if APPLIES > 10:
                print(f"{name}: {run} {'run' if run == 1 else 'runs'}", flush=True)
            return run
    raise AssertionError(f"{name}: {RUNS} applies failed: {done.stdout[-2000:]} {done.stderr[-2000:]}")


def listed(cloud, operation, member, **arguments):
    pages = cloud.client("sagemaker").get_paginator(operation).paginate(**arguments)
    return [item for page in pages for item in page[member]]


def test_applies_converge_on_a_network_that_fails_and_make_nothing_twice(tmp_path):
    python = os.environ.get("SAGEWRIGHT_TEST_PYTHON", sys.executable)
    cloud = harness.Cloud(tmp_path, f'[[image]]\nmatch = "{IMAGE}"\ncommand = ["{python}", "-S", "-E", "{PROGRAM}"]\n')
    proxy = Proxy(cloud.endpoint, seed=10)
    try:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="sagewright-mnist")
        for part in ("train", "validation"):
            s3.put_object(Bucket="sagewright-mnist", Key=f"{part}/{part}.csv", Body=b"1,2\n")
        names = [f"n{n:03}" for n in range(APPLIES)]
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            runs = list(pool.map(lambda name: apply(cloud, proxy, name, tmp_path), names))
        seconds = time.monotonic() - begun

        made = {
            "CreateTrainingJob": [i["TrainingJobName"] for i in listed(cloud, "list_training_jobs", "TrainingJobSummaries")],
            "CreateModel": [i["ModelName"] for i in listed(cloud, "list_models", "Models")],
            "CreateEndpointConfig": [i["EndpointConfigName"] for i in listed(cloud, "list_endpoint_configs", "EndpointConfigs")],
            "CreateModelPackageGroup": [
                i["ModelPackageGroupName"] for i in listed(cloud, "list_model_package_groups", "ModelPackageGroupSummaryList")
            ],
        }
        assert {operation: sorted(there) for operation, there in made.items()} == {
            operation: sorted(f"{'mnist-xgboost' if operation == 'CreateTrainingJob' else 'digits'}-{name}" for name in names)
            for operation in made
        }
        for name in names:
            group = f"digits-{name}"
            versions = listed(cloud, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group)
            assert [version["ModelPackageVersion"] for version in versions] == [1], (name, versions)
        # The creates that took effect, as the service answered them: each thing once.
        effects = {operation: [key for key in proxy.created if key[0] == operation] for operation in MADE}
        assert {operation: len(keys) for operation, keys in effects.items()} == dict.fromkeys(MADE, APPLIES), effects
        repeated = {key: n for key, n in proxy.created.items() if n > 1 and key[0] != "CreateModelPackage"}
        assert not repeated, f"only a repetition with its token is answered twice: {repeated}"
        assert all(proxy.calls[fault] for fault in proxy.faults), proxy.calls
        told = {**proxy.calls, "applies": APPLIES, "runs": sum(runs), "most runs": max(runs), "seconds": round(seconds)}
        print(json.dumps({**told, "creates": sum(map(len, effects.values()))}))
    finally:
        proxy.close()
        cloud.stop()
