"""Plans that are kept and then applied exactly, and installations that leave each other's resources alone."""

import hashlib
import json
import random
import stat

import pytest

import harness
from command import Cli, config, endpoint, group, many, model


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


def seal(document):
    """The digest of a plan's document, as any program can count it."""
    said = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return document | {"digest": "sha256:" + hashlib.sha256(text.encode()).hexdigest()}


def keep(cli, *objects, name="plan.json"):
    cli("plan", "--out", name, "-f", "-", stdin=many(*objects))
    return cli.folder / name


def test_a_plan_is_written_for_its_owner_alone_and_applied_as_it_was_shown(cli):
    secret = "hunter2-" + harness.unique("secret")
    served = model("m", cli.account, primaryContainer={"image": harness.SCRIPT_IMAGE, "environment": {"PASSWORD": secret}})
    told = cli("plan", "--out", "plan.json", "-f", "-", stdin=many(served, config("c", "m"), endpoint("e", "c")))
    assert told.lines[-1] == "Plan: 3 to create." and told.err.startswith(cli.target)
    assert told.err.endswith("plan.json: written; it contains the full manifests, including any secrets\n  `sagewright apply plan.json` does what it says\n")
    path = cli.folder / "plan.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and secret in path.read_text()
    assert [p.name for p in cli.folder.iterdir()] == ["plan.json"], "nothing is left beside it"
    document = json.loads(path.read_text())
    assert document == seal(document) and document["account"] == cli.account and document["region"] == "us-east-1"
    shown = cli("plan", "--show", "plan.json")
    assert shown.out == told.out and "Target:" not in shown.err
    assert f"for account {cli.account}, us-east-1, installation default" in shown.err
    value = cli("plan", "--show", "plan.json", "-o", "json").json()
    assert value["digest"] == document["digest"] and [o["action"] for o in value["objects"]] == ["create"] * 3
    cli("plan", "--show", "plan.json", "--exit-code", code=2)
    assert cli("get", "models", "-o", "name").out == "", "neither wrote anything"
    done = cli("apply", "plan.json", "--timeout", "5m")
    assert done.err.startswith(cli.target) and done.lines[-1] == "Done: 3 created."
    assert cli("invoke", "e", "--text", "x").json()["said"] is None
    # What was done already is not what the plan says.
    again = cli("apply", "plan.json", code=1)
    assert again.out == "" and "Endpoint e: the plan was to create; now it would be to do nothing" in again.err


def test_sensitive_values_of_a_kept_plan_are_not_shown(cli):
    path = keep(cli, group("g", modelPackageGroupDescription="of the secret kind"))
    document = json.loads(path.read_text())
    for change in document["plan"]["objects"][0]["decision"]["changes"]:
        change["sensitive"] = change["path"].endswith("Description")
    path.write_text(json.dumps(seal(document)))
    for form in ([], ["-o", "json"], ["-o", "yaml"]):
        told = cli("plan", "--show", "plan.json", *form)
        assert "of the secret kind" not in told.out + told.err and "(sensitive)" in told.out


