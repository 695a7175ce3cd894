"""What training jobs do with their instances: spot, warm pools, instance groups; with boto3, the SageMaker SDK and the command line."""

import re
import subprocess

from botocore.exceptions import ClientError

import harness
from harness import INSTANCES_IMAGE, log_lines, refused, role, unique, wait
from script_tools import sdk

GROUP = "/aws/sagemaker/TrainingJobs"


def job(name, bucket, **changes):
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": INSTANCES_IMAGE, "TrainingInputMode": "File"},
        "RoleArn": role(),
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def spot(name, bucket, run=600, longest=1200, **environment):
    return job(
        name, bucket, EnableManagedSpotTraining=True, Environment={"RUNS": "99", **environment},
        StoppingCondition={"MaxRuntimeInSeconds": run, "MaxWaitTimeInSeconds": longest},
        CheckpointConfig={"S3Uri": f"s3://{bucket}/ckpt"},
    )


def interrupt(cloud, name, *more, code=0):
    command = [harness.binary(), "local", "interrupt", "--data", str(cloud.data), name, *more]
    done = subprocess.run(command, capture_output=True, text=True, env=harness.clean_environment(), timeout=harness.PATIENCE)
    assert done.returncode == code, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stderr if code else done.stdout


def runs(cloud, name, count):
    """Waits until a job has begun its program so often; what each run found."""

    def begun():
        try:
            lines = log_lines(cloud, GROUP, f"{name}/")
        except ClientError as error:
            # The first line makes the group.
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
            return None
        return lines if len(lines) >= count else None

    return wait(begun, f"run {count} of {name} begins")


def transitions(told):
    return [transition["Status"] for transition in told["SecondaryStatusTransitions"]]


RUN = ["Starting", "Downloading", "Training"]


def test_a_spot_job_is_interrupted_and_goes_on_from_its_checkpoints(tmp_path):
    # A second of a run is a minute of AWS's time.
    cloud = harness.Cloud(tmp_path, harness.image_map(), arguments=["--speed", "60"])
    try:
        sagemaker, s3 = cloud.client("sagemaker"), cloud.client("s3")
        s3.create_bucket(Bucket="data")
        sagemaker.create_training_job(**spot("j", "data", RUNS="2"))
        for count in (1, 2):
            runs(cloud, "j", count)
            assert interrupt(cloud, "j") == "j is interrupted: its program is told to end, and the job runs again.\n"
        told = harness.completed(sagemaker, "j")
        assert transitions(told) == [*RUN, "Interrupted", *RUN, "Interrupted", *RUN, "Uploading", "Completed"]
        message = "The job stopped because the managed spot training instances were interrupted"
        assert told["SecondaryStatusTransitions"][3]["StatusMessage"] == message
        assert runs(cloud, "j", 3) == ["found", "found run-0", "found run-0 run-1"]
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="data")["Contents"]]
        assert keys == ["ckpt/run-0", "ckpt/run-1", "models/j/output/model.tar.gz"]
        assert 0 < told["BillableTimeInSeconds"] < told["TrainingTimeInSeconds"]
        assert (told["EnableManagedSpotTraining"], told["StoppingCondition"]["MaxWaitTimeInSeconds"]) == (True, 1200)
    finally:
        cloud.stop()


def test_an_interruption_survives_a_kill_of_the_cloud(fresh_cloud):
    cloud = fresh_cloud
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="data")
    cloud.client("sagemaker").create_training_job(**spot("j", "data", DEAF="yes"))
    runs(cloud, "j", 1)
    interrupt(cloud, "j")

    def describe():
        return cloud.client("sagemaker").describe_training_job(TrainingJobName="j")

    # Its program does not end for two minutes.
    assert (describe()["TrainingJobStatus"], describe()["SecondaryStatus"]) == ("InProgress", "Interrupted")
    assert "is being interrupted already" in interrupt(cloud, "j", code=1)
    s3.put_object(Bucket="data", Key="ckpt/go", Body=b"")
    left = harness.descendants(cloud.process.pid)
    cloud.kill()
    cloud.start()
    harness.gone(left)
    told = harness.completed(cloud.client("sagemaker"), "j")
    assert transitions(told) == [*RUN, "Interrupted", *RUN, "Uploading", "Completed"]
    assert runs(cloud, "j", 2) == ["found", "found go"]


