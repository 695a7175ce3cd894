"""Addresses, signatures and the AWS command line."""

import datetime
import os
import subprocess
import urllib.error
import urllib.request
import uuid

import boto3
import pytest
from botocore.config import Config

from s3_tools import client, fails


def test_virtual_host_style(cloud, s3, bucket):
    port = cloud.endpoint_url.rsplit(":", 1)[1]
    s3.put_object(Bucket=bucket, Key="dir/a b", Body=b"path")
    for host in ("s3.localhost", "localhost"):
        virtual = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id=cloud.access_key,
            aws_secret_access_key=cloud.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "virtual"}),
        )
        seen = []
        virtual.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.url))
        virtual.meta.events.register("before-send.s3", lambda request, **_: to_loopback(cloud, request))
        assert virtual.get_object(Bucket=bucket, Key="dir/a b")["Body"].read() == b"path"
        assert seen[0].startswith(f"http://{bucket}.{host}:{port}/dir/")


def to_loopback(cloud, request):
    """Sends a signed request to the address of the server whatever the name of the host."""
    from urllib.parse import urlsplit

    from botocore.httpsession import URLLib3Session

    parts = urlsplit(request.url)
    request.headers["Host"] = parts.netloc
    request.url = request.url.replace(f"http://{parts.netloc}", cloud.endpoint_url, 1)
    return URLLib3Session().send(request)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned(cloud, bucket, version):
    signer = client(cloud, signature_version=version)
    put = signer.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p q"})
    urllib.request.urlopen(urllib.request.Request(put, data=b"presigned", method="PUT", headers={"Content-Type": ""}))
    get = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p q"})
    assert urllib.request.urlopen(get).read() == b"presigned"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(get.replace("p%20q", "other"))
    assert caught.value.code == 403 and b"SignatureDoesNotMatch" in caught.value.read()


def test_presigned_post(cloud, s3, bucket):
    post = client(cloud, signature_version="s3v4").generate_presigned_post(
        bucket, "form/a.txt", Conditions=[["content-length-range", 1, 100]]
    )
    boundary = "b0undary"
    send = lambda content: urllib.request.urlopen(
        urllib.request.Request(
            post["url"],
            data="".join(
                f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in post["fields"].items()
            ).encode()
            + f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n{content}\r\n--{boundary}--\r\n'.encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
    )
    assert send("posted").status in (200, 204)
    assert s3.get_object(Bucket=bucket, Key="form/a.txt")["Body"].read() == b"posted"
    post["fields"]["key"] = "form/other"
    with pytest.raises(urllib.error.HTTPError) as caught:
        send("posted")
    assert caught.value.code in (400, 403)
    fails("404", 404, s3.head_object, Bucket=bucket, Key="form/other")
    post["fields"]["key"] = "form/a.txt"
    with pytest.raises(urllib.error.HTTPError) as caught:
        send("x" * 101)
    assert caught.value.code == 400 and b"EntityTooLarge" in caught.value.read()


def test_expired_presigned_url(cloud, bucket, monkeypatch):
    signer = client(cloud, signature_version="s3v4")
    import botocore.auth as auth

    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: past.replace(tzinfo=None))
    url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"}, ExpiresIn=60)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 403 and b"Request has expired" in caught.value.read()


def test_a_connection_goes_on_after_a_refusal(cloud, bucket):
    """boto3 asks before it sends a body, and reuses the connection when it is told no."""
    s3 = client(cloud, max_pool_connections=1)
    for _ in range(30):
        fails("InvalidRequest", 400, s3.put_object, Bucket=bucket, Key="a", Body=b"x", ChecksumCRC32="AAA=")
        s3.put_object(Bucket=bucket, Key="b", Body=b"y")


def test_wrong_keys(cloud, s3):
    other = lambda access, secret: boto3.client(
        "s3", endpoint_url=cloud.endpoint_url, aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1"
    )
    fails("InvalidAccessKeyId", 403, other("AKIDNOBODY", "x").list_buckets)
    fails("SignatureDoesNotMatch", 403, other(cloud.access_key, "wrong").list_buckets)


