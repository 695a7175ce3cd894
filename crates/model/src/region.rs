//! Regions and partitions.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A separate part of AWS with its own accounts, regions and host names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub id: String,
    /// Host names end in this.
    pub dns_suffix: String,
    /// Host names of dual-stack endpoints end in this.
    pub dual_stack_dns_suffix: String,
    /// Region that global services sign with.
    pub implicit_global_region: String,
    region_regex: String,
    #[serde(skip)]
    compiled: OnceLock<Option<fancy_regex::Regex>>,
    /// Known regions.
    pub regions: Vec<String>,
}

impl Partition {
    /// Whether a region's name has the form of this partition's.
    fn has_form(&self, region: &str) -> bool {
        let regex = self.compiled.get_or_init(|| fancy_regex::Regex::new(&self.region_regex).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(region).unwrap_or(false))
    }
}

/// All partitions that the models know.
#[must_use]
pub fn partitions() -> &'static [Partition] {
    static PARTITIONS: OnceLock<Vec<Partition>> = OnceLock::new();
    PARTITIONS.get_or_init(|| serde_json::from_str(include_str!("../../../models/partitions.json")).unwrap_or_default())
}

/// Why text is not a region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an AWS region of any known partition: expected a name like us-east-1")]
pub struct RegionError(String);

/// An AWS region, known or of a known partition's form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl Region {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition it belongs to.
    #[must_use]
    pub fn partition(&self) -> &'static Partition {
        static FALLBACK: OnceLock<Partition> = OnceLock::new();
        partition_of(&self.0).unwrap_or_else(|| {
            FALLBACK.get_or_init(|| Partition {
                id: "aws".to_owned(),
                dns_suffix: "amazonaws.com".to_owned(),
                dual_stack_dns_suffix: "api.aws".to_owned(),
                implicit_global_region: "us-east-1".to_owned(),
                region_regex: String::new(),
                compiled: OnceLock::new(),
                regions: Vec::new(),
            })
        })
    }
}

/// The partition that a region belongs to, known or of its form.
#[must_use]
pub fn partition_of(region: &str) -> Option<&'static Partition> {
    let known = partitions().iter().find(|p| p.regions.iter().any(|r| r == region));
    known.or_else(|| partitions().iter().find(|p| p.has_form(region)))
}

impl FromStr for Region {
    type Err = RegionError;
    fn from_str(text: &str) -> Result<Self, RegionError> {
        partition_of(text).map(|_| Self(text.to_owned())).ok_or_else(|| RegionError(text.to_owned()))
    }
}

impl TryFrom<String> for Region {
    type Error = RegionError;
    fn try_from(text: String) -> Result<Self, RegionError> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_belong_to_partitions() {
        let table = [
            ("us-east-1", "aws", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("eu-south-9", "aws", "amazonaws.com"),
        ];
        for (region, id, suffix) in table {
            let partition = region.parse::<Region>().unwrap().partition();
            assert_eq!((partition.id.as_str(), partition.dns_suffix.as_str()), (id, suffix), "{region}");
        }
        assert!("mars-1".parse::<Region>().is_err());
        assert!("".parse::<Region>().is_err());
    }
}
