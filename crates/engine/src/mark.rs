//! Names of the marks that Sagewright reads and writes.

use crate::object::ObjectId;

/// Tag (or metadata key) whose value, `<namespace>/<name>`, says which object a resource belongs to.
pub const OWNER: &str = "sagewright.dev/owner";
/// Tag that holds a fingerprint of the last update that was sent.
pub const LAST_UPDATE: &str = "sagewright.dev/last-update";
/// Every tag key that starts so is ours, and hidden from manifests and comparisons.
pub const PREFIX: &str = "sagewright.dev/";

/// Annotation: `adopt` or `adopt-or-create`.
pub const ADOPTION_POLICY: &str = "services.k8s.aws/adoption-policy";
/// Annotation: JSON map of the fields that identify what to adopt.
pub const ADOPTION_FIELDS: &str = "services.k8s.aws/adoption-fields";
/// Annotation: `delete` or `retain`.
pub const DELETION_POLICY: &str = "services.k8s.aws/deletion-policy";
/// Annotation: `true` to read only.
pub const READ_ONLY: &str = "services.k8s.aws/read-only";
/// Annotation: the region of this object.
pub const REGION: &str = "services.k8s.aws/region";
/// Annotation that ACK sets on what it adopted.
pub const ADOPTED: &str = "services.k8s.aws/adopted";

/// The owner's mark of an object: `default/mnist`.
#[must_use]
pub fn owner(id: &ObjectId) -> String {
    format!("{}/{}", id.namespace, id.name)
}

/// The text that ends a description that carries the mark.
#[must_use]
pub fn suffix(owner: &str) -> String {
    format!("[{OWNER}={owner}]")
}

/// Parts a text from the mark at its end.
#[must_use]
pub fn split_suffix(text: &str) -> (&str, Option<&str>) {
    let lead = format!("[{OWNER}=");
    match text.rfind(&lead) {
        Some(at) if text.ends_with(']') => {
            let (head, tail) = text.split_at(at);
            (head.trim_end(), tail.strip_prefix(lead.as_str()).and_then(|t| t.strip_suffix(']')))
        }
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_at_the_end_of_a_text_comes_off_again() {
        let text = format!("nightly {}", suffix("default/run"));
        assert_eq!(split_suffix(&text), ("nightly", Some("default/run")));
        assert_eq!(split_suffix("nightly [x]"), ("nightly [x]", None));
        assert_eq!(split_suffix(&suffix("a/b")), ("", Some("a/b")));
    }
}
