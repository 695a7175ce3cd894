"""Lineage with stock boto3 and the SageMaker SDK: what jobs, packages and endpoints leave, and how it is followed."""

import boto3
import pytest

import harness
from harness import XGBOOST, listed, role, unique, wait

sdk = pytest.importorskip("sagemaker")


@pytest.fixture(scope="module")
def session(cloud):
    """A session of the SDK."""
    aws = boto3.Session(region_name=harness.REGION)
    return sdk.Session(
        boto_session=aws,
        sagemaker_client=cloud.client("sagemaker"),
        sagemaker_runtime_client=cloud.client("sagemaker-runtime"),
        default_bucket="unused",
    )


def component(sagemaker, job, kind="training"):
    """The trial component of a job, once there is one: it comes right after the job's end."""
    name = f"{job}-aws-{kind}-job"

    def look():
        summaries = sagemaker.list_trial_components(
            SourceArn=harness.arn(f"{kind}-job", job)
        )["TrialComponentSummaries"]
        return summaries and summaries[0]["Status"]["PrimaryStatus"] not in ("InProgress", "Stopping")

    wait(look, f"the lineage of {job}")
    return sagemaker.describe_trial_component(TrialComponentName=name)


@pytest.fixture(scope="module")
def chain(cloud, digits):
    """A job, the package of its model, approved, and an endpoint that serves it."""
    sagemaker = cloud.client("sagemaker")
    name = unique("chain")
    request = harness.training_job(name, digits)
    sagemaker.create_training_job(**request)
    told = harness.completed(sagemaker, name)
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": [{"Image": XGBOOST, "ModelDataUrl": told["ModelArtifacts"]["S3ModelArtifacts"]}],
            "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=role(), PrimaryContainer={"ModelPackageName": package}
    )
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[harness.variant("all", name)])
    endpoint = sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)["EndpointArn"]
    harness.in_service(sagemaker, name)
    component(sagemaker, name)
    wait(lambda: sagemaker.list_contexts(SourceUri=endpoint)["ContextSummaries"], "the lineage of the endpoint")
    yield {
        "name": name, "job": told, "package": package, "endpoint": endpoint,
        "data": request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"],
    }
    sagemaker.delete_endpoint(EndpointName=name)


def test_the_sdk_leads_from_an_endpoint_up_to_its_data(sagemaker, session, chain):
    from sagemaker.lineage.context import Context, EndpointContext
    from sagemaker.lineage.query import (
        LineageEntityEnum, LineageFilter, LineageQuery, LineageQueryDirectionEnum, LineageSourceEnum,
    )

    (summary,) = list(Context.list(source_uri=chain["endpoint"], sagemaker_session=session))
    endpoint = EndpointContext.load(context_name=summary.context_name, sagemaker_session=session)
    assert endpoint.context_type == "Endpoint"
    found = LineageQuery(session).query(
        start_arns=[endpoint.context_arn],
        query_filter=LineageFilter(entities=[LineageEntityEnum.ARTIFACT], sources=[LineageSourceEnum.DATASET]),
        direction=LineageQueryDirectionEnum.ASCENDANTS,
        include_edges=False,
    )
    assert [vertex.to_lineage_object().source.source_uri for vertex in found.vertices] == [chain["data"]]
    models = LineageQuery(session).query(
        start_arns=[endpoint.context_arn],
        query_filter=LineageFilter(entities=[LineageEntityEnum.ARTIFACT], sources=[LineageSourceEnum.MODEL]),
        direction=LineageQueryDirectionEnum.ASCENDANTS,
        include_edges=False,
    )
    uris = {vertex.to_lineage_object().source.source_uri for vertex in models.vertices}
    assert uris == {chain["package"], chain["job"]["ModelArtifacts"]["S3ModelArtifacts"]}
    assert [a.source.source_uri for a in endpoint.dataset_artifacts()] == [chain["data"]]
    assert endpoint.training_job_arns() == [chain["job"]["TrainingJobArn"]]
    assert endpoint.pipeline_execution_arn() is None
    (deployment,) = endpoint.actions(LineageQueryDirectionEnum.ASCENDANTS)[:1]
    assert deployment.action_type == "ModelDeployment"


