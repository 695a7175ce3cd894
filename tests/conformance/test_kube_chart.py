"""The operator's chart: ACK's values, what they become, and what the apiserver makes of it."""

import json
import re

import pytest
import yaml

import harness
import operator_tools

QUEUE = "https://sqs.us-east-1.amazonaws.com/111122223333/events"
CHART = harness.ROOT / "charts" / "sagewright"
THEIRS = "public.ecr.aws/aws-controllers-k8s"


def acks(service, kinds):
    """All keys of the values file of one of ACK's charts."""
    return {
        "image": {"repository": f"{THEIRS}/{service}-controller", "tag": "1.9.1", "pullPolicy": "IfNotPresent", "pullSecrets": []},
        "nameOverride": "",
        "fullnameOverride": "",
        "deployment": {
            "annotations": {}, "labels": {}, "containerPort": 8080, "replicas": 1,
            "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [], "affinity": {}, "priorityClassName": "",
            "hostNetwork": False, "dnsPolicy": "ClusterFirst", "strategy": {}, "extraVolumes": [], "extraVolumeMounts": [],
            "extraEnvVars": [],
        },
        "role": {"labels": {}},
        "metrics": {"service": {"create": False, "type": "ClusterIP"}},
        "resources": {"requests": {"memory": "64Mi", "cpu": "50m"}, "limits": {"memory": "128Mi", "cpu": "100m"}},
        "aws": {
            "region": "", "endpoint_url": "", "identity_endpoint_url": "", "allow_unsafe_aws_endpoint_urls": False,
            "credentials": {"secretName": "", "secretKey": "credentials", "profile": "default"},
        },
        "log": {"enable_development_logging": False, "level": "info"},
        "installScope": "cluster",
        "watchNamespace": "",
        "watchSelectors": "",
        "resourceTags": [
            "services.k8s.aws/controller-version=%CONTROLLER_SERVICE%-%CONTROLLER_VERSION%",
            "services.k8s.aws/namespace=%K8S_NAMESPACE%",
            "app.kubernetes.io/managed-by=%MANAGED_BY%",
            "kro.run/kro-version=%KRO_VERSION%",
        ],
        "deletionPolicy": "delete",
        "reconcile": {
            "defaultResyncPeriod": 36000, "resourceResyncPeriods": {}, "defaultMaxConcurrentSyncs": 1,
            "resourceMaxConcurrentSyncs": {}, "resources": kinds,
        },
        "serviceAccount": {"create": True, "name": f"ack-{service}-controller", "annotations": {}},
        "leaderElection": {"enabled": False, "namespace": ""},
        "enableCARM": True,
        "enableCrossNamespace": True,
        "featureGates": {
            "ServiceLevelCARM": False, "TeamLevelCARM": False, "ReadOnlyResources": True, "ResourceAdoption": True,
            "IAMRoleSelector": False,
        },
    }


ACK = {
    "sagemaker": ["Endpoint", "EndpointConfig", "Model", "TrainingJob"],
    "applicationautoscaling": ["ScalableTarget", "ScalingPolicy"],
}


@pytest.fixture
def render(kube):
    """Renders the chart; gives the objects by kind and name."""

    def run(values=None, *arguments):
        given = json.dumps(values or {})
        text = kube.helm("template", "sagewright", CHART, "-n", "operators", "-f", "-", *arguments, input=given)
        return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(text) if item}

    return run


def pod(objects):
    return objects["Deployment", "sagewright"]["spec"]["template"]["spec"]


def flags(objects):
    """The flags of the controller, without their dashes."""
    first, *rest = pod(objects)["containers"][0]["args"]
    assert first == "controller"
    return [flag.removeprefix("--") for flag in rest]


def kinds_of(objects):
    return sorted({kind for kind, _ in objects})