def test_a_spot_job_that_takes_longer_than_its_wait_is_stopped_also_across_a_kill(fresh_cloud):
    cloud = fresh_cloud
    cloud.client("s3").create_bucket(Bucket="data")
    cloud.client("sagemaker").create_training_job(**spot("j", "data", run=4, longest=4))
    cloud.kill()
    cloud.start()
    told = harness.finished(cloud.client("sagemaker"), "j")
    assert (told["TrainingJobStatus"], told["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert transitions(told)[-2:] == ["Stopping", "MaxWaitTimeExceeded"]
    assert told["SecondaryStatusTransitions"][-1]["StatusMessage"].endswith("exceeded MaxWaitTimeInSeconds provided")


def test_what_cannot_be_interrupted_is_refused_with_what_to_do(cloud, sagemaker, bucket):
    name = unique("ordinary")
    sagemaker.create_training_job(**job(name, bucket, Environment={"RUNS": "99"}, CheckpointConfig={"S3Uri": f"s3://{bucket}/c"}))
    told = interrupt(cloud, name, code=1)
    assert f"cannot interrupt {name}: " in told and "use_spot_instances and max_wait" in told
    for none in ("none", "TrainingJob/none"):
        told = interrupt(cloud, none, code=1)
        assert "There is no training job none in account 000000000000" in told and "--region" in told
    assert "only training jobs can be interrupted" in interrupt(cloud, "Endpoint/none", code=64)
    assert "There is no training job" in interrupt(cloud, name, "--account", "111111111111", code=1)
    sagemaker.stop_training_job(TrainingJobName=name)
    harness.finished(sagemaker, name)
    request = job(unique("spot"), bucket, EnableManagedSpotTraining=True)
    message = "MaxWaitTimeInSeconds must be set in StoppingCondition when EnableManagedSpotTraining is true."
    refused(sagemaker.create_training_job, "ValidationException", message, **request)
    message = "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
    refused(sagemaker.create_training_job, "ValidationException", message, **spot(unique("spot"), bucket, 600, 599))


def pooled(sagemaker, name):
    return sagemaker.describe_training_job(TrainingJobName=name).get("WarmPoolStatus")


def test_a_warm_pool_moves_from_job_to_job_until_its_time_is_over(fresh_cloud):
    cloud = fresh_cloud
    sagemaker = cloud.client("sagemaker")
    cloud.client("s3").create_bucket(Bucket="data")
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5, "KeepAlivePeriodInSeconds": 3600}
    for name in ("first", "second"):
        sagemaker.create_training_job(**job(name, "data", ResourceConfig=resources))
        harness.completed(sagemaker, name)
    told = pooled(sagemaker, "first")
    assert (told["Status"], told["ReusedByJob"]) == ("Reused", "second")
    assert pooled(sagemaker, "second")["Status"] == "Available"
    keep = {"KeepAlivePeriodInSeconds": 7200}
    refused(sagemaker.update_training_job, "ValidationException", TrainingJobName="first", ResourceConfig=keep)
    sagemaker.update_training_job(TrainingJobName="second", ResourceConfig=keep)
    cloud.kill()
    cloud.start()
    sagemaker = cloud.client("sagemaker")

    def advance(by):
        command = [harness.binary(), "local", "clock", "--data", str(cloud.data), "--advance", by]
        subprocess.run(command, check=True, capture_output=True, env=harness.clean_environment(), timeout=harness.PATIENCE)

    advance("61m")
    assert pooled(sagemaker, "second")["Status"] == "Available"
    advance("61m")
    assert pooled(sagemaker, "second") == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 7200}
    listed = sagemaker.list_training_jobs(WarmPoolStatusEquals="Terminated")["TrainingJobSummaries"]
    assert [(summary["TrainingJobName"], summary["WarmPoolStatus"]["Status"]) for summary in listed] == [("second", "Terminated")]
    sagemaker.create_training_job(**job("third", "data"))
    assert "WarmPoolStatus" not in harness.completed(sagemaker, "third")


