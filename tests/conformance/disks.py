"""Disks of the tests' own, which are small, full or read-only: in a mount namespace, where the machine allows one."""

import contextlib
import os
import shutil
import subprocess
import sys

import pytest

import harness
from harness import ROOT


@pytest.fixture
def in_namespace(tmp_path):
    """Runs a function of a test's module in a namespace of its own, with a folder that is its argument."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a mount namespace: no disk can be made small or read-only")

    def run(function):
        script = (
            f"import pathlib, sys; sys.path.insert(0, {str(ROOT / 'tests/conformance')!r}); "
            f"import {function.__module__} as t; t.{function.__name__}(pathlib.Path(sys.argv[1]))"
        )
        done = subprocess.run(["unshare", "-rm", sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr

    return run


def mount(folder, *options):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def fill(path):
    """Writes a file until not one byte is left."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@contextlib.contextmanager
def small_cloud(folder):
    """A cloud on a disk of 400 MB, and the disk; what fills it is its file `filler`."""
    disk = folder / "disk"
    mount(disk, "-o", "size=400m")
    cloud = harness.Cloud(disk, harness.image_map())
    try:
        yield cloud, disk
    finally:
        (disk / "filler").unlink(missing_ok=True)
        cloud.stop()


def leave(disk, room):
    """Fills a disk but for a number of bytes."""
    fill(disk / "filler")
    os.truncate(disk / "filler", (disk / "filler").stat().st_size - room)
