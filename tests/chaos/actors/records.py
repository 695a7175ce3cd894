"""Resources of SageMaker that are records: created, changed, tagged, deleted."""

import dataclasses

import harness

from .base import Actor, absent, present

MISSING = ("Could not find", "Cannot find", "does not exist", "ResourceNotFound", "RecordNotFound")


@dataclasses.dataclass(frozen=True)
class Row:
    """A kind: how it keeps a text, and whether that can be changed."""

    noun: str
    arn: str
    member: str
    listed: tuple
    body: object
    text: object
    updatable: bool = True

    @property
    def snake(self):
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in self.noun).lstrip("_")


def secret(text):
    return {"GitConfig": {"SecretArn": f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{text}"}}


def variants(text):
    return {"ProductionVariants": [harness.variant(text, "first")]}


def container(text):
    return {"ExecutionRoleArn": harness.role(), "PrimaryContainer": {"Image": "chaos", "Environment": {"SAID": text}}}


ROWS = (
    Row("Model", "model", "ModelName", ("list_models", "Models"), container,
        lambda told: told["PrimaryContainer"]["Environment"]["SAID"], updatable=False),
    Row("EndpointConfig", "endpoint-config", "EndpointConfigName", ("list_endpoint_configs", "EndpointConfigs"), variants,
        lambda told: told["ProductionVariants"][0]["VariantName"], updatable=False),
    Row("Experiment", "experiment", "ExperimentName", ("list_experiments", "ExperimentSummaries"),
        lambda text: {"Description": text}, lambda told: told["Description"]),
    Row("CodeRepository", "code-repository", "CodeRepositoryName", ("list_code_repositories", "CodeRepositorySummaryList"),
        secret, lambda told: told["GitConfig"]["SecretArn"].rsplit(":", 1)[1]),
    Row("Context", "context", "ContextName", ("list_contexts", "ContextSummaries"),
        lambda text: {"Description": text}, lambda told: told["Description"]),
)  # fmt: skip


class Records(Actor):
    """State: a text and the tags."""

    most = 30

    def act(self):
        live = [register for register in self.registers.values() if register.possible != [None]]
        if not live or len(live) < self.most and self.rng.random() < 0.4:
            return self.create()
        register = self.rng.choice(live)
        if not register.known:
            return self.journal.observe(register, self.read(register), "a look after a write that was not answered")
        way = self.rng.choice([self.update, self.tag, self.untag, self.delete, self.again])
        way(register)

    def row(self, register):
        return next(row for row in ROWS if row.noun == register.kind)

    def create(self):
        row = self.rng.choice(ROWS)
        register = self.new(row.noun)
        self.send_create(register, row, (f"text-{self.rng.randrange(10**9)}", (("n", str(self.made)),)))

    def send_create(self, register, row, state):
        text, tags = state
        body = {**row.body(text), row.member: register.name, "Tags": [{"Key": k, "Value": v} for k, v in tags]}
        if row.noun == "Context":
            body |= {"Source": {"SourceUri": "s3://a/b"}, "ContextType": "chaos"}
        elif row.noun == "CodeRepository":
            body["GitConfig"]["RepositoryUrl"] = "https://example.com/repository.git"
        elif row.noun == "Model":
            body["PrimaryContainer"]["Image"] = self.sweep.image
        create = getattr(self.client("sagemaker"), f"create_{row.snake}")
        self.journal.write(register, "create", state, create, present, **body)

    def again(self, register):
        """A name that is taken stays with its owner."""
        if self.rng.random() < 0.3:
            self.send_create(register, self.row(register), ("another", ()))

    def update(self, register):
        row = self.row(register)
        if row.updatable:
            new = (f"text-{self.rng.randrange(10**9)}", register.state[1])
            update = getattr(self.client("sagemaker"), f"update_{row.snake}")
            self.journal.write(register, "update", new, update, absent, **{row.member: register.name}, **row.body(new[0]))

    def arn(self, register):
        return harness.arn(self.row(register).arn, register.name)

    def tag(self, register):
        text, tags = register.state
        more = {self.rng.choice("abc"): str(self.rng.randrange(1000)), self.rng.choice("def"): "x"}
        new = (text, tuple(sorted({**dict(tags), **more}.items())))
        tags, add = [{"Key": k, "Value": v} for k, v in more.items()], self.client("sagemaker").add_tags
        self.journal.write(register, "tag", new, add, absent, ResourceArn=self.arn(register), Tags=tags)

    def untag(self, register):
        text, tags = register.state
        keys = self.rng.sample("abcdef", 3)
        new = (text, tuple(tag for tag in tags if tag[0] not in keys))
        remove = self.client("sagemaker").delete_tags
        self.journal.write(register, "untag", new, remove, absent, ResourceArn=self.arn(register), TagKeys=keys)

    def delete(self, register):
        row = self.row(register)
        delete = getattr(self.client("sagemaker"), f"delete_{row.snake}")
        self.journal.write(register, "delete", None, delete, absent, **{row.member: register.name})

    def read(self, register):
        row, client = self.row(register), self.client("sagemaker")
        told = self.see(getattr(client, f"describe_{row.snake}"), MISSING, **{row.member: register.name})
        if told is None:
            return None
        tags = self.see(client.list_tags, ResourceArn=self.arn(register))["Tags"]
        return row.text(told), tuple(sorted((tag["Key"], tag["Value"]) for tag in tags))

    def check(self):
        for register in list(self.registers.values()):
            self.journal.observe(register, self.read(register), "a look")
        for row in ROWS:
            names = [item[row.member] for item in self.pages("sagemaker", *row.listed)]
            own = {name: r for name, r in self.registers.items() if r.kind == row.noun}
            self.compare_names(f"{row.noun} of {self.name}", [n for n in names if n.startswith(f"{self.name}-")], own)
        self.registers = {name: r for name, r in self.registers.items() if r.state is not None}
