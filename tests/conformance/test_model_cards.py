"""Model cards with their versions and exports, with boto3 and the SageMaker SDK."""

import json
import re

import pytest

import harness
from harness import refused, unique, wait
from script_tools import sdk


def content(text, **more):
    return json.dumps({"model_overview": {"model_id": "m", "model_description": text}, **more})


@pytest.fixture
def card(sagemaker):
    name = unique("Card")
    sagemaker.create_model_card(ModelCardName=name, Content=content("first"), ModelCardStatus="Draft", Tags=[{"Key": "team", "Value": "a"}])
    return name


def exported(sagemaker, arn):
    """The description of an export job that has ended."""
    describe = lambda: sagemaker.describe_model_card_export_job(ModelCardExportJobArn=arn)
    wait(lambda: describe()["Status"] != "InProgress", f"{arn} ends")
    return describe()


def read(cloud, uri, account=None):
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return cloud.client("s3", account).get_object(Bucket=bucket, Key=key)["Body"].read()


def objects(pdf):
    """The objects of a PDF by its table, as a reader finds them."""
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    lines = pdf[start:].split(b"\n")
    assert lines[0] == b"xref"
    count = int(lines[1].split()[1])
    places = [int(line.split()[0]) for line in lines[3 : 2 + count]]
    for number, place in enumerate(places, 1):
        assert pdf[place:].startswith(b"%d 0 obj\n" % number)
    return [pdf[place : pdf.index(b"\nendobj", place)] for place in places]


def text(pdf):
    """The text of a PDF's pages."""
    rows = re.findall(rb"\((.*)\) Tj", b"\n".join(objects(pdf)))
    return "\n".join(row.decode("cp1252").replace("\\(", "(").replace("\\)", ")") for row in rows)


def test_a_changed_content_is_a_new_version(sagemaker, card):
    update = lambda **change: sagemaker.update_model_card(ModelCardName=card, **change)
    describe = lambda **which: sagemaker.describe_model_card(ModelCardName=card, **which)
    update(ModelCardStatus="PendingReview")
    update(Content=content("first"))
    assert describe()["ModelCardVersion"] == 1, "the same content is no version"
    update(Content=content("second"))
    update(ModelCardStatus="Approved")
    refused(update, "ValidationException", re.compile("You cannot update both .*"), Content=content("third"), ModelCardStatus="Draft")
    for wrong in ("", "[]", '{"overview": {}}', '{"intended_uses": {"risk_rating": "low"}}'):
        refused(update, "ValidationException", re.compile("Content is not a model card: .*"), Content=wrong)

    told = describe()
    assert (told["ModelCardVersion"], told["Content"], told["ModelCardStatus"]) == (2, content("second"), "Approved")
    first = describe(ModelCardVersion=1)
    assert (first["ModelCardVersion"], first["Content"], first["ModelCardStatus"]) == (1, content("first"), "PendingReview")
    assert first["CreationTime"] == told["CreationTime"]
    refused(describe, "ResourceNotFound", ModelCardVersion=3)
    assert json.loads(describe(IncludedData="MetadataOnly")["Content"]) == {"model_overview": {"model_id": "m"}}

    listed = lambda **which: [
        (version["ModelCardVersion"], version["ModelCardStatus"])
        for page in sagemaker.get_paginator("list_model_card_versions").paginate(ModelCardName=card, **which)
        for version in page["ModelCardVersionSummaryList"]
    ]
    assert listed() == [(2, "Approved"), (1, "PendingReview")]
    assert listed(SortBy="Version", SortOrder="Ascending", PaginationConfig={"PageSize": 1}) == [(1, "PendingReview"), (2, "Approved")]
    assert listed(ModelCardStatus="Approved") == [(2, "Approved")]
    (found,) = sagemaker.list_model_cards(NameContains=card)["ModelCardSummaries"]
    assert (found["ModelCardName"], found["ModelCardStatus"]) == (card, "Approved")