def test_a_plan_that_was_changed_or_is_none_is_refused_by_name(cli):
    path = keep(cli, group("g"))
    document = json.loads(path.read_text())
    changed = json.loads(path.read_text())
    changed["plan"]["objects"][0]["object"]["spec"]["modelPackageGroupName"] = "other"
    newer = seal(document | {"format": "sagewright.dev/saved-plan/v3"})
    # Its changes do not say where secrets are.
    older = seal(document | {"format": "sagewright.dev/saved-plan/v1"})
    for text, why, help in [
        (json.dumps(changed), "its content does not match its digest", "make a new plan"),
        (json.dumps({k: v for k, v in document.items() if k != "digest"}), "it has no digest", "make a new plan"),
        (json.dumps(newer), "its format is `sagewright.dev/saved-plan/v3`; this version reads `sagewright.dev/saved-plan/v2`", "make a new plan"),
        (json.dumps(older), "its format is `sagewright.dev/saved-plan/v1`; this version reads `sagewright.dev/saved-plan/v2`", "make a new plan"),
        (path.read_text()[:-9], "it is not JSON (", "to apply manifests, name them with -f"),
        ("kind: Model\n", "it is not JSON (", "to apply manifests, name them with -f"),
        (json.dumps(group("g")), "it has no `format`", "to apply manifests, name them with -f"),
        ("[]", "it has no `format`", "to apply manifests, name them with -f"),
    ]:  # fmt: skip
        path.write_text(text)
        for words in (["apply", "plan.json"], ["plan", "--show", "plan.json"]):
            told = cli(*words, code=65)
            assert f"plan.json is not a valid saved plan: {why}" in told.err and help in told.err, (words, told.err)
            assert told.out == "" and "Target:" not in told.err
    assert "cannot read the plan none.json" in cli("apply", "none.json", code=65).err
    assert cli("get", "modelpackagegroups", "-o", "name").out == ""


def test_what_does_not_go_together_is_wrong_usage(cli):
    keep(cli, group("g"))
    for words in (
        ["apply", "plan.json", "-f", "-"], ["apply"], ["plan"], ["plan", "--show", "plan.json", "-f", "-"],
        ["plan", "--out", "x", "--offline", "-f", "-"], ["plan", "--out", "x", "--delete", "-f", "-"],
        ["plan", "--out", "x", "--show", "plan.json"],
    ):  # fmt: skip
        told = cli(*words, stdin=group("g"), code=64)
        assert "cannot be used with" in told.err or "required arguments were not provided" in told.err, told.err
    assert not (cli.folder / "x").exists()


def test_a_plan_is_applied_only_where_it_was_made(cli):
    keep(cli, group("g"))
    other = Cli(cli.cloud, f"{random.randrange(10**11, 10**12)}", cli.folder)
    for caller, words, environment, why in [
        (other, [], {}, f"was made for the account {cli.account}, and this is {other.account}"),
        (cli, ["--region", "eu-west-1"], {}, "was made for the region us-east-1, and this is eu-west-1"),
        (cli, [], {"SAGEWRIGHT_INSTALLATION": "prod"}, "was made for the installation default, and this is prod"),
        (cli, ["--expect-account", "111111111111"], {}, "--expect-account requires account 111111111111"),
    ]:  # fmt: skip
        told = caller("apply", "plan.json", *words, code=1, **environment)
        assert why in told.err and "nothing was done" in told.err and told.out == "", told.err
    for caller in (cli, other):
        assert caller("get", "modelpackagegroups", "-o", "name").out == ""
    assert cli("apply", "plan.json").lines[-1] == "Done: 1 created."


