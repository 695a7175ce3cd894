//! AWS-managed policies: which exist, and the documents of those that are asked for most beside SageMaker.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

/// Path and name, default version; sorted.
const POLICIES: &str = include_str!("policies.tsv");
/// Documents of some, by name.
const DOCUMENTS: &str = include_str!("documents.json");

/// A policy of AWS's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Managed {
    /// `/`, `/service-role/`, …
    pub path: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The default version.
    pub version: &'static str,
}

impl Managed {
    /// Whether it can be attached to a role that is not a service's own.
    #[must_use]
    pub fn attachable(&self) -> bool {
        !self.path.starts_with("/aws-service-role/")
    }

    /// Its document, where that is known here.
    #[must_use]
    pub fn document(&self) -> Option<&'static Value> {
        static KNOWN: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
        KNOWN.get_or_init(|| serde_json::from_str(DOCUMENTS).unwrap_or_default()).get(self.name)
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:iam::aws:policy{}{}", self.path, self.name)
    }
}

/// All that exist, in the order of their paths and names.
pub fn all() -> impl Iterator<Item = Managed> {
    POLICIES.lines().filter(|line| line.starts_with('/')).filter_map(|line| {
        let (whole, version) = line.split_once('\t')?;
        let (path, name) = whole.split_at(whole.rfind('/')? + 1);
        Some(Managed { path, name, version })
    })
}

/// The policy of an ARN, of whatever partition.
#[must_use]
pub fn find(arn: &str) -> Option<Managed> {
    let whole = arn.strip_prefix("arn:aws")?.split_once(":iam::aws:policy")?.1;
    all().find(|policy| whole.strip_prefix(policy.path) == Some(policy.name))
}

#[cfg(test)]
mod tests {
    use super::super::{Document, Kind};
    use super::*;

    #[test]
    fn policies_are_told_from_what_looks_like_one() {
        let found = find("arn:aws:iam::aws:policy/AmazonSageMakerFullAccess").unwrap();
        assert_eq!((found.path, found.name, found.attachable()), ("/", "AmazonSageMakerFullAccess", true));
        assert_eq!(found.arn("aws-cn"), "arn:aws-cn:iam::aws:policy/AmazonSageMakerFullAccess");
        let cloudwatch = find("arn:aws-cn:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").unwrap();
        assert_eq!(cloudwatch.path, "/service-role/");
        for bad in [
            "arn:aws:iam::aws:policy/AmazonSageMakerFullAcces",
            "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess/",
            "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole",
            "arn:aws:iam::000000000000:policy/AmazonSageMakerFullAccess",
            "AmazonSageMakerFullAccess",
            "",
        ] {
            assert_eq!(find(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_known_document_is_one_that_can_be_judged_and_belongs_to_a_policy() {
        let documents: BTreeMap<String, Value> = serde_json::from_str(DOCUMENTS).unwrap();
        for (name, document) in &documents {
            assert!(all().any(|policy| policy.name == name), "{name}");
            Document::parse(&document.to_string(), Kind::Identity).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }

    #[test]
    fn the_table_is_sorted_and_whole() {
        let lines: Vec<&str> = POLICIES.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.is_sorted());
        assert_eq!(all().count(), lines.len());
        assert!(all().all(|policy| policy.version.starts_with('v')));
    }
}
