//! Who may talk to the embedded cloud at all: programs that know whom they call, and no web page.
//!
//! A page that a browser shows can send requests to this machine's ports. What tells them from a program's:
//!
//! 1. **`Origin`** is on whatever a page's script sends, and on its forms. No AWS client outside a browser sends it, and the
//!    embedded cloud gives no page leave (it answers no preflight), so it is refused whatever it says.
//! 2. **`Sec-Fetch-Site`** is on what a page loads without an `Origin` (images, scripts, frames). Only a navigation goes
//!    through: a presigned URL may be opened from a link, and is judged by its signature. A URL that a user types or that a
//!    download tool fetches says `none`, or nothing.
//! 3. **`Host`** names whom the sender believes to call. A page can have its own name point to this machine (DNS rebinding),
//!    and is then of the same origin: rules 1 and 2 do not see it. Names that no stranger can point here are the cloud's own:
//!    loopback and listen addresses, `localhost` and all below it, AWS's names, those that container engines give to their
//!    host, and what `--host` adds.

use std::net::{IpAddr, SocketAddr};

use http::request::Parts;
use http::{HeaderMap, HeaderValue};

/// How containers call the machine that they run on.
const ENGINES: &[&str] = &["host.docker.internal", "host.containers.internal", "gateway.docker.internal"];

/// Names and addresses by which the embedded cloud is called.
#[derive(Debug, Clone)]
pub struct Guard {
    listen: IpAddr,
    /// Lower-case.
    names: Vec<String>,
}

impl Guard {
    /// Of a cloud that listens there, and is called by further names.
    #[must_use]
    pub fn new(listen: SocketAddr, names: &[String]) -> Self {
        Self { listen: listen.ip(), names: names.iter().map(|name| plain(name)).collect() }
    }

    /// Why a request is not answered, with what to do.
    pub(super) fn refusal(&self, parts: &Parts) -> Option<String> {
        let header = |name| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        if let Some(origin) = header("origin") {
            return Some(format!(
                "The embedded cloud takes no requests of web pages (this one has the header Origin: {origin}); call it from a \
                 program outside the browser"
            ));
        }
        let site = header("sec-fetch-site");
        if site.is_some_and(|site| !matches!(&*site, "none" | "same-origin"))
            && header("sec-fetch-mode").is_none_or(|mode| mode != "navigate")
        {
            return Some(
                "The embedded cloud takes no requests of web pages; open the address itself, or call it from a program"
                    .to_owned(),
            );
        }
        let foreign = hosts(&parts.headers).chain(parts.uri.host().map(Into::into)).find(|host| !self.owns(host))?;
        Some(format!(
            "'{foreign}' is not a name of the embedded cloud; call it as localhost or by its address, or start it with \
             `sagewright local up --host {}`",
            plain(&foreign)
        ))
    }

    fn owns(&self, host: &str) -> bool {
        let host = plain(host);
        if let Ok(address) = host.parse::<IpAddr>() {
            return address.is_loopback() || self.listen.is_unspecified() || address == self.listen;
        }
        let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        below("localhost")
            // Programs with an AWS host name in them reach the embedded cloud through its proxy or `/etc/hosts`.
            || sagewright_model::host::is_aws(&host)
            || ENGINES.contains(&&*host)
            || self.names.iter().any(|name| below(name))
    }
}

fn hosts(headers: &HeaderMap<HeaderValue>) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    headers.get_all("host").iter().map(|value| String::from_utf8_lossy(value.as_bytes()))
}

/// A host without port, brackets and final dot, in lower case.
fn plain(host: &str) -> String {
    let host = match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(listen: &str, uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let guard = Guard::new(listen.parse().unwrap(), &["Build.Example".to_owned()]);
        guard.refusal(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn hosts_that_no_stranger_can_point_here_are_own() {
        let (loopback, all, one) = ("127.0.0.1:4599", "0.0.0.0:4599", "192.0.2.7:4599");
        for (listen, host, own) in [
            (loopback, "127.0.0.1:4599", true),
            (loopback, "127.9.9.9", true),
            (loopback, "[::1]:4599", true),
            (loopback, "localhost", true),
            (loopback, "LOCALHOST.:4599", true),
            (loopback, "bucket.localhost:4599", true),
            (loopback, "my.bucket.s3.localhost:4599", true),
            (loopback, "sts.us-east-1.amazonaws.com", true),
            (loopback, "bucket.s3.cn-north-1.amazonaws.com.cn", true),
            (loopback, "sagemaker.us-east-1.api.aws", true),
            (loopback, "host.docker.internal:4599", true),
            (loopback, "build.example:4599", true),
            (loopback, "bucket.build.example:4599", true),
            (loopback, "notbuild.example", false),
            (loopback, "evil.example:4599", false),
            (loopback, "localhost.evil.example", false),
            (loopback, "notlocalhost", false),
            (loopback, "amazonaws.com.evil.example", false),
            (loopback, "notamazonaws.com", false),
            (loopback, "127.0.0.1.evil.example", false),
            (loopback, "192.0.2.7:4599", false),
            (loopback, "", false),
            (one, "192.0.2.7:4599", true),
            (one, "192.0.2.8:4599", false),
            (one, "127.0.0.1:4599", true),
            (all, "192.0.2.8:4599", true),
            (all, "evil.example", false),
        ] {
            let refusal = refused(listen, "/", &[("host", host)]);
            assert_eq!(refusal.is_none(), own, "{listen} {host}: {refusal:?}");
        }
        assert_eq!(refused(loopback, "/", &[]), None, "no browser leaves it out");
        assert!(refused(loopback, "http://evil.example/", &[("host", "localhost")]).is_some());
        assert!(refused(loopback, "/", &[("host", "localhost"), ("host", "evil.example")]).is_some());
        let text = refused(loopback, "/", &[("host", "evil.example:1")]).unwrap();
        assert!(text.contains("local up --host evil.example"), "{text}");
    }

    #[test]
    fn pages_are_told_from_programs_and_from_addresses_that_are_opened() {
        let host = ("host", "localhost:4599");
        for (headers, passes) in [
            (&[host][..], true),
            (&[host, ("origin", "http://evil.example")], false),
            (&[host, ("origin", "null")], false),
            (&[host, ("origin", "http://localhost:4599")], false),
            (&[host, ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], true),
            (&[host, ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "no-cors")], true),
            (&[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], true),
            (&[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], false),
            (&[host, ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")], false),
            (&[host, ("sec-fetch-site", "cross-site")], false),
        ] {
            let refusal = refused("127.0.0.1:1", "/bucket/key?X-Amz-Signature=00", headers);
            assert_eq!(refusal.is_none(), passes, "{headers:?}: {refusal:?}");
        }
    }
}
