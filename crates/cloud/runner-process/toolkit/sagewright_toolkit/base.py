"""Folders of the contract, and lines of the log."""

import os
import sys
import time

OPT_ML = "/opt/ml"


def _root():
    """`/opt/ml` where it is this container's own, or the folder in its place."""
    own = os.environ.get("SAGEMAKER_BASE_DIR", OPT_ML)
    try:
        return OPT_ML if os.path.samefile(own, OPT_ML) else own
    except OSError:
        return own


ROOT = _root()
CODE = os.path.join(ROOT, "code")
MODEL = os.path.join(ROOT, "model")


def place(path):
    """A path below `/opt/ml` where this machine has it."""
    if ROOT != OPT_ML and (path == OPT_ML or path.startswith(OPT_ML + "/")):
        return ROOT + path[len(OPT_ML):]
    return path


def log(level, text):
    """One line as the toolkit's logger writes it; a traceback keeps its lines."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    print(f"{stamp},{int(now * 1000) % 1000:03d} sagemaker-toolkit {level:<8} {text}", file=sys.stderr, flush=True)


def info(text):
    log("INFO", text)


def error(text):
    log("ERROR", text)