def test_versions_are_listed_by_number(sagemaker, card):
    for number in range(2, 12):
        sagemaker.update_model_card(ModelCardName=card, Content=content(f"{number}"))
    pages = sagemaker.get_paginator("list_model_card_versions").paginate(
        ModelCardName=card, SortBy="Version", SortOrder="Ascending", PaginationConfig={"PageSize": 4}
    )
    assert [v["ModelCardVersion"] for page in pages for v in page["ModelCardVersionSummaryList"]] == list(range(1, 12))


def test_a_deleted_card_leaves_nothing_to_one_of_its_name(sagemaker, card, bucket):
    sagemaker.update_model_card(ModelCardName=card, Content=content("second"))
    job = dict(ModelCardName=card, ModelCardExportJobName="export", OutputConfig={"S3OutputPath": f"s3://{bucket}/cards"})
    arn = sagemaker.create_model_card_export_job(**job)["ModelCardExportJobArn"]
    sagemaker.delete_model_card(ModelCardName=card)
    refused(sagemaker.describe_model_card, "ResourceNotFound", ModelCardName=card)
    refused(sagemaker.describe_model_card_export_job, "ResourceNotFound", ModelCardExportJobArn=arn)
    refused(sagemaker.delete_model_card, "ResourceNotFound", ModelCardName=card)
    sagemaker.create_model_card(ModelCardName=card, Content="{}", ModelCardStatus="Draft")
    assert sagemaker.describe_model_card(ModelCardName=card)["ModelCardVersion"] == 1
    assert len(sagemaker.list_model_card_versions(ModelCardName=card)["ModelCardVersionSummaryList"]) == 1
    refused(sagemaker.describe_model_card_export_job, "ResourceNotFound", ModelCardExportJobArn=arn)


def test_a_card_is_exported_as_a_pdf(cloud, sagemaker, card, bucket):
    words = "Predicts the ages of (wild) abalones – naïvely. " * 200
    details = [{"name": "holdout", "metric_groups": [{"name": "errors", "metric_data": [{"name": "rmse", "type": "number", "value": 2.1}]}]}]
    sagemaker.update_model_card(
        ModelCardName=card, Content=content(words, intended_uses={"risk_rating": "Low"}, evaluation_details=details)
    )
    output = {"S3OutputPath": f"s3://{bucket}/cards/"}
    create = lambda name, **more: sagemaker.create_model_card_export_job(
        **{"ModelCardName": card, "ModelCardExportJobName": name, "OutputConfig": output, **more}
    )["ModelCardExportJobArn"]
    arn = create("latest")
    assert arn == harness.arn("model-card", card) + "/export-job/latest"
    refused(sagemaker.create_model_card_export_job, "ConflictException", ModelCardName=card, ModelCardExportJobName="latest", OutputConfig=output)
    refused(sagemaker.create_model_card_export_job, "ResourceNotFound", ModelCardName=card, ModelCardVersion=7, ModelCardExportJobName="x", OutputConfig=output)
    refused(sagemaker.create_model_card_export_job, "ResourceNotFound", ModelCardName="none", ModelCardExportJobName="x", OutputConfig=output)
    told = exported(sagemaker, arn)
    assert (told["Status"], told["ModelCardVersion"], told["ModelCardName"]) == ("Completed", 2, card)
    uri = told["ExportArtifacts"]["S3ExportArtifacts"]
    assert re.fullmatch(rf"s3://{bucket}/cards/{card}-2-\d+\.pdf", uri)
    pdf = read(cloud, uri)
    assert pdf.startswith(b"%PDF-1.4\n") and pdf.endswith(b"%%EOF\n")
    assert sum(b"/Type /Page " in found for found in objects(pdf)) == len(re.findall(rb"stream\n", pdf)) // 2 > 1
    shown = text(pdf)
    for part in (card, "Version: 2", "Status: Draft", "Risk rating: Low", "Name: rmse", "Value: 2.1", "(wild) abalones – naïvely"):
        assert part in shown, part

    first = exported(sagemaker, create("first", ModelCardVersion=1))
    assert "first" in text(read(cloud, first["ExportArtifacts"]["S3ExportArtifacts"]))
    failed = exported(sagemaker, create("nowhere", OutputConfig={"S3OutputPath": "s3://no-such-bucket/x"}))
    assert failed["Status"] == "Failed" and "no-such-bucket" in failed["FailureReason"] and "ExportArtifacts" not in failed

    listed = lambda **which: sorted(
        job["ModelCardExportJobName"] for job in sagemaker.list_model_card_export_jobs(ModelCardName=card, **which)["ModelCardExportJobSummaries"]
    )
    assert listed() == ["first", "latest", "nowhere"]
    assert listed(StatusEquals="Completed", ModelCardVersion=1) == ["first"]
    assert listed(ModelCardExportJobNameContains="late") == ["latest"]


