"""The quickstart when something is in the way: it says what is wrong and what to do, and works when that is done."""

import os
import pathlib
import shutil
import signal
import socket
import sys

import pytest

from disks import fill, in_namespace, mount, remount  # noqa: F401
from quickstart_tools import Quickstart, complete, edit, examples, strays


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


def test_a_read_only_disk_is_named_and_nothing_stays(in_namespace):
    in_namespace(read_only_disk)


def test_a_full_disk_is_named_at_each_step_and_room_is_all_it_needs(in_namespace):
    in_namespace(full_disk)
