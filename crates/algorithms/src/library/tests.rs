use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::package::{PACKAGES, Package};
use super::{InstallError, Installer, LibraryPath};

/// A Python that answers the probe as given and then plays pip with a shell script.
fn fake_python(folder: &Path, probe: &str, pip: &str) -> PathBuf {
    let path = folder.join("fake-python");
    let script = format!("#!/bin/sh\ncase \"$2\" in *find_spec*) echo '{probe}'; exit 0;; esac\n{pip}\n");
    fs::write(&path, script).expect("the script is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the script is executable");
    path
}

fn package() -> &'static Package {
    Package::for_platform("linux", "x86_64").expect("Linux on x86_64 has a package")
}

fn install(folder: &Path, python: &Path) -> Result<LibraryPath, InstallError> {
    let installer = Installer { package: package(), python: Some(python.into()) };
    installer.ensure(&folder.join("cache"), &mut |_| {})
}

fn failure(probe: &str, pip: &str) -> InstallError {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let python = fake_python(folder.path(), probe, pip);
    let error = install(folder.path(), &python).expect_err("the installation fails");
    let left: Vec<_> = fs::read_dir(folder.path().join("cache/xgboost"))
        .expect("the cache folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name != ".lock")
        .collect();
    assert!(left.is_empty(), "a failed installation leaves nothing behind, but left {left:?}");
    error
}

#[test]
fn each_way_pip_fails_is_its_own_error() {
    let probe = "3 12 1";
    let network = "echo 'Retrying after connection broken by NewConnectionError' >&2; \
                   echo 'ERROR: No matching distribution found for xgboost-cpu==3.0.5' >&2; exit 1";
    assert!(matches!(failure(probe, network), InstallError::Unreachable { .. }));
    let absent = "echo 'ERROR: No matching distribution found for xgboost-cpu==3.0.5' >&2; exit 1";
    assert!(matches!(failure(probe, absent), InstallError::NotPublished { .. }));
    let changed = "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.' >&2; exit 1";
    assert!(matches!(failure(probe, changed), InstallError::WrongHash { .. }));
    let full = "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1";
    assert!(matches!(failure(probe, full), InstallError::DiskFull { .. }));
    let other = "echo 'ERROR: something else' >&2; exit 1";
    assert!(failure(probe, other).to_string().contains("something else"));
    assert!(matches!(failure("3 12 0", "exit 1"), InstallError::NoPip { .. }));
    assert!(failure("3 8 1", "exit 1").to_string().contains("is Python 3.8"));
}

#[test]
fn a_missing_python_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = install(folder.path(), &folder.path().join("no-such-python")).expect_err("there is no Python");
    assert!(matches!(error, InstallError::NoPython { .. }));
    let text = error.to_string();
    assert!(text.contains("no-such-python") && text.contains("SAGEWRIGHT_PYTHON"), "{text}");
}

#[test]
fn a_file_that_is_not_the_pinned_one_is_refused_whatever_pip_said() {
    // The fourth argument after -d is the folder; find it as the script sees it.
    let pip = "while [ \"$1\" != -d ]; do shift; done; echo other > \"$2/xgboost_cpu-3.0.5-py3-none-any.whl\"";
    let error = failure("3 12 1", pip);
    assert!(matches!(error, InstallError::WrongHash { .. }), "{error}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blocked = folder.path().join("cache");
    fs::write(&blocked, "a file where the folder should be").expect("the file is written");
    let python = fake_python(folder.path(), "3 12 1", "exit 1");
    let text = install(folder.path(), &python).expect_err("the cache is a file").to_string();
    assert!(text.contains(&blocked.display().to_string()), "{text}");
}

#[test]
fn an_installed_library_is_used_without_python() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join("cache/xgboost").join(package().folder()).join(package().library);
    fs::create_dir_all(library.parent().expect("a parent")).expect("the folder is made");
    fs::write(&library, "library").expect("the file is written");
    let found = install(folder.path(), Path::new("/no/python")).expect("it is there already");
    assert_eq!(found.as_ref(), library);
}

#[test]
fn every_pin_is_a_full_sha256_of_one_version() {
    for package in &PACKAGES {
        assert_eq!(package.sha256.len(), 64);
        assert!(package.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(package.version, "3.0.5", "every platform runs the same XGBoost");
    }
    assert!(Package::for_platform("windows", "x86_64").is_none());
}

/// A package like the real one, but small, and the file that pip would leave.
fn small_package(folder: &Path) -> (&'static Package, PathBuf) {
    let path = folder.join("small.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).expect("the file is made"));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in [
        ("xgboost/lib/libxgboost.so", "the library"),
        ("xgboost_cpu.libs/libgomp.so", "what it needs"),
        ("xgboost/core.py", "what nobody needs"),
    ] {
        archive.start_file(name, options).expect("an entry");
        archive.write_all(text.as_bytes()).expect("its text");
    }
    archive.finish().expect("the archive ends");
    let sha256 = hex::encode(Sha256::digest(fs::read(&path).expect("the file")));
    let package = Package { sha256: Box::leak(sha256.into_boxed_str()), ..*package() };
    (Box::leak(Box::new(package)), path)
}

#[test]
fn the_library_is_installed_once_with_what_it_brings_along() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (package, wheel) = small_package(folder.path());
    let calls = folder.path().join("calls");
    let pip = format!(
        "echo called >> {}; while [ \"$1\" != -d ]; do shift; done; cp {} \"$2\"",
        calls.display(),
        wheel.display()
    );
    let python = fake_python(folder.path(), "3 12 1", &pip);
    let cache = folder.path().join("cache");
    let installed: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let installer = Installer { package, python: Some(python.clone().into()) };
                let cache = &cache;
                scope.spawn(move || installer.ensure(cache, &mut |_| {}))
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic").expect("it is installed")).collect()
    });
    let home = cache.join("xgboost/xgboost-cpu-3.0.5-manylinux_2_28_x86_64");
    assert!(installed.iter().all(|path| path.as_ref() == home.join("xgboost/lib/libxgboost.so")));
    assert_eq!(fs::read_to_string(installed[0].as_ref()).expect("the library"), "the library");
    assert!(home.join("xgboost_cpu.libs/libgomp.so").is_file() && !home.join("xgboost/core.py").exists());
    assert_eq!(fs::read_to_string(calls).expect("the calls"), "called\n", "three of four waited");
}
