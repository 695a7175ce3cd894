"""What a delete and a prune leave alone: what something else still uses, and what is not theirs to delete."""

import json

import pytest

import harness
from command import Cli, config, endpoint, group, manifest, many, model, ref

SET = ["--prune", "-l", "app=fraud"]


@pytest.fixture
def cli(cloud, account, tmp_path):
    return Cli(cloud, account, tmp_path)


def labelled(*objects, namespace=None):
    for item in objects:
        item["metadata"]["labels"] = {"app": "fraud"}
        if namespace:
            item["metadata"]["namespace"] = namespace
    return many(*objects)


def version(cli):
    """A model package in a group, without a job."""
    specification = {"containers": [{"image": harness.SCRIPT_IMAGE}], "supportedContentTypes": ["text/csv"], "supportedResponseMIMETypes": ["text/csv"]}
    return manifest("ModelPackage", "vg-1", modelPackageGroupRef=ref("vg"), inferenceSpecification=specification)


def left(cli, kinds="models,endpointconfigs,endpoints,modelpackagegroups"):
    return sorted(cli("get", kinds, "-o", "name").lines)


def served(cli):
    items = [model("m", cli.account), config("c", "m"), endpoint("e", "c")]
    cli("apply", "-f", "-", stdin=many(*items))
    return items


def test_what_is_still_used_is_deleted_only_when_that_is_insisted_on(cli):
    the_model, the_config, _ = served(cli)
    why = "the endpoint config `c` is still used by Endpoint/e"
    for words, stdin in [(["EndpointConfig/c"], ""), (["-f", "-"], the_config)]:
        told = cli("delete", "--yes", *words, stdin=stdin, code=1)
        assert told.lines[0] == "EndpointConfig c: refused" and why in told.lines[1], told.out
        assert "sagewright delete --force" in told.out and told.lines[-1] == "Incomplete: 1 refused."
        dry = cli("delete", "--dry-run", *words, stdin=stdin, code=1)
        assert f"    {why}\n" in dry.out and dry.lines[-1] == "Plan: 1 refused."
        done = cli("delete", "--yes", *words, "-o", "json", stdin=stdin, code=1).json()
        assert (done["ok"], done["objects"][0]["outcome"], done["objects"][0]["usedBy"]) == (False, "refused", ["Endpoint/e"])
    # What the refused object needs stays with it; a user that is no object of the command counts too.
    told = cli("delete", "--yes", "-f", "-", stdin=many(the_model, the_config), code=1)
    assert told.lines[-1] == "Incomplete: 1 refused, 1 blocked." and left(cli) == ["Endpoint/e", "EndpointConfig/c", "Model/m"]
    assert "still used by EndpointConfig/c" in cli("delete", "--yes", "Model/m", code=1).out
    # What goes in the same command is no user, whether it is named by files or one by one.
    told = cli("delete", "--yes", "Model/m", "EndpointConfig/c", "Endpoint/e")
    assert told.lines == ["Endpoint e: deleted", "EndpointConfig c: deleted", "Model m: deleted", "Done: 3 deleted."]
    served(cli)
    told = cli("delete", "--yes", "--force", "EndpointConfig/c")
    assert told.lines[-1] == "Done: 1 deleted." and "warning: EndpointConfig c was deleted, and Endpoint/e still uses it\n" in told.err
    assert left(cli) == ["Endpoint/e", "Model/m"]


def test_a_group_with_versions_is_refused_at_once(cli):
    cli("apply", "-f", "-", stdin=many(group("vg"), version(cli)))
    assert "still used by ModelPackage/vg/1" in cli("delete", "--yes", "ModelPackageGroup/vg", code=1).out
    assert cli("delete", "--yes", "-f", "-", stdin=many(group("vg"), version(cli))).lines[-1] == "Done: 2 deleted."


def test_what_a_prune_keeps_is_told_wherever_it_tells(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("vg"), version(cli), group("old")))
    kept = "ModelPackageGroup vg: kept\n    still used by ModelPackage/vg/1\n"
    dry = cli("apply", "-f", "-", *SET, "--dry-run", stdin=labelled(group("new")))
    assert kept in dry.out and dry.lines[-1] in ("Plan: 1 to delete, 1 kept.", "Plan: 1 kept, 1 to delete.")
    value = cli("apply", "-f", "-", *SET, "--dry-run", "-o", "json", stdin=labelled(group("new"))).json()["delete"]["objects"]
    assert {o["object"]["name"]: (o["action"], o["usedBy"]) for o in value} == {"vg": ("none", ["ModelPackage/vg/1"]), "old": ("delete", [])}
    done = cli("apply", "-f", "-", *SET, "--yes", "-o", "json", stdin=labelled(group("new"))).json()
    told = {o["object"]["name"]: o for o in done["objects"]}
    assert {name: o["outcome"] for name, o in told.items()} == {"new": "created", "vg": "retained", "old": "deleted"}
    assert told["vg"]["usedBy"] == ["ModelPackage/vg/1"] and done["ok"]
    again = cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("new")))
    assert kept in again.out and again.lines[-1] == "Done: 1 unchanged, 1 kept."


