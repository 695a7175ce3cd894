"""Pipelines with boto3: definitions, executions, functions and callbacks, stops and retries, and the cloud's death."""

import json
import re
import uuid

import pytest

import harness
from command import Cli, manifest
from harness import refused, role, unique, wait
from pipeline_tools import (
    NOTHING, QUEUE, callback_step, condition_step, create, definition, ended, functions, into, job_of, lambda_step, messages,
    process_step, running, start, status, steps, succeeded,
)


def test_functions_and_callbacks_are_commands(cloud, sagemaker):
    add, answer, ask, broken = (unique(f"arn:aws:lambda:us-east-1:{harness.ACCOUNT}:function:f") for _ in range(4))
    inbox = cloud.data.parent / unique("inbox")
    functions(
        cloud,
        ("lambda", add, "import json, sys; e = json.load(sys.stdin); print('added', file=sys.stderr); print(json.dumps({'sum': e['a'] + e['b'], 'ok': True}))"),
        ("callback", answer, "import json, sys; m = json.load(sys.stdin); print(json.dumps({'said': m['arguments']['sum'] + m['status']}))"),
        ("callback", ask, into(inbox)),
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
    (message,) = messages(inbox, 1)
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
        send(messages(inbox, 1)[0]["token"])
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
    token = str(uuid.uuid4())
    for _ in range(2):
        told = sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token)
        assert told["PipelineExecutionArn"] == arn
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


def test_a_command_answers_the_message_of_a_stop(cloud, sagemaker):
    """What the command leaves running is not waited for, and does not outlive the call."""
    queue, inbox = unique(QUEUE), cloud.data.parent / unique("inbox")
    program = f"{into(inbox)}\nimport subprocess; subprocess.Popen(['sleep', '600'])\nprint('{{}}' if '\"Stopping\"' in open({str(inbox)!r}).read() else '')"
    functions(cloud, ("callback", queue, program))
    arn = start(sagemaker, create(sagemaker, callback_step("Ask", queue)))
    messages(inbox, 1)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    assert status(steps(sagemaker, arn)) == {"Ask": "Succeeded"}


def test_a_stop_waits_for_the_answer_to_a_callback(cloud, sagemaker):
    queue, inbox = unique(QUEUE), cloud.data.parent / unique("inbox")
    functions(cloud, ("callback", queue, into(inbox)))
    arn = start(sagemaker, create(sagemaker, callback_step("Ask", queue)))
    messages(inbox, 1)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    first, second = messages(inbox, 2)
    assert (first["status"], second["status"], first["token"]) == ("Executing", "Stopping", second["token"])
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopping"
    sagemaker.send_pipeline_execution_step_success(CallbackToken=first["token"])
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"


def test_selected_steps_go_on_from_another_execution(cloud, sagemaker):
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
    told = refused(sagemaker.start_pipeline_execution, "ValidationException", PipelineName=name, SelectiveExecutionConfig=select("C"))
    aws = "Invalid SourcePipelineExecutionArn: null. The selected steps [C] have dependencies on [A, B]"
    assert told["Error"]["Message"] == aws
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
    # Whoever uses a token for another request is told that nothing came of it.
    for other in (dict(PipelineDefinition=second), dict(PipelineDescription="another"), dict(Tags=[{"Key": "a", "Value": "b"}])):
        refused(sagemaker.create_pipeline, "ValidationException", taken, **{**request, **other})
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
    sagemaker.update_pipeline_version(PipelineArn=arn, PipelineVersionId=1, PipelineVersionAliasOperations={"Add": ["prod"]})
    by_alias = start(sagemaker, name, PipelineVersionAlias="prod")
    assert set(succeeded(sagemaker, by_alias)) == {"A"}
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=by_alias)["PipelineVersionAliases"] == ["prod"]
    assert sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=second)["PipelineVersionId"] == 2, "it has not changed"
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


