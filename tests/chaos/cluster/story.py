"""What a user does: objects that refer to one another are created, changed and deleted.

A step applies or deletes objects, and says when all is done. Objects are as the user declares them; the names are the same in
each run, because each has an account and a namespace of its own.
"""

from operator_tools import condition, thing

# Kinds in the order of their references: what is named comes first.
KINDS = {
    "ModelPackageGroup": "modelpackagegroups", "ModelPackage": "modelpackages", "Model": "models",
    "EndpointConfig": "endpointconfigs", "Endpoint": "endpoints", "TrainingJob": "trainingjobs",
}
# What has to be made in this order, and each once.
CHAINS = (("ModelPackageGroup", "ModelPackage"), ("Model", "EndpointConfig", "Endpoint"), ("TrainingJob",))


def group(run):
    return thing("ModelPackageGroup", "group", {"modelPackageGroupName": "group", "modelPackageGroupDescription": "digits"})


def version(run, approval="PendingManualApproval"):
    return thing("ModelPackage", "version", {
        "modelPackageGroupRef": {"from": {"name": "group"}}, "modelPackageDescription": "the first",
        "modelApprovalStatus": approval,
    })


def model(run, said="one", team="a"):
    return thing("Model", "model", {
        "modelName": "model", "executionRoleARN": run.role,
        "primaryContainer": {"image": run.image, "environment": {"SAID": said}},
        "tags": [{"key": "team", "value": team}],
    })


def config(run, name):
    return thing("EndpointConfig", name, {"endpointConfigName": name, "productionVariants": [{
        "variantName": "all", "modelRef": {"from": {"name": "model"}}, "initialInstanceCount": 1,
        "instanceType": "ml.m5.large", "initialVariantWeight": 1,
    }]})


def endpoint(run, uses):
    return thing("Endpoint", "endpoint", {"endpointName": "endpoint", "endpointConfigRef": {"from": {"name": uses}}})


def job(run):
    return thing("TrainingJob", "job", {
        "trainingJobName": "job", "roleARN": run.role,
        "algorithmSpecification": {"trainingImage": run.image, "trainingInputMode": "File"},
        "hyperParameters": {"ledger": str(run.folder / "ledger"), "seconds": "0"},
        "outputDataConfig": {"s3OutputPath": f"s3://{run.bucket}/models"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 5},
        "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    })


def create(run, said="one"):
    """Everything at once, and what refers to others first."""
    run.apply(job(run), endpoint(run, "config-a"), config(run, "config-a"), model(run, said), version(run), group(run))


def update(run):
    """A version is approved, a tag changes, and the endpoint gets another configuration."""
    run.apply(endpoint(run, "config-b"), config(run, "config-b"), model(run, team="b"), version(run, "Approved"))


def retire(run):
    """What the endpoint used before goes."""
    run.delete("EndpointConfig", "config-a")


def delete(run):
    """Everything at once."""
    for kind, name in reversed(run.objects()):
        run.delete(kind, name)


def is_created(run, objects):
    return len(objects) == 6 and all(is_ready(seen) for seen in objects)


def is_updated(run, objects):
    if len(objects) != 7 or not all(is_ready(seen) for seen in objects):
        return False
    of = {seen["metadata"]["name"]: seen for seen in objects}
    return (
        of["endpoint"]["status"].get("endpointStatus") == "InService"
        and run.describe("DescribeEndpoint", EndpointName="endpoint").get("EndpointConfigName") == "config-b"
        and run.tags("model").get("team") == "b"
        and of["version"]["spec"]["modelApprovalStatus"] == "Approved"
    )


def is_deleted(run, objects):
    return not objects


def is_ready(seen):
    return condition(seen, "Ready").get("status") == "True" and not seen["metadata"].get("deletionTimestamp")


class Step:
    def __init__(self, name, act, done):
        self.name, self.act, self.done = name, act, done


STORY = [
    Step("create", create, is_created), Step("update", update, is_updated), Step("retire", retire, is_created),
    Step("delete", delete, is_deleted),
]
