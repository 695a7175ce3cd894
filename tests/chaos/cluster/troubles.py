"""Campaigns of faults that last for a while: a network, an AWS or an API server that fails, and what a user has got wrong."""

import functools
import json
import signal
import threading

import harness
from operator_tools import GROUP, condition, thing

from . import state
from .campaigns import Point
from .gates import BEFORE
from .run import Violation
from .story import KINDS, STORY, Step, create, is_created

CREATED = STORY[:1]


# Network: the whole story, while calls fail.


def network(reference, seed):
    kube = {"conflict": 0.3, "busy": 0.1, "reset before": 0.05, "reset after": 0.05}
    aws = {"throttled": 0.3, "reset before": 0.05, "reset after": 0.05, "garbled": 0.02}
    ways = {
        "AWS throttles 30 %": ({}, {"throttled": 0.3}, 0),
        "AWS resets": ({}, {"reset before": 0.1, "reset after": 0.1}, 0),
        "AWS garbles": ({}, {"garbled": 0.1}, 0),
        "conflict storm": ({"conflict": 0.6}, {}, 0),
        "API server is busy": ({"busy": 0.3}, {}, 0),
        "API server resets": ({"reset before": 0.1, "reset after": 0.1}, {}, 0),
        "watches expire": ({}, {}, 0.7),
        "everything": (kube, aws, 0.3),
    }
    of = functools.partial
    return [Point(name, of(failing, kube=kube, aws=aws, expires=old)) for name, (kube, aws, old) in ways.items()]


def failing(run, reference, kube, aws, expires):
    run.gate.faults, run.aws.faults, run.gate.expires = kube, aws, expires
    # Watches that are open end again and again, so that new ones are refused.
    run.tell(reference, during=lambda step: expires and run.gate.drop())
    seen = run.gate.calls + run.aws.calls
    wanted = [*kube, *aws, *(["expired"] if expires else [])]
    if any(not seen[fault] for fault in wanted):
        raise Violation(f"not all faults were seen: {seen}")
    return 1


# AWS errors: each write is refused twice with an error of one class.


ERRORS = {
    "throttled": (400, "ThrottlingException", "Rate exceeded"),
    "unavailable": (503, "ServiceUnavailable", "try again"),
    "internal": (500, "InternalFailure", "internal failure"),
    "conflict": (400, "ConflictException", "another change is under way"),
    "quota": (400, "ResourceLimitExceeded", "The account-level service limit is 0 Instances"),
    "denied": (400, "AccessDeniedException", "User is not authorized to perform this action"),
    "expired": (400, "ExpiredTokenException", "The security token included in the request is expired"),
    "signature": (403, "InvalidSignatureException", "The request signature we calculated does not match"),
    "invalid": (400, "ValidationException", "1 validation error detected: odd"),
    "unknown": (418, "TeapotException", "short and stout"),
}
# Those that pass by themselves; after the others somebody asks for another look.
PASSING = ("throttled", "unavailable", "internal", "conflict")


def errors(reference, seed):
    of = functools.partial
    points = [Point(name, of(refused, error=error, asks=name not in PASSING)) for name, error in ERRORS.items()]
    return [*points, Point("a create that is not written down", unwritten)]


def refused(run, reference, error, asks):
    run.aws.failing, run.aws.times = error, 2
    if asks:
        with asking(run):
            run.tell(reference)
    else:
        run.tell(reference)
    return len(run.aws.failed)


def unwritten(run, reference):
    """The status after a create meets a conflict, and the reads that follow are throttled while the listing is not."""
    run.aws.throttles.update({"DescribeModel": 8, "DescribeModelPackageGroup": 8})
    run.gate.conflicts.update({"models/model/status": 1, "modelpackagegroups/group/status": 1})
    run.tell(reference)
    return 1


class asking:
    """Asks for a look at each object that is not ready, once a second, until all is told."""

    def __init__(self, run):
        self.run, self.over = run, threading.Event()
        self.thread = threading.Thread(target=self.ask, daemon=True)

    def ask(self):
        while not self.over.wait(1):
            for kind in KINDS:
                for seen in self.run.list(kind):
                    if condition(seen, "Ready").get("status") != "True":
                        self.run.ask(kind, seen["metadata"]["name"])

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


# Outages of the API server and of AWS, and a namespace that goes.


def outage(reference, seed):
    return [
        Point("AWS is away", aws_away),
        Point("API server is away", server_away),
        Point("API server restarts", server_restarts, alone=True),
        Point("namespace goes when all is made", functools.partial(namespace_goes, settled=True)),
        Point("namespace goes while all is made", functools.partial(namespace_goes, settled=False)),
        Point("namespace goes while nobody works", functools.partial(namespace_goes, settled=False, kill=True)),
    ]


def aws_away(run, reference):
    """Connections are refused, and go on again."""
    upstream = run.aws.upstream

    def before(step):
        run.aws.upstream = ("127.0.0.1", 9)

    def during(step):
        calls = run.aws.calls["passed"]
        harness.wait(lambda: run.aws.calls["passed"] > calls + 2, "the operator calls")
        run.aws.upstream = upstream

    run.tell(reference, before, during)
    return len(STORY)


