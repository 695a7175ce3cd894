//! The HTTP clients: rustls with ring, proxies of the environment, certificates loaded on first use.

use std::sync::Arc;

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
}

impl HttpClients {
    /// Clients of the real network.
    pub(crate) fn new(ca_bundle: Option<String>) -> Self {
        let bundle: Option<Arc<str>> = ca_bundle.map(Arc::from);
        let https = Builder::new().build_with_connector_fn(move |settings, components| {
            configured(settings, components)
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                .tls_context(context(bundle.as_deref()))
                .build()
        });
        let http = Builder::new().build_with_connector_fn(|settings, components| -> Connector {
            configured(settings, components).build_http()
        });
        Self { https, http }
    }

    /// The same client for everything, for tests.
    pub(crate) fn fixed(client: SharedHttpClient) -> Self {
        Self { https: client.clone(), http: client }
    }

    /// The client with TLS.
    pub(crate) fn https(&self) -> SharedHttpClient {
        self.https.clone()
    }

    /// The client without TLS and proxies.
    pub(crate) fn direct(&self) -> SharedHttpClient {
        self.http.clone()
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

/// The system's certificates, or those of `AWS_CA_BUNDLE` instead.
fn context(bundle: Option<&str>) -> TlsContext {
    let Some(path) = bundle else { return TlsContext::default() };
    let pem = match std::fs::read(path) {
        Ok(bytes) => usable_certificates(&bytes),
        Err(error) => {
            tracing::warn!(path, %error, "AWS_CA_BUNDLE cannot be read: the system's certificates are used");
            return TlsContext::default();
        }
    };
    if pem.is_empty() {
        tracing::warn!(path, "AWS_CA_BUNDLE holds no usable certificate: the system's certificates are used");
        return TlsContext::default();
    }
    let store = TrustStore::empty().with_pem_certificate(pem);
    TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
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
