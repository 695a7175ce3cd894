//! Certificates of AWS's host names, made when a client first asks for one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::authority::{Authority, set_life};

/// Clients refuse certificates that are good for more than about a year.
const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A certificate in use is made anew after this long.
const RENEWED: SignedDuration = SignedDuration::from_hours(15 * 24);
/// Host names whose certificates are kept; buckets' names are as many as clients make up.
const KEPT: usize = 1024;

/// A certificate could not be made.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// TLS settings by host name. All certificates have one key, which lives as long as the process.
pub(super) struct Hosts {
    authority: Arc<Authority>,
    key: KeyPair,
    made: Mutex<HashMap<String, (Timestamp, Arc<ServerConfig>)>>,
}

impl Hosts {
    pub(super) fn new(authority: Arc<Authority>) -> Result<Self, Error> {
        Ok(Self { authority, key: KeyPair::generate()?, made: Mutex::default() })
    }

    /// TLS settings with a certificate for a host name, which must be in lower case.
    pub(super) fn settings(&self, host: &str, now: Timestamp) -> Result<Arc<ServerConfig>, Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, settings)) = made.get(host)
            && now.duration_since(*at) < RENEWED
        {
            return Ok(Arc::clone(settings));
        }
        if made.len() >= KEPT {
            made.clear();
        }
        let settings = Arc::new(self.make(host, now)?);
        made.insert(host.to_owned(), (now, Arc::clone(&settings)));
        Ok(settings)
    }

    fn make(&self, host: &str, now: Timestamp) -> Result<ServerConfig, Error> {
        let certificate = self.certificate(host, now)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let chain = vec![certificate, self.authority.certificate().clone()];
        let mut settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        settings.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(settings)
    }

    fn certificate(&self, host: &str, now: Timestamp) -> Result<CertificateDer<'static>, Error> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Sagewright embedded cloud");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Strict clients want it, and no two certificates of one authority with one number.
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(uuid::Uuid::new_v4().as_bytes()[..].to_vec().into());
        set_life(&mut params, now, LIFE);
        Ok(params.signed_by(&self.key, self.authority.issuer())?.der().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_take_the_certificates_of_awss_hosts_and_of_no_others() {
        use tokio_rustls::rustls::RootCertStore;
        use tokio_rustls::rustls::client::WebPkiServerVerifier;
        use tokio_rustls::rustls::client::danger::ServerCertVerifier as _;
        use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
        let data = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let hosts = Hosts::new(Arc::new(Authority::open(data.path(), now).unwrap())).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(hosts.authority.certificate().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        for (host, good) in [
            ("sts.amazonaws.com", true),
            ("my.data.s3.eu-west-1.amazonaws.com", true),
            ("api.sagemaker.cn-north-1.amazonaws.com.cn", true),
            ("sts.us-east-1.api.aws", true),
            ("example.com", false),
            ("aws", false),
            ("127.0.0.1", false),
        ] {
            let leaf = hosts.certificate(host, now).unwrap();
            let name = ServerName::try_from(host).unwrap();
            let judged = verifier.verify_server_cert(&leaf, &[], &name, &[], UnixTime::now());
            assert_eq!(judged.is_ok(), good, "{host}: {judged:?}");
        }
    }

    #[test]
    fn a_certificate_is_kept_until_half_its_life_is_over_and_their_number_is_bounded() {
        let data = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let hosts = Hosts::new(Arc::new(Authority::open(data.path(), now).unwrap())).unwrap();
        let settings = |after: SignedDuration| hosts.settings("sts.amazonaws.com", now + after).unwrap();
        let first = settings(SignedDuration::ZERO);
        assert!(Arc::ptr_eq(&first, &settings(RENEWED - SignedDuration::from_secs(1))));
        assert!(!Arc::ptr_eq(&first, &settings(RENEWED)));
        for i in 0..2 * KEPT {
            hosts.settings(&format!("b{i}.s3.amazonaws.com"), now).unwrap();
        }
        assert!(hosts.made.lock().unwrap().len() <= KEPT);
    }
}
