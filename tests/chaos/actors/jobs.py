"""Training jobs: each ends once, and its script runs no more often than the cloud's deaths explain."""

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
    """Keeps a few jobs in progress."""

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
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": self.sweep.image, "TrainingInputMode": "File"},
            "RoleArn": self.sweep.role,
            "HyperParameters": {"ledger": str(job.ledger), "seconds": str(seconds)},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/jobs"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        outcome, told = self.journal.call(f"create {job}", self.client("sagemaker").create_training_job, **request)
        self.journal.count("TrainingJob", outcome)
        if outcome == REFUSED:
            raise told
        job.acknowledged = outcome == ANSWERED
        if outcome != UNSENT:
            self.open.append(job)

    def stop(self, job):
        outcome, _ = self.journal.call(f"stop {job}", self.client("sagemaker").stop_training_job, TrainingJobName=job.name)
        self.journal.count("StopTrainingJob", outcome)
        job.stop_sent = outcome in (ANSWERED, UNANSWERED)
        job.stop_acknowledged = outcome == ANSWERED

    def delete(self, job):
        """Deletes a job that has ended. One whose deletion was not answered may be there or not."""
        outcome, told = self.journal.call(f"delete {job}", self.client("sagemaker").delete_training_job, TrainingJobName=job.name)
        self.journal.count("DeleteTrainingJob", outcome)
        if outcome == REFUSED and not job.delete_sent:
            raise told
        job.delete_sent |= outcome in (ANSWERED, UNANSWERED)
        if outcome in (ANSWERED, REFUSED):
            self.forget(job)

    def forget(self, job):
        self.ended.remove(job)
        self.names.remove(job.name)

    def look(self, job):
        told = self.see(self.client("sagemaker").describe_training_job, MISSING, TrainingJobName=job.name)
        if told is None:
            self.open.remove(job)
            if job.acknowledged:
                self.journal.violate(LOST, f"{job} is not there")
            elif job.lines():
                self.journal.violate(HALF, f"{job} ran, and is not there")
            return
        job.acknowledged = True
        if told["TrainingJobStatus"] in FINAL:
            self.open.remove(job)
            self.ended.append(job)
            self.names.add(job.name)
            self.judge(job, told)

    def judge(self, job, told):
        """Looks at a job that has just ended."""
        status, lines = told["TrainingJobStatus"], job.lines()
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
        transitions = told["SecondaryStatusTransitions"]
        finals = [t["Status"] for t in transitions if t["Status"] in FINAL]
        if finals != [status] or any("EndTime" not in t for t in transitions) or "TrainingEndTime" not in told:
            self.journal.violate(HALF, f"{job}: it ended as {status} with the transitions {transitions}")
        job.final = self.facts(job, told)
        if status == "Completed":
            self.judge_artifact(job, told, runs)

    def judge_failure(self, job, reason):
        given_up = GIVEN_UP.match(reason)
        deaths = self.victim.deaths - job.deaths_before
        if given_up and deaths >= int(given_up[1]) >= 2:
            self.given_up += 1
        else:
            self.journal.violate(WRONG, f"{job}: it failed, with {deaths} kills meanwhile: {reason}")

    def judge_artifact(self, job, told, runs):
        key = told["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]

        def get():
            return self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()

        body = self.see(get, ("NoSuchKey",))
        if body is None:
            self.journal.violate(LOST, f"{job} is completed, and its model is not there")
            return
        with tarfile.open(fileobj=io.BytesIO(body)) as model:
            said = json.load(model.extractfile("run.json"))
        if said != {"job": job.name, "run": runs} or job.lines()[-1] != f"end {runs}":
            self.journal.violate(HALF, f"{job} is completed after run {runs}, and its model is of {said}")

    def facts(self, job, told):
        """What never changes any more."""
        members = ("TrainingJobStatus", "SecondaryStatus", "FailureReason", "TrainingEndTime", "ModelArtifacts")
        return job.lines(), [told.get(member) for member in members]

    def settled(self):
        for job in list(self.open):
            self.look(job)
        return not self.open

    def check(self):
        for job in self.ended[-self.remembered :]:
            told = self.see(self.client("sagemaker").describe_training_job, MISSING, TrainingJobName=job.name)
            if told is None and job.delete_sent:
                self.forget(job)
                continue
            now = told and self.facts(job, told)
            if now != job.final:
                self.journal.violate(LOST if told is None else DOUBLED, f"{job} had ended as {job.final}, and shows {now}")
            elif told["TrainingJobStatus"] == "Completed":
                self.check_log(job)
        listed = [item["TrainingJobName"] for item in self.pages("sagemaker", "list_training_jobs", "TrainingJobSummaries")]
        for name in sorted(set(listed) ^ self.names):
            self.journal.violate(LOST if name in self.names else DOUBLED, f"the list of jobs and the journal differ in {name}")

    def check_log(self, job):
        """The last run's line is in the log, and no line is there twice."""
        lines = harness.log_lines(self.victim, "/aws/sagemaker/TrainingJobs", f"{job.name}/")
        said = [line for line in lines if line.startswith("run ")]
        last = sum(line.startswith("begin") for line in job.lines())
        if len(set(said)) != len(said) or f"run {last} begins" not in said:
            self.journal.violate(HALF, f"{job}: its log has {said}")
