"""The command over a real embedded cloud: what goes well."""

import contextlib
import gzip
import http.server
import json
import os
import pty
import random
import re
import subprocess
import threading
import time

import pytest

import harness
from command import Cli, config, endpoint, group, manifest, many, model, training_job, whole_set

KINDS = ["TrainingJob", "ModelPackageGroup", "ModelPackage", "Model", "EndpointConfig", "Endpoint"]
PLURALS = "trainingjobs,modelpackagegroups,modelpackages,models,endpointconfigs,endpoints"


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


@pytest.fixture
def own_bucket(cli):
    name = harness.unique("cli")
    cli.cloud.client("s3", cli.account).create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def applied(cloud, tmp_path_factory):
    """A set of all kinds, applied once for the tests that only look."""
    account = f"{random.randrange(10**11, 10**12)}"
    cli = Cli(cloud, account, tmp_path_factory.mktemp("applied"))
    bucket = harness.unique("cli")
    cloud.client("s3", account).create_bucket(Bucket=bucket)
    cli.objects = whole_set(bucket, account)
    # A folder with a file for each object, in JSON and (which JSON is too) YAML.
    for i, item in enumerate(cli.objects):
        (cli.folder / f"{i}.{'json' if i % 2 else 'yaml'}").write_text(json.dumps(item, indent=2))
    cli.first = cli("apply", "-f", ".")
    return cli


def objects(report):
    return {o["object"]["kind"]: o for o in report["objects"]}


def test_a_folder_is_applied_in_the_order_of_its_references(applied):
    created = [line.split()[0] for line in applied.first.lines if line.endswith(": created")]
    assert sorted(created) == sorted(KINDS)
    needs = ["TrainingJob", "ModelPackage", "Model", "EndpointConfig", "Endpoint"]
    assert [k for k in created if k in needs] == needs
    assert applied.first.lines[-1] == "Done: 6 created."
    assert "Endpoint served  InService" in applied.first.err


def test_applied_again_nothing_changes(applied):
    plan = applied("plan", "-f", ".", "--exit-code")
    assert plan.lines[-1] == "Plan: 6 unchanged." and len(plan.lines) == 7
    again = applied("apply", "-f", ".")
    assert again.lines[-1] == "Done: 6 unchanged." and again.err == applied.target, "nothing happens, nothing is told on the way"
    assert applied("plan", "-f", ".", "-o", "name").out == ""
    report = applied("apply", "-f", ".", "-o", "json").json()
    assert report["ok"] and {o["outcome"] for o in report["objects"]} == {"unchanged"}


def test_resources_are_shown_by_name_status_and_age(applied):
    rows = applied("get", "endpoints").table()
    assert [r["NAME"] for r in rows] == ["served"] and rows[0]["STATUS"] == "InService"
    assert re.fullmatch(r"\d+[smh]", rows[0]["AGE"])
    # Each way to name a kind; one name or more.
    for what in (["Endpoint/served"], ["endpoint", "served"], ["endpoints.sagemaker.services.k8s.aws", "served"]):
        assert applied("get", *what).table()[0]["NAME"] == "served"
    assert applied("get", "modelpackages").table()[0]["NAME"] == "versions/1"
    assert applied("get", "modelpackage", "versions/1").table()[0]["NAME"] == "versions/1"
    wide = applied("get", "trainingjob", "trained", "-o", "wide").table()[0]
    assert (wide["NAME"], wide["STATUS"], wide["OWNER"]) == ("trained", "Completed", "default/trained")
    assert wide["FAILURE-REASON"] == "-"


def test_resources_are_shown_to_programs(applied):
    one = applied("get", "Endpoint/served", "-o", "json").json()
    assert (one["kind"], one["spec"]["endpointName"], one["status"]["endpointStatus"]) == ("Endpoint", "served", "InService")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", one["status"]["creationTime"]), "raw, for programs"
    assert one["spec"]["tags"] == [{"key": "team", "value": "a"}], "the owner's mark is not the user's"
    listed = applied("get", "endpoints", "-o", "json").json()
    assert listed["kind"] == "List" and len(listed["items"]) == 1
    assert "endpointStatus: InService" in applied("get", "Endpoint/served", "-o", "yaml").out
    names = applied("get", PLURALS, "-o", "name").lines
    assert names == [
        "TrainingJob/trained", "ModelPackageGroup/versions", "ModelPackage/versions/1",
        "Model/served", "EndpointConfig/served", "Endpoint/served",
    ]  # fmt: skip
    assert applied("get", *names, "-o", "name").lines == names, "what is printed can be given"