def test_the_sdks_traversals_start_from_models_data_and_actions(sagemaker, session, chain):
    from sagemaker.lineage.action import ModelPackageApprovalAction
    from sagemaker.lineage.artifact import Artifact, DatasetArtifact, ImageArtifact, ModelArtifact
    from sagemaker.lineage.lineage_trial_component import LineageTrialComponent
    from sagemaker.lineage.query import LineageQueryDirectionEnum

    def load(cls, uri):
        (summary,) = list(Artifact.list(source_uri=uri, sagemaker_session=session))
        return cls.load(artifact_arn=summary.artifact_arn, sagemaker_session=session)

    model = load(ModelArtifact, chain["package"])
    assert [a.source.source_uri for a in model.dataset_artifacts()] == [chain["data"]]
    assert [c.source.source_uri for c in model.endpoint_contexts()] == [chain["endpoint"]]
    assert model.training_job_arns() == [chain["job"]["TrainingJobArn"]]
    assert [a.destination_type for a in model.endpoints()] == ["Endpoint"]
    data = load(DatasetArtifact, chain["data"])
    assert chain["endpoint"] in [c.source.source_uri for c in data.endpoint_contexts()]
    image = load(ImageArtifact, XGBOOST)
    assert image.artifact_type == "Image"
    job = LineageTrialComponent.load(
        trial_component_name=f"{chain['name']}-aws-training-job", sagemaker_session=session
    )
    assert [a.source.source_uri for a in job.dataset_artifacts()] == [chain["data"]]
    assert chain["package"] in [a.source.source_uri for a in job.models()]
    approvals = listed(sagemaker, "list_actions", SourceUri=chain["package"], ActionType="Approval")
    states = sorted(a["ActionName"].removeprefix(f"{chain['name']}-1-").split("-")[0] for a in approvals)
    assert states == ["Approved", "PendingManualApproval"]
    approval = ModelPackageApprovalAction.load(action_name=approvals[0]["ActionName"], sagemaker_session=session)
    both = LineageQueryDirectionEnum.BOTH
    assert chain["data"] in [a.source.source_uri for a in approval.datasets(both)]
    assert [c.source.source_uri for c in approval.endpoints()] == [chain["endpoint"]]
    assert len(approval.artifacts(LineageQueryDirectionEnum.DESCENDANTS)) == 1


def test_the_sdks_table_shows_a_job_a_package_and_an_endpoint(session, chain):
    from sagemaker.lineage.visualizer import LineageTableVisualizer

    table = LineageTableVisualizer(session)

    def rows(**what):
        frame = table.show(**what)
        return sorted(tuple(row) for row in frame[["Direction", "Type", "Association Type", "Lineage Type"]].values)

    assert rows(training_job_name=chain["name"]) == [
        ("Input", "DataSet", "ContributedTo", "artifact"),
        ("Input", "Image", "ContributedTo", "artifact"),
        ("Output", "Model", "Produced", "artifact"),
    ]
    assert rows(model_package_arn=chain["package"]) == [
        ("Input", "Approval", "ContributedTo", "action"),
        ("Input", "Approval", "ContributedTo", "action"),
        ("Input", "Image", "ContributedTo", "artifact"),
        ("Input", "Model", "ContributedTo", "artifact"),
        ("Output", "ModelDeployment", "ContributedTo", "action"),
        ("Output", "ModelGroup", "AssociatedWith", "context"),
    ]
    assert rows(endpoint_arn=chain["endpoint"]) == [("Input", "ModelDeployment", "AssociatedWith", "action")]


