"""A cluster for trying Sagewright: a control plane, the custom resources, the embedded cloud as AWS, and the controller.

Run by `cargo xtask kube up`. Without a command it stays until it is interrupted; all that it keeps is in a temporary folder,
and goes with it.
"""

import argparse
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from control_plane import ControlPlane, clean_environment, end

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Ended(Exception):
    """Ctrl-C, or a service manager's wish."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True, help="folder of kube-apiserver, etcd and kubectl")
    parser.add_argument("--sagewright", required=True, help="the program")
    parser.add_argument("command", nargs="*", help="is run in the cluster, and the cluster ends with it")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    with tempfile.TemporaryDirectory(prefix="sagewright-kube-") as folder:
        cluster = Cluster(arguments.programs, arguments.sagewright, pathlib.Path(folder))
        try:
            cluster.start()
            if arguments.command:
                return cluster.run(arguments.command)
            cluster.tell()
            cluster.watch()
        except Ended:
            return 0 if not arguments.command else 130
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            cluster.stop()


def interrupt(*_):
    raise Ended


class Cluster:
    def __init__(self, programs, sagewright, folder):
        self.programs, self.sagewright, self.folder = programs, sagewright, folder
        self.own = [str(pathlib.Path(folder).resolve()) for folder in (programs, pathlib.Path(sagewright).parent)]
        self.plane = self.cloud = self.controller = self.command = None
        # For the embedded cloud.
        self.local_arguments, self.local_environment = [], {}

    def start(self):
        say("starting etcd and kube-apiserver")
        self.plane = ControlPlane(self.programs, self.folder / "kube")
        say("starting the embedded cloud")
        self._start_cloud()
        say("installing the custom resource definitions")
        self._install_definitions()
        say("starting the controller")
        self._start_controller()

    def _start_cloud(self):
        with open(self.folder / "cloud.log", "wb") as log:
            self.cloud = subprocess.Popen(
                [self.sagewright, "local", "up", "--no-hold", "--listen", "127.0.0.1:0", "--data", str(self.folder / "cloud"), "-o", "json", *self.local_arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**clean_environment(), **self.local_environment},
            )
        line = self.cloud.stdout.readline()
        if not line:
            self._fail("the embedded cloud", self.cloud, "cloud.log")
        told = json.loads(line)
        # Endpoint and keys reach the command and the user's shell; the region is the controller's too.
        self.aws = {
            "AWS_ENDPOINT_URL": told["endpoint"], "AWS_ACCESS_KEY_ID": told["accessKeyId"],
            "AWS_SECRET_ACCESS_KEY": told["secretAccessKey"], "AWS_REGION": told["region"], "AWS_DEFAULT_REGION": told["region"],
            # Where `sagewright local env --account` finds it.
            "SAGEWRIGHT_DATA": str(self.folder / "cloud"),
        }

    def _install_definitions(self):
        chart = ROOT / "charts" / "sagewright-crds"
        done = subprocess.run(
            [str(self.plane.programs / "helm"), "install", "sagewright-crds", str(chart)],
            capture_output=True, text=True, env=self.plane.environment(),
        )
        if done.returncode != 0:
            raise SystemExit(f"error: the custom resource definitions cannot be installed:\n{done.stderr}")

    def _start_controller(self):
        with open(self.folder / "controller.log", "wb") as log:
            self.controller = subprocess.Popen(
                [
                    self.sagewright, "controller", "--allow-unsafe-aws-endpoint-urls",
                    "--metrics-addr", "127.0.0.1:0", "--healthz-addr", "127.0.0.1:0",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
            )

    def environment(self):
        """For the controller and for commands: the cluster's kubectl and this sagewright come first."""
        path = os.pathsep.join([*self.own, os.environ.get("PATH", "")])
        return {**self.plane.environment(), **self.aws, "PATH": path}

    def tell(self):
        """What to give to a shell to work with the cluster."""
        say("ready; Ctrl-C ends it. In another shell:")
        wanted = {"KUBECONFIG": str(self.plane.kubeconfig), **self.aws}
        for name, value in wanted.items():
            print(f"export {name}={shlex.quote(value)}")
        print(f'export PATH={shlex.quote(os.pathsep.join(self.own))}:"$PATH"', flush=True)
        say(f"the controller's log is {self.folder / 'controller.log'}")

    def run(self, command):
        self.command = subprocess.Popen(command, env=self.environment())
        return self.command.wait()

    def watch(self):
        """Waits until a process ends that should not."""
        named = {
            "etcd": (self.plane.etcd, "kube/etcd.log"), "kube-apiserver": (self.plane.apiserver, "kube/kube-apiserver.log"),
            "the embedded cloud": (self.cloud, "cloud.log"), "the controller": (self.controller, "controller.log"),
        }
        while True:
            for name, (process, log) in named.items():
                if process.poll() is not None:
                    self._fail(name, process, log)
            time.sleep(0.2)

    def _fail(self, name, process, log):
        tail = (self.folder / log).read_text(errors="replace")[-3000:]
        raise SystemExit(f"error: {name} ended with {process.wait()}:\n{tail}")

    def stop(self):
        for process in (self.command, self.controller, self.cloud):
            end(process)
        if self.plane:
            self.plane.stop()


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
