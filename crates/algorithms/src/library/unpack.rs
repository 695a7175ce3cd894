//! Checks the package's hash and takes the library out of it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::InstallError;
use super::package::Package;

/// Unpacks the library and what it brings along into `target`, at the same relative places, so
/// that its rpath still finds them.
pub(super) fn unpack(package: &Package, wheel: &Path, target: &Path) -> Result<(), InstallError> {
    check_hash(package, wheel)?;
    let bad = |detail: String| InstallError::BadPackage { requirement: package.requirement(), detail };
    let file = File::open(wheel).map_err(|error| InstallError::from_io(wheel, error))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| bad(error.to_string()))?;
    let mut found = false;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| bad(error.to_string()))?;
        let name = entry.name().map_err(|error| bad(error.to_string()))?.into_owned();
        let wanted = name == package.library || package.bundled.is_some_and(|folder| name.starts_with(folder));
        if !wanted || entry.is_dir() {
            continue;
        }
        let Some(relative) = entry.enclosed_name() else {
            return Err(bad(format!("the entry '{name}' points outside of the package")));
        };
        let path = target.join(relative);
        let folder = path.parent().unwrap_or(target);
        fs::create_dir_all(folder).map_err(|error| InstallError::from_io(folder, error))?;
        let mut out = File::create(&path).map_err(|error| InstallError::from_io(&path, error))?;
        io::copy(&mut entry, &mut out)
            .and_then(|_| out.sync_all())
            .map_err(|error| InstallError::from_io(&path, error))?;
        found |= name == package.library;
    }
    if found { Ok(()) } else { Err(bad(format!("it has no file {}", package.library))) }
}

/// pip has checked the hash already; this holds also when a different pip answers to the name.
fn check_hash(package: &Package, wheel: &Path) -> Result<(), InstallError> {
    let bytes = fs::read(wheel).map_err(|error| InstallError::from_io(wheel, error))?;
    let found = hex::encode(Sha256::digest(&bytes));
    if found == package.sha256 {
        return Ok(());
    }
    Err(InstallError::WrongHash {
        requirement: package.requirement(),
        expected: package.sha256.to_owned(),
        detail: format!("Its sha256 is {found}."),
    })
}
