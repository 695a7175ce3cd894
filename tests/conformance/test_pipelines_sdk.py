"""Pipelines of the SageMaker SDK: whole executions, from the definition to the registered model."""

import json

import pytest

import harness
from harness import PYTHON_IMAGE, XGBOOST, refused, role, unique
from pipeline_tools import ended, steps, succeeded

SPLIT = """
import os, pathlib
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "processing"
lines = [line for file in sorted((base / "input").glob("*.csv")) for line in file.read_text().splitlines()]
cut = len(lines) * 4 // 5
for name, part in (("train", lines[:cut]), ("test", lines[cut:])):
    (base / name).mkdir(parents=True, exist_ok=True)
    (base / name / "rows.csv").write_text("\\n".join(part) + "\\n")
"""

EVALUATE = """
import json, os, pathlib, tarfile
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "processing"
(model,) = (base / "model").glob("*.tar.gz")
files = tarfile.open(model).getnames()
rows = len((base / "test/rows.csv").read_text().splitlines())
(base / "evaluation").mkdir(parents=True, exist_ok=True)
report = {"metrics": {"rows": {"value": rows}, "files": files}}
(base / "evaluation/evaluation.json").write_text(json.dumps(report))
"""


@pytest.fixture
def sdk(cloud, bucket, monkeypatch):
    """A pipeline session of the SDK on the shared cloud."""
    for name, value in cloud.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    import boto3
    from sagemaker.workflow.pipeline_context import PipelineSession

    # boto3's own session is the process's, with the credentials of whoever made it.
    return PipelineSession(boto_session=boto3.Session(), default_bucket=bucket)


def abalone(sdk, folder, group, **changes):
    """The pipeline that SageMaker's own samples have: process, train, evaluate, decide, register."""
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.model import Model
    from sagemaker.model_metrics import MetricsSource, ModelMetrics
    from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
    from sagemaker.workflow.condition_step import ConditionStep
    from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
    from sagemaker.workflow.fail_step import FailStep
    from sagemaker.workflow.functions import Join, JsonGet
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.parameters import ParameterInteger, ParameterString
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.properties import PropertyFile
    from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep

    (folder / "split.py").write_text(SPLIT)
    (folder / "evaluate.py").write_text(EVALUATE)
    data = ParameterString("InputData", default_value=f"s3://{sdk.default_bucket()}/input")
    rounds = ParameterInteger("Rounds", default_value=1)
    least = ParameterInteger("LeastRows", default_value=10)
    approval = ParameterString("Approval", default_value="PendingManualApproval")
    cache = CacheConfig(enable_caching=True, expire_after="PT1H")

    script = ScriptProcessor(
        image_uri=PYTHON_IMAGE, command=["python3"], role=role(), instance_count=1, instance_type="ml.m5.xlarge",
        sagemaker_session=sdk,
    )
    process = ProcessingStep(
        "Process", cache_config=cache, step_args=script.run(
            code=str(folder / "split.py"),
            inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input")],
            outputs=[
                ProcessingOutput(output_name="train", source="/opt/ml/processing/train"),
                ProcessingOutput(output_name="test", source="/opt/ml/processing/test"),
            ],
        ),
    )
    estimator = Estimator(
        image_uri=XGBOOST, role=role(), instance_count=1, instance_type="ml.m5.xlarge", sagemaker_session=sdk,
        output_path=f"s3://{sdk.default_bucket()}/models",
    )
    estimator.set_hyperparameters(objective="multi:softmax", num_class=10, num_round=rounds)
    rows = process.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    train = TrainingStep(
        "Train", cache_config=cache, step_args=estimator.fit({"train": TrainingInput(rows, content_type="text/csv")})
    )
    report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        "Evaluate", property_files=[report], step_args=script.run(
            code=str(folder / "evaluate.py"),
            inputs=[
                ProcessingInput(train.properties.ModelArtifacts.S3ModelArtifacts, "/opt/ml/processing/model"),
                ProcessingInput(
                    process.properties.ProcessingOutputConfig.Outputs["test"].S3Output.S3Uri, "/opt/ml/processing/test"
                ),
            ],
            outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
        ),
    )
    model = Model(
        image_uri=XGBOOST, model_data=train.properties.ModelArtifacts.S3ModelArtifacts, role=role(), sagemaker_session=sdk
    )
    output = evaluate.arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    metrics = ModelMetrics(model_statistics=MetricsSource(
        s3_uri=Join(on="/", values=[output, "evaluation.json"]), content_type="application/json"
    ))
    register = ModelStep("Register", step_args=model.register(
        content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"], model_package_group_name=group, approval_status=approval, model_metrics=metrics,
    ))
    create = ModelStep("Create", step_args=model.create(instance_type="ml.m5.large"))
    fail = FailStep("TooFew", error_message=Join(on=" ", values=["Fewer rows than", least]))
    value = JsonGet(step_name=evaluate.name, property_file=report, json_path="metrics.rows.value")
    decide = ConditionStep(
        "Decide", conditions=[ConditionGreaterThanOrEqualTo(left=value, right=least)],
        if_steps=[register, create], else_steps=[fail],
    )
    return Pipeline(
        name=unique("Abalone"), parameters=[data, rounds, least, approval], steps=[process, train, evaluate, decide],
        sagemaker_session=sdk, **changes,
    )


