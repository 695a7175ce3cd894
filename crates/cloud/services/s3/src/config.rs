//! Settings, and how a `Host` header names a bucket.

use s3s::host::{S3Host, VirtualHost};
use s3s::{S3Result, s3_error};

/// Settings of the S3 front.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// Base domains of virtual-host addressing: `<bucket>.<domain>` names a bucket, the bare
    /// domain means path style. A domain without a port stands for every port. Hosts under none
    /// of them, addresses included, are path style.
    pub domains: Vec<String>,
}

impl Default for S3Config {
    fn default() -> Self {
        Self { domains: vec!["localhost".to_owned(), "s3.localhost".to_owned()] }
    }
}

/// The base domains, longest first so that `s3.localhost` is not taken for a bucket of `localhost`.
pub(crate) struct Domains(Vec<String>);

impl Domains {
    pub(crate) fn new(config: &S3Config) -> Self {
        let mut domains: Vec<String> = config
            .domains
            .iter()
            .map(|domain| domain.trim_matches('.').to_ascii_lowercase())
            .filter(|domain| !domain.is_empty())
            .collect();
        domains.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        Self(domains)
    }

    /// The bucket that a host names, if it names one.
    fn bucket<'h>(&self, host: &'h str) -> Option<&'h str> {
        // AWS's own host names arrive through the proxy.
        if let Some(aws) = sagewright_model::host::parse(without_port(host)) {
            return aws.bucket;
        }
        for domain in &self.0 {
            // Compare with the port only where the domain was given with one.
            let host = if domain.contains(':') { host } else { without_port(host) };
            if host.eq_ignore_ascii_case(domain) {
                return None;
            }
            let Some(split) = host.len().checked_sub(domain.len()) else {
                continue;
            };
            let (Some(head), Some(tail)) = (host.get(..split), host.get(split..)) else {
                continue;
            };
            if let Some(bucket) = head.strip_suffix('.')
                && tail.eq_ignore_ascii_case(domain)
                && !bucket.is_empty()
            {
                return Some(bucket);
            }
        }
        None
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        if host.is_empty() {
            return Err(s3_error!(InvalidRequest, "The Host header is empty."));
        }
        let virtual_host = VirtualHost::new(host);
        Ok(match self.bucket(host) {
            Some(bucket) => virtual_host.with_bucket(bucket),
            None => virtual_host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets_only_under_a_base_domain() {
        let domains = Domains::new(&S3Config {
            domains: ["localhost", "s3.localhost", "cloud.test:4599"].map(str::to_owned).to_vec(),
        });
        for (host, bucket) in [
            ("localhost", None),
            ("localhost:4599", None),
            ("s3.localhost:4599", None),
            ("data.s3.localhost:4599", Some("data")),
            ("data.localhost:1", Some("data")),
            ("my.data.s3.localhost", Some("my.data")),
            ("data.S3.LocalHost", Some("data")),
            ("data.cloud.test:4599", Some("data")),
            ("data.cloud.test:9", None),
            ("notlocalhost", None),
            ("host.docker.internal:4599", None),
            ("127.0.0.1:4599", None),
            ("[::1]:4599", None),
            ("data.s3.us-east-1.amazonaws.com", Some("data")),
            ("my.data.s3-eu-west-1.amazonaws.com:443", Some("my.data")),
            ("s3.us-east-1.amazonaws.com", None),
            ("sts.amazonaws.com", None),
        ] {
            assert_eq!(domains.bucket(host), bucket, "{host}");
        }
    }
}
