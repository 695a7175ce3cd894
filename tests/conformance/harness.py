"""The embedded cloud as a process, and stock clients for it."""

import gzip
import json
import os
import pathlib
import queue
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import uuid

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ROOT = pathlib.Path(__file__).resolve().parents[2]
MNIST = ROOT / "examples" / "mnist"
REGION = "us-east-1"
ACCOUNT = "000000000000"
OTHER = "111111111111"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
# Images of the image map that the tests start the cloud with; the programs are in `programs`.
SCRIPT_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/script:1"
SILENT_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/silent:1"
CRASHING_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/crash:1"
PIPE_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/pipe:1"
PROCESS_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/process:1"
INSTANCES_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/instances:1"
BATCH_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/batch:1"
SCORE_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/score:1"
STREAM_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/stream:1"
# Plain Python, for scripts that a job brings along.
PYTHON_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/python:3"
# The role that each account of the embedded cloud has from the start.
ROLE = "sagewright-execution"

# Long enough for two slow cores that other tests share; nothing waits for it when all is well.
PATIENCE = 120


def binary():
    path = os.environ.get("SAGEWRIGHT_BIN")
    if not path:
        raise RuntimeError("SAGEWRIGHT_BIN names no binary: run the tests with `cargo xtask test`")
    return path


def unique(prefix="t"):
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def wait(check, what, patience=PATIENCE, delay=0.05):
    """What `check` gives once it gives something true."""
    deadline = time.monotonic() + patience
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not after {patience} s")
        time.sleep(delay)


# Processes


def descendants(pid):
    """Processes that a process has started, and those that these have started."""
    listing = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found, todo = [], [pid]
    while todo:
        more = children.get(todo.pop(), [])
        found += more
        todo += more
    return found


