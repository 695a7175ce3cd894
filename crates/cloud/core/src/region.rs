//! Regions and the partitions that they belong to.

use sagewright_model::Region;
use sagewright_model::region::partitions;

/// Whether AWS has a region of this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    partitions().iter().any(|partition| partition.regions.iter().any(|region| region == name))
}

/// The partition of a region, as ARNs name it; that of an unknown region is `aws`.
#[must_use]
pub fn partition(name: &str) -> &'static str {
    name.parse::<Region>().map_or("aws", |region| region.partition().id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_known_by_name() {
        assert!(is_known("eu-west-1") && is_known("cn-north-1") && is_known("us-gov-west-1"));
        assert!(!is_known("eu-west-99") && !is_known("EU") && !is_known(""));
        assert_eq!((partition("cn-north-1"), partition("eu-west-1"), partition("mars")), ("aws-cn", "aws", "aws"));
    }
}
