"""A Kubernetes control plane on this machine: etcd and kube-apiserver as processes that only listen on loopback.

Only Python's standard library: `cargo xtask kube up` runs it outside of the tests' environment.
"""

import json
import os
import pathlib
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

# Long enough for two slow cores that others share; nothing waits for it when all is well.
PATIENCE = 120
# Settings of the machine that must not reach a client.
FOREIGN = ("KUBE", "HELM_", "POD_NAMESPACE")


class ControlPlane:
    """etcd and kube-apiserver, with RBAC, and a user who may do everything.

    There is no controller manager: nothing becomes of a Deployment, and a deleted namespace goes by `remove_namespace`.
    """

    def __init__(self, programs, folder):
        self.programs = pathlib.Path(programs)
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        # Socket paths are bounded to about 100 bytes, which folders of tests are not.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="kube-"))
        # Held, though not listened on, so that nobody else gets the port, also not while the apiserver is restarted.
        self.port = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.port.bind(("127.0.0.1", 0))
        self.server = "https://127.0.0.1:%d" % self.port.getsockname()[1]
        # The apiserver makes it when it starts first.
        self.certificate = self.folder / "certificates" / "apiserver.crt"
        self.token = secrets.token_hex(16)
        tokens = self.folder / "tokens.csv"
        write_private(tokens, f"{self.token},admin,admin,system:masters\n")
        self.kubeconfig = self.write_kubeconfig("admin", self.token)
        self.etcd = self.apiserver = None
        self._resources = {}
        try:
            self.start_etcd()
            self.start_apiserver()
        except BaseException:
            self.stop()
            raise

    # Life

    def start_etcd(self):
        # It has to advertise addresses of another form than these, which nobody uses.
        self.etcd = self._start(
            "etcd", f"--data-dir={self.folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn",
            f"--listen-client-urls=unix://{self.sockets}/clients", "--advertise-client-urls=http://localhost:2379",
            f"--listen-peer-urls=unix://{self.sockets}/peers",
        )

    def start_apiserver(self):
        """Starts the apiserver and waits for it."""
        key = self.certificate.with_suffix(".key")
        self.apiserver = self._start(
            "kube-apiserver", f"--etcd-servers=unix://{self.sockets}/clients",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={self.server.rsplit(':', 1)[1]}",
            "--permit-port-sharing", f"--cert-dir={self.certificate.parent}",
            f"--token-auth-file={self.folder / 'tokens.csv'}", "--authorization-mode=RBAC",
            # Its own key signs the tokens of service accounts too.
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--profiling=false",
        )
        self._await(self._ready, "kube-apiserver is ready", [("etcd", self.etcd), ("kube-apiserver", self.apiserver)])

    def stop_apiserver(self, kill=False):
        end(self.apiserver, kill)

    def restart_apiserver(self, kill=False):
        """Ends the apiserver, as a crash does with `kill`, and starts it again at the same address."""
        self.stop_apiserver(kill)
        self.start_apiserver()

    def stop(self):
        end(self.apiserver)
        end(self.etcd)
        self.port.close()
        shutil.rmtree(self.sockets, ignore_errors=True)

    @property
    def log_path(self):
        return self.folder / "kube-apiserver.log"

    def log(self, since=0):
        """What the apiserver wrote to its log after a position."""
        with open(self.log_path, "rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines(keepends=True)
        # Each new kind closes connections to etcd, which says nothing.
        return "".join(line for line in lines if "addrConn.createTransport failed" not in line)

    def _start(self, program, *arguments):
        with open(self.folder / f"{program}.log", "ab") as log:
            return subprocess.Popen(
                [str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(),
            )

    def _ready(self):
        if not self.certificate.exists():
            return False
        try:
            return self.request("GET", "/readyz")[0] == 200
        except (OSError, ssl.SSLError):
            return False

    def _await(self, check, what, processes=()):
        deadline = time.monotonic() + PATIENCE
        while not check():
            for program, process in processes:
                if process.poll() is not None:
                    log = (self.folder / f"{program}.log").read_text(errors="replace")
                    raise RuntimeError(f"{program} ended with {process.returncode}:\n{log[-3000:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what}: not after {PATIENCE} s:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    # Clients

    def write_kubeconfig(self, name, token, namespace="default"):
        """A kubeconfig for the bearer of a token."""
        path = self.folder / f"{name}.kubeconfig"
        cluster = {"server": self.server, "certificate-authority": str(self.certificate)}
        context = {"cluster": "sagewright", "user": name, "namespace": namespace}
        write_private(path, json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "sagewright",
            "clusters": [{"name": "sagewright", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "sagewright", "context": context}],
        }))
        return path

    def environment(self, kubeconfig=None):
        """Environment variables for kubectl, helm and other clients."""
        home = self.folder / "clients"
        return {
            **clean_environment(),
            "KUBECONFIG": str(kubeconfig or self.kubeconfig), "KUBECACHEDIR": str(home / "kubectl"), "KUBECTL_KUBERC": "false",
            **{f"HELM_{what}_HOME": str(home / "helm" / what.lower()) for what in ("CACHE", "CONFIG", "DATA")},
        }

    def request(self, method, path, body=None, content_type="application/json", accept="application/json", token=None):
        """A request to the apiserver; gives status and body, parsed where it is JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token or self.token}", "Accept": accept, "Content-Type": content_type}
        request = urllib.request.Request(self.server + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE, context=self.trust()) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            status, text = answer.code, answer.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text.decode(errors="replace")

    def trust(self):
        """TLS as a client of the apiserver wants it."""
        context = ssl.create_default_context(cafile=self.certificate)
        # The apiserver's own certificate has not all that newer Pythons ask for.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        return context

    # Objects

    def resources(self):
        """What the apiserver serves: group, version, resource (plural), kind, names, verbs, whether in namespaces."""
        found = []
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        for root in ("/api", "/apis"):
            for group in self.request("GET", root, accept=accept)[1]["items"]:
                name = group["metadata"].get("name", "")
                for version in group["versions"]:
                    for item in version.get("resources", []):
                        found.append(Resource(name, version["version"], item))
        return found

    def resource(self, kind):
        """The resource of a kind, plural, singular or short name; with its group where that is not clear."""
        key = kind.lower()
        if key not in self._resources:
            for resource in self.resources():
                for name in resource.names:
                    self._resources.setdefault(name, resource)
                    self._resources.setdefault(f"{name}.{resource.group}", resource)
        if key not in self._resources:
            raise LookupError(f"the apiserver has no {kind}")
        return self._resources[key]

    def get(self, kind, name, namespace="default"):
        """An object, or `None`."""
        status, body = self.request("GET", self.resource(kind).path(namespace, name))
        if status == 404:
            return None
        if status != 200:
            raise RuntimeError(f"{kind} {namespace}/{name}: {body}")
        return body

    def list(self, kind, namespace=None):
        """Objects of one namespace, or of all."""
        status, body = self.request("GET", self.resource(kind).path(namespace))
        if status != 200:
            raise RuntimeError(f"{kind}: {body}")
        return body["items"]

    def remove_namespace(self, name, force=False):
        """Deletes a namespace and all in it, as a controller manager would; `force` takes finalizers away, too."""
        path = f"/api/v1/namespaces/{name}"
        self.request("DELETE", path)
        inside = [r for r in self.resources() if r.namespaced and {"deletecollection", "list"} <= r.verbs]
        for resource in inside:
            self.request("DELETE", resource.path(name))

        def empty():
            left = False
            for resource in inside:
                status, body = self.request("GET", resource.path(name))
                for item in body["items"] if status == 200 else []:
                    left = True
                    if force and item["metadata"].get("finalizers"):
                        patch = {"metadata": {"finalizers": None}}
                        at = resource.path(name, item["metadata"]["name"])
                        self.request("PATCH", at, patch, content_type="application/merge-patch+json")
            return not left

        self._await(empty, f"all objects of namespace {name} are gone")
        status, namespace = self.request("GET", path)
        if status == 200:
            self.request("PUT", path + "/finalize", {**namespace, "spec": {"finalizers": []}})
        self._await(lambda: self.request("GET", path)[0] == 404, f"namespace {name} is gone")


class Resource:
    """A resource of the apiserver's discovery."""

    def __init__(self, group, version, item):
        self.group, self.version, self.plural = group, version, item["resource"]
        self.kind = item["responseKind"]["kind"]
        self.namespaced = item["scope"] == "Namespaced"
        self.verbs = set(item.get("verbs", []))
        names = [self.plural, item.get("singularResource"), self.kind, *item.get("shortNames", [])]
        self.names = {name.lower() for name in names if name}

    def path(self, namespace=None, name=None):
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return root + within + f"/{self.plural}" + (f"/{urllib.parse.quote(name)}" if name else "")


def end(process, kill=False):
    """Ends a process, as a crash does with `kill`, and waits for its end."""
    if process is None:
        return
    if process.poll() is None:
        process.kill() if kill else process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def clean_environment():
    """The environment without the machine's own clusters."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def write_private(path, text):
    """Writes a file that only this user reads."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
