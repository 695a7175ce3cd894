"""Search over all kinds, with stock boto3 and the SDK's analytics."""

import boto3
import pytest

import harness
from harness import refused, role, unique, wait

sdk = pytest.importorskip("sagemaker")


@pytest.fixture
def own(cloud, account):
    """A client for an account of the test's own: searches see all that an account has."""
    return cloud.client("sagemaker", account=account)


def results(client, resource, *filters, member=None, **arguments):
    if filters:
        arguments["SearchExpression"] = {
            "Filters": [dict(zip(("Name", "Operator", "Value"), one)) for one in filters]
        }
    pages = client.get_paginator("search").paginate(
        Resource=resource, PaginationConfig={"PageSize": 2}, **arguments
    )
    return [result[member or resource] for page in pages for result in page["Results"]]


def test_an_experiment_is_analysed_by_the_sdk(cloud, own, account):
    s3 = cloud.client("s3", account=account)
    bucket, experiment = unique("bucket"), unique("Experiment")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="small/train.csv", Body="\n".join(harness.digits("train", 50)) + "\n")
    own.create_experiment(ExperimentName=experiment)
    names = [unique("job") for _ in range(2)]
    for rounds, name in enumerate(names, 1):
        own.create_trial(TrialName=f"trial-{rounds}", ExperimentName=experiment)
        request = harness.training_job(name, bucket, account=account, rounds=rounds)
        request["ExperimentConfig"] = {
            "ExperimentName": experiment, "TrialName": f"trial-{rounds}", "TrialComponentDisplayName": "Training",
        }
        own.create_training_job(**request)
    for name in names:
        harness.completed(own, name)

    def complete():
        found = listed_components(own, experiment)
        return len(found) == 2 and all(c["Status"]["PrimaryStatus"] == "Completed" for c in found)

    wait(complete, "the trial components")
    session = sdk.Session(
        boto_session=boto3.Session(region_name=harness.REGION), sagemaker_client=own, default_bucket=bucket
    )
    analytics = sdk.analytics.ExperimentAnalytics(
        experiment_name=experiment, sagemaker_session=session, sort_by="Parameters.num_round", sort_order="Descending",
    )
    frame = analytics.dataframe()
    assert list(frame["TrialComponentName"]) == [f"{name}-aws-training-job" for name in reversed(names)]
    assert list(frame["num_round"]) == [2.0, 1.0]
    assert list(frame["Trials"]) == [["trial-2"], ["trial-1"]]
    assert list(frame["Experiments"]) == [[experiment]] * 2
    assert set(frame["DisplayName"]) == {"Training"}
    metrics = own.describe_training_job(TrainingJobName=names[0])["FinalMetricDataList"]
    assert metrics
    for metric in metrics:
        assert frame[f"{metric['MetricName']} - Last"].iloc[1] == pytest.approx(metric["Value"])
    (trial,) = results(own, "ExperimentTrial", ("TrialName", "Equals", "trial-1"), member="Trial")
    assert [c["TrialComponentName"] for c in trial["TrialComponentSummaries"]] == [f"{names[0]}-aws-training-job"]
    (found,) = results(own, "Experiment")
    assert found["ExperimentName"] == experiment
    (component,) = results(
        own, "ExperimentTrialComponent", ("SourceDetail.TrainingJob.TrainingJobName", "Equals", names[1]),
        member="TrialComponent",
    )
    assert component["SourceDetail"]["TrainingJob"]["TrainingJobStatus"] == "Completed"
    names_of = own.get_search_suggestions(
        Resource="ExperimentTrialComponent",
        SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": "num_r"}},
    )["PropertyNameSuggestions"]
    assert names_of == [{"PropertyName": "Parameters.num_round"}]


def listed_components(client, experiment):
    return harness.listed(client, "list_trial_components", ExperimentName=experiment)


def test_models_show_where_they_are_used(sagemaker, model, deploy):
    endpoint = deploy(harness.variant("all", model))
    (found,) = results(sagemaker, "Model", ("Model.ModelName", "Equals", model))
    assert found["Model"]["ModelName"] == model
    assert [e["EndpointName"] for e in found["Endpoints"]] == [endpoint]
    (found,) = results(sagemaker, "Endpoint", ("EndpointName", "Equals", endpoint))
    assert found["EndpointStatus"] == "InService"


