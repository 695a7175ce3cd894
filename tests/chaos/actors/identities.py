"""Roles of IAM with their policies, and sessions of STS."""

import json

from botocore.exceptions import ClientError

from ..journal import ANSWERED, LOST
from .base import Actor, absent, present

MISSING = ("NoSuchEntity",)
MANAGED = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def document(text):
    return {"Version": "2012-10-17", "Statement": [{"Sid": text, "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


class Roles(Actor):
    """State: description, inline policies, tags and attached policies."""

    pause = 0.02

    def act(self):
        live = [register for register in self.registers.values() if register.possible != [None]]
        iam = self.client("iam")
        if not live or len(live) < self.most and self.rng.random() < 0.3:
            register = self.new("Role")
            self.journal.write(
                register, "create", ("first", (), (("n", register.name),), ()), iam.create_role, present, RoleName=register.name,
                AssumeRolePolicyDocument=json.dumps(TRUST), Description="first", Tags=[{"Key": "n", "Value": register.name}],
            )  # fmt: skip
            return
        register = self.rng.choice(live)
        if not register.known:
            self.journal.observe(register, self.read(register), "a look after a write that was not answered")
            return
        ways = [self.describe, self.put_policy, self.put_policy, self.drop_policy, self.tag, self.attach, self.detach, self.delete]
        self.rng.choice(ways)(register)

    def change(self, register, what, new, do, **arguments):
        self.journal.write(register, what, new, do, absent, RoleName=register.name, **arguments)

    def describe(self, register):
        text = f"text {self.rng.randrange(10**9)}"
        new = (text, *register.state[1:])
        self.change(register, "describe", new, self.client("iam").update_role, Description=text)

    def put_policy(self, register):
        description, policies, *rest = register.state
        name, text = self.rng.choice("abc"), f"s{self.rng.randrange(10**9)}"
        new = (description, tuple(sorted({**dict(policies), name: text}.items())), *rest)
        body = json.dumps(document(text))
        self.change(register, "put policy", new, self.client("iam").put_role_policy, PolicyName=name, PolicyDocument=body)

    def drop_policy(self, register):
        description, policies, *rest = register.state
        if policies:
            new, drop = (description, policies[1:], *rest), self.client("iam").delete_role_policy
            self.change(register, "drop policy", new, drop, PolicyName=policies[0][0])

    def tag(self, register):
        description, policies, tags, attached = register.state
        key, value = self.rng.choice("xyz"), str(self.rng.randrange(100))
        new = (description, policies, tuple(sorted({**dict(tags), key: value}.items())), attached)
        self.change(register, "tag", new, self.client("iam").tag_role, Tags=[{"Key": key, "Value": value}])

    def attach(self, register):
        *rest, attached = register.state
        if MANAGED not in attached:
            self.change(register, "attach", (*rest, (MANAGED,)), self.client("iam").attach_role_policy, PolicyArn=MANAGED)

    def detach(self, register):
        *rest, attached = register.state
        if attached:
            self.change(register, "detach", (*rest, ()), self.client("iam").detach_role_policy, PolicyArn=MANAGED)

    def delete(self, register):
        if not register.state[1] and not register.state[3]:
            self.change(register, "delete", None, self.client("iam").delete_role)

    def read(self, register):
        iam = self.client("iam")
        told = self.see(iam.get_role, MISSING, RoleName=register.name)
        if told is None:
            return None
        policies = {}
        for name in self.see(iam.list_role_policies, RoleName=register.name)["PolicyNames"]:
            body = self.see(iam.get_role_policy, RoleName=register.name, PolicyName=name)["PolicyDocument"]
            policies[name] = body["Statement"][0]["Sid"]
        tags = self.see(iam.list_role_tags, RoleName=register.name)["Tags"]
        tags = tuple(sorted((tag["Key"], tag["Value"]) for tag in tags))
        attached = self.see(iam.list_attached_role_policies, RoleName=register.name)["AttachedPolicies"]
        attached = tuple(policy["PolicyArn"] for policy in attached)
        return told["Role"].get("Description"), tuple(sorted(policies.items())), tags, attached

    def names(self):
        names = [role["RoleName"] for role in self.pages("iam", "list_roles", "Roles")]
        return [name for name in names if name.startswith(f"{self.name}-")]


class Sessions(Actor):
    """Credentials that were given out hold."""

    pause = 0.2

    def __init__(self, sweep, name):
        super().__init__(sweep, name)
        self.given = []

    def act(self):
        outcome, told = self.journal.call("get a session", self.client("sts").get_session_token)
        self.journal.count("session", outcome)
        if outcome == ANSWERED:
            self.given.append((self.journal.now(), told["Credentials"]))

    def check(self):
        for given, credentials in self.rng.sample(self.given, min(3, len(self.given))):
            try:
                self.victim.session_client("sts", credentials).get_caller_identity()
            except ClientError as error:
                self.journal.violate(LOST, f"the session that was given out at {given}: {error}")
