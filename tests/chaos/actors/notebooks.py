"""Recorded resources whose statuses move on by timers: none stays on its way for ever."""

from ..journal import WRONG
from .base import Actor, Unseen, absent, present

ON_THE_WAY = ("Pending", "Stopping", "Deleting", "Updating")
MISSING = ("RecordNotFound",)


class Notebooks(Actor):
    """State: the status that the instance ends in."""

    pause = 0.05
    most = 5

    def act(self):
        live = [register for register in self.registers.values() if register.possible != [None]]
        client = self.client("sagemaker")
        if len(live) < self.most:
            register = self.new("NotebookInstance")
            self.journal.write(
                register, "create", "InService", client.create_notebook_instance, present,
                NotebookInstanceName=register.name, InstanceType="ml.t3.medium", RoleArn=self.sweep.role,
            )  # fmt: skip
            return
        register = self.rng.choice(live)
        status = self.status(register)
        if status in ON_THE_WAY:
            return
        self.journal.observe(register, status, "a look")
        if not status:
            return
        ways = [("start", "InService"), ("delete", None)] if status == "Stopped" else [("stop", "Stopped")]
        way, new = self.rng.choice(ways)
        do = getattr(client, f"{way}_notebook_instance")
        self.journal.write(register, way, new, do, absent, NotebookInstanceName=register.name)

    def status(self, register):
        describe = self.client("sagemaker").describe_notebook_instance
        told = self.see(describe, MISSING, NotebookInstanceName=register.name)
        return told and told["NotebookInstanceStatus"]

    def settled(self):
        return all(self.status(register) not in ON_THE_WAY for register in self.registers.values())

    def read(self, register):
        status = self.status(register)
        if status == "Failed":
            self.journal.violate(WRONG, f"{register} failed")
            raise Unseen
        return status

    def names(self):
        return [item["NotebookInstanceName"] for item in self.pages("sagemaker", "list_notebook_instances", "NotebookInstances")]
