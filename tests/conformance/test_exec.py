"""Unmodified programs under `sagewright local exec`, and `sagewright local env` in real shells.

Programs here name AWS's own hosts, or none at all; nothing points them at the embedded cloud but their environment.
"""

import base64
import datetime
import http.client
import http.server
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest

import harness

NOTEBOOK = '''
import sagemaker
from sagemaker import get_execution_role, image_uris
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer

session = sagemaker.Session()
bucket = session.default_bucket()
role = get_execution_role()
print("bucket", bucket)
print("role", role)
train = session.upload_data("train.csv", bucket=bucket, key_prefix="digits/train")
estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/digits/models",
    sagemaker_session=session,
)
estimator.set_hyperparameters(objective="multi:softmax", num_class=10, num_round=3)
estimator.fit({"train": TrainingInput(train, content_type="text/csv")})
predictor = estimator.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=CSVDeserializer())
label, pixels = open("train.csv").readline().strip().split(",", 1)
print("read", label, "as", predictor.predict(pixels)[0])
predictor.delete_model()
predictor.delete_endpoint()
'''


def command(cloud, *words, account=None):
    chosen = ["--account", account] if account else []
    return [harness.binary(), "local", *words[:1], "--data", str(cloud.data), *chosen, *words[1:]]


def run(cloud, *program, account=None, environment=None, cwd=None, stdin=None):
    """Runs a program under `local exec`."""
    return subprocess.run(
        command(cloud, "exec", "--", *map(str, program), account=account),
        env={**harness.clean_environment(), **(environment or {})},
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=harness.PATIENCE,
    )


