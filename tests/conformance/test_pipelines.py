"""Pipelines with the SageMaker SDK and boto3: whole executions, from the definition to the registered model."""

import json
import time
import uuid

import pytest

import harness
from command import Cli, manifest
from harness import PYTHON_IMAGE, XGBOOST, refused, role, unique, wait

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
    from sagemaker.workflow.pipeline_context import PipelineSession

    return PipelineSession(default_bucket=bucket)


def ended(sagemaker, arn):
    """The description of an execution once it has ended."""

    def look():
        told = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return told if told["PipelineExecutionStatus"] not in ("Executing", "Stopping") else None

    return wait(look, f"execution {arn} ends")


def steps(sagemaker, arn):
    """Steps of an execution by name, in the order in which they began."""
    pages = sagemaker.get_paginator("list_pipeline_execution_steps")
    found = [s for page in pages.paginate(PipelineExecutionArn=arn, SortOrder="Ascending") for s in page["PipelineExecutionSteps"]]
    return {step["StepName"]: step for step in found}


def succeeded(sagemaker, arn):
    told = ended(sagemaker, arn)
    found = steps(sagemaker, arn)
    assert told["PipelineExecutionStatus"] == "Succeeded", {name: step.get("FailureReason") for name, step in found.items()}
    return found


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


# Executions of steps that need no SDK: definitions as boto3 takes them.

NOTHING = "arn:aws:lambda:us-east-1:000000000000:function:nothing"
QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/approvals"


def functions(cloud, *entries):
    """Commands for functions and queues: a table, what it stands for, and a Python program."""
    path = cloud.data.parent / "functions.toml"
    text = path.read_text() if path.exists() else ""
    python = "python3"
    for table, target, program in entries:
        text += f"[[{table}]]\nmatch = {json.dumps(target)}\ncommand = [{json.dumps(python)}, \"-c\", {json.dumps(program)}]\n"
    partial = path.with_suffix(".new")
    partial.write_text(text)
    partial.rename(path)


def lambda_step(name, function, arguments=None, outputs=(), needs=()):
    return {
        "Name": name, "Type": "Lambda", "FunctionArn": function, "Arguments": arguments or {}, "DependsOn": list(needs),
        "OutputParameters": [{"OutputName": output, "OutputType": kind} for output, kind in outputs],
    }


def callback_step(name, queue, arguments=None, outputs=(), needs=()):
    step = lambda_step(name, "", arguments, outputs, needs) | {"Type": "Callback", "SqsQueueUrl": queue}
    del step["FunctionArn"]
    return step


def process_step(name, program, needs=(), **changes):
    """A Processing step that runs a line of Python and reads and writes nothing."""
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    return {
        "Name": name, "Type": "Processing", "DependsOn": list(needs),
        "Arguments": {
            "AppSpecification": {"ImageUri": PYTHON_IMAGE, "ContainerEntrypoint": ["python3", "-c", program]},
            "ProcessingResources": {"ClusterConfig": cluster},
            "RoleArn": role(),
        },
        **changes,
    }


def condition_step(name, left, right, then, otherwise, needs=()):
    conditions = [{"Type": "Equals", "LeftValue": left, "RightValue": right}]
    arguments = {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise}
    return {"Name": name, "Type": "Condition", "DependsOn": list(needs), "Arguments": arguments}


def definition(*steps, parameters=()):
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": list(parameters), "Steps": list(steps)})


def create(sagemaker, *steps, parameters=(), **changes):
    name = unique("p")
    text = definition(*steps, parameters=parameters)
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=role(), **changes)
    return name


def start(sagemaker, name, **changes):
    return sagemaker.start_pipeline_execution(PipelineName=name, **changes)["PipelineExecutionArn"]


def status(found):
    return {name: step["StepStatus"] for name, step in found.items()}


def job_of(found, step):
    return found[step]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[1]


