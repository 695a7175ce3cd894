//! Making an environment.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment::Environment;
use super::marker::Marker;
use super::pip;
use super::python::{Python, PythonError};
use super::store::{Environments, digest};
use super::table::Framework;

/// Why an environment could not be made. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no Python for it.
    #[error("cannot install {framework}: {source}")]
    Python {
        /// Framework.
        framework: String,
        /// Cause.
        source: PythonError,
    },
    /// pip, or the module venv, failed.
    #[error("cannot install {framework}: {what} failed. It said: {said}")]
    Failed {
        /// Framework.
        framework: String,
        /// What was run.
        what: &'static str,
        /// Its last lines.
        said: String,
    },
    /// The file system.
    #[error("cannot install {framework} into {}: {source}; set SAGEWRIGHT_CACHE to another folder", path.display())]
    Io {
        /// Framework.
        framework: String,
        /// Folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// What is being made; removed when it does not become whole.
struct Draft {
    home: PathBuf,
    whole: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.whole {
            let _ = fs::remove_dir_all(&self.home);
        }
    }
}

impl Environments {
    /// Whether a framework's version is there, or with which Python it would be installed.
    ///
    /// # Errors
    /// It can be neither found nor installed.
    pub fn look(&self, framework: &'static Framework) -> Result<Result<Environment, Python>, InstallError> {
        if let Some(made) = self.find(framework) {
            return Ok(Ok(made));
        }
        let failed = |source| InstallError::Python { framework: framework.to_string(), source };
        self.pythons.for_framework(framework).map(Err).map_err(failed)
    }

    /// Makes the environment of a framework's version, through pip as its user has configured it. One process makes it,
    /// others wait for it.
    ///
    /// # Errors
    /// There is no Python for it, pip fails, or the disk does.
    pub fn install(
        &self,
        framework: &'static Framework,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Environment, InstallError> {
        let disk = |source| InstallError::Io { framework: framework.to_string(), path: self.folder.clone(), source };
        let python = match self.look(framework)? {
            Ok(made) => return Ok(made),
            Err(python) => python,
        };
        let _lock = self.lock(progress).map_err(disk)?;
        // Another process may have made it while this one waited.
        if let Some(made) = self.find(framework) {
            return Ok(made);
        }
        self.sweep();
        let lock = digest(framework);
        // A name of its own: what a killed process started may still write to its folder.
        let attempt = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{}-py{}-{}", framework.slug(), python.version, attempt.get(..8).unwrap_or(&attempt));
        let home = std::path::absolute(self.folder.join(name)).map_err(disk)?;
        let mut draft = Draft { home, whole: false };
        progress(&format!("making {framework} with {python} in {}", draft.home.display()));
        fill(framework, &python, &draft.home, progress)?;
        let packages = packages(framework, &draft.home)?;
        let bytes = measure(&draft.home).map_err(disk)?;
        let marker = Marker { framework: framework.to_string(), python: python.full, bytes, lock, packages };
        marker.write(&draft.home).map_err(disk)?;
        draft.whole = true;
        Ok(Environment { framework, home: draft.home.clone(), marker })
    }
}

fn fill(
    framework: &Framework,
    python: &Python,
    home: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<(), InstallError> {
    let disk = |source| InstallError::Io { framework: framework.to_string(), path: home.to_path_buf(), source };
    let failed = |what, said| InstallError::Failed { framework: framework.to_string(), what, said };
    let mut make = Command::new(&python.path);
    make.args(["-I", "-m", "venv"]).arg(home);
    let (status, said) = pip::run_held(make, &mut |_| ()).map_err(disk)?;
    if !status.success() {
        return Err(failed("python -m venv", said));
    }
    let list = home.join("requirements.txt");
    fs::write(&list, framework.lock).map_err(disk)?;
    let own = home.join("bin/python");
    let temporary = home.join("tmp");
    fs::create_dir_all(&temporary).map_err(disk)?;
    let arguments = ["install", "--only-binary=:all:", "--progress-bar=off", "-r", &list.display().to_string()];
    let (status, said) = pip::run(&own, &arguments, &temporary, &mut |line| {
        // What is already there, and what a terminal would show of a download, is no news.
        if line.starts_with("Collecting ") || line.starts_with("Installing ") || line.starts_with("ERROR") {
            progress(line);
        }
    })
    .map_err(disk)?;
    let _ = fs::remove_dir_all(temporary);
    if !status.success() {
        return Err(failed("pip install", said));
    }
    // A wheel may be there and still not work here.
    let mut import = Command::new(&own);
    import.args(["-I", "-c", &format!("import {}", framework.imports.join(", "))]).current_dir("/");
    let (status, said) = pip::run_held(import, &mut |_| ()).map_err(disk)?;
    if status.success() { Ok(()) } else { Err(failed("importing its packages", said)) }
}

/// What pip says is installed: `name==version`.
fn packages(framework: &Framework, home: &Path) -> Result<Vec<String>, InstallError> {
    let mut lines = Vec::new();
    let arguments = ["list", "--format=freeze"];
    let listed = pip::run(&home.join("bin/python"), &arguments, home, &mut |line| lines.push(line.to_owned()));
    match listed {
        Ok((status, _)) if status.success() => Ok(lines.into_iter().filter(|line| line.contains("==")).collect()),
        Ok((_, said)) => Err(InstallError::Failed { framework: framework.to_string(), what: "pip list", said }),
        Err(source) => Err(InstallError::Io { framework: framework.to_string(), path: home.to_path_buf(), source }),
    }
}

/// Bytes of all files below a folder; links are not followed.
fn measure(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let facts = entry.metadata()?;
        bytes += if facts.is_dir() { measure(&entry.path())? } else { facts.len() };
    }
    Ok(bytes)
}
