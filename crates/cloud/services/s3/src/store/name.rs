//! The naming rules of buckets and keys.

use super::StoreError;

/// The longest key, in bytes.
pub(crate) const MAX_KEY: usize = sagewright_cloud_core::objects::LONGEST_KEY;

/// Checks a name for a new bucket.
///
/// Source: "General purpose bucket naming rules", Amazon S3 User Guide.
///
/// # Errors
/// [`StoreError::InvalidBucketName`] with the rule that the name breaks.
pub fn validate_bucket_name(name: &str) -> Result<(), StoreError> {
    match broken_rule(name) {
        None => Ok(()),
        Some(reason) => Err(StoreError::InvalidBucketName { bucket: name.to_owned(), reason }),
    }
}

fn broken_rule(name: &str) -> Option<&'static str> {
    let bytes = name.as_bytes();
    if !(3..=63).contains(&bytes.len()) {
        return Some("it must have 3 to 63 characters");
    }
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !bytes.iter().all(|b| plain(b) || matches!(b, b'.' | b'-')) {
        return Some("only lowercase letters, digits, dots and hyphens are allowed");
    }
    if !bytes.first().is_some_and(plain) || !bytes.last().is_some_and(plain) {
        return Some("it must begin and end with a letter or digit");
    }
    if name.contains("..") {
        return Some("two dots must not be adjacent");
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("it must not look like an IP address");
    }
    if ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix)) {
        return Some("it begins with a reserved prefix");
    }
    if ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix)) {
        return Some("it ends with a reserved suffix");
    }
    None
}

pub(crate) fn validate_key(key: &str) -> Result<(), StoreError> {
    if (1..=MAX_KEY).contains(&key.len()) {
        return Ok(());
    }
    Err(StoreError::InvalidKey { length: key.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        for name in ["abc", "a-b.c1", "123", &"a".repeat(63), "sagemaker-us-east-1-111122223333"] {
            assert!(validate_bucket_name(name).is_ok(), "{name}");
        }
        for name in [
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "a..b",
            "192.168.5.4",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-a",
            "abc-s3alias",
            "abc--ol-s3",
            "abc.mrap",
            "abc--x-s3",
            "a/b",
            "a b",
            "ab\u{e9}",
        ] {
            assert!(validate_bucket_name(name).is_err(), "{name}");
        }
    }
}
