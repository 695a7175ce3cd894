"""Two clocks: what AWS's time means goes by the simulated one, credentials, objects and programs by the machine's."""

import datetime
import json
import subprocess

import pytest
import requests

import harness
from command import Cli
from harness import SCRIPT_IMAGE, XGBOOST, role
from quickstart_tools import Quickstart, complete

MONTH = datetime.timedelta(days=30)
HOUR = datetime.timedelta(hours=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def clock(cloud, *arguments, code=0):
    command = [harness.binary(), "local", "clock", "--data", str(cloud.data), "-o", "json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=harness.clean_environment(), timeout=harness.PATIENCE)
    assert done.returncode == code, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stderr if code else json.loads(done.stdout)


def simulated(told):
    return datetime.datetime.fromisoformat(told["simulated"].replace("Z", "+00:00"))


def url(cloud):
    return cloud.endpoint + "/_sagewright/clock"


def passed(cloud):
    """Headers that the control endpoint lets in."""
    path = cloud.data / "server.json"
    assert path.stat().st_mode & 0o777 == 0o600
    return {"Authorization": "Bearer " + json.loads(path.read_text())["controlPass"]}


def model(sagemaker, name):
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(), PrimaryContainer={"Image": XGBOOST})
    return sagemaker.describe_model(ModelName=name)["CreationTime"]


def test_what_waits_settles_at_once_when_the_clock_is_advanced(fresh_cloud):
    sagemaker = fresh_cloud.client("sagemaker")
    named = {"NotebookInstanceName": "n"}
    sagemaker.create_notebook_instance(**named, InstanceType="ml.t3.medium", RoleArn=role())
    # One look each, however slow the machine is: the answer waits for what became due.
    clock(fresh_cloud, "--advance", "1m")
    assert sagemaker.describe_notebook_instance(**named)["NotebookInstanceStatus"] == "InService"
    sagemaker.stop_notebook_instance(**named)
    answer = requests.post(url(fresh_cloud), json={"advanceSeconds": 60}, headers=passed(fresh_cloud), timeout=60)
    assert answer.status_code == 200
    assert sagemaker.describe_notebook_instance(**named)["NotebookInstanceStatus"] == "Stopped"


def test_times_go_on_after_a_restart_and_credentials_and_objects_keep_to_the_machines_time(fresh_cloud):
    cloud = fresh_cloud
    told = clock(cloud)
    assert abs(told["aheadSeconds"]) <= 1 and told["speed"] == 1
    before = model(cloud.client("sagemaker"), "before")
    told = clock(cloud, "--advance", "30d", "--speed", "60")
    assert told["speed"] == 60 and told["aheadSeconds"] >= MONTH.total_seconds()
    advanced = model(cloud.client("sagemaker"), "advanced")
    assert advanced >= before + MONTH
    for end in (cloud.kill, cloud.stop):
        last = simulated(clock(cloud))
        end()
        cloud.start()
        told = clock(cloud)
        assert told["speed"] == 1, "a speed is a process's"
        created = model(cloud.client("sagemaker"), f"after-{end.__name__}")
        assert created.timestamp() >= last.timestamp() - 0.001, "AWS tells milliseconds"
    sagemaker, s3 = cloud.client("sagemaker"), cloud.client("s3")
    recent = sagemaker.list_models(CreationTimeAfter=before + HOUR)["Models"]
    assert {m["ModelName"] for m in recent} == {"advanced", "after-kill", "after-stop"}
    s3.create_bucket(Bucket="objects")
    s3.put_object(Bucket="objects", Key="k", Body=b"x")
    assert abs(s3.head_object(Bucket="objects", Key="k")["LastModified"] - now()) < HOUR
    session = cloud.client("sts").get_session_token(DurationSeconds=3600)["Credentials"]
    assert abs(session["Expiration"] - now() - HOUR) < HOUR / 2
    clock(cloud, "--advance", "2h")
    assert cloud.session_client("sts", session).get_caller_identity()["Account"] == cloud.account
    assert abs(cloud.client("iam").get_role(RoleName=harness.ROLE)["Role"]["CreateDate"] - now()) < HOUR


def test_the_log_of_a_job_is_found_between_the_jobs_own_times(fresh_cloud):
    cloud = fresh_cloud
    clock(cloud, "--advance", "400d", "--speed", "1000")
    sagemaker, s3, logs = (cloud.client(service) for service in ("sagemaker", "s3", "logs"))
    s3.create_bucket(Bucket="objects")
    s3.put_object(Bucket="objects", Key="small/train.csv", Body=b"0,1\n")
    job = harness.training_job("j", "objects")
    job["AlgorithmSpecification"]["TrainingImage"] = SCRIPT_IMAGE
    # Real seconds, so that a fast clock ends no job before its time.
    job["StoppingCondition"]["MaxRuntimeInSeconds"] = 600
    sagemaker.create_training_job(**job)
    told = harness.completed(sagemaker, "j")
    start, end = told["CreationTime"], told["TrainingEndTime"]
    assert start > now() + datetime.timedelta(days=399)
    assert start <= told["TrainingStartTime"] <= end <= told["LastModifiedTime"]
    ms = lambda time: round(time.timestamp() * 1000)
    group = "/aws/sagemaker/TrainingJobs"
    within = logs.filter_log_events(logGroupName=group, startTime=ms(start), endTime=ms(told["LastModifiedTime"]) + 1)["events"]
    everything = logs.filter_log_events(logGroupName=group)["events"]
    assert everything and within == everything
    # A client that knows no other time than its machine's can write, too.
    logs.create_log_group(logGroupName="own")
    logs.create_log_stream(logGroupName="own", logStreamName="s")
    mine = [{"timestamp": ms(now()), "message": "machine"}]
    assert "rejectedLogEventsInfo" not in logs.put_log_events(logGroupName="own", logStreamName="s", logEvents=mine)
    theirs = [{"timestamp": ms(end), "message": "simulated"}]
    assert "rejectedLogEventsInfo" not in logs.put_log_events(logGroupName="own", logStreamName="s", logEvents=theirs)


def test_strangers_change_no_clock_and_nonsense_is_refused(fresh_cloud):
    cloud = fresh_cloud
    own = passed(cloud)
    month = {"advanceSeconds": MONTH.total_seconds()}
    session = cloud.client("sts").get_session_token()["Credentials"]
    strangers = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": own["Authorization"][:-1]},
        {"Authorization": own["Authorization"] + "0"},
        {"Authorization": own["Authorization"].replace("Bearer", "Basic")},
        {"Authorization": f"Bearer {session['SecretAccessKey']}"},
    ]
    for headers in strangers:
        for send in (requests.get, requests.post):
            answer = send(url(cloud), json=month, headers=headers, timeout=60)
            assert answer.status_code == 401 and "sagewright local clock" in answer.json()["message"], answer.text
    for headers in ({"Origin": "http://localhost"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert requests.post(url(cloud), json=month, headers={**own, **headers}, timeout=60).status_code == 403
    for method in ("PUT", "DELETE", "OPTIONS"):
        answer = requests.request(method, url(cloud), json=month, headers=own, timeout=60)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    nonsense = [
        b"", b"{}", b"[]", b"null", b"{", b'{"advance": 1}', b'{"advanceSeconds": "1"}', b'{"advanceSeconds": NaN}',
        b'{"advanceSeconds": -1}', b'{"advanceSeconds": 1e300}', b'{"advanceSeconds": 1e999}', b'{"advanceSeconds": 315619201}',
        b'{"speed": 0}', b'{"speed": -60}', b'{"speed": 0.5}', b'{"speed": 10001}', b'{"speed": 1e308}', b'{"speed": null}',
        b'{"advanceSeconds": 86400, "speed": 0}', b'{"advanceSeconds": -1, "speed": 60}', b'{"speed": 60, "wall": 1}',
    ]
    for body in nonsense:
        answer = requests.post(url(cloud), data=body, headers=own, timeout=60)
        assert answer.status_code == 400 and answer.json()["message"], (body, answer.text)
    assert requests.post(url(cloud), data=b" " * 300_000, headers=own, timeout=60).status_code == 413
    assert "from 1 to 10000" in clock(cloud, "--speed", "0", code=64)
    assert "is not a duration" in clock(cloud, "--advance", "-1h", code=64)
    assert "at most ten years" in clock(cloud, "--advance", "4000d", code=1)
    told = clock(cloud)
    assert abs(told["aheadSeconds"]) <= 1 and told["speed"] == 1


def test_simulated_time_ends_with_a_refusal(fresh_cloud):
    cloud = fresh_cloud
    years = 0
    while requests.post(url(cloud), json={"advanceSeconds": 3653 * 86_400}, headers=passed(cloud), timeout=60).ok:
        years += 10
    assert 6000 < years < 7000
    assert "simulated time ends with the year 8999" in clock(cloud, "--advance", "3653d", code=1)
    assert model(cloud.client("sagemaker"), "late").year > 8900


def test_the_commands_show_a_clock_that_is_not_the_machines_and_reset_sets_it_back(tmp_path):
    cloud = harness.Cloud(tmp_path, arguments=["--speed", "60"])
    try:
        cli = Cli(cloud, cloud.account, tmp_path)
        data = ["--data", str(cloud.data)]
        status = cli("local", "status", *data)
        assert "SIMULATED TIME" in status.out and status.lines[-1].split()[-1] == "60"
        assert cli("local", "status", *data, "-o", "json").json()["clock"]["speed"] == 60
        shown = cli("local", "clock", *data, "--advance", "3d").table()
        assert shown[0]["AHEAD BY"].startswith("3d") and shown[0]["SPEED"] == "60"
        # One that is up is told to change by the command for that.
        again = cli("local", "up", "--detach", *data, "--speed", "2", code=1)
        assert "its speed is 60" in again.err and "sagewright local clock --speed 2" in again.flat
        assert "was up already" in cli("local", "up", "--detach", *data, "--speed", "60").err
        cli("local", "clock", *data, "--speed", "1")
        cloud.stop()
        down = cli("local", "clock", *data, code=1)
        assert "no embedded cloud is up" in down.err and "sagewright local up" in down.err
        cli("local", "reset", *data, "--yes")
        cloud.arguments = []
        cloud.start()
        assert abs(clock(cloud)["aheadSeconds"]) <= 1
        assert "SIMULATED TIME" not in cli("local", "status", *data).out
    finally:
        cloud.stop()


def test_a_damaged_clock_is_told_and_not_guessed(fresh_cloud):
    cloud = fresh_cloud
    clock(cloud, "--advance", "1d")
    cloud.stop()
    with cloud.state() as state:
        assert state.execute("UPDATE record SET body = '{\"wall\": 1}' WHERE kind = 'clock'").rowcount == 1
    with pytest.raises(AssertionError, match="simulated clock is damaged.*local reset"):
        cloud.start()


def test_the_quickstart_works_on_a_fast_clock(tmp_path):
    cloud = harness.Cloud(tmp_path, arguments=["--speed", "1000"])
    try:
        run = Quickstart(cloud.data, "--output", "json")
        assert run.end() == 0, run.text
        assert complete(run)["cloud"] == cloud.endpoint
    finally:
        cloud.stop()
