"""Estimates the weight of penguins: prepare, train, evaluate, and register the model if it is good enough.

Runs on AWS as it stands, with the credentials of a role that SageMaker may assume; with
`sagewright local exec python3 examples/penguins/pipeline.py` it runs on this machine.
"""

import os
import pathlib
import sys

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

HERE = pathlib.Path(__file__).parent
session = PipelineSession()
role = sagemaker.get_execution_role(session)
image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "3.0-5")
common = dict(role=role, instance_count=1, instance_type="ml.m5.xlarge", sagemaker_session=session)
data = session.upload_data(str(HERE / "penguins.csv"), key_prefix="penguins/data")

table = ParameterString("Data", default_value=data)
most = ParameterFloat("MaximumError", default_value=400.0)  # grams
approval = ParameterString("ModelApprovalStatus", default_value="PendingManualApproval")


def script(name):
    return ScriptProcessor(image_uri=image, command=["python3"], base_job_name=name, **common)


def output(name):
    return ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}")


prepare = ProcessingStep("Prepare", step_args=script("penguins-prepare").run(
    code=str(HERE / "prepare.py"),
    inputs=[ProcessingInput(table, "/opt/ml/processing/input")],
    outputs=[output("train"), output("validation"), output("test")],
))
parts = {part: prepare.properties.ProcessingOutputConfig.Outputs[part].S3Output.S3Uri
         for part in ("train", "validation", "test")}

estimator = Estimator(image_uri=image, output_path=f"s3://{session.default_bucket()}/penguins/models", **common)
estimator.set_hyperparameters(objective="reg:squarederror", num_round=60, max_depth=3, eta=0.1, subsample=0.8, seed=7)
train = TrainingStep("Train", step_args=estimator.fit(
    {part: TrainingInput(parts[part], content_type="text/csv") for part in ("train", "validation")}
))
artifacts = train.properties.ModelArtifacts.S3ModelArtifacts

report = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")
evaluate = ProcessingStep("Evaluate", property_files=[report], step_args=script("penguins-evaluate").run(
    code=str(HERE / "evaluate.py"),
    inputs=[ProcessingInput(artifacts, "/opt/ml/processing/model"), ProcessingInput(parts["test"], "/opt/ml/processing/test")],
    outputs=[output("evaluation")],
))

evaluation = evaluate.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri
metrics = ModelMetrics(model_statistics=MetricsSource("application/json", Join("/", [evaluation, "evaluation.json"])))
register = ModelStep("Register", step_args=Model(image, artifacts, role=role, sagemaker_session=session).register(
    content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"], model_package_group_name="penguins", approval_status=approval, model_metrics=metrics,
))
error = JsonGet(step_name="Evaluate", property_file=report, json_path="regression_metrics.rmse.value")
refuse = FailStep("Refuse", error_message=Join(" ", ["The error in grams is above", most]))
good = ConditionStep(
    "GoodEnough", conditions=[ConditionLessThanOrEqualTo(error, most)], if_steps=[register], else_steps=[refuse]
)

pipeline = Pipeline(
    "Penguins", parameters=[table, most, approval], steps=[prepare, train, evaluate, good], sagemaker_session=session
)
pipeline.upsert(role)
execution = pipeline.start()
try:
    # On AWS each of the three jobs has instances to start.
    delay, attempts = (2, 300) if "AWS_ENDPOINT_URL" in os.environ else (30, 120)
    execution.wait(delay=delay, max_attempts=attempts)
except Exception as failure:
    print(failure, file=sys.stderr)
status = execution.describe()["PipelineExecutionStatus"]
print(f"Penguins: {status}")
sys.exit(status != "Succeeded")
