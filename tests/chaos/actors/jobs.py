"""Jobs: each ends once, and its program runs no more often than the cloud's deaths explain."""

import io
import json
import re
import tarfile

import harness

from ..journal import ANSWERED, DOUBLED, HALF, LOST, REFUSED, UNANSWERED, UNSENT, WRONG
from .base import Actor
from .objects import BUCKET

MISSING = ("not found", "Could not find", "does not exist")
FINAL = ("Completed", "Failed", "Stopped")
GIVEN_UP = re.compile(r"InternalServerError: the embedded cloud ended abnormally (\d+) times in a row while this job ran")


class Job:
    """A job as its client knows it."""

    def __init__(self, name, ledger, journal):
        self.name, self.ledger = name, ledger
        self.created = journal.now()
        self.ends_before = journal.victim.deaths + journal.victim.stops
        self.deaths_before = journal.victim.deaths
        self.acknowledged = self.stop_sent = self.stop_acknowledged = self.delete_sent = False
        self.final = None

    def lines(self):
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def __str__(self):
        stop = "acknowledged" if self.stop_acknowledged else "sent" if self.stop_sent else "not sent"
        told = "acknowledged" if self.acknowledged else "not answered"
        return f"job {self.name}, created at {self.created} ({told}; stop {stop}; ledger {self.lines()})"


