//! AWS's host names: which ones are AWS's, and what service and bucket they name.

use std::sync::OnceLock;

use crate::region::{Region, partitions};

/// An AWS host name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwsHost<'h> {
    /// The label that names the service, as `sts`, `sagemaker` or `s3`; `None` for a bare suffix.
    pub service: Option<&'h str>,
    /// The bucket, where the host is a virtual host of S3.
    pub bucket: Option<&'h str>,
}

/// Suffixes of the API host names of all partitions, dual-stack ones included, each once.
#[must_use]
pub fn suffixes() -> &'static [&'static str] {
    static SUFFIXES: OnceLock<Vec<&str>> = OnceLock::new();
    SUFFIXES.get_or_init(|| {
        let all = partitions().iter().flat_map(|p| [p.dns_suffix.as_str(), p.dual_stack_dns_suffix.as_str()]);
        let mut all: Vec<&str> = all.collect();
        all.sort_unstable();
        all.dedup();
        all
    })
}

/// Whether a host name, without its port, is AWS's.
#[must_use]
pub fn is_aws(host: &str) -> bool {
    labels(host).is_some()
}

/// Takes an AWS host name, without its port, apart; `None` where it is not AWS's.
///
/// Forms: `SERVICE.REGION.SUFFIX`, `PREFIX.SERVICE.REGION.SUFFIX`, without a region for global services, `SERVICE-fips`,
/// `BUCKET.s3.REGION.SUFFIX`, and S3's older `s3-REGION`, `dualstack`, `s3-accelerate` and `s3-external-1`.
#[must_use]
pub fn parse(host: &str) -> Option<AwsHost<'_>> {
    let mut rest = labels(host)?;
    let mut last = pop(&mut rest);
    if last.is_some_and(is_region) {
        last = pop(&mut rest);
    }
    if last.is_some_and(|label| label.eq_ignore_ascii_case("dualstack")) {
        last = pop(&mut rest);
    }
    let Some(label) = last else { return Some(AwsHost { service: None, bucket: None }) };
    if is_s3(label) {
        return Some(AwsHost { service: Some("s3"), bucket: Some(rest).filter(|bucket| !bucket.is_empty()) });
    }
    let service = label.strip_suffix("-fips").unwrap_or(label);
    Some(AwsHost { service: Some(service), bucket: None })
}

/// What stands before the suffix; empty where nothing does.
fn labels(host: &str) -> Option<&str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    suffixes().iter().find_map(|suffix| {
        let at = host.len().checked_sub(suffix.len())?;
        let (head, tail) = (host.get(..at)?, host.get(at..)?);
        if !tail.eq_ignore_ascii_case(suffix) {
            return None;
        }
        if head.is_empty() { Some(head) } else { head.strip_suffix('.') }
    })
}

/// Takes the last label away.
fn pop<'h>(rest: &mut &'h str) -> Option<&'h str> {
    let (head, last) = rest.rsplit_once('.').unwrap_or(("", rest));
    *rest = head;
    Some(last).filter(|label| !label.is_empty())
}

/// `us-gov` stands where global services of that partition have a region.
fn is_region(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    label == "us-gov" || label.parse::<Region>().is_ok()
}

fn is_s3(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    match label.strip_prefix("s3") {
        Some("" | "-fips" | "-accelerate" | "-external-1") => true,
        Some(older) => older.strip_prefix('-').is_some_and(is_region),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_partition_name_their_service_and_bucket() {
        let plain = |service| Some(AwsHost { service: Some(service), bucket: None });
        let bucket = |bucket| Some(AwsHost { service: Some("s3"), bucket: Some(bucket) });
        let table = [
            ("sts.amazonaws.com", plain("sts")),
            ("STS.us-east-1.AmazonAWS.com.", plain("STS")),
            ("sts-fips.us-east-1.amazonaws.com", plain("sts")),
            ("iam.us-gov.amazonaws.com", plain("iam")),
            ("api.sagemaker.us-east-1.amazonaws.com", plain("sagemaker")),
            ("api-fips.sagemaker.us-east-1.amazonaws.com", plain("sagemaker")),
            ("runtime.sagemaker.cn-north-1.amazonaws.com.cn", plain("sagemaker")),
            ("sagemaker.us-east-1.api.aws", plain("sagemaker")),
            ("logs.eusc-de-east-1.amazonaws.eu", plain("logs")),
            ("s3.amazonaws.com", plain("s3")),
            ("s3.us-west-2.amazonaws.com", plain("s3")),
            ("s3-us-west-2.amazonaws.com", plain("s3")),
            ("s3.dualstack.us-west-2.amazonaws.com", plain("s3")),
            ("data.s3.amazonaws.com", bucket("data")),
            ("my.data.s3.us-west-2.amazonaws.com", bucket("my.data")),
            ("data.s3-us-west-2.amazonaws.com", bucket("data")),
            ("data.s3-fips.dualstack.us-west-2.amazonaws.com", bucket("data")),
            ("data.s3-accelerate.dualstack.amazonaws.com", bucket("data")),
            ("data.s3.cn-north-1.amazonaws.com.cn", bucket("data")),
            ("s3.s3.us-east-1.amazonaws.com", bucket("s3")),
            ("x.s3-website-us-east-1.amazonaws.com", plain("s3-website-us-east-1")),
            ("amazonaws.com", Some(AwsHost { service: None, bucket: None })),
            ("notamazonaws.com", None),
            ("amazonaws.com.evil.example", None),
            ("sts.amazonaws.co", None),
            ("localhost", None),
            ("", None),
            (".", None),
        ];
        for (host, wanted) in table {
            assert_eq!(parse(host), wanted, "{host}");
            assert_eq!(is_aws(host), wanted.is_some(), "{host}");
        }
        assert_eq!(suffixes().len(), 14, "aws and aws-us-gov share theirs");
    }
}