def alive(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    # A zombie runs no longer; where the machine has no init to reap it, it stays listed.
    return bool(state) and not state.startswith("Z")


def gone(pids):
    wait(lambda: not [p for p in pids if alive(p)], f"processes {pids} end", 30)


def image_map():
    """Programs of the tests, by image."""
    python = os.environ.get("SAGEWRIGHT_TEST_PYTHON", "python3")
    programs = ROOT / "tests" / "conformance" / "programs"
    entries = {
        SCRIPT_IMAGE: "echo.py", CRASHING_IMAGE: "crash.py", PIPE_IMAGE: "pipe.py", PROCESS_IMAGE: "process.py",
        BATCH_IMAGE: "batch.py", INSTANCES_IMAGE: "instances.py", SCORE_IMAGE: "score.py",
        STREAM_IMAGE: "stream.py",
    }
    silent = f'[[image]]\nmatch = "{SILENT_IMAGE}"\ncommand = ["{shutil.which("true")}"]\n'
    path = os.pathsep.join([os.path.dirname(python) or "/usr/bin", "/usr/bin", "/bin"])
    plain = f'[[image]]\nmatch = "{PYTHON_IMAGE}"\ncommand = ["python3"]\nenv = {{ PATH = "{path}" }}\n'
    return silent + plain + "\n".join(
        f'[[image]]\nmatch = "{image}"\ncommand = ["{python}", "{programs / program}"]\n'
        for image, program in entries.items()
    )


class Cloud:
    """One `sagewright local up` with its data."""

    def __init__(self, folder, images=None, arguments=(), listen="127.0.0.1:0", **popen):
        self.data = pathlib.Path(folder) / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.log_path = pathlib.Path(folder) / "cloud.log"
        self.log_path.touch()
        self.images = []
        if images:
            path = pathlib.Path(folder) / "images.toml"
            path.write_text(images)
            self.images = ["--images", str(path)]
        self.process = None
        self.arguments = [*self.images, *arguments]
        self.popen = popen
        self.listen = listen
        self._keys = {}
        self.start()

    # Life

    def start(self):
        """Starts the cloud and waits for it."""
        self.launch()
        self.await_ready()

    def launch(self):
        """Starts the process."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "local", "up", "--no-hold", "--listen", self.listen, "--data", str(self.data), "-o", "json", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=clean_environment(),
                **self.popen,
            )
        self._lines = queue.Queue()
        threading.Thread(target=self._drain, args=(self.process.stdout, self._lines), daemon=True).start()

    def await_ready(self):
        """Waits for the first line that the process prints: it says where the cloud is and with which keys."""
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            line = None
        if not line:
            self.kill()
            raise AssertionError(f"the cloud did not start:\n{self.log()}")
        told = json.loads(line)
        self.endpoint = told["endpoint"]
        self.region = told["region"]
        self.account = told["account"]
        self.listen = self.endpoint.split("//", 1)[1].rstrip("/")
        self._keys[self.account] = (told["accessKeyId"], told["secretAccessKey"])

    def _drain(self, pipe, lines):
        for i, line in enumerate(pipe):
            if i == 0:
                lines.put(line.decode())
            else:
                with open(self.log_path, "ab") as log:
                    log.write(line)
        lines.put(None)
        pipe.close()

    def stop(self):
        """Ends the cloud as Ctrl-C or a service manager does; gives the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the cloud did not end on SIGTERM:\n{self.log()}") from None

    def kill(self):
        """Ends the cloud as a crash does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self, since=0):
        """What the cloud wrote to its log after a position."""
        with open(self.log_path, "rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def state(self):
        """The database, for a cloud that is stopped."""
        path = self.data / "state.sqlite"
        return sqlite3.connect(path)

    # Keys and clients

    @property
    def endpoint_url(self):
        return self.endpoint

    @property
    def access_key(self):
        return self.keys()[0]

    @property
    def secret_key(self):
        return self.keys()[1]

    def keys(self, account=None):
        """Access key and secret key of an account, which is made where it is new."""
        account = account or self.account
        if account not in self._keys:
            command = [binary(), "local", "env", "-o", "json", "--data", str(self.data), "--account", account]
            done = subprocess.run(command, capture_output=True, env=clean_environment(), timeout=PATIENCE)
            assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
            told = json.loads(done.stdout)
            self._keys[account] = (told["accessKeyId"], told["secretAccessKey"])
        return self._keys[account]

    def session(self, account=None, region=None, credentials=None):
        """A boto3 session; `credentials` are those that STS gives out."""
        if credentials:
            keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
        else:
            keys = (*self.keys(account), None)
        return boto3.Session(*keys, region_name=region or self.region)

    def client(self, service, account=None, region=None, credentials=None, **config):
        """A boto3 client without retries: an error is the cloud's first word.

        `aws_access_key_id` and the like stand in for the account's own keys; the rest is botocore's configuration.
        """
        keys = {name: config.pop(name) for name in list(config) if name.startswith("aws_")}
        if keys:
            own = dict(zip(("aws_access_key_id", "aws_secret_access_key"), self.keys(account)))
            keys = own | ({"aws_session_token": credentials["SessionToken"]} if credentials else {}) | keys
        config.setdefault("retries", {"total_max_attempts": 1, "mode": "standard"})
        config.setdefault("read_timeout", PATIENCE)
        if service == "s3":
            config.setdefault("s3", {"addressing_style": "path"})
        session = self.session(account, region, credentials)
        return session.client(service, endpoint_url=self.endpoint, config=Config(**config), **keys)

    def session_client(self, service, credentials):
        """A client with credentials that STS gave out."""
        return self.client(service, credentials=credentials)

    def raw(self, operation, body, *, keys=None, token=None, region=None, tamper=None, signed=True):
        """A SageMaker operation as plain HTTP: what boto3 would refuse to send. Gives status and JSON.

        `tamper` changes the request after it was signed.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"SageMaker.{operation}"}
        request = AWSRequest("POST", self.endpoint + "/", data=data, headers=headers)
        if signed:
            credentials = Credentials(*(keys or self.keys()), token)
            SigV4Auth(credentials, "sagemaker", region or self.region).add_auth(request)
        if tamper:
            tamper(request)
        answer = requests.post(request.url, data=request.data, headers=dict(request.headers.items()), timeout=PATIENCE)
        return answer.status_code, answer.json()

    def environment(self, account=None):
        """Environment variables that point any AWS client at this cloud."""
        key, secret = self.keys(account)
        return {
            **clean_environment(),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_MAX_ATTEMPTS": "1",
        }


def clean_environment():
    """The environment without the machine's own AWS settings."""
    chosen = ("AWS_", "SAGEMAKER_", "SAGEWRIGHT_DATA", "SAGEWRIGHT_LOCAL", "SAGEWRIGHT_EXPECT_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(chosen)}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **nowhere, "AWS_EC2_METADATA_DISABLED": "true", "NO_COLOR": "1"}


def refused(call, code, message=None, status=400, **arguments):
    """The call fails with this code, this whole message (or one that fits, for a compiled pattern) and status."""
    try:
        call(**arguments)
    except ClientError as error:
        told, metadata = error.response["Error"], error.response["ResponseMetadata"]
        assert (told["Code"], metadata["HTTPStatusCode"]) == (code, status), told
        if hasattr(message, "fullmatch"):
            assert message.fullmatch(told["Message"]), told["Message"]
        elif message is not None:
            assert told["Message"] == message
        return error.response
    raise AssertionError(f"{call.__name__} was accepted")


def role(account=ACCOUNT):
    return f"arn:aws:iam::{account}:role/{ROLE}"


def arn(kind, name, account=ACCOUNT, region=REGION):
    return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name.lower()}"


