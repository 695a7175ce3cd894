"""Campaigns of one kind of fault at every place: killed between two writes, led by old news, changed between two reads."""

import functools
import random

import harness
from operator_tools import GROUP

from .gates import ANSWERED, BEFORE, UNANSWERED
from .run import Violation
from .story import STORY, Step, config, create, delete, endpoint, is_created, is_deleted, model


# Revisions that one run is started onto, of those that its writes led to.
AT_MOST = 20


class Point:
    """One run of a campaign: what it is called, and what is done; that gives how many points of the campaign it tried.

    `alone`: what is done touches other runs.
    """

    def __init__(self, name, do, alone=False, **options):
        self.name, self.do, self.alone, self.options = name, do, alone, options


# Intermediate state: the operator is killed after a write, and the next one goes on.


def intermediate(reference, seed):
    """One run kills at the same number of write in each step: a step begins where all is as without a fault."""
    longest = max(told.writes for told in reference.values())
    return [
        Point(f"{moment} {number}", functools.partial(killed, number=number, moment=moment))
        for number in range(1, longest + 1) for moment in (UNANSWERED, ANSWERED)
    ]


def killed(run, reference, number, moment):
    tried = 0

    def before(step):
        run.writes.fired.clear()
        at = len(run.writes.seen) + number
        run.writes.at(at if number <= reference[step.name].writes else None, moment, run.operator.kill)

    def during(step):
        nonlocal tried
        if number <= reference[step.name].writes and run.await_fired(step):
            tried += 1
            run.restart(wait=False)

    run.tell(reference, before, during)
    return tried


# Stale state: the operator is started onto lists and watches that show an earlier revision.


def again(run):
    """The same names, and another model."""
    create(run, said="two")


LIVES = [STORY[0], STORY[3], Step("again", again, is_created), Step("end", delete, is_deleted)]


def stale(reference, seed):
    """At rest: onto revisions that writes led to. On the way: killed at a write, and started onto an earlier revision."""
    rng = random.Random(f"{seed}/stale")
    rest = [Point(f"at rest after {step.name}", functools.partial(old_news, last=step.name)) for step in STORY]
    way = [
        Point(f"on the way {i}", functools.partial(old_way, number=rng.randrange(1, 26), back=rng.random()))
        for i in range(16)
    ]
    return [*rest, Point("at rest in a second life", second_life), *way]


def old_news(run, reference, last):
    """Revisions of the story so far are shown to an operator that is started when all is as declared."""
    steps = STORY[:1 + [step.name for step in STORY].index(last)]
    run.tell(reference, steps=steps)
    return shown_all(run, reference[last].state)


