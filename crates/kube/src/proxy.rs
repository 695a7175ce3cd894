//! The proxy on the way to the cluster, chosen as Go's clients do.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::Config;

/// Sets the proxy on the way to the cluster: that of the kubeconfig, else that of the environment unless `NO_PROXY` names the
/// cluster's host.
///
/// The client library would compare `NO_PROXY` with the proxy's own host, and would take no proxy in a pod.
pub(crate) fn choose(config: &mut Config) {
    let variable = |name: &str| std::env::var(name).ok();
    config.proxy_url = chosen(config.proxy_url.take(), &config.cluster_url, variable);
}

fn chosen(configured: Option<Uri>, cluster: &Uri, variable: impl Fn(&str) -> Option<String>) -> Option<Uri> {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let names: &[&str] = match cluster.scheme_str() {
        Some("http") => &["HTTP_PROXY", "http_proxy"],
        _ => &["HTTPS_PROXY", "https_proxy"],
    };
    let parse = |url: String| if url.contains("://") { url } else { format!("http://{url}") }.parse::<Uri>().ok();
    let ambient = first(names).and_then(parse);
    // The library takes this one for every cluster.
    let secure = first(&["HTTPS_PROXY", "https_proxy"]).and_then(parse);
    if configured.is_some() && configured != secure {
        return configured;
    }
    let no = first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let is_all = no.split(',').any(|entry| entry.trim() == "*");
    let matcher = Matcher::builder().all("http://proxy").no(no).build();
    ambient.filter(|_| !is_all && matcher.intercept(cluster).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clusters_host_says_whether_there_is_a_proxy() {
        let cluster = "https://10.0.0.1:443";
        for (configured, cluster, variables, proxy) in [
            ("", cluster, [("HTTPS_PROXY", "http://me:pw@proxy:3128"), ("NO_PROXY", "")], "http://me:pw@proxy:3128"),
            ("", cluster, [("https_proxy", "proxy:3128"), ("no_proxy", "proxy")], "http://proxy:3128"),
            ("", cluster, [("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "10.0.0.1,.local")], ""),
            ("", cluster, [("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "10.0.0.0/8")], ""),
            ("", cluster, [("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "*")], ""),
            ("", "https://api.eks.local", [("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", ".eks.local")], ""),
            ("", "http://10.0.0.1", [("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "")], ""),
            ("", "http://10.0.0.1", [("HTTP_PROXY", "http://plain"), ("NO_PROXY", "")], "http://plain"),
            // What the library took of the environment, and what the kubeconfig says.
            ("http://proxy", cluster, [("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "10.0.0.1")], ""),
            ("http://own", cluster, [("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "10.0.0.1")], "http://own"),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            let configured = Some(configured).filter(|url| !url.is_empty()).map(|url| url.parse().unwrap());
            let found = chosen(configured, &cluster.parse().unwrap(), variable);
            let expected = Some(proxy).filter(|url| !url.is_empty()).map(|url| url.parse::<Uri>().unwrap());
            assert_eq!(found, expected, "{cluster} {variables:?}");
        }
    }
}
