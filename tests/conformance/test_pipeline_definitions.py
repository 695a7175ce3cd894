"""Definitions of pipelines as the SageMaker SDK writes them, kept as golden files that the embedded cloud's parser is held against.

`SAGEWRIGHT_WRITE_GOLDEN=1` writes them anew. Those of SDK 3 are written by the same programs with a Python that has it:
`SAGEWRIGHT_SDK3_PYTHON` names it; without it they are only read.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import harness

GOLDEN = harness.ROOT / "crates/cloud/services/sagemaker-pipelines/tests/definitions"

# What both write with. The SDK asks S3 for its bucket.
COMMON = """
import json, sys
import boto3
session_arguments = dict(boto_session=boto3.Session(region_name="us-east-1"), default_bucket="golden-definitions")
ROLE = "arn:aws:iam::000000000000:role/sagewright-execution"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
"""

SDK2 = COMMON + """
from sagemaker.estimator import Estimator
from sagemaker.inputs import CreateModelInput, TrainingInput, TransformInput
from sagemaker.lambda_helper import Lambda
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.transformer import Transformer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
from sagemaker.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals, ConditionGreaterThan, ConditionGreaterThanOrEqualTo, ConditionIn, ConditionLessThan,
    ConditionLessThanOrEqualTo, ConditionNot, ConditionOr,
)
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parallelism_config import ParallelismConfiguration
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import (
    SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy, StepExceptionTypeEnum, StepRetryPolicy,
)
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep, TuningStep

session = PipelineSession(**session_arguments)
common = dict(role=ROLE, instance_count=1, instance_type="ml.m5.xlarge", sagemaker_session=session)
cache = CacheConfig(enable_caching=True, expire_after="P30D")
data = ParameterString("Data", default_value="s3://bucket/in")
kind = ParameterString("Kind", default_value="a", enum_values=["a", "b"])
count = ParameterInteger("Count", default_value=1)
rate = ParameterFloat("Rate", default_value=0.5)
on = ParameterBoolean("On", default_value=False)
retries = [
    StepRetryPolicy(exception_types=[StepExceptionTypeEnum.SERVICE_FAULT], expire_after_mins=5, interval_seconds=10),
    SageMakerJobStepRetryPolicy(exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT], max_attempts=3),
]


def estimator(**hyperparameters):
    made = Estimator(image_uri=IMAGE, output_path="s3://bucket/models", **common)
    made.set_hyperparameters(objective="reg:squarederror", num_round=1, **hyperparameters)
    return made


report = PropertyFile("Report", "report", "report.json")
process = ProcessingStep(
    "Process", property_files=[report], cache_config=cache, retry_policies=retries, step_args=Processor(
        image_uri="python:3", entrypoint=["python3", "x.py"], env={"ID": ExecutionVariables.PIPELINE_EXECUTION_ID}, **common
    ).run(
        inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input", input_name="data")],
        outputs=[ProcessingOutput(
            output_name="report", source="/opt/ml/processing/report",
            destination=Join(on="/", values=["s3:/", "bucket", ExecutionVariables.PIPELINE_EXECUTION_ID, "report"]),
        )],
        arguments=["--rate", rate.to_string()],
    ),
)
rows = process.properties.ProcessingOutputConfig.Outputs["report"].S3Output.S3Uri
train = TrainingStep(
    "Train", display_name="Training", description="trains", cache_config=cache,
    step_args=estimator(eta=rate).fit({"train": TrainingInput(rows, content_type="text/csv")}),
)
tune = TuningStep("Tune", step_args=HyperparameterTuner(
    estimator(), "validation:rmse", {"eta": ContinuousParameter(0.1, 0.5)}, max_jobs=2, objective_type="Minimize",
).fit({"train": TrainingInput(rows, content_type="text/csv")}))
best = Model(IMAGE, tune.get_top_model_s3_uri(top_k=0, s3_bucket="bucket", prefix="models"), role=ROLE, sagemaker_session=session)
create = ModelStep("Best", step_args=best.create(instance_type="ml.m5.xlarge"))
transform = TransformStep("Transform", step_args=Transformer(
    create.properties.ModelName, 1, "ml.m5.xlarge", output_path="s3://bucket/out", sagemaker_session=session,
).transform(data=data), depends_on=["Train"])
function = LambdaStep(
    "Call", Lambda(function_arn="arn:aws:lambda:us-east-1:000000000000:function:f", session=session),
    inputs={"model": train.properties.ModelArtifacts.S3ModelArtifacts, "on": on},
    outputs=[LambdaOutput("score", LambdaOutputTypeEnum.Float)],
)
callback = CallbackStep(
    "Ask", "https://sqs.us-east-1.amazonaws.com/000000000000/q", inputs={"score": function.properties.Outputs["score"]},
    outputs=[CallbackOutput("ok", CallbackOutputTypeEnum.Boolean)],
)
model = Model(IMAGE, train.properties.ModelArtifacts.S3ModelArtifacts, role=ROLE, sagemaker_session=session)
register = ModelStep("Register", step_args=model.register(
    content_types=["text/csv"], response_types=["text/csv"], model_package_group_name="group", approval_status="Approved",
))
score = JsonGet("Process", report, "metrics['score'].value")
conditions = [
    ConditionEquals(callback.properties.Outputs["ok"], True), ConditionGreaterThan(score, 0), ConditionGreaterThanOrEqualTo(score, rate),
    ConditionLessThan(count, 2), ConditionLessThanOrEqualTo(count, 2), ConditionIn(kind, ["a", "b"]),
    ConditionNot(ConditionOr([ConditionEquals(count, 9), ConditionEquals(kind, "z")])),
]
inner = ConditionStep("Inner", conditions=[ConditionEquals(on, False)], if_steps=[register], else_steps=[FailStep("Inside", "no")])
outer = ConditionStep("Outer", conditions=conditions, if_steps=[inner], else_steps=[FailStep("Outside", Join(on=" ", values=["score", score]))])
PIPELINES = {
    "sdk2-every-step": Pipeline(
        "Every", parameters=[data, kind, count, rate, on],
        steps=[process, train, tune, create, transform, function, callback, outer], sagemaker_session=session,
    ),
    "sdk2-own-names": Pipeline(
        "Own", steps=[TrainingStep("Train", step_args=Estimator(image_uri=IMAGE, base_job_name="mine", **common).fit({"train": "s3://bucket/in"}))],
        sagemaker_session=session, pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=True),
    ),
}
for name, pipeline in PIPELINES.items():
    print(json.dumps({name: json.loads(pipeline.definition())}))
