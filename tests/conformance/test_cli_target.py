"""Which cloud a command calls: told first, held against what is expected, and what else concerns it."""

import json
import re
import subprocess
import threading

import pytest

import harness
from command import Cli, config, endpoint, group, many, model, training_job
from test_cli import scripted

OTHER = "123456789012"


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


class Emulator:
    """Some other emulator of AWS: what it was asked, and whose keys it says that it sees."""

    def __init__(self, account=OTHER, arn="arn:aws:sts::123456789012:assumed-role/deployer/ci"):
        self.asked, self.account, self.arn = [], account, arn

    def __call__(self, method, operation):
        self.asked.append(operation)
        if operation == "/":
            result = f"<Account>{self.account}</Account><Arn>{self.arn}</Arn><UserId>A</UserId>"
            result = f"<GetCallerIdentityResult>{result}</GetCallerIdentityResult>"
            answer = f'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{result}</GetCallerIdentityResponse>'
            return (200, answer) if self.account else (403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
        return (200, json.dumps({"Models": []})) if operation == "ListModels" else (404, "{}")


def test_every_command_that_calls_a_cloud_says_which_one_first(cli):
    cli.cloud.client("s3", cli.account).create_bucket(Bucket=(bucket := harness.unique("target")))
    (cli.folder / "a.txt").write_text("x")
    served = many(model("m", cli.account), config("c", "m"), endpoint("e", "c"))
    for words, stdin in [
        (["apply", "-f", "-"], served), (["plan", "-f", "-"], served), (["plan", "--delete", "-f", "-"], served), (["get", "models"], ""),
        (["get", "models", "-o", "json"], ""), (["wait", "Endpoint/e"], ""), (["logs", "Endpoint/e"], ""), (["export", "Model/m"], ""),
        (["adopt", "Model/m"], ""), (["invoke", "e", "--text", "x"], ""), (["cp", "a.txt", f"s3://{bucket}/"], ""),
        (["delete", "--dry-run", "-f", "-"], served), (["delete", "--dry-run", "Endpoint/e"], ""), (["delete", "--yes", "-f", "-"], served),
    ]:  # fmt: skip
        told = cli(*words, stdin=stdin)
        assert told.err.startswith(cli.target) and told.err.count("Target:") == 1, (words, told.err)
        assert "Target:" not in told.out
    for words, stdin in [(["plan", "--offline", "-f", "-"], served), (["explain", "Model"], "")]:
        assert "Target:" not in cli(*words, stdin=stdin).err, words


def test_other_clouds_are_named_and_the_role_is_told(cli):
    emulator = Emulator()
    with scripted(emulator) as url:
        told = cli("get", "models", AWS_ENDPOINT_URL=url)
        assert told.err == f"Target: {url}, account {OTHER}, us-east-1, role deployer\nno models in us-east-1\n"
        assert emulator.asked.count("/") == 1, "one call more than the command's own"
        # An account that cannot be told does not end a command that expects none.
        emulator.account = None
        told = cli("get", "models", AWS_ENDPOINT_URL=url)
        assert told.err.startswith(f"Target: {url}, account not known (GetCallerIdentity: AccessDenied), us-east-1\n")
        # Keys of an emulator are not sent to AWS's own STS.
        told = cli("get", "models", AWS_ENDPOINT_URL="", AWS_ENDPOINT_URL_SAGEMAKER=url)
        assert f"Target: {url}, account not known (STS has no configured endpoint), us-east-1\n" in told.err


def test_what_else_goes_to_aws_is_told(cli):
    with scripted(Emulator()) as url:
        warning = "warning: calls to application-autoscaling, resourcegroupstaggingapi, iam go to AWS, unlike those to sagemaker"
        assert warning in cli("get", "models", AWS_ENDPOINT_URL="", AWS_ENDPOINT_URL_SAGEMAKER=url).err
        assert "warning" not in cli("get", "models", AWS_ENDPOINT_URL=url).err


@pytest.mark.parametrize("flags", [["--as", "my model"], ["--as", "a/b"], ["--as", "MyModel"], ["--namespace", "a/b"]])
def test_an_owner_that_no_manifest_can_name_adopts_nothing(cli, flags):
    before = harness.everything(cli.cloud, cli.account)
    told = cli("adopt", "Model/m", *flags, code=64)
    assert f"`{flags[1]}` is not a valid " in told.err and "nothing was done" in told.err and "Target:" not in told.err
    assert harness.everything(cli.cloud, cli.account) == before


def test_an_sts_that_does_not_answer_holds_no_command_up(cli):
    over, emulator = threading.Event(), Emulator()

    def silent(method, operation):
        if operation == "/":
            over.wait(harness.PATIENCE)
        return emulator(method, operation)

    with scripted(silent) as url:
        told = cli("get", "models", AWS_ENDPOINT_URL=url)
        over.set()
    assert told.err.startswith(f"Target: {url}, account not known (GetCallerIdentity did not answer within 3 s), us-east-1\n")
    assert told.err.endswith("no models in us-east-1\n")


def test_aws_itself_is_named(cli):
    environment = {"AWS_ENDPOINT_URL": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    told = cli("get", "models", code=1, **environment)
    assert told.err.startswith("Target: AWS, account not known (GetCallerIdentity: NoCredentials), us-east-1\nerror: ")


def test_another_account_than_the_expected_one_is_refused_before_the_first_call(cli):
    emulator = Emulator()
    item = model("m", OTHER)
    project = cli.folder / ".sagewright.toml"
    with scripted(emulator) as url:
        aim = {"AWS_ENDPOINT_URL": url}
        for where, flags, variables, text in [
            ("--expect-account", ["--expect-account", "111111111111"], {"SAGEWRIGHT_EXPECT_ACCOUNT": OTHER}, ""),
            ("SAGEWRIGHT_EXPECT_ACCOUNT", [], {"SAGEWRIGHT_EXPECT_ACCOUNT": "111111111111"}, f'account = "{OTHER}"\n'),
            (f"{project}:2", [], {}, '\naccount = "111111111111"\n'),
        ]:
            project.write_text(text)
            for words in (["get", "models"], ["apply", "-f", "-"], ["plan", "-f", "-"], ["delete", "--yes", "-f", "-"]):
                emulator.asked.clear()
                told = cli(*words, *flags, stdin=item if "-f" in words else "", code=1, **aim, **variables)
                assert f"this command would use account {OTHER} (the keys of the environment)" in told.err
                assert f"but {where} requires account 111111111111; nothing was done" in told.err, told.err
                assert told.out == "" and set(emulator.asked) <= {"/_sagewright/health", "/"}, "nothing was called"
        # The file of a folder above counts; one of several accounts is enough; an option goes before it.
        (deep := cli.folder / "a" / "b").mkdir(parents=True)
        below = Cli(cli.cloud, cli.account, deep)
        assert "requires account 111111111111" in below("get", "models", code=1, **aim).err
        below("get", "models", "--expect-account", OTHER, **aim)
        project.write_text(f'account = ["111111111111", "{OTHER}"]\nregion = "us-east-1"\n')
        below("get", "models", **aim)
        # One that is not known is not the expected one.
        emulator.account = None
        told = below("get", "models", code=1, **aim)
        assert "the account could not be determined (GetCallerIdentity: AccessDenied)" in told.err and "ListModels" not in emulator.asked[-2:]


def test_another_region_than_the_expected_one_is_refused(cli):
    (cli.folder / ".sagewright.toml").write_text('region = ["us-east-1", "eu-west-1"]\n')
    cli("get", "models", "--region", "eu-west-1")
    told = cli("get", "models", "--region", "us-west-2", code=1)
    assert "this command would use region us-west-2 (--region)" in told.err and "requires region us-east-1 or eu-west-1" in told.err
    told = cli("get", "models", "--expect-region", "us-east-2", code=1)
    assert "region us-east-1 (AWS_REGION), but --expect-region requires region us-east-2" in told.err
    # An object may name a region of its own.
    elsewhere = group("g")
    elsewhere["metadata"]["annotations"] = {"services.k8s.aws/region": "us-west-2"}
    for command in (["apply"], ["plan"], ["delete", "--yes"], ["delete", "--dry-run"]):
        told = cli(*command, "-f", "-", stdin=elsewhere, code=1)
        assert "region us-west-2 (the annotation services.k8s.aws/region of ModelPackageGroup g)" in told.err, command
    elsewhere["metadata"]["annotations"] = {"services.k8s.aws/region": "eu-west-1"}
    assert ", us-east-1 and eu-west-1\n" in cli("plan", "-f", "-", stdin=elsewhere).err


def test_what_is_expected_has_to_be_readable(cli):
    project = cli.folder / ".sagewright.toml"
    project.write_text('region = "us-east-1"\nacount = "1"\n')
    told = cli("get", "models", code=65)
    assert f"{project}:2: unknown key `acount`, did you mean `account`?" in told.err and told.out == ""
    project.unlink()
    project.mkdir()
    assert f"cannot read {project}" in cli("get", "models", code=65).err
    project.rmdir()
    told = cli("get", "models", code=64, SAGEWRIGHT_EXPECT_ACCOUNT="")
    assert "SAGEWRIGHT_EXPECT_ACCOUNT is ''" in told.err and "unset it to expect nothing" in told.err
    cli("get", "models", "--expect-account", "12", code=64)


def rolled_back(cli):
    """Version 2 was deployed and rolled back by hand; gives version 2's manifests."""
    first = many(model("v1", cli.account), config("v1", "v1"), endpoint("live", "v1"))
    second = many(model("v2", cli.account), config("v2", "v2"), endpoint("live", "v2"))
    cli("apply", "-f", "-", stdin=first)
    cli("apply", "-f", "-", stdin=second)
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    sagemaker.update_endpoint(EndpointName="live", EndpointConfigName="v1")
    harness.in_service(sagemaker, "live")
    return second


def test_a_live_endpoint_is_not_tidied_away_with_the_files_of_another_version(cli):
    second = rolled_back(cli)
    told = cli("delete", "--yes", "-f", "-", stdin=second, code=1)
    assert "the endpoint `live` serves `v1`, and this object declares `v2` in spec.endpointConfigName" in told.out
    assert told.lines[-1] == "Incomplete: 1 refused, 2 blocked."
    plan = cli("delete", "--dry-run", "-f", "-", stdin=second, code=1)
    assert "Endpoint live: refused" in plan.out and plan.lines[-1] == "Plan: 1 refused, 2 blocked."
    assert cli("invoke", "live", "--text", "x").json()["said"] == "v1"
    assert cli("delete", "--dry-run", "--force", "-f", "-", stdin=second).lines[-1] == "Plan: 3 to delete."
    assert cli("delete", "--yes", "--force", "-f", "-", stdin=second).lines[-1] == "Done: 3 deleted."
    assert cli("get", "models,endpointconfigs,endpoints", "-o", "name").lines == ["Model/v1", "EndpointConfig/v1"]


def test_a_dry_run_shows_what_goes_what_stays_and_what_still_uses_it(cli):
    bucket = harness.unique("dry")
    cli.cloud.client("s3", cli.account).create_bucket(Bucket=bucket)
    both = [config("one", "shared"), config("two", "shared")]
    cli("apply", "-f", "-", stdin=many(model("shared", cli.account), *both, training_job("t", bucket, cli.account)))
    before = harness.everything(cli.cloud, cli.account)
    kept = group("kept")
    kept["metadata"]["annotations"] = {"services.k8s.aws/deletion-policy": "retain"}
    cli("apply", "-f", "-", stdin=kept)
    items = many(model("shared", cli.account), both[0], training_job("t", bucket, cli.account), kept, group("never"))
    for command in (["delete", "--dry-run"], ["plan", "--delete"]):
        told = cli(*command, "-f", "-", stdin=items, code=1).out
        assert "Model shared: refused\n    the model `shared` is still used by EndpointConfig/two\n" in told
        assert "EndpointConfig one: delete\n" in told and "AWS keeps its record" in told
        assert "ModelPackageGroup kept: kept\n    the model package group `kept` is retained\n" in told
        assert "ModelPackageGroup never: not there\n    there is no such resource\n" in told
        assert told.splitlines()[-1].startswith("Plan: ") and "1 to delete" in told and "1 refused" in told and "2 kept" in told
        value = {o["object"]["name"]: o for o in cli(*command, "-f", "-", "-o", "json", stdin=items, code=1).json()["objects"]}
        assert value["shared"]["action"] == "refuse" and value["shared"]["usedBy"] == ["EndpointConfig/two"]
        assert value["kept"]["action"] == "none" and value["shared"]["usersNotKnown"] == []
        assert cli(*command, "-f", "-", "-o", "name", stdin=items, code=1).lines == ["EndpointConfig/one"]
    cli("plan", "--delete", "--exit-code", "-f", "-", stdin=many(*both, model("shared", cli.account)), code=2)
    cli("plan", "--delete", "--exit-code", "-f", "-", stdin=group("never"))
    cli("delete", "--yes", "-f", "-", stdin=group("kept"))
    assert harness.everything(cli.cloud, cli.account) == before


def test_nobody_who_can_be_asked_means_nothing_is_deleted(cli):
    cli("apply", "-f", "-", stdin=group("g"))
    for words in (["delete", "ModelPackageGroup/g"], ["delete", "-f", "-"]):
        told = cli(*words, stdin=group("g"), code=64)
        assert told.err == "error: 1 resource would be deleted, and there is no terminal to confirm on\n  pass --yes to do it without being asked; --dry-run shows what would be done\n", told.err
    assert cli("get", "modelpackagegroups", "-o", "name").lines == ["ModelPackageGroup/g"]


@pytest.mark.parametrize("answer,code", [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("yep\n", 1)])
def test_on_a_terminal_it_shows_the_list_and_asks(cli, answer, code):
    cli("apply", "-f", "-", stdin=model("m", cli.account))
    (cli.folder / "m.json").write_text(json.dumps(model("m", cli.account)))
    told, ended = cli.asked(answer, "delete", "-f", "m.json")
    assert ended == code, told.err
    asked = "Model m: delete\nPlan: 1 to delete.\nDelete 1 resource? [y/N]\n"
    assert told.err.startswith(cli.target + asked), told.err
    left = cli("get", "models", "-o", "name").lines
    if code:
        assert left == ["Model/m"] and told.err.endswith("nothing was deleted\n") and told.out == ""
    else:
        assert left == [] and told.out == "Model m: deleted\nDone: 1 deleted.\n"


@pytest.mark.parametrize("unread", ["failed", "not there"])
def test_what_could_not_be_shown_is_not_deleted(cli, unread):
    """The first look fails, or finds nothing yet; a later one would find the resource."""
    asked, arn = [], "arn:aws:sagemaker:us-east-1:123456789012:model/m"

    def answer(method, operation):
        asked.append(operation)
        if operation == "DescribeModel" and asked.count(operation) > 1:
            return 200, json.dumps({"ModelName": "m", "ModelArn": arn, "CreationTime": 1.0})
        if operation == "DescribeModel" and unread == "failed":
            return 403, json.dumps({"__type": "AccessDeniedException", "message": "not now"})
        if operation == "DescribeModel":
            return 400, json.dumps({"__type": "ValidationException", "message": 'Could not find model "m".'})
        if operation == "ListTags":
            return 200, json.dumps({"Tags": [{"Key": "sagewright.dev/owner", "Value": "default/m"}]})
        return Emulator()(method, operation)

    (cli.folder / "m.json").write_text(json.dumps(model("m", OTHER)))
    with scripted(answer) as url:
        told, code = cli.asked("", "delete", "-f", "m.json", AWS_ENDPOINT_URL=url)
    assert "DeleteModel" not in asked and "Delete 1 resource?" not in told.err, (asked, told.err)
    assert code == 1 and "Model m: refused" in told.out and "run the delete again" in told.out, told.out


def test_what_a_newcomer_types_is_answered_with_what_was_meant(cli):
    cli("apply", "-f", "-", stdin=many(model("m", cli.account), config("c", "m"), endpoint("digits", "c")))
    told = cli("invoke", "digit", "--text", "x", code=1).err
    assert "not found" in told and "did you mean `digits`? `sagewright get endpoints` lists what there is" in told
    told = cli("get", "models", "--region", "us-est-1").err
    assert "warning: this version does not know the region us-est-1; did you mean us-east-1?" in told
    assert "did you mean us-east-1?" in cli("get", "models", "--region", "us_east_1", code=64).err
    for words in (["--local"], []):
        environment = {} if words else {"SAGEWRIGHT_LOCAL": "1"}
        for other in (["--endpoint-url", cli.cloud.endpoint], ["--profile", "p"]):
            told = cli("get", "models", *words, *other, code=64, **environment).err
            name = words[0] if words else "SAGEWRIGHT_LOCAL"
            assert f"{name} and {other[0]} cannot be combined: they select different clouds" in told and "leave one of them out" in told
    cli("get", "models", "--endpoint-url", cli.cloud.endpoint)


def test_ages_count_by_the_clock_of_the_embedded_cloud(fresh_cloud, tmp_path):
    cli = Cli(fresh_cloud, fresh_cloud.account, tmp_path)
    local = {"SAGEWRIGHT_DATA": str(fresh_cloud.data)}
    cli("local", "clock", "--advance", "10d", **local)
    cli("apply", "-f", "-", stdin=group("g"))
    cli("local", "clock", "--advance", "3d", **local)
    for wide in ([], ["-o", "wide"]):
        assert cli("get", "modelpackagegroups", *wide, **local).table()[0]["AGE"] == "3d"
        assert cli("get", "modelpackagegroups", "--local", *wide, **local, AWS_ENDPOINT_URL="").table()[0]["AGE"] == "3d"


def test_local_commands_heed_the_format(tmp_path):
    environment = {**harness.clean_environment(), "SAGEWRIGHT_DATA": str(tmp_path / "data")}

    def local(*words):
        done = subprocess.run(
            [harness.binary(), "local", *words], capture_output=True, text=True, env=environment, timeout=harness.PATIENCE, check=True
        )
        return done.stdout

    operations = json.loads(local("operations", "-o", "json"))
    assert operations["sagemaker"]["CreateModel"] == {"state": "real"}
    assert operations["sagemaker"]["CreateCompilationJob"]["state"] == "refused" and operations["sagemaker"]["CreateCompilationJob"]["instead"]
    assert "CreateModel:" in local("operations", "-o", "yaml") and local("operations").startswith("# The operations")
    down = {"up": False, "stopped": False, "killed": False, "pid": None, "data": str(tmp_path / "data")}
    assert json.loads(local("down", "-o", "json")) == down
    local("up", "--detach", "--listen", "127.0.0.1:0")
    stopped = json.loads(local("down", "-o", "json"))
    assert stopped["stopped"] and not stopped["killed"] and re.fullmatch(r"\d+", str(stopped["pid"]))


@pytest.mark.parametrize("expected", [[], ["--expect-account", OTHER]])
def test_keys_of_another_account_that_come_into_use_meanwhile_are_not_used(cli, expected):
    """Another program signs in, and writes other keys to the file, while a command goes on."""
    keys = cli.folder / "credentials"
    aim = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": str(keys)}
    write = lambda key: keys.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n")
    emulator = Emulator()

    def signs_in(method, operation):
        if operation in ("DescribeModel", "DescribeEndpoint"):
            emulator.account = "222222222222"
            write("AKIAOTHERKEYOFANOTHERACCOUNT")
        if operation == "DescribeEndpoint":
            emulator.asked.append(operation)
            return 200, json.dumps({"EndpointName": "e", "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
                                    "EndpointStatus": "Creating", "CreationTime": 1.0, "LastModifiedTime": 1.0})  # fmt: skip
        if operation == "DescribeModel":
            emulator.asked.append(operation)
            return 400, json.dumps({"__type": "ValidationException", "message": 'Could not find model "m".'})
        return emulator(method, operation)

    with scripted(signs_in) as url:
        for words, looked, never in [
            (["apply", "-f", "-"], "DescribeModel", "CreateModel"),
            (["wait", "Endpoint/e"], "DescribeEndpoint", "ListTags"),
        ]:
            emulator.asked.clear()
            emulator.account = OTHER
            write("AKIAFIRST")
            told = cli(*words, *expected, stdin=model("m", OTHER) if "-f" in words else "", code=1, AWS_ENDPOINT_URL=url, **aim)
            assert f"account {OTHER}" in told.err.splitlines()[0]
            why = f"the call is for account {OTHER}, but the credentials in use are for account 222222222222; it was not sent"
            assert why in told.out + told.err, told.out + told.err
            assert emulator.asked.count(looked) == 1 and never not in emulator.asked, emulator.asked
