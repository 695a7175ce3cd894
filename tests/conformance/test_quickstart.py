"""The quickstart as a newcomer meets it: what it shows, what it says when something is in the way, how it goes on."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse

import boto3
import pytest

import harness
from harness import MNIST, PATIENCE, ROOT, binary, clean_environment
from test_restart import alive, descendants, gone

HEADINGS = [
    "XGBoost",
    "The embedded cloud",
    "1. Upload the digits",
    "2. Train",
    "3. Register and approve",
    "4. Deploy",
    "5. Read 1,000 digits that it has not seen",
]


class Quickstart:
    """One run, its standard error read line by line as it comes."""

    def __init__(self, data, *arguments, cwd=ROOT, listen="127.0.0.1:0", stdout=subprocess.PIPE, **environment):
        place = ["--data", str(data)] if data else []
        command = [os.path.abspath(binary()), "quickstart", "--listen", listen, *place, *arguments]
        env = {k: v for k, v in {**clean_environment(), **environment}.items() if v is not None}
        self.process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE
        )
        self.lines, self.out, self.ended, self.children = [], b"", False, []
        self.news = threading.Condition()
        self.readers = [threading.Thread(target=self._errors, daemon=True)]
        if stdout == subprocess.PIPE:
            self.readers.append(threading.Thread(target=self._output, daemon=True))
        for reader in self.readers:
            reader.start()

    def _errors(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.decode().rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _output(self):
        self.out = self.process.stdout.read()

    def until(self, text):
        """Waits for a line with this text, and notes which processes there are then."""
        with self.news:
            seen = self.news.wait_for(lambda: self.ended or any(text in line for line in self.lines), PATIENCE)
        assert seen and any(text in line for line in self.lines), f"no {text!r} in:\n{self.text}"
        self.children += descendants(self.process.pid)
        return self

    def send(self, number):
        self.process.send_signal(number)
        return self

    def end(self, patience=PATIENCE):
        """The exit code, once it and all that it started are gone."""
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it has not ended after {patience} s:\n{self.text}") from None
        for reader in self.readers:
            reader.join(PATIENCE)
        gone(self.children)
        assert "\x1b" not in self.text and "panicked" not in self.text, self.text
        return code

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def error(self):
        """The error and what to do."""
        at = next((i for i, line in enumerate(self.lines) if line.startswith("error:")), None)
        assert at is not None, f"no error in:\n{self.text}"
        return "\n".join(self.lines[at:])

    def document(self):
        return json.loads(self.out)


def strays(data):
    """Processes that have to do with a data folder."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(data).encode() in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append(process.name)
        except OSError:
            continue
    return [pid for pid in found if alive(int(pid))]


