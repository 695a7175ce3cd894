"""`train`: runs the user's script with the hyperparameters as its arguments."""

import builtins
import json
import os
import shlex
import signal
import subprocess
import sys
import traceback

from . import base, code

# Hyperparameters for the toolkit; all others are the script's.
TOOLKIT = ("sagemaker_", "_tuning_objective_metric", "default_user_module_name")
# What a line of the log has that tells an error, as the toolkit looks for it.
ERRORS = tuple(name for name in dir(builtins) if name.endswith("Error")) + ("Invalid requirement",)
# Bytes of the log after an error that are kept: FailureReason has 1,024 characters.
KEPT = 16 * 1024
# Bytes of a script's output that are read at once.
CHUNK = 64 * 1024


def main(framework):
    failure = None
    try:
        _run(framework)
        base.info("Reporting training SUCCESS")
        return 0
    except code.ClientError as problem:
        failure = str(problem)
    except Exception as problem:  # noqa: BLE001: whatever it is, it is told
        failure = f"Framework Error: \n{traceback.format_exc()}\n{problem}"
    _write_failure(failure)
    base.error("Reporting training FAILURE")
    base.error(failure)
    base.error("Encountered exit_code 1")
    return 1


def _write_failure(text):
    folder = os.path.join(base.ROOT, "output")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "failure"), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as problem:
        base.error(f"cannot write {folder}/failure: {problem}")


def _run(framework):
    everything = _hyperparameters()
    program = os.environ.get("SAGEMAKER_PROGRAM") or everything.get("sagemaker_program")
    if not program:
        raise code.ClientError(
            f"the image of {framework} runs a script of its user, and the job names none: set the hyperparameter "
            "sagemaker_program, as estimators of the SageMaker SDK with an entry_point do"
        )
    # In this order in sagemaker-training, whose SM_MODULE_DIR says the same.
    source = everything.get("sagemaker_submit_directory") or os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or base.CODE
    base.info("Invoking user training script.")
    code.fetch(str(source), base.CODE)
    program = str(program)
    code.install(base.CODE, program)
    arguments = to_arguments({k: v for k, v in everything.items() if not k.startswith(TOOLKIT)})
    _execute(program, arguments)


def _hyperparameters():
    """Values that are JSON are decoded, as the toolkit does; others are text."""
    try:
        with open(os.path.join(base.ROOT, "input/config/hyperparameters.json"), encoding="utf-8") as file:
            given = json.load(file)
    except FileNotFoundError:
        return {}
    decoded = {}
    for name, value in given.items():
        try:
            decoded[name] = json.loads(value)
        except (ValueError, TypeError):
            decoded[name] = value
    return decoded


def to_arguments(hyperparameters):
    """`--epochs 3`, `-b 1`, in the order of the names."""
    arguments = []
    for name, value in sorted(hyperparameters.items()):
        arguments.append(f"--{name}" if len(name) > 1 else f"-{name}")
        arguments.append(_argument(value))
    return arguments


def _argument(value):
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{k}={v}" for k, v in sorted(value.items()))
    return str(value)


def _command(program, arguments):
    if os.path.exists(os.path.join(base.CODE, "setup.py")):
        return [sys.executable, "-m", program[:-3] if program.endswith(".py") else program, *arguments]
    if program.endswith(".py"):
        return [sys.executable, program, *arguments]
    return ["/bin/sh", "-c", " ".join(map(shlex.quote, [f"./{program}", *arguments]))]


def _execute(program, arguments):
    command = _command(program, arguments)
    shown = " ".join([os.path.basename(command[0]), *command[1:]])
    base.info(f"Invoking script with the following command:\n\n{shown}\n")
    # Whoever stops the job tells the whole group; what the script makes of it is awaited.
    signal.signal(signal.SIGTERM, lambda *_: None)
    process = subprocess.Popen(command, cwd=base.CODE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told = _pass_on(process.stdout)
    status = process.wait()
    if status == 0:
        return
    status = 128 - status if status < 0 else status
    extra = "OutOfMemory: Process killed by SIGKILL (signal 9)" if status == 137 else None
    raise code.ExecuteUserScriptError(shown, status, told, extra)


def _pass_on(stream):
    """Writes everything on as it comes, and keeps the lines from the first that tells an error, or what such a line begins
    with."""
    kept, size, line = {}, 0, b""

    def look():
        nonlocal size
        text = line.decode("utf-8", "replace").strip(" :\n\r")
        if text and size < KEPT and (kept or any(name in text for name in ERRORS)) and text not in kept:
            kept[text] = None
            size += len(text)

    while True:
        chunk = os.read(stream.fileno(), CHUNK)
        if not chunk:
            break
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            line = (line + piece)[:KEPT]
            look()
            line = b""
        line = (line + rest)[:KEPT]
    look()
    return "\n ".join(kept)
