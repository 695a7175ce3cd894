//! The environment of a program for which AWS is the embedded cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sagewright_cloud::clock::{SystemWall, Wall as _};
use sagewright_cloud::server::proxy::{self, Authority};
use sagewright_model::{Region, host};

use super::credentials::{execution_session, up};
use super::{REGION, bundle};
use crate::exit::{Exit, Failure};

/// What a program's environment differs in from this process's.
#[derive(Debug, Default)]
pub(crate) struct Child {
    /// Variables to set.
    pub(crate) set: BTreeMap<String, String>,
    /// Variables to take away.
    pub(crate) removed: BTreeSet<String>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// Variables that would lead to other credentials, or change how AWS's addresses are found.
const REMOVED: &[&str] = &[
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECURITY_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The SageMaker SDK would report its use.
const SDK_CONFIG: &str =
    "SchemaVersion: \"1.0\"\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n";

/// Variables of this process, as text.
type Parent = BTreeMap<String, String>;

/// The environment of a program that works in an account of the embedded cloud that is up on this data folder.
pub(crate) async fn prepare(data: &Path, account: &str, region: Option<&str>) -> anyhow::Result<Child> {
    let parent: Parent =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    let server = up(data)?;
    let address = reachable(&server.endpoint)?;
    let region = match region {
        Some(text) => text.parse::<Region>().map_err(|e| Failure::new(Exit::Usage, e.to_string()))?.to_string(),
        None => REGION.to_owned(),
    };
    let authority = Authority::open(data, SystemWall.now()).context("cannot make the certificate authority")?;
    let behind = Behind::of(&parent, &authority)?;
    let (key, session) = execution_session(data, account).await?;
    let mut child = Child::default();
    child.removed.extend(REMOVED.iter().map(|name| (*name).to_owned()));
    child.removed.extend(parent.keys().filter(|name| name.starts_with("AWS_ENDPOINT_URL_")).cloned());
    child.all(&["AWS_ENDPOINT_URL"], &format!("http://{address}"));
    child.all(&["AWS_REGION", "AWS_DEFAULT_REGION"], &region);
    child.all(&["AWS_ACCESS_KEY_ID"], &key);
    child.all(&["AWS_SECRET_ACCESS_KEY"], session.secret.reveal());
    let token = session.session.as_ref().map_or("", |session| session.token.reveal());
    child.all(&["AWS_SESSION_TOKEN"], token);
    // A machine in AWS would offer its own.
    child.all(&["AWS_EC2_METADATA_DISABLED"], "true");
    child.all(&["SAGEWRIGHT_DATA"], &data.to_string_lossy());
    child.all(&["HTTPS_PROXY", "https_proxy"], &proxy::url(address, &authority, behind.https.as_deref()));
    child.all(&["HTTP_PROXY", "http_proxy"], &proxy::url(address, &authority, behind.http.as_deref()));
    child.all(&["NO_PROXY", "no_proxy"], &behind.straight);
    child.trust(data, &parent, &authority)?;
    child.opt_out(data, &parent)?;
    Ok(child)
}

impl Child {
    fn all(&mut self, names: &[&str], value: &str) {
        self.set.extend(names.iter().map(|name| ((*name).to_owned(), value.to_owned())));
    }

    /// The data folder's authority beside those that are trusted already: most variables stand in for the system's.
    fn trust(&mut self, data: &Path, parent: &Parent, authority: &Authority) -> anyhow::Result<()> {
        let named = |name: &str| parent.get(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let mut authorities = bundle::gather(&bundle::VARIABLES.iter().filter_map(|v| named(v)).collect::<Vec<_>>());
        if authorities.is_empty() {
            let note =
                "no certificate authorities were found on this system: the program will trust AWS's host names only";
            self.notes.push(note.to_owned());
        }
        let own = authority.certificate_pem().to_owned();
        authorities.retain(|other| *other != own);
        authorities.push(own.clone());
        let path = bundle::file(data, &authorities)?;
        self.all(&bundle::VARIABLES, &path.to_string_lossy());
        // Node keeps its own authorities, and takes these in addition.
        let extra = if named("NODE_EXTRA_CA_CERTS").is_some() {
            let mut extra = bundle::read(&named("NODE_EXTRA_CA_CERTS").into_iter().collect::<Vec<_>>());
            extra.retain(|other| *other != own);
            extra.push(own);
            bundle::file(data, &extra)?
        } else {
            bundle::file(data, &[own])?
        };
        self.all(&["NODE_EXTRA_CA_CERTS"], &extra.to_string_lossy());
        Ok(())
    }

    /// Turns the SageMaker SDK's reports off in that of its two configuration files that the user does not have. Where
    /// both are there they stay as they are: the reports go to a host of AWS's, and so no further than the proxy.
    fn opt_out(&mut self, data: &Path, parent: &Parent) -> anyhow::Result<()> {
        let files = [("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", sdk_site()), ("SAGEMAKER_USER_CONFIG_OVERRIDE", sdk_user())];
        let free = files.iter().find(|(variable, file)| !parent.contains_key(*variable) && !file.exists());
        if let Some((variable, _)) = free {
            let path = proxy::folder(data).join("sagemaker-sdk.yaml");
            proxy::publish(&path, SDK_CONFIG.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            self.all(&[variable], &path.to_string_lossy());
        }
        Ok(())
    }
}

/// Where this machine reaches the embedded cloud; the proxy serves loopback alone.
fn reachable(endpoint: &str) -> Result<SocketAddr, Failure> {
    let address: Option<SocketAddr> =
        endpoint.strip_prefix("http://").and_then(|at| at.trim_end_matches('/').parse().ok());
    let ip = address.map(|address| match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    });
    match (ip, address) {
        (Some(ip), Some(address)) if ip.is_loopback() => Ok(SocketAddr::new(ip, address.port())),
        _ => {
            let message =
                format!("the embedded cloud is up at {endpoint}, and its proxy serves loopback addresses only");
            Err(Failure::new(Exit::Failed, message).help("start it with --listen 127.0.0.1:4599"))
        }
    }
}

/// The proxies that the program would use without the embedded cloud.
#[derive(Debug, Default, PartialEq)]
struct Behind {
    https: Option<String>,
    http: Option<String>,
    /// Hosts that need none.
    straight: String,
}

impl Behind {
    fn of(parent: &Parent, authority: &Authority) -> Result<Self, Failure> {
        let first = |names: &[&str]| names.iter().find_map(|name| parent.get(*name).filter(|value| !value.is_empty()));
        let listed = first(&["NO_PROXY", "no_proxy"]).map_or("", String::as_str);
        let entries: Vec<&str> = listed.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        let none = entries.contains(&"*");
        let find = |names: &[&str]| -> Result<Option<String>, Failure> {
            let Some(url) = first(names).filter(|_| !none) else { return Ok(None) };
            let url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
            let Some(url) = proxy::behind(&url, authority) else { return Ok(None) };
            if proxy::can_pass_on_to(&url) {
                return Ok(Some(url));
            }
            // The URL may hold a password.
            let scheme = url.split("://").next().unwrap_or_default().to_owned();
            let name = names.iter().find(|name| parent.contains_key(**name)).copied().unwrap_or_default();
            Err(Failure::new(
                Exit::Failed,
                format!("{name} names a proxy by {scheme}://, and only http:// is supported"),
            )
            .help(format!("leave it out for this command: env -u {name} sagewright local exec …")))
        };
        let https = find(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])?;
        let http = find(&["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])?;
        let mut straight: Vec<&str> = entries.into_iter().filter(|entry| *entry != "*" && !covers_aws(entry)).collect();
        for own in ["127.0.0.1", "localhost", "::1"] {
            if !straight.contains(&own) {
                straight.push(own);
            }
        }
        Ok(Self { https, http, straight: straight.join(",") })
    }
}

/// Whether an entry of `NO_PROXY` would let calls to AWS go past the embedded cloud.
fn covers_aws(entry: &str) -> bool {
    let name = entry.rsplit_once(':').map_or(entry, |(name, _)| name);
    let name = name.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
    let parent_of = |suffix: &str| suffix.strip_suffix(name.as_str()).is_some_and(|head| head.ends_with('.'));
    host::is_aws(&name) || host::suffixes().iter().any(|suffix| parent_of(suffix))
}

/// Where the SDK looks for the machine's configuration, as Python's `platformdirs` has it.
fn sdk_site() -> PathBuf {
    if cfg!(target_os = "macos") {
        return PathBuf::from("/Library/Application Support/sagemaker/config.yaml");
    }
    let folders = std::env::var("XDG_CONFIG_DIRS").unwrap_or_default();
    let first = folders.split(':').next().filter(|folder| !folder.trim().is_empty()).unwrap_or("/etc/xdg");
    Path::new(first).join("sagemaker/config.yaml")
}

/// Where the SDK looks for the user's configuration.
fn sdk_user() -> PathBuf {
    let home = std::env::home_dir().unwrap_or_default();
    if cfg!(target_os = "macos") {
        return home.join("Library/Application Support/sagemaker/config.yaml");
    }
    let folder = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty());
    folder.map_or_else(|| home.join(".config"), PathBuf::from).join("sagemaker/config.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(variables: &[(&str, &str)]) -> Result<Behind, Failure> {
        let data = tempfile::tempdir().unwrap();
        let authority = Authority::open(data.path(), SystemWall.now()).unwrap();
        Behind::of(&variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), &authority)
    }

    #[test]
    fn the_proxies_of_the_environment_stay_behind_the_clouds() {
        let own = "127.0.0.1,localhost,::1";
        let found = |https: Option<&str>, http: Option<&str>, straight: &str| Behind {
            https: https.map(str::to_owned),
            http: http.map(str::to_owned),
            straight: straight.to_owned(),
        };
        assert_eq!(behind(&[]).unwrap(), found(None, None, own));
        let variables = [
            ("HTTPS_PROXY", "http://a:1"),
            ("http_proxy", "b:2"),
            ("NO_PROXY", ".internal, *.amazonaws.com,sts.us-east-1.amazonaws.com:443,aws,10.0.0.0/8,localhost"),
        ];
        let wanted = found(Some("http://a:1"), Some("http://b:2"), ".internal,10.0.0.0/8,localhost,127.0.0.1,::1");
        assert_eq!(behind(&variables).unwrap(), wanted);
        let all = [("ALL_PROXY", "http://c:3")];
        assert_eq!(behind(&all).unwrap(), found(Some("http://c:3"), Some("http://c:3"), own));
        let none = [("HTTPS_PROXY", "http://a:1"), ("no_proxy", "*")];
        assert_eq!(behind(&none).unwrap(), found(None, None, own));
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused_without_its_password() {
        let error = behind(&[("ALL_PROXY", "socks5://me:secret@h:1080")]).unwrap_err();
        assert_eq!(error.message, "ALL_PROXY names a proxy by socks5://, and only http:// is supported");
        assert!(error.help.unwrap().contains("env -u ALL_PROXY"));
    }

    #[test]
    fn the_proxy_is_reached_by_loopback_alone() {
        for (endpoint, wanted) in [
            ("http://127.0.0.1:4599", Some("127.0.0.1:4599")),
            ("http://0.0.0.0:1", Some("127.0.0.1:1")),
            ("http://[::]:1", Some("[::1]:1")),
            ("http://192.0.2.1:1", None),
            ("nonsense", None),
        ] {
            assert_eq!(reachable(endpoint).ok().map(|a| a.to_string()).as_deref(), wanted, "{endpoint}");
        }
    }
}