def command(data, *arguments, **environment):
    """Another command against the cloud on a data folder."""
    done = subprocess.run(
        [binary(), *arguments, "--data", str(data)], capture_output=True, env={**clean_environment(), **environment}, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def examples(folder, **changes):
    """A copy of the tutorial's files whose model is trained in a moment, and reads digits accordingly."""
    target = pathlib.Path(folder) / "examples" / "mnist"
    shutil.copytree(MNIST, target)
    edit(target / "01-training-job.yaml", {'num_round: "20"': 'num_round: "10"', 'eta: "0.3"': 'eta: "0.5"'} | changes)
    return target


def edit(path, changes):
    text = path.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A data folder on which the quickstart has run, and that first run."""
    data = tmp_path_factory.mktemp("walked") / "data"
    run = Quickstart(data, "--exit", "--output", "json")
    run.until("[5]#011")
    run.until("Accuracy")
    assert run.end() == 0, run.text
    return data, run


def complete(run):
    document = run.document()
    assert document["accuracy"] >= 0.9 and document["seconds"] > 0
    assert document["trainingJob"] == "mnist-xgboost" and document["endpoint"] == "digits"
    assert document["modelPackageArn"] == "arn:aws:sagemaker:us-east-1:000000000000:model-package/digits/1"
    matrix = document["confusionMatrix"]
    assert sum(map(sum, matrix)) == 1000
    assert sum(matrix[i][i] for i in range(10)) == round(1000 * document["accuracy"])
    return document


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
    folder = examples(tmp_path / "a b", **{"objective: multi:softmax": "objective: multi:softmix"})
    data, place = tmp_path / "data", ["--examples", str(folder)]
    run = Quickstart(data, "--exit", "-o", "json", *place, cwd=tmp_path)
    assert run.end() == 1 and "TrainingJob mnist" in run.error and "softmix" in run.error, run.text
    assert f"quickstart --exit --listen 127.0.0.1:0 --examples {shlex.quote(str(folder))}" in run.error and not run.out
    edit(folder / "01-training-job.yaml", {"objective: multi:softmix": "objective: multi:softmax"})
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


# Something is in the way


def test_a_port_that_is_taken_is_named(walked):
    data, _ = walked
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = Quickstart(data, "--exit", "-o", "json", listen=address)
        assert run.end() == 1 and not run.out
        assert f"cannot listen on {address}: another program uses the port" in run.error and "--listen" in run.error
    assert not strays(data)
    # With the port free it works, and that nobody reads the result is no error.
    reading, writing = os.pipe()
    os.close(reading)
    run = Quickstart(data, "--exit", "-o", "json", listen=address, stdout=writing)
    os.close(writing)
    assert run.end() == 0 and f"is up at http://{address}" in run.text, run.text


def fake(folder, text):
    folder.mkdir()
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {"PATH": str(folder)}


CLOSED = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (lambda tmp: {"PATH": str(tmp)}, ["no Python was found", "install Python 3.9 or newer"]),
        (lambda tmp: fake(tmp / "bin", "echo 3 11 0"), ["python3 has no pip", "ensurepip"]),
        (lambda tmp: fake(tmp / "bin", "echo 3 8 1"), ["python3 is Python 3.8", "SAGEWRIGHT_PYTHON"]),
        (lambda tmp: {"PIP_INDEX_URL": f"{CLOSED}/simple"}, ["index did not answer", "Check the network and proxy"]),
        (lambda tmp: {"PIP_PROXY": CLOSED}, ["index did not answer", "Check the network and proxy"]),
        (lambda tmp: {"PIP_NO_INDEX": "1"}, ["the package index has no xgboost", "pip config list"]),
    ],
    ids=["no Python", "no pip", "old Python", "no index", "no proxy", "not published"],
)
def test_without_python_or_network_it_says_what_to_do(environment, said, tmp_path):
    # One attempt is as good as three at a closed port; wheels that lie on this machine would be found without any.
    quick = {"PIP_FIND_LINKS": None, "PIP_CONFIG_FILE": os.devnull, "SAGEWRIGHT_XGBOOST_LIBRARY": None}
    cache = tmp_path / "cache"
    run = Quickstart(tmp_path / "data", "--exit", "-o", "json", SAGEWRIGHT_CACHE=str(cache), **quick, **environment(tmp_path))
    assert run.end() == 1 and not run.out
    for text in said:
        assert text in run.error, run.error
    assert not (tmp_path / "data").exists()
    assert [p.name for p in (cache / "xgboost").iterdir()] == [".lock"]


def library_folder():
    folder = os.environ.get("SAGEWRIGHT_CACHE")
    if folder:
        return pathlib.Path(folder)
    if sys.platform == "darwin":
        return pathlib.Path.home() / "Library/Caches/sagewright"
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sagewright"


def test_with_the_library_cached_neither_python_nor_network_is_needed(walked, tmp_path):
    data, _ = walked
    nothing = {"PATH": str(tmp_path), "http_proxy": CLOSED, "https_proxy": CLOSED, "HTTPS_PROXY": CLOSED, "ALL_PROXY": CLOSED}
    cache = tmp_path / "cache"
    run = Quickstart(data, "--exit", SAGEWRIGHT_CACHE=str(cache), **nothing)
    assert run.end() == 1 and "no Python was found" in run.error
    shutil.copytree(library_folder() / "xgboost", cache / "xgboost", dirs_exist_ok=True)
    run = Quickstart(data, "--exit", "-o", "json", SAGEWRIGHT_CACHE=str(cache), **nothing)
    assert run.end() == 0, run.text
    complete(run)
    assert str(cache) in run.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_download_ends_with_the_quickstart(number, tmp_path):
    pip = tmp_path / "modules" / "pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    # Tells that it has begun through a pipe that the test reads, and then takes for ever.
    (pip / "__main__.py").write_text(
        "import os, threading\nwith open(os.environ['BEGUN'], 'w') as begun: begun.write(str(os.getpid()))\nthreading.Event().wait()\n"
    )
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    run = Quickstart(
        tmp_path / "data", "--exit", SAGEWRIGHT_CACHE=str(tmp_path / "cache"), PYTHONPATH=str(tmp_path / "modules"),
        BEGUN=str(begun), SAGEWRIGHT_PYTHON=sys.executable,
    )
    run.until("Downloading")
    pid = int(begun.read_text())
    run.children.append(pid)
    code = run.send(number).end(5)
    if number == signal.SIGINT:
        assert code == 130 and 'interrupted at the step "XGBoost"; nothing has been started' in run.error


@pytest.mark.parametrize("place", ["file/data", "/proc/nothing/data"])
def test_a_folder_that_cannot_be_made_is_named(place, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    data = tmp_path / place
    run = Quickstart(data, "--exit", "-o", "json")
    assert run.end() == 1 and not run.out
    assert f"cannot write to the data folder {data}" in run.error and "--data" in run.error


@pytest.fixture
def in_namespace(tmp_path):
    """Runs a function of this module with a folder where it may mount file systems of its own."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a mount namespace: no disk can be made small or read-only")

    def run(function):
        script = f"import sys; sys.path.insert(0, {str(ROOT / 'tests/conformance')!r}); import test_quickstart as t; t.{function.__name__}(t.pathlib.Path(sys.argv[1]))"
        done = subprocess.run(["unshare", "-rm", sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr

    return run


def mount(folder, *options):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def read_only_disk(tmp):
    disk = tmp / "disk"
    mount(disk, "-o", "ro")
    run = Quickstart(disk / "data", "--exit", "-o", "json")
    assert run.end() == 1 and not run.out
    assert f"{disk / 'data'} is on a read-only file system" in run.error and "--data" in run.error, run.error
    run = Quickstart(disk / "data", "--exit", cwd=tmp)
    assert run.end() == 1 and f"cannot write the tutorial's files to {disk}" in run.error, run.error
    # A folder that was in use before, as after an error of the disk.
    remount(disk, "rw")
    run = Quickstart(disk / "data").until("1. Upload").send(signal.SIGTERM)
    assert run.end() == 130
    remount(disk, "ro")
    run = Quickstart(disk / "data", "--exit")
    assert run.end() == 1 and str(disk / "data") in run.error and "read-only" in run.error, run.error
    assert "--data" in run.error and not strays(disk)
    remount(disk, "rw")
    run = Quickstart(disk / "data").until("2. Train").send(signal.SIGINT)
    assert run.end() == 130


def full_disk(tmp):
    folder, disk = examples(tmp), tmp / "disk"
    data = disk / "data"
    mount(disk, "-o", "size=64k")

    def full(*said):
        run = Quickstart(data, "--exit", "-o", "json", cwd=tmp)
        assert run.end() == 1 and not run.out, run.text
        for text in (*said, str(disk), "--data"):
            assert text in run.error, run.text
        assert not strays(disk)
        return run

    full("no space is left on the disk of the data folder")
    remount(disk, "size=1m")
    run = full("cannot copy", "No space left on device", "free about 100 MB", "quickstart --exit")
    assert " ERROR " not in run.text
    remount(disk, "size=16m")
    full("TrainingJob mnist: ", "Data download failed", "free about 100 MB")
    # It fills up while the job runs: neither the model nor the reason of the failure can be written.
    remount(disk, "size=40m")
    edit(folder / "01-training-job.yaml", {'num_round: "10"': 'num_round: "3"'})
    run = Quickstart(data, "--exit", "-o", "json", cwd=tmp).until("[0]#011")
    fill(disk / "filler")
    assert run.end() == 1 and not run.out
    assert "the training job of an earlier run is Failed" in run.text
    assert "TrainingJob mnist: " in run.error and "No space left" in run.error and "free about 100 MB" in run.error, run.text
    assert not strays(disk)
    (disk / "filler").unlink()
    edit(folder / "01-training-job.yaml", {'num_round: "3"': 'num_round: "10"'})
    run = Quickstart(data, "--exit", "-o", "json", cwd=tmp)
    assert run.end() == 0, run.text
    assert run.document()["accuracy"] >= 0.9 and folder.is_dir()


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def test_a_read_only_disk_is_named_and_nothing_stays(in_namespace):
    in_namespace(read_only_disk)


def test_a_full_disk_is_named_at_each_step_and_room_is_all_it_needs(in_namespace):
    in_namespace(full_disk)


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
    command(data, "delete", "Endpoint/digits", "--local")
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
