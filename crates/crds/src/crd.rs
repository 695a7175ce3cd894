//! A definition as a value.

use serde_json::Value;

/// One CustomResourceDefinition.
#[derive(Debug, Clone, PartialEq)]
pub struct Crd {
    /// `trainingjobs.sagemaker.services.k8s.aws`
    pub name: String,
    /// The whole object, `apiVersion` and `kind` included.
    pub document: Value,
}

impl Crd {
    /// The definition as one YAML document, always in the same form.
    #[must_use]
    pub fn yaml(&self) -> String {
        let text = serde_saphyr::to_string(&self.document).unwrap_or_default();
        format!("---\n{text}")
    }

    /// Whether it is of the legacy operator's group.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.name.ends_with(&format!(".{}", sagewright_legacy::GROUP))
    }

    /// Its file, as ACK names it: `sagemaker.services.k8s.aws_trainingjobs.yaml`.
    #[must_use]
    pub fn file(&self) -> String {
        let (plural, group) = self.name.split_once('.').unwrap_or((&self.name, ""));
        format!("{group}_{plural}.yaml")
    }
}