def server_away(run, reference):
    def during(step):
        tried = []
        run.gate.lost = lambda method, path: not tried.append(path)
        run.gate.drop()
        harness.wait(lambda: len(tried) > 5, "the operator asks")
        run.gate.lost = lambda method, path: False

    run.tell(reference, during=during)
    return len(STORY)


def server_restarts(run, reference):
    run.tell(reference, during=lambda step: run.kube.restart_apiserver(kill=True))
    return len(STORY)


def namespace_goes(run, reference, settled, kill=False):
    """All in it is deleted at once, as the namespace's controller does."""
    if settled:
        run.tell(reference, steps=CREATED)
    else:
        create(run)
        harness.wait(lambda: run.aws.effects, "something is made")
    if kill:
        run.kill()
        timer = threading.Timer(1, run.restart)
        timer.start()
    run.kube.remove_namespace(run.namespace)
    if kill:
        timer.join()
    left = {key: told for key, told in state.inventory(run).items() if not key.startswith("TrainingJob")}
    if left:
        raise Violation(f"the namespace is gone, and AWS has {sorted(left)}")
    return 1


# Clash: what is in the way, or missing.


def clash(reference, seed):
    return [
        Point("a model of that name", name_clash), Point("a model of that name, and the object goes", name_stays),
        Point("missing role", missing_role), Point("missing ConfigMap and Secret", missing_targets),
    ]


def name_clash(run, reference):
    """A resource that is not ours is neither changed nor taken over; when it is gone, all goes on."""
    made = unmanaged(run)

    def act(run):
        create(run)
        refused_by(run, "NotManaged")
        if run.call("DescribeModel", ModelName="model") != made:
            raise Violation("the resource of somebody else was changed")
        run.call("DeleteModel", ModelName="model")

    with asking(run):
        run.tell(reference, steps=[Step("create", act, is_created)])
    return 1


def name_stays(run, reference):
    made = unmanaged(run)
    create(run)
    refused_by(run, "NotManaged")
    for kind, name in reversed(run.objects()):
        run.delete(kind, name)
    run.settle(STORY[-1])
    if run.call("DescribeModel", ModelName="model") != made:
        raise Violation("the resource of somebody else was changed or deleted")
    return 1


def unmanaged(run):
    container = {"Image": run.image, "Environment": {"SAID": "theirs"}}
    run.call("CreateModel", ModelName="model", ExecutionRoleArn=run.role, PrimaryContainer=container)
    return run.call("DescribeModel", ModelName="model")


def refused_by(run, reason, kind="models", name="model"):
    def is_refused(seen):
        return any(c.get("reason") == reason for c in (seen or {}).get("status", {}).get("conditions", []))

    return run.kube.wait(f"{kind}.{GROUP}", name, is_refused, run.namespace, f"is refused by {reason}")


def missing_role(run, reference):
    """A role that is created after the objects that name it."""
    late = run.role.rsplit("/", 1)[0] + "/late"

    def act(run):
        run.role = late
        create(run)
        seen = run.kube.wait(
            f"trainingjobs.{GROUP}", "job", lambda seen: condition(seen, "Ready").get("status") == "False", run.namespace,
        )
        told = json.dumps(seen["status"]["conditions"])
        if "role" not in told.lower():
            raise Violation(f"the missing role is not told: {told}")
        late_role(run, service="sagemaker.amazonaws.com")

    with asking(run):
        told = run.tell(steps=[Step("create", act, is_created)])
    if lines := state.difference(reference["create"].order, told["create"].order):
        raise Violation("other creates: " + "; ".join(lines))
    return 1


def late_role(run, account=None, service=None):
    """Creates a role that an account or a service may assume, and that may do everything."""
    whom = {"AWS": account} if account else {"Service": service}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": whom}
    iam = run.cloud.client("iam", run.account)
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    role = iam.create_role(RoleName="late", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="late", PolicyName="all", PolicyDocument=json.dumps(everything))
    return role


def missing_targets(run, reference):
    """Fields are copied once their targets are there."""
    source = {"group": GROUP, "kind": "Model", "name": "model"}
    root = f"/apis/services.k8s.aws/v1alpha1/namespaces/{run.namespace}/fieldexports"
    for kind in ("configmap", "secret"):
        run.request("POST", root, {
            "apiVersion": "services.k8s.aws/v1alpha1", "kind": "FieldExport", "metadata": {"name": kind},
            "spec": {
                "from": {"path": ".status.ackResourceMetadata.arn", "resource": source},
                "to": {"kind": kind, "name": "late", "key": "arn"},
            },
        })
    run.tell(reference, steps=CREATED)
    for kind in ("configmap", "secret"):
        run.kube.wait_condition("fieldexports", kind, "ACK.Recoverable", namespace=run.namespace)
    core = f"/api/v1/namespaces/{run.namespace}"
    run.request("POST", f"{core}/configmaps", {"metadata": {"name": "late"}})
    run.request("POST", f"{core}/secrets", {"metadata": {"name": "late"}})
    for kind in ("configmap", "secret"):
        run.kube.wait_condition("fieldexports", kind, "Ready", namespace=run.namespace)
    for kind in ("configmaps", "secrets"):
        if not (run.kube.get(kind, "late", run.namespace).get("data") or {}).get("arn"):
            raise Violation(f"nothing was copied into the {kind}")
    run.tell(reference, steps=STORY[1:])
    return 2