def shown_all(run, like):
    tried, effects = 0, list(run.aws.effects)
    revisions = sorted(set(run.gate.revisions))
    for revision in revisions[:: max(1, len(revisions) // AT_MOST)]:
        run.kill()
        run.gate.freeze(revision)
        run.restart()
        run.await_quiet()
        run.settle_like(f"revision {revision}, shown late", like)
        run.gate.release()
        run.await_quiet()
        run.settle_like(f"revision {revision}, and then the present one", like)
        if run.aws.effects != effects:
            raise Violation(f"revision {revision} led to {run.aws.effects[len(effects):]}")
        tried += 1
    run.check_log()
    return tried


def second_life(run, reference):
    """The first lives of objects are shown when the second ones have begun."""
    told = run.tell(steps=LIVES[:3])
    return shown_all(run, told["again"].state)


def old_way(run, reference, number, back):
    """In each step but the first: killed at a write, started onto the past, and let go on from there."""
    tried = 0

    def before(step):
        run.writes.fired.clear()
        count = reference[step.name].writes
        run.writes.at(len(run.writes.seen) + 1 + number % count, ANSWERED, run.operator.kill)

    def during(step):
        nonlocal tried
        if run.await_fired(step):
            revisions = sorted(set(run.gate.revisions))
            run.gate.freeze(revisions[int(back * len(revisions))])
            run.restart()
            run.await_quiet()
            run.gate.release()
            tried += 1

    run.tell(reference, before, during)
    return tried


# Unobserved state: what a user does between two reads of the operator.


def unobserved(reference, seed):
    longest = max(told.writes for told in reference.values())
    meanwhile = [
        Point(f"{act.__name__} before write {number}", functools.partial(between, number=number, act=act))
        for number in range(1, longest + 1) for act in (there_and_back,)
    ]
    return [*meanwhile, Point("behind the watches", hidden), Point("in AWS", hidden_in_aws)]


def there_and_back(run):
    """An edit of each object, and the edit that takes it back."""
    for kind, name in run.objects():
        for label in ("x", None):
            patch = {"metadata": {"labels": {"chaos": label}}}
            run.request("PATCH", run.path(kind, name), patch, "application/merge-patch+json")
    told = run.kube.get(f"models.{GROUP}", "model", run.namespace)
    if told and not told["metadata"].get("deletionTimestamp"):
        tags = told["spec"]["tags"]
        for one in ([{"key": "team", "value": "none"}], tags):
            run.request("PATCH", run.path("Model", "model"), {"spec": {"tags": one}}, "application/merge-patch+json")


def between(run, reference, number, act):
    """A user acts after the operator has read and before it writes."""
    tried = 0

    def before(step):
        run.writes.fired.clear()
        at = len(run.writes.seen) + number
        run.writes.at(at if number <= reference[step.name].writes else None, BEFORE, lambda: act(run))

    def during(step):
        nonlocal tried
        tried += number <= reference[step.name].writes and run.await_fired(step)

    run.tell(reference, before, during)
    return tried


def hidden(run, reference):
    """Objects come and go, and edits are taken back, while no watch shows anything."""
    told = run.tell(reference, steps=STORY[:2])
    effects, tried = list(run.aws.effects), 0
    acts = [
        lambda: (run.apply(model(run, team="c")), run.apply(model(run, team="b"))),
        lambda: (run.apply(endpoint(run, "config-a")), run.apply(endpoint(run, "config-b"))),
        lambda: [there_and_back(run) for _ in range(3)],
        lambda: comes_and_goes(run, model(run)),
        lambda: comes_and_goes(run, config(run, "passing")),
        lambda: [comes_and_goes(run, model(run, said)) for said in ("one", "two", "three")],
    ]
    for act in acts:
        run.gate.hold()
        act()
        run.gate.release()
        run.await_quiet()
        run.settle_like("what was hidden", told["update"].state)
        if run.aws.effects != effects:
            raise Violation(f"what was hidden led to {run.aws.effects[len(effects):]}")
        tried += 1
    run.tell(reference, steps=STORY[2:])
    return tried


def comes_and_goes(run, one):
    one["metadata"]["name"] = "passing"
    one["spec"] |= {"modelName": "passing"} if one["kind"] == "Model" else {}
    run.apply(one)
    run.delete(one["kind"], "passing")


def hidden_in_aws(run, reference):
    """What is declared is taken away, changed, or changed and changed back in AWS, while no operator looks.

    One that runs lists everything, which shows what is gone, only each half hour.
    """
    told = run.tell(reference, steps=STORY[:2])
    like, tried = told["update"].state, 0
    arn = harness.arn("model", "model", run.account)
    for act in (
        lambda: run.call("DeleteModel", ModelName="model"),
        lambda: run.call("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "theirs"}]),
        lambda: [run.call("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": v}]) for v in ("theirs", "b")],
        lambda: run.call("DeleteEndpoint", EndpointName="endpoint"),
    ):
        run.aws.effects.clear()
        run.kill()
        act()
        run.restart()
        # A listing does not show tags.
        run.ask("Model", "model")
        run.await_quiet()
        run.settle_like("a change in AWS", like)
        if len(run.aws.effects) > 1:
            raise Violation(f"a change in AWS led to {run.aws.effects}")
        tried += 1
    run.tell(reference, steps=STORY[2:])
    return tried
