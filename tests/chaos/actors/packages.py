"""Versions of model packages: numbered without holes, one for each client token, however often that is sent."""

import uuid

from ..journal import ANSWERED, DOUBLED, LOST, REFUSED, UNANSWERED, UNSENT, Register
from .base import Actor, Unseen, absent

GROUP = "versions"
MISSING = ("does not exist", "Could not find")


class Packages(Actor):
    """State of a version: its token and whether it is approved. Its name is its number."""

    pause = 0.02

    def __init__(self, sweep, name):
        super().__init__(sweep, name)
        # Tokens whose request was not answered; they are sent again.
        self.open = {}
        # Versions by token, as they were answered.
        self.tokens = {}
        self.deleted = set()

    def prepare(self):
        self.client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)

    def act(self):
        live = [register for register in self.registers.values() if register.possible != [None]]
        if self.open and self.rng.random() < 0.7:
            return self.create(self.rng.choice(sorted(self.open)))
        if len(live) < 5 or self.rng.random() < 0.5:
            return self.create(str(uuid.UUID(int=self.rng.getrandbits(128), version=4)))
        register = self.rng.choice(live)
        if not register.known:
            return self.journal.observe(register, self.read(register), "a look after a write that was not answered")
        if self.rng.random() < 0.15:
            return self.create(register.state[0])
        arn, client = self.arn(register), self.client("sagemaker")
        # Whether a token that is sent again makes its version again depends on whether it was deleted meanwhile: none of that
        # while an answer to it is out.
        if len(live) > self.most and register.state[0] not in self.open:
            self.journal.write(register, "delete", None, client.delete_model_package, absent, ModelPackageName=arn)
            if register.possible[-1] is None:
                self.deleted.add(int(register.name))
            return None
        new = (register.state[0], self.rng.choice(["Approved", "Rejected", "PendingManualApproval"]))
        update = client.update_model_package
        self.journal.write(register, "approve", new, update, absent, ModelPackageArn=arn, ModelApprovalStatus=new[1])
        return None

    def arn(self, register):
        return f"arn:aws:sagemaker:us-east-1:{self.victim.account}:model-package/{GROUP}/{register.name}"

    def create(self, token):
        sent = self.open.get(token) or self.journal.now()
        create = self.client("sagemaker").create_model_package
        outcome, told = self.journal.call(
            "create a version", create, ModelPackageGroupName=GROUP, ModelPackageDescription=token, ClientToken=token,
            InferenceSpecification={
                "Containers": [{"Image": self.sweep.image}], "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )  # fmt: skip
        self.journal.count("ModelPackage", outcome)
        if outcome == REFUSED:
            raise told
        if outcome == UNANSWERED:
            self.open[token] = sent
        if outcome == UNSENT or outcome == UNANSWERED:
            return
        assert outcome == ANSWERED
        self.open.pop(token, None)
        version = told["ModelPackageArn"].rsplit("/", 1)[1]
        first = self.tokens.setdefault(token, version)
        if first != version:
            self.journal.violate(DOUBLED, f"the token {token} made version {first} and then {version}")
        self.know(version, token)

    def know(self, version, token):
        register = self.registers.get(version)
        if register is None:
            register = self.registers[version] = Register("ModelPackage", version)
            register.possible = [(token, "PendingManualApproval")]
            register.history.append(["create", self.journal.now(), f"token {token}"])
        elif any(state and state[0] != token for state in register.possible):
            self.journal.violate(DOUBLED, f"version {version} was given to two tokens: {self.journal.story(register)}, {token}")

    def read(self, register):
        told = self.see(self.client("sagemaker").describe_model_package, MISSING, ModelPackageName=self.arn(register))
        return told and (told["ModelPackageDescription"], told["ModelApprovalStatus"])

    def check(self):
        for token in sorted(self.open):
            self.create(token)
        if self.open:
            raise Unseen
        for register in self.registers.values():
            self.journal.observe(register, self.read(register), "a look")
        listed = self.pages("sagemaker", "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=GROUP)
        versions = [item["ModelPackageVersion"] for item in listed]
        self.compare_names("versions", [str(version) for version in versions], self.registers)
        holes = set(range(1, max(versions, default=0))) - set(versions) - self.deleted
        for hole in sorted(holes - {int(name) for name, r in self.registers.items() if r.state is None}):
            self.journal.violate(LOST, f"there is no version {hole}, though there are later ones: its number is used up")
            self.deleted.add(hole)
        self.registers = {name: r for name, r in self.registers.items() if r.state is not None}
