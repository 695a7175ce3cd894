"""The command over a real embedded cloud: what goes wrong is told, with what to do, and changes nothing."""

import http.server
import json
import re
import threading

import pytest

import harness
from command import CRASHING, SILENT, Cli, config, endpoint, group, many, manifest, model, training_job


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


@pytest.fixture
def own_bucket(cli):
    name = harness.unique("cli")
    cli.cloud.client("s3", cli.account).create_bucket(Bucket=name)
    return name


def test_a_wrong_manifest_among_good_ones_changes_nothing(cli):
    before = harness.everything(cli.cloud, cli.account)
    wrong = manifest("Model", "wrong", modelName="wrong", executionRoleARN=12, containerz=[])
    for command in ("apply", "plan", "delete"):
        told = cli(command, "-f", "-", stdin=many(group("good"), wrong), code=65)
        assert told.out == "" and "did you mean `containers`?" in told.flat and "write what stands there in quotes" in told.flat
        assert told.err.splitlines()[-1] == "error: 2 errors in the manifests; nothing was done"
    assert harness.everything(cli.cloud, cli.account) == before


def test_a_bucket_that_cannot_be_is_told_by_name(cli):
    (cli.folder / "a.txt").write_text("x")
    told = cli("cp", "a.txt", "s3://My_Bucket/a.txt", code=1).err
    assert "cannot copy a.txt to s3://My_Bucket/a.txt" in told and "InvalidBucketName" in told


def test_a_failed_job_is_told_the_same_by_plan_and_apply(cli, own_bucket):
    job = training_job("broken", own_bucket, cli.account, image=CRASHING)
    for _ in range(2):
        told = cli("apply", "-f", "-", stdin=job, code=1)
        assert "TrainingJob broken: failed" in told.out and "`sagewright logs TrainingJob/broken` shows what it wrote" in told.out
        assert "Last lines of its log:" in told.out and "ValueError: no such column: label" in told.out
        assert told.lines[-1] == "Incomplete: 1 failed."
        plan = cli("plan", "--exit-code", "-f", "-", stdin=job, code=1)
        assert "is in Failed status" in plan.out and plan.lines[-1] == "Plan: 1 failed."


def test_a_reference_to_nothing_blocks_what_needs_it(cli):
    item = endpoint("e", "nowhere")
    plan = cli("plan", "-f", "-", stdin=item, code=1).out
    assert "Endpoint e: cannot be read" in plan and "nowhere" in plan and "declare what it refers to" in plan
    told = cli("apply", "-f", "-", stdin=many(config("c", "nobody"), endpoint("f", "c")), code=1).out
    assert "EndpointConfig c: blocked" in told and "declare what it refers to, or correct the name" in told
    assert "Endpoint f: blocked (nothing was done, because EndpointConfig c did not succeed)" in told
    assert cli("get", "endpointconfigs,endpoints", "-o", "name").out == ""


def test_what_cannot_be_changed_is_refused_with_the_reason(cli):
    cli("apply", "-f", "-", stdin=many(model("m", cli.account), config("c", "m")))
    changed = many(model("m", cli.account), config("c", "m", initialInstanceCount=2))
    for command, last in (("plan", "Plan: 1 unchanged, 1 refused."), ("apply", "Incomplete: ")):
        told = cli(command, "-f", "-", stdin=changed, code=1)
        assert "spec.productionVariants[0].initialInstanceCount is 1 and cannot become 2" in told.out
        assert "make a new endpoint config with a new spec.endpointConfigName and a new metadata.name" in told.out
        assert told.lines[-1].startswith(last)
    shown = cli("get", "EndpointConfig/c", "-o", "json").json()["spec"]["productionVariants"][0]
    assert shown["initialInstanceCount"] == 1


def test_a_changed_name_is_refused_and_leaves_no_second_resource(cli):
    cli("apply", "-f", "-", stdin=model("first", cli.account))
    renamed = model("first", cli.account)
    renamed["spec"]["modelName"] = "second"
    told = cli("apply", "-f", "-", stdin=renamed, code=1).out
    assert "Model first already has the model `first`; a resource cannot be renamed" in told
    assert cli("get", "models", "-o", "name").out == "Model/first\n"


def test_an_update_that_aws_rolled_back_has_failed(cli):
    cli("apply", "-f", "-", stdin=many(model("good", cli.account), config("good", "good"), endpoint("e", "good")))
    broken = many(model("bad", cli.account, image=CRASHING), config("bad", "bad"), endpoint("e", "bad"))
    told = cli("apply", "-f", "-", stdin=broken, code=1)
    assert "Endpoint e: failed" in told.out and told.lines[-1].startswith("Incomplete: ")
    assert cli("invoke", "e", "--text", "x").json()["said"] == "good", "the old model goes on answering"
    # It is not sent again until the declaration changes.
    again = cli("apply", "-f", "-", stdin=broken, code=1)
    assert "Endpoint e: failed" in again.out and "updating" not in again.err
    cli("apply", "-f", "-", stdin=many(model("good", cli.account), config("good", "good"), endpoint("e", "good")))


