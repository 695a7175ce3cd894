//! Files of certificate authorities that a program is told to trust.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use sagewright_cloud::server::proxy;
use sha2::{Digest as _, Sha256};

/// Variables by which clients are told of other authorities than the system's.
pub(crate) const VARIABLES: [&str; 4] = ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];

/// The authorities of the system and of these files and folders, as PEM, each once.
pub(crate) fn gather(named: &[PathBuf]) -> Vec<String> {
    let system = load_native_certs().certs.iter().map(|der| proxy::pem("CERTIFICATE", der)).collect();
    once([system, read(named)].concat())
}

/// The authorities of these files and folders, as PEM.
pub(crate) fn read(named: &[PathBuf]) -> Vec<String> {
    let mut all = Vec::new();
    for path in named {
        let (file, folder) = if path.is_dir() { (None, Some(path.as_path())) } else { (Some(path.as_path()), None) };
        let found = load_certs_from_paths(file, folder).certs;
        all.extend(found.iter().map(|der| proxy::pem("CERTIFICATE", der)));
    }
    once(all)
}

fn once(mut all: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    all.retain(|one| seen.insert(one.clone()));
    all
}

/// A file with these authorities, named by what it holds: programs that run keep theirs when the system's change.
pub(crate) fn file(data: &Path, authorities: &[String]) -> anyhow::Result<PathBuf> {
    let text = authorities.concat();
    let digest = hex::encode(Sha256::digest(&text));
    let path = proxy::folder(data).join(format!("trusted-{}.pem", digest.get(..16).unwrap_or(&digest)));
    proxy::publish(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