def test_nothing_is_done_when_anything_has_changed_since_the_plan(cli):
    served = [model("m", cli.account), config("c", "m"), endpoint("e", "c", {"team": "vision"})]
    cli("apply", "-f", "-", stdin=many(*served))
    plan = [group("g"), *served[:2], endpoint("e", "c", {"team": "audio"})]
    keep(cli, *plan)
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    arn = sagemaker.describe_endpoint(EndpointName="e")["EndpointArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "nlp"}])
    told = cli("apply", "plan.json", code=1)
    assert "Endpoint e: `tags.team` would change from nlp to audio, not from vision to audio\n  make a new plan" in told.err
    assert told.out == "" and cli("get", "modelpackagegroups", "-o", "name").out == "", "not even what still holds was done"
    keep(cli, *plan)
    assert cli("apply", "plan.json").lines[-1] == "Done: 2 unchanged, 1 created, 1 updated."


def test_a_plan_with_problems_is_not_written(cli):
    cli("apply", "-f", "-", stdin=many(model("m", cli.account), config("c", "m")))
    told = cli("plan", "--out", "plan.json", "-f", "-", stdin=many(model("m", cli.account), config("c", "m", initialInstanceCount=2)), code=1)
    assert "cannot become 2" in told.out and "plan.json was not written: a plan with problems cannot be applied" in told.err
    assert not (cli.folder / "plan.json").exists()
    (cli.folder / "folder").mkdir()
    for path, why in [("folder", "it exists and is not a regular file"), ("none/plan.json", "there is no folder none"), ("/dev/null", "is not a regular file"), ("-", "is not written to standard output")]:
        told = cli("plan", "--out", path, "-f", "-", stdin=group("g"), code=1)
        assert f"cannot write the plan to {path}: " in told.err and why in told.err


def test_a_plan_overwrites_plans_alone(cli):
    own, notes, manifests = cli.folder / "own.json", cli.folder / "notes.txt", json.dumps(group("g"))
    for path, text in [(own, manifests), (notes, "keepme")]:
        path.write_text(text)
        told = cli("plan", "-f", "own.json" if own.exists() else "-", "--out", path.name, stdin=group("g"), code=1)
        assert f"cannot write the plan to {path.name}: it exists and is not a saved plan" in told.err, told.err
        assert "Target:" not in told.err and told.out == "" and path.read_text() == text
    # An empty file is nobody's loss, and a plan makes way for the next one, whole or cut off.
    for text in ["", None, "{\"format\": \"sagewright.dev/saved-plan/v0\", \"made"]:
        if text is not None:
            (cli.folder / "plan.json").write_text(text)
        keep(cli, group("g"))
    assert cli("apply", "plan.json").lines[-1] == "Done: 1 created."


def test_two_installations_leave_each_others_resources_alone(cli):
    """The same file, applied by two clusters to one account."""
    project = cli.folder / ".sagewright.toml"
    project.write_text('installation = "blue"\n')
    told = cli("apply", "-f", "-", stdin=group("fraud"))
    assert told.err.startswith(cli.target.rstrip() + ", installation blue\n") and told.lines[-1] == "Done: 1 created."
    # The variable goes before the file.
    green = {"SAGEWRIGHT_INSTALLATION": "green"}
    for words in (["apply", "-f", "-"], ["plan", "-f", "-"], ["delete", "--yes", "-f", "-"], ["delete", "--yes", "ModelPackageGroup/fraud"]):
        told = cli(*words, stdin=group("fraud") if "-f" in words else "", code=1, **green)
        assert "of the installation `blue`" in told.out, (words, told.out)
    assert cli("plan", "-f", "-", "--exit-code", stdin=group("fraud")).lines[-1] == "Plan: 1 unchanged."
    # An adoption moves it; then it is the other's.
    told = cli("adopt", "ModelPackageGroup/fraud", code=1, **green)
    assert "`--from blue/default/fraud`" in told.err
    cli("adopt", "ModelPackageGroup/fraud", "--from", "blue/default/fraud", **green)
    assert cli("apply", "-f", "-", stdin=group("fraud"), **green).lines[-1] == "Done: 1 unchanged."
    assert "of the installation `green`" in cli("apply", "-f", "-", stdin=group("fraud"), code=1).out
    project.write_text('installation = "Blue"\n')
    assert f"{project}:1: `installation`: `Blue` is not a valid installation name" in cli("get", "models", code=65).err
    assert "SAGEWRIGHT_INSTALLATION is ''" in cli("get", "models", code=64, SAGEWRIGHT_INSTALLATION="").err


SET = ["--prune", "-l", "app=fraud"]


def labelled(*objects):
    for item in objects:
        item["metadata"]["labels"] = {"app": "fraud"}
    return many(*objects)


def deployed(cli, version):
    """Version N: a model, its config, and the endpoint that serves it."""
    name = f"v{version}"
    return labelled(model(name, cli.account), config(name, name), endpoint("live", name))


def test_what_a_set_no_longer_declares_goes_once_all_is_applied(cli):
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=deployed(cli, 1))
    assert told.lines[-1] == "Done: 3 created."
    # Not of the set: without the label, with it but not applied with the set, and retained.
    retained = labelled(group("kept"))["items"][0]
    retained["metadata"]["annotations"] = {"services.k8s.aws/deletion-policy": "retain"}
    cli("apply", "-f", "-", stdin=many(group("other"), labelled(group("plain"))["items"][0]))
    cli("apply", "-f", "-", *SET, "--yes", stdin=many(*deployed(cli, 1)["items"], retained))
    before = harness.everything(cli.cloud, cli.account)
    dry = cli("apply", "-f", "-", *SET, "--dry-run", stdin=deployed(cli, 2))
    assert "Plan: 2 to create, 1 to update.\n" in dry.out and dry.lines[-1] == "Plan: 2 to delete."
    assert "EndpointConfig v1: delete\n" in dry.out and "still used" not in dry.out
    value = cli("apply", "-f", "-", *SET, "--dry-run", "-o", "json", stdin=deployed(cli, 2)).json()
    assert [o["object"]["name"] for o in value["delete"]["objects"]] == ["v1", "v1"] and value["apply"]["changes"]
    told = cli("apply", "-f", "-", *SET, stdin=deployed(cli, 2), code=64)
    assert "--prune may delete resources that the manifests no longer declare, and there is no terminal to confirm on\n  pass --yes" in told.err
    assert harness.everything(cli.cloud, cli.account) == before
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=deployed(cli, 2))
    assert "Plan: 2 to delete." in told.err and told.lines[-1] == "Done: 2 created, 1 updated, 2 deleted."
    assert told.lines.index("EndpointConfig v1: deleted") < told.lines.index("Model v1: deleted")
    # Two that were created at the same time are listed in either order.
    assert sorted(cli("get", "models,endpointconfigs,endpoints,modelpackagegroups", "-o", "name").lines) == [
        "Endpoint/live", "EndpointConfig/v2", "Model/v2", "ModelPackageGroup/kept", "ModelPackageGroup/other", "ModelPackageGroup/plain",
    ]  # fmt: skip
    assert cli("invoke", "live", "--text", "x").json()["said"] == "v2"
    # Nothing is left to do, and nobody is asked about nothing.
    again = cli("apply", "-f", "-", *SET, "--yes", stdin=deployed(cli, 2))
    assert again.lines[-1] == "Done: 3 unchanged." and again.err == cli.target