def test_a_config_that_the_declared_endpoint_leaves_goes_and_one_that_it_will_use_stays(cli):
    def declared(*names, serves):
        configs = [config(name, "m") for name in names]
        return labelled(model("m", cli.account), *configs, endpoint("live", serves))

    cli("apply", "-f", "-", *SET, "--yes", stdin=declared("v1", "v2", serves="v1"))
    # The endpoint moves on to v2: v1 is in use only until then.
    dry = cli("apply", "-f", "-", *SET, "--dry-run", stdin=declared("v2", serves="v2"))
    assert "EndpointConfig v1: delete\n" in dry.out and "still used" not in dry.out and dry.lines[-1] == "Plan: 1 to delete."
    assert cli("plan", "-f", "-", *SET, "--exit-code", stdin=declared("v2", serves="v2"), code=2).out == dry.out
    assert cli("apply", "-f", "-", *SET, "--yes", stdin=declared("v2", serves="v2")).lines[-1] == "Done: 2 unchanged, 1 updated, 1 deleted."
    # The files forget a config that the endpoint of the same files names.
    dry = cli("apply", "-f", "-", *SET, "--dry-run", stdin=declared(serves="v2"))
    assert "EndpointConfig v2: kept\n    still used by Endpoint/live\n" in dry.out
    assert cli("plan", "-f", "-", *SET, "--exit-code", stdin=declared(serves="v2")).lines[-1] == "Plan: 1 kept."


def test_one_run_deletes_what_is_stopped_first_and_what_listings_show_without_an_arn(cli):
    """A notebook is stopped before it is deleted; user profiles and spaces are listed without ARNs."""
    role = harness.role(cli.account)
    studio = manifest(
        "Domain", "studio", domainName="studio", authMode="IAM", defaultUserSettings={"executionRole": role},
        vpcID="vpc-1", subnetIDs=["subnet-1"],
    )  # fmt: skip
    user = manifest("UserProfile", "ann", userProfileName="ann", domainRef=ref("studio"))
    setup = manifest("NotebookInstanceLifecycleConfig", "setup", notebookInstanceLifecycleConfigName="setup")
    notebook = manifest(
        "NotebookInstance", "nb", notebookInstanceName="nb", instanceType="ml.t3.medium", roleARN=role, lifecycleConfigName="setup"
    )
    cli("apply", "-f", "-", *SET, "--yes", "--timeout", "5m", stdin=labelled(studio, user, setup, notebook, group("g")))
    told = cli("apply", "-f", "-", *SET, "--yes", "--timeout", "5m", stdin=labelled(group("g")))
    assert told.lines[-1] == "Done: 1 unchanged, 4 deleted.", told.out + told.err
    assert told.lines.index("NotebookInstance nb: deleted") < told.lines.index("NotebookInstanceLifecycleConfig setup: deleted")
    assert told.lines.index("UserProfile ann: deleted") < told.lines.index("Domain studio: deleted")


def test_a_prune_stays_in_the_namespaces_of_its_files(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("x1"), group("x2"), namespace="team-x"))
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("y1"), namespace="team-y"))
    assert told.lines[-1] == "Done: 1 created."
    assert "2 objects of the set are in the namespace team-x and are kept: --all-namespaces deletes there, too\n" in told.err
    told = cli("apply", "-f", "-", *SET, "-A", "--yes", stdin=labelled(group("y1"), namespace="team-y"))
    assert told.lines[-1] == "Done: 1 unchanged, 2 deleted." and left(cli) == ["ModelPackageGroup/y1"]
    # Of a namespace that the files name, the last object but those goes.
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("y2"), namespace="team-y"))
    assert left(cli) == ["ModelPackageGroup/y2"]


def test_a_whole_set_is_deleted_by_its_label(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(model("m", cli.account), config("c", "m")))
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("theirs"), namespace="team-x"))
    cli("apply", "-f", "-", stdin=group("plain"))
    assert "this may delete resources of the set app=fraud, and there is no terminal to confirm on" in cli("delete", "-l", "app=fraud", code=64).err
    dry = cli("delete", "-l", "app=fraud", "--dry-run")
    assert dry.lines == ["EndpointConfig c: delete", "Model m: delete", "Plan: 2 to delete."]
    assert "1 object of the set is in the namespace team-x and is kept" in dry.err
    assert cli("delete", "-l", "app=fraud", "--yes").lines[-1] == "Done: 2 deleted."
    assert cli("delete", "-l", "app=fraud", "--yes", "-n", "team-x").lines[-1] == "Done: 1 deleted."
    assert cli("delete", "-l", "app=fraud", "--yes", "-A").lines[-1] == "Done: nothing to do." and left(cli) == ["ModelPackageGroup/plain"]
    # Whoever prunes down to nothing is told of it.
    (cli.folder / "empty").mkdir()
    told = cli("apply", "-f", "empty", *SET, "--yes", code=65)
    assert "no manifests in empty" in told.flat and "`sagewright delete -l LABEL`" in told.flat


