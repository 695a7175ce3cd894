"""Kinds that the embedded cloud records, through the command: apply, plan, change, delete, against stock clients' view."""

import json

import pytest

import command
import harness
from command import manifest, many, ref


@pytest.fixture
def cli(cloud, account, tmp_path):
    return command.Cli(cloud, account, tmp_path)


def card(text):
    return json.dumps({"model_overview": {"model_description": text}})


# (kind, spec, what is changed then: a field and its new value, or None where AWS has no update)
PLAIN = [
    ("Action", {"actionName": "a", "actionType": "t", "source": {"sourceURI": "s3://b/k"}, "properties": {"k": "1", "l": "2"}}, ("properties", {"k": "3"})),
    ("AppImageConfig", {"appImageConfigName": "a", "kernelGatewayImageConfig": {"kernelSpecs": [{"name": "python3"}]}}, ("kernelGatewayImageConfig", {"kernelSpecs": [{"name": "r"}]})),
    ("Artifact", {"artifactType": "data", "source": {"sourceURI": "s3://b/k"}, "properties": {"k": "1"}}, ("properties", {"k": "2"})),
    ("Cluster", {"clusterName": "a", "nodeRecovery": "None"}, ("nodeRecovery", "Automatic")),
    ("CodeRepository", {"codeRepositoryName": "a", "gitConfig": {"repositoryURL": "https://example.com/x.git"}}, None),
    ("Context", {"contextName": "a", "contextType": "t", "source": {"sourceURI": "s3://b/k"}, "description": "old"}, ("description", "new")),
    (
        "DataQualityJobDefinition",
        {
            "jobDefinitionName": "a",
            "dataQualityAppSpecification": {"imageURI": "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"},
            "dataQualityJobInput": {"endpointInput": {"endpointName": "e", "localPath": "/opt/ml/processing/in"}},
            "dataQualityJobOutputConfig": {"monitoringOutputs": [{"s3Output": {"s3URI": "s3://b/o", "localPath": "/opt/ml/processing/out"}}]},
            "jobResources": {"clusterConfig": {"instanceCount": 1, "instanceType": "ml.m5.large", "volumeSizeInGB": 20}},
        },
        None,
    ),
    ("Experiment", {"experimentName": "a", "displayName": "old"}, ("displayName", "new")),
    (
        "FeatureGroup",
        {
            "featureGroupName": "a",
            "recordIdentifierFeatureName": "id",
            "eventTimeFeatureName": "at",
            "featureDefinitions": [{"featureName": n, "featureType": "String"} for n in ("id", "at")],
            "onlineStoreConfig": {"enableOnlineStore": True},
        },
        None,
    ),
    ("Hub", {"hubName": "a", "hubDescription": "old"}, ("hubDescription", "new")),
    ("HumanTaskUi", {"humanTaskUIName": "a", "uiTemplate": {"content": "<p>x</p>"}}, None),
    ("ModelCard", {"modelCardName": "a", "content": card("old"), "modelCardStatus": "Draft"}, ("content", card("new"))),
    ("NotebookInstanceLifecycleConfig", {"notebookInstanceLifecycleConfigName": "a", "onStart": [{"content": "ZWNobw=="}]}, ("onStart", [{"content": "bHM="}])),
    ("Pipeline", {"pipelineName": "a", "pipelineDefinition": '{"Version": "2020-12-01", "Steps": []}', "pipelineDescription": "old"}, ("pipelineDescription", "new")),
    ("StudioLifecycleConfig", {"studioLifecycleConfigName": "a", "studioLifecycleConfigAppType": "JupyterLab", "studioLifecycleConfigContent": "ZWNobw=="}, None),
    ("TrialComponent", {"trialComponentName": "a", "parameters": {"depth": {"numberValue": 3}, "loss": {"stringValue": "l2"}}}, ("parameters", {"depth": {"numberValue": 4}})),
    ("Workforce", {"workforceName": "a", "cognitoConfig": {"userPool": "us-east-1_a", "clientID": "c"}, "sourceIPConfig": {"cidrs": ["10.0.0.0/16"]}}, ("sourceIPConfig", {"cidrs": ["10.1.0.0/16"]})),
]
WITH_ROLE = ("FeatureGroup", "DataQualityJobDefinition", "Pipeline")


def settled(cli, *objects):
    """Applied, these objects are as declared: another plan finds nothing to do."""
    cli("apply", "-f", "-", stdin=many(*objects))
    cli("plan", "--exit-code", "-f", "-", stdin=many(*objects))


@pytest.mark.parametrize(("kind", "spec", "change"), PLAIN, ids=[kind for kind, *_ in PLAIN])
def test_a_recorded_kind_is_applied_changed_and_deleted(cli, kind, spec, change):
    if kind in WITH_ROLE:
        spec = {**spec, "roleARN": harness.role(cli.account)}
    first = manifest(kind, "mine", {"team": "a"}, **spec)
    settled(cli, first)
    assert len(cli("get", kind).lines) == 2
    if change:
        field, value = change
        second = manifest(kind, "mine", {"team": "b"}, **{**spec, field: value})
        cli("plan", "--exit-code", "-f", "-", stdin=second, code=2)
        settled(cli, second)
        # What was declared before is another value now.
        cli("plan", "--exit-code", "-f", "-", stdin=first, code=2)
    assert cli("delete", "--yes", "-f", "-", stdin=first).lines[-1] == "Done: 1 deleted."
    assert cli("plan", "-f", "-", stdin=first).lines[-1] == "Plan: 1 to create."