def test_a_job_that_fails_is_told_once_with_its_reason(cli, own_bucket):
    told = cli("apply", "-f", "-", stdin=training_job("crash", own_bucket, cli.account, image=CRASHING), code=1)
    assert "TrainingJob crash: failed" in told.out and "no such column: label" in told.out
    assert "no such column" not in told.err, "the reason stands in the report alone"
    waited = cli("wait", "TrainingJob/crash", code=1)
    assert "will not become ready: it is Failed" in waited.err and "no such column: label" in waited.err
    assert cli("wait", "TrainingJob/crash", "--for", "settled").out == "TrainingJob/crash: Failed\n"


def test_a_wait_that_runs_out_of_time_ends_with_three(cli, own_bucket):
    job = training_job("slow", own_bucket, cli.account, seconds=300)
    cli("apply", "--no-wait", "-f", "-", stdin=job)
    waited = cli("wait", "TrainingJob/slow", "--timeout", "1s", code=3)
    assert "the training job `slow` was not ready within 1 s; it is InProgress" in waited.err
    applied = cli("apply", "--timeout", "1s", "-f", "-", stdin=job, code=3)
    assert "TrainingJob slow: timed out" in applied.out and "still in InProgress status" in applied.out
    cli("delete", "--yes", "TrainingJob/slow")


def test_ctrl_c_ends_an_apply_and_the_job_goes_on(cli, own_bucket):
    (cli.folder / "job.json").write_text(json.dumps(training_job("going", own_bucket, cli.account, seconds=300)))
    process = cli.start("apply", "-f", "job.json")
    harness.wait(lambda: "going" in cli("get", "trainingjobs", "-o", "name").out, "the job is there")
    told, code = cli.interrupted(process)
    assert code == 130 and "error: interrupted" in told.err and "goes on in the cloud" in told.err
    assert cli("get", "TrainingJob/going", "-o", "json").json()["status"]["trainingJobStatus"] == "InProgress"
    cli("delete", "--yes", "TrainingJob/going")


@pytest.mark.parametrize("command", [
    ["get", "Endpoint/nope"], ["get", "endpoint", "nope"], ["wait", "Endpoint/nope"], ["logs", "Endpoint/nope"],
    ["delete", "--yes", "Endpoint/nope"], ["adopt", "Endpoint/nope"], ["export", "Endpoint/nope"],
])  # fmt: skip
def test_a_resource_that_is_not_there(cli, command):
    told = cli(*command, code=1)
    assert told.out == ""
    assert told.err.startswith(cli.target + "error: there is no endpoint `nope`; there are no endpoints in this account and region\n")
    assert "`sagewright get endpoints` lists what there is" in told.err


def test_a_near_name_is_suggested_and_the_others_are_shown(cli):
    cli("apply", "-f", "-", stdin=many(model("digits", cli.account)))
    assert "there is no model `digit`; did you mean `digits`?" in cli("get", "Model/digit", code=1).err
    told = cli("get", "Model/digits", "Model/nope", "-o", "name", code=1)
    assert told.out == "Model/digits\n" and "there is no model `nope`" in told.err


def test_an_endpoint_that_does_not_answer_as_wanted(cli):
    missing = cli("invoke", "nope", "--text", "x", code=1).err
    assert f"ValidationError: Endpoint nope of account {cli.account} not found. (request id " in missing
    assert "`sagewright get endpoints` lists what there is" in missing
    cli("apply", "-f", "-", stdin=many(model("m", cli.account), config("c", "m"), endpoint("e", "c")))
    failed = cli("invoke", "e", "--text", "fail", code=1).err
    assert "ModelError: Received client error (400)" in failed and "told to fail" in failed
    assert "`sagewright logs Endpoint/e` shows what the model server said" in failed
    assert "ValidationError" in cli("invoke", "e", "--text", "x", "--variant", "nope", code=1).err
    assert "cannot read nothing.csv" in cli("invoke", "e", "--body", "nothing.csv", code=1).err


def test_a_job_without_log_lines_says_so(cli, own_bucket):
    cli("apply", "-f", "-", stdin=training_job("quiet", own_bucket, cli.account, image=SILENT))
    told = cli("logs", "TrainingJob/quiet")
    assert (told.out, told.err) == ("", cli.target + "TrainingJob/quiet is Completed and wrote no log lines\n")


@pytest.mark.parametrize("wrong,code,advice", [
    ({"AWS_SECRET_ACCESS_KEY": "x"}, "InvalidSignatureException", "check the access key and the secret key"),
    ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "UnrecognizedClientException", "check the access key and the secret key"),
    ({"AWS_SESSION_TOKEN": "x"}, "", ""),
])  # fmt: skip
def test_refused_keys_are_told_with_code_request_id_and_advice(cli, wrong, code, advice):
    told = cli("get", "models", code=1, **wrong).err
    assert re.search(r"cannot list the models: \w*" + code + r"\w*: .* \(request id [0-9a-f-]{36}\)", told)
    assert advice in told
    planned = cli("plan", "-f", "-", stdin=model("m", cli.account), code=1, **wrong).out
    assert code in planned and "request id" in planned