def test_a_resource_changes_hands_by_name_and_lives_on(cli):
    kept = group("production")
    kept["metadata"] = {"name": "cars", "namespace": "team-a", "annotations": {"services.k8s.aws/deletion-policy": "retain"}}
    cli("apply", "-f", "-", stdin=kept)
    assert cli("delete", "--yes", "-f", "-", stdin=kept).lines[-1] == "Done: 1 kept."
    renamed = group("production")
    renamed["metadata"] = {"name": "autos", "namespace": "team-b"}
    command = "adopt ModelPackageGroup/production --as autos --namespace team-b --from team-a/cars"
    for verb in ("plan", "apply"):
        assert f"`sagewright {command}`" in cli(verb, "-f", "-", stdin=renamed, code=1).out
    told = cli("adopt", "ModelPackageGroup/production", "--as", "autos", "-n", "team-b", code=1)
    assert "it belongs to the object team-a/cars" in told.err and "`--from team-a/cars`" in told.err
    assert cli(*command.split()).out == "ModelPackageGroup team-b/autos: adopted from team-a/cars\n"
    assert cli("apply", "-f", "-", stdin=renamed).lines[-1] == "Done: 1 unchanged."
    assert cli("get", "modelpackagegroups", "-o", "wide").table()[0]["OWNER"] == "team-b/autos"
    # What another installation owns is shown as such.
    assert cli("get", "modelpackagegroups", "-o", "wide", SAGEWRIGHT_INSTALLATION="blue").table()[0]["OWNER"] == "default/team-b/autos"


def test_what_is_adopted_from_a_set_is_of_none(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("mover")))
    cli("adopt", "ModelPackageGroup/mover", "--from", "default/default/mover", SAGEWRIGHT_INSTALLATION="blue")
    told = cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("new")), SAGEWRIGHT_INSTALLATION="blue")
    assert told.lines[-1] == "Done: 1 created." and left(cli) == ["ModelPackageGroup/mover", "ModelPackageGroup/new"]


def test_an_export_keeps_its_object_in_its_set(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("g")))
    exported = cli("export", "ModelPackageGroup/g", "-o", "json").json()
    assert exported["metadata"]["labels"] == {"app": "fraud"}
    assert cli("plan", "-f", "-", *SET, "--exit-code", stdin=exported).lines[-1] == "Plan: 1 unchanged."


def environment(secret):
    return {"image": harness.SCRIPT_IMAGE, "environment": {"DB_PASSWORD": secret, "EPOCHS": "3"}}