def test_an_export_survives_a_crash(fresh_cloud):
    sagemaker = fresh_cloud.client("sagemaker")
    fresh_cloud.client("s3").create_bucket(Bucket="cards")
    sagemaker.create_model_card(ModelCardName="c", Content=content("text"), ModelCardStatus="Draft")
    arn = sagemaker.create_model_card_export_job(
        ModelCardName="c", ModelCardExportJobName="e", OutputConfig={"S3OutputPath": "s3://cards"}
    )["ModelCardExportJobArn"]
    fresh_cloud.kill()
    fresh_cloud.start()
    told = exported(fresh_cloud.client("sagemaker"), arn)
    assert "text" in text(read(fresh_cloud, told["ExportArtifacts"]["S3ExportArtifacts"]))
    assert len(fresh_cloud.client("s3").list_objects_v2(Bucket="cards")["Contents"]) == 1


def test_a_packages_own_card_keeps_what_an_update_does_not_name(sagemaker):
    group = unique("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    create = lambda text: sagemaker.create_model_package(
        ModelPackageGroupName=group, ModelCard={"ModelCardContent": text, "ModelCardStatus": "Draft"}
    )["ModelPackageArn"]
    refused(lambda: create("nonsense"), "ValidationException", re.compile("ModelCardContent is not a model card: .*"))
    arn = create('{"intended_uses": {}}')
    update = lambda **card: sagemaker.update_model_package(ModelPackageArn=arn, ModelCard=card)
    update(ModelCardStatus="Archived")
    told = sagemaker.describe_model_package(ModelPackageName=arn)["ModelCard"]
    assert told == {"ModelCardContent": '{"intended_uses": {}}', "ModelCardStatus": "Archived"}
    refused(update, "ValidationException", "Model Card is in Archived state.", ModelCardContent="{}")
    update(ModelCardStatus="Draft")
    update(ModelCardContent="{}")
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelCard"] == {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}


PROGRAM = """
import json, sys
import sagemaker
from sagemaker.model_card import IntendedUses, ModelCard, ModelOverview, RiskRatingEnum

name, bucket = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)
card = ModelCard(
    name=name, status="Draft", model_overview=ModelOverview(model_name="abalone", model_description="ages"),
    intended_uses=IntendedUses(purpose_of_model="to test", risk_rating=RiskRatingEnum.LOW), sagemaker_session=session,
)
card.create()
card.model_overview.model_description = "ages of abalones"
card.update()
uri = card.export_pdf(s3_output_path=f"s3://{bucket}/sdk")
loaded = ModelCard.load(name, sagemaker_session=session)
history = loaded.get_version_history()
jobs = loaded.list_export_jobs()
print("JSON " + json.dumps({
    "uri": uri,
    "version": loaded.version,
    "description": loaded.model_overview.model_description,
    "history": [version["ModelCardVersion"] for version in history],
    "jobs": [job["Status"] for job in jobs["ModelCardExportJobSummaries"]],
}))
card.delete()
"""


def test_the_sdk_creates_updates_and_exports_a_card(cloud, bucket, tmp_path):
    name = unique("sdk")
    (told,) = sdk(cloud, tmp_path / "sdk", PROGRAM, name, bucket)
    assert (told["version"], told["description"], told["history"]) == (2, "ages of abalones", [2, 1])
    assert told["jobs"] == ["Completed"]
    shown = text(read(cloud, told["uri"]))
    # The SDK exports the version that it knows of, which is the first.
    assert name in shown and "ages" in shown
    refused(cloud.client("sagemaker").describe_model_card, "ResourceNotFound", ModelCardName=name)