# What is made


def digits(part, rows=None):
    """Digits as CSV, the label first; only the first `rows`."""
    with gzip.open(MNIST / f"{part}.csv.gz", "rt") as file:
        lines = file.read().splitlines()
    return lines[:rows]


def training_job(name, bucket, account=ACCOUNT, rounds=1, train="small/train.csv", validation=None, **changes):
    """Input of CreateTrainingJob: XGBoost on digits that are in the bucket."""

    def channel(channel, key):
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{key}", "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": channel, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}

    channels = [channel("train", train)] + ([channel("validation", validation)] if validation else [])
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "RoleArn": role(account),
        "HyperParameters": {"objective": "multi:softmax", "num_class": "10", "num_round": str(rounds)},
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def listed(client, operation, **arguments):
    """What a listing tells on all its pages: SageMaker filters a page after it cut it, and tests share an account."""
    (items,) = client.get_paginator(operation).paginate(**arguments).build_full_result().values()
    return items


def finished(sagemaker, job, patience=PATIENCE):
    """The description of a job once it is no longer in progress."""

    def look():
        told = sagemaker.describe_training_job(TrainingJobName=job)
        return told if told["TrainingJobStatus"] not in ("InProgress", "Stopping") else None

    return wait(look, f"training job {job} ends", patience)


def completed(sagemaker, job, patience=PATIENCE):
    """The description of a job that has to succeed."""
    told = finished(sagemaker, job, patience)
    assert told["TrainingJobStatus"] == "Completed", told.get("FailureReason")
    return told


def settled(sagemaker, endpoint, patience=PATIENCE):
    """The description of an endpoint once nothing is under way."""

    def look():
        told = sagemaker.describe_endpoint(EndpointName=endpoint)
        busy = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
        return told if told["EndpointStatus"] not in busy else None

    return wait(look, f"endpoint {endpoint} settles", patience)


def in_service(sagemaker, endpoint, patience=PATIENCE):
    """The description of an endpoint that has to answer."""
    told = settled(sagemaker, endpoint, patience)
    assert told["EndpointStatus"] == "InService", told.get("FailureReason")
    return told


def variant(name, model, weight=1.0, count=1):
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": count,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": weight,
    }


def everything(cloud, account):
    """All that an account has, for a look before and after."""
    sagemaker = cloud.client("sagemaker", account)
    lists = {
        "training jobs": ("list_training_jobs", "TrainingJobSummaries"),
        "processing jobs": ("list_processing_jobs", "ProcessingJobSummaries"),
        "transform jobs": ("list_transform_jobs", "TransformJobSummaries"),
        "models": ("list_models", "Models"),
        "endpoint configs": ("list_endpoint_configs", "EndpointConfigs"),
        "endpoints": ("list_endpoints", "Endpoints"),
        "groups": ("list_model_package_groups", "ModelPackageGroupSummaryList"),
        "packages": ("list_model_packages", "ModelPackageSummaryList"),
    }
    found = {}
    for what, (operation, member) in lists.items():
        pages = sagemaker.get_paginator(operation).paginate()
        found[what] = [item for page in pages for item in page[member]]
    for group in found["groups"]:
        name = group["ModelPackageGroupName"]
        found[f"versions of {name}"] = sagemaker.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]
    s3 = cloud.client("s3", account)
    for bucket in s3.list_buckets()["Buckets"]:
        objects = s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
        found[f"objects of {bucket['Name']}"] = [(o["Key"], o["ETag"], o["Size"]) for o in objects]
    logs = cloud.client("logs", account)
    found["log groups"] = [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]]
    return found


def log_lines(cloud, group, prefix, account=None):
    """Messages of all streams whose name starts with `prefix`."""
    logs = cloud.client("logs", account)
    messages = []
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
    for stream in streams:
        name, token = stream["logStreamName"], None
        while True:
            more = {"nextToken": token} if token else {}
            page = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True, **more)
            messages += [event["message"] for event in page["events"]]
            # The same token again means the end.
            if page["nextForwardToken"] == token:
                break
            token = page["nextForwardToken"]
    return messages