def test_a_domain_with_its_profiles_and_spaces_goes_by_ids_out_of_arns(cli, cloud):
    settings = {"executionRole": harness.role(cli.account)}
    domain = manifest("Domain", "lab", domainName="lab", authMode="IAM", defaultUserSettings=settings, subnetIDs=["subnet-1"], vpcID="vpc-1")
    profile = manifest("UserProfile", "ann", domainRef=ref("lab"), userProfileName="ann")
    space = manifest("Space", "shared", domainRef=ref("lab"), spaceName="shared", spaceDisplayName="old")
    app = manifest("App", "jupyter", domainRef=ref("lab"), userProfileRef=ref("ann"), appName="default", appType="JupyterLab")
    settled(cli, domain, profile, space, app)
    space["spec"]["spaceDisplayName"] = "new"
    settled(cli, domain, profile, space, app)
    sagemaker = cloud.client("sagemaker", cli.account)
    (told,) = sagemaker.list_domains()["Domains"]
    assert sagemaker.describe_space(DomainId=told["DomainId"], SpaceName="shared")["SpaceDisplayName"] == "new"
    (listed,) = cli("get", "domain").table()
    assert listed["DOMAIN-ID"] == told["DomainId"]
    assert cli("delete", "--yes", "-f", "-", stdin=many(domain, profile, space, app)).lines[-1] == "Done: 4 deleted."
    assert sagemaker.list_domains()["Domains"] == []


def test_a_version_of_an_image_is_marked_in_its_release_notes(cli, cloud):
    image = manifest("Image", "base", imageName="base", roleARN=harness.role(cli.account))
    first = manifest("ImageVersion", "base-1", imageRef=ref("base"), baseImage="123456789012.dkr.ecr.us-east-1.amazonaws.com/base:1", releaseNotes="first")
    settled(cli, image, first)
    first["spec"]["releaseNotes"] = "the first"
    settled(cli, image, first)
    sagemaker = cloud.client("sagemaker", cli.account)
    told = sagemaker.describe_image_version(ImageName="base")
    assert told["Version"] == 1 and told["ReleaseNotes"].startswith("the first [sagewright.dev/owner=")
    assert cli("delete", "--yes", "-f", "-", stdin=many(image, first)).lines[-1] == "Done: 2 deleted."


def test_a_workteam_is_read_from_where_it_is_nested(cli):
    force = manifest("Workforce", "force", workforceName="force", cognitoConfig={"userPool": "us-east-1_a", "clientID": "c"})
    members = [{"cognitoMemberDefinition": {"userPool": "us-east-1_a", "userGroup": "g", "clientID": "c"}}]
    team = manifest("Workteam", "team", workteamName="team", description="old", memberDefinitions=members)
    settled(cli, force, team)
    team["spec"]["description"] = "new"
    settled(cli, force, team)
    assert cli("delete", "--yes", "-f", "-", stdin=many(force, team)).lines[-1] == "Done: 2 deleted."


def test_a_running_notebook_is_stopped_for_an_update_and_started_again(cli, cloud):
    spec = {"notebookInstanceName": "nb", "instanceType": "ml.t3.medium", "roleARN": harness.role(cli.account)}
    setup = manifest("NotebookInstanceLifecycleConfig", "setup", notebookInstanceLifecycleConfigName="setup")
    notebook = manifest("NotebookInstance", "nb", lifecycleConfigRef=ref("setup"), **spec)
    settled(cli, setup, notebook)
    sagemaker = cloud.client("sagemaker", cli.account)

    def told():
        return sagemaker.describe_notebook_instance(NotebookInstanceName="nb")

    assert told()["NotebookInstanceLifecycleConfigName"] == "setup"
    larger = manifest("NotebookInstance", "nb", **{**spec, "instanceType": "ml.t3.large"})
    assert "updated" in cli("apply", "-f", "-", stdin=larger).lines[-1]
    cli("plan", "--exit-code", "-f", "-", stdin=larger)
    assert told()["NotebookInstanceStatus"] == "InService" and told()["InstanceType"] == "ml.t3.large"
    tags = sagemaker.list_tags(ResourceArn=told()["NotebookInstanceArn"])["Tags"]
    assert [t["Key"] for t in tags] == ["sagewright.dev/owner"]
    # Whoever stops it finds it stopped, also after an update.
    sagemaker.stop_notebook_instance(NotebookInstanceName="nb")
    harness.wait(lambda: told()["NotebookInstanceStatus"] == "Stopped", "the notebook's stop")
    settled(cli, manifest("NotebookInstance", "nb", **{**spec, "instanceType": "ml.t3.xlarge"}))
    assert told()["NotebookInstanceStatus"] == "Stopped" and told()["InstanceType"] == "ml.t3.xlarge"
    sagemaker.start_notebook_instance(NotebookInstanceName="nb")
    assert cli("delete", "--yes", "-f", "-", stdin=larger).lines[-1] == "Done: 1 deleted."


def test_content_and_status_of_a_model_card_change_together(cli, cloud):
    settled(cli, manifest("ModelCard", "c", modelCardName="c", content=card("old"), modelCardStatus="Draft"))
    settled(cli, manifest("ModelCard", "c", modelCardName="c", content=card("new"), modelCardStatus="Archived"))
    told = cloud.client("sagemaker", cli.account).describe_model_card(ModelCardName="c")
    assert told["ModelCardStatus"] == "Archived" and "new" in told["Content"]
