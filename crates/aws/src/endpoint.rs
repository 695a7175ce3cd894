//! Where a service lives and what its requests are signed for. Pure.
//!
//! The host names follow the rule sets of botocore 1.43 for the services that the binary knows.

use sagewright_model::{Partition, Region, Service};

/// A resolved endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Scheme and host, perhaps with a port and a path.
    pub url: String,
    /// Service name of the SigV4 scope.
    pub signing_name: String,
    /// Region of the SigV4 scope.
    pub signing_region: String,
    /// Whether a setting named the URL, as opposed to AWS's own host.
    pub configured: bool,
    /// The bucket goes in front of the path.
    pub bucket_in_path: bool,
}

impl Endpoint {
    /// Whether the connection is protected by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// What decides an endpoint besides the service and the region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice<'a> {
    /// A configured URL.
    pub url: Option<&'a str>,
    /// FIPS 140 endpoints.
    pub fips: bool,
    /// Endpoints that answer over IPv6 too.
    pub dual_stack: bool,
    /// The bucket of an S3 request.
    pub bucket: Option<&'a str>,
}

/// A URL without the user name and the password that it may hold.
pub(crate) fn without_user(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(start);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // A password may itself hold what ends an authority, as it is often pasted.
    match (authority.rsplit_once('@'), path.contains('@')) {
        (Some((_, host)), false) => format!("{scheme}{host}{path}"),
        (_, true) => format!("{scheme}{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
        (None, false) => url.to_owned(),
    }
}

/// Resolves the endpoint of a request.
pub(crate) fn resolve(service: &Service, region: &Region, choice: &Choice<'_>) -> Endpoint {
    let global = service.id == "iam";
    let signing_region = if global { iam_region(region) } else { region.as_str().to_owned() };
    let signing_name = service.metadata.signing_name().to_owned();
    if let Some(url) = choice.url {
        let url = url.trim_end_matches('/').to_owned();
        let bucket_in_path = choice.bucket.is_some();
        return Endpoint { url, signing_name, signing_region, configured: true, bucket_in_path };
    }
    let virtual_host = choice.bucket.filter(|b| is_dns_label(b));
    let host = match service.id {
        "iam" => iam_host(region, choice.fips, choice.dual_stack),
        "s3" => s3_host(region, choice.fips, choice.dual_stack, virtual_host),
        _ => regional_host(service, region, choice.fips, choice.dual_stack),
    };
    Endpoint {
        url: format!("https://{host}"),
        signing_name,
        signing_region,
        configured: false,
        bucket_in_path: choice.bucket.is_some() && virtual_host.is_none(),
    }
}

/// Whether a bucket can be a label of a host name that `*.s3…` certificates cover: no dots.
fn is_dns_label(bucket: &str) -> bool {
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}

fn suffix_of(partition: &Partition, dual_stack: bool) -> &str {
    if dual_stack { &partition.dual_stack_dns_suffix } else { &partition.dns_suffix }
}

fn regional_host(service: &Service, region: &Region, fips: bool, dual_stack: bool) -> String {
    let partition = region.partition();
    let prefix: &str = &service.metadata.endpoint_prefix;
    let suffix = suffix_of(partition, dual_stack);
    let government = partition.id == "aws-us-gov";
    let prefix = match (fips, dual_stack, service.id) {
        (false, ..) => prefix.to_owned(),
        // The government regions' plain hosts are FIPS hosts for these.
        (true, false, "sts" | "logs" | "sqs" | "application-autoscaling" | "sagemaker-runtime") if government => {
            prefix.to_owned()
        }
        (true, false, "sagemaker") if government || partition.id == "aws" => "api-fips.sagemaker".to_owned(),
        (true, false, "sagemaker-runtime") if partition.id == "aws" => "runtime-fips.sagemaker".to_owned(),
        _ => format!("{prefix}-fips"),
    };
    format!("{prefix}.{region}.{suffix}")
}

fn s3_host(region: &Region, fips: bool, dual_stack: bool, bucket: Option<&str>) -> String {
    let service = if fips { "s3-fips" } else { "s3" };
    let dual_stack = if dual_stack { ".dualstack" } else { "" };
    let bucket = bucket.map(|b| format!("{b}.")).unwrap_or_default();
    format!("{bucket}{service}{dual_stack}.{region}.{}", region.partition().dns_suffix)
}

/// IAM is one service per partition and signs for one region of it.
fn iam_region(region: &Region) -> String {
    match region.partition().id.as_str() {
        "aws-cn" => "cn-north-1".to_owned(),
        _ => region.partition().implicit_global_region.clone(),
    }
}

fn iam_host(region: &Region, fips: bool, dual_stack: bool) -> String {
    let partition = region.partition();
    let suffix = suffix_of(partition, dual_stack);
    let name = if fips { "iam-fips" } else { "iam" };
    match (partition.id.as_str(), fips, dual_stack) {
        ("aws-us-gov", ..) => format!("iam.us-gov.{suffix}"),
        ("aws", _, true) => format!("{name}.global.{suffix}"),
        ("aws-cn" | "aws-eusc", false, true) => format!("iam.global.{suffix}"),
        ("aws", _, false) => format!("{name}.{suffix}"),
        (_, false, false) | ("aws-iso" | "aws-iso-b", true, false) => format!("{name}.{}.{suffix}", iam_region(region)),
        _ => format!("{name}.{suffix}"),
    }
}
