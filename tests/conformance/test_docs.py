"""The commands in the documentation do what it says.

In blocks marked `console`, lines that start with `$` are run in one shell for each document, in a folder that holds the
examples, when their program is among those below; `$ cargo` lines are left out. Lines below a command are what it prints, in their order: `…` at
the end or in the middle of a line stands for any text, a line of its own for any lines. `# exits with N` says that it does.
Blocks marked `yaml`, `python` or `toml` whose first line is a comment with a file's name are that file.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

import harness
from script_tools import installed

GUIDES = harness.ROOT / "docs" / "guides"
IN_CLUSTERS = [GUIDES / "kubernetes.md", GUIDES / "operator-tasks.md", harness.ROOT / "examples" / "legacy-mnist" / "README.md"]
"""Are run by test_kube_up.py."""
DOCUMENTS = sorted(
    path.relative_to(harness.ROOT)
    for path in [harness.ROOT / "README.md", *harness.ROOT.glob("docs/**/*.md"), *harness.ROOT.glob("examples/**/*.md")]
    if path not in IN_CLUSTERS and re.search(r"^\$ (sagewright|eval)", path.read_text(), re.MULTILINE)
)
PROGRAMS = re.compile(r"(\w+=\S+ )*(sagewright|eval|aws|python3|gzip|kubectl|cd|sed|export|\./\w+) |\w+=\$\(kubectl ")
FILE = re.compile(r"# ([\w.-]+\.(yaml|py|toml))\n")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text):
    """Commands with what they print and the code that they end with."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    for command, printed in found:
        if PROGRAMS.match(command):
            code = re.search(r"# exits with (\d+)", command)
            yield command, printed, int(code.group(1)) if code else 0
        else:
            assert command.startswith("cargo "), f"a command that the test cannot run: {command}"


def runnable(command):
    """With a free port and in the background: documents name the usual port."""
    command = re.sub(r"sagewright local up(?: --detach)?", "sagewright local up --detach --listen 127.0.0.1:0", command)
    return re.sub(r"^sagewright quickstart", "sagewright quickstart --exit --listen 127.0.0.1:0", command)


def fits(printed, told):
    """Whether lines stand in a text in this order. What depends on the machine's speed is not compared: how often a client
    looks (the SageMaker SDK draws a dash for each look before its `!`), and how wide a column of times is."""
    columns = lambda text: re.sub(r"(?<=\S) {2,}", "  ", text)
    told = columns(re.sub(r"^-+!", "!", told, flags=re.MULTILINE))
    parts = [re.escape(columns(line)).replace("…", ".*") for line in printed]
    # Any lines may be none: what stands between two others can come earlier.
    pattern = "".join("(?:.*\n)*?" if part == ".*" else f"{part}\n" for part in parts)
    return re.search(f"^{pattern}", told.rstrip() + "\n", re.MULTILINE) is not None


def put_clients(folder):
    """The AWS command line and Python of the tests."""
    for name, arguments in (("aws", "-m awscli"), ("python3", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (folder / name).chmod(0o755)


def marked(document):
    """The clients' own guide is for clients of any age."""
    marks = [pytest.mark.both_ages] if document.name == "clients.md" else []
    return pytest.param(document, id=str(document), marks=marks)


@pytest.mark.parametrize("document", map(marked, DOCUMENTS))
def test_a_document_tells_the_truth(document, tmp_path):
    text = (harness.ROOT / document).read_text()
    if "from sagemaker" in text and sys.version_info < (3, 10):
        pytest.skip("the SageMaker SDK has left Python 3.9 behind")
    for framework in set(re.findall(r"images install (\S+)", text)):
        installed(framework)
    folder, programs = tmp_path / "folder", tmp_path / "programs"
    programs.mkdir()
    (programs / "sagewright").symlink_to(harness.binary())
    put_clients(programs)
    shutil.copytree(harness.ROOT / "examples", folder / "examples")
    all_commands = []
    for language, content in BLOCK.findall(text):
        if named := FILE.match(content) if language in ("yaml", "python", "toml") else None:
            (folder / named.group(1)).write_text(content)
        elif language == "console":
            all_commands += commands(content)
    script = []
    if not any("local up" in command for command, _, _ in all_commands):
        # The document takes it for granted.
        script.append('sagewright local up --detach --listen 127.0.0.1:0 >&2; eval "$(sagewright local env)"')
    for i, (command, _, _) in enumerate(all_commands):
        # Not in a subshell: what one command sets, the next ones see.
        script.append(f"{{ {runnable(command)}\n}} >{tmp_path}/out.{i} 2>{tmp_path}/err.{i}; echo $? >{tmp_path}/code.{i}")
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    environment = {**harness.clean_environment(), "PATH": path, "SAGEWRIGHT_DATA": str(tmp_path / "data"), "AWS_PAGER": ""}
    try:
        subprocess.run(["bash"], input="\n".join(script), text=True, cwd=folder, env=environment, timeout=280, check=False)
    finally:
        subprocess.run(["sagewright", "local", "down"], env=environment, timeout=60, check=True)
    read = lambda kind, i: (tmp_path / f"{kind}.{i}").read_text() if (tmp_path / f"{kind}.{i}").exists() else "(not run)"
    for i, (command, printed, code) in enumerate(all_commands):
        told = f"{document}: $ {command}\n{read('out', i)}\n{read('err', i)}"
        assert read("code", i).strip() == str(code), f"{told}\nended with {read('code', i)}"
        assert not printed or fits(printed, read("out", i)), told


@pytest.mark.parametrize("document", sorted(harness.ROOT.glob("docs/**/*.md")), ids=lambda path: path.name)
def test_every_table_has_a_head(document):
    """Without one, its rows are shown as text with bars."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert re.fullmatch(r"\|( *:?-+:? *\|)+", table.splitlines()[1:2][0] if "\n|" in table else ""), table
