"""What a run came to: objects, resources, and what was made and taken away, without all that differs from run to run."""

import json
import re

from .story import CHAINS, KINDS

# Asks for a look, and says nothing else.
ASK = "sagewright.dev/reconcile-at"

# Members of a status, or of AWS's answers, that tell of one run. The tags of the last update and of what was served before
# are written after the update: a kill between the two leaves them out, and costs one more try of an update that AWS rolls back.
OF_ONE_RUN = re.compile(
    r"(?i)(time|timestamp|seconds|resourceVersion|uid|createdBy|lastModifiedBy|generation|sagewright|sagewright.dev/(last-update|served))$"
)
# When something was: part of texts.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
LISTS = {
    "ModelPackageGroup": ("ListModelPackageGroups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    "Model": ("ListModels", "Models", "ModelName"),
    "EndpointConfig": ("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigName"),
    "Endpoint": ("ListEndpoints", "Endpoints", "EndpointName"),
    "TrainingJob": ("ListTrainingJobs", "TrainingJobSummaries", "TrainingJobName"),
}


def look(run):
    """Objects and resources as they are now."""
    ledger = run.folder / "ledger"
    runs = ledger.read_text() if ledger.exists() else ""
    return plain(run, {"cluster": cluster(run), "aws": inventory(run), "job": runs})


def cluster(run):
    """What is declared, what holds it, and what is said of it. Words of conditions tell how it came to that, and are left out."""
    found = {}
    for kind in KINDS:
        for seen in run.list(kind):
            status = dict(seen.get("status", {}))
            status["conditions"] = {c["type"]: c["status"] for c in status.get("conditions", [])}
            metadata = seen["metadata"]
            found[f"{kind}/{metadata['name']}"] = {
                "spec": seen["spec"], "status": status, "finalizers": metadata.get("finalizers", []),
                "deleting": "deletionTimestamp" in metadata,
                "annotations": {k: v for k, v in metadata.get("annotations", {}).items() if k != ASK},
            }
    return found


def inventory(run):
    """Each resource of the account, with its tags."""
    found = {}
    for kind, (operation, member, name) in LISTS.items():
        for item in run.call(operation, MaxResults=100)[member]:
            told = run.describe(f"Describe{kind}", **{name: item[name]})
            found[f"{kind}/{item[name]}"] = told | {"Tags": run.tags_of(told[f"{kind}Arn"])}
            if kind == "ModelPackageGroup":
                versions = run.call("ListModelPackages", ModelPackageGroupName=item[name])["ModelPackageSummaryList"]
                for one in versions:
                    told = run.describe("DescribeModelPackage", ModelPackageName=one["ModelPackageArn"])
                    found[f"ModelPackage/{item[name]}/{one['ModelPackageVersion']}"] = told
    return found


def plain(run, value):
    text = TIME.sub("TIME", json.dumps(value, default=str))
    for own, word in ((str(run.folder), "FOLDER"), (run.namespace, "NAMESPACE"), (run.account, "ACCOUNT")):
        text = text.replace(own, word)
    return without(json.loads(text))


def without(value):
    if isinstance(value, dict):
        return {name: without(one) for name, one in value.items() if not OF_ONE_RUN.search(name)}
    return [without(one) for one in value] if isinstance(value, list) else value


def order(effects):
    """Creates of each chain in their order, and deletes: these have no order of their own where all objects go at once."""
    creates = {
        " ".join(chain): [f"{kind} {name}" for verb, kind, name in effects if verb == "Create" and kind in chain]
        for chain in CHAINS
    }
    return {"creates": creates, "deletes": sorted(f"{kind} {name}" for verb, kind, name in effects if verb == "Delete")}


def difference(expected, found, at=""):
    """What differs, in lines."""
    if isinstance(expected, dict) and isinstance(found, dict):
        lines = []
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name) or (name in expected) != (name in found):
                lines += difference(expected.get(name), found.get(name), f"{at}/{name}")
        return lines
    return [] if expected == found else [f"{at}: {json.dumps(found)[:300]} in place of {json.dumps(expected)[:300]}"]