def python(cloud, program, *arguments, **options):
    """What a Python program prints, as JSON."""
    done = run(cloud, sys.executable, "-c", program, *arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Stock clients


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the SageMaker SDK has left Python 3.9 behind")
def test_a_stock_notebook_runs_without_an_edit(cloud, account, tmp_path):
    (tmp_path / "train.csv").write_text("\n".join(harness.digits("train", 200)) + "\n")
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    done = run(cloud, sys.executable, "notebook.py", account=account, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"bucket sagemaker-us-east-1-{account}\n" in done.stdout
    assert f"role {harness.role(account)}\n" in done.stdout
    assert "Training job completed" in done.stdout
    assert "read 3 as [" in done.stdout
    sagemaker = cloud.client("sagemaker", account)
    [job] = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert job["TrainingJobStatus"] == "Completed"
    assert sagemaker.list_models()["Models"] == []


def test_awss_own_host_names_lead_to_the_embedded_cloud(cloud, account):
    told = python(
        cloud,
        """
import boto3, json
from botocore.config import Config
told = {}
for host in ("sts.amazonaws.com", "sts.us-east-1.amazonaws.com", "sts-fips.us-west-2.amazonaws.com",
             "sts.cn-north-1.amazonaws.com.cn", "sts.us-east-1.api.aws"):
    told[host] = boto3.client("sts", endpoint_url="https://" + host).get_caller_identity()["Arn"]
sagemaker = boto3.client("sagemaker", region_name="eu-west-1", endpoint_url="https://api.sagemaker.eu-west-1.amazonaws.com")
sagemaker.create_model_package_group(ModelPackageGroupName="of-exec")
runtime = boto3.client("sagemaker-runtime", endpoint_url="https://runtime.sagemaker.us-east-1.amazonaws.com")
try:
    runtime.invoke_endpoint(EndpointName="nobody", Body=b"1")
except runtime.exceptions.ClientError as error:
    told["invoke"] = error.response["Error"]["Code"]
try:
    boto3.client("sqs", endpoint_url="https://sqs.us-east-1.amazonaws.com").list_queues()
except Exception as error:
    told["sqs"] = str(error)
print(json.dumps(told))
""",
        account=account,
    )
    assert told.pop("invoke") == "ValidationError"
    assert "The service sqs is not part of the embedded cloud" in told.pop("sqs")
    assert set(told.values()) == {f"arn:aws:sts::{account}:assumed-role/sagewright-execution/SageMaker"}
    groups = cloud.client("sagemaker", account, region="eu-west-1").list_model_package_groups()
    assert [g["ModelPackageGroupName"] for g in groups["ModelPackageGroupSummaryList"]] == ["of-exec"]


def test_s3_by_virtual_hosts_signed_presigned_and_unsigned(cloud, account):
    bucket = harness.unique("virtual.host")
    told = python(
        cloud,
        """
import boto3, hashlib, io, json, os, requests, sys
from botocore.config import Config
from boto3.s3.transfer import TransferConfig
bucket = sys.argv[1]
plain = boto3.client("s3")
plain.create_bucket(Bucket=bucket)
s3 = boto3.client("s3", endpoint_url="https://s3.us-east-1.amazonaws.com", config=Config(s3={"addressing_style": "virtual"}, signature_version="s3v4"))
body = os.urandom(12 << 20)
# A bucket with a dot fits no certificate as a virtual host; S3's clients take the path then.
path = boto3.client("s3", endpoint_url="https://s3.us-east-1.amazonaws.com", config=Config(s3={"addressing_style": "path"}))
path.upload_fileobj(io.BytesIO(body), bucket, "parts", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
flat = bucket.replace(".", "-")
s3.create_bucket(Bucket=flat)
s3.upload_fileobj(io.BytesIO(body), flat, "a/b c", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
same = lambda data: hashlib.sha256(data).digest() == hashlib.sha256(body).digest()
url = s3.generate_presigned_url("get_object", Params={"Bucket": flat, "Key": "a/b c"})
other = "https://" + flat + ".s3-us-west-2.amazonaws.com/a/b%20c"
print(json.dumps({
    "url": url.split("?")[0].replace(flat, "BUCKET"),
    "path": same(path.get_object(Bucket=bucket, Key="parts")["Body"].read()),
    "virtual": same(s3.get_object(Bucket=flat, Key="a/b c")["Body"].read()),
    "presigned": same(requests.get(url).content),
    "listed": [o["Key"] for o in s3.list_objects_v2(Bucket=flat)["Contents"]],
    "unsigned": [requests.get(other).status_code, requests.get(other.replace("https", "http")).status_code],
    "wrong": requests.get(url.replace("/a/", "/x/")).status_code,
}))
""",
        bucket,
        account=account,
    )
    assert told == {
        "url": "https://BUCKET.s3.us-east-1.amazonaws.com/a/b%20c",
        "path": True,
        "virtual": True,
        "presigned": True,
        "listed": ["a/b c"],
        "unsigned": [403, 403],
        "wrong": 403,
    }


def test_the_aws_command_line_reaches_it_with_and_without_a_host(cloud, account, tmp_path):
    bucket = harness.unique("cli")
    (tmp_path / "a.txt").write_text("text")
    script = f"""set -e
aws() {{ "{sys.executable}" -m awscli "$@"; }}
aws sts get-caller-identity --query Account --output text
aws sts get-caller-identity --query Account --output text --endpoint-url https://sts.eu-west-1.amazonaws.com --region eu-west-1
aws s3 mb s3://{bucket} >&2
aws s3 cp a.txt s3://{bucket}/a.txt --endpoint-url https://s3.us-east-1.amazonaws.com --only-show-errors
aws s3 cp s3://{bucket}/a.txt - --endpoint-url https://s3.amazonaws.com
"""
    done = run(cloud, "sh", "-c", script, account=account, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{account}\n{account}\ntext"), done.stderr


def test_curl_trusts_it(cloud):
    done = run(cloud, "curl", "-sS", "-w", "%{http_code} %{ssl_verify_result}", "https://iam.amazonaws.com/")
    assert (done.returncode, done.stdout) == (0, '{"message":"Missing Authentication Token"}403 0'), done.stderr


def test_programs_go_on_after_a_restart_of_the_cloud(fresh_cloud):
    look = 'import boto3, json; print(json.dumps(boto3.client("sts", endpoint_url="https://sts.amazonaws.com").get_caller_identity()["Arn"]))'
    program = f"import sys; sys.stdin.readline(); {look}"
    with subprocess.Popen(
        command(fresh_cloud, "exec", "--", sys.executable, "-c", f"print('up', flush=True); {program}"),
        env=harness.clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "up\n"
        fresh_cloud.kill()
        fresh_cloud.start()
        out, _ = child.communicate("go\n", timeout=harness.PATIENCE)
    assert "assumed-role/sagewright-execution" in out


def test_connections_through_the_proxy_do_not_hold_a_stop(fresh_cloud, other):
    done = run(fresh_cloud, "printenv", "HTTPS_PROXY")
    proxy = urlsplit(done.stdout.strip())
    basic = {"Proxy-Authorization": "Basic " + base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()}
    tunnel = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=ssl.create_default_context(cafile=other["authority"]))
    tunnel.set_tunnel("localhost", other["secure"], basic)
    [authority] = (fresh_cloud.data / "proxy").glob("authority.pem")
    aws = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=ssl.create_default_context(cafile=authority))
    aws.set_tunnel("sts.amazonaws.com", 443, basic)
    for connection, status in ((tunnel, 200), (aws, 403)):
        connection.request("GET", "/x")
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (status, True)
    assert fresh_cloud.stop() == 0
    assert "cut off" not in fresh_cloud.log()
    for connection in (tunnel, aws):
        assert connection.sock.recv(1) == b""
        connection.close()


# Other hosts


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A TLS server that is not AWS's, with an authority of its own."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("other")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    authority, both = folder / "authority.pem", folder / "both.pem"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(authority.read_bytes() + private)

    class Echo(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told = json.dumps({"path": self.path, "headers": dict(self.headers), "size": len(body)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    for server in (secure, plain):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"authority": str(authority), "secure": secure.server_port, "plain": plain.server_port}
    for server in (secure, plain):
        server.shutdown()
        server.server_close()


class Upstream:
    """A proxy of the user's own: notes what it is asked, and opens the way."""

    def __init__(self):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        self.asked.append(head.decode())
        method, target, _ = head.decode().split("\r\n")[0].split()
        at = target if method == "CONNECT" else urlsplit(target).netloc
        host, port = at.split(":")
        there = socket.create_connection((host, int(port)))
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            there.sendall(head.replace(target.encode(), urlsplit(target).path.encode(), 1))

        def copy(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                # One end was killed.
                pass

        threading.Thread(target=copy, args=(there, client), daemon=True).start()
        copy(client, there)


@pytest.fixture
def upstream():
    proxy = Upstream()
    yield proxy
    proxy.listener.close()


# As a client does that does not heed NO_PROXY.
THROUGH = """
import base64, http.client, json, os, ssl, sys
from urllib.parse import urlsplit
port, plain = int(sys.argv[1]), int(sys.argv[2])
proxy = urlsplit(os.environ["HTTPS_PROXY"])
basic = {"Proxy-Authorization": "Basic " + base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()}
context = ssl.create_default_context(cafile=sys.argv[3])
secure = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=context)
secure.set_tunnel("localhost", port, basic)
secure.request("POST", "/secure", b"x" * 3000000)
told = {"secure": json.loads(secure.getresponse().read())}
proxy = urlsplit(os.environ["HTTP_PROXY"])
basic = {"Proxy-Authorization": "Basic " + base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()}
connection = http.client.HTTPConnection(proxy.hostname, proxy.port)
for _ in range(2):
    connection.request("POST", f"http://localhost:{plain}/plain", b"y" * 3000000, basic)
    told["plain"] = json.loads(connection.getresponse().read())
print(json.dumps(told))
"""


def test_other_hosts_pass_through_untouched(cloud, other):
    told = python(cloud, THROUGH, str(other["secure"]), str(other["plain"]), other["authority"])
    # The server was reached with its own certificate, which its own authority has signed.
    assert (told["secure"]["path"], told["secure"]["size"]) == ("/secure", 3000000)
    assert (told["plain"]["path"], told["plain"]["size"]) == ("/plain", 3000000)
    headers = {name.lower(): value for name, value in told["plain"]["headers"].items()}
    assert headers["host"] == f"localhost:{other['plain']}"
    assert not [name for name in [*headers, *told["secure"]["headers"]] if name.lower().startswith("proxy")]


def test_the_users_own_proxy_stays_in_use_for_other_hosts(cloud, other, upstream):
    own = f"http://me:p%40ss@127.0.0.1:{upstream.port}"
    environment = {"HTTPS_PROXY": own, "http_proxy": own, "NO_PROXY": "*.amazonaws.com,.internal"}
    ports = str(other["secure"]), str(other["plain"])
    told = python(cloud, THROUGH, *ports, other["authority"], environment=environment)
    assert told["secure"]["size"] == told["plain"]["size"] == 3000000
    basic = base64.b64encode(b"me:p@ss").decode()
    assert upstream.asked[0].startswith(f"CONNECT localhost:{other['secure']} HTTP/1.1\r\n")
    assert upstream.asked[1].startswith(f"POST http://localhost:{other['plain']}/plain HTTP/1.1\r\n")
    assert all(f"proxy-authorization: basic {basic.lower()}" in head.lower() for head in upstream.asked)
    before = len(upstream.asked)
    look = 'import boto3, json, os; boto3.client("sts", endpoint_url="https://sts.amazonaws.com").get_caller_identity(); print(json.dumps(os.environ["NO_PROXY"]))'
    assert python(cloud, look, environment=environment) == ".internal,127.0.0.1,localhost,::1"
    assert len(upstream.asked) == before, "calls to AWS go no further"
    # A program started within one keeps it, too.
    nested = command(cloud, "exec", "--", sys.executable, "-c", THROUGH, *ports, other["authority"])
    done = run(cloud, *nested, environment=environment)
    assert done.returncode == 0, done.stderr
    assert [head.split()[0] for head in upstream.asked[before:]] == ["CONNECT", "POST", "POST"]


def test_a_proxy_of_a_kind_that_cannot_stand_behind_is_refused(cloud):
    done = run(cloud, "true", environment={"HTTPS_PROXY": "socks5://me:hidden@127.0.0.1:1"})
    assert done.returncode == 1
    assert "error: HTTPS_PROXY names a proxy by socks5://, and only http:// is supported" in done.stderr
    assert "hidden" not in done.stderr


def test_authorities_of_the_users_own_stay_trusted(cloud, other):
    look = "import json, requests, sys; print(json.dumps([requests.get(url).status_code for url in sys.argv[1:]]))"
    urls = f"https://localhost:{other['secure']}/x", "https://sts.amazonaws.com/"
    found = python(cloud, look, *urls, environment={"REQUESTS_CA_BUNDLE": other["authority"]})
    assert found == [200, 403]


def test_a_host_that_does_not_answer_is_told(cloud):
    program = """
import http.client, json, os
from urllib.parse import urlsplit
import base64
proxy = urlsplit(os.environ["HTTPS_PROXY"])
basic = {"Proxy-Authorization": "Basic " + base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()}
told = []
for method, target in (("CONNECT", "127.0.0.1:1"), ("GET", "http://127.0.0.1:1/"), ("CONNECT", "localhost")):
    connection = http.client.HTTPConnection(proxy.hostname, proxy.port)
    connection.request(method, target, headers=basic)
    answer = connection.getresponse()
    told.append([answer.status, answer.read().decode()])
print(json.dumps(told))
"""
    (connect, plain, malformed) = python(cloud, program)
    for status, text in (connect, plain):
        assert status == 502
        assert text.startswith("cannot connect to 127.0.0.1:1: ")
    assert malformed == [400, "CONNECT names no port of localhost\n"]


# Who may use the proxy


def test_nobody_without_the_token_is_served(cloud, other):
    run(cloud, "true")
    told = subprocess.run(
        command(cloud, "exec", "--", "printenv", "HTTPS_PROXY"), env=harness.clean_environment(), capture_output=True, text=True
    )
    token = urlsplit(told.stdout.strip()).password
    encode = lambda text: "Basic " + base64.b64encode(text.encode()).decode()
    wrong = [None, "Basic", "Basic !", f"Bearer {token}", encode(token), encode("direct:"), encode(f"direct:{token[:-1]}"), encode(f"x:{token}")]
    targets = [
        ("CONNECT", "sts.amazonaws.com:443"),
        ("CONNECT", f"localhost:{other['secure']}"),
        ("GET", "http://s3.amazonaws.com/bucket"),
        ("GET", f"http://localhost:{other['plain']}/"),
    ]
    for given in wrong:
        for method, target in targets:
            connection = http.client.HTTPConnection(cloud.listen)
            connection.request(method, target, headers={"Proxy-Authorization": given} if given else {})
            answer = connection.getresponse()
            assert answer.status == 407, (given, target)
            assert answer.getheader("Proxy-Authenticate") == 'Basic realm="sagewright local exec"'
            assert token not in answer.read().decode()
            connection.close()
    assert token not in cloud.log()


def test_the_key_of_the_authority_is_its_owners_alone(cloud):
    run(cloud, "true")
    folder = cloud.data / "proxy"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "authority.pem").stat().st_mode & 0o777 == 0o600


# The program


def test_the_program_is_the_process(cloud):
    assert run(cloud, "sh", "-c", "exit 7").returncode == 7
    assert run(cloud, "sh", "-c", "kill -KILL $$").returncode == -signal.SIGKILL
    assert run(cloud, "cat", stdin="given").stdout == "given"
    done = run(cloud, "printf", "%s|", "-x", "--", "--help", "a b")
    assert done.stdout == "-x|--|--help|a b|"
    waiting = "import signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(9))\nprint('up', flush=True)\nsignal.pause()"
    with subprocess.Popen(
        command(cloud, "exec", "--", sys.executable, "-c", waiting), env=harness.clean_environment(), stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(harness.PATIENCE) == 9
    # SIGPIPE ends it, as it does outside.
    done = run(cloud, "sh", "-c", "yes | head -n 1; exit ${PIPESTATUS:-0}")
    assert done.stdout == "y\n"
    assert "Broken pipe" not in done.stderr


def test_a_program_that_cannot_be_started_is_told_by_name(cloud, tmp_path):
    done = run(cloud, tmp_path / "nothing")
    assert (done.returncode, done.stdout) == (127, "")
    assert f"error: there is no program {tmp_path}/nothing" in done.stderr
    (tmp_path / "text").write_text("")
    done = run(cloud, tmp_path / "text")
    assert done.returncode == 126
    assert f"error: cannot run {tmp_path}/text" in done.stderr


def test_other_credentials_and_endpoints_do_not_reach_the_program(cloud):
    environment = {
        "AWS_PROFILE": "prod",
        "AWS_ROLE_ARN": "arn:aws:iam::111111111111:role/r",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
    }
    look = 'import boto3, json; print(json.dumps([boto3.client("s3").list_buckets()["ResponseMetadata"]["HTTPStatusCode"], boto3.client("sts").get_caller_identity()["Account"]]))'
    assert python(cloud, look, environment=environment) == [200, harness.ACCOUNT]


def test_without_a_cloud_nothing_is_run(tmp_path):
    for words in (["exec", "--", "touch", str(tmp_path / "made")], ["shell"]):
        done = subprocess.run(
            [harness.binary(), "local", *words, "--data", str(tmp_path / "none")] if words == ["shell"]
            else [harness.binary(), "local", words[0], "--data", str(tmp_path / "none"), *words[1:]],
            env=harness.clean_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 1
        assert "no embedded cloud is up on" in done.stderr
        assert "sagewright local up --detach" in done.stderr
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "none").exists()


def test_a_shell_is_one_whose_programs_reach_it(cloud, account):
    aws = f'"{sys.executable}" -m awscli'
    done = subprocess.run(
        command(cloud, "shell", account=account),
        env={**harness.clean_environment(), "SHELL": "/bin/sh"},
        input=f"{aws} sts get-caller-identity --query Account --output text --endpoint-url https://sts.amazonaws.com\nexit 5\n",
        capture_output=True, text=True, timeout=harness.PATIENCE,
    )
    assert (done.returncode, done.stdout) == (5, f"{account}\n"), done.stderr


# Variables and profiles


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_variables_are_set_and_taken_back_in_a_shell(cloud, shell):
    env = f'"{harness.binary()}" local env --data "{cloud.data}"'
    script = f"""
export AWS_PROFILE=prod AWS_SESSION_TOKEN=old
eval "$({env})"
"{sys.executable}" -m awscli sts get-caller-identity --query Arn --output text
echo "${{AWS_PROFILE-none}} ${{AWS_SESSION_TOKEN-none}}"
eval "$({env} --unset)"
env | grep '^AWS_' | cut -d= -f1 | sort
"""
    before = sorted(name for name in harness.clean_environment() if name.startswith("AWS_"))
    done = subprocess.run([shell, "-c", script], env=harness.clean_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["arn:aws:iam::000000000000:user/sagewright", "none none", *before]


def test_a_profile_is_written_used_and_removed(cloud, account, tmp_path):
    config, credentials = tmp_path / "aws" / "config", tmp_path / "aws" / "credentials"
    environment = {
        **harness.clean_environment(), "AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)
    }

    def env(*words):
        done = subprocess.run(command(cloud, "env", *words, account=account), env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    code, text, _ = env("--profile", "embedded")
    assert code == 0
    assert text.startswith("[profile embedded]\n")
    assert not config.exists(), "it is only printed"
    assert env("--profile", "embedded", "--write")[0] == 0
    assert config.read_text() == text
    assert config.stat().st_mode & 0o777 == 0o600
    look = 'import boto3; s = boto3.Session(profile_name="embedded"); print(s.client("sts").get_caller_identity()["Account"], s.region_name)'
    done = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True)
    assert done.stdout == f"{account} us-east-1\n", done.stderr
    # Others' profiles stay as they are, and so does the file's mode.
    theirs = "[default]\nregion = eu-west-1\n\n[profile mine]\nregion = eu-west-2\n"
    config.write_text(theirs)
    config.chmod(0o644)
    assert env("--profile", "embedded", "--write")[0] == 0
    assert env("--profile", "embedded", "--write")[0] == 0
    assert config.read_text() == f"{theirs}\n{text}"
    code, _, told = env("--profile", "mine", "--write")
    assert code == 1
    assert "the profile mine in" in told and "was not written by Sagewright" in told
    assert env("--profile", "embedded", "--write", "--unset")[0] == 0
    assert config.read_text() == theirs
    assert config.stat().st_mode & 0o777 == 0o644
    credentials.write_text("[embedded]\naws_access_key_id = AKIAREAL\n")
    code, _, told = env("--profile", "embedded", "--write")
    assert code == 1
    assert "has a profile embedded too, whose keys would go before" in told
    assert config.read_text() == theirs


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["--write"], 64, "--write writes a profile, and none is named"),
        (["--unset", "--profile", "x"], 64, "the profile x is not a variable"),
        (["--profile", "a]b\n[c", "--write"], 64, "cannot be a profile's name here"),
        (["--profile", "x", "--write"], 1, "it is not a file"),
    ],
)
def test_what_cannot_be_written_is_told(cloud, words, code, message):
    done = subprocess.run(command(cloud, "env", *words), env=harness.clean_environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


def test_keys_of_the_machine_cannot_leave_through_a_profile_of_the_program(cloud, tmp_path):
    """A program that asks for a profile by name signs with its keys: the embedded cloud refuses them, AWS is not asked."""
    config = tmp_path / "config"
    config.write_text("[profile prod]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\nregion = us-east-1\n")
    look = """
import boto3, json
told = []
for url in (None, "https://sts.amazonaws.com"):
    try:
        boto3.Session(profile_name="prod").client("sts", endpoint_url=url).get_caller_identity()
    except Exception as error:
        told.append(error.response["Error"]["Code"])
print(json.dumps(told))
"""
    found = python(cloud, look, environment={"AWS_CONFIG_FILE": str(config)})
    assert found == ["InvalidClientTokenId"] * 2


def test_the_sdks_reports_are_opted_out_where_its_user_has_no_say(cloud, tmp_path):
    look = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('SAGEMAKER_')}))"
    home = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "site"), "XDG_CONFIG_HOME": str(tmp_path / "user")}
    [(name, path)] = python(cloud, look, environment=home).items()
    assert name == "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"
    assert "TelemetryOptOut: true" in open(path).read()
    if sys.platform == "linux":
        (tmp_path / "site" / "sagemaker").mkdir(parents=True)
        (tmp_path / "site" / "sagemaker" / "config.yaml").write_text("")
        assert [*python(cloud, look, environment=home)] == ["SAGEMAKER_USER_CONFIG_OVERRIDE"]
    own = {"SAGEMAKER_ADMIN_CONFIG_OVERRIDE": "/a", "SAGEMAKER_USER_CONFIG_OVERRIDE": "/b"}
    assert python(cloud, look, environment={**home, **own}) == own