def running(sagemaker, arn, step):
    """Waits until the job of a step runs."""

    def look():
        told = steps(sagemaker, arn).get(step, {})
        if told.get("StepStatus") != "Executing":
            return None
        job = told["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[1]
        return "ProcessingStartTime" in sagemaker.describe_processing_job(ProcessingJobName=job) and job

    return wait(look, f"step {step} runs")


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


def test_functions_and_callbacks_are_commands(cloud, sagemaker):
    add, answer, ask, broken = (unique(f"arn:aws:lambda:us-east-1:{harness.ACCOUNT}:function:f") for _ in range(4))
    inbox = cloud.data.parent / unique("inbox")
    functions(
        cloud,
        ("lambda", add, "import json, sys; e = json.load(sys.stdin); print('added', file=sys.stderr); print(json.dumps({'sum': e['a'] + e['b'], 'ok': True}))"),
        ("callback", answer, "import json, sys; m = json.load(sys.stdin); print(json.dumps({'said': m['arguments']['sum'] + m['status']}))"),
        ("callback", ask, f"import sys; open({str(inbox)!r}, 'a').write(sys.stdin.read() + chr(10))"),
        ("lambda", broken, "raise SystemExit('out of order')"),
    )
    said = {"Get": "Steps.Answer.OutputParameters['said']"}
    name = create(
        sagemaker,
        lambda_step("Add", add, {"a": {"Get": "Parameters.A"}, "b": 2}, [("sum", "Integer"), ("ok", "Boolean")]),
        callback_step("Answer", answer, {"sum": {"Std:Join": {"On": "", "Values": ["sum is ", {"Get": "Steps.Add.OutputParameters['sum']"}, " "]}}}, [("said", "String")]),
        callback_step("Ask", ask, {"said": said}, [("approved", "Boolean")]),
        condition_step("Approved", {"Get": "Steps.Ask.OutputParameters['approved']"}, True, [], [lambda_step("Broken", broken)]),
        parameters=[{"Name": "A", "Type": "Integer", "DefaultValue": 1}],
    )
    arn = start(sagemaker, name, PipelineParameters=[{"Name": "A", "Value": "40"}])
    wait(inbox.exists, "the message arrives")
    message = json.loads(inbox.read_text())
    assert message["arguments"] == {"said": "sum is 42 Executing"} and message["pipelineExecutionArn"] == arn
    token = message["token"]
    shown = steps(sagemaker, arn)["Ask"]
    assert (shown["StepStatus"], shown["Metadata"]["Callback"]["CallbackToken"]) == ("Executing", token)
    assert shown["Metadata"]["Callback"]["SqsQueueUrl"] == ask
    wrong = [{"Name": "other", "Value": "x"}]
    refused(sagemaker.send_pipeline_execution_step_success, "ValidationException", CallbackToken=token, OutputParameters=wrong)
    refused(sagemaker.send_pipeline_execution_step_success, "ResourceNotFound", CallbackToken="0123456789")
    other = cloud.client("sagemaker", harness.OTHER)
    refused(other.send_pipeline_execution_step_success, "ResourceNotFound", CallbackToken=token)
    approved = [{"Name": "approved", "Value": "true"}]
    told = sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=approved)
    assert told["PipelineExecutionArn"] == arn
    found = succeeded(sagemaker, arn)
    assert found["Add"]["Metadata"]["Lambda"] == {
        "Arn": add, "OutputParameters": [{"Name": "sum", "Value": "42"}, {"Name": "ok", "Value": "true"}],
    }
    assert found["Ask"]["Metadata"]["Callback"]["OutputParameters"] == approved
    assert "Broken" not in found
    refused(sagemaker.send_pipeline_execution_step_success, "ResourceNotFound", CallbackToken=token)
    log = harness.log_lines(cloud, f"/aws/lambda/{add.rsplit(':', 1)[1]}", "sagemaker-pipeline-")
    assert log == ["added"]

    # A refusal, and a function that fails.
    for send, reason in [
        (lambda token: sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="not today"), "not today"),
        (lambda token: sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=[{"Name": "approved", "Value": "false"}]), None),
    ]:
        inbox.unlink()
        arn = start(sagemaker, name)
        wait(inbox.exists, "the message arrives")
        send(json.loads(inbox.read_text())["token"])
        assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
        found = steps(sagemaker, arn)
        if reason:
            assert found["Ask"]["FailureReason"] == reason and "Approved" not in found
        else:
            assert found["Broken"]["FailureReason"] == f"ClientError: Lambda function {broken} failed: exit status: 1: out of order"


def test_a_function_without_a_command_is_refused_before_anything_runs(cloud, sagemaker):
    unknown = unique("arn:aws:lambda:us-east-1:000000000000:function:unknown")
    name = create(sagemaker, lambda_step("Call", unknown))
    told = refused(sagemaker.start_pipeline_execution, "ValidationException", PipelineName=name)["Error"]["Message"]
    assert "Step Call cannot run" in told and f'[[lambda]] match = "{unknown}"' in told and "functions.toml" in told
    assert sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []


def test_a_job_that_fails_is_run_again_on_request(sagemaker, s3, bucket):
    program = "import os, sys; sys.exit(3)"
    name = create(
        sagemaker, process_step("First", "print('first')"), process_step("Fails", program, ["First"]),
        process_step("Beside", "print('beside')", ["First"]), process_step("After", "pass", ["Fails"]),
    )
    arn = start(sagemaker, name)
    told = ended(sagemaker, arn)
    assert (told["PipelineExecutionStatus"], told["FailureReason"]) == ("Failed", "Step failure: One or multiple steps failed.")
    before = steps(sagemaker, arn)
    assert before["Fails"]["FailureReason"] == "ClientError: AlgorithmError: , exit code: 3"
    assert before["First"]["StepStatus"] == "Succeeded" and "After" not in before
    refused(sagemaker.stop_pipeline_execution, "ValidationException", PipelineExecutionArn=arn)
    assert sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    after = steps(sagemaker, arn)
    assert after["First"] == before["First"], "what was done is kept"
    assert (before["Fails"]["AttemptCount"], after["Fails"]["AttemptCount"]) == (1, 2)
    assert job_of(before, "Fails") != job_of(after, "Fails")
    again = create(sagemaker, process_step("Works", "pass"))
    done = start(sagemaker, again)
    succeeded(sagemaker, done)
    refused(sagemaker.retry_pipeline_execution, "ValidationException", PipelineExecutionArn=done)