def assert_failure_leads_to_its_cause(cli, execution, failed, good, reason):
    """From an execution to what the program of a failed step said, by what the commands tell alone."""
    assert cli("logs", failed).out == "three is too many\n"
    assert cli("logs", failed.lower()).out == "three is too many\n", "an ARN has the name in lower case"
    quiet = cli("logs", good)
    assert not quiet.out and f"{good} is Completed and wrote no log lines" in quiet.err
    logs = f"`sagewright logs {failed}` shows what it said"
    assert logs in cli("get", "pipelineexecution", execution, "--steps").err
    error = cli("wait", f"pipelineexecution/{execution}", code=1).err
    assert f"Then Failed after " in error and f": {failed}: {reason}" in error and logs in error
    assert f"`sagewright get pipelineexecution {execution} --steps`" in error
    assert cli("logs", f"PipelineExecution/{execution}").out == "Then: three is too many\n"
    row = cli("get", "pipelineexecution", execution).table()[0]
    assert (row["NAME"], row["STEPS"]) == (execution, "3 of 4, failed: Then")
    assert row["FAILURE-REASON"] == "Step failure: One or multiple steps failed."
    job = cli("get", failed).table()[0]
    assert (job["NAME"], job["FAILURE-REASON"]) == (failed.split("/")[1], "AlgorithmError: , exit code: 3")
    assert logs in cli("wait", failed, code=1).err
    told = json.loads(cli("get", failed, "-o", "json").out)["status"]["ackResourceMetadata"]["arn"]
    assert cli("logs", told).out == cli("logs", told.split(":", 5)[5]).out == "three is too many\n"


def test_the_command_line_shows_the_graph_and_applies_pipelines(cloud, account, tmp_path):
    sagemaker, cli = cloud.client("sagemaker", account), Cli(cloud, account, tmp_path)
    inner = [process_step("Then", "import sys; print('three is too many'); sys.exit(3)")]
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
    told = cli("apply", "-f", str(file), code=1).err
    assert re.search(r"PipelineExecution run  First Succeeded after", told), "steps are told as they end"
    (run,) = sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert run["PipelineExecutionStatus"] == "Failed"
    id = run["PipelineExecutionArn"].rsplit("/", 1)[1]
    shown = cli("get", "pipelineexecution", f"{name}/{id}", "--steps").out.splitlines()
    assert shown[0] == f"{name}/{id}: Failed"
    words = [line.split() for line in shown[2:]]
    assert [(w[0], w[1]) for w in words] == [("First", "Processing"), ("If", "Condition"), ("Then", "Processing"), ("Else", "Processing")]
    assert words[1][-2:] == ["First", "True"]
    job, reason = words[2][-7], "ClientError: AlgorithmError: , exit code: 3"
    assert "If=true" in words[2] and shown[4].endswith(reason) and re.fullmatch(f"ProcessingJob/pipelines-{id}-Then-\\w+:", job)
    assert_failure_leads_to_its_cause(cli, f"{name}/{id}", job.rstrip(":"), words[0][-1], reason)
    assert words[3] == ["Else", "Processing", "not", "run", "-", "-", "If=false"]
    told = json.loads(cli("get", "pipelineexecutions", "--steps", "-o", "json").out)["items"][0]["steps"]
    assert told[2]["failureReason"] == "ClientError: AlgorithmError: , exit code: 3" and told[3] == {
        "name": "Else", "type": "Processing", "after": ["If=false"],
    }
    assert told[0]["metadata"]["processingJob"]["arn"].startswith(f"arn:aws:sagemaker:us-east-1:{account}:processing-job/pipelines-{id}-first-")
    assert "a pipeline has no steps" in cli("get", "pipelines", "--steps", code=64).err