class Jobs(Actor):
    """Keeps a few training jobs in progress."""

    noun, plain = "TrainingJob", "training_job"
    # The member for the time of the end.
    end = "TrainingEndTime"
    pause = 0.05
    most = 3
    # So many ended jobs are looked at again.
    remembered = 40

    def __init__(self, sweep, name):
        super().__init__(sweep, name)
        self.open, self.ended, self.names = [], [], set()
        self.given_up = 0

    def act(self):
        if len(self.open) < self.most:
            return self.create()
        if self.ended and self.rng.random() < 0.02:
            return self.delete(self.rng.choice(self.ended))
        job = self.rng.choice(self.open)
        if self.rng.random() < 0.05 and not job.stop_sent and job.acknowledged:
            return self.stop(job)
        return self.look(job)

    def create(self):
        self.made += 1
        name = f"{self.name}-{self.made}"
        job = Job(name, self.sweep.folder / "ledgers" / name, self.journal)
        seconds = self.rng.choice([0, 0, 0.1, 0.3, 1])
        outcome, told = self.journal.call(f"create {job}", self.operation("create"), **self.request(job, seconds))
        self.journal.count(self.noun, outcome)
        if outcome == REFUSED:
            raise told
        job.acknowledged = outcome == ANSWERED
        if outcome != UNSENT:
            self.open.append(job)

    def request(self, job, seconds):
        return {
            "TrainingJobName": job.name,
            "AlgorithmSpecification": {"TrainingImage": self.sweep.image, "TrainingInputMode": "File"},
            "RoleArn": self.sweep.role,
            "HyperParameters": {"ledger": str(job.ledger), "seconds": str(seconds)},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/jobs"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }

    def operation(self, verb):
        return getattr(self.client("sagemaker"), f"{verb}_{self.plain}")

    def named(self, job):
        return {f"{self.noun}Name": job.name}

    def stop(self, job):
        outcome, _ = self.journal.call(f"stop {job}", self.operation("stop"), **self.named(job))
        self.journal.count(f"Stop{self.noun}", outcome)
        job.stop_sent = outcome in (ANSWERED, UNANSWERED)
        job.stop_acknowledged = outcome == ANSWERED

    def delete(self, job):
        """Deletes a job that has ended. One whose deletion was not answered may be there or not."""
        outcome, told = self.journal.call(f"delete {job}", self.operation("delete"), **self.named(job))
        self.journal.count(f"Delete{self.noun}", outcome)
        if outcome == REFUSED and not job.delete_sent:
            raise told
        job.delete_sent |= outcome in (ANSWERED, UNANSWERED)
        if outcome in (ANSWERED, REFUSED):
            self.forget(job)

    def forget(self, job):
        self.ended.remove(job)
        self.names.remove(job.name)

    def look(self, job):
        told = self.see(self.operation("describe"), MISSING, **self.named(job))
        if told is None:
            self.open.remove(job)
            if job.acknowledged:
                self.journal.violate(LOST, f"{job} is not there")
            elif job.lines():
                self.journal.violate(HALF, f"{job} ran, and is not there")
            return
        job.acknowledged = True
        if told[f"{self.noun}Status"] in FINAL:
            self.open.remove(job)
            self.ended.append(job)
            self.names.add(job.name)
            self.judge(job, told)

    def judge(self, job, told):
        """Looks at a job that has just ended."""
        status, lines = told[f"{self.noun}Status"], job.lines()
        runs = sum(line.startswith("begin") for line in lines)
        ends = self.victim.deaths + self.victim.stops - job.ends_before
        if "beside" in lines:
            self.journal.violate(DOUBLED, f"{job}: two runs at a time")
        if runs > 1 + ends:
            self.journal.violate(DOUBLED, f"{job}: {runs} runs, though the cloud ended only {ends} times meanwhile")
        if job.stop_acknowledged and status != "Stopped":
            self.journal.violate(LOST, f"{job}: it ended as {status}: {told.get('FailureReason')}")
        if status == "Stopped" and not job.stop_sent:
            self.journal.violate(WRONG, f"{job}: it is stopped")
        if status == "Failed":
            self.judge_failure(job, told.get("FailureReason", ""))
        self.judge_end(job, told, status)
        job.final = self.facts(job, told)
        if status == "Completed":
            self.judge_artifact(job, told, runs)

    def judge_end(self, job, told, status):
        transitions = told["SecondaryStatusTransitions"]
        finals = [t["Status"] for t in transitions if t["Status"] in FINAL]
        if finals != [status] or any("EndTime" not in t for t in transitions) or self.end not in told:
            self.journal.violate(HALF, f"{job}: it ended as {status} with the transitions {transitions}")

    def judge_failure(self, job, reason):
        given_up = GIVEN_UP.match(reason)
        deaths = self.victim.deaths - job.deaths_before
        if given_up and deaths >= int(given_up[1]) >= 2:
            self.given_up += 1
        else:
            self.journal.violate(WRONG, f"{job}: it failed, with {deaths} kills meanwhile: {reason}")

    def judge_artifact(self, job, told, runs):
        key = self.artifact(job, told)

        def get():
            return self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()

        body = self.see(get, ("NoSuchKey",))
        if body is None:
            self.journal.violate(LOST, f"{job} is completed, and what it made is not there")
            return
        said = self.said(body)
        if said != {"job": job.name, "run": runs} or job.lines()[-1] != f"end {runs}":
            self.journal.violate(HALF, f"{job} is completed after run {runs}, and what it made is of {said}")

    def artifact(self, _, told):
        """The key of what a job made."""
        return told["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]

    def said(self, body):
        with tarfile.open(fileobj=io.BytesIO(body)) as model:
            return json.load(model.extractfile("run.json"))

    def facts(self, job, told):
        """What never changes any more."""
        members = (f"{self.noun}Status", "SecondaryStatus", "FailureReason", self.end, "ModelArtifacts", "ExitMessage")
        return job.lines(), [told.get(member) for member in members]

    def settled(self):
        for job in list(self.open):
            self.look(job)
        return not self.open

    def check(self):
        for job in self.ended[-self.remembered :]:
            told = self.see(self.operation("describe"), MISSING, **self.named(job))
            if told is None and job.delete_sent:
                self.forget(job)
                continue
            now = told and self.facts(job, told)
            if now != job.final:
                self.journal.violate(LOST if told is None else DOUBLED, f"{job} had ended as {job.final}, and shows {now}")
            elif told[f"{self.noun}Status"] == "Completed":
                self.check_log(job)
        pages = self.pages("sagemaker", f"list_{self.plain}s", f"{self.noun}Summaries")
        listed = [item[f"{self.noun}Name"] for item in pages]
        for name in sorted(set(listed) ^ self.names):
            self.journal.violate(LOST if name in self.names else DOUBLED, f"the list of jobs and the journal differ in {name}")

    def check_log(self, job):
        """The last run's line is in the log, and no line is there twice."""
        lines = harness.log_lines(self.victim, f"/aws/sagemaker/{self.noun}s", f"{job.name}/")
        said = [line for line in lines if line.startswith("run ")]
        last = sum(line.startswith("begin") for line in job.lines())
        if len(set(said)) != len(said) or f"run {last} begins" not in said:
            self.journal.violate(HALF, f"{job}: its log has {said}")


class ProcessingJobs(Jobs):
    """Keeps a few processing jobs in progress."""

    noun, plain, end = "ProcessingJob", "processing_job", "ProcessingEndTime"
    most = 2

    def request(self, job, seconds):
        target = {"S3Uri": f"s3://{BUCKET}/processed/{job.name}", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
        return {
            "ProcessingJobName": job.name,
            "AppSpecification": {"ImageUri": self.sweep.image, "ContainerArguments": ["process"]},
            "RoleArn": self.sweep.role,
            "Environment": {"LEDGER": str(job.ledger), "SECONDS": str(seconds)},
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": target}]},
            "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }

    def judge_end(self, job, told, status):
        if self.end not in told or status == "Completed" and told.get("ExitMessage") != job.name:
            self.journal.violate(HALF, f"{job}: it ended as {status} with the message {told.get('ExitMessage')}")

    def artifact(self, job, _):
        return f"processed/{job.name}/run.json"

    def said(self, body):
        return json.loads(body)
