//! The HTTP clients: rustls with ring, proxies of the environment, certificates loaded on first use.

use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine as _;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::endpoint::Endpoint;

/// One client for TLS and one without: a local endpoint needs no certificates, and loading them takes time.
#[derive(Debug, Clone)]
pub(crate) struct HttpClients {
    https: SharedHttpClient,
    http: SharedHttpClient,
    trust: Arc<Trust>,
}

/// The certificates of `AWS_CA_BUNDLE`, read once, on first use.
#[derive(Debug, Default)]
struct Trust {
    bundle: Option<String>,
    certificates: OnceLock<Result<String, String>>,
}

impl Trust {
    /// The certificates of the bundle as PEM, or what is wrong with it. `None` without a bundle.
    fn certificates(&self) -> Option<Result<&str, &str>> {
        let path = self.bundle.as_ref()?;
        let read = self.certificates.get_or_init(|| match std::fs::read(path) {
            Ok(bytes) => Some(usable_certificates(&bytes))
                .filter(|pem| !pem.is_empty())
                .ok_or_else(|| "it holds no usable certificate in PEM".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        Some(read.as_deref().map_err(String::as_str))
    }

    /// The system's certificates, or those of the bundle instead; a bundle that cannot be used trusts nobody.
    fn context(&self) -> TlsContext {
        let Some(certificates) = self.certificates() else { return TlsContext::default() };
        let store =
            certificates.map_or_else(|_| TrustStore::empty(), |pem| TrustStore::empty().with_pem_certificate(pem));
        TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
    }
}

impl HttpClients {
    /// Clients of the real network.
    pub(crate) fn new(ca_bundle: Option<String>) -> Self {
        let trust = Arc::new(Trust { bundle: ca_bundle, ..Trust::default() });
        let trusted = Arc::clone(&trust);
        let https = Builder::new().build_with_connector_fn(move |settings, components| {
            configured(settings, components)
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                .tls_context(trusted.context())
                .build()
        });
        let http = Builder::new().build_with_connector_fn(|settings, components| -> Connector {
            configured(settings, components).build_http()
        });
        Self { https, http, trust }
    }

    /// The same client for everything, for tests.
    pub(crate) fn fixed(client: SharedHttpClient) -> Self {
        Self { https: client.clone(), http: client, trust: Arc::default() }
    }

    /// The client with TLS.
    pub(crate) fn https(&self) -> SharedHttpClient {
        self.https.clone()
    }

    /// The client without TLS and proxies.
    pub(crate) fn direct(&self) -> SharedHttpClient {
        self.http.clone()
    }

    /// What is wrong with the certificates that an endpoint would be trusted by.
    pub(crate) fn distrust(&self, endpoint: &Endpoint) -> Option<String> {
        let why = if endpoint.is_tls() { self.trust.certificates()?.err()? } else { return None };
        let path = self.trust.bundle.as_deref().unwrap_or_default();
        Some(format!("AWS_CA_BUNDLE names `{path}`: {why}; correct it, or unset it to trust the system's certificates"))
    }

    /// The client for an endpoint.
    pub(crate) fn of(&self, endpoint: &Endpoint) -> SharedHttpClient {
        if endpoint.is_tls() { self.https.clone() } else { self.http.clone() }
    }
}

fn configured(settings: Option<&HttpConnectorSettings>, components: Option<&RuntimeComponents>) -> ConnectorBuilder {
    let mut builder = Connector::builder().enable_tcp_nodelay(true);
    builder.set_connector_settings(settings.cloned());
    if let Some(components) = components {
        builder.set_sleep_impl(components.sleep_impl());
    }
    builder
}

/// The certificates that the TLS library takes, as PEM. It would panic on the others.
fn usable_certificates(pem: &[u8]) -> String {
    let mut store = RootCertStore::empty();
    let mut usable = String::new();
    for certificate in CertificateDer::pem_slice_iter(pem).flatten() {
        let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
        if store.add(certificate).is_ok() {
            usable.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in text.as_bytes().chunks(64) {
                usable.push_str(&String::from_utf8_lossy(line));
                usable.push('\n');
            }
            usable.push_str("-----END CERTIFICATE-----\n");
        }
    }
    usable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_left_out() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "not PEM", broken, "-----BEGIN CERTIFICATE-----\n?"] {
            assert_eq!(usable_certificates(text.as_bytes()), "", "{text}");
        }
    }
}
