"""The wire's codecs against botocore's own, in both directions, for every operation of real services' models.

No service of the embedded cloud speaks `restXml` or `rpcv2Cbor`; CloudWatch's, Route 53's and CloudFront's models do.
"""

import base64
import datetime
import gzip
import json
import os
import pathlib
import subprocess
import urllib.request

import botocore
import botocore.config
import botocore.exceptions
import botocore.session
import pytest

import harness

WHEN = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)
NUMBERS = {"integer", "long", "float", "double", "short", "byte"}


def binary():
    subprocess.run(
        ["cargo", "build", "--quiet", "-p", "sagewright-cloud-wire", "--example", "protocol_server"],
        cwd=harness.ROOT,
        check=True,
    )
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", harness.ROOT / "target"))
    return str(target / "debug" / "examples" / "protocol_server")


class Peer:
    """A server of one of botocore's models, and a client, which speak one of the service's protocols."""

    def __init__(self, service, protocol, folder):
        data = pathlib.Path(botocore.__file__).parent / "data" / service
        packed = max(data.glob("*/service-2.json.gz"))
        model = json.loads(gzip.decompress(packed.read_bytes()))
        assert protocol in model["metadata"]["protocols"]
        model["metadata"].update(protocol=protocol, protocols=[protocol])
        path = folder / service / packed.parent.name / "service-2.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(model))
        self.process = subprocess.Popen([binary(), str(path)], stdout=subprocess.PIPE, text=True)
        self.url = "http://" + self.process.stdout.readline().removeprefix("listening on ").strip()
        session = botocore.session.get_session()
        session.get_component("data_loader").search_paths.insert(0, str(folder))
        self.client = session.create_client(
            service,
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=botocore.config.Config(
                parameter_validation=False, inject_host_prefix=False, retries={"total_max_attempts": 1}
            ),
        )

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def answer(self, **answer):
        request = urllib.request.Request(self.url + "/_answer", json.dumps(answer).encode(), method="PUT")
        urllib.request.urlopen(request).close()

    def read(self):
        with urllib.request.urlopen(self.url + "/_read") as response:
            return json.load(response)


SPOKEN = [
    ("cloudwatch", "smithy-rpc-v2-cbor"),
    ("cloudwatch", "json"),
    ("cloudwatch", "query"),
    ("route53", "rest-xml"),
    ("cloudfront", "rest-xml"),
]


@pytest.fixture(params=SPOKEN, ids=lambda spoken: "-".join(spoken))
def peer(request, tmp_path):
    peer = Peer(*request.param, tmp_path)
    yield peer
    peer.stop()


def sample(shape, name="", depth=0):
    """A value with every member, for boto3."""
    kind = shape.type_name
    if kind == "structure":
        members = {n: s for n, s in shape.members.items() if depth < 8 or n in shape.required_members}
        if getattr(shape, "is_tagged_union", False):
            members = dict(list(members.items())[:1])
        return {n: sample(s, n, depth + 1) for n, s in members.items()}
    if kind == "list":
        return [sample(shape.member, name, depth + 1) for _ in range(2)]
    if kind == "map":
        return {f"k{i}": sample(shape.value, name, depth + 1) for i in range(2)}
    if kind == "timestamp":
        return WHEN
    if kind == "blob":
        return b"\x00\xff" + name.encode()
    if kind == "boolean":
        return True
    if kind in NUMBERS:
        return 7.5 if kind in ("float", "double") else 7
    return f"{name}-<é>" if shape.serialization.get("location") is None else name or "x"


def plain(value):
    """A value of boto3 or of the server in one form."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "read"):
        return base64.b64encode(value.read()).decode()
    return value


def normal(shape, value):
    """What the server read or was given, with timestamps as seconds."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {k: normal(shape.members[k], v) for k, v in value.items()}
    if kind == "list" and isinstance(value, list):
        return [normal(shape.member, v) for v in value]
    if kind == "map" and isinstance(value, dict):
        return {k: normal(shape.value, v) for k, v in value.items()}
    if kind == "timestamp" and isinstance(value, str):
        for form in ("%Y-%m-%dT%H:%M:%SZ", "%a, %d %b %Y %H:%M:%S GMT"):
            try:
                return datetime.datetime.strptime(value, form).replace(tzinfo=datetime.timezone.utc).timestamp()
            except ValueError:
                continue
    return value


def operations(client):
    model = client.meta.service_model
    methods = client.meta.method_to_api_mapping.items()
    for method, name in sorted(methods):
        operation = model.operation_model(name)
        if not (operation.has_event_stream_input or operation.has_event_stream_output):
            yield method, operation


def test_every_operation_goes_over_the_wire_and_back(peer):
    count = 0
    for method, operation in operations(peer.client):
        sent = sample(operation.input_shape) if operation.input_shape else {}
        given = sample(operation.output_shape) if operation.output_shape else {}
        payload = {}
        body = operation.output_shape.serialization.get("payload") if operation.output_shape else None
        answer = plain(given)
        if body and operation.output_shape.members[body].type_name == "blob":
            payload = {"payload": answer.pop(body)}
        peer.answer(output=answer, **payload)
        got = getattr(peer.client, method)(**sent)
        read = peer.read()
        assert read["operation"] == operation.wire_name
        if operation.input_shape:
            blob = operation.input_shape.serialization.get("payload")
            if blob and operation.input_shape.members[blob].type_name == "blob":
                read["input"][blob] = read["payload"]
            assert normal(operation.input_shape, read["input"]) == plain(sent), operation.name
        assert plain(got) == plain(given), operation.name
        count += 1
    assert count > 50


def test_errors_are_told_by_code(peer):
    # Services that spoke the query protocol once are told its codes, and name the shapes of errors.
    by_name = peer.client.meta.service_model.metadata["protocol"] in ("json", "smithy-rpc-v2-cbor")
    declared = {}
    for method, operation in operations(peer.client):
        declared.update({shape.name: (method, operation, shape) for shape in operation.error_shapes})
    for name, (method, operation, shape) in declared.items():
        code = shape.metadata.get("error", {}).get("code", name)
        members = plain({k: v for k, v in sample(shape).items() if k.lower() != "message"})
        told = name if by_name else code
        peer.answer(error={"code": told, "status": 409, "message": "no <é>", "members": members})
        with pytest.raises(botocore.exceptions.ClientError) as raised:
            getattr(peer.client, method)(**(sample(operation.input_shape) if operation.input_shape else {}))
        error = raised.value.response
        assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, 409), name
        assert error["Error"]["Message"] == "no <é>"
    assert len(declared) > 10