def test_several_kinds_are_tables_below_each_other(applied):
    told = applied("get", "models,endpoints").out
    first, second = told.split("\n\n")
    assert first.startswith("NAME") and "Model/served" in first
    assert second.startswith("NAME") and "Endpoint/served" in second


def test_nothing_of_a_kind_is_no_failure(cli):
    told = cli("get", "models")
    assert (told.out, told.err) == ("", cli.target + "no models in us-east-1\n")
    assert cli("get", "models", "-o", "json").json() == {"apiVersion": "v1", "kind": "List", "items": []}


@pytest.mark.parametrize("name", [
    "TrainingJob/trained", "ModelPackageGroup/versions", "ModelPackage/versions/1",
    "Model/served", "EndpointConfig/served", "Endpoint/served",
])  # fmt: skip
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_an_export_plans_to_no_change(applied, name, form):
    exported = applied("export", name, "-o", form).out
    planned = applied("plan", "--exit-code", "-f", "-", stdin=exported)
    assert planned.lines[-1] == "Plan: 1 unchanged.", exported


def test_logs_are_those_of_the_container(applied):
    lines = applied("logs", "TrainingJob/trained").lines
    assert "epoch=2; loss=0.333;" in lines and 'hyperparameters: {"epochs": "3"}' in lines
    assert applied("logs", "TrainingJob/trained", "--tail", "1").lines == lines[-1:]
    assert applied("logs", "TrainingJob/trained", "-f").lines == lines, "a job that has ended ends the following"
    stamped = applied("logs", "TrainingJob/trained", "--timestamps").lines
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+Z trained/\S+ ", line) for line in stamped)


def test_an_endpoint_answers(applied):
    told = applied("invoke", "served", "--text", "1,2", "--content-type", "text/x", "--accept", "application/json").json()
    assert (told["body"], told["content"], told["accept"]) == ("1,2", "text/x", "application/json")
    assert applied("invoke", "served", "--body", "-", stdin="from stdin").json()["body"] == "from stdin"
    (applied.folder / "body.txt").write_text("from a file")
    assert applied("invoke", "served", "--body", "body.txt").json()["body"] == "from a file"
    whole = applied("invoke", "served", "--text", "x", "--variant", "all", "-o", "json").json()
    assert (whole["endpoint"], whole["variant"], whole["contentType"]) == ("served", "all", "application/json")
    assert json.loads(whole["body"])["body"] == "x"


def test_an_endpoint_is_named_as_everywhere(applied):
    assert applied("invoke", "Endpoint/served", "--text", "x").json()["body"] == "x"
    assert "a model cannot be invoked" in applied("invoke", "Model/served", "--text", "x", code=64).err
    told = applied("invoke", "served", "--body", "-", stdin="x" * 7_000_000, code=1).err
    assert "6291456" in told and "status" not in told


def test_an_object_comes_from_standard_input_and_goes_to_standard_output(cli, own_bucket):
    place = f"s3://{own_bucket}/piped.txt"
    assert cli("cp", "-", place, stdin="from a pipe\n").out == f"- → {place} (12 bytes)\n"
    assert cli("cp", place, "-").out == "from a pipe\n"
    assert "give the whole key" in cli("cp", "-", f"s3://{own_bucket}/folder/", stdin="x", code=64).err
    assert "one object at a time" in cli("cp", f"s3://{own_bucket}/", "-", code=64).err


def test_names_may_be_as_long_as_the_disk_takes(cli, own_bucket):
    name = "n" * 255
    cli("cp", "-", f"s3://{own_bucket}/{name}", stdin="x")
    cli("cp", f"s3://{own_bucket}/{name}", "down/")
    assert [path.name for path in (cli.folder / "down").iterdir()] == [name]