SDK = """
import json, sys
import sagemaker
from sagemaker.debugger import DebuggerHookConfig, Rule, TensorBoardOutputConfig, rule_configs
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.instance_group import InstanceGroup

image, role, bucket = sys.argv[1:]
session = sagemaker.Session(default_bucket=bucket)


def estimator(**more):
    instances = {} if "instance_groups" in more else {"instance_count": 1, "instance_type": "ml.m5.large"}
    return Estimator(
        image_uri=image, role=role, sagemaker_session=session, output_path=f"s3://{bucket}/models", base_job_name="sdk",
        **instances, **more,
    )


def fit(made, inputs=None):
    made.fit(inputs or f"s3://{bucket}/data/a", logs=False)
    print("JSON", json.dumps(made.latest_training_job.describe(), default=str))
    return made.latest_training_job.name


fit(estimator(use_spot_instances=True, max_run=600, max_wait=1200, checkpoint_s3_uri=f"s3://{bucket}/ckpt"))

warm = estimator(keep_alive_period_in_seconds=600)
names = [fit(warm), fit(warm)]
session.update_training_job(names[1], resource_config={"KeepAlivePeriodInSeconds": 0})
print("JSON", json.dumps([session.describe_training_job(name)["WarmPoolStatus"] for name in names]))

groups = estimator(instance_groups=[InstanceGroup("cpu", "ml.c5.xlarge", 2), InstanceGroup("gpu", "ml.p3.2xlarge", 1)])
fit(groups, {
    "parts": TrainingInput(f"s3://{bucket}/data", distribution="ShardedByS3Key", instance_groups=["cpu"]),
    "whole": TrainingInput(f"s3://{bucket}/data/b", instance_groups=["gpu"]),
})

watched = estimator(
    rules=[Rule.sagemaker(rule_configs.loss_not_decreasing())],
    debugger_hook_config=DebuggerHookConfig(s3_output_path=f"s3://{bucket}/hook"),
    tensorboard_output_config=TensorBoardOutputConfig(s3_output_path=f"s3://{bucket}/board"),
)
fit(watched)
print("JSON", json.dumps({
    "rules": watched.latest_training_job.rule_job_summary(),
    "board": watched.latest_job_tensorboard_artifacts_path(), "hook": watched.latest_job_debugger_artifacts_path(),
}, default=str))
"""


def test_estimators_of_the_sdk_with_spot_instances_warm_pools_groups_and_rules(cloud, s3, bucket, tmp_path):
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=f"data/{key}", Body=key)
    told = sdk(cloud, tmp_path / "run", SDK, INSTANCES_IMAGE, role(), bucket)
    on_spot, first, second, pools, groups, watched, rules = told
    assert on_spot["EnableManagedSpotTraining"] and on_spot["TrainingJobStatus"] == "Completed"
    assert on_spot["StoppingCondition"] == {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200}
    assert s3.get_object(Bucket=bucket, Key="ckpt/made")["Body"].read() == b"checkpoints"
    assert (first["WarmPoolStatus"]["Status"], second["WarmPoolStatus"]["Status"]) == ("Available", "Available")
    assert (pools[0]["Status"], pools[0]["ReusedByJob"]) == ("Reused", second["TrainingJobName"])
    assert pools[1]["Status"] == "Terminated"
    assert groups["TrainingJobStatus"] == "Completed", groups.get("FailureReason")
    lines = log_lines(cloud, GROUP, f"{groups['TrainingJobName']}/")
    assert sorted(lines) == ["host algo-1 cpu parts/a", "host algo-2 cpu parts/b", "host algo-3 gpu whole/b"]
    assert watched["ProfilingStatus"] == "Disabled"
    assert [rule["RuleEvaluationStatus"] for rule in rules["rules"]] == ["Stopped"] * len(rules["rules"])
    assert "LossNotDecreasing" in [rule["RuleConfigurationName"] for rule in rules["rules"]]
    for path, folder in ((rules["board"], "output/tensorboard"), (rules["hook"], "output/tensors")):
        bucket_name, prefix = re.fullmatch("s3://([^/]+)/(.*)", path).groups()
        assert s3.get_object(Bucket=bucket_name, Key=f"{prefix}/made")["Body"].read() == folder.encode()