def test_the_sdk_makes_associates_and_deletes_entities_of_its_own(session):
    from sagemaker.lineage.action import Action
    from sagemaker.lineage.artifact import Artifact
    from sagemaker.lineage.association import Association
    from sagemaker.lineage.context import Context

    name, own = unique(), {"sagemaker_session": session}
    workflow = Context.create(
        context_name=name, context_type="MLWorkflow", source_uri=name, properties={"example": "true"}, **own
    )
    build = Action.create(action_name=name, action_type="ModelBuild", source_uri=name, status="InProgress", **own)
    images = Artifact.create(
        artifact_name="test-images", artifact_type="TestData", source_uri=f"https://example.com/{name}",
        source_types=[{"SourceIdType": "Custom", "Value": name}], **own,
    )
    again = Artifact.create(
        artifact_type="TestData", source_uri=f"https://example.com/{name}",
        source_types=[{"SourceIdType": "Custom", "Value": name}], **own,
    )
    assert again.artifact_arn == images.artifact_arn
    Association.create(
        source_arn=workflow.context_arn, destination_arn=build.action_arn, association_type="AssociatedWith", **own
    )
    Association.create(source_arn=images.artifact_arn, destination_arn=build.action_arn, **own)
    incoming = list(Association.list(destination_arn=build.action_arn, **own))
    assert {a.source_name for a in incoming} == {name, "test-images"}
    build.status = "Completed"
    build.save()
    assert Action.load(action_name=name, **own).status == "Completed"
    build.set_tag({"Key": "team", "Value": "data"})
    # Nothing goes that something is associated with.
    with pytest.raises(Exception, match="cannot be deleted while associations lead from or to it"):
        build.delete()
    build.delete(disassociate=True)
    workflow.delete()
    images.delete()
    assert list(Association.list(source_arn=images.artifact_arn, **own)) == []


def test_processing_and_transform_jobs_have_their_components(cloud, sagemaker, s3, bucket, model):
    s3.put_object(Bucket=bucket, Key="in/a.csv", Body="\n".join(r.split(",", 1)[1] for r in harness.digits("train", 3)))
    name = unique()
    sagemaker.create_transform_job(
        TransformJobName=name, ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/in/"}},
            "ContentType": "text/csv", "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{bucket}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    told = component(sagemaker, name, "transform")
    assert told["Status"]["PrimaryStatus"] == "Completed", told
    assert told["Source"]["SourceType"] == "SageMakerTransformJob"
    assert told["InputArtifacts"]["SageMaker.TransformInput"]["Value"] == f"s3://{bucket}/in/"
    associations = listed(sagemaker, "list_associations", DestinationArn=told["TrialComponentArn"])
    assert [a["SourceType"] for a in associations] == ["DataSet"]


def test_a_killed_cloud_loses_no_lineage(fresh_cloud):
    """Killed right after jobs have ended: what their lineage misses is written by the next process, once."""
    s3, sagemaker = fresh_cloud.client("s3"), fresh_cloud.client("sagemaker")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="small/train.csv", Body="\n".join(harness.digits("train", 50)) + "\n")
    names = [unique() for _ in range(3)]
    for name in names:
        sagemaker.create_training_job(**harness.training_job(name, "data"))
    harness.completed(sagemaker, names[0])
    fresh_cloud.kill()
    fresh_cloud.start()
    sagemaker = fresh_cloud.client("sagemaker")
    for name in names:
        told = harness.completed(sagemaker, name)
        arn = component(sagemaker, name)["TrialComponentArn"]
        incoming = listed(sagemaker, "list_associations", DestinationArn=arn)
        outgoing = listed(sagemaker, "list_associations", SourceArn=arn)
        assert sorted(a["SourceType"] for a in incoming) == ["DataSet", "Image"]
        (model,) = outgoing
        artifact = sagemaker.describe_artifact(ArtifactArn=model["DestinationArn"])
        assert artifact["Source"]["SourceUri"] == told["ModelArtifacts"]["S3ModelArtifacts"]
    assert len(listed(sagemaker, "list_artifacts")) == 2 + len(names)
