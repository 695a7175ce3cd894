"""The Dockerfile, as far as it can be held without a container engine: what it copies, as whom it runs, and what the program needs there."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

import harness

DOCKERFILE = (harness.ROOT / "Dockerfile").read_text()
# What gcr.io/distroless/cc-debian12 has: Debian 12's C library and GCC's runtime.
LIBRARIES = re.compile(r"(ld-linux[\w-]*|linux-vdso|libc|libm|libdl|librt|libpthread|libgcc_s|libstdc\+\+|libgomp)\.so[.\d]*")
GLIBC = (2, 36)


def steps():
    """Instructions and their arguments, with the values of the build's arguments."""
    values, found = {}, []
    for line in DOCKERFILE.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, rest = line.split(None, 1)
        if word == "ARG":
            values.update([rest.split("=", 1)])
            continue
        found.append((word, re.sub(r"\$\{?(\w+)\}?", lambda name: values[name.group(1)], rest)))
    return found


def given(word):
    return [rest for found, rest in steps() if found == word]


def test_no_step_needs_a_shell_or_the_network():
    assert [word for word, _ in steps()] == ["FROM", "COPY", "USER", "ENTRYPOINT", "CMD"]
    (base,) = given("FROM")
    assert base == "gcr.io/distroless/cc-debian12:nonroot", "a base without a shell; LIBRARIES and GLIBC are of this one"
    for word in ("ENTRYPOINT", "CMD"):
        (text,) = given(word)
        assert isinstance(json.loads(text), list), f"{word} in exec form: there is no shell"


def test_what_is_copied_reaches_the_build_and_can_be_run():
    (arguments,) = given("COPY")
    *flags, source, target = shlex.split(arguments)
    assert flags == ["--chmod=0555"] and json.loads(given("ENTRYPOINT")[0]) == [target]
    # The last pattern of .dockerignore that matches decides.
    ignored = False
    for line in (harness.ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!")
        matches = pattern == "*" or re.fullmatch(re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*"), source)
        ignored = not line.startswith("!") if matches else ignored
    assert not ignored, f"{source} is among what .dockerignore leaves out"
    # Cargo makes it there: the package and its profile have these names.
    assert pathlib.PurePath(source).parts == ("target", "release", "sagewright")


def test_the_user_is_the_one_that_the_chart_runs_it_as():
    (user,) = given("USER")
    pod = next(
        one for one in yaml.safe_load_all((harness.ROOT / "charts" / "install-cluster.yaml").read_text()) if one and one["kind"] == "Deployment"
    )["spec"]["template"]["spec"]
    context = pod["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}" and context["runAsNonRoot"]
    assert pod["containers"][0]["args"][:1] == json.loads(given("CMD")[0])
    assert "command" not in pod["containers"][0]


def test_the_program_needs_no_library_that_the_base_does_not_have():
    told = subprocess.run(["ldd", harness.binary()], capture_output=True, text=True, check=True).stdout
    names = [pathlib.PurePath(line.split()[0]).name for line in told.splitlines() if line.strip()]
    assert names and not [name for name in names if not LIBRARIES.fullmatch(name)], told
    program = pathlib.Path(harness.binary()).read_bytes()
    wanted = {tuple(map(int, version.split(b"."))) for version in re.findall(rb"GLIBC_(2\.\d+)\0", program)}
    assert wanted and max(wanted) <= GLIBC, f"it is built against a newer C library than the base has: {max(wanted)}"


@pytest.mark.skipif(os.geteuid() != 0, reason="another root folder is root's to choose")
def test_the_entry_point_runs_in_a_folder_that_holds_nothing_else(tmp_path):
    """The steps by hand: the base's libraries, the program, its user; no shell, no home, no other file."""
    root = tmp_path / "root"
    (arguments,) = given("COPY")
    target = root / shlex.split(arguments)[-1].lstrip("/")
    target.parent.mkdir(parents=True)
    shutil.copy(harness.binary(), target)
    target.chmod(0o555)
    told = subprocess.run(["ldd", harness.binary()], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"(/\S+)", told):
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    for folder in [root, *root.rglob("*")]:
        if folder.is_dir():
            folder.chmod(0o755)
    user, group = map(int, given("USER")[0].split(":"))

    def inside():
        os.chroot(root)
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)

    def run(*arguments, **environment):
        command = [*json.loads(given("ENTRYPOINT")[0]), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=harness.PATIENCE, env=environment, preexec_fn=inside, cwd="/",
        )

    done = run(*json.loads(given("CMD")[0]), "--help")
    assert done.returncode == 0 and "--enable-leader-election" in done.stdout, done.stderr
    # Without a cluster and without credentials it ends with words, and not by a crash.
    done = run(*json.loads(given("CMD")[0]), AWS_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
    assert done.returncode == 1 and "error" in done.stderr.lower() and "panicked" not in done.stderr, done.stderr
