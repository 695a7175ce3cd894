"""Pipelines for tests: steps as boto3 takes them, and executions as they end."""

import json

from harness import PYTHON_IMAGE, role, unique, wait

NOTHING = "arn:aws:lambda:us-east-1:000000000000:function:nothing"
QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/approvals"


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


def into(inbox):
    """The program of a queue's command that keeps each message in a file and gives no answer."""
    return f"import sys; open({str(inbox)!r}, 'a').write(sys.stdin.read() + chr(10))"


def messages(inbox, count):
    """The messages in a file, a line each, once there are so many."""

    def look():
        text = inbox.read_text() if inbox.exists() else ""
        whole = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return whole if len(whole) >= count else None

    return wait(look, f"{count} messages arrive")


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