# Account: the objects belong to another account, whose role comes late.


def account(reference, seed):
    return [Point("its role comes late", foreign_account, watched=("default",))]


def foreign_account(run, reference):
    own, other = run.account, run.world.new_account()
    annotation = {"metadata": {"annotations": {"services.k8s.aws/owner-account-id": other}}}
    run.request("PATCH", f"/api/v1/namespaces/{run.namespace}", annotation, "application/merge-patch+json")
    run.belong(other)

    def act(run):
        create(run)
        refused_by(run, "ScopeNotAvailable")
        if run.aws.effects:
            raise Violation(f"without the role something was made: {run.aws.effects}")
        run.request("POST", f"/api/v1/namespaces/{run.namespace}/configmaps", {
            "metadata": {"name": "ack-role-account-map"}, "data": {other: late_role(run, f"arn:aws:iam::{own}:root")},
        })

    run.tell(reference, steps=[Step("create", act, is_created), *STORY[1:]])
    run.belong(own)
    if left := state.inventory(run):
        raise Violation(f"resources in the operator's own account: {sorted(left)}")
    return len(STORY)


# Admission: what is refused reaches nobody.


REFUSED = {
    "enum": ("ModelPackage", {"modelApprovalStatus": "Perhaps"}),
    "pattern": ("Model", {"modelName": "a b"}),
    "length": ("Model", {"modelName": "m" * 64}),
    "range": ("TrainingJob", {"stoppingCondition": {"maxRuntimeInSeconds": 0}}),
    "required": ("EndpointConfig", {"dataCaptureConfig": {"enableCapture": True}}),
    "type": ("Model", {"primaryContainer": "an image"}),
    "name and reference": ("Endpoint", {"endpointConfigName": "x", "endpointConfigRef": {"from": {"name": "x"}}}),
    "immutable": ("Model", {"modelName": "other"}),
}


def admission(reference, seed):
    return [Point("refusals", admitted)]


def admitted(run, reference):
    told = run.tell(reference, steps=CREATED)
    of = {"ModelPackage": "version", "Model": "model", "TrainingJob": "job", "EndpointConfig": "config-a", "Endpoint": "endpoint"}
    writes = len(run.writes.seen)
    for name, (kind, spec) in REFUSED.items():
        for verb in ("create", "edit") if name != "immutable" else ("edit",):
            if verb == "edit":
                path, content = run.path(kind, of[kind]), "application/merge-patch+json"
                code, said = run.kube.request("PATCH", path, {"spec": spec}, content)
            else:
                whole = run.kube.get(f"{KINDS[kind]}.{GROUP}", of[kind], run.namespace)["spec"]
                code, said = run.kube.request("POST", run.path(kind), thing(kind, "new", {**whole, **spec}))
            if code != 422 or len(said.get("message", "")) < 30:
                raise Violation(f"{name}: {verb} of {kind} was answered by {code}: {json.dumps(said)[:300]}")
    run.await_quiet()
    run.settle_like("refusals", told["create"].state)
    if len(run.writes.seen) != writes:
        raise Violation(f"refusals led to {run.writes.seen[writes:]}")
    return len(REFUSED)


# Replicas: the leader loses its lease.


def replicas(reference, seed):
    return [
        Point("the lease cannot be renewed", lost_lease, replicas=2),
        Point("the leader stands still", still_leader, replicas=2),
    ]


def lost_lease(run, reference):
    """The leader does not reach its lease any more: it ends, and the other one goes on."""
    leader, gate = run.leader()

    def during(step):
        if step is STORY[0]:
            gate.lost = lambda method, path: "/leases" in path
        elif step is STORY[1]:
            harness.wait(lambda: leader.process.poll() is not None, "the leader ends")

    run.tell(reference, during=during)
    return 1


def still_leader(run, reference):
    """The leader stands still in the middle of its work until the other one leads, and then goes on."""
    leader, _ = run.leader()
    run.writes.at(len(run.writes.seen) + 12, BEFORE, lambda: leader.process.send_signal(signal.SIGSTOP))

    def during(step):
        if step is STORY[0]:
            harness.wait(run.writes.fired.is_set, "the leader stands still")
            run.leader(but=leader)
            leader.process.send_signal(signal.SIGCONT)

    run.tell(reference, during=during)
    harness.wait(lambda: leader.process.poll() is not None, "the one that lost its lease ends")
    return 1
