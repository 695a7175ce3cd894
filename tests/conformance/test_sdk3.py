"""A pipeline of version 3 of the SageMaker SDK, from its definition to its end: `cargo xtask conformance sdk3`."""

import os

import pytest

from harness import PROCESS_IMAGE, XGBOOST, role, unique
from script_tools import sdk

pytestmark = [
    pytest.mark.sdk3,
    pytest.mark.skipif(
        "SAGEWRIGHT_SDK3_PYTHON" not in os.environ, reason="needs version 3 of the SageMaker SDK: cargo xtask conformance sdk3"
    ),
]

PIPELINE = """
import json, sys, boto3
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

role, bucket, digits, count_image, train_image, name = sys.argv[1:]
session = PipelineSession(default_bucket=bucket)
least = ParameterInteger("Least", default_value=10)
data = ParameterString("Data", default_value=f"s3://{digits}/small")
report = PropertyFile("Report", "report", "algo-1.json")
processor = Processor(
    image_uri=count_image, role=role, instance_count=1, instance_type="ml.m5.xlarge", sagemaker_session=session,
)
count = ProcessingStep("Count", property_files=[report], step_args=processor.run(
    inputs=[ProcessingInput(input_name="data", s3_input=ProcessingS3Input(
        s3_uri=data, local_path="/opt/ml/processing/input", s3_data_type="S3Prefix", s3_input_mode="File"
    ))],
    outputs=[ProcessingOutput(output_name="report", s3_output=ProcessingS3Output(
        s3_uri=f"s3://{bucket}/report", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
    ))],
))
trainer = ModelTrainer(
    training_image=train_image, role=role, sagemaker_session=session, compute=Compute(instance_type="ml.m5.xlarge", instance_count=1),
    hyperparameters={"num_round": "2", "objective": "multi:softmax", "num_class": "10"}, base_job_name="three",
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/models"),
)
train = TrainingStep("Train", cache_config=CacheConfig(enable_caching=True, expire_after="PT1H"), step_args=trainer.train(
    input_data_config=[InputData(channel_name="train", data_source=data, content_type="text/csv")]
))
rows = JsonGet(step_name="Count", property_file=report, json_path="rows")
enough = ConditionStep(
    "Enough", conditions=[ConditionGreaterThanOrEqualTo(left=rows, right=least)], if_steps=[train],
    else_steps=[FailStep("TooFew", Join(on=" ", values=["fewer rows than", least]))],
)
pipeline = Pipeline(name, parameters=[data, least], steps=[count, enough], sagemaker_session=session)
pipeline.upsert(role)
for parameters in ({}, {}, {"Least": 1000}):
    execution = pipeline.start(parameters=parameters)
    try:
        execution.wait(delay=1, max_attempts=120)
    except Exception as failure:
        print(failure, file=sys.stderr)
    steps = {step["StepName"]: step for step in execution.list_steps()}
    told = {step: [found["StepStatus"], found.get("FailureReason"), "CacheHitResult" in found] for step, found in steps.items()}
    print("JSON", json.dumps([execution.describe()["PipelineExecutionStatus"], told]))
"""


def test_a_pipeline_of_sdk_3_runs(cloud, bucket, digits, tmp_path):
    arguments = (role(), bucket, digits, PROCESS_IMAGE, XGBOOST, unique("three"))
    python = os.environ["SAGEWRIGHT_SDK3_PYTHON"]
    first, again, too_few = sdk(cloud, tmp_path / "run", PIPELINE, *arguments, python=python)
    done = ["Succeeded", None, False]
    assert first == ["Succeeded", {"Count": done, "Enough": done, "Train": done}]
    assert again == ["Succeeded", {"Count": done, "Enough": done, "Train": ["Succeeded", None, True]}]
    assert too_few == ["Failed", {"Count": done, "Enough": done, "TooFew": ["Failed", "fewer rows than 1000", False]}]