def test_waiting_for_what_is_there_returns_at_once(applied):
    assert applied("wait", "Endpoint/served").out == "Endpoint/served: InService\n"
    assert applied("wait", "TrainingJob/trained", "--for", "settled", "-o", "name").out == "TrainingJob/trained\n"
    assert applied("wait", "Model/none", "--for", "deleted").out == "Model/none: deleted\n"
    assert applied("wait", "Endpoint/served", "-o", "json").json()["status"]["endpointStatus"] == "InService"


def test_a_log_is_followed_to_the_jobs_end(cli, own_bucket):
    job = training_job("slow", own_bucket, cli.account, epochs=2, seconds=1)
    cli("apply", "--no-wait", "-f", "-", stdin=job)
    assert "epoch=1; loss=0.500;" in cli("logs", "-f", "TrainingJob/slow").lines
    assert cli("get", "trainingjob", "slow").table()[0]["STATUS"] == "Completed"


def test_apply_shows_a_jobs_logs_when_asked(cli, own_bucket):
    told = cli("apply", "--logs", "-f", "-", stdin=training_job("loud", own_bucket, cli.account, epochs=1))
    assert "epoch=0; loss=1.000;" in told.err and "epoch" not in told.out


def test_the_logs_of_several_jobs_are_told_apart(cli, own_bucket):
    jobs = [training_job(name, own_bucket, cli.account, epochs=3, seconds=1) for name in ("left", "right")]
    told = cli("apply", "--logs", "-f", "-", stdin=many(*jobs)).err
    assert "    left: epoch=2; loss=0.333;" in told and "    right: epoch=2; loss=0.333;" in told


def test_tags_are_kept_in_step(cli):
    def tags():
        sagemaker = cli.cloud.client("sagemaker", cli.account)
        listed = sagemaker.list_tags(ResourceArn=harness.arn("model", "tagged", cli.account))["Tags"]
        return {t["Key"]: t["Value"] for t in listed if not t["Key"].startswith("sagewright.dev/")}

    def tagged(tags):
        item = model("tagged", cli.account)
        return item | {"spec": item["spec"] | {"tags": [{"key": k, "value": v} for k, v in tags.items()]}}

    cli("apply", "-f", "-", stdin=tagged({"team": "a", "stage": "dev"}))
    assert tags() == {"team": "a", "stage": "dev"}
    changed = tagged({"team": "b", "owner": "me"})
    plan = cli("plan", "--exit-code", "-f", "-", stdin=changed, code=2).out
    assert "~ tags.team: a → b" in plan and "+ tags.owner: me" in plan and "- tags.stage: dev" in plan
    assert cli("apply", "-f", "-", stdin=changed).lines == ["Model tagged: updated", "Done: 1 updated."]
    assert tags() == {"team": "b", "owner": "me"}
    cli("plan", "--exit-code", "-f", "-", stdin=changed)


def test_an_endpoint_gets_another_config(cli):
    first = many(model("a", cli.account), config("a", "a"), endpoint("e", "a"))
    cli("apply", "-f", "-", stdin=first)
    second = many(model("b", cli.account), config("b", "b"), endpoint("e", "b"))
    plan = cli("plan", "--exit-code", "-f", "-", stdin=second, code=2).out
    assert "~ spec.endpointConfigName: a → b" in plan and "Plan: 2 to create, 1 to update." in plan
    told = cli("apply", "-f", "-", stdin=second)
    assert told.lines[-2:] == ["Endpoint e: updated", "Done: 2 created, 1 updated."]
    assert cli("invoke", "e", "--text", "x").json()["said"] == "b"


