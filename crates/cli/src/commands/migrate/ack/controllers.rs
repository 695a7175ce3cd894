//! The Deployments of ACK's two controllers and of Sagewright, and whether they run.

use sagewright_kube::lookup::{Cluster, RequestError};
use serde_json::{Value, json};

use super::text;

/// ACK's two controllers: the service, and the group of its kinds.
pub(super) const SERVICES: [(&str, &str); 2] = [
    ("sagemaker", "sagemaker.services.k8s.aws"),
    ("applicationautoscaling", "applicationautoscaling.services.k8s.aws"),
];

/// Whose a Deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The controller of an ACK service.
    Ack(&'static str),
    Sagewright,
}

/// The Deployment of a controller.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    pub(super) role: Role,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) image: String,
    /// Replicas that are wanted.
    pub(super) replicas: u64,
    /// Pods that are there.
    pub(super) pods: usize,
    pub(super) document: Value,
}

impl Controller {
    /// Of which service it is, for ACK's.
    pub(super) fn service(&self) -> Option<&'static str> {
        match self.role {
            Role::Ack(service) => Some(service),
            Role::Sagewright => None,
        }
    }

    /// `ack-system/ack-sagemaker-controller`
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub(super) fn runs(&self) -> bool {
        self.replicas > 0 || self.pods > 0
    }

    /// What puts the Deployment back as it was, besides people.
    pub(super) fn keeper(&self) -> Option<&'static str> {
        const KEEPERS: [(&str, &str); 4] = [
            ("/metadata/labels/argocd.argoproj.io~1instance", "Argo CD"),
            ("/metadata/annotations/argocd.argoproj.io~1tracking-id", "Argo CD"),
            ("/metadata/labels/kustomize.toolkit.fluxcd.io~1name", "Flux"),
            ("/metadata/labels/helm.toolkit.fluxcd.io~1name", "Flux"),
        ];
        KEEPERS.iter().find(|(at, _)| self.document.pointer(at).is_some()).map(|(_, who)| *who)
    }

    pub(super) fn value(&self) -> Value {
        json!({
            "deployment": self.id(), "service": self.service().unwrap_or("sagewright"), "image": self.image,
            "replicas": self.replicas, "pods": self.pods, "keptBy": self.keeper(),
        })
    }
}

/// `1 pod`, `2 pods`
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The collection of a namespace's Deployments.
pub(super) fn deployments(namespace: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/deployments")
}

/// All controllers of the cluster.
pub(super) async fn read(cluster: &Cluster) -> Result<Vec<Controller>, RequestError> {
    let mut all = Vec::new();
    for document in cluster.all("/apis/apps/v1/deployments", None).await? {
        if let Some(mut found) = recognize(document) {
            found.pods = pods(cluster, &found).await?;
            all.push(found);
        }
    }
    all.sort_by_key(Controller::id);
    Ok(all)
}

/// How many pods a Deployment has; those that have ended do not count.
async fn pods(cluster: &Cluster, of: &Controller) -> Result<usize, RequestError> {
    let labels = of.document.pointer("/spec/selector/matchLabels").and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<String> = labels.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    let pods = cluster.all(&format!("/api/v1/namespaces/{}/pods", of.namespace), Some(&labels.join(","))).await?;
    let ended = |pod: &Value| matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    Ok(pods.iter().filter(|pod| !ended(pod)).count())
}

/// The controller that a Deployment is, by its image or by its chart.
fn recognize(document: Value) -> Option<Controller> {
    let containers = document.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let containers = containers.map(Vec::as_slice).unwrap_or_default();
    let labels = [
        text(&document, "/metadata/labels/helm.sh~1chart"),
        text(&document, "/metadata/labels/app.kubernetes.io~1name"),
    ];
    let (container, role) = containers.iter().find_map(|container| {
        let image = program(text(container, "/image"));
        let service = SERVICES.iter().map(|(service, _)| *service).find(|service| {
            let chart = format!("{service}-chart");
            image == format!("{service}-controller") || labels.iter().any(|label| label.starts_with(&chart))
        });
        let ours = text(container, "/args/0") == "controller"
            && (image == "sagewright" || labels[1] == "sagewright" || labels[0].starts_with("sagewright-"));
        let role = service.map(Role::Ack).or(ours.then_some(Role::Sagewright))?;
        Some((container, role))
    })?;
    Some(Controller {
        role,
        namespace: text(&document, "/metadata/namespace").to_owned(),
        name: text(&document, "/metadata/name").to_owned(),
        image: text(container, "/image").to_owned(),
        replicas: document.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1),
        pods: 0,
        document,
    })
}

/// The last part of an image's repository.
fn program(image: &str) -> &str {
    let repository = image.split('@').next().unwrap_or_default();
    let last = repository.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

/// A lease by which controllers elect a leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) holder: String,
    /// When it was renewed, as its holder says.
    pub(super) renewed: String,
    /// Seconds that it holds after that.
    pub(super) holds: u64,
}

impl Lease {
    pub(super) fn value(&self) -> Value {
        json!({"lease": format!("{}/{}", self.namespace, self.name), "holder": self.holder, "renewed": self.renewed})
    }
}

/// The leases of the two groups that somebody holds.
pub(super) async fn leases(cluster: &Cluster) -> Result<Vec<Lease>, RequestError> {
    let all = cluster.all("/apis/coordination.k8s.io/v1/leases", None).await?;
    let is_ours = |name: &str| SERVICES.iter().any(|(_, group)| name == format!("ack-{group}"));
    let held = all.iter().map(|lease| Lease {
        namespace: text(lease, "/metadata/namespace").to_owned(),
        name: text(lease, "/metadata/name").to_owned(),
        holder: text(lease, "/spec/holderIdentity").to_owned(),
        renewed: text(lease, "/spec/renewTime").to_owned(),
        holds: lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64).unwrap_or(15),
    });
    Ok(held.filter(|lease| is_ours(&lease.name) && !lease.holder.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(image: &str, args: &[&str], labels: Value) -> Option<Role> {
        let container = json!({"name": "controller", "image": image, "args": args});
        recognize(json!({
            "metadata": {"name": "d", "namespace": "n", "labels": labels},
            "spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "envoy"}, container]}}},
        }))
        .map(|found| found.role)
    }

    #[test]
    fn controllers_are_known_by_their_image_or_their_chart() {
        let sagemaker = Some(Role::Ack("sagemaker"));
        assert_eq!(role("public.ecr.aws/aws-controllers-k8s/sagemaker-controller:1.9.1", &[], json!({})), sagemaker);
        assert_eq!(role("mirror:5000/a/sagemaker-controller@sha256:00", &[], json!({})), sagemaker);
        let chart = json!({"helm.sh/chart": "applicationautoscaling-chart-1.4.1"});
        assert_eq!(role("mirror/other:1", &[], chart), Some(Role::Ack("applicationautoscaling")));
        assert_eq!(role("mirror/sagewright:1", &["controller"], json!({})), Some(Role::Sagewright));
        assert_eq!(
            role("x:1", &["controller"], json!({"app.kubernetes.io/name": "sagewright"})),
            Some(Role::Sagewright)
        );
        assert_eq!(role("public.ecr.aws/aws-controllers-k8s/s3-controller:1", &["controller"], json!({})), None);
        assert_eq!(role("sagewright:1", &["local", "up"], json!({})), None);
    }
}
