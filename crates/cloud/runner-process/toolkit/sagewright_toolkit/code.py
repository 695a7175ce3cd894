"""The user's code: fetched, unpacked, and what it requires installed."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

from . import base, s3


class ClientError(Exception):
    """What is wrong with the user's code."""


class _ProcessError(ClientError):
    def __init__(self, command, code, message="", extra=None):
        lines = [f"{type(self).__name__}:", f"ExitCode {code}", f'ErrorMessage "{message}"']
        if extra:
            lines.append(f'ExtraInfo "{extra}"')
        lines.append(f'Command "{command}"')
        super().__init__("\n".join(lines))
        self.code = code


class ExecuteUserScriptError(_ProcessError):
    pass


class InstallModuleError(_ProcessError):
    pass


class InstallRequirementsError(_ProcessError):
    pass


def fetch(source, folder):
    """Brings code from S3, an archive, a folder or a file to a folder, unless that has some already. It has all or none: a
    server that was killed meanwhile starts over."""
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        return
    draft = folder + ".draft"
    shutil.rmtree(draft, ignore_errors=True)
    os.makedirs(draft)
    _fetch(source, draft)
    os.replace(draft, folder)


def _fetch(source, folder):
    if source.startswith("s3://"):
        with tempfile.TemporaryDirectory() as scratch:
            archive = os.path.join(scratch, "source")
            try:
                s3.download(source, archive)
            except OSError as problem:
                raise ClientError(str(problem)) from None
            _unpack(archive, folder, source)
        return
    path = base.place(source)
    if os.path.isdir(path):
        shutil.copytree(path, folder, dirs_exist_ok=True)
    elif not os.path.exists(path):
        raise ClientError(f"there is no code at {source}")
    elif tarfile.is_tarfile(path):
        _unpack(path, folder, source)
    else:
        shutil.copy2(path, folder)


def _unpack(archive, folder, source):
    try:
        with tarfile.open(archive) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(folder, filter="data")
            else:
                _extract(tar, folder)
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise ClientError(f"cannot unpack {source}: {problem}") from None


def _extract(tar, folder):
    """What the filter `data` does, for versions of Python without it. Each member is looked at when those before it are there:
    a link may lead to a link."""
    root = os.path.realpath(folder) + os.sep
    for member in tar:
        path = os.path.join(folder, member.name)
        places = [path]
        if member.issym():
            places.append(os.path.join(os.path.dirname(path), member.linkname))
        elif member.islnk():
            places.append(os.path.join(folder, member.linkname))
        elif not (member.isreg() or member.isdir()):
            raise tarfile.TarError(f"{member.name} is neither a file, a folder nor a link")
        if not all((os.path.realpath(place) + os.sep).startswith(root) for place in places):
            raise tarfile.TarError(f"{member.name} leads out of the archive")
        # What is below a folder comes after it.
        member.mode |= 0o700 if member.isdir() else 0o600
        tar.extract(member, folder)


def pip(arguments, folder, kind):
    """Installs into the job's own layer."""
    command = [sys.executable, "-m", "pip", "install", *arguments]
    shown = " ".join([os.path.basename(sys.executable), *command[1:]])
    base.info(f"Installing dependencies with the following command:\n{shown}")
    code = subprocess.call(command, cwd=folder)
    if code:
        raise kind(shown, code)


def install(folder, program):
    """What the code needs before it runs: itself where it is a package, its requirements, its permission to run."""
    requirements = ["-r", "requirements.txt"] if os.path.exists(os.path.join(folder, "requirements.txt")) else []
    if os.path.exists(os.path.join(folder, "setup.py")):
        pip([".", *requirements], folder, InstallModuleError)
    elif requirements:
        pip(requirements, folder, InstallRequirementsError)
    path = os.path.realpath(os.path.join(folder, program))
    inside = path.startswith(os.path.realpath(folder) + os.sep)
    if not program.endswith(".py") and inside and os.path.isfile(path):
        os.chmod(path, 0o755)
