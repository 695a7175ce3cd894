"""The program of framework images by itself: `train` with a script of its user, without a framework."""

import io
import json
import os
import subprocess
import sys
import tarfile

import pytest

import harness

TOOLKIT = harness.ROOT / "crates" / "cloud" / "runner-process" / "toolkit"


@pytest.fixture
def train(tmp_path):
    """Begins a training with a folder or an archive of code."""
    begun = []

    def start(program, source, prelude="", variables=None, **hyperparameters):
        base = tmp_path / f"base-{len(begun)}"
        config = base / "input" / "config"
        config.mkdir(parents=True)
        given = {"sagemaker_program": program, "sagemaker_submit_directory": str(source), **hyperparameters}
        (config / "hyperparameters.json").write_text(json.dumps(given))
        run = "import runpy, sys; sys.argv = ['x', 'python', 'train']; runpy.run_module('sagewright_toolkit', run_name='__main__')"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOOLKIT), "SAGEMAKER_BASE_DIR": str(base), **(variables or {})}
        process = subprocess.Popen(
            [sys.executable, "-c", f"{prelude}\n{run}"], cwd=base, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        begun.append(process)
        return base, process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def ended(process):
    out, log = process.communicate(timeout=harness.PATIENCE)
    return process.returncode, out.decode(errors="replace"), log.decode(errors="replace")


def folder(tmp_path, **files):
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    for name, text in files.items():
        (source / name).write_text(text)
    return source


def test_output_without_line_ends_is_passed_on_as_it_comes(train, tmp_path):
    script = (
        "import os, sys, time\n"
        "os.write(1, b'...\\xff')\n"
        "while not os.path.exists(sys.argv[2]): time.sleep(0.01)\n"
        "os.write(1, b'x' * 1_000_000 + b'\\nValueError: first\\nmore')\n"
        "sys.exit(3)\n"
    )
    base, process = train("train.py", folder(tmp_path, **{"train.py": script}), go=str(tmp_path / "go"))
    assert process.stdout.read(4) == b"...\xff", "before the line ends"
    (tmp_path / "go").touch()
    status, out, log = ended(process)
    assert (status, out) == (1, "x" * 1_000_000 + "\nValueError: first\nmore"), log
    assert 'ExitCode 3\nErrorMessage "ValueError: first\n more"' in (base / "output" / "failure").read_text()


def test_the_name_of_a_program_is_one_word(train, tmp_path):
    source = folder(tmp_path, **{"a b;touch c.sh": "#!/bin/sh\necho ran \"$@\"\n"})
    base, process = train("a b;touch c.sh", source, epochs="3")
    status, out, log = ended(process)
    assert (status, out) == (0, "ran --epochs 3\n"), log
    assert (base / "code" / "a b;touch c.sh").stat().st_mode & 0o777 == 0o755 and not (base / "code" / "c.sh").exists()


def test_only_a_program_of_the_code_is_made_one(train, tmp_path):
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o600)
    for program in (str(other), "../../other"):
        status, _, log = ended(train(program, folder(tmp_path, x=""))[1])
        assert status == 1 and other.stat().st_mode & 0o777 == 0o600, log


def test_the_hyperparameter_names_the_code_before_the_variable(train, tmp_path):
    source = folder(tmp_path, **{"train.py": "print('mine')"})
    status, out, log = ended(train("train.py", source, variables={"SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "nowhere")})[1])
    assert (status, out) == (0, "mine\n"), log


def archive(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, value in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value.encode()))
            else:
                info.linkname = value
                tar.addfile(info)
    return path


@pytest.mark.parametrize("prelude", ["", "import tarfile; vars(tarfile).pop('data_filter', None)"], ids=["filter", "no-filter"])
def test_links_are_unpacked_that_stay_in_the_archive(train, tmp_path, prelude):
    script = ("train.py", tarfile.REGTYPE, "import helper\n")
    helper = ("lib/real.py", tarfile.REGTYPE, "print('helped')\n")
    good = archive(tmp_path / "good.tar.gz", script, helper, ("helper.py", tarfile.SYMTYPE, "lib/real.py"))
    status, out, log = ended(train("train.py", good, prelude)[1])
    assert (status, out) == (0, "helped\n"), log
    for name, *members in [
        ("absolute", ("x", tarfile.SYMTYPE, "/etc")),
        ("up", ("x", tarfile.SYMTYPE, "../x")),
        ("hard", ("x", tarfile.LNKTYPE, "../../input/config/hyperparameters.json")),
        ("chain", ("here", tarfile.SYMTYPE, "."), ("x", tarfile.SYMTYPE, "here/.."), ("x/y", tarfile.REGTYPE, "out")),
    ]:
        bad = archive(tmp_path / f"{name}.tar.gz", script, *members)
        base, process = train("train.py", bad, prelude)
        status, _, log = ended(process)
        assert status == 1 and "cannot unpack" in (base / "output" / "failure").read_text(), (name, log)
        assert not (base / "y").exists()
