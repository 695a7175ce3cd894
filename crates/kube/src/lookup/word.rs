//! Which kinds of a cluster a word names. Pure.

use serde_json::Value;

/// A kind as the cluster serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) plural: String,
    pub(super) kind: String,
    /// Singular and short names.
    others: Vec<String>,
}

impl Served {
    /// From an entry of the discovery; nothing for subresources.
    pub(super) fn new(group: &str, version: &str, resource: &Value) -> Option<Self> {
        let text = |field: &str| resource.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        let plural = text("name").filter(|name| !name.contains('/'))?;
        let short =
            resource.get("shortNames").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            kind: text("kind")?.to_owned(),
            others: text("singularName").into_iter().chain(short).map(str::to_owned).collect(),
        })
    }

    /// `trainingjobs.sagemaker.services.k8s.aws`
    pub(super) fn full(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Whether a word is one of its names, in any letter case, with or without (the beginning of) the group, as kubectl takes
    /// them; or the name of the legacy kind that became it.
    pub(super) fn is_named(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let (head, group) = word.split_once('.').unwrap_or((&word, ""));
        let in_group = self.group.starts_with(group) || format!("{}.{}", self.version, self.group).starts_with(group);
        in_group && (self.has_name(head) || self.has_name(&head.replace('-', "")) || self.became(head))
    }

    fn has_name(&self, word: &str) -> bool {
        let own = [&self.kind, &self.plural].into_iter().chain(&self.others);
        own.into_iter().any(|name| name.eq_ignore_ascii_case(word))
    }

    fn became(&self, word: &str) -> bool {
        let legacy = sagewright_legacy::kinds::KINDS.iter().find(|row| {
            row.kind.eq_ignore_ascii_case(word) || row.plural.eq_ignore_ascii_case(word) || row.short == Some(word)
        });
        let kind = legacy.and_then(|row| super::becomes(row.kind));
        kind.is_some_and(|kind| kind.name() == self.kind && kind.group() == self.group)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn served(group: &str, kind: &str, plural: &str, short: &[&str]) -> Served {
        let resource = json!({"name": plural, "kind": kind, "singularName": kind.to_lowercase(), "shortNames": short});
        Served::new(group, "v1alpha1", &resource).unwrap()
    }

    #[test]
    fn a_kind_has_the_names_that_kubectl_takes_and_the_legacy_one() {
        let ack = super::super::GROUPS[0];
        let training = served(ack, "TrainingJob", "trainingjobs", &["smtj"]);
        for word in [
            "TrainingJob",
            "trainingjob",
            "TRAININGJOBS",
            "training-job",
            "smtj",
            "trainingjobs.sagemaker.services.k8s.aws",
            "trainingjob.sagemaker.services",
            "trainingjobs.v1alpha1.sagemaker.services.k8s.aws",
        ] {
            assert!(training.is_named(word), "{word}");
        }
        for word in ["job", "transformjob", "trainingjobs.sagemaker.aws.amazon.com", "", "trainingjobs/x"] {
            assert!(!training.is_named(word), "{word}");
        }
        let transform = served(ack, "TransformJob", "transformjobs", &[]);
        assert!(transform.is_named("BatchTransformJob") && transform.is_named("batchtransformjobs"));
        assert!(served(ack, "Endpoint", "endpoints", &[]).is_named("hostingdeployment"));
        let tuning = served(sagewright_legacy::GROUP, "HyperparameterTuningJob", "hyperparametertuningjobs", &[]);
        assert!(tuning.is_named("HyperParameterTuningJob"));
    }

    #[test]
    fn subresources_are_no_kinds() {
        let status = json!({"name": "trainingjobs/status", "kind": "TrainingJob"});
        assert_eq!(Served::new("g", "v1", &status), None);
    }
}
