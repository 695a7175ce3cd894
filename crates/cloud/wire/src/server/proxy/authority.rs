//! The certificate authority of a data folder: for AWS's host names alone, and for the programs that are told of it.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use sagewright_model::host;
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use sagewright_cloud_core::identity::Secret;

/// A data folder is not used for longer, and clients take authorities of any age.
const LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// Clocks of containers may be a little behind.
const BACKDATED: SignedDuration = SignedDuration::from_hours(24);

/// Why there is no certificate authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its file or folder.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// What its file holds.
    #[error("{} does not hold a certificate authority ({why}): remove the file, and a new one is made", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Cause.
        why: String,
    },
}

/// A certificate and its key, and the token of the proxy, which is derived from the key.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    token: Secret,
}

/// Folder of what belongs to the proxy, inside the data folder.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("proxy")
}

impl Authority {
    /// The authority of a data folder; made on first use.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub fn open(data: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        match Self::load(data)? {
            Some(authority) => Ok(authority),
            None => {
                create(data, now)?;
                Self::load(data)?.ok_or_else(|| file_error(&path(data), ErrorKind::NotFound.into()))
            }
        }
    }

    /// The authority of a data folder, if it has been made.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn load(data: &Path) -> Result<Option<Self>, AuthorityError> {
        let path = path(data);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(file_error(&path, source)),
        };
        // A copied data folder may have lost its modes.
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(|e| file_error(&path, e))?;
        Self::parse(&text).map(Some).map_err(|why| AuthorityError::Broken { path, why })
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(text).map_err(|e| format!("its certificate: {e}"))?;
        let key = PrivateKeyDer::from_pem_slice(text).map_err(|e| format!("its key: {e}"))?;
        let key = KeyPair::try_from(key.secret_der()).map_err(|e| format!("its key: {e}"))?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.serialized_der()).map_err(|e| format!("its key's length: {e}"))?;
        mac.update(b"token of the proxy");
        let token = Secret::new(hex::encode(mac.finalize().into_bytes()));
        Ok(Self { pem: pem("CERTIFICATE", &certificate), certificate, issuer: Issuer::new(params(&key), key), token })
    }

    /// The certificate, as clients are told to trust it.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// What a client of the proxy has to know.
    #[must_use]
    pub fn token(&self) -> &Secret {
        &self.token
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

fn path(data: &Path) -> PathBuf {
    folder(data).join("authority.pem")
}

fn file_error(path: &Path, source: std::io::Error) -> AuthorityError {
    AuthorityError::File { path: path.to_owned(), source }
}

/// What is the same each time for one key.
fn params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let id = hex::encode(Sha256::digest(key.public_key_raw()));
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Sagewright embedded cloud {}", id.get(..16).unwrap_or_default()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Who gets hold of the key can play AWS, and nobody else.
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: host::suffixes().iter().map(|s| GeneralSubtree::DnsName((*s).to_owned())).collect(),
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
    });
    params
}

/// Sets how long a certificate is good for, in whole days.
pub(super) fn set_life(params: &mut CertificateParams, now: Timestamp, life: SignedDuration) {
    let day = |time: Timestamp| {
        let date = time.to_zoned(TimeZone::UTC).date();
        let part = |n: i8| u8::try_from(n).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    params.not_before = day(now.saturating_sub(BACKDATED).unwrap_or(now));
    params.not_after = day(now.saturating_add(life).unwrap_or(now));
}

/// Makes an authority, unless another process was first.
fn create(data: &Path, now: Timestamp) -> Result<(), AuthorityError> {
    let path = path(data);
    let made = |e: rcgen::Error| file_error(&path, std::io::Error::other(e));
    let key = KeyPair::generate().map_err(made)?;
    let mut params = params(&key);
    set_life(&mut params, now, LIFE);
    let text = params.self_signed(&key).map_err(made)?.pem() + &key.serialize_pem();
    publish(&path, text.as_bytes()).map_err(|e| file_error(&path, e))
}

/// Writes a file that only its owner can read, whole or not at all; one that is there stays as it is.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn publish(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let partial = folder.join(format!("{}.partial", uuid::Uuid::new_v4()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::hard_link(&partial, path)
    })();
    let _ = fs::remove_file(&partial);
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// PEM of DER.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_made_once_and_for_its_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        assert!(Authority::load(data.path()).unwrap().is_none());
        let now = Timestamp::now();
        // Several programs may start at the same moment.
        let made: Vec<_> = std::thread::scope(|scope| {
            let open = || Authority::open(data.path(), now).map(|a| (a.pem.clone(), a.token.reveal().to_owned()));
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|t| t.join().unwrap().unwrap()).collect()
        });
        assert!(made.iter().all(|one| one == &made[0]));
        assert_eq!(made[0].1.len(), 64);
        let files: Vec<_> = fs::read_dir(folder(data.path())).unwrap().map(|f| f.unwrap()).collect();
        assert_eq!(files.len(), 1, "nothing is left over");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder(data.path())).unwrap().permissions().mode() & 0o777, 0o700);
        // A copy that others can read is closed again.
        fs::set_permissions(files[0].path(), Permissions::from_mode(0o644)).unwrap();
        Authority::load(data.path()).unwrap();
        assert_eq!(fs::metadata(files[0].path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_something_else_is_named_and_left_alone() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(folder(data.path())).unwrap();
        for content in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            fs::write(path(data.path()), content).unwrap();
            let error = Authority::open(data.path(), Timestamp::now()).err().unwrap().to_string();
            assert!(error.contains("authority.pem does not hold a certificate authority"), "{error}");
            assert!(error.contains("remove the file"), "{error}");
            assert_eq!(fs::read_to_string(path(data.path())).unwrap(), content);
        }
    }
}
