//! What is known of namespaces.

use std::collections::{BTreeMap, HashMap};

use sagewright_objects::{keys, suggest};

/// The annotations of a namespace that matter here, and the end of those that say so for the objects of one group.
const OWN: [&str; 4] = [keys::OWNER_ACCOUNT_ID, keys::TEAM_ID, keys::DEFAULT_REGION, keys::ENDPOINT_URL];
const DELETION_POLICY: &str = ".services.k8s.aws/deletion-policy";

fn matters(key: &str) -> bool {
    OWN.contains(&key) || key.ends_with(DELETION_POLICY)
}

/// Annotations of a namespace that nothing heeds, each with the one that is meant.
pub(crate) fn misspelled(annotations: &BTreeMap<String, String>) -> Vec<(&str, String)> {
    annotations.keys().filter_map(|key| Some((key.as_str(), meant(key)?))).collect()
}

fn meant(key: &str) -> Option<String> {
    let (prefix, name) = key.split_once('/').filter(|_| !matters(key))?;
    let policy = || format!("sagemaker{DELETION_POLICY}");
    if prefix.ends_with("services.k8s.aws") {
        // An object's annotations are not a namespace's.
        let of_objects = [("region", keys::DEFAULT_REGION.to_owned()), ("deletion-policy", policy())];
        if let Some((_, meant)) = of_objects.into_iter().find(|(of_object, _)| *of_object == name) {
            return Some(meant);
        }
        let names = OWN.iter().filter_map(|own| own.split_once('/')).map(|(_, name)| name).chain(["deletion-policy"]);
        let close = suggest(name, names)?;
        return Some(OWN.iter().find(|own| own.ends_with(close)).map_or_else(policy, |own| (*own).to_owned()));
    }
    suggest(key, OWN.into_iter()).map(str::to_owned)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_of_a_namespace_that_nothing_heeds_are_told_with_the_one_that_is_meant() {
        let table = [
            ("services.k8s.aws/default-region", None),
            ("sagemaker.services.k8s.aws/deletion-policy", None),
            ("example.com/default-region", None),
            ("services.k8s.aws/colour", None),
            ("services.k8s.aws/default_region", Some("services.k8s.aws/default-region")),
            ("services.k8s.aws/region", Some("services.k8s.aws/default-region")),
            ("service.k8s.aws/team-id", Some("services.k8s.aws/team-id")),
            ("services.k8s.aws/deletion-policy", Some("sagemaker.services.k8s.aws/deletion-policy")),
            ("sagemaker.services.k8s.aws/deletion-polcy", Some("sagemaker.services.k8s.aws/deletion-policy")),
        ];
        for (key, meant) in table {
            let annotations = BTreeMap::from([(key.to_owned(), "x".to_owned())]);
            let expected: Vec<(&str, String)> = meant.into_iter().map(|meant| (key, meant.to_owned())).collect();
            assert_eq!(misspelled(&annotations), expected, "{key}");
        }
    }
}