def test_values_that_are_secret_by_their_names_are_shown_only_to_who_asks(cli):
    def declared(secret):
        item = model("m", cli.account, primaryContainer=environment(secret))
        item["spec"]["tags"] = [{"key": "api_token", "value": secret}]
        return item

    def hidden(told, *secrets):
        assert not any(secret in told.out + told.err for secret in secrets), told.out + told.err
        assert "(sensitive)" in told.out + told.err

    for form in ([], ["-o", "json"], ["-o", "yaml"]):
        told = cli("plan", *form, "-f", "-", stdin=declared("hunter2"))
        hidden(told, "hunter2")
        assert "EPOCHS" in told.out and "DB_PASSWORD" in told.out
        assert "hunter2" in cli("plan", *form, "--show-secrets", "-f", "-", stdin=declared("hunter2")).out
    cli("plan", "-f", "-", "--out", "m.plan", stdin=declared("hunter2"))
    hidden(cli("plan", "--show", "m.plan"), "hunter2")
    assert "hunter2" in cli("plan", "--show", "m.plan", "--show-secrets").out
    hidden(cli("apply", "m.plan", "-o", "json"), "hunter2")
    # What cannot be changed is told without its values, and so is a plan that does not hold any more.
    hidden(cli("plan", "-f", "-", stdin=declared("hunter3"), code=1), "hunter2", "hunter3")
    told = cli("apply", "-f", "-", stdin=declared("hunter3"), code=1)
    assert "environment.DB_PASSWORD has another value, and cannot be changed" in told.out and "hunter" not in told.out + told.err
    tagged = group("g", tags={"api_token": "first-secret"})
    cli("apply", "-f", "-", stdin=tagged)
    changed = group("g", tags={"api_token": "second-secret"})
    cli("plan", "-f", "-", "--out", "g.plan", stdin=changed)
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName="g")["ModelPackageGroupArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "api_token", "Value": "third-secret"}])
    told = cli("apply", "g.plan", code=1)
    assert "`tags.api_token` would change from (sensitive) to (sensitive)" in told.err
    hidden(told, "first-secret", "second-secret", "third-secret")


def test_an_apply_shows_its_plan_when_asked_and_asks_nothing(cli):
    told = cli("apply", "-f", "-", "--dry-run", stdin=group("g"))
    assert told.lines[-1] == "Plan: 1 to create." and left(cli) == []
    assert cli("apply", "-f", "-", "--yes", stdin=group("g")).lines[-1] == "Done: 1 created."


def test_an_apply_tells_what_its_plan_notes(cli):
    served(cli)
    told = cli("apply", "-f", "-", stdin=many(config("c2", "m", initialInstanceCount=2), endpoint("e", "c2")))
    assert "retainAllVariantProperties is true: variants that run already keep their instance counts" in told.err
    item = endpoint("e", "c3")
    item["spec"]["retainAllVariantProperties"] = False
    told = cli("apply", "-f", "-", "--timeout", "5m", stdin=many(config("c3", "m", initialInstanceCount=2), item))
    assert "retainAllVariantProperties" not in told.err and told.lines[-1] == "Done: 1 created, 1 updated."
    variant = cli.cloud.client("sagemaker", cli.account).describe_endpoint(EndpointName="e")["ProductionVariants"][0]
    assert variant["DesiredInstanceCount"] == 2


def test_a_terminal_is_shown_the_apply_that_it_is_asked_about(cli):
    cli("apply", "-f", "-", *SET, "--yes", stdin=labelled(group("old")))
    (cli.folder / "new.json").write_text(json.dumps(labelled(group("new"))))
    told, code = cli.asked("n\n", "apply", "-f", "new.json", *SET)
    shown = told.err.index("ModelPackageGroup new: create\n")
    assert shown < told.err.index("Plan: 1 to create.\n") < told.err.index("ModelPackageGroup old: delete\n")
    assert code == 1 and left(cli) == ["ModelPackageGroup/old"]


def test_logins_in_urls_are_hidden_and_tokens_of_text_are_shown(cli):
    shown = {"pad_token": "<pad>", "token_count": "7", "DB_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:1:secret:x"}
    secret = {"DATABASE_URL": "postgres://user:hunter2@db.example/main", "SENTRY_DSN": "https://hunter2@sentry.example/1", "AUTH_HEADER": "Basic hunter2"}
    item = model("m", cli.account, primaryContainer={"image": harness.SCRIPT_IMAGE, "environment": {**shown, **secret}})
    for form in ([], ["-o", "json"]):
        told = cli("plan", *form, "-f", "-", stdin=item)
        assert "hunter2" not in told.out + told.err and all(value in told.out for value in shown.values()), told.out
        assert "postgres://***@db.example/main" in told.out and "https://***@sentry.example/1" in told.out
    assert "postgres://user:hunter2@db.example/main" in cli("plan", "--show-secrets", "-f", "-", stdin=item).out


def test_two_resources_of_one_owner_are_not_taken_for_one(cli):
    cli("apply", "-f", "-", stdin=many(group("a"), group("b")))
    sagemaker = cli.cloud.client("sagemaker", cli.account)
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName="b")["ModelPackageGroupArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "sagewright.dev/owner", "Value": "default/default/a"}])
    told = cli("delete", "--yes", "ModelPackageGroup/a", "ModelPackageGroup/b", code=1)
    assert "ModelPackageGroup/a and ModelPackageGroup/b both have the owner ModelPackageGroup a; nothing was deleted" in told.err
    assert len(left(cli)) == 2
    # Named twice is meant once.
    told = cli("delete", "--yes", "ModelPackageGroup/a", "ModelPackageGroup/a")
    assert told.lines[-1] == "Done: 1 deleted." and left(cli) == ["ModelPackageGroup/b"]


def test_a_model_whose_endpoint_lost_its_config_may_be_in_use(cli):
    served(cli)
    cli("delete", "--yes", "--force", "EndpointConfig/c")
    why = "the endpoint `e` may use it: its endpoint config `c` is not there any more"
    assert f"    {why}\n" in cli("delete", "--dry-run", "Model/m").out
    told = cli("delete", "--yes", "Model/m")
    assert f"warning: Model m may still be in use: {why}\n" in told.err


def test_what_has_no_status_and_is_not_deleted_in_time_is_said_to_be_there(cli):
    cli("apply", "-f", "-", stdin=model("m", cli.account))
    assert "was not deleted within 1 s; it is still there" in cli("wait", "Model/m", "--for", "deleted", "--timeout", "1s", code=3).err