def test_what_the_service_refuses_is_told_by_its_operation(sagemaker):
    unknown = process_step("Unknown", "pass")
    unknown["Arguments"]["AppSpecification"]["ImageUri"] = "repo/unknown:1"
    many = process_step("Many", "pass", RetryPolicies=[
        {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 2}
    ])
    many["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 90
    plain = {**many, "Name": "Plain"}
    del plain["RetryPolicies"]
    reasons = {}
    for step in (unknown, many, plain):
        arn = start(sagemaker, create(sagemaker, step))
        assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
        (told,) = steps(sagemaker, arn).values()
        reasons[told["StepName"]] = (told["FailureReason"], told["AttemptCount"])
        assert told["Metadata"] == {}
    invoked = "ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: "
    assert reasons["Unknown"][0].startswith(invoked + "cannot run image 'repo/unknown:1'") and reasons["Unknown"][1] == 1
    limit = invoked + "The account-level service limit"
    assert reasons["Many"][0].startswith(limit) and reasons["Many"][1] == 3, "two retries"
    assert "No retry policy configured for the exception type SAGEMAKER_RESOURCE_LIMIT." in reasons["Plain"][0]
    assert reasons["Plain"][1] == 1


def test_a_stop_reaches_the_job_that_runs(sagemaker):
    name = create(sagemaker, process_step("Long", "import time; time.sleep(600)"), process_step("After", "pass", ["Long"]))
    arn = start(sagemaker, name)
    job = running(sagemaker, arn, "Long")
    refused(sagemaker.delete_pipeline, "ConflictException", PipelineName=name)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    assert status(steps(sagemaker, arn)) == {"Long": "Stopped"}
    assert sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Stopped"
    # A job that somebody else stops fails its step.
    arn = start(sagemaker, name)
    sagemaker.stop_processing_job(ProcessingJobName=running(sagemaker, arn, "Long"))
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    assert "was stopped, and not by the pipeline" in steps(sagemaker, arn)["Long"]["FailureReason"]
    sagemaker.delete_pipeline(PipelineName=name)


def test_a_stop_waits_for_the_answer_to_a_callback(cloud, sagemaker):
    queue, inbox = unique(QUEUE), cloud.data.parent / unique("inbox")
    functions(cloud, ("callback", queue, f"import sys; open({str(inbox)!r}, 'a').write(sys.stdin.read() + chr(10))"))
    arn = start(sagemaker, create(sagemaker, callback_step("Ask", queue)))
    wait(inbox.exists, "the message arrives")
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    wait(lambda: len(inbox.read_text().splitlines()) == 2, "the second message arrives")
    first, second = map(json.loads, inbox.read_text().splitlines())
    assert (first["status"], second["status"], first["token"]) == ("Executing", "Stopping", second["token"])
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopping"
    sagemaker.send_pipeline_execution_step_success(CallbackToken=first["token"])
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"


def test_selected_steps_go_on_from_another_execution(cloud, sagemaker, sdk):
    count = unique("arn:aws:lambda:us-east-1:000000000000:function:count")
    functions(cloud, ("lambda", count, "import json, sys; print(json.dumps({'n': json.load(sys.stdin)['n'] + 1}))"))
    n = lambda step: {"n": {"Get": f"Steps.{step}.OutputParameters['n']"}}  # noqa: E731
    output = [("n", "Integer")]
    name = create(
        sagemaker,
        lambda_step("A", count, {"n": {"Get": "Parameters.N"}}, output), lambda_step("B", count, n("A"), output),
        lambda_step("C", count, n("B"), output), lambda_step("D", count, n("C"), output), lambda_step("Beside", count, n("A"), output),
        parameters=[{"Name": "N", "Type": "Integer", "DefaultValue": 0}],
    )
    select = lambda *names, source=None: {  # noqa: E731
        "SelectedSteps": [{"StepName": name} for name in names], **({"SourcePipelineExecutionArn": source} if source else {}),
    }
    refused(sagemaker.start_pipeline_execution, "ValidationException", PipelineName=name, SelectiveExecutionConfig=select("C"))
    first = start(sagemaker, name, PipelineParameters=[{"Name": "N", "Value": "10"}])
    succeeded(sagemaker, first)
    arn = start(sagemaker, name, SelectiveExecutionConfig=select("B", "C", source=first))
    found = succeeded(sagemaker, arn)
    assert set(found) == {"A", "B", "C"}
    assert found["A"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": first}
    assert "SelectiveExecutionResult" not in found["B"]
    value = lambda step: found[step]["Metadata"]["Lambda"]["OutputParameters"][0]["Value"]  # noqa: E731
    assert [value(step) for step in "ABC"] == ["11", "12", "13"], "the parameters of the other execution are in its results"
    config = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["SelectiveExecutionConfig"]
    assert config == select("B", "C", source=first)
    for wrong, part in [
        (select("B", "D", source=first), "select C as well"),
        (select("X", source=first), "step X does not exist"),
        (select("D", source=arn), None),
        (select("B", source=arn.replace("execution/", "execution/x")), None),
    ]:
        if part is None and wrong["SelectedSteps"] == [{"StepName": "D"}]:
            assert succeeded(sagemaker, start(sagemaker, name, SelectiveExecutionConfig=wrong))["C"]["StepStatus"] == "Succeeded"
            continue
        code = "ResourceNotFound" if part is None else "ValidationException"
        told = refused(sagemaker.start_pipeline_execution, code, PipelineName=name, SelectiveExecutionConfig=wrong)
        assert (part or "") in told["Error"]["Message"]


def test_requests_are_idempotent_and_definitions_have_versions(sagemaker, s3, bucket):
    token, name = str(uuid.uuid4()), unique("p")
    first, second = definition(process_step("A", "pass")), definition(process_step("B", "pass"))
    request = dict(PipelineName=name, PipelineDefinition=first, RoleArn=role(), ClientRequestToken=token)
    arn = sagemaker.create_pipeline(**request)["PipelineArn"]
    assert sagemaker.create_pipeline(**request)["PipelineArn"] == arn
    taken = f"Pipeline names must be unique within an AWS account and region. Pipeline with name ({name.lower()}) already exists."
    refused(sagemaker.create_pipeline, "ValidationException", taken, **{**request, "ClientRequestToken": str(uuid.uuid4())})
    run = dict(PipelineName=arn, ClientRequestToken=token)
    execution = start(sagemaker, arn, ClientRequestToken=token)
    assert sagemaker.start_pipeline_execution(**run)["PipelineExecutionArn"] == execution
    assert len(sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]) == 1

    s3.put_object(Bucket=bucket, Key="pipelines/second.json", Body=second)
    place = {"Bucket": bucket, "ObjectKey": "pipelines/second.json"}
    assert sagemaker.update_pipeline(PipelineName=name, PipelineDefinitionS3Location=place)["PipelineVersionId"] == 2
    assert sagemaker.update_pipeline(PipelineName=name, PipelineDescription="new")["PipelineVersionId"] == 2
    shown = sagemaker.describe_pipeline(PipelineName=name)
    assert (shown["PipelineDefinition"], shown["PipelineDescription"]) == (second, "new")
    assert sagemaker.describe_pipeline(PipelineName=name, PipelineVersionId=1)["PipelineDefinition"] == first
    sagemaker.update_pipeline_version(PipelineArn=arn, PipelineVersionId=1, PipelineVersionDisplayName="old")
    old = start(sagemaker, name, PipelineVersionId=1)
    assert set(succeeded(sagemaker, old)) == {"A"}
    new = start(sagemaker, name)
    assert set(succeeded(sagemaker, new)) == {"B"}
    versions = sagemaker.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
    assert [(v["PipelineVersionId"], v.get("PipelineVersionDisplayName")) for v in versions] == [(2, None), (1, "old")]
    assert [v["LastExecutionPipelineExecutionArn"] for v in versions] == [new, old]
    refused(sagemaker.describe_pipeline, "ResourceNotFound", PipelineName=name, PipelineVersionId=9)
    pages = sagemaker.get_paginator("list_pipelines").paginate(PipelineNamePrefix=name, PaginationConfig={"PageSize": 1})
    (summary,) = [p for page in pages for p in page["PipelineSummaries"]]
    assert summary["PipelineArn"] == arn and "LastExecutionTime" in summary


@pytest.mark.parametrize("text, part", [
    ("no JSON", "It is not valid JSON"),
    (definition({"Name": "E", "Type": "EMR", "Arguments": {}}), "Steps of type EMR are not supported by the embedded cloud"),
    (definition(process_step("A", "pass", ["B"])), "It depends on step B, which does not exist."),
    (definition(lambda_step("A", {"Get": "Steps.A.OutputParameters['x']"})), "names an output that step A does not declare"),
    (definition({"Name": "M", "Type": "RegisterModel", "Arguments": {"ModelPackageName": "m"}}), "Unknown Argument member 'ModelPackageName'."),
])
def test_a_wrong_definition_is_refused_and_changes_nothing(sagemaker, text, part):
    name = unique("p")
    told = refused(sagemaker.create_pipeline, "ValidationException", PipelineName=name, PipelineDefinition=text, RoleArn=role())
    message = told["Error"]["Message"]
    assert message.startswith("Unable to parse pipeline definition. ") and part in message, message
    refused(sagemaker.describe_pipeline, "ResourceNotFound", PipelineName=name)
    good = definition(process_step("A", "pass"))
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=good, RoleArn=role())
    refused(sagemaker.update_pipeline, "ValidationException", PipelineName=name, PipelineDefinition=text)
    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == good