@pytest.mark.parametrize("service", ACK)
def test_values_of_acks_charts_work_unchanged(render, service):
    values = acks(service, ACK[service])
    objects = render(values)
    assert ("ServiceAccount", f"ack-{service}-controller") in objects
    assert pod(objects)["serviceAccountName"] == f"ack-{service}-controller"
    # Their image does not hold this program.
    assert pod(objects)["containers"][0]["image"] == "sagewright:0.1.0"
    assert flags(objects) == [
        "metrics-addr=0.0.0.0:8080",
        "log-level=info",
        f"resource-tags={','.join(values['resourceTags'])}",
        "deletion-policy=delete",
        "reconcile-default-resync-seconds=36000",
        "reconcile-default-max-concurrent-syncs=1",
        f"reconcile-resources={','.join(ACK[service])}",
        "enable-carm=true",
        "enable-cross-namespace=true",
        "enable-field-export-reconciler=true",
        "feature-gates=IAMRoleSelector=false,ReadOnlyResources=true,ResourceAdoption=true,ServiceLevelCARM=false,TeamLevelCARM=false",
    ]
    ours = {"ClusterRole", "ClusterRoleBinding", "Deployment", "Role", "RoleBinding", "ServiceAccount"}
    assert set(kinds_of(objects)) == ours


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.mark.parametrize(("path", "value", "flag"), [
    ("aws.region", "eu-central-1", "aws-region=eu-central-1"),
    ("aws.endpoint_url", "https://a.example", "aws-endpoint-url=https://a.example"),
    ("aws.identity_endpoint_url", "https://b.example", "aws-identity-endpoint-url=https://b.example"),
    ("aws.allow_unsafe_aws_endpoint_urls", True, "allow-unsafe-aws-endpoint-urls"),
    ("deployment.containerPort", 9090, "metrics-addr=0.0.0.0:9090"),
    ("log.enable_development_logging", True, "enable-development-logging"),
    ("log.level", "debug", "log-level=debug"),
    ("resourceTags", ["team=vision"], "resource-tags=team=vision"),
    ("watchSelectors", "a=b,c=d", "watch-selectors=a=b,c=d"),
    ("deletionPolicy", "retain", "deletion-policy=retain"),
    ("reconcile.defaultResyncPeriod", 3600000, "reconcile-default-resync-seconds=3600000"),
    ("reconcile.resourceResyncPeriods", {"TrainingJob": 300}, "reconcile-resource-resync-seconds=TrainingJob=300"),
    ("reconcile.defaultMaxConcurrentSyncs", 8, "reconcile-default-max-concurrent-syncs=8"),
    ("reconcile.resourceMaxConcurrentSyncs", {"Model": 4}, "reconcile-resource-max-concurrent-syncs=Model=4"),
    ("reconcile.resources", ["Model", "Endpoint"], "reconcile-resources=Model,Endpoint"),
    ("reconcile.eventQueueUrl", QUEUE, f"event-queue-url={QUEUE}"),
    ("leaderElection.enabled", True, "enable-leader-election"),
    ("enableCARM", False, "enable-carm=false"),
    ("enableCrossNamespace", False, "enable-cross-namespace=false"),
    ("enableFieldExport", False, "enable-field-export-reconciler=false"),
    ("featureGates.IAMRoleSelector", True, re.compile("feature-gates=IAMRoleSelector=true,.*")),
])
def test_a_value_becomes_acks_flag(render, path, value, flag):
    plain, changed = flags(render()), flags(render(nested(path, value)))
    new = [f for f in changed if f not in plain]
    if isinstance(flag, re.Pattern):
        assert len(new) == 1 and flag.fullmatch(new[0]), new
    else:
        assert flag in new