def test_a_definition_is_exported_for_people_and_planned_by_what_changes(cloud, account, tmp_path):
    sagemaker, cli = cloud.client("sagemaker", account), Cli(cloud, account, tmp_path)
    minimum = [{"Name": "MinAuc", "Type": "Float", "DefaultValue": 0.7}]
    text = definition(*[process_step(f"Step{n}", "pass") for n in range(4)], parameters=minimum)
    sagemaker.create_pipeline(PipelineName="churn", PipelineDefinition=text, RoleArn=role(account), ClientRequestToken="t" * 32)
    file = tmp_path / "churn.yaml"
    file.write_text(cli("export", "pipeline/churn").out)
    assert re.search(r'^ +"DefaultValue": 0.7$', file.read_text(), re.MULTILINE), "a line for each member"
    assert cli("plan", "-f", str(file)).lines[-1] == "Plan: 1 to adopt."
    file.write_text(file.read_text().replace('"DefaultValue": 0.7', '"DefaultValue": 0.75'))
    told = cli("plan", "-f", str(file))
    assert "    ~ Parameters[MinAuc].DefaultValue: 0.7 → 0.75" in told.lines and "Step1" not in told.out
    assert told.lines[-1] == "Plan: 1 to adopt and update."
    cli("adopt", "pipeline/churn")
    assert cli("plan", "-f", str(file)).lines[-1] == "Plan: 1 to update."
    cli("apply", "-f", str(file))
    assert json.loads(sagemaker.describe_pipeline(PipelineName="churn")["PipelineDefinition"])["Parameters"][0]["DefaultValue"] == 0.75


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
    mark = f"import sys, time; open({str(marks)!r}, 'a').write(sys.stdin.read() + chr(10)); time.sleep(0.3); print('{{\"n\": 1}}')"
    functions(cloud, ("lambda", NOTHING, mark))
    group = {"ModelPackageGroupName": "killed", "ModelPackageDescription": "once", "SourceUri": "s3://nowhere/model"}
    register = {"Name": "Register", "Type": "RegisterModel", "DependsOn": ["Second"], "Arguments": group}
    name = create(
        sagemaker,
        process_step("First", "import time; time.sleep(0.3)"),
        lambda_step("Call", NOTHING, {"of": {"Get": "Execution.PipelineExecutionArn"}}, [("n", "Integer")], ["First"]),
        process_step("Second", "import time; time.sleep(0.3)", ["Call"]),
        register,
        condition_step("Decide", {"Get": "Steps.Call.OutputParameters['n']"}, 1, [process_step("Last", "pass")], [], ["Register"]),
    )
    # Each step is there before the cloud dies: none has begun in the first round.
    for number, reached in enumerate([None, "First", "Call", "Second", "Register", "Decide", "Last"]):
        arn = start(sagemaker, name)
        if reached:
            wait(lambda: reached in steps(sagemaker, arn), f"step {reached} begins")
        cloud.kill()
        cloud.start()
        sagemaker = cloud.client("sagemaker")
        found = succeeded(sagemaker, arn)
        assert list(found) == ["First", "Call", "Second", "Register", "Decide", "Last"], reached
        assert {step["AttemptCount"] for step in found.values()} == {1}
        for step in ("First", "Second", "Last"):
            assert job_of(found, step).startswith(f"pipelines-{arn.rsplit('/', 1)[1]}-{step.lower()}-")
        calls = sum(json.loads(line)["of"] == arn for line in marks.read_text().splitlines())
        # One that has ended is not called again; one that ran when the cloud died may be.
        assert calls == 1 or (reached == "Call" and calls == 2), (reached, calls)
        jobs = sagemaker.list_processing_jobs(MaxResults=100)["ProcessingJobSummaries"]
        assert len(jobs) == 3 * (number + 1), "no job twice"
        packages = sagemaker.list_model_packages(ModelPackageGroupName="killed")["ModelPackageSummaryList"]
        assert len(packages) == number + 1, "no version twice"


def test_a_callback_waits_over_a_restart_and_a_stop_goes_on(fresh_cloud):
    cloud = fresh_cloud
    sagemaker, inbox = cloud.client("sagemaker"), cloud.data.parent / "inbox"
    functions(cloud, ("callback", QUEUE, into(inbox)))
    name = create(sagemaker, callback_step("Ask", QUEUE), process_step("Long", "import time; time.sleep(600)"))
    arn = start(sagemaker, name)
    messages(inbox, 1)
    running(sagemaker, arn, "Long")
    # In order: a job over which the cloud dies twice is not run again.
    cloud.stop()
    cloud.start()
    sagemaker = cloud.client("sagemaker")
    first, second = messages(inbox, 2)
    assert first == second
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    cloud.kill()
    cloud.start()
    sagemaker = cloud.client("sagemaker")
    assert sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopping"
    sagemaker.send_pipeline_execution_step_success(CallbackToken=first["token"])
    assert ended(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped", steps(sagemaker, arn)
    assert status(steps(sagemaker, arn)) == {"Ask": "Succeeded", "Long": "Stopped"}
