"""Reads one object of S3 as the container's role, without an SDK."""

import datetime
import hashlib
import hmac
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request

EMPTY = hashlib.sha256(b"").hexdigest()


def parse(uri):
    bucket, _, key = uri[len("s3://"):].partition("/")
    return bucket, key


def download(uri, path):
    """Writes an object to a file."""
    bucket, key = parse(uri)
    region = os.environ.get("AWS_REGION", "us-east-1")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        raise OSError(
            f"cannot read {uri}: this container may not reach S3, as with EnableNetworkIsolation; give the script to the job "
            "in an input channel, or to the model in its model.tar.gz"
        )
    quoted = "/" + urllib.parse.quote(f"{bucket}/{key}", safe="/~")
    url = endpoint.rstrip("/") + quoted
    request = urllib.request.Request(url, headers=_signed(url, quoted, region))
    # Never through a proxy: the endpoint is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except urllib.error.HTTPError as refusal:
        raise OSError(f"cannot read {uri}: S3 answered {refusal.code} {refusal.reason}") from None


def _signed(url, path, region):
    """Headers of Signature Version 4; none where there are no credentials."""
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        return {}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": urllib.parse.urlsplit(url).netloc, "x-amz-content-sha256": EMPTY, "x-amz-date": now}
    if os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"GET\n{path}\n\n{lines}\n{names}\n{EMPTY}"
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (now[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers
