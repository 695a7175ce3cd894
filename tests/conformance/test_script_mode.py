"""Script mode: framework images in environments of this machine, with the SageMaker SDK, boto3 and the command line."""

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import threading

import pytest
import requests

import harness
from harness import PATIENCE, finished, log_lines, refused, role, unique, wait
from script_tools import ECR, images, installed, python_3, sdk, wheel

SCRIPT = harness.ROOT / "tests" / "conformance" / "programs" / "script_mode.py"
ROWS = "0,1,2\n0,2,1\n1,8,9\n1,9,8\n"


@pytest.fixture(scope="module")
def sklearn():
    return installed("sklearn:1.2-1", "sklearn:1.4-2")


@pytest.fixture
def source(tmp_path):
    """A source folder with a script, which requires a package that is nowhere else."""
    folder = tmp_path / "source"
    folder.mkdir()
    shutil.copy(SCRIPT, folder / "train.py")
    package = wheel(tmp_path, "onlyhere", "1.0", "onlyhere", "VALUE = 42\n")
    (folder / "requirements.txt").write_text(f"onlyhere @ file://{package}\n")
    return folder


def data(s3, bucket):
    s3.put_object(Bucket=bucket, Key="data/rows.csv", Body=ROWS)
    return f"s3://{bucket}/data"


def archive(s3, bucket, script, name="train.py", key="code/source.tar.gz", **more):
    """Puts a script where a job finds it; more files by name."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for path, text in {name: script, **more}.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    s3.put_object(Bucket=bucket, Key=key, Body=content.getvalue())
    return f"s3://{bucket}/{key}"


def script_job(name, bucket, image, submit, program="train.py", **changes):
    hyperparameters = {"sagemaker_program": program, "sagemaker_submit_directory": submit}
    hyperparameters |= changes.pop("HyperParameters", {})
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": role(),
        "HyperParameters": hyperparameters,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


ESTIMATOR = """
import json, sys, sagemaker
import numpy
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sagemaker.sklearn import SKLearn

version, role, bucket, source = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
estimator = SKLearn(
    entry_point="train.py", source_dir=source, framework_version=version, role=role, instance_type="ml.m5.large",
    sagemaker_session=session, hyperparameters={"max-depth": 2, "import-module": "onlyhere"},
    metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=(.*?);"}],
)
estimator.fit({"train": f"s3://{bucket}/data"}, logs=False)
job = estimator.latest_training_job.describe()
output = job["ModelArtifacts"]["S3ModelArtifacts"].replace("model.tar.gz", "output.tar.gz")
sagemaker.s3.S3Downloader.download(output, ".", sagemaker_session=session)
metrics = {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]}
print("JSON", json.dumps({"name": job["TrainingJobName"], "metrics": metrics}))

predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
rows = [[1, 2], [9, 9]]
answers = [predictor.predict(numpy.array(rows)).tolist()]
for serializer, deserializer in [(JSONSerializer(), JSONDeserializer()), (CSVSerializer(), CSVDeserializer())]:
    predictor.serializer, predictor.deserializer = serializer, deserializer
    answers.append(predictor.predict(rows))
print("JSON", json.dumps(answers))
runtime = session.sagemaker_runtime_client
for content, accept in [("text/plain", "application/json"), ("text/csv", "image/png"), ("text/csv", "application/x-sentence")]:
    try:
        told = runtime.invoke_endpoint(EndpointName=predictor.endpoint_name, ContentType=content, Accept=accept, Body="1,2\\n9,9")
        print("JSON", json.dumps([200, told["ContentType"], told["Body"].read().decode()]))
    except runtime.exceptions.ModelError as error:
        print("JSON", json.dumps([error.response["OriginalStatusCode"], error.response["OriginalMessage"]]))
predictor.delete_endpoint()
"""


def test_an_estimator_of_the_sdk_trains_and_its_endpoint_answers(cloud, s3, bucket, source, tmp_path, sklearn):
    data(s3, bucket)
    before = images("list", "-o", "json").stdout
    told = sdk(cloud, tmp_path / "run", ESTIMATOR, sklearn, role(), bucket, source)
    job, answers, unknown, unwritable, sentence = told
    assert job["metrics"] == {"accuracy": 1.0}
    with tarfile.open(tmp_path / "run" / "output.tar.gz") as tar:
        seen = json.load(tar.extractfile("seen.json"))
    assert seen["argv"] == ["--import-module", "onlyhere", "--max-depth", "2"]
    assert json.loads(seen["SM_HPS"]) == {"max-depth": 2, "import-module": "onlyhere"}
    assert (seen["SM_HOSTS"], seen["SM_CHANNELS"], seen["SM_NUM_GPUS"]) == ('["algo-1"]', '["train"]', "0")
    assert (seen["SM_USER_ENTRY_POINT"], seen["cwd"], seen["imported"]) == ("train.py", "code", 42)
    assert answers[0] == [0.0, 1.0] and answers[1] == [0.0, 1.0]
    assert [float(cell) for row in answers[2] for cell in row] == [0.0, 1.0]
    assert unknown[0] == 415 and json.loads(unknown[1])["error"] == "UnsupportedFormatError", unknown
    assert unwritable[0] == 406 and "image/png is not supported" in unwritable[1], unwritable
    assert sentence == [200, "application/x-sentence", "2 rows"]
    log = log_lines(cloud, "/aws/sagemaker/TrainingJobs", job["name"])
    assert any("Reporting training SUCCESS" in line for line in log), log
    # What the job required came into its own layer.
    assert images("list", "-o", "json").stdout == before


def test_a_script_that_fails_is_told_as_the_toolkit_tells_it(sagemaker, s3, bucket, sklearn):
    image = f"{ECR}/sagemaker-scikit-learn:{sklearn}-cpu-py3"
    channels = [{
        "ChannelName": "train",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data(s3, bucket)}},
    }]
    submit = archive(s3, bucket, SCRIPT.read_text())
    for changes, reason in [
        (
            {"HyperParameters": {"fail": "now", "sagemaker_program": "train.py", "sagemaker_submit_directory": submit}},
            'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "raise ValueError("asked to fail: " + args.fail)\n'
            ' ValueError: asked to fail: now"\nCommand "python train.py --fail now", exit code: 1',
        ),
        (
            {"HyperParameters": {"exit": "7"}},
            'AlgorithmError: ExecuteUserScriptError:\nExitCode 7\nErrorMessage ""\nCommand "python train.py --exit 7", exit code: 1',
        ),
        (
            {"HyperParameters": {"sagemaker_submit_directory": f"s3://{bucket}/nothing.tar.gz"}},
            f"AlgorithmError: cannot read s3://{bucket}/nothing.tar.gz: S3 answered 404 Not Found, exit code: 1",
        ),
    ]:
        name = unique("fail")
        sagemaker.create_training_job(**script_job(name, bucket, image, submit, InputDataConfig=channels, **changes))
        told = finished(sagemaker, name)
        assert (told["TrainingJobStatus"], told["FailureReason"]) == ("Failed", reason)


def test_a_script_that_is_no_python_and_requirements_that_cannot_be_had(sagemaker, s3, bucket, sklearn):
    image = f"{ECR}/sagemaker-scikit-learn:{sklearn}-cpu-py3"
    shell = archive(s3, bucket, 'echo "$@" > "$SM_MODEL_DIR/arguments"\n', "run.sh", "code/shell.tar.gz")
    name = unique("shell")
    sagemaker.create_training_job(
        **script_job(name, bucket, image, shell, "run.sh", HyperParameters={"epochs": "3", "name": '"a b"'})
    )
    assert finished(sagemaker, name)["TrainingJobStatus"] == "Completed"
    body = s3.get_object(Bucket=bucket, Key=f"out/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert tar.extractfile("arguments").read() == b"--epochs 3 --name a b\n"
    missing = archive(s3, bucket, "print(1)", key="code/missing.tar.gz", **{"requirements.txt": "./nowhere.whl\n"})
    name = unique("missing")
    sagemaker.create_training_job(**script_job(name, bucket, image, missing))
    reason = finished(sagemaker, name)["FailureReason"]
    command = 'Command "python -m pip install -r requirements.txt", exit code: 1'
    assert reason.startswith("AlgorithmError: InstallRequirementsError:\nExitCode 1") and reason.endswith(command), reason


PROCESSOR = """
import json, sys, sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.processing import FrameworkProcessor
from sagemaker.sklearn import SKLearn

