//! What is known of a request: values of condition keys.

use std::collections::BTreeMap;

/// Global keys that a request has only in circumstances that are known here: where one of them is not given, AWS would
/// not give it either. A name that ends in `/` stands for all keys that begin so.
///
/// Other keys of AWS's own (`aws:UserAgent`, `aws:TokenIssueTime`, …) might be there, and are unknown where they are not
/// given. Accounts of the embedded cloud are in no organization, and no request comes from a VPC.
const ABSENT_UNLESS_GIVEN: &[&str] = &[
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:chatbotsourcearn",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltag/",
    "aws:requesttag/",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:resourcetag/",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:userid",
    "aws:username",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:vpcsourceip",
];

/// Values of condition keys; key names in lower case, as AWS does not tell cases apart.
#[derive(Debug, Clone, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'c> {
    /// At least one value.
    Values(&'c [String]),
    /// The request has no such key.
    Absent,
    /// AWS might give a value, which is not known here.
    Unknown,
}

impl Context {
    /// Adds a value.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
    }

    /// Replaces the values of a key; without values, the key is one that the request does not have.
    pub fn set(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(key.to_ascii_lowercase(), values);
    }

    /// Whether the request has the key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        matches!(self.find(key), Found::Values(_))
    }

    pub(super) fn find(&self, key: &str) -> Found<'_> {
        let key = key.to_ascii_lowercase();
        match self.0.get(&key) {
            Some(values) if !values.is_empty() => Found::Values(values),
            Some(_) => Found::Absent,
            None if !key.starts_with("aws:") => Found::Absent,
            None => {
                let fits = |name: &&str| *name == key || (name.ends_with('/') && key.starts_with(*name));
                if ABSENT_UNLESS_GIVEN.iter().any(fits) { Found::Absent } else { Found::Unknown }
            }
        }
    }
}
