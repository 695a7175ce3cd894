"""`cargo xtask kube up`: a cluster with the operator, for trying it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

import harness
import kube_tools
from test_docs import BLOCK, FILE, IN_CLUSTERS, commands, fits, put_clients

GROUP = """
apiVersion: sagemaker.services.k8s.aws/v1alpha1
kind: ModelPackageGroup
metadata:
  name: tried
spec:
  modelPackageGroupName: tried
"""


@pytest.fixture
def up():
    """Starts `tests/kube/up.py`, which the command runs, with a temporary folder of its own."""
    started = []

    def start(*command, sagewright=None, **popen):
        program = [sys.executable, str(harness.ROOT / "tests" / "kube" / "up.py")]
        program += ["--programs", str(kube_tools.programs()), "--sagewright", str(sagewright or harness.binary()), "--", *command]
        process = subprocess.Popen(
            program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen,
            env={**harness.clean_environment(), "TMPDIR": folder, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        started.append(process)
        return process

    # Paths of sockets are bounded: pytest's own folders are too deep.
    with tempfile.TemporaryDirectory(prefix="up-") as folder:
        yield start
        for process in started:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=harness.PATIENCE)
        assert os.listdir(folder) == []


def test_a_command_runs_in_the_cluster_which_ends_with_it(up, tmp_path):
    manifest = tmp_path / "group.yaml"
    manifest.write_text(GROUP)
    script = (
        f"kubectl apply -f {manifest} && kubectl wait --for=condition=Ready modelpackagegroup/tried --timeout=100s"
        " && kubectl get sagemaker -o name; echo $?; exit 7"
    )
    process = up("sh", "-c", script)
    told, errors = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 7, errors
    assert told.splitlines() == [
        "modelpackagegroup.sagemaker.services.k8s.aws/tried created",
        "modelpackagegroup.sagemaker.services.k8s.aws/tried condition met",
        "modelpackagegroup.sagemaker.services.k8s.aws/tried",
        "0",
    ]


def test_it_stays_until_it_is_interrupted_and_tells_how_to_reach_it(up):
    process = up()
    lines = []
    read = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
    read.start()
    harness.wait(lambda: process.poll() is not None or any("PATH=" in line for line in lines), "the cluster is there")
    exports = "".join(lines)
    assert re.search("^export KUBECONFIG=", exports, re.MULTILINE), process.stderr.read()
    script = exports + "kubectl get namespace default -o name"
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, env=harness.clean_environment())
    assert "namespace/default" in done.stdout, done.stderr
    children = harness.descendants(process.pid)
    assert len(children) >= 4
    process.send_signal(signal.SIGINT)
    assert process.wait(harness.PATIENCE) == 0
    harness.gone(children)
    read.join(10)


def test_a_program_that_ends_is_told_with_its_last_words(up, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no space left >&2\nexit 9\n")
    broken.chmod(0o755)
    process = up(sagewright=broken)
    told, errors = process.communicate(timeout=harness.PATIENCE)
    assert (process.returncode, told) == (1, "")
    assert "error: the embedded cloud ended with 9:\nno space left" in errors


@pytest.mark.parametrize("document", IN_CLUSTERS, ids=lambda path: str(path.relative_to(harness.ROOT)))
def test_a_guide_tells_the_truth(up, tmp_path, document):
    folder, programs = tmp_path / "folder", tmp_path / "programs"
    programs.mkdir()
    put_clients(programs)
    shutil.copytree(harness.ROOT / "examples", folder / "examples", symlinks=True)
    listed = []
    for language, content in BLOCK.findall(document.read_text()):
        if named := FILE.match(content) if language == "yaml" else None:
            (folder / named.group(1)).write_text(content)
        elif language == "console":
            listed += commands(content)
    # Not in subshells: what one command sets, the next ones see.
    at = f"{tmp_path}/{{}}.{{}}".format
    lines = [f'export AWS_PAGER="" PATH="{programs}:$PATH"']
    for i, (command, _, _) in enumerate(listed):
        lines.append(f"{{ {command}\n}} >{at('out', i)} 2>{at('err', i)}; echo $? >{at('code', i)}")
    process = up("bash", "-c", "\n".join(lines), cwd=folder)
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors
    for i, (command, printed, code) in enumerate(listed):
        out, error, ended = ((tmp_path / f"{what}.{i}").read_text() for what in ("out", "err", "code"))
        told = f"$ {command}\n{out}{error}\nended with {ended}"
        assert ended.strip() == str(code), told
        assert not printed or fits(printed, out) or fits(printed, error), told
