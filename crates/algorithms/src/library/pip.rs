//! Downloads the package with pip, and tells its failures apart.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::InstallError;
use super::package::Package;

/// Prints the major and minor version and whether pip is there.
const PROBE: &str = "import sys, importlib.util as u; print(sys.version_info[0], sys.version_info[1], int(u.find_spec('pip') is not None))";

/// Runs pip, and ends with its standard input: a pipe that only this process holds, so that pip does not outlive it,
/// however it ends.
///
/// The same program is in `cloud/runner-process/src/frameworks/pip.rs`. The two crates must not import each other, and a third one for a few
/// lines of Python would cost more than it saves.
const PIP: &str = "import os, runpy, sys, threading
def watch():
    try:
        os.read(0, 1)
    finally:
        os._exit(1)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = 'pip'
runpy.run_module('pip', run_name='__main__', alter_sys=True)";

/// Downloads `package` into `folder` and returns the file.
pub(super) fn download(
    package: &Package,
    python: Option<&OsStr>,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, InstallError> {
    let python = find_python(python)?;
    let requirement = package.requirement();
    progress(&format!("Downloading {requirement} (about 5 MB, once)"));

    let pins = folder.join("requirements.txt");
    fs::write(&pins, format!("{requirement} --hash=sha256:{}\n", package.sha256))
        .map_err(|error| InstallError::from_io(&pins, error))?;
    // The platform and a Python version are named so that the pinned file is chosen whatever
    // Python runs pip: only the library in it is used.
    let mut command = Command::new(&python);
    command
        .args(["-c", PIP, "download", "--disable-pip-version-check", "--no-input"])
        .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--progress-bar=off", "--retries=2"])
        .args(["--python-version=3.12", "--platform", package.tag])
        .arg("-d")
        .arg(folder)
        .arg("-r")
        .arg(&pins)
        // What pip unpacks on the way goes where it is removed, and on the disk that an error names.
        .env("TMPDIR", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = run(command).map_err(|error| InstallError::from_io(Path::new(&python), error))?;
    if !output.status.success() {
        let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Err(explain(package, &python, folder, &text));
    }
    find_wheel(package, &python, folder)
}

/// Runs a command to its end with its standard input held open.
fn run(mut command: Command) -> io::Result<Output> {
    // Ctrl-C in a terminal goes to this process alone, which says what it means.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let held = child.stdin.take();
    let output = child.wait_with_output();
    drop(held);
    output
}

fn find_wheel(package: &Package, python: &OsStr, folder: &Path) -> Result<PathBuf, InstallError> {
    let entries = fs::read_dir(folder).map_err(|error| InstallError::from_io(folder, error))?;
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| InstallError::PipFailed {
            requirement: package.requirement(),
            python: python.to_string_lossy().into_owned(),
            detail: "pip ended well but left no wheel file".to_owned(),
        })
}

/// The first Python that will do: the one that was asked for, or `python3`, or `python`.
fn find_python(asked: Option<&OsStr>) -> Result<OsString, InstallError> {
    let candidates: Vec<OsString> = match asked {
        Some(python) => vec![python.to_owned()],
        None => vec!["python3".into(), "python".into()],
    };
    let mut complaint = None;
    for python in &candidates {
        match probe(python) {
            Ok(()) => return Ok(python.clone()),
            Err(None) => {}
            Err(Some(error)) => {
                complaint.get_or_insert(error);
            }
        }
    }
    let tried = candidates.iter().map(|python| python.to_string_lossy()).collect::<Vec<_>>().join(", ");
    Err(complaint.unwrap_or(InstallError::NoPython { tried }))
}

/// `Err(None)` when there is no such command.
fn probe(python: &OsStr) -> Result<(), Option<InstallError>> {
    let name = python.to_string_lossy().into_owned();
    let output = match Command::new(python).args(["-c", PROBE]).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(Some(InstallError::from_io(Path::new(python), error))),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u32> = text.split_whitespace().filter_map(|part| part.parse().ok()).collect();
    match (output.status.success(), numbers.as_slice()) {
        (true, &[major, minor, pip]) if (major, minor) >= (3, 9) => {
            if pip == 1 {
                Ok(())
            } else {
                Err(Some(InstallError::NoPip { python: name }))
            }
        }
        (true, &[major, minor, _]) => {
            Err(Some(InstallError::OldPython { python: name, version: format!("{major}.{minor}") }))
        }
        // Python 2 has no importlib.util; a launcher stub (as macOS and Windows have) fails too.
        _ => Err(None),
    }
}

/// Sorts what pip printed into the errors that a user can act on.
fn explain(package: &Package, python: &OsStr, folder: &Path, text: &str) -> InstallError {
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let requirement = package.requirement();
    let detail = last_lines(text);
    if has(&["DO NOT MATCH THE HASHES", "HashMismatch"]) {
        return InstallError::WrongHash { requirement, expected: package.sha256.to_owned(), detail };
    }
    if has(&["No space left on device", "Disk quota exceeded"]) {
        let source = io::Error::new(io::ErrorKind::StorageFull, detail);
        return InstallError::DiskFull { path: folder.to_path_buf(), source };
    }
    if has(&["Read-only file system"]) {
        let source = io::Error::new(io::ErrorKind::ReadOnlyFilesystem, detail);
        return InstallError::ReadOnly { path: folder.to_path_buf(), source };
    }
    // pip retries a dead connection with warnings and then reports "no matching distribution".
    if has(&[
        "NewConnectionError",
        "ConnectTimeoutError",
        "Failed to establish a new connection",
        "name resolution",
        "ConnectionError",
        "ConnectionResetError",
        "RemoteDisconnected",
        "Read timed out",
        "ReadTimeoutError",
        "ProxyError",
        "SSLError",
        "connection broken",
        "Max retries exceeded",
        "HTTP error 5",
    ]) {
        return InstallError::Unreachable { requirement, detail };
    }
    if has(&["No matching distribution found", "Could not find a version"]) {
        return InstallError::NotPublished { requirement, detail };
    }
    InstallError::PipFailed { requirement, python: python.to_string_lossy().into_owned(), detail }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" ")
}