def test_the_command_line_shows_the_graph_and_applies_pipelines(cloud, account, tmp_path):
    sagemaker, cli = cloud.client("sagemaker", account), Cli(cloud, account, tmp_path)
    inner = [process_step("Then", "import sys; sys.exit(3)")]
    steps_ = [process_step("First", "pass"), condition_step("If", 1, 1, inner, [process_step("Else", "pass")], ["First"])]
    for step in (steps_[0], inner[0]):
        step["Arguments"]["RoleArn"] = role(account)
    name = unique("graph")
    objects = [
        manifest("Pipeline", name, pipelineName=name, pipelineDefinition=definition(*steps_), roleARN=role(account)),
        manifest("PipelineExecution", "run", pipelineRef={"from": {"name": name}}),
    ]
    file = tmp_path / "pipeline.yaml"
    file.write_text("---\n".join(json.dumps(o) + "\n" for o in objects))
    cli("apply", "-f", str(file), code=1)
    (run,) = sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert run["PipelineExecutionStatus"] == "Failed"
    id = run["PipelineExecutionArn"].rsplit("/", 1)[1]
    shown = cli("get", "pipelineexecution", f"{name}/{id}", "--steps").out.splitlines()
    assert shown[0] == f"{name}/execution/{id}: Failed"
    words = [line.split() for line in shown[2:]]
    assert [(w[0], w[1]) for w in words] == [("First", "Processing"), ("If", "Condition"), ("Then", "Processing"), ("Else", "Processing")]
    assert words[1][-2:] == ["First", "True"]
    assert "If=true" in words[2] and shown[4].endswith("ClientError: AlgorithmError: , exit code: 3")
    assert words[3] == ["Else", "Processing", "not", "run", "-", "-", "If=false"]
    told = json.loads(cli("get", "pipelineexecutions", "--steps", "-o", "json").out)["items"][0]["steps"]
    assert told[2]["failureReason"] == "ClientError: AlgorithmError: , exit code: 3" and told[3] == {
        "name": "Else", "type": "Processing", "after": ["If=false"],
    }
    assert told[0]["metadata"]["processingJob"]["arn"].startswith(f"arn:aws:sagemaker:us-east-1:{account}:processing-job/pipelines-{id}-first-")
    assert "a pipeline has no steps" in cli("get", "pipelines", "--steps", code=64).err


def test_no_more_steps_run_than_the_configuration_allows(sagemaker):
    most = {"MaxParallelExecutionSteps": 1}
    name = create(sagemaker, *(process_step(f"S{n}", "pass") for n in range(4)), ParallelismConfiguration=most)
    arn = start(sagemaker, name)
    found = list(succeeded(sagemaker, arn).values())
    assert all(before["EndTime"] <= after["StartTime"] for before, after in zip(found, found[1:]))
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["ParallelismConfiguration"] == most


# What the cloud's death must not do.


def test_executions_survive_a_kill_at_any_step(fresh_cloud):
    cloud = fresh_cloud
    sagemaker = cloud.client("sagemaker")
    marks = cloud.data.parent / "marks"
    mark = f"import json, sys, os; e = json.load(sys.stdin); open({str(marks)!r}, 'a').write(e['step'] + chr(10)); print(json.dumps({{'n': 1}}))"
    functions(cloud, ("lambda", NOTHING, mark))
    group = {"ModelPackageGroupName": "killed", "ModelPackageDescription": "once", "SourceUri": "s3://nowhere/model"}
    register = {"Name": "Register", "Type": "RegisterModel", "DependsOn": ["Second"], "Arguments": group}
    name = create(
        sagemaker,
        process_step("First", "import time; time.sleep(0.3)"),
        lambda_step("Call", NOTHING, {"step": "Call"}, [("n", "Integer")], ["First"]),
        process_step("Second", "import time; time.sleep(0.3)", ["Call"]),
        register,
        condition_step("Decide", {"Get": "Steps.Call.OutputParameters['n']"}, 1, [process_step("Last", "pass")], [], ["Register"]),
    )
    for number, moment in enumerate([0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9]):
        arn = start(sagemaker, name)
        time.sleep(moment)
        cloud.kill()
        cloud.start()
        sagemaker = cloud.client("sagemaker")
        found = succeeded(sagemaker, arn)
        assert list(found) == ["First", "Call", "Second", "Register", "Decide", "Last"], moment
        assert {step["AttemptCount"] for step in found.values()} == {1}
        for step in ("First", "Second", "Last"):
            assert job_of(found, step).startswith(f"pipelines-{arn.rsplit('/', 1)[1]}-{step.lower()}-")
        jobs = sagemaker.list_processing_jobs(MaxResults=100)["ProcessingJobSummaries"]
        assert len(jobs) == 3 * (number + 1), "no job twice"
        packages = sagemaker.list_model_packages(ModelPackageGroupName="killed")["ModelPackageSummaryList"]
        assert len(packages) == number + 1, "no version twice"


def test_a_callback_waits_over_a_restart_and_a_stop_goes_on(fresh_cloud):
    cloud = fresh_cloud
    sagemaker, inbox = cloud.client("sagemaker"), cloud.data.parent / "inbox"
    functions(cloud, ("callback", QUEUE, f"import sys; open({str(inbox)!r}, 'a').write(sys.stdin.read() + chr(10))"))
    name = create(sagemaker, callback_step("Ask", QUEUE), process_step("Long", "import time; time.sleep(600)"))
    arn = start(sagemaker, name)
    wait(inbox.exists, "the message arrives")
    running(sagemaker, arn, "Long")
    # In order: a job over which the cloud dies twice is not run again.
    cloud.stop()
    cloud.start()
    sagemaker = cloud.client("sagemaker")
    wait(lambda: len(inbox.read_text().splitlines()) == 2, "the message is sent again")
    first, second = map(json.loads, inbox.read_text().splitlines())
    assert first == second
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    cloud.kill()
    cloud.start()
    sagemaker = cloud.client("sagemaker")
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopping"
    sagemaker.send_pipeline_execution_step_success(CallbackToken=first["token"])
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped", steps(sagemaker, arn)
    assert status(steps(sagemaker, arn)) == {"Ask": "Succeeded", "Long": "Stopped"}