def test_anonymous(cloud, bucket):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{cloud.endpoint_url}/{bucket}/a")
    assert caught.value.code == 403 and b"<Code>AccessDenied</Code>" in caught.value.read()


def cli(cloud, *arguments, cwd=None):
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": cloud.access_key,
        "AWS_SECRET_ACCESS_KEY": cloud.secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return subprocess.run(["aws", *arguments], env=environment, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_aws_cli(cloud, s3, tmp_path):
    name = f"cli-{uuid.uuid4()}"
    assert cli(cloud, "s3", "mb", f"s3://{name}").returncode == 0
    tree = tmp_path / "tree"
    for path in ("one.txt", "sub/two", "sub/ü & +", "sub/deep/three"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(path)
        # S3 tells times in whole seconds: what is uploaded within the second of its last change looks newer than its copy.
        os.utime(tree / path, (1_700_000_000, 1_700_000_000))
    up = cli(cloud, "s3", "sync", "--no-progress", str(tree), f"s3://{name}/t")
    assert up.returncode == 0 and up.stdout.count("upload:") == 4, up
    assert cli(cloud, "s3", "sync", "--no-progress", str(tree), f"s3://{name}/t").stdout == ""
    listing = cli(cloud, "s3", "ls", f"s3://{name}/t/").stdout
    assert "PRE sub/" in listing and "one.txt" in listing
    down = tmp_path / "down"
    assert cli(cloud, "s3", "sync", f"s3://{name}/t", str(down)).returncode == 0
    assert {p.relative_to(down): p.read_text() for p in down.rglob("*") if p.is_file()} == {
        p.relative_to(tree): p.read_text() for p in tree.rglob("*") if p.is_file()
    }
    assert cli(cloud, "s3", "cp", f"s3://{name}/t/one.txt", "-").stdout == "one.txt"
    assert cli(cloud, "s3", "mv", f"s3://{name}/t/one.txt", f"s3://{name}/t/moved").returncode == 0
    missing = cli(cloud, "s3", "ls", "s3://no-such-bucket-here")
    assert missing.returncode != 0 and "(NoSuchBucket)" in missing.stderr
    assert "The specified bucket does not exist" in missing.stderr
    assert cli(cloud, "s3", "rm", "--recursive", f"s3://{name}").returncode == 0
    assert cli(cloud, "s3", "rb", f"s3://{name}").returncode == 0


def test_a_sync_with_exact_timestamps_downloads_once(cloud, s3, bucket, tmp_path):
    for index in range(3):
        s3.put_object(Bucket=bucket, Key=f"k{index}", Body=b"x")
    sync = lambda: cli(cloud, "s3", "sync", "--exact-timestamps", "--no-progress", f"s3://{bucket}", str(tmp_path)).stdout
    assert sync().count("download:") == 3
    assert sync() == ""


def test_presigned_urls_are_good_for_a_week_at_most(cloud, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    signer = client(cloud, signature_version="s3v4")
    sign = lambda days: signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"}, ExpiresIn=days * 86400)
    assert urllib.request.urlopen(sign(7)).read() == b"x"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(sign(8))
    assert caught.value.code == 400 and b"AuthorizationQueryParametersError" in caught.value.read()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_forms_of_both_signatures(cloud, s3, bucket, version):
    import requests

    post = client(cloud, signature_version=version).generate_presigned_post(
        bucket, "up/${filename}", Conditions=[["content-length-range", 1, 10_000_000]]
    )
    answer = requests.post(post["url"], data=post["fields"], files={"file": ("a.txt", b"x" * 3_000_000)})
    assert (answer.status_code, answer.headers["ETag"]) == (204, s3.head_object(Bucket=bucket, Key="up/a.txt")["ETag"])
    assert s3.get_object(Bucket=bucket, Key="up/a.txt")["Body"].read() == b"x" * 3_000_000
    answer = requests.post(post["url"], data={**post["fields"], "key": "other"}, files={"file": b"x"})
    assert answer.status_code == 403 and "Invalid according to Policy: Policy Condition failed" in answer.text