"""

SDK3 = COMMON + """
from sagemaker.core.helper.pipeline_variable import PipelineVariable  # noqa: F401
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.train import ModelTrainer

session = PipelineSession(**session_arguments)
data = ParameterString("Data", default_value="s3://bucket/in")
least = ParameterInteger("Least", default_value=10)
cache = CacheConfig(enable_caching=True, expire_after="PT1H")
report = PropertyFile("Report", "report", "report.json")
processor = Processor(
    image_uri="python:3", entrypoint=["python3", "x.py"], role=ROLE, instance_count=1, instance_type="ml.m5.xlarge",
    sagemaker_session=session,
)
process = ProcessingStep("Process", property_files=[report], cache_config=cache, step_args=processor.run(
    inputs=[ProcessingInput(input_name="data", s3_input=ProcessingS3Input(
        s3_uri=data, local_path="/opt/ml/processing/input", s3_data_type="S3Prefix", s3_input_mode="File"
    ))],
    outputs=[ProcessingOutput(output_name="report", s3_output=ProcessingS3Output(
        s3_uri="s3://bucket/report", local_path="/opt/ml/processing/report", s3_upload_mode="EndOfJob"
    ))],
))
trainer = ModelTrainer(
    training_image=IMAGE, role=ROLE, sagemaker_session=session, compute=Compute(instance_type="ml.m5.xlarge", instance_count=1),
    hyperparameters={"num_round": "1"}, output_data_config=OutputDataConfig(s3_output_path="s3://bucket/models"), base_job_name="x",
)
rows = process.properties.ProcessingOutputConfig.Outputs["report"].S3Output.S3Uri
train = TrainingStep("Train", cache_config=cache, step_args=trainer.train(
    input_data_config=[InputData(channel_name="train", data_source=rows, content_type="text/csv")]
))
enough = ConditionStep(
    "Enough", conditions=[ConditionGreaterThanOrEqualTo(left=JsonGet(step_name="Process", property_file=report, json_path="rows"), right=least)],
    if_steps=[train], else_steps=[FailStep("TooFew", Join(on=" ", values=["fewer than", least]))],
)
pipeline = Pipeline("Three", parameters=[data, least], steps=[process, enough], sagemaker_session=session)
print(json.dumps({"sdk3-train": json.loads(pipeline.definition())}))
"""


@pytest.mark.parametrize("program, python", [
    pytest.param(SDK2, sys.executable, id="sdk2"),
    pytest.param(SDK3, os.environ.get("SAGEWRIGHT_SDK3_PYTHON"), id="sdk3", marks=pytest.mark.sdk3),
])
def test_the_sdk_writes_what_the_golden_files_have(cloud, program, python, tmp_path):
    if not python:
        pytest.skip("needs version 3 of the SageMaker SDK: cargo xtask conformance sdk3")
    environment = {**cloud.environment(), "HOME": str(tmp_path)}
    done = subprocess.run([python, "-W", "ignore", "-c", program], capture_output=True, text=True, env=environment, timeout=240, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            written |= json.loads(line)
    assert written
    for name, definition in written.items():
        path = GOLDEN / f"{name}.json"
        if os.environ.get("SAGEWRIGHT_WRITE_GOLDEN"):
            path.write_text(json.dumps(definition, indent=1) + "\n")
        assert definition == json.loads(path.read_text()), name


def test_every_golden_file_makes_a_pipeline(cloud, account):
    sagemaker = cloud.client("sagemaker", account)
    paths = sorted(GOLDEN.glob("*.json"))
    assert {path.stem.split("-")[0] for path in paths} == {"sdk2", "sdk3"}
    for path in paths:
        text = path.read_text()
        sagemaker.create_pipeline(PipelineName=path.stem, PipelineDefinition=text, RoleArn=harness.role(account))
        assert sagemaker.describe_pipeline(PipelineName=path.stem)["PipelineDefinition"] == text