@pytest.mark.parametrize("kind", ["TrainingJob", "ModelPackageGroup", "Model", "EndpointConfig", "Endpoint"])
def test_what_exists_is_adopted_and_then_unchanged(cli, own_bucket, kind):
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    name = "mine"
    if kind == "TrainingJob":
        told = training_job(name, own_bucket, cli.account)["spec"]
        sagemaker.create_training_job(
            TrainingJobName=name, RoleArn=told["roleARN"], HyperParameters=told["hyperParameters"],
            AlgorithmSpecification={"TrainingImage": told["algorithmSpecification"]["trainingImage"], "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": told["outputDataConfig"]["s3OutputPath"]},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )  # fmt: skip
        harness.completed(sagemaker, name)
    elif kind == "ModelPackageGroup":
        sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="by hand")
    else:
        container = {"Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/script:1"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=harness.role(cli.account), PrimaryContainer=container)
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[harness.variant("all", name)])
        if kind == "Endpoint":
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
            harness.in_service(sagemaker, name)
    exported = cli("export", f"{kind}/{name}", "-o", "json").json()
    # The export of what nobody owns says itself that it is to be adopted; without that it is left alone.
    assert cli("plan", "-f", "-", "--exit-code", stdin=exported, code=2).lines[-1] == "Plan: 1 to adopt."
    del exported["metadata"]["annotations"]
    refused = cli("apply", "-f", "-", stdin=exported, code=1)
    assert f"sagewright adopt {kind}/{name}" in refused.out and refused.lines[-1] == "Incomplete: 1 refused."
    told = cli("adopt", f"{kind}/{name}")
    assert told.out == f"{kind} {name}: adopted\n" and f"`sagewright export {kind}/{name}` writes its manifest" in told.err
    assert cli("plan", "--exit-code", "-f", "-", stdin=exported).lines[-1] == "Plan: 1 unchanged."
    assert cli("get", kind, name, "-o", "wide").table()[0]["OWNER"] == f"default/{name}"
    # Once adopted, adopting again says the same, and another object cannot have it.
    cli("adopt", f"{kind}/{name}")
    assert f"it belongs to the object default/{name}" in cli("adopt", f"{kind}/{name}", "--as", "other", code=1).err


