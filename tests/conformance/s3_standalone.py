"""Starts the S3 of the embedded cloud alone, as the example `s3_server` of `sagewright-cloud`."""

import os
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def binary():
    """The server's path: SAGEWRIGHT_S3_SERVER, or what cargo builds."""
    given = os.environ.get("SAGEWRIGHT_S3_SERVER")
    if given:
        return given
    subprocess.run(
        ["cargo", "build", "--quiet", "-p", "sagewright-cloud", "--example", "s3_server"],
        cwd=REPOSITORY,
        check=True,
    )
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return str(target / "debug" / "examples" / "s3_server")


class Server:
    """A running server; `kill` ends it as `kill -9` does, and so does the end of a `with`."""

    access_key = "AKIDTEST"
    secret_key = "secret"

    def __init__(self, root):
        self.process = subprocess.Popen(
            [binary(), "--port", "0", "--root", str(root)], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the S3 server did not start: {line!r}")
        self.endpoint_url = "http://" + line.removeprefix("listening on ").strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