version, role, bucket, source = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
common = dict(role=role, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session)
inputs = [ProcessingInput(source=f"s3://{bucket}/data", destination="/opt/ml/processing/input/data")]
outputs = [ProcessingOutput(output_name="out", source="/opt/ml/processing/output")]


def run(processor, **arguments):
    processor.run(inputs=inputs, outputs=outputs, wait=False, logs=False, **arguments)
    processor.latest_job.wait(logs=False)
    told = processor.latest_job.describe()
    out = told["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    print("JSON", sagemaker.s3.S3Downloader.read_file(out + "/seen.json", session))


run(SKLearnProcessor(framework_version=version, **common), code=source + "/process.py", arguments=["--scale", "2"])
processor = FrameworkProcessor(estimator_cls=SKLearn, framework_version=version, **common)
run(processor, code="process.py", source_dir=source, arguments=["--scale", "3"])
"""

PROCESS = """
import json, os, pathlib, sys
import numpy, sklearn

try:
    import onlyhere
except ImportError:
    onlyhere = None
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "processing"
rows = numpy.loadtxt(root / "input/data/rows.csv", delimiter=",")
scale = int(sys.argv[sys.argv.index("--scale") + 1])
(root / "output").mkdir(exist_ok=True)
seen = {"sum": float(rows.sum() * scale), "sklearn": sklearn.__version__, "required": getattr(onlyhere, "VALUE", None)}
(root / "output/seen.json").write_text(json.dumps(seen))
"""


def test_processors_of_the_sdk_run_in_the_frameworks_environment(cloud, s3, bucket, source, tmp_path, sklearn):
    data(s3, bucket)
    (source / "process.py").write_text(PROCESS)
    script, framework = sdk(cloud, tmp_path / "run", PROCESSOR, sklearn, role(), bucket, source)
    assert script == {"sum": 84.0, "sklearn": script["sklearn"], "required": None}
    assert script["sklearn"].startswith(sklearn.split("-")[0])
    # The second brings its requirements, which its own command line installs.
    assert framework == {**script, "sum": 126.0, "required": 42}


XGBOOST = """
import json, sys, sagemaker
import numpy
from sagemaker.deserializers import JSONDeserializer
from sagemaker.serializers import CSVSerializer
from sagemaker.xgboost import XGBoost

version, role, bucket, source = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
estimator = XGBoost(
    entry_point="boost.py", source_dir=source, framework_version=version, role=role, instance_type="ml.m5.large",
    instance_count=1, sagemaker_session=session, hyperparameters={"rounds": 5},
)
estimator.fit({"train": f"s3://{bucket}/data"}, logs=False)
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
print("JSON", json.dumps(predictor.predict([[1, 2], [9, 9]])))
predictor.delete_endpoint()
"""

BOOST = """
import argparse, os
import numpy, xgboost


def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(os.path.join(model_dir, "mine.json"))
    return booster


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int)
    rounds = parser.parse_args().rounds
    rows = numpy.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",")
    train = xgboost.DMatrix(rows[:, 1:], rows[:, 0])
    parameters = {"objective": "binary:logistic", "min_child_weight": 0}
    booster = xgboost.train(parameters, train, num_boost_round=rounds, evals=[(train, "train")])
    booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "mine.json"))