def test_versions_of_two_groups_are_adopted_apart(cli):
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    exports = []
    for name in ("one", "two"):
        sagemaker.create_model_package_group(ModelPackageGroupName=name)
        specification = {"Containers": [{"Image": harness.XGBOOST}], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
        arn = sagemaker.create_model_package(ModelPackageGroupName=name, InferenceSpecification=specification)["ModelPackageArn"]
        assert cli("adopt", f"ModelPackage/{arn}").out == f"ModelPackage {name}-1: adopted\n"
        exports.append(cli("export", f"ModelPackage/{name}/1", "-o", "json").json())
    assert cli("plan", "--exit-code", "-f", "-", stdin=many(*exports)).lines[-1] == "Plan: 2 unchanged."


def test_adopted_under_another_name_and_namespace(cli):
    cli.cloud.client("sagemaker", cli.account).create_model_package_group(ModelPackageGroupName="Found")
    told = cli("adopt", "ModelPackageGroup/Found", "--as", "kept", "--namespace", "team", "-o", "json").json()
    assert told["metadata"] == {"name": "kept", "namespace": "team"}
    item = group("Found")
    item["metadata"] = {"name": "kept", "namespace": "team"}
    cli("plan", "--exit-code", "-f", "-", stdin=item)


def test_a_set_is_deleted_in_reverse(cli, own_bucket):
    whole = many(*whole_set(own_bucket, cli.account))
    cli("apply", "-f", "-", stdin=whole)
    told = cli("delete", "--yes", "-f", "-", stdin=whole)
    order = [line.split()[0] for line in told.lines if line.endswith(": deleted")]
    assert order[:3] == ["Endpoint", "EndpointConfig", "Model"] and order.index("ModelPackage") < order.index("ModelPackageGroup")
    kept = told.lines.index("TrainingJob trained: kept")
    assert told.lines[kept + 1].strip() == "the training job `trained` has ended; AWS keeps its record"
    assert told.lines[-1] == "Done: 5 deleted, 1 kept."
    names = cli("get", PLURALS, "-o", "name").lines
    assert names == ["TrainingJob/trained"]
    again = cli("delete", "--yes", "-f", "-", stdin=many(model("served", cli.account)))
    assert again.lines == ["Model served: not there", "Done: 1 not there."]


def test_a_running_job_is_stopped_and_its_record_stays(cli, own_bucket):
    job = training_job("running", own_bucket, cli.account, seconds=300)
    cli("apply", "--no-wait", "-f", "-", stdin=job)
    told = cli("delete", "--yes", "TrainingJob/running")
    assert told.lines[0].startswith("TrainingJob running: stopped") and "AWS keeps its record" in told.out
    assert cli("get", "trainingjobs").table()[0]["STATUS"] == "Stopped"


def test_what_no_manifest_owns_is_deleted_only_when_that_is_said(cli):
    cli.cloud.client("sagemaker", cli.account).create_model_package_group(ModelPackageGroupName="theirs")
    told = cli("delete", "--yes", "ModelPackageGroup/theirs", code=1)
    assert "no manifest manages " in told.err and "--unmanaged" in told.err
    assert "Incomplete: 1 refused." in cli("delete", "--yes", "-f", "-", stdin=group("theirs"), code=1).out
    assert cli("get", "modelpackagegroups", "-o", "name").out == "ModelPackageGroup/theirs\n"
    assert cli("delete", "-y", *["ModelPackageGroup/theirs"] * 2, "--unmanaged").lines[-1] == "Done: 1 deleted."
    assert cli("get", "modelpackagegroups", "-o", "name").out == ""


def test_files_are_copied_to_and_from_s3(cli):
    bucket = harness.unique("cp")
    (cli.folder / "tree" / "deep").mkdir(parents=True)
    (cli.folder / "tree" / "a.txt").write_text("one")
    (cli.folder / "tree" / "deep" / "b.txt").write_text("two")
    told = cli("cp", "--make-bucket", "tree", f"s3://{bucket}/tree").lines
    assert told == [f"tree/a.txt → s3://{bucket}/tree/a.txt (3 bytes)", f"tree/deep/b.txt → s3://{bucket}/tree/deep/b.txt (3 bytes)"]
    assert cli("cp", "tree/a.txt", f"s3://{bucket}/tree/").out == f"tree/a.txt is at s3://{bucket}/tree/a.txt already\n"
    cli("cp", f"s3://{bucket}/tree/", "back/")
    assert (cli.folder / "back" / "deep" / "b.txt").read_text() == "two"
    cli("cp", f"s3://{bucket}/tree/a.txt", "back/")
    assert (cli.folder / "back" / "a.txt").read_text() == "one"


def test_credentials_of_the_container_are_asked_without_a_proxy(cli):
    keys = cli.cloud.client("sts", cli.account).get_session_token()["Credentials"]
    told = {name: keys[name] for name in ("AccessKeyId", "SecretAccessKey")}
    told |= {"Token": keys["SessionToken"], "Expiration": keys["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ")}

    class Agent(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers["Authorization"] == "let-me-in"
            self.send_response(200 if known else 403)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode() if known else b"{}")

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent) as agent:
        threading.Thread(target=agent.serve_forever, daemon=True).start()
        closed = "http://127.0.0.1:1"
        listed = cli(
            "get", "models", "-o", "json", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HTTP_PROXY=closed, http_proxy=closed,
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"http://127.0.0.1:{agent.server_address[1]}/",
            AWS_CONTAINER_AUTHORIZATION_TOKEN="let-me-in",
        )  # fmt: skip
        agent.shutdown()
    assert listed.json()["kind"] == "List"


@contextlib.contextmanager
def scripted(answer):
    """A cloud that says what the embedded one never would: `answer(method, operation or path)` gives status and body."""

    class Script(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer(self.command, self.headers.get("X-Amz-Target", self.path).rsplit(".", 1)[-1])
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if self.command == "PUT":
                # Every object that S3 takes has an entity tag.
                self.send_header("ETag", '"f97c5d29941bfb1b2fdab0874906ab82"')
            self.end_headers()
            self.wfile.write(content if self.command != "HEAD" else b"")

        do_GET = do_HEAD = do_POST = do_PUT = answer

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Script) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def test_who_may_only_write_can_copy_to_s3(cli):
    asked = []

    def answer(method, path):
        asked.append(method)
        return (200, "") if method == "PUT" else (403, "")

    (cli.folder / "a.txt").write_text("one")
    with scripted(answer) as endpoint:
        copied = cli("cp", "a.txt", "s3://closed/a.txt", "-o", "json", AWS_ENDPOINT_URL=endpoint).json()
        assert copied["files"][0]["copied"] and asked[-1] == "PUT"
        refused = cli("cp", "s3://closed/a.txt", "back.txt", code=1, AWS_ENDPOINT_URL=endpoint).err
    assert "403" in refused and not (cli.folder / "back.txt").exists()


