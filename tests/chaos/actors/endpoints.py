"""Endpoints: what Describe shows is what answers, through updates, restarts and both at once."""

import harness

from ..journal import ANSWERED, HALF, REFUSED, WRONG
from .base import Actor, Unseen, absent, present

MISSING = ("Could not find",)
# Models and endpoint configurations that all endpoints use; a configuration's variants with their first weights.
MODELS = ("first", "second", "broken")
CONFIGS = {
    "one": {"a": ("first", 1.0)},
    "two": {"a": ("second", 1.0)},
    "both": {"a": ("first", 1.0), "b": ("second", 1.0)},
    "bad": {"a": ("broken", 1.0)},
}
SETTLED = ("InService", "Failed", "OutOfService")


def prepare(sweep):
    sagemaker = sweep.client("sagemaker")
    for model in MODELS:
        environment = {"BROKEN": "1"} if model == "broken" else {"SAID": model}
        container = {"Image": sweep.image, "Environment": environment}
        sagemaker.create_model(ModelName=model, ExecutionRoleArn=sweep.role, PrimaryContainer=container)
    for config, variants in CONFIGS.items():
        variants = [harness.variant(name, model, weight) for name, (model, weight) in variants.items()]
        sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)


def first_state(config):
    return config, tuple((name, weight) for name, (_, weight) in sorted(CONFIGS[config].items()))


class Endpoints(Actor):
    """State: configuration and weights. One endpoint at a time, always invoked."""

    pause = 0.02

    def __init__(self, sweep, name):
        super().__init__(sweep, name)
        self.endpoint = None
        # What it may be if the last update has failed.
        self.before = None
        self.updates = 0

    def act(self):
        register = self.endpoint
        if register is None or register.possible == [None]:
            register = self.endpoint = self.new("Endpoint")
            config = self.rng.choice(["one", "two", "both"])
            create = self.client("sagemaker").create_endpoint
            self.before = None
            self.journal.write(
                register, "create", first_state(config), create, present, EndpointName=register.name, EndpointConfigName=config
            )
            return
        told = self.describe(register)
        if told and told["EndpointStatus"] not in SETTLED:
            return
        self.judge(register, told)
        if register.state is None:
            return
        self.invoke(register, told)
        if self.rng.random() < 0.4:
            self.rng.choice([self.update, self.update, self.update, self.weigh, self.weigh, self.delete])(register)

    def describe(self, register):
        return self.see(self.client("sagemaker").describe_endpoint, MISSING, EndpointName=register.name)

    def judge(self, register, told):
        """Compares a settled endpoint with what it may be."""
        if told is None:
            self.journal.observe(register, None, "a look")
            return
        if told["EndpointStatus"] != "InService":
            reason = told.get("FailureReason")
            self.journal.violate(WRONG, f"{self.journal.story(register)}: it is {told['EndpointStatus']}: {reason}")
            raise Unseen
        variants = told["ProductionVariants"]
        state = told["EndpointConfigName"], tuple(sorted((v["VariantName"], v["CurrentWeight"]) for v in variants))
        wanted = [s for s in register.possible if s]
        bad = any(s[0] == "bad" for s in wanted)
        if bad and state == self.before:
            # A failed update says so, if it was begun.
            if len(register.possible) == 1 and "FailureReason" not in told:
                self.journal.violate(HALF, f"{self.journal.story(register)}: its update failed, and gives no reason")
            register.possible = [state]
        self.journal.observe(register, state, "a look")
        if any(v["CurrentWeight"] != v["DesiredWeight"] for v in variants) or "PendingDeploymentSummary" in told:
            self.journal.violate(HALF, f"{register} is in service: {told}")

    def change(self, register, what, new, do, **arguments):
        self.before = register.state
        # It is on its way again after each start, and takes no change then.
        told = self.journal.write(register, what, new, do, absent, waits=True, EndpointName=register.name, **arguments)
        self.updates += told is not None

    def update(self, register):
        config = self.rng.choice(["one", "two", "both", "bad"])
        update = self.client("sagemaker").update_endpoint
        self.change(register, "update", first_state(config), update, EndpointConfigName=config)

    def weigh(self, register):
        config, weights = register.state
        if config != "both":
            return
        chosen = self.rng.choice([(1.0, 0.0), (0.0, 1.0), (1.0, 2.0)])
        weights = tuple(zip(("a", "b"), chosen))
        wishes = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights]
        weigh = self.client("sagemaker").update_endpoint_weights_and_capacities
        self.change(register, "weigh", (config, weights), weigh, DesiredWeightsAndCapacities=wishes)

    def delete(self, register):
        self.change(register, "delete", None, self.client("sagemaker").delete_endpoint)

    def invoke(self, register, told):
        """An endpoint that is in service before and after answers as it is described."""
        life = self.victim.life
        outcome, answer = self.journal.call(
            f"invoke {register}", self.client("sagemaker-runtime").invoke_endpoint, EndpointName=register.name, Body=b"x",
            ContentType="text/csv",
        )  # fmt: skip
        if outcome not in (ANSWERED, REFUSED):
            raise Unseen
        if outcome == ANSWERED:
            answer = answer["Body"].read().decode()
        after = self.describe(register)
        same = after and all(after[m] == told[m] for m in ("EndpointStatus", "EndpointConfigName", "LastModifiedTime"))
        if not same or self.victim.excuses(life):
            return
        self.journal.count("invocation", outcome)
        config, weights = register.state
        models = [CONFIGS[config][name][0] for name, weight in weights if weight]
        if answer not in models:
            self.journal.violate(WRONG, f"{self.journal.story(register)}: it is in service, and an invocation gave {answer!r}")

    def settled(self):
        return all(item["EndpointStatus"] in SETTLED for item in self.listed())

    def check(self):
        if self.endpoint:
            told = self.describe(self.endpoint)
            self.judge(self.endpoint, told)
            if told:
                self.invoke(self.endpoint, told)
        self.compare_names(self.name, self.names(), self.registers)
        self.registers = {name: r for name, r in self.registers.items() if r.state is not None}

    def listed(self):
        listed = self.pages("sagemaker", "list_endpoints", "Endpoints")
        return [item for item in listed if item["EndpointName"].startswith(f"{self.name}-")]

    def names(self):
        return [item["EndpointName"] for item in self.listed()]
