//! What is known of namespaces.

use std::collections::{BTreeMap, HashMap};

use sagewright_objects::keys;

/// What is kept of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// The annotations that matter here.
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

impl Namespace {
    /// Keeps what matters.
    pub(crate) fn new(annotations: BTreeMap<String, String>, labels: BTreeMap<String, String>) -> Self {
        let matters = |key: &String| {
            let own = [keys::OWNER_ACCOUNT_ID, keys::TEAM_ID, keys::DEFAULT_REGION, keys::ENDPOINT_URL];
            own.contains(&key.as_str()) || key.ends_with(".services.k8s.aws/deletion-policy")
        };
        Self { annotations: annotations.into_iter().filter(|(key, _)| matters(key)).collect(), labels }
    }

    /// An annotation that says something.
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }
}

/// All namespaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespaces(HashMap<String, Namespace>);

impl Namespaces {
    pub(crate) fn of(&self, name: &str) -> Option<&Namespace> {
        self.0.get(name)
    }

    /// Takes a namespace over. Whether anything that matters is not as it was.
    pub(crate) fn set(&mut self, name: &str, namespace: Namespace) -> bool {
        let before = self.0.insert(name.to_owned(), namespace);
        before.as_ref() != self.0.get(name)
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}
