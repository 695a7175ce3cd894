"""A short form of the operator's fault campaigns, and the proof that they see what is wrong.

`cargo xtask chaos operator` runs all of them.
"""

import sys

import pytest

import harness

sys.path.insert(0, str(harness.ROOT / "tests"))

from chaos.cluster.gates import ANSWERED, UNANSWERED  # noqa: E402
from chaos.cluster.main import run, table, without_faults  # noqa: E402
from chaos.cluster.run import Violation, World  # noqa: E402
from chaos.cluster.story import STORY  # noqa: E402

# One point or a few of each campaign that needs no long waits.
SHORT = {
    "intermediate": {f"{UNANSWERED} 9", f"{UNANSWERED} 12", f"{ANSWERED} 14", f"{UNANSWERED} 22"},
    "stale": {"on the way 0"},
    "unobserved": {"behind the watches"},
    "network": {"conflict storm"},
    "errors": {"a create that is not written down"},
    "outage": {"namespace goes while nobody works"},
    "clash": {"a model of that name"},
}


@pytest.fixture(scope="module")
def world(kube, definitions, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("chaos"), kube)
    yield world
    world.close()


@pytest.fixture(scope="module")
def reference(world):
    return without_faults(world, times=1)


def test_the_story_ends_under_faults_as_without_any(world, reference):
    chosen = set().union(*SHORT.values())
    results = run(world, reference, SHORT, 12, lambda point: point.name in chosen)
    violations = [violation for result in results.values() for violation in result.violations]
    assert not violations, "\n".join([table(results), *violations])
    assert all(result.tried for result in results.values()), table(results)


def test_a_resource_that_is_made_twice_is_seen(world, reference):
    with world.run("made twice") as run:
        run.afterwards = 1

        def during(step):
            version = lambda: run.call("CreateModelPackage", ModelPackageGroupName="group")  # noqa: E731
            harness.wait(lambda: "ModelPackageArn" in version(), "the group is there, and gets another version")

        with pytest.raises(Violation, match="ModelPackage/group/2"):
            run.tell(reference, during=during, steps=STORY[:1])


def test_a_create_and_a_delete_too_many_are_seen(world, reference):
    with world.run("made anew") as run:
        # What is made anew leaves the same end.
        def during(step):
            harness.wait(lambda: ("Create", "Model", "model") in run.aws.effects, "the model is made")
            run.aws.effects += [("Delete", "Model", "model"), ("Create", "Model", "model")]

        with pytest.raises(Violation, match="other creates or deletes in create"):
            run.tell(reference, during=during, steps=STORY[:1])


def test_an_operator_that_does_nothing_is_seen(world, reference):
    with world.run("nothing done") as run:
        run.patience = 1
        run.kill()
        with pytest.raises(Violation, match="stuck: create"):
            run.tell(reference, steps=STORY[:1])
