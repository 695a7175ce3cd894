//! An object of the cluster, and the AWS resource that it stands for: for commands beside the operator.

mod access;
mod error;
mod request;
mod resource;
mod word;

use sagewright_kinds::Kind;
use sagewright_legacy::kinds::Becomes;
use sagewright_objects::object::{is_dns_label, is_dns_subdomain};
use serde_json::Value;

pub use access::Access;
pub use error::LookupError;
pub use request::RequestError;
pub use resource::Resource;

use crate::api::{Api, ApiError, Place};
use resource::Scope;
use word::Served;

/// The groups whose objects stand for resources of SageMaker: ACK's, and the legacy operator's.
const GROUPS: [&str; 2] = ["sagemaker.services.k8s.aws", sagewright_legacy::GROUP];

/// A cluster, and the namespace that is looked at in it.
pub struct Cluster {
    api: Api,
    namespace: String,
}

impl Cluster {
    /// A way to the cluster. Nothing is asked yet.
    ///
    /// # Errors
    /// No kubeconfig names a cluster, and this runs inside of none.
    pub async fn connect(access: &Access) -> Result<Self, LookupError> {
        let (client, namespace) = access.client().await?;
        if !is_dns_label(&namespace) {
            return Err(LookupError::Name { what: "a namespace", name: namespace });
        }
        Ok(Self { api: Api::new(client), namespace })
    }

    /// The resource of an object, which `word` and `name` name as `kubectl get` takes them.
    ///
    /// # Errors
    /// There is no such kind or object, several objects are meant, or the API server does not answer.
    pub async fn find(&self, word: &str, name: &str) -> Result<Resource, LookupError> {
        if !is_dns_subdomain(name) {
            return Err(LookupError::Name { what: "an object", name: name.to_owned() });
        }
        let kinds = self.kinds(word).await?;
        let mut found = Vec::new();
        let mut refused = None;
        for served in &kinds {
            let place = Place::new(&served.group, &served.version, Some(&self.namespace), &served.plural);
            match self.api.get(&place, name).await {
                Ok(Some(document)) => found.push((served, document)),
                Ok(None) => {}
                Err(error) => refused = Some((served, error)),
            }
        }
        let Some((first, _)) = found.first() else {
            return Err(match refused {
                Some((served, source)) => LookupError::object(served, name, source),
                None => self.missing(&kinds, name),
            });
        };
        let mut names = vec![first.full()];
        names.extend(found.iter().skip(1).map(|(served, _)| served.full()));
        let scope = self.scope().await?;
        let mut resources = Vec::new();
        for (served, document) in found {
            resources.push(self.resource(served, name, document, &scope)?);
        }
        let mut resources = resources.into_iter();
        let Some(resource) = resources.next() else { return Err(self.missing(&kinds, name)) };
        // In the middle of a migration an object of each group stands for the same resource.
        match resources.all(|other| other.is_same(&resource)) {
            true => Ok(resource),
            false => Err(LookupError::Several { name: name.to_owned(), kinds: names }),
        }
    }

    fn missing(&self, kinds: &[Served], name: &str) -> LookupError {
        let kinds = kinds.iter().map(Served::full).collect();
        LookupError::NoObject { kinds, name: name.to_owned(), namespace: self.namespace.clone() }
    }

    fn resource(&self, served: &Served, name: &str, document: Value, scope: &Scope) -> Result<Resource, LookupError> {
        let unknown = |trouble| LookupError::Unnamed {
            object: served.full(),
            name: name.to_owned(),
            namespace: self.namespace.clone(),
            trouble,
        };
        let resource = if served.group == sagewright_legacy::GROUP {
            resource::of_legacy(served, document, scope)
        } else {
            resource::of_ack(served, document, scope)
        };
        let resource = resource.map_err(unknown)?;
        Ok(Resource { namespace: self.namespace.clone(), name: name.to_owned(), ..resource })
    }

    /// The kinds of the cluster that a word names.
    async fn kinds(&self, word: &str) -> Result<Vec<Served>, LookupError> {
        let mut all = Vec::new();
        for group in GROUPS {
            all.extend(self.served(group).await.map_err(LookupError::Server)?);
        }
        if all.is_empty() {
            return Err(LookupError::NoGroup);
        }
        let named: Vec<Served> = all.iter().filter(|served| served.is_named(word)).cloned().collect();
        if named.is_empty() {
            return Err(LookupError::NoKind { word: word.to_owned(), plurals: plurals(&all) });
        }
        Ok(named)
    }

    /// The kinds of a group that the cluster serves and that stand for a resource.
    async fn served(&self, group: &str) -> Result<Vec<Served>, ApiError> {
        let Some(versions) = self.api.path(&format!("/apis/{group}")).await? else { return Ok(Vec::new()) };
        let Some(version) = versions.pointer("/preferredVersion/version").and_then(Value::as_str) else {
            return Ok(Vec::new());
        };
        let Some(list) = self.api.path(&format!("/apis/{group}/{version}")).await? else { return Ok(Vec::new()) };
        let resources = list.get("resources").and_then(Value::as_array).into_iter().flatten();
        Ok(resources.filter_map(|resource| Served::new(group, version, resource)).collect())
    }

    /// What the namespace says of its objects' resources.
    async fn scope(&self) -> Result<Scope, LookupError> {
        match self.api.get(&Place::new("", "v1", None, "namespaces"), &self.namespace).await {
            Ok(namespace) => Ok(Scope::of(&namespace.unwrap_or_default())),
            // Who may read the objects of a namespace, may often not read the namespace.
            Err(error) if error.code == 403 => Ok(Scope::unread(error.to_string())),
            Err(error) => Err(LookupError::Server(error)),
        }
    }
}

fn plurals(all: &[Served]) -> Vec<String> {
    let mut plurals: Vec<String> = all.iter().map(|served| served.plural.clone()).collect();
    plurals.sort();
    plurals.dedup();
    plurals
}

/// The kind of the resource that objects of a legacy kind stand for, where it is one.
fn becomes(legacy: &str) -> Option<&'static Kind> {
    match sagewright_legacy::find(legacy)?.becomes {
        Becomes::One { kind, .. } => sagewright_kinds::find(kind),
        Becomes::Hosting => sagewright_kinds::find("Endpoint"),
        Becomes::Scaling => None,
    }
}
