//! ARNs and account ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why text is not an ARN or an account id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Not of the form `arn:partition:service:region:account:resource`.
    #[error("'{0}' is not an ARN: expected arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE")]
    Arn(String),
    /// Not twelve digits.
    #[error("'{0}' is not an AWS account id: expected 12 digits")]
    Account(String),
}

/// A twelve-digit AWS account id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = ArnError;
    fn from_str(text: &str) -> Result<Self, ArnError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ArnError::Account(text.to_owned()))
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = ArnError;
    fn try_from(text: String) -> Result<Self, ArnError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Amazon Resource Name. Region and account may be empty, as in S3's and IAM's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// `sagemaker`, `iam`, …
    pub service: String,
    /// Region, or empty.
    pub region: String,
    /// Account id, or empty, or `aws` for AWS's own resources.
    pub account: String,
    /// The rest, for example `model-package/mnist/3`.
    pub resource: String,
}

impl Arn {
    /// Type and id of a `type/id` or `type:id` resource.
    #[must_use]
    pub fn resource_parts(&self) -> (&str, &str) {
        self.resource.split_once(['/', ':']).unwrap_or(("", &self.resource))
    }
}

impl FromStr for Arn {
    type Err = ArnError;
    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", partition, service, region, account, resource]
                if !partition.is_empty() && !service.is_empty() && !resource.is_empty() =>
            {
                if !account.is_empty() && *account != "aws" && account.parse::<AccountId>().is_err() {
                    return Err(ArnError::Arn(text.to_owned()));
                }
                Ok(Self {
                    partition: (*partition).to_owned(),
                    service: (*service).to_owned(),
                    region: (*region).to_owned(),
                    account: (*account).to_owned(),
                    resource: (*resource).to_owned(),
                })
            }
            _ => Err(ArnError::Arn(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = ArnError;
    fn try_from(text: String) -> Result<Self, ArnError> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.to_string()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_that_parses_prints_the_same(text in "arn:aws(-cn)?:[a-z0-9-]{1,9}:([a-z]{2}-[a-z]+-[1-9])?:([0-9]{12})?:[a-z]+[/:][\\PC]{0,20}") {
            prop_assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Arn>();
            let _ = text.parse::<AccountId>();
        }
    }

    #[test]
    fn wrong_text_is_refused() {
        for text in
            ["", "notarn", "arn:aws:iam::12345:role/x", "arn:aws:iam::123456789012:", "arn::iam::123456789012:role/x"]
        {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
        assert!("12345678901a".parse::<AccountId>().is_err());
    }
}