def test_following_the_log_of_a_job_ends_when_the_job_is_deleted(cli):
    job = {"TrainingJobName": "gone", "TrainingJobArn": harness.arn("training-job", "gone"), "TrainingJobStatus": "InProgress"}
    said = []

    def answer(method, operation):
        said.append(operation)
        if operation == "DescribeTrainingJob":
            deleted = {"__type": "ValidationException", "message": "Requested resource not found."}
            return (200, json.dumps(job)) if said.count(operation) < 3 else (400, json.dumps(deleted))
        events = [{"timestamp": 1, "message": "a line"}] if said.count(operation) == 1 else []
        streams = [{"logStreamName": "gone/algo-1-1"}]
        return 200, json.dumps({"logStreams": streams, "events": events, "nextForwardToken": "t", "Tags": []})

    with scripted(answer) as endpoint:
        followed = cli("logs", "-f", "TrainingJob/gone", AWS_ENDPOINT_URL=endpoint)
    assert followed.lines == ["a line"]


def test_calls_are_shown_when_asked(cli):
    told = cli("get", "models", "-o", "json", "-v")
    calls = [line for line in told.err.splitlines() if "operation=ListModels" in line]
    assert len(calls) == 1 and "status=200" in calls[0] and "request_id=" in calls[0] and told.json()["kind"] == "List"
    assert cli.environment()["AWS_SECRET_ACCESS_KEY"] not in told.err
    assert cli("get", "models", "-o", "json").err == cli.target


def test_copies_are_told_to_programs_in_one_document(cli):
    bucket = harness.unique("cp")
    (cli.folder / "tree").mkdir()
    (cli.folder / "tree" / "a.txt").write_text("one")
    (cli.folder / "tree" / "link").symlink_to("/etc/passwd")
    told = cli("cp", "--make-bucket", "tree", f"s3://{bucket}", "-o", "json")
    file = {"source": "tree/a.txt", "destination": f"s3://{bucket}/a.txt", "bytes": 3, "copied": True}
    assert told.json() == {"files": [file]} and "tree/link is left out: it is a link" in told.err
    assert cli("cp", "tree", f"s3://{bucket}", "-o", "json").json() == {"files": [file | {"copied": False}]}
    back = cli("cp", f"s3://{bucket}/", "back", "-o", "json").json()["files"]
    assert back == [{"source": f"s3://{bucket}/a.txt", "destination": "back/a.txt", "bytes": 3, "copied": True}]


