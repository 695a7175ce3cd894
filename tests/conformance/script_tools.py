"""What tests of script mode share: the environments that are installed, packages of their own, the SageMaker SDK."""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import textwrap
import zipfile

import pytest

import harness

LOCKS = harness.ROOT / "crates" / "cloud" / "runner-process" / "frameworks" / "locks"
ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


def images(*arguments, **options):
    """`sagewright local images …`"""
    command = [harness.binary(), "local", "images", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=harness.clean_environment(), timeout=300, **options
    )


def installed(*names):
    """The first of these frameworks that is installed; without one the test is skipped."""
    shown = json.loads(images("list", "-o", "json").stdout)
    there = [row["framework"] for row in shown if row["installed"]]
    for name in names:
        if name in there:
            return name.split(":")[1]
    pytest.skip(f"none of {', '.join(names)} is installed: sagewright local images install {names[0]} --yes")


def wheel(folder, name, version, module, text, requires=()):
    """A package for pip, of one module."""
    dist = name.replace("-", "_")
    info = f"{dist}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{module}.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content.encode())}\n"
    path = pathlib.Path(folder) / f"{dist}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(name, content)
    return path


def python_3(folder):
    """Packages in place of those of the framework `python:3`: tiny, and of all versions that its list names."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in (LOCKS / "python-3.txt").read_text().splitlines():
        name, version = line.split(";")[0].strip().split("==")
        wheel(folder, name, version, name.replace("-", "_"), f"VERSION = {version!r}\n")
    return folder


def sdk(cloud, folder, program, *arguments, python=sys.executable):
    """Runs a program with the SageMaker SDK; its standard output is JSON."""
    if python == sys.executable and sys.version_info < (3, 10):
        pytest.skip("the SageMaker SDK has left Python 3.9 behind")
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "program.py"
    # The SDK looks again after half a minute; a test cannot wait for that.
    hasty = "import time\nlong = time.sleep\ntime.sleep = lambda seconds: long(min(seconds, 0.2))\n"
    script.write_text(hasty + textwrap.dedent(program))
    # The SDK would tell its makers about each call.
    config = folder / "sdk.yaml"
    config.write_text("SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n")
    environment = {**cloud.environment(), "HOME": str(folder), "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config)}
    done = subprocess.run(
        [python, str(script), *map(str, arguments)],
        capture_output=True, text=True, env=environment, timeout=280, cwd=folder,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # The SDK's own marks of progress may stand before it.
    return [json.loads(line.split("JSON ", 1)[1]) for line in done.stdout.splitlines() if "JSON " in line]