def test_a_prune_leaves_what_is_still_used_and_what_is_not_its_own(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(model("shared", cli.account), group("g")))
    cli("apply", "-f", "-", stdin=config("theirs", "shared"))
    # Another installation's set of the same label sees nothing of it.
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("other")), SAGEWRIGHT_INSTALLATION="other")
    assert told.lines[-1] == "Done: 1 created." and "delete" not in told.err
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("g")))
    assert "Model shared: kept\n    still used by EndpointConfig/theirs\n" in told.out and told.lines[-1] == "Done: 1 unchanged, 1 kept."
    report = cli("apply", "-f", "-", *SET, "--yes", "-o", "json", stdin=labelled(group("g"))).json()["objects"]
    assert {o["object"]["name"]: (o["outcome"], o["message"]) for o in report} == {
        "g": ("unchanged", ""), "shared": ("retained", "still used by EndpointConfig/theirs"),
    }  # fmt: skip
    cli("delete", "--yes", "EndpointConfig/theirs")
    # What is declared has to go well first.
    taken = labelled(group("g"), group("other"))
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=taken, code=1)
    assert "nothing was deleted, because the apply failed" in told.err and "Model shared: delete\n" in told.err
    assert cli("get", "models", "-o", "name").lines == ["Model/shared"]
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("g")))
    assert told.lines[-1] == "Done: 1 unchanged, 1 deleted."


