//! `IAMRoleSelector`: which role by namespace, kind and labels.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Namespaces, Subject};

/// One selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleSelector {
    pub(crate) name: String,
    pub(crate) arn: String,
    spec: Spec,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    arn: String,
    namespace_selector: NamespaceSelector,
    resource_type_selector: Vec<TypeSelector>,
    resource_label_selector: LabelSelector,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NamespaceSelector {
    names: Vec<String>,
    label_selector: LabelSelector,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LabelSelector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TypeSelector {
    group: String,
    version: String,
    kind: String,
}

impl LabelSelector {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl TypeSelector {
    fn matches(&self, kind: &sagewright_kinds::Kind) -> bool {
        let is = |wanted: &str, has: &str| wanted.is_empty() || wanted == has;
        is(&self.group, kind.group()) && is(&self.version, kind.version()) && is(&self.kind, kind.name())
    }
}

impl RoleSelector {
    /// Reads a selector; nothing where it has no role.
    pub(crate) fn read(name: &str, spec: &Value) -> Option<Self> {
        let spec = Spec::deserialize(spec).ok()?;
        Some(Self { name: name.to_owned(), arn: spec.arn.clone(), spec }).filter(|found| !found.arn.is_empty())
    }

    /// Whether each of its parts matches; one that says nothing does.
    fn matches(&self, namespaces: &Namespaces, subject: Subject<'_>) -> bool {
        let spec = &self.spec;
        let none = BTreeMap::new();
        let labels = namespaces.of(subject.namespace).map_or(&none, super::Namespace::labels);
        let names = &spec.namespace_selector.names;
        (names.is_empty() || names.iter().any(|name| name == subject.namespace))
            && spec.namespace_selector.label_selector.matches(labels)
            && (spec.resource_type_selector.is_empty()
                || spec.resource_type_selector.iter().any(|s| s.matches(subject.kind)))
            && spec.resource_label_selector.matches(subject.labels)
    }
}

/// All selectors, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selectors(BTreeMap<String, RoleSelector>);

impl Selectors {
    /// Takes a selector over. Whether it is not as it was.
    pub(crate) fn set(&mut self, name: &str, selector: Option<RoleSelector>) -> bool {
        match selector {
            Some(new) => {
                let before = self.0.insert(name.to_owned(), new);
                before.as_ref() != self.0.get(name)
            }
            None => self.0.remove(name).is_some(),
        }
    }

    /// Names of all.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// The selector that matches an object.
    ///
    /// # Errors
    /// Several match.
    pub(super) fn role_for(
        &self,
        namespaces: &Namespaces,
        subject: Subject<'_>,
    ) -> Result<Option<&RoleSelector>, String> {
        let mut matching = self.0.values().filter(|selector| selector.matches(namespaces, subject));
        let (first, more) = (matching.next(), matching.next());
        match (first, more) {
            (Some(first), Some(second)) => Err(format!(
                "several IAMRoleSelectors match: {} and {}; narrow them so that one does",
                first.name, second.name
            )),
            (first, _) => Ok(first),
        }
    }
}