def test_kinds_are_found_by_names_tags_and_visibility(own, account):
    tags = [{"Key": "team", "Value": "red"}]
    own.create_experiment(ExperimentName="first", Tags=tags)
    own.create_experiment(ExperimentName="second", Tags=[{"Key": "team", "Value": "blue"}])
    own.create_experiment(ExperimentName="third")

    def names(*filters, **arguments):
        found = results(own, "Experiment", *filters, SortBy="ExperimentName", SortOrder="Ascending", **arguments)
        return [one["ExperimentName"] for one in found]

    assert names(("Tags.team", "Equals", "red")) == ["first"]
    assert names(("Tags.Key", "Equals", "team")) == ["first", "second"]
    assert names(("Tags.team", "NotExists")) == ["third"]
    # A resource without the key is visible.
    assert names(VisibilityConditions=[{"Key": "Tags.team", "Value": "red"}]) == ["first", "third"]
    refused(
        own.search, "ValidationException",
        "The key team of a visibility condition must have the form Tags.<key>.",
        Resource="Experiment", VisibilityConditions=[{"Key": "team", "Value": "red"}],
    )
    refused(
        own.search, "ValidationException", "Unknown property name: Source.Colour",
        Resource="Experiment", SearchExpression={"Filters": [{"Name": "Source.Colour", "Operator": "Exists"}]},
    )
    own.create_project(
        ProjectName="project",
        ServiceCatalogProvisioningDetails={"ProductId": "prod-1", "ProvisioningArtifactId": "pa-1"},
    )
    (project,) = results(own, "Project")
    assert project["ProjectName"] == "project"
    own.create_model_card(ModelCardName="card", Content="{}", ModelCardStatus="Draft")
    (card,) = results(own, "ModelCard", ("ModelCardStatus", "Equals", "Draft"))
    assert card["ModelCardName"] == "card"
    own.create_feature_group(
        FeatureGroupName="group", RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"}, {"FeatureName": "at", "FeatureType": "String"},
        ],
        OnlineStoreConfig={"EnableOnlineStore": True}, RoleArn=role(account),
    )
    (group,) = results(own, "FeatureGroup")
    assert group["FeatureGroupName"] == "group"
    features = results(own, "FeatureMetadata", SortBy="FeatureName", SortOrder="Ascending")
    assert [(f["FeatureGroupName"], f["FeatureName"]) for f in features] == [("group", "at"), ("group", "id")]


def test_pipelines_their_versions_and_executions_are_found(own, account):
    definition = '{"Version": "2020-12-01", "Parameters": [], "Steps": [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]}'
    own.create_pipeline(
        PipelineName="p", PipelineDefinition=definition, ClientRequestToken="t" * 32, RoleArn=role(account)
    )
    own.update_pipeline(PipelineName="p", PipelineDescription="new", PipelineDefinition=definition)
    execution = own.start_pipeline_execution(PipelineName="p", ClientRequestToken="u" * 32)["PipelineExecutionArn"]
    wait(
        lambda: own.describe_pipeline_execution(PipelineExecutionArn=execution)["PipelineExecutionStatus"] == "Failed",
        "the execution fails",
    )
    (pipeline,) = results(own, "Pipeline", ("PipelineName", "Contains", "p"))
    assert pipeline["PipelineDescription"] == "new" and "LastRunTime" in pipeline
    (found,) = results(own, "PipelineExecution", ("PipelineExecutionStatus", "Equals", "Failed"))
    assert found["PipelineExecutionArn"] == execution
    versions = results(own, "PipelineVersion", SortBy="PipelineVersionId", SortOrder="Ascending")
    assert {v["PipelineArn"] for v in versions} == {pipeline["PipelineArn"]}
    assert [v["PipelineVersionId"] for v in versions] == list(range(1, len(versions) + 1))


def test_tuning_jobs_are_found(sagemaker, digits):
    name = unique("tune")
    training = harness.training_job(name, digits)
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "3"}]},
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": harness.SCRIPT_IMAGE, "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=([0-9.]+);"}],
            },
            "StaticHyperParameters": {"seconds": "0"},
            **{key: training[key] for key in ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition")},
        },
    )
    (found,) = results(
        sagemaker, "HyperParameterTuningJob",
        ("HyperParameterTuningJobName", "Equals", name),
        ("HyperParameterTuningJobConfig.Strategy", "Equals", "Random"),
    )
    assert found["HyperParameterTuningJobArn"] == harness.arn("hyper-parameter-tuning-job", name)
    wait(
        lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)[
            "HyperParameterTuningJobStatus"
        ] != "InProgress",
        "the tuning job ends",
    )
