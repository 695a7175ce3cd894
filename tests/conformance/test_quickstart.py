"""The quickstart as a newcomer meets it: what it shows, what it says of manifests, how it goes on when it was cut off."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import urllib.parse

import boto3
import pytest

from harness import MNIST, PATIENCE, ROOT, binary, clean_environment, descendants, gone
from quickstart_tools import Quickstart, command, complete, edit, examples, strays

HEADINGS = [
    "XGBoost",
    "The embedded cloud",
    "1. Upload the digits",
    "2. Train",
    "3. Register and approve",
    "4. Deploy",
    "5. Read 1,000 digits that it has not seen",
]


# All is well


def test_the_first_run_trains_registers_deploys_and_reads(walked):
    data, run = walked
    complete(run)
    assert [line for line in run.lines if line in HEADINGS] == HEADINGS
    assert run.children and not strays(data)
    shown = run.text
    for made in ("TrainingJob mnist", "ModelPackage digits-xgboost", "Endpoint digits"):
        assert f"{made}: created" in shown
    assert re.search(r"\[9\]#011train-mlogloss:\d\.\d+#011validation-mlogloss:\d\.\d+", shown)
    assert not (data / "server.json").exists()


def test_a_second_run_says_what_exists_and_goes_on(walked):
    data, first = walked
    run = Quickstart(data, "--exit", "--output", "json")
    assert run.end() == 0, run.text
    again, before = complete(run), complete(first)
    moving = ("seconds", "cloud")
    assert {k: v for k, v in again.items() if k not in moving} == {k: v for k, v in before.items() if k not in moving}
    assert "is at s3://sagewright-mnist/train/train.csv already" in run.text
    assert "unchanged: TrainingJob mnist" in run.text and "created" not in run.text
    assert "mlogloss" not in run.text, "what was logged long ago is no news"
    assert again["seconds"] < before["seconds"]


def test_it_stays_up_and_every_command_that_it_shows_works(walked, tmp_path):
    data, _ = walked
    run = Quickstart(data).until("sagewright logs TrainingJob/mnist-xgboost")
    (tmp_path / "sagewright").symlink_to(os.path.abspath(binary()))
    shown = [line[2:] for line in run.lines if line.startswith("$ ")]
    assert len(shown) == 8 and shown[0].startswith("sagewright local up --detach --listen ")
    tips = [line.strip() for line in run.lines if line.startswith(("  sagewright", "  eval"))]
    assert len(tips) == 4
    script = "\n".join(["set -euo pipefail", *shown, *tips, "sagewright plan -f examples/mnist --exit-code"])
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env={**clean_environment(), "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "InService" in done.stdout and "[19]#011" in done.stdout
    assert "InService" in command(data, "get", "endpoints", "--local")
    run.children += descendants(run.process.pid)
    assert run.send(signal.SIGINT).end(5) == 0
    assert "stopped; its state is kept" in run.text
    assert not run.out and not strays(data)


def test_a_cloud_that_is_up_already_is_used_and_left_up(walked):
    data, _ = walked
    told = json.loads(command(data, "local", "up", "--detach", "--listen", "127.0.0.1:0", "-o", "json"))
    try:
        run = Quickstart(data, "--output", "json", listen="127.0.0.1:1")
        assert run.end() == 0, run.text
        assert complete(run)["cloud"] == told["endpoint"]
        assert f"is up already at {told['endpoint']}" in run.text and "local up" not in run.text
        run = Quickstart(data).until("1. Upload").send(signal.SIGINT)
        assert run.end(5) == 130 and "the embedded cloud stays up" in run.error
        status = json.loads(command(data, "local", "status", "-o", "json"))
        assert status["up"] and status["resources"]["endpoints"] == 1
        pid = json.loads((data / "server.json").read_text())["pid"]
    finally:
        command(data, "local", "down")
    # Down is when its process has ended, model servers and databases included: the folder may be copied or moved.
    before = sorted(p.name for p in data.iterdir())
    assert "server.json" not in before and not strays(data)
    gone([pid])
    assert sorted(p.name for p in data.iterdir()) == before


def test_another_training_takes_the_names_that_the_readme_says(walked, tmp_path):
    data, manifests = tmp_path / "data", examples(tmp_path)
    shutil.copytree(walked[0], data)
    job = {"  name: mnist\n": "  name: mnist-2\n", "mnist-xgboost": "mnist-xgboost-2", 'num_round: "10"': 'num_round: "2"'}
    edit(manifests / "01-training-job.yaml", job)
    package = {"name: digits-xgboost\n": "name: digits-xgboost-2\n", "name: mnist\n": "name: mnist-2\n"}
    edit(manifests / "02-model-package.yaml", package)
    serving = {
        "kind: Model\nmetadata:\n  name: digits\n": "kind: Model\nmetadata:\n  name: digits-2\n",
        "modelName: digits\n": "modelName: digits-2\n",
        "name: digits-xgboost\n": "name: digits-xgboost-2\n",
        "kind: EndpointConfig\nmetadata:\n  name: digits\n": "kind: EndpointConfig\nmetadata:\n  name: digits-2\n",
        "endpointConfigName: digits\n": "endpointConfigName: digits-2\n",
        "          name: digits\n": "          name: digits-2\n",
        "      name: digits\n": "      name: digits-2\n",
    }
    edit(manifests / "03-endpoint.yaml", serving)
    command(data, "local", "up", "--detach", "--listen", "127.0.0.1:0")
    try:
        told = command(data, "plan", "-f", manifests, "--local")
        assert told.splitlines()[-1] == "Plan: 4 to create, 1 to update, 1 unchanged."
        told = command(data, "apply", "-f", manifests, "--local")
        assert "Endpoint digits: updated" in told and told.splitlines()[-1].count("4 created") == 1
        versions = command(data, "get", "modelpackages", "-o", "name", "--local").split()
        assert sorted(versions) == ["ModelPackage/digits/1", "ModelPackage/digits/2"]
    finally:
        command(data, "local", "down")


def test_a_terminal_without_color_gets_none(walked):
    pty = pytest.importorskip("pty")
    data, _ = walked
    ours, theirs = pty.openpty()
    arguments = [binary(), "quickstart", "--exit", "--listen", "127.0.0.1:0", "--data", str(data)]
    process = subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=clean_environment())
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way to say that nobody has the terminal open any more
            part = b""
        if not part:
            break
        shown += part
    assert process.wait(PATIENCE) == 0
    assert b"Accuracy" in shown and not re.search(rb"\x1b\[[0-9;]*m", shown)


# Manifests


def test_a_wrong_manifest_is_told_with_its_place_before_anything_starts(tmp_path):
    folder = examples(tmp_path, **{"trainingInputMode: File": "trainingInputMode: Fail"})
    run = Quickstart(tmp_path / "data", "--exit", cwd=tmp_path)
    assert run.end() == 65
    line = 1 + next(i for i, t in enumerate((folder / "01-training-job.yaml").read_text().splitlines()) if "Fail" in t)
    assert re.search(rf"01-training-job\.yaml:{line}:\d+", run.text) and "trainingInputMode" in run.text, run.text
    (folder / "test.csv.gz").unlink()
    run = Quickstart(tmp_path / "data", "--exit", cwd=tmp_path)
    assert run.end() == 64 and "examples/mnist does not hold test.csv.gz" in run.error
    assert not (tmp_path / "data").exists()


def test_a_job_that_failed_is_made_again(tmp_path):
    folder = examples(tmp_path / "a b", **{'num_class: "10"': 'num_class: "5"'})
    data, place = tmp_path / "data", ["--examples", str(folder)]
    run = Quickstart(data, "--exit", "-o", "json", *place, cwd=tmp_path)
    assert run.end() == 1 and "TrainingJob mnist" in run.error and "num_class" in run.error, run.text
    assert f"quickstart --exit --listen 127.0.0.1:0 --examples {shlex.quote(str(folder))}" in run.error and not run.out
    edit(folder / "01-training-job.yaml", {'num_class: "5"': 'num_class: "10"'})
    run = Quickstart(data, *place, cwd=tmp_path).until("[0]#011").send(signal.SIGINT)
    assert run.end() == 130
    assert "the training job of an earlier run is Failed" in run.text
    assert "FAILURE" not in run.text, "what an earlier job logged is not this one's"
    assert not strays(data)


def test_away_from_the_checkout_a_copy_is_made_and_kept(tmp_path):
    data = tmp_path / "data"
    run = Quickstart(data, cwd=tmp_path).until("2. Train").send(signal.SIGINT)
    assert run.end(5) == 130
    copy = data / "examples" / "mnist"
    assert {p.name for p in copy.iterdir()} == {p.name for p in MNIST.iterdir()}
    edit(copy / "03-endpoint.yaml", {"kind: Endpoint\n": "kind: Endpunkt\n"})
    run = Quickstart(data, "--exit", cwd=tmp_path)
    assert run.end() == 65 and "03-endpoint.yaml" in run.text, "an edited copy is not overwritten"


# Interruptions


def test_cut_off_at_any_step_it_leaves_nothing_and_goes_on(tmp_path):
    names = {"trainingJobName: mnist-xgboost": "trainingJobName: other-job", "//sagewright-mnist": "//other-bucket/in"}
    folder = examples(tmp_path, **names)
    edit(folder / "03-endpoint.yaml", {"endpointName: digits": "endpointName: reader"})
    data = tmp_path / "data"
    cuts = [
        ("XGBoost", signal.SIGINT, None),
        ("The embedded cloud", signal.SIGTERM, None),
        ("1. Upload the digits", signal.SIGINT, "1. Upload"),
        ("train.csv.gz s3://", signal.SIGKILL, None),
        ("2. Train", signal.SIGHUP, "2. Train"),
        ("[1]#011", signal.SIGINT, "2. Train"),
        ("[1]#011", signal.SIGKILL, None),
        ("3. Register and approve", signal.SIGTERM, "3. Register"),
        ("4. Deploy", signal.SIGINT, "4. Deploy"),
        ("Endpoint digits  creating", signal.SIGKILL, None),
        ("5. Read", signal.SIGINT, "5. Read"),
    ]
    for mark, number, step in cuts:
        run = Quickstart(data, cwd=tmp_path).until(mark).send(number)
        # Two seconds are ample for all; the rest is for machines that do much else.
        code = run.end(10)
        if number == signal.SIGKILL:
            assert code == -number
            continue
        assert code == 130 and "interrupted at the step" in run.error, f"{mark}: {run.text}"
        assert step is None or f'"{step}' in run.error, run.error
        assert "the embedded cloud is stopped, its state is kept" in run.error or mark in HEADINGS[:2]
        assert f"run `sagewright quickstart --listen 127.0.0.1:0 --data {data}` again: it goes on" in run.error
        assert not (data / "server.json").exists() and not strays(data)
    run = Quickstart(data, "--exit", "-o", "json", cwd=tmp_path)
    assert run.end() == 0, run.text
    # Names are those of the manifests.
    document = run.document()
    assert document["accuracy"] >= 0.9 and not strays(data)
    assert document["trainingJob"] == "other-job" and document["endpoint"] == "reader"
    assert "s3://other-bucket/in/train/train.csv already" in run.text


def test_an_endpoint_that_was_cut_off_half_made_is_finished_by_the_next_run(walked):
    data, _ = walked
    command(data, "local", "up", "--detach", "--listen", "127.0.0.1:0")
    command(data, "delete", "--yes", "Endpoint/digits", "--local")
    command(data, "local", "down")
    run = Quickstart(data).until("Endpoint digits  creating").send(signal.SIGINT)
    assert run.end(10) == 130
    run = Quickstart(data, "--exit", "-o", "json")
    assert run.end() == 0, run.text
    complete(run)
    assert "the endpoint of an earlier run has failed" not in run.text, "a cut is no failure"


def test_a_second_signal_ends_it_at_once(walked):
    data, _ = walked
    run = Quickstart(data).until("stays up until")
    access = json.loads(command(data, "local", "env", "-o", "json"))
    keys = {"aws_access_key_id": access["accessKeyId"], "aws_secret_access_key": access["secretAccessKey"]}
    s3 = boto3.client("s3", endpoint_url=access["endpoint"], region_name=access["region"], **keys)
    target = {"Bucket": "sagewright-mnist", "Key": "never/whole"}
    url = urllib.parse.urlsplit(s3.generate_presigned_url("put_object", target))
    # A call that never becomes whole holds the shutdown up for as long as calls in progress may.
    with socket.create_connection((url.hostname, url.port)) as held:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        held.sendall(head.encode())
        assert b"100 Continue" in held.recv(1000)
        run.send(signal.SIGINT).until("stopping the embedded cloud").send(signal.SIGINT)
        assert run.end(2) == 0
    assert "stopping at once" in run.text
    assert not strays(data) and not (data / "server.json").exists()
