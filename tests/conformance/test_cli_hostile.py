"""What services, files and the environment hold against the command: it shows no secret, obeys no control character, does not
wait without end and takes no other's resource."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys

import pytest

import harness
from command import SCRIPT, Cli, group, many, model
from test_cli_plans import keep, seal

sys.path.insert(0, str(harness.ROOT / "tests"))

from chaos.proxy import Proxy, operation_of, reset  # noqa: E402

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
EVIL = "x\x1b[1A\x1b[2K\x1b]0;p\x07\r\x9b31m\x00\nTarget: AWS"


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


class Between(Proxy):
    """A proxy that answers calls itself where a function has an answer; `None` lets a call through, `reset` breaks it after."""

    def __init__(self, cli, answer):
        self.answer = answer
        super().__init__(cli.cloud.endpoint, 0, {})

    async def _answer(self, head, body, writer):
        operation = operation_of(head, body)
        said = self.answer(operation, body)
        if said is None or said == "reset":
            if said == "reset":
                upstream, to = await asyncio.open_connection(*self.upstream)
                to.write(head + body)
                await upstream.readuntil(b"\r\n\r\n")
                to.close()
                self.answer(operation + " done", body)
                return reset(writer)
            return await super()._answer(head, body, writer)
        writer.write(said)
        await writer.drain()
        return True


def said(value, kind="application/x-amz-json-1.1", status="200 OK"):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def between(cli):
    proxies = []

    def make(answer):
        proxies.append(Between(cli, answer))
        return proxies[-1].url

    yield make
    for proxy in proxies:
        proxy.close()


def test_session_credentials_are_in_no_message(cli, between):
    keys = b"<AssumeRoleResponse><SecretAccessKey>TOPSECRETKEY</SecretAccessKey><SessionToken>TOPTOKEN</SessionToken>"
    for body in (keys, keys.replace(b"</SessionToken>", b""), b"<html>TOPSECRETKEY", b'{"SecretAccessKey":"TOPSECRETKEY'):
        url = between(lambda operation, _, body=body: said(body, "text/xml") if operation == "AssumeRole" else None)
        told = cli("get", "models", "--role-arn", harness.role(cli.account), "-vvv", code=1, AWS_ENDPOINT_URL=url, AWS_MAX_ATTEMPTS="1")
        assert "TOP" not in told.out + told.err and "not readable XML" in told.err
    url = between(lambda operation, _: said(b'{"Environment":{"P":"hunter2"') if operation == "DescribeModel" else None)
    told = cli("get", "model/m", code=1, AWS_ENDPOINT_URL=url, AWS_MAX_ATTEMPTS="1")
    assert "hunter2" not in told.out + told.err and "bytes of application/x-amz-json-1.1" in told.err


def test_nothing_of_others_steers_the_terminal(cli, between):
    evil = model("m", cli.account, primaryContainer={"image": SCRIPT, "environment": {"K": EVIL}})
    keep(cli, evil)
    shows = [
        cli("plan", "--offline", "-f", "-", stdin=many(evil)),
        cli("plan", "--show", "plan.json"),
        *(cli("plan", "--offline", "-f", "-", "-o", form, stdin=many(evil)) for form in ("json", "yaml")),
    ]
    assert "\\u{1b}[1A\\u{1b}[2K" in shows[0].out and "\\nTarget" in shows[0].out
    change = next(c for c in shows[2].json()["objects"][0]["changes"] if c["path"] == "spec.primaryContainer")
    assert change["to"]["environment"]["K"] == EVIL, "programs get it whole"
    arn = f"arn:aws:sagemaker:us-east-1:{cli.account}:endpoint/e"
    one = {"EndpointName": "e" + EVIL, "EndpointArn": arn, "EndpointStatus": "In" + EVIL, "CreationTime": 1, "LastModifiedTime": 1}
    caller = (
        "<R><GetCallerIdentityResult><Arn>arn:aws:sts::000000000000:assumed-role/r&#x9b;&#10;Target: x/y</Arn><UserId>u</UserId>"
        f"<Account>{cli.account}</Account></GetCallerIdentityResult></R>"
    )
    answers = {
        "ListEndpoints": said({"Endpoints": [one]}),
        "DescribeEndpoint": said({**one, "EndpointConfigName": "c", "EndpointStatus": "Failed", "FailureReason": EVIL}),
        "CreateModelPackageGroup": said({"__type": "ValidationException", "message": EVIL}, status="400 Bad Request"),
        "GetCallerIdentity": said(caller.encode(), "text/xml"),
    }
    url = between(lambda operation, _: answers.get(operation))
    for words, code in [
        (["get", "endpoints"], 0), (["get", "endpoints", "-o", "wide"], 0), (["get", "endpoints", "-o", "name"], 0),
        (["get", "endpoints", "-o", "json"], 0), (["get", "endpoints", "-o", "yaml"], 0), (["wait", "endpoint/e"], 1),
    ]:  # fmt: skip
        shows.append(cli(*words, code=code, AWS_ENDPOINT_URL=url))
    shows.append(cli("apply", "-f", "-", code=1, stdin=group("g"), AWS_ENDPOINT_URL=url))
    for told in shows:
        assert not STEERING.search(told.out + told.err), (told.out, told.err)
        starts = [line for line in (told.out + told.err).splitlines() if line.startswith("Target: ")]
        assert len(starts) <= 1, starts
    account = between(lambda operation, _: said(caller.replace(cli.account, "0&#10;Target: AWS").encode(), "text/xml") if operation == "GetCallerIdentity" else None)
    told = cli("get", "models", AWS_ENDPOINT_URL=account)
    assert "account not known (GetCallerIdentity: UnreadableAnswer)" in told.err


def test_a_terminal_gets_no_control_characters_of_others_either(cli):
    ours, theirs = pty.openpty()
    command = [harness.binary(), "plan", "--offline", "--color", "always", "-f", "-"]
    evil = model("m", cli.account, primaryContainer={"image": SCRIPT, "environment": {"K": EVIL + "\x1b[31m"}})
    done = subprocess.run(command, input=json.dumps(evil).encode(), stdout=theirs, stderr=theirs, env=cli.environment(), timeout=harness.PATIENCE)
    os.close(theirs)
    told = os.read(ours, 20_000).decode().replace("\r\n", "\n")
    os.close(ours)
    assert done.returncode == 0 and "\x1b[32m" in told
    assert not STEERING.search(re.sub("\x1b\\[(0|1|2|3[123])m", "", told)) and "\x1b[31m" not in told, told


def test_a_plan_shows_where_and_how_it_is_carried_out(cli):
    there = group("g")
    there["metadata"]["annotations"] = {"services.k8s.aws/region": "eu-west-1", "services.k8s.aws/deletion-policy": "retain"}
    keep(cli, there)
    for told in (cli("plan", "--show", "plan.json"), cli("plan", "--offline", "-f", "-", stdin=there)):
        assert "    services.k8s.aws/region: eu-west-1\n" in told.out and "    services.k8s.aws/deletion-policy: retain\n" in told.out
    assert cli("plan", "--show", "plan.json", "-o", "json").json()["objects"][0]["annotations"]["services.k8s.aws/region"] == "eu-west-1"


def test_a_plan_of_what_is_not_known_or_too_large_is_none(cli):
    path = keep(cli, group("g"))
    document = json.loads(path.read_text())
    document["plan"]["objects"][0]["object"]["kind"] = "Bogus"
    path.write_text(json.dumps(seal(document)))
    for words in (["plan", "--show", "plan.json"], ["apply", "plan.json"]):
        assert "this version knows no kind Bogus" in cli(*words, code=65).err
    path.write_text('{"a": [' + "1," * 6_000_001 + "1]}")
    assert "it has more than 6000000 values" in cli("plan", "--show", "plan.json", code=65).err


def test_libraries_write_no_bodies_into_the_log(cli):
    secret = model("m", cli.account, primaryContainer={"image": SCRIPT, "environment": {"PASSWORD": "hunter2SECRET"}})
    told = cli("apply", "-f", "-", "-vvvv", stdin=secret, SAGEWRIGHT_LOG="trace", RUST_LOG="trace")
    assert "CreateModel" in told.err and "hunter2" not in told.err and "Credential=" not in told.err


def test_a_password_in_the_endpoint_is_refused_and_not_shown(cli):
    url = cli.cloud.endpoint.replace("http://", "http://user:TOPSECRET@")
    told = cli("get", "models", "-vvv", code=1, AWS_ENDPOINT_URL=url)
    assert "TOPSECRET" not in told.err and "take them out of AWS_ENDPOINT_URL" in told.err


def test_a_delete_whose_answer_is_lost_takes_no_others_resource(cli, between):
    cli("apply", "-f", "-", stdin=model("m", cli.account))
    sagemaker, deletes = cli.cloud.client("sagemaker", cli.account), []

    def answer(operation, _):
        if operation == "DeleteModel done":
            # Meanwhile another installation makes its own.
            tags = [{"Key": "sagewright.dev/owner", "Value": "prod/default/m"}]
            sagemaker.create_model(ModelName="m", PrimaryContainer={"Image": SCRIPT}, ExecutionRoleArn=harness.role(cli.account), Tags=tags)
        if operation == "DeleteModel":
            deletes.append(operation)
            return "reset" if len(deletes) == 1 else None

    told = cli("delete", "--yes", "-f", "-", code=1, stdin=model("m", cli.account), AWS_ENDPOINT_URL=between(answer), AWS_MAX_ATTEMPTS="3")
    assert "prod" in told.out + told.err and len(deletes) == 1
    assert sagemaker.describe_model(ModelName="m")["ModelName"] == "m"


def test_listings_that_turn_in_a_circle_end(cli, between, tmp_path):
    count = [0]

    def page(operation, _):
        if operation == "ListModels":
            count[0] += 1
            return said({"Models": [], "NextToken": "ab"[count[0] % 2]})

    told = cli("get", "models", code=1, AWS_ENDPOINT_URL=between(page))
    assert count[0] == 3 and "again" in told.err
