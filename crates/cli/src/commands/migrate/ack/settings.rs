//! Settings of an ACK controller, from its Deployment, as values of Sagewright's chart. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::text;

/// What a Deployment's settings become.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings {
    /// Values of the chart.
    pub(super) values: Value,
    /// What has no counterpart, and why or what stands for it.
    pub(super) untranslated: Vec<String>,
    /// The flags, as `sagewright controller` takes them.
    pub(super) flags: Vec<String>,
    /// Flags by name.
    said: BTreeMap<String, Vec<String>>,
}

impl Settings {
    /// The last value of a flag.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        self.said.get(name)?.last().map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What a flag becomes.
enum To {
    Text(&'static str),
    Bool(&'static str),
    Number(&'static str),
    List(&'static str),
    /// `Kind=n`, a flag for each.
    PerKind(&'static str),
    Gates,
    Namespaces,
    Port,
    /// It decides how AWS is called for STS.
    Identity,
    Nothing(&'static str),
    NothingIfTrue(&'static str),
}

/// ACK's flags.
const FLAGS: [(&str, To); 28] = [
    ("aws-region", To::Text("aws.region")),
    ("aws-endpoint-url", To::Text("aws.endpoint_url")),
    ("aws-identity-endpoint-url", To::Identity),
    ("allow-unsafe-aws-endpoint-urls", To::Bool("aws.allow_unsafe_aws_endpoint_urls")),
    ("log-level", To::Text("log.level")),
    ("enable-development-logging", To::Bool("log.enable_development_logging")),
    ("resource-tags", To::List("resourceTags")),
    ("watch-namespace", To::Namespaces),
    ("watch-selectors", To::Text("watchSelectors")),
    ("deletion-policy", To::Text("deletionPolicy")),
    ("reconcile-resources", To::List("reconcile.resources")),
    ("reconcile-default-resync-seconds", To::Number("reconcile.defaultResyncPeriod")),
    ("reconcile-resource-resync-seconds", To::PerKind("reconcile.resourceResyncPeriods")),
    ("reconcile-default-max-concurrent-syncs", To::Number("reconcile.defaultMaxConcurrentSyncs")),
    ("reconcile-resource-max-concurrent-syncs", To::PerKind("reconcile.resourceMaxConcurrentSyncs")),
    ("feature-gates", To::Gates),
    ("enable-carm", To::Bool("enableCARM")),
    ("enable-cross-namespace", To::Bool("enableCrossNamespace")),
    ("enable-field-export-reconciler", To::Bool("enableFieldExport")),
    ("enable-leader-election", To::Bool("leaderElection.enabled")),
    ("leader-election-namespace", To::Text("leaderElection.namespace")),
    ("metrics-addr", To::Port),
    ("healthz-addr", To::Nothing("health is served at port 8081")),
    ("http-client-timeout", To::Nothing("calls to AWS have time limits of their own")),
    ("aws-endpoint-use-path-style", To::NothingIfTrue("the controller stores nothing in S3")),
    ("enable-webhook-server", To::NothingIfTrue("there is no webhook: the definitions check objects")),
    ("webhook-server-addr", To::Nothing("there is no webhook")),
    ("enable-adopted-resource-reconciler", To::Nothing("featureGates.ResourceAdoption says it")),
];

/// ACK's defaults that slow Sagewright down: its own come in their place.
const SLOW: [(&str, &str); 2] =
    [("reconcile-default-resync-seconds", "36000"), ("reconcile-default-max-concurrent-syncs", "1")];

/// Variables of ACK's chart that flags are made of, or that the pod gets from elsewhere.
const OWN_VARIABLES: [&str; 6] = [
    "ACK_SYSTEM_NAMESPACE",
    "K8S_NAMESPACE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_PROFILE",
    "LEADER_ELECTION_NAMESPACE",
];

/// Fields of the pod that the chart has values for, or sets itself.
const POD: [(&str, &str); 8] = [
    ("nodeSelector", "deployment.nodeSelector"),
    ("tolerations", "deployment.tolerations"),
    ("affinity", "deployment.affinity"),
    ("priorityClassName", "deployment.priorityClassName"),
    ("hostNetwork", "deployment.hostNetwork"),
    ("dnsPolicy", "deployment.dnsPolicy"),
    ("containers", ""),
    ("volumes", ""),
];
const POD_OWN: [&str; 11] = [
    "serviceAccountName",
    "serviceAccount",
    "imagePullSecrets",
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "securityContext",
    "schedulerName",
    "hostIPC",
    "hostPID",
    "priority",
    "enableServiceLinks",
];
const CONTAINER_OWN: [&str; 14] = [
    "name",
    "image",
    "imagePullPolicy",
    "command",
    "args",
    "env",
    "ports",
    "resources",
    "securityContext",
    "livenessProbe",
    "readinessProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "volumeMounts",
];
/// Labels that charts give to pods.
const CHART_LABELS: [&str; 6] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
    "k8s-app",
];

/// Translates a Deployment of ACK's; `service` is that of its controller.
pub(super) fn translate(deployment: &Value, service: &str) -> Settings {
    let none = Value::Null;
    let pod = deployment.pointer("/spec/template/spec").unwrap_or(&none);
    let containers = pod.get("containers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_theirs = |c: &&Value| text(c, "/image").contains(&format!("{service}-controller"));
    let named = |c: &&Value| text(c, "/name") == "controller";
    let container = containers.iter().find(is_theirs).or_else(|| containers.iter().find(named)).or(containers.first());
    let container = container.unwrap_or(&none);
    let mut out = Settings { values: json!({}), ..Settings::default() };
    let used = flags(&mut out, container);
    for other in containers.iter().filter(|other| text(other, "/name") != text(container, "/name")) {
        out.untranslated.push(format!("container {}: the chart runs one container", text(other, "/name")));
    }
    let image = text(container, "/image");
    out.untranslated.push(format!("image {image}: set image.repository to the one that holds Sagewright"));
    pod_fields(&mut out, deployment, pod, container);
    environment(&mut out, pod, container, &used);
    out
}

/// Reads the flags. Gives the variables that they are made of.
fn flags(out: &mut Settings, container: &Value) -> BTreeSet<String> {
    let variables: BTreeMap<&str, &str> =
        list(container, "env").map(|v| (text(v, "/name"), text(v, "/value"))).collect();
    let mut used = BTreeSet::new();
    let words: Vec<String> =
        list(container, "args").filter_map(Value::as_str).map(|word| expand(word, &variables, &mut used)).collect();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
            out.untranslated.push(format!("argument {word}"));
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (flag.to_owned(), None),
        };
        let to = FLAGS.iter().find(|(known, _)| *known == name).map(|(_, to)| to);
        let is_switch = matches!(to, Some(To::Bool(_) | To::NothingIfTrue(_)));
        let value = match value {
            None if is_switch => "true".to_owned(),
            None => words.next_if(|next| !next.starts_with("--")).unwrap_or_default(),
            Some(value) => value,
        };
        if let Some(why) = to.map_or_else(|| Some(String::new()), |to| take(&mut out.values, &name, to, &value)) {
            let why = if why.is_empty() { "there is no such flag".to_owned() } else { why };
            out.untranslated.push(format!("--{name}={value}: {why}"));
        } else if !value.is_empty()
            && !matches!(to, Some(To::Nothing(_) | To::NothingIfTrue(_) | To::Identity | To::Port))
        {
            out.flags.push(format!("--{name}={value}"));
        }
        out.said.entry(name).or_default().push(value);
    }
    identity(out);
    used
}

/// The value of a flag into the values. Gives why it has no counterpart, where it has none.
fn take(values: &mut Value, name: &str, to: &To, value: &str) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let parts = || value.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pairs = || parts().filter_map(|part| part.split_once('='));
    match to {
        To::Text(at) => set(values, at, json!(value)),
        To::Bool(at) => set(values, at, json!(value == "true")),
        To::List(at) => set(values, at, parts().collect()),
        To::Number(at) => match value.parse::<u64>() {
            _ if SLOW.contains(&(name, value)) => {
                return Some("ACK's default, left out: Sagewright's is faster, and calls AWS less".to_owned());
            }
            Ok(number) => set(values, at, json!(number)),
            Err(_) => return Some("it is not a number".to_owned()),
        },
        To::PerKind(at) => {
            for (kind, number) in pairs() {
                let Ok(number) = number.parse::<u64>() else {
                    return Some("it is not of the form Kind=number".to_owned());
                };
                set(values, &format!("{at}.{kind}"), json!(number));
            }
        }
        To::Gates => {
            pairs().for_each(|(gate, on)| set(values, &format!("featureGates.{gate}"), json!(on == "true")));
        }
        To::Namespaces => {
            set(values, "installScope", json!("namespace"));
            set(values, "watchNamespace", json!(value));
        }
        To::Port => match value.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()) {
            Some(8080) => {}
            Some(port) => set(values, "deployment.containerPort", json!(port)),
            None => return Some("it has no port".to_owned()),
        },
        To::Identity => {}
        To::Nothing(why) => return Some((*why).to_owned()),
        To::NothingIfTrue(why) => return (value == "true").then(|| (*why).to_owned()),
    }
    None
}

/// Another endpoint of STS is a variable here.
fn identity(out: &mut Settings) {
    let (url, other) = (out.flag("aws-identity-endpoint-url"), out.flag("aws-endpoint-url"));
    if let Some(url) = url.filter(|url| Some(*url) != other) {
        let variable = json!({"name": "AWS_ENDPOINT_URL_STS", "value": url});
        push(&mut out.values, "deployment.extraEnvVars", variable);
    }
}

/// `$(NAME)` in an argument, as Kubernetes expands it.
fn expand(word: &str, variables: &BTreeMap<&str, &str>, used: &mut BTreeSet<String>) -> String {
    let (mut out, mut rest) = (String::new(), word);
    while let Some((before, after)) = rest.split_once("$(") {
        let Some((name, next)) = after.split_once(')') else { break };
        out.push_str(before);
        match variables.get(name) {
            Some(value) => out.push_str(value),
            None => out.push_str(&format!("$({name})")),
        }
        used.insert(name.to_owned());
        rest = next;
    }
    out + rest
}

fn pod_fields(out: &mut Settings, deployment: &Value, pod: &Value, container: &Value) {
    let values = &mut out.values;
    for (field, at) in POD.iter().filter(|(_, at)| !at.is_empty()) {
        let is_default = |value: &Value| match *field {
            "nodeSelector" => *value == json!({"kubernetes.io/os": "linux"}),
            "dnsPolicy" => value == "ClusterFirst",
            _ => is_empty(value),
        };
        if let Some(value) = pod.get(field).filter(|value| !is_default(value)) {
            set(values, at, value.clone());
        }
    }
    let secrets: Vec<&str> = list(pod, "imagePullSecrets").map(|secret| text(secret, "/name")).collect();
    if !secrets.is_empty() {
        set(values, "image.pullSecrets", json!(secrets));
    }
    if let Some(resources) = container.get("resources").filter(|resources| !is_empty(resources)) {
        set(values, "resources", resources.clone());
    }
    if let Some(replicas) = deployment.pointer("/spec/replicas").and_then(Value::as_u64).filter(|n| *n > 1) {
        set(values, "deployment.replicas", json!(replicas));
    }
    let template = |at: &str| deployment.pointer(&format!("/spec/template/metadata/{at}")).and_then(Value::as_object);
    for (at, own) in [("annotations", &["kubectl.kubernetes.io/restartedAt"][..]), ("labels", &CHART_LABELS[..])] {
        let mine = template(at).into_iter().flatten().filter(|(key, _)| !own.contains(&key.as_str()));
        let mine: Map<String, Value> = mine.map(|(key, value)| (key.clone(), value.clone())).collect();
        if !mine.is_empty() {
            set(values, &format!("deployment.{at}"), Value::Object(mine));
        }
    }
    let default = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
    if let Some(strategy) = deployment.pointer("/spec/strategy").filter(|s| **s != default && !is_empty(s)) {
        set(values, "deployment.strategy", strategy.clone());
    }
    match text(pod, "/serviceAccountName") {
        "" => {}
        // Its trust policy or its association with a role names it.
        name => set(values, "serviceAccount", json!({"create": false, "name": name})),
    }
    let known = POD.iter().map(|(field, _)| *field).chain(POD_OWN).collect::<Vec<_>>();
    let fields =
        |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    for field in fields(pod).iter().filter(|field| !known.contains(&field.as_str())) {
        out.untranslated.push(format!("{field} of the pod: the chart has no value for it"));
    }
    for field in fields(container).iter().filter(|field| !CONTAINER_OWN.contains(&field.as_str())) {
        out.untranslated.push(format!("{field} of the container: the chart has no value for it"));
    }
}

/// Variables, volumes and mounts: those of credentials are the chart's, the others are taken over.
fn environment(out: &mut Settings, pod: &Value, container: &Value, used: &BTreeSet<String>) {
    let variable = |name: &str| list(container, "env").find(|v| text(v, "/name") == name).map(|v| text(v, "/value"));
    let file = variable("AWS_SHARED_CREDENTIALS_FILE").unwrap_or_default();
    let mount = list(container, "volumeMounts").find(|mount| {
        let folder = text(mount, "/mountPath");
        !folder.is_empty() && file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    });
    let volume = mount.map(|mount| text(mount, "/name")).unwrap_or_default();
    let secret = list(pod, "volumes").find(|v| !volume.is_empty() && text(v, "/name") == volume);
    let secret = secret.map(|volume| text(volume, "/secret/secretName")).unwrap_or_default();
    if !secret.is_empty() {
        let key = file.rsplit('/').next().unwrap_or_default();
        let profile = variable("AWS_PROFILE").filter(|name| !name.is_empty()).unwrap_or("default");
        set(&mut out.values, "aws.credentials", json!({"secretName": secret, "secretKey": key, "profile": profile}));
    }
    for one in list(container, "env") {
        let name = text(one, "/name");
        let is_of_credentials = secret.is_empty() && matches!(name, "AWS_SHARED_CREDENTIALS_FILE" | "AWS_PROFILE");
        if is_of_credentials || (!used.contains(name) && !OWN_VARIABLES.contains(&name)) {
            push(&mut out.values, "deployment.extraEnvVars", one.clone());
        }
    }
    let is_other = |name: &str| secret.is_empty() || name != volume;
    for one in list(pod, "volumes").filter(|one| is_other(text(one, "/name"))) {
        push(&mut out.values, "deployment.extraVolumes", one.clone());
    }
    for one in list(container, "volumeMounts").filter(|one| is_other(text(one, "/name"))) {
        push(&mut out.values, "deployment.extraVolumeMounts", one.clone());
    }
}

fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Sets a value at `a.b.c`.
fn set(values: &mut Value, at: &str, value: Value) {
    let mut here = values;
    for name in at.split('.') {
        if !here.is_object() {
            *here = json!({});
        }
        let Some(fields) = here.as_object_mut() else { return };
        here = fields.entry(name).or_insert(Value::Null);
    }
    *here = value;
}

fn push(values: &mut Value, at: &str, value: Value) {
    let pointer = format!("/{}", at.replace('.', "/"));
    if let Some(items) = values.pointer_mut(&pointer).and_then(Value::as_array_mut) {
        return items.push(value);
    }
    set(values, at, json!([value]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(args: Value, env: Value, more: Value) -> Value {
        let mut pod = json!({"serviceAccountName": "ack-sagemaker-controller", "containers": [
            {"name": "controller", "image": "x/sagemaker-controller:1.9.1", "args": args, "env": env},
        ]});
        if let (Some(pod), Value::Object(more)) = (pod.as_object_mut(), more) {
            pod.extend(more);
        }
        json!({"metadata": {"name": "d"}, "spec": {"replicas": 1, "template": {"spec": pod}}})
    }

    fn of(args: Value, env: Value, more: Value) -> Settings {
        translate(&deployment(args, env, more), "sagemaker")
    }

    #[test]
    fn flags_and_the_variables_in_them_become_values() {
        let found = of(
            json!([
                "--aws-region",
                "$(AWS_REGION)",
                "--aws-endpoint-url",
                "$(NOTHING_HERE)",
                "--watch-namespace",
                "$(NS)",
                "--enable-leader-election",
                "--leader-election-namespace",
                "leases",
                "--resource-tags",
                "a=b,c=d",
                "--reconcile-resource-resync-seconds",
                "TrainingJob=300",
                "--feature-gates",
                "TeamLevelCARM=true",
                "--reconcile-default-max-concurrent-syncs",
                "4",
                "--enable-carm=false",
            ]),
            json!([{"name": "AWS_REGION", "value": "eu-west-1"}, {"name": "NS", "value": "ml"},
                   {"name": "NOTHING_HERE", "value": ""}, {"name": "HTTPS_PROXY", "value": "http://proxy"}]),
            json!({}),
        );
        assert_eq!(
            found.values,
            json!({
                "aws": {"region": "eu-west-1"}, "installScope": "namespace", "watchNamespace": "ml",
                "leaderElection": {"enabled": true, "namespace": "leases"}, "resourceTags": ["a=b", "c=d"],
                "reconcile": {"resourceResyncPeriods": {"TrainingJob": 300}, "defaultMaxConcurrentSyncs": 4},
                "featureGates": {"TeamLevelCARM": true}, "enableCARM": false,
                "serviceAccount": {"create": false, "name": "ack-sagemaker-controller"},
                "deployment": {"extraEnvVars": [{"name": "HTTPS_PROXY", "value": "http://proxy"}]},
            })
        );
        assert_eq!(found.flag("aws-region"), Some("eu-west-1"));
        assert!(found.flags.contains(&"--enable-leader-election=true".to_owned()), "{:?}", found.flags);
    }

    #[test]
    fn what_has_no_counterpart_is_told_by_name() {
        let found = of(
            json!([
                "--enable-webhook-server",
                "--http-client-timeout",
                "5s",
                "--new-flag=1",
                "--reconcile-default-resync-seconds",
                "36000"
            ]),
            json!([]),
            json!({"initContainers": [{"name": "i"}], "runtimeClassName": "gvisor", "containers": [
                {"name": "controller", "image": "x/sagemaker-controller:1", "args": [
                    "--enable-webhook-server", "--http-client-timeout", "5s", "--new-flag=1", "--reconcile-default-resync-seconds", "36000",
                ], "envFrom": [{"secretRef": {"name": "s"}}]},
                {"name": "proxy", "image": "envoy"},
            ]}),
        );
        for wanted in [
            "--enable-webhook-server=true: there is no webhook",
            "--http-client-timeout=5s",
            "--new-flag=1: there is no such flag",
            "--reconcile-default-resync-seconds=36000: ACK's default",
            "container proxy",
            "image x/sagemaker-controller:1",
            "initContainers of the pod",
            "runtimeClassName of the pod",
            "envFrom of the container",
        ] {
            assert!(
                found.untranslated.iter().any(|told| told.starts_with(wanted)),
                "{wanted}: {:?}",
                found.untranslated
            );
        }
        assert_eq!(found.untranslated.len(), 9);
    }

    #[test]
    fn the_secret_of_credentials_is_the_charts_and_other_volumes_are_taken_over() {
        let container = json!({"name": "controller", "image": "x/sagemaker-controller:1", "env": [
            {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": "/var/run/secrets/aws/credentials"},
            {"name": "AWS_PROFILE", "value": "prod"},
        ], "volumeMounts": [{"name": "keys", "mountPath": "/var/run/secrets/aws"}, {"name": "ca", "mountPath": "/ca"}]});
        let volumes =
            json!([{"name": "keys", "secret": {"secretName": "keys"}}, {"name": "ca", "configMap": {"name": "ca"}}]);
        let found = of(json!([]), json!([]), json!({"containers": [container], "volumes": volumes}));
        assert_eq!(
            found.values,
            json!({
                "aws": {"credentials": {"secretName": "keys", "secretKey": "credentials", "profile": "prod"}},
                "serviceAccount": {"create": false, "name": "ack-sagemaker-controller"},
                "deployment": {
                    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
                    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
                },
            })
        );
    }

    #[test]
    fn another_endpoint_of_sts_becomes_a_variable() {
        let found = of(json!(["--aws-identity-endpoint-url=https://sts.corp"]), json!([]), json!({}));
        let wanted = json!([{"name": "AWS_ENDPOINT_URL_STS", "value": "https://sts.corp"}]);
        assert_eq!(found.values["deployment"]["extraEnvVars"], wanted);
    }
}