def test_the_pipeline_of_the_samples_ends_with_a_registered_model(cloud, sagemaker, s3, sdk, bucket, tmp_path):
    s3.put_object(Bucket=bucket, Key="input/rows.csv", Body="\n".join(harness.digits("train", 200)) + "\n")
    group = unique("group")
    pipeline = abalone(sdk, tmp_path, group)
    made = pipeline.upsert(role_arn=role(), tags=[{"Key": "team", "Value": "data"}])
    assert made["PipelineArn"] == harness.arn("pipeline", pipeline.name)
    assert sagemaker.list_tags(ResourceArn=made["PipelineArn"])["Tags"] == [{"Key": "team", "Value": "data"}]
    assert pipeline.upsert(role_arn=role())["PipelineVersionId"] == 1, "the definition has not changed"
    execution = pipeline.start(parameters={"Approval": "Approved"}, execution_display_name="first")
    execution.wait(delay=1, max_attempts=harness.PATIENCE)
    found = steps(sagemaker, execution.arn)
    assert [step["StepName"] for step in execution.list_steps()] == list(reversed(found)), "the last one first"
    assert list(found)[:4] == ["Process", "Train", "Evaluate", "Decide"]
    assert set(found) == {"Process", "Train", "Evaluate", "Decide", "Register-RegisterModel", "Create-CreateModel"}
    assert {(step["StepStatus"], step["AttemptCount"]) for step in found.values()} == {("Succeeded", 1)}
    assert all(step["StartTime"] <= step["EndTime"] for step in found.values())
    assert found["Decide"]["Metadata"] == {"Condition": {"Outcome": "True"}}

    # The jobs are the users' own kind, under the names that pipelines give them.
    name = found["Train"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[1]
    job = sagemaker.describe_training_job(TrainingJobName=name)
    id = execution.arn.rsplit("/", 1)[1]
    assert job["TrainingJobName"].startswith(f"pipelines-{id}-Train-") and len(id) == 12
    assert job["HyperParameters"]["num_round"] == "1"
    assert job["ExperimentConfig"] == {"ExperimentName": pipeline.name.lower(), "TrialName": id}

    (package,) = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert package["ModelPackageArn"] == found["Register-RegisterModel"]["Metadata"]["RegisterModel"]["Arn"]
    told = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert told["ModelApprovalStatus"] == "Approved"
    assert told["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    report = told["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    content = s3.get_object(Bucket=bucket, Key=report.split("/", 3)[3])["Body"].read()
    assert json.loads(content)["metrics"]["rows"]["value"] == 40
    model = found["Create-CreateModel"]["Metadata"]["Model"]["Arn"].rsplit("/", 1)[1]
    assert sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["Image"] == XGBOOST

    described = execution.describe()
    assert described["PipelineArn"] == made["PipelineArn"] and described["PipelineExecutionDisplayName"] == "first"
    assert described["PipelineExperimentConfig"] == {"ExperimentName": pipeline.name.lower(), "TrialName": id}
    parameters = {p["Name"]: p["Value"] for p in execution.list_parameters()["PipelineParameters"]}
    assert parameters == {"InputData": f"s3://{bucket}/input", "Rounds": "1", "LeastRows": "10", "Approval": "Approved"}
    kept = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution.arn)["PipelineDefinition"]
    assert json.loads(kept) == json.loads(pipeline.definition())

    # What has not changed is not done again; what comes after it is.
    again = pipeline.start(parameters={"LeastRows": 1000})
    told = ended(sagemaker, again.arn)
    assert (told["PipelineExecutionStatus"], told["FailureReason"]) == ("Failed", "Step failure: One or multiple steps failed.")
    second = steps(sagemaker, again.arn)
    for name in ("Process", "Train"):
        assert second[name]["CacheHitResult"] == {"SourcePipelineExecutionArn": execution.arn}
        assert second[name]["Metadata"] == found[name]["Metadata"]
    assert "CacheHitResult" not in second["Evaluate"]
    assert second["Decide"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert set(second) == {"Process", "Train", "Evaluate", "Decide", "TooFew"}
    assert second["TooFew"]["StepStatus"] == "Failed"
    assert second["TooFew"]["FailureReason"] == "Fewer rows than 1000"
    assert second["TooFew"]["Metadata"] == {"Fail": {"ErrorMessage": "Fewer rows than 1000"}}

    # One step alone, on the results of the first execution.
    from sagemaker.workflow.selective_execution_config import SelectiveExecutionConfig

    config = SelectiveExecutionConfig(["Evaluate"], source_pipeline_execution_arn=execution.arn)
    alone = pipeline.start(selective_execution_config=config)
    third = succeeded(sagemaker, alone.arn)
    assert set(third) == {"Process", "Train", "Evaluate"}
    assert third["Train"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": execution.arn}
    assert third["Train"]["Metadata"] == found["Train"]["Metadata"]
    assert "SelectiveExecutionResult" not in third["Evaluate"]

    listed = pipeline.list_executions()["PipelineExecutionSummaries"]
    assert [run["PipelineExecutionArn"] for run in listed] == [alone.arn, again.arn, execution.arn]
    assert listed[1]["PipelineExecutionFailureReason"] == told["FailureReason"]
    last = sagemaker.describe_pipeline(PipelineName=pipeline.name)
    assert last["LastRunTime"] == alone.describe()["CreationTime"]
    pipeline.delete()
    refused(sagemaker.describe_pipeline_execution, "ResourceNotFound", PipelineExecutionArn=again.arn)


def digits_to_train(s3, sdk, bucket):
    """An estimator and its rows; three of them are to be predicted."""
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput

    lines = harness.digits("train", 100)
    s3.put_object(Bucket=bucket, Key="input/rows.csv", Body="\n".join(lines) + "\n")
    s3.put_object(Bucket=bucket, Key="predict/rows.csv", Body="\n".join(line.split(",", 1)[1] for line in lines[:3]) + "\n")
    estimator = Estimator(
        image_uri=XGBOOST, output_path=f"s3://{bucket}/models", role=role(), instance_count=1, instance_type="ml.m5.xlarge",
        sagemaker_session=sdk,
    )  # fmt: skip
    estimator.set_hyperparameters(objective="multi:softmax", num_class=10, num_round=1)
    return estimator, TrainingInput(f"s3://{bucket}/input", content_type="text/csv")


def predict(create, sdk, bucket):
    """A Transform step over the model of a Model step."""
    from sagemaker.transformer import Transformer
    from sagemaker.workflow.steps import TransformStep

    transformer = Transformer(
        create.properties.ModelName, 1, "ml.m5.xlarge", output_path=f"s3://{bucket}/out", assemble_with="Line", accept="text/csv",
        sagemaker_session=sdk,
    )  # fmt: skip
    args = transformer.transform(f"s3://{bucket}/predict", content_type="text/csv", split_type="Line")
    return TransformStep("Predict", step_args=args)


def predicted(s3, bucket):
    return s3.get_object(Bucket=bucket, Key="out/rows.csv.out")["Body"].read().decode().split()


def test_a_transform_step_uses_the_model_of_a_model_step(sagemaker, s3, sdk, bucket):
    from sagemaker.model import Model
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.steps import TrainingStep

    estimator, rows = digits_to_train(s3, sdk, bucket)
    train = TrainingStep("Train", step_args=estimator.fit({"train": rows}))
    model = Model(XGBOOST, train.properties.ModelArtifacts.S3ModelArtifacts, role=role(), sagemaker_session=sdk)
    create = ModelStep("Use", step_args=model.create(instance_type="ml.m5.xlarge"))
    pipeline = Pipeline(unique("Batch"), steps=[train, create, predict(create, sdk, bucket)], sagemaker_session=sdk)
    pipeline.upsert(role())
    found = succeeded(sagemaker, pipeline.start().arn)
    job = found["Predict"]["Metadata"]["TransformJob"]["Arn"].rsplit("/", 1)[1]
    used = sagemaker.describe_transform_job(TransformJobName=job)["ModelName"]
    # ARNs are written in lower case, names are not.
    assert used.lower() == found["Use-CreateModel"]["Metadata"]["Model"]["Arn"].rsplit("/", 1)[1]
    assert len(predicted(s3, bucket)) == 3


def test_tuning_and_transform_steps_run_their_jobs(cloud, sagemaker, s3, sdk, bucket):
    """The best model of a tuning step goes through a Model step into a Transform step."""
    from sagemaker.model import Model
    from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.steps import TuningStep

    estimator, rows = digits_to_train(s3, sdk, bucket)
    tuner = HyperparameterTuner(
        estimator, "validation:merror", {"eta": ContinuousParameter(0.1, 0.5)}, max_jobs=2, max_parallel_jobs=2,
        objective_type="Minimize", strategy="Random",
    )
    tune = TuningStep("Tune", step_args=tuner.fit({"train": rows, "validation": rows}))
    best = Model(XGBOOST, tune.get_top_model_s3_uri(0, bucket, "models"), role=role(), sagemaker_session=sdk)
    create = ModelStep("Best", step_args=best.create(instance_type="ml.m5.xlarge"))
    pipeline = Pipeline(unique("Tuned"), steps=[tune, create, predict(create, sdk, bucket)], sagemaker_session=sdk)
    pipeline.upsert(role())
    execution = pipeline.start()
    found = succeeded(sagemaker, execution.arn)
    name = found["Tune"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[1]
    tuned = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    model = found["Best-CreateModel"]["Metadata"]["Model"]["Arn"].rsplit("/", 1)[1]
    data = sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"]
    assert data == f"s3://{bucket}/models/{tuned['BestTrainingJob']['TrainingJobName']}/output/model.tar.gz"
    assert "Arn" in found["Predict"]["Metadata"]["TransformJob"]
    assert len(predicted(s3, bucket)) == 3