def test_a_prune_keeps_what_is_not_known_to_be_free(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(model("old", cli.account), group("g")))
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    for i in range(101):
        # The oldest uses it, and is not looked at.
        variant = {"VariantName": "all", "ModelName": "old" if i == 0 else "other", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        if i == 1:
            cli("apply", "-f", "-", stdin=model("other", cli.account))
        sagemaker.create_endpoint_config(EndpointConfigName=f"c-{i}", ProductionVariants=[variant])
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("g")))
    assert "Model old: kept\n    it may still be in use: only the newest 100 of the endpoint configs were looked at\n    --force " in told.out
    assert told.lines[-1] == "Done: 1 unchanged, 1 kept."
    told = cli("apply", "-f", "-", *SET, "--yes", "--force", stdin=labelled(group("g")))
    assert told.lines[-1] == "Done: 1 unchanged, 1 deleted."


@pytest.mark.parametrize("answer,code", [("y\n", 0), ("n\n", 1)])
def test_a_prune_asks_on_a_terminal_before_anything_is_done(cli, answer, code):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("old")))
    (cli.folder / "new.json").write_text(json.dumps(labelled(group("new"))))
    told, ended = cli.asked(answer, "apply", "-f", "new.json", *SET)
    assert ended == code, told.err
    asked = "ModelPackageGroup old: delete\nPlan: 1 to delete.\nApply, and then delete 1 resource? [y/N]\n"
    assert told.err.startswith(cli.target + "ModelPackageGroup new: create\n") and asked in told.err, told.err
    assert cli("get", "modelpackagegroups", "-o", "name").lines == [f"ModelPackageGroup/{'old' if code else 'new'}"]


def test_a_set_is_one_label_that_all_its_objects_bear(cli):
    some = many(labelled(group("g"))["items"][0], group("h"))
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=some, code=65)
    assert "ModelPackageGroup h does not have the label app=fraud; nothing was done" in told.err and told.out == ""
    for words in (["--prune"], ["-l", "app=fraud"], ["--all-namespaces"], [*SET, "--no-wait"], ["--prune", "-l", "app"], ["--prune", "-l", "a=b,c=d"]):
        cli("apply", "-f", "-", *words, stdin=labelled(group("g")), code=64)
    assert "KEY=VALUE" in cli("apply", "-f", "-", "--prune", "-l", "app", stdin=some, code=64).err
    assert cli("get", "modelpackagegroups", "-o", "name").out == ""


def test_a_prune_of_a_renamed_object_deletes_nothing_and_says_so(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("r1"), group("old")))
    renamed = labelled(group("r1"))
    renamed["items"][0]["metadata"]["name"] = "r1new"
    for told in (cli("plan", "-f", "-", *SET, stdin=renamed, code=1), cli("apply", "-f", "-", *SET, "--dry-run", stdin=renamed, code=1)):
        assert "ModelPackageGroup r1: kept\n    ModelPackageGroup r1new declares it now\n" in told.out
        assert "ModelPackageGroup old: delete\n" in told.out and "nothing would be deleted, because the apply would fail\n" in told.err
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=renamed, code=1)
    assert "nothing was deleted, because the apply failed" in told.err
    assert sorted(cli("get", "modelpackagegroups", "-o", "name").lines) == ["ModelPackageGroup/old", "ModelPackageGroup/r1"]


def test_what_leaves_its_set_is_told(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("g")))
    other = labelled(group("g"))
    other["items"][0]["metadata"]["labels"] = {"tier": "t"}
    assert "    it leaves the set app=fraud: no prune deletes it any more\n" in cli("plan", "-f", "-", stdin=other).out
    told = cli("plan", "-f", "-", "--prune", "-l", "tier=t", stdin=other)
    assert "    it leaves the set app=fraud for tier=t: a prune of app=fraud no longer deletes it\n" in told.out