def test_a_role_is_assumed_with_its_external_id(cli):
    iam = cli.cloud.client("iam", cli.account)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{cli.account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "secret"}},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    iam.put_role_policy(RoleName="deployer", PolicyName="p", PolicyDocument=document)
    assert cli("get", "models", "--role-arn", role, "--external-id", "secret").err == (
        cli.target.replace("\n", ", role deployer\n") + "no models in us-east-1\n"
    )
    for wrong in ([], ["--external-id", "other"]):
        told = cli("get", "models", "--role-arn", role, *wrong, code=1).err
        assert "AccessDenied" in told and role in told


def test_what_the_embedded_cloud_cannot_do_is_told_as_such(cli):
    (cli.folder / "job.yaml").write_text(f"""
apiVersion: sagemaker.services.k8s.aws/v1alpha1
kind: CompilationJob
metadata: {{name: p}}
spec:
  compilationJobName: p
  roleARN: arn:aws:iam::{cli.account}:role/sagewright-execution
  outputConfig: {{s3OutputLocation: "s3://b/c"}}
  stoppingCondition: {{maxRuntimeInSeconds: 60}}
""")
    done = cli("apply", "-f", "job.yaml", code=1)
    told = done.out + done.err
    assert "CreateCompilationJob is not supported by the embedded cloud. No job of this kind runs here yet" in told
    assert "no pipelines in" in cli("get", "pipelines").err, "recorded kinds are listed"


def test_a_copy_that_cannot_be_made(cli, own_bucket):
    (cli.folder / "a").write_text("x")
    missing = cli("cp", "a", "s3://nowhere-at-all/a", code=1).err
    assert "cannot copy a to s3://nowhere-at-all/a: s3 PutObject: NoSuchBucket" in missing and "--make-bucket" in missing
    assert "cannot read none" in cli("cp", "none", f"s3://{own_bucket}/x", code=1).err
    assert "there is nothing below" in cli("cp", f"s3://{own_bucket}/none/", "back", code=1).err
    assert "NoSuchKey" in cli("cp", f"s3://{own_bucket}/none", "back", code=1).err
    assert not (cli.folder / "back").exists(), "a failed download leaves no file"


def test_ctrl_c_ends_an_upload_and_leaves_no_parts(cli, own_bucket):
    s3 = cli.cloud.client("s3", cli.account)
    with open(cli.folder / "large", "wb") as large:
        large.truncate(600 << 20)
    process = cli.start("cp", "large", f"s3://{own_bucket}/large")
    harness.wait(lambda: s3.list_multipart_uploads(Bucket=own_bucket).get("Uploads"), "the upload has begun", delay=0.01)
    told, code = cli.interrupted(process)
    assert code == 130 and "error: interrupted" in told.err and told.out == ""
    assert not s3.list_multipart_uploads(Bucket=own_bucket).get("Uploads")
    assert not s3.list_objects_v2(Bucket=own_bucket).get("Contents")


def test_a_copy_that_is_refused_says_why(cli, own_bucket):
    (cli.folder / "a").write_text("x")
    # What S3 answers to HEAD says nothing; the refused upload does.
    told = cli("cp", "a", f"s3://{own_bucket}/a", code=1, AWS_SECRET_ACCESS_KEY="wrong")
    assert "SignatureDoesNotMatch: The request signature" in told.err and "check the access key" in told.err
    missing = cli("cp", f"s3://{own_bucket}/tree", "back", code=1)
    assert "NoSuchKey" in missing.err and f"to copy all that stands below it: s3://{own_bucket}/tree/" in missing.err
    (cli.folder / "none").mkdir()
    assert "there are no files in none" in cli("cp", "none", f"s3://{own_bucket}/", code=1).err


def test_a_profile_asked_for_by_name_is_the_one_that_is_used(cli):
    config = cli.folder / "config"
    config.write_text("[profile other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n")
    used = cli("get", "models", "--profile", "other", code=1, AWS_CONFIG_FILE=str(config))
    assert "UnrecognizedClientException" in used.err, "the environment's keys are good ones"
    told = cli("get", "models", "--profile", "othr", code=1, AWS_CONFIG_FILE=str(config))
    assert "there is no profile 'othr' in the AWS config files" in told.err and "they hold: other" in told.err


@pytest.mark.parametrize("status,headers,body,told", [
    (200, {}, "", "it is empty, and has to hold 'Models'"),
    (200, {}, "[]", "it is a list, not an object"),
    (200, {}, "<html>", "is not readable JSON: expected value at line 1 column 1 (6 bytes)"),
    (302, {"Location": "https://login.example.com/"}, "", "it points to https://login.example.com/"),
    (200, {}, '{"Models": [], "NextToken": "again"}', "ListModels gives the same page again and again"),
])  # fmt: skip
def test_what_no_aws_would_answer_is_not_taken_for_an_empty_list(cli, status, headers, body, told):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        answer = cli("get", "models", code=1, AWS_ENDPOINT_URL=f"http://127.0.0.1:{other.server_address[1]}")
        other.shutdown()
    assert answer.out == "" and told in answer.err