def test_what_stands_in_the_pod_comes_from_acks_values(render):
    volume, mount = {"name": "ca", "configMap": {"name": "ca"}}, {"name": "ca", "mountPath": "/etc/ca"}
    variable = {"name": "AWS_CA_BUNDLE", "value": "/etc/ca/ca.pem"}
    objects = render({
        "image": {"repository": "registry.example/sagewright", "tag": 2, "pullPolicy": "Always", "pullSecrets": ["one"]},
        "fullnameOverride": "sagewright",
        "deployment": {
            "annotations": {"a": "1"}, "labels": {"l": "2"}, "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"operator": "Exists"}], "affinity": {"podAntiAffinity": {}}, "priorityClassName": "high",
            "hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet", "strategy": {"type": "RollingUpdate"},
            "extraVolumes": [volume], "extraVolumeMounts": [mount], "extraEnvVars": [variable],
        },
        "resources": {"limits": {"memory": "1Gi"}},
        "aws": {"credentials": {"secretName": "my.secret", "secretKey": "file", "profile": "prod"}},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/r"}},
        "role": {"labels": {"for": "us"}},
    })
    spec, template = pod(objects), objects["Deployment", "sagewright"]["spec"]["template"]
    (container,) = spec["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("registry.example/sagewright:2", "Always")
    assert spec["imagePullSecrets"] == [{"name": "one"}]
    assert template["metadata"]["annotations"] == {"a": "1"} and template["metadata"]["labels"]["l"] == "2"
    # A map is merged with the default's, as helm does.
    assert spec["nodeSelector"] == {"disk": "ssd", "kubernetes.io/os": "linux"}
    assert spec["tolerations"] == [{"operator": "Exists"}] and spec["affinity"] == {"podAntiAffinity": {}}
    assert (spec["priorityClassName"], spec["hostNetwork"], spec["dnsPolicy"]) == ("high", True, "ClusterFirstWithHostNet")
    assert objects["Deployment", "sagewright"]["spec"]["strategy"] == {"type": "RollingUpdate"}
    secret = {"name": "aws-credentials", "secret": {"secretName": "my.secret"}}
    assert spec["volumes"] == [secret, volume]
    assert container["volumeMounts"] == [{"name": "aws-credentials", "mountPath": "/var/run/secrets/aws", "readOnly": True}, mount]
    named = {e["name"]: e.get("value") for e in container["env"]}
    assert named["AWS_SHARED_CREDENTIALS_FILE"] == "/var/run/secrets/aws/file" and named["AWS_PROFILE"] == "prod"
    assert variable in container["env"]
    assert container["resources"]["limits"]["memory"] == "1Gi"
    account = objects["ServiceAccount", "sagewright"]
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/r"}
    assert objects["ClusterRole", "sagewright"]["metadata"]["labels"]["for"] == "us"


def test_two_controllers_never_run_at_once(render):
    alone = render()
    assert alone["Deployment", "sagewright"]["spec"]["strategy"] == {"type": "Recreate"}
    assert not [name for _, name in alone if "election" in name]
    several = render({"deployment": {"replicas": 2}, "leaderElection": {"namespace": "leases"}})
    assert several["Deployment", "sagewright"]["spec"]["strategy"] == {"type": "RollingUpdate"}
    assert {"enable-leader-election", "leader-election-namespace=leases"} <= set(flags(several))
    assert several["Role", "sagewright-election"]["metadata"]["namespace"] == "leases"


def test_roles_name_the_objects_that_are_read_and_written(render):
    (create, hold) = render({"leaderElection": {"enabled": True}})["Role", "sagewright-election"]["rules"]
    assert create["verbs"] == ["create"] and hold["verbs"] == ["get", "patch"]
    assert hold["resourceNames"] == ["ack-applicationautoscaling.services.k8s.aws", "ack-sagemaker.services.k8s.aws"]
    maps = lambda **gates: render({"featureGates": gates}).get(("Role", "sagewright-accounts"), {}).get("rules")  # noqa: E731
    assert [rule["resourceNames"] for rule in maps()] == [["ack-role-account-map"]]
    assert [rule["resourceNames"] for rule in maps(TeamLevelCARM=True)] == [["ack-role-account-map", "ack-role-team-map"]]
    # Selectors take the place of the maps.
    assert maps(IAMRoleSelector=True) is None


def test_the_controller_has_the_time_to_end(render):
    # A look may take 25 seconds more, and the leases are given back after it.
    assert pod(render())["terminationGracePeriodSeconds"] >= 30


def test_the_scope_of_namespaces_has_no_cluster_roles(render):
    objects = render({"installScope": "namespace", "reconcile": {"resources": ["Model"]}})
    assert kinds_of(objects) == ["Deployment", "Role", "RoleBinding", "ServiceAccount"]
    assert objects["Role", "sagewright"]["metadata"]["namespace"] == "operators"
    assert "watch-namespace=operators" in flags(objects)
    assert "namespaces" not in json.dumps(objects["Role", "sagewright"]["rules"])
    assert "watch-namespace=one,two" in flags(render({"installScope": "namespace", "watchNamespace": "one, two"}))
    # Only heeded where the scope is that of namespaces, as with ACK.
    assert not [f for f in flags(render({"watchNamespace": "one"})) if f.startswith("watch-namespace")]


EXTRAS = {
    "Service": nested("metrics.service.create", True),
    "ServiceMonitor": nested("metrics.serviceMonitor.create", True),
    "PrometheusRule": nested("metrics.prometheusRule.create", True),
    "ConfigMap": nested("metrics.dashboard.create", True),
    "NetworkPolicy": nested("networkPolicy.create", True),
    "PodDisruptionBudget": nested("podDisruptionBudget.create", True),
}


@pytest.mark.parametrize("kind", EXTRAS)
def test_what_acks_charts_do_not_have_is_off_until_asked_for(render, kind):
    assert kind not in kinds_of(render())
    objects = render(EXTRAS[kind])
    selector = {"app.kubernetes.io/name": "sagewright", "app.kubernetes.io/instance": "sagewright"}
    (item,) = [item for (k, _), item in objects.items() if k == kind]
    if kind in ("ServiceMonitor", "PodDisruptionBudget"):
        assert item["spec"]["selector"]["matchLabels"] == selector
    if kind == "ServiceMonitor":
        assert ("Service", "sagewright-metrics") in objects
    if kind == "NetworkPolicy":
        assert item["spec"]["podSelector"]["matchLabels"] == selector
        assert {"port": 443} in item["spec"]["egress"][1]["ports"]


METRICS = re.compile(r"\b(?:ack|controller_runtime|sagewright|workqueue|leader_election)_\w+")


def test_dashboard_and_alerts_ask_for_metrics_of_this_release(render, running):
    objects = render({"metrics": {"dashboard": {"create": True}, "prometheusRule": {"create": True}}})
    dashboard = json.loads(objects["ConfigMap", "sagewright-dashboard"]["data"]["sagewright.json"])
    assert objects["ConfigMap", "sagewright-dashboard"]["metadata"]["labels"]["grafana_dashboard"] == "1"
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    assert len(dashboard["panels"]) == 8 and all('{job="$job"}' in expression for expression in asked)
    (group,) = objects["PrometheusRule", "sagewright"]["spec"]["groups"]
    for rule in group["rules"]:
        assert 'job="sagewright-metrics"' in rule["expr"] and rule["annotations"]["summary"]
        asked.add(rule["expr"])
    named = {name.removesuffix("_bucket") for expression in asked for name in METRICS.findall(expression)}
    controller = running({"leaderElection": {"enabled": True}, "reconcile": {"eventQueueUrl": QUEUE}})
    served = set(re.findall(r"^# TYPE (\w+)", controller.page("metrics", "/metrics")[1], re.MULTILINE))
    assert len(named) == 12 and named <= served, named - served


def test_a_value_that_is_none_of_those_allowed_is_refused(kube):
    for wrong in ("installScope=cluter", "deletionPolicy=keep", "log.level=loud"):
        told = kube.helm("template", "x", CHART, "--set", wrong, fails=True)
        assert wrong.split("=")[0].split(".")[-1] in told and "must be one of" in told, told


def test_the_install_files_are_the_rendered_chart(render, kube):
    for scope in ("cluster", "namespace"):
        text = kube.helm("template", "sagewright", CHART, "-n", "sagewright-system", "--set", f"installScope={scope}")
        written = (harness.ROOT / "charts" / f"install-{scope}.yaml").read_text()
        assert written.endswith(text), "run `cargo xtask kube manifests`"


def test_versions_are_those_of_the_program():
    version = re.search(r'^version = "(.+)"', (harness.ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    for chart in ("sagewright", "sagewright-crds", "sagewright-legacy-crds"):
        told = yaml.safe_load((harness.ROOT / "charts" / chart / "Chart.yaml").read_text())
        assert (told["version"], told["appVersion"]) == (version, version)


@pytest.fixture
def installed(kube, namespace):
    """Installs the chart with values; its objects are named like the namespace. Gives the user that the controller is."""

    def install(values=None):
        kube.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
        given = json.dumps({"fullnameOverride": namespace, **(values or {})})
        kube.helm("install", "operator", CHART, "-n", namespace, "-f", "-", input=given)

        return f"system:serviceaccount:{namespace}:{namespace}"

    yield install
    kube.helm("uninstall", "operator", "-n", namespace)


@pytest.fixture
def running(kube, cloud, namespace, definitions, installed, tmp_path):
    """Installs the chart, and runs the controller as its Deployment says, with its arguments and as its service account."""
    started = []

    def start(values=None):
        installed(values)
        first, *given = kube.get("Deployment", namespace, namespace)["spec"]["template"]["spec"]["containers"][0]["args"]
        assert first == "controller"
        # Ports and logs are the test's own.
        arguments = [a for a in given if not a.startswith(("--metrics-addr", "--log-level"))]
        environment = {"KUBECONFIG": str(kube.service_account(namespace, namespace)), "ACK_SYSTEM_NAMESPACE": namespace}
        started.append(operator_tools.Operator(kube, cloud, tmp_path, [], arguments, environment=environment))
        return started[-1]

    yield start
    for operator in started:
        assert operator.stop() == 0, operator.log()


def refusals(kube):
    """How many requests the apiserver has refused for want of rights."""
    text = kube.request("GET", "/metrics", accept="text/plain")[1]
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("apiserver_request_total{") and 'code="403"' in line)


def companion(kind, name, spec):
    return {"apiVersion": "services.k8s.aws/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


SCOPES = {
    "cluster": {"featureGates": {"IAMRoleSelector": True}},
    "cluster, accounts by ConfigMaps": {"featureGates": {"TeamLevelCARM": True}},
    "one namespace, elected": {"installScope": "namespace", "leaderElection": {"enabled": True}},
}


@pytest.mark.parametrize("scope", SCOPES)
def test_the_controller_does_its_work_with_the_rights_that_the_chart_grants(kube, namespace, running, scope):
    before = refusals(kube)
    operator = running(SCOPES[scope])
    if "elected" in scope:
        harness.wait(lambda: kube.list("leases", namespace), "a lease is held")
    group = harness.unique("group")
    kube.apply([
        operator_tools.thing("ModelPackageGroup", group, {"modelPackageGroupName": group}),
        operator_tools.thing("ModelPackage", group, {
            "modelPackageGroupRef": {"from": {"name": group}},
            "inferenceSpecification": {
                "containers": [{"image": harness.SCRIPT_IMAGE}], "supportedContentTypes": ["text/csv"],
                "supportedResponseMIMETypes": ["text/csv"],
            },
        }),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "target"}},
        companion("FieldExport", "arn", {
            "from": {"path": ".status.ackResourceMetadata.arn", "resource": {"group": operator_tools.GROUP, "kind": "ModelPackageGroup", "name": group}},
            "to": {"kind": "secret", "name": "target", "key": "arn"},
        }),
    ], namespace)
    for kind in ("ModelPackageGroup", "ModelPackage"):
        kube.wait_condition(kind, group, "Ready", namespace=namespace)
    kube.wait("Secret", "target", lambda secret: "arn" in secret.get("data", {}), namespace, "has the ARN")
    kube.apply(companion("AdoptedResource", "adopt", {
        "aws": {"arn": harness.arn("model-package-group", "made-elsewhere")},
        "kubernetes": {"group": operator_tools.GROUP, "kind": "ModelPackageGroup", "metadata": {"name": "adopted"}},
    }), namespace)
    # There is no such group: it is tried, and told.
    kube.wait("ModelPackageGroup", "adopted", lambda seen: (seen or {}).get("status", {}).get("conditions"), namespace)
    assert ("Created", f"created the model package group `{group}`") in operator_tools.events(kube, namespace, group)
    kube.kubectl("delete", "modelpackage.sagemaker.services.k8s.aws", group, "-n", namespace)
    kube.kubectl("delete", "modelpackagegroup.sagemaker.services.k8s.aws", group, "-n", namespace)
    assert refusals(kube) == before, operator.log()


def test_pods_are_accepted_where_pod_security_is_restricted(kube, namespace, installed):
    installed()
    template = kube.get("Deployment", namespace, namespace)["spec"]["template"]
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    assert "created" in kube.kubectl("create", "-n", namespace, "--dry-run=server", "-f", "-", input=json.dumps(made))
    made["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    told = kube.kubectl("create", "-n", namespace, "--dry-run=server", "-f", "-", input=json.dumps(made), fails=True)
    assert 'violates PodSecurity "restricted' in told


def may(kube, who, verb, resource, where):
    """Whether somebody may do it in a namespace, or in all; a resource is `plural.group/subresource`."""
    resource, _, subresource = resource.partition("/")
    plural, _, group = resource.partition(".")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource, "namespace": where or ""}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    review["spec"] = {"user": who, "resourceAttributes": attributes}
    status, told = kube.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert status == 201, told
    return told["status"]["allowed"]


MODELS = "models.sagemaker.services.k8s.aws"
TARGETS = "scalabletargets.applicationautoscaling.services.k8s.aws"
LEASES = "leases.coordination.k8s.io"


EXPORTS = "fieldexports.services.k8s.aws"
ADOPTIONS = "adoptedresources.services.k8s.aws"


def test_the_controller_of_a_cluster_may_do_its_work_and_no_more(kube, namespace, installed):
    controller = installed()
    for verb, resource, allowed in [
        ("watch", MODELS, True), ("patch", MODELS, True), ("create", MODELS, True), ("patch", f"{MODELS}/status", True),
        ("list", TARGETS, True), ("create", "events", True), ("watch", "namespaces", True), ("watch", EXPORTS, True),
        ("watch", ADOPTIONS, True), ("get", "secrets", True), ("patch", "configmaps", True),
        ("delete", MODELS, False), ("update", f"{MODELS}/status", False), ("list", "secrets", False),
        ("watch", "configmaps", False), ("create", "secrets", False), ("get", "events", False), ("create", "pods", False),
        ("patch", "namespaces", False), ("create", LEASES, False), ("create", ADOPTIONS, False),
    ]:
        assert may(kube, controller, verb, resource, None) == allowed, (verb, resource)


def test_what_is_turned_off_takes_its_rights_away(kube, namespace, installed):
    controller = installed({"enableFieldExport": False, "featureGates": {"ResourceAdoption": False}})
    assert may(kube, controller, "watch", MODELS, None)
    for verb, resource in [
        ("create", MODELS), ("watch", EXPORTS), ("watch", ADOPTIONS), ("get", "secrets"), ("patch", "secrets"),
        ("get", "configmaps"), ("patch", "configmaps"),
    ]:
        assert not may(kube, controller, verb, resource, None), (verb, resource)


def test_the_controller_of_a_namespace_sees_no_other(kube, namespace, installed):
    controller = installed({"installScope": "namespace", "leaderElection": {"enabled": True}})
    for resource in (MODELS, TARGETS, EXPORTS):
        assert may(kube, controller, "list", resource, namespace)
        assert not may(kube, controller, "list", resource, "default")
    assert may(kube, controller, "create", LEASES, namespace) and may(kube, controller, "get", "secrets", namespace)
    assert not may(kube, controller, "get", "secrets", "default")
    assert not may(kube, controller, "list", "namespaces", None)


def test_rules_name_all_kinds_and_what_they_refer_to(render):
    rules = render()["ClusterRole", "sagewright"]["rules"]
    rows = [path.read_text() for path in sorted((harness.ROOT / "kinds").glob("*.toml"))]
    watched = [name for rule in rules if "watch" in rule["verbs"] for name in rule["resources"]]
    assert len(watched) == len(rows) + len(["adoptedresources", "fieldexports"])
    foreign = {pair for row in rows for pair in re.findall(r'kind = "(\w+)"\ngroup = "([\w.]+)"', row)}
    granted = {(name, group) for rule in rules for group in rule["apiGroups"] for name in rule["resources"] if rule["verbs"] == ["get"]}
    assert foreign and {(kind.lower() + "s", group) for kind, group in foreign} <= granted


@pytest.mark.parametrize("scope", ["cluster", "namespace"])
def test_an_install_file_can_be_applied_as_it_is(kube, scope):
    path, name = harness.ROOT / "charts" / f"install-{scope}.yaml", "sagewright-system"
    try:
        kube.kubectl("apply", "-f", path)
        deployment = kube.get("Deployment", "sagewright", name)
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "sagewright"
        account = f"system:serviceaccount:{name}:sagewright"
        assert may(kube, account, "watch", MODELS, name) and may(kube, account, "watch", MODELS, None) == (scope == "cluster")
    finally:
        kube.kubectl("delete", "-f", path, "--wait=false")
        kube.remove_namespace(name, force=True)