def test_all_parts_of_a_compressed_file_are_copied(cli):
    bucket = harness.unique("cp")
    (cli.folder / "two.csv.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    cli("cp", "--make-bucket", "--decompress", "two.csv.gz", f"s3://{bucket}/")
    assert cli.cloud.client("s3", cli.account).get_object(Bucket=bucket, Key="two.csv")["Body"].read() == b"one\ntwo\n"


def test_logs_are_told_to_programs_in_one_document(applied):
    lines = applied("logs", "TrainingJob/trained").lines
    told = applied("logs", "TrainingJob/trained", "-o", "json").json()
    assert told["resource"] == "TrainingJob/trained" and [line["message"] for line in told["lines"]] == lines
    assert told["lines"][0]["stream"].startswith("trained/") and told["lines"][0]["timestamp"].endswith("Z")


def test_all_streams_of_a_job_are_shown(cli, own_bucket):
    cli("apply", "-f", "-", stdin=training_job("many", own_bucket, cli.account, epochs=1))
    logs = cli.cloud.client("logs", cli.account)
    for i in range(60):
        stream = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": f"many/host-{i}"}
        logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": f"host {i}"}])
    lines = cli("logs", "TrainingJob/many").lines
    assert {f"host-{i}: host {i}" for i in range(60)} <= set(lines), "each line tells its stream"
    assert any(line.startswith("algo-1: epoch=0;") for line in lines)


def test_following_a_log_ends_when_nobody_reads_it(applied):
    process = applied.start("logs", "-f", "Endpoint/served")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(harness.PATIENCE) == 0


def test_the_embedded_cloud_is_named_by_its_folder(cli):
    # What a user has set for AWS itself stands in nobody's way.
    theirs = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_PROFILE": "of-another-time", "AWS_CA_BUNDLE": "/nowhere"}
    told = cli("--local", "--data", cli.cloud.data, "get", "models", "-o", "json", **theirs)
    assert told.json()["kind"] == "List"
    status = cli("local", "status", "--data", cli.cloud.data, "-o", "json").json()
    assert status["up"] and status["endpoint"] == cli.cloud.endpoint and status["account"] == harness.ACCOUNT
    lines = cli("local", "env", "--data", cli.cloud.data, "--account", cli.account).lines
    assert f"export AWS_ENDPOINT_URL={cli.cloud.endpoint}" in lines and "unset AWS_SESSION_TOKEN AWS_PROFILE" in lines
    assert "stop it first" in cli("local", "reset", "--yes", "--data", cli.cloud.data, code=1).err


@pytest.mark.parametrize("no_color,painted", [("", True), ("1", False)])
def test_color_is_for_a_terminal_unless_it_is_not_wanted(cli, no_color, painted):
    ours, theirs = pty.openpty()
    command = [harness.binary(), "plan", "--offline", "-f", "-"]
    done = subprocess.run(
        command, input=json.dumps(group("g")).encode(), stdout=theirs, stderr=subprocess.PIPE,
        env=cli.environment(NO_COLOR=no_color), timeout=harness.PATIENCE,
    )  # fmt: skip
    os.close(theirs)
    told = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == 0 and "ModelPackageGroup g" in told and ("\x1b[32m" in told) == painted


def test_an_embedded_cloud_from_up_to_reset(tmp_path, account):
    data = tmp_path / "data"

    def local(*arguments, code=0):
        command = [harness.binary(), "local", *arguments, "--data", str(data)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=harness.clean_environment(), timeout=harness.PATIENCE
        )
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr

    try:
        assert "the embedded cloud is up at http://127.0.0.1:" in local("up", "--detach", "--listen", "127.0.0.1:0")[0]
        # Objects and logs are the owner's alone.
        assert data.stat().st_mode & 0o777 == 0o700
        assert "it was up already" in local("up", "--detach", "--listen", "127.0.0.1:0")[1]
        # One that is up cannot be given another address or image map.
        other = tmp_path / "other.toml"
        other.write_text("")
        for options in (["--listen", "127.0.0.1:1"], ["--images", str(other)]):
            told = local("up", "--detach", *options, code=1)[1]
            assert f"{options[0]} would change nothing" in told and f"sagewright local down --data {data}" in told
        assert json.loads(local("status", "-o", "json")[0])["resources"]["models"] == 0
        group = manifest("FeatureGroup", "seen", featureGroupName="seen", recordIdentifierFeatureName="id", eventTimeFeatureName="at",
                         featureDefinitions=[{"featureName": n, "featureType": "String"} for n in ("id", "at")],
                         onlineStoreConfig={"enableOnlineStore": True})
        (tmp_path / "group.json").write_text(json.dumps(group))
        apply = [harness.binary(), "apply", "--local", "--data", str(data), "-f", str(tmp_path / "group.json")]
        subprocess.run(apply, capture_output=True, env=harness.clean_environment(), timeout=harness.PATIENCE, check=True)
        assert re.search(r"^featuregroups +1$", local("status")[0], re.MULTILINE), "all kinds are counted"
        assert json.loads(local("env", "--account", account, "-o", "json")[0])["account"] == account
        assert "stop it first: sagewright local down" in local("reset", "--yes", code=1)[1]
    finally:
        local("down")
    assert local("status", code=1)[0].startswith("down (")
    assert "pass --yes" in local("reset", code=64)[1] and data.exists()
    local("reset", "--yes")
    assert not data.exists()