"""


def test_the_image_of_xgboost_runs_scripts_too(cloud, s3, bucket, tmp_path):
    version = installed("xgboost:3.0-5", "xgboost:1.7-1")
    data(s3, bucket)
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "boost.py").write_text(BOOST)
    ((low, high),) = sdk(cloud, tmp_path / "run", XGBOOST, version, role(), bucket, folder)
    assert low < 0.5 < high


def test_what_is_not_installed_is_refused_with_the_command_and_the_size(tmp_path, monkeypatch, sagemaker):
    monkeypatch.setenv("SAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    cloud = harness.Cloud(tmp_path, harness.image_map())
    try:
        sm, s3 = cloud.client("sagemaker"), cloud.client("s3")
        s3.create_bucket(Bucket="scripts")
        s3.put_object(Bucket="scripts", Key="code/x.tar.gz", Body=b"")
        for image, name, size, package in [
            ("sagemaker-scikit-learn:1.2-1-cpu-py3", "sklearn:1.2-1", " MiB", "scikit-learn==1.2.1"),
            ("pytorch-training:2.5.1-cpu-py311", "pytorch:2.5.1", " GiB", "torch==2.5.1"),
            (
                "huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04",
                "huggingface:2.5.1-transformers4.49.0", " GiB", "transformers==4.49.0",
            ),
            ("sagemaker-xgboost:1.7-1", "xgboost:1.7-1", " MiB", "xgboost==1.7.4"),
        ]:
            job = script_job("j", "scripts", f"{ECR}/{image}", "s3://scripts/code/x.tar.gz")
            told = refused(sm.create_training_job, "ValidationException", **job)["Error"]["Message"]
            if "cannot be installed here" in told:
                assert name in told and "SAGEWRIGHT_PYTHON" in told
                continue
            for part in (f"`sagewright local images install {name}`", "--yes", size, package, str(tmp_path / "cache")):
                assert part in told, told
        container = {"Image": f"{ECR}/pytorch-inference:2.5.1-cpu-py311", "Environment": {"SAGEMAKER_PROGRAM": "x.py"}}
        model = dict(ModelName="m", ExecutionRoleArn=role(), PrimaryContainer=container)
        told = refused(sm.create_model, "ValidationException", **model)["Error"]["Message"]
        assert "pytorch:2.5.1" in told
        told = refused(
            sm.create_training_job, "ValidationException", **script_job("j", "scripts", "me/mine:1", "s3://scripts/code/x.tar.gz")
        )["Error"]["Message"]
        assert '\n[[image]]\nmatch = "me/mine:1"\nframework = "python:3"\n' in told
        assert sm.list_training_jobs()["TrainingJobSummaries"] == [] and sm.list_models()["Models"] == []
    finally:
        cloud.stop()


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """A cache of the test's own, and pip configured to find the packages of `python:3` in a folder."""
    monkeypatch.setenv("SAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    packages = python_3(tmp_path / "packages")
    # In pip's own files, as a company's mirror would be.
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nno-index = true\nfind-links = {packages}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "environments"


def environments(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_an_install_that_is_killed_leaves_nothing_that_counts(offline, monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # An index that takes connections and never answers.
        asked, held = threading.Event(), []

        def accept():
            while True:
                try:
                    held.append(silent.accept()[0])
                except OSError:
                    return
                asked.set()

        threading.Thread(target=accept, daemon=True).start()
        with monkeypatch.context() as context:
            context.setenv("PIP_CONFIG_FILE", os.devnull)
            context.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
            process = subprocess.Popen(
                [harness.binary(), "local", "images", "install", "python:3", "--yes"],
                env=harness.clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            assert asked.wait(PATIENCE), "pip never asked the index that PIP_INDEX_URL names"
            started = harness.descendants(process.pid)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        harness.gone(started)
    (half,) = environments(offline)
    assert not next(row for row in json.loads(images("list", "-o", "json").stdout) if row["framework"] == "python:3")["installed"]
    asked = images("install", "python:3")
    assert asked.returncode == 64 and "--yes" in asked.stderr and "--dry-run" not in asked.stderr
    # What is named twice is installed once, and told to programs as the list tells it.
    done = images("install", "python:3", "python:3", "--yes", "-o", "json")
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    assert (told["framework"], told["installed"]) == ("python:3", True)
    (whole,) = environments(offline)
    assert whole != half
    (told,) = json.loads(images("remove", "python:3", "-o", "json").stdout)
    assert not told["installed"] and environments(offline) == []


def test_two_installs_at_once_make_one_and_a_pip_that_fails_leaves_none(offline, tmp_path, monkeypatch):
    with monkeypatch.context() as context:
        context.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
        context.setenv("PIP_CONFIG_FILE", os.devnull)
        context.setenv("PIP_NO_INDEX", "1")
        failed = images("install", "python:3", "--yes")
        assert failed.returncode == 1 and "pip install failed" in failed.stderr and "boto3" in failed.stderr
        assert environments(offline) == []
    unasked = images("install", "python:3")
    assert unasked.returncode == 64 and "--yes" in unasked.stderr and "boto3" in unasked.stderr
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(images("install", "python:3", "--yes"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done.returncode for done in outcomes] == [0, 0], outcomes
    assert len(environments(offline)) == 1
    (row,) = [row for row in json.loads(images("list", "-o", "json").stdout) if row["framework"] == "python:3"]
    assert row["installed"] and any(package.startswith("boto3==") for package in row["packages"])


def test_an_image_of_the_map_runs_scripts_and_keeps_its_environment(offline, tmp_path):
    assert images("install", "python:3", "--yes").returncode == 0
    entry = '[[image]]\nmatch = "mine:1"\nframework = "python:3"\nenv = { GREETING = "hello" }\n'
    cloud = harness.Cloud(tmp_path, entry)
    try:
        sm, s3 = cloud.client("sagemaker"), cloud.client("s3")
        s3.create_bucket(Bucket="scripts")
        wheel(tmp_path / "packages", "boto3", "99.0", "boto3", "VERSION = 'of the job'\n")
        wait_for = "import os, time\nopen(os.environ['RUNS'], 'w').close()\nwhile not os.path.exists(os.environ['DONE']): time.sleep(0.05)\n"
        script = f"{wait_for}import boto3\nprint(boto3.VERSION, os.environ['GREETING'])\n"
        submit = archive(s3, "scripts", script, **{"requirements.txt": "boto3==99.0\n"})
        done, runs = tmp_path / "done", tmp_path / "runs"
        sm.create_training_job(**script_job("layered", "scripts", "mine:1", submit, Environment={"DONE": str(done), "RUNS": str(runs)}))
        wait((tmp_path / "runs").exists, "the script runs")
        # Nothing is taken away from under what runs.
        held = images("remove", "python:3")
        assert held.returncode == 1 and "runs in the environment" in held.stderr
        done.touch()
        assert finished(sm, "layered")["TrainingJobStatus"] == "Completed"
        log = log_lines(cloud, "/aws/sagemaker/TrainingJobs", "layered")
        assert "of the job hello" in log, log
        # The next job has the environment as it was.
        plain = archive(s3, "scripts", "import boto3\nprint(boto3.VERSION)\n", key="code/plain.tar.gz")
        sm.create_training_job(**script_job("plain", "scripts", "mine:1", plain))
        assert finished(sm, "plain")["TrainingJobStatus"] == "Completed"
        assert not re.search("of the job", "\n".join(log_lines(cloud, "/aws/sagemaker/TrainingJobs", "plain")))
    finally:
        cloud.stop()
    removed = images("remove", "python:3")
    assert removed.returncode == 0 and environments(offline) == []


def test_pip_in_a_job_knows_its_users_indexes_and_the_script_does_not(offline, tmp_path, monkeypatch):
    assert images("install", "python:3", "--yes").returncode == 0
    # A password, as addresses of indexes and proxies hold it.
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://me:hidden@127.0.0.1:9/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hidden@127.0.0.1:9")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "more"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "more").mkdir()
    wheel(tmp_path / "more", "onlyhere", "1.0", "onlyhere", "VALUE = 42\n")
    cloud = harness.Cloud(tmp_path, '[[image]]\nmatch = "mine:1"\nframework = "python:3"\n')
    try:
        sm, s3 = cloud.client("sagemaker"), cloud.client("s3")
        s3.create_bucket(Bucket="scripts")
        script = (
            "import os, stat, sys\nimport onlyhere\n"
            "told = [name for name, value in os.environ.items() if 'hidden' in value]\n"
            "mode = stat.S_IMODE(os.stat(sys.prefix + '/pip.conf').st_mode)\n"
            "print('found', onlyhere.VALUE, told, oct(mode))\n"
        )
        submit = archive(s3, "scripts", script, **{"requirements.txt": "onlyhere==1.0\n"})
        sm.create_training_job(**script_job("secrets", "scripts", "mine:1", submit))
        told = finished(sm, "secrets")
        log = log_lines(cloud, "/aws/sagemaker/TrainingJobs", "secrets")
        assert told["TrainingJobStatus"] == "Completed", (told, log)
        assert "found 42 [] 0o600" in log and not any("hidden" in line for line in log), log
    finally:
        cloud.stop()


SERVER = """
import json, os
import sklearn

print("loading with", os.environ["SAGEMAKER_REGION"])


def model_fn(model_dir):
    with open(os.path.join(model_dir, "factor.json")) as file:
        return json.load(file)


def transform_fn(model, data, content_type, accept):
    if data == "boom":
        raise RuntimeError("asked to fail")
    if data == "ask":
        return f"{os.environ['SAGEMAKER_BIND_TO_PORT']} {os.environ.get('SAGEWRIGHT_SERVER_SECRET')}", "text/plain"
    return json.dumps([float(number) * model["factor"] for number in data.split(",")]), accept
"""


def test_a_model_serves_with_the_code_in_its_archive(cloud, sagemaker, runtime, s3, bucket, deploy, sklearn):
    image = f"{ECR}/sagemaker-scikit-learn:{sklearn}-cpu-py3"

    def model(script, environment, **changes):
        files = {"code/inference.py": script, "factor.json": '{"factor": 3}'}
        url = archive(s3, bucket, "", "empty", f"model/{unique()}.tar.gz", **files)
        name = unique("served")
        container = {"Image": image, "ModelDataUrl": url, "Environment": {"SAGEMAKER_REGION": "here", **environment}}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(), PrimaryContainer=container | changes)
        return name

    for environment in ({}, {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}):
        endpoint = deploy(harness.variant("all", model(SERVER, environment)))
        call = dict(EndpointName=endpoint, ContentType="text/csv", Accept="application/json")
        told = runtime.invoke_endpoint(**call, Body="1,2")
        assert (told["ContentType"], json.loads(told["Body"].read())) == ("application/json", [3.0, 6.0])
        with pytest.raises(runtime.exceptions.ModelError) as error:
            runtime.invoke_endpoint(**call, Body="boom")
        assert error.value.response["OriginalStatusCode"] == 500
        told = ("RuntimeError: asked to fail", "loading with here")
        lines = lambda: log_lines(cloud, f"/aws/sagemaker/Endpoints/{endpoint}", "all/")
        wait(lambda: all(line in lines() for line in told), "the log tells of the failure")
        # It goes on.
        assert runtime.invoke_endpoint(**call, Body="5")["Body"].read() == b"[15.0]"
        told = runtime.invoke_endpoint(**call, Body="ask")["Body"].read().decode()
        port, shown = told.split()
        # Its port answers its endpoint alone.
        for path, body in (("ping", None), ("invocations", b"1")):
            answer = requests.request("POST" if body else "GET", f"http://127.0.0.1:{port}/{path}", data=body, timeout=PATIENCE)
            assert answer.status_code == 403 and "InvokeEndpoint" in answer.text
        assert shown == "None"
    # So does a transform job with the same model.
    s3.put_object(Bucket=bucket, Key="rows/1", Body="1,2\n4\n")
    job = unique("transformed")
    sagemaker.create_transform_job(
        TransformJobName=job, ModelName=model(SERVER, {"SAGEMAKER_PROGRAM": "inference.py"}), BatchStrategy="SingleRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/rows/"}},
            "ContentType": "text/csv", "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{bucket}/rows-out", "Accept": "application/json", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )

    def transformed():
        told = sagemaker.describe_transform_job(TransformJobName=job)
        return told if told["TransformJobStatus"] not in ("InProgress", "Stopping") else None

    told = wait(transformed, "the transform job ends")
    assert told["TransformJobStatus"] == "Completed", told
    assert s3.get_object(Bucket=bucket, Key="rows-out/1.out")["Body"].read() == b"[3.0, 6.0]\n[12.0]\n"
    # One that cannot load its model fails, and its log says why.
    broken = model(SERVER.replace("factor.json", "nothing.json"), {})
    config, endpoint = unique("config"), unique("broken")
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[harness.variant("all", broken)])
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    told = harness.settled(sagemaker, endpoint)
    assert told["EndpointStatus"] == "Failed" and "ping health check" in told["FailureReason"]
    lines = lambda: log_lines(cloud, f"/aws/sagemaker/Endpoints/{endpoint}", "all/")
    wait(lambda: any("nothing.json" in line for line in lines()), "the log says why")
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_many_models_with_one_script_are_refused(sagemaker, bucket):
    container = {"Image": f"{ECR}/sagemaker-scikit-learn:1.2-1", "Mode": "MultiModel", "ModelDataUrl": f"s3://{bucket}/models/"}
    refused(
        sagemaker.create_model, "ValidationException", re.compile(".*Mode MultiModel.*"),
        ModelName=unique("many"), ExecutionRoleArn=role(), PrimaryContainer=container,
    )


SDK3 = """
import json, sys, boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.train.configs import Compute, InputData, OutputDataConfig, SourceCode
from sagemaker.train.model_trainer import ModelTrainer

image, role, bucket, source = sys.argv[1:]
session = Session(default_bucket=bucket)
trainer = ModelTrainer(
    training_image=image, role=role, sagemaker_session=session, base_job_name="trainer",
    source_code=SourceCode(source_dir=source, entry_script="train.py", requirements="requirements.txt"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/out"),
    hyperparameters={"max-depth": 2, "import-module": "onlyhere"},
)
trainer.train(input_data_config=[InputData(channel_name="train", data_source=f"s3://{bucket}/data")], logs=False)
job = trainer._latest_training_job
print("JSON", json.dumps([job.training_job_status, job.model_artifacts.s3_model_artifacts]))

common = dict(role=role, image_uri=image, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session)
data = ProcessingInput(
    input_name="data",
    s3_input=ProcessingS3Input(
        s3_uri=f"s3://{bucket}/data", local_path="/opt/ml/processing/input/data", s3_data_type="S3Prefix", s3_input_mode="File",
    ),
)
for kind in (ScriptProcessor, FrameworkProcessor):
    prefix = f"s3://{bucket}/{kind.__name__}"
    output = ProcessingOutput(
        output_name="out",
        s3_output=ProcessingS3Output(s3_uri=prefix, local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"),
    )
    script = {"code": source + "/process.py"} if kind is ScriptProcessor else {"code": "process.py", "source_dir": source}
    processor = kind(command=["python3"], **common)
    processor.run(inputs=[data], outputs=[output], arguments=["--scale", "2"], logs=False, **script)
    key = f"{kind.__name__}/seen.json"
    print("JSON", boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())
"""


@pytest.mark.sdk3
def test_a_trainer_and_processors_of_sdk_3(cloud, s3, bucket, source, tmp_path, sklearn):
    python = os.environ.get("SAGEWRIGHT_SDK3_PYTHON")
    if not python:
        pytest.skip("needs version 3 of the SageMaker SDK: cargo xtask conformance sdk3")
    data(s3, bucket)
    (source / "process.py").write_text(PROCESS)
    image = f"{ECR}/sagemaker-scikit-learn:{sklearn}-cpu-py3"
    told = sdk(cloud, tmp_path / "run", SDK3, image, role(), bucket, source, python=python)
    (status, model), script, framework = told
    assert status == "Completed" and model.endswith("/output/model.tar.gz")
    assert (script["sum"], script["required"]) == (84.0, None)
    assert (framework["sum"], framework["required"]) == (84.0, 42)
