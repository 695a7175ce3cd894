"""The stock AWS command line sees the same cloud."""

import json
import os

import harness
import pytest

pytestmark = pytest.mark.both_ages


def test_who_am_i(aws, cloud):
    told = aws("sts", "get-caller-identity")
    assert told["Account"] == cloud.account and told["Arn"].startswith(f"arn:aws:iam::{cloud.account}:user/")


def test_files_go_up_and_come_back(aws, tmp_path):
    bucket = harness.unique("cli")
    tree = {"a.txt": b"one", "deep/b.bin": os.urandom(100_000), "deep/er/c": b""}
    source = tmp_path / "source"
    for name, content in tree.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    # Larger than the command's threshold for multipart uploads.
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(1024) * 9 * 1024)
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "sync", str(source), f"s3://{bucket}/tree", "--only-show-errors")
    aws("s3", "cp", str(large), f"s3://{bucket}/large.bin", "--only-show-errors")
    listed = aws("s3", "ls", f"s3://{bucket}", "--recursive")
    assert [line.split()[-1] for line in listed.splitlines()] == ["large.bin", "tree/a.txt", "tree/deep/b.bin", "tree/deep/er/c"]
    back = tmp_path / "back"
    aws("s3", "sync", f"s3://{bucket}/tree", str(back), "--only-show-errors")
    aws("s3", "cp", f"s3://{bucket}/large.bin", str(back / "large.bin"), "--only-show-errors")
    for name, content in tree.items():
        assert (back / name).read_bytes() == content, name
    assert (back / "large.bin").read_bytes() == large.read_bytes()
    # Nothing is left to be done by a second sync.
    assert aws("s3", "sync", f"s3://{bucket}/tree", str(back)) == ""
    aws("s3", "mv", f"s3://{bucket}/large.bin", f"s3://{bucket}/moved.bin", "--only-show-errors")
    aws("s3", "rb", f"s3://{bucket}", "--force")
    assert bucket not in aws("s3", "ls")


def test_a_job_from_creation_to_its_log(aws, digits):
    job = harness.unique("cli")
    request = harness.training_job(job, digits)
    created = aws("sagemaker", "create-training-job", "--cli-input-json", json.dumps(request))
    assert created["TrainingJobArn"] == harness.arn("training-job", job)
    aws("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", job)
    told = aws("sagemaker", "describe-training-job", "--training-job-name", job)
    assert told["TrainingJobStatus"] == "Completed"
    listed = aws("sagemaker", "list-training-jobs", "--name-contains", job)
    assert [s["TrainingJobName"] for s in listed["TrainingJobSummaries"]] == [job]

    group = "/aws/sagemaker/TrainingJobs"
    streams = aws("logs", "describe-log-streams", "--log-group-name", group, "--log-stream-name-prefix", f"{job}/")
    (stream,) = [s["logStreamName"] for s in streams["logStreams"]]
    events = aws("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream, "--start-from-head")
    messages = [e["message"] for e in events["events"]]
    assert any("[0]" in m and "train-" in m for m in messages), messages
    found = aws(
        "logs", "filter-log-events", "--log-group-name", group, "--log-stream-names", stream, "--filter-pattern", '"train-"'
    )
    assert found["events"] and all("train-" in e["message"] for e in found["events"])


def test_an_endpoint_is_invoked(aws, endpoint, rows, tmp_path):
    row, answer = tmp_path / "row.csv", tmp_path / "answer"
    row.write_text(rows[0][1])
    told = aws(
        "sagemaker-runtime", "invoke-endpoint", "--endpoint-name", endpoint, "--content-type", "text/csv",
        "--body", f"fileb://{row}", str(answer),
    )
    assert told["InvokedProductionVariant"] == "all"
    assert 0 <= float(answer.read_text()) <= 9
    described = aws("sagemaker", "describe-endpoint", "--endpoint-name", endpoint)
    assert described["EndpointStatus"] == "InService"


def test_an_error_is_awss_own(aws):
    told = aws("sagemaker", "describe-model", "--model-name", "missing", fails=True)
    model = harness.arn("model", "missing")
    assert (
        "An error occurred (ValidationException) when calling the DescribeModel operation: "
        f'Could not find model "{model}".'
    ) in told


def test_a_wrong_secret_is_refused(aws):
    told = aws("sagemaker", "list-models", fails=True, AWS_SECRET_ACCESS_KEY="wrong")
    assert "InvalidSignatureException" in told


def test_pages_are_followed(aws, cloud, sagemaker):
    prefix = harness.unique("page")
    for i in range(12):
        sagemaker.create_model_package_group(ModelPackageGroupName=f"{prefix}-{i:02}")
    told = aws("sagemaker", "list-model-package-groups", "--name-contains", prefix, "--page-size", "5")
    assert len(told["ModelPackageGroupSummaryList"]) == 12
