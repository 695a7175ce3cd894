//! The environments of this machine: one folder, one folder in it for each environment.
//!
//! An environment is made in a folder with a name of its own and counts only once its marker is there. What a killed
//! process left has none, is never used, and is taken away by the next that installs.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::environment::Environment;
use super::marker::Marker;
use super::python::Pythons;
use super::table::{self, Framework};

/// Held by whoever makes or removes an environment.
const LOCK: &str = ".lock";

/// The environments in one folder.
#[derive(Debug, Clone)]
pub struct Environments {
    pub(super) folder: PathBuf,
    pub(super) pythons: Pythons,
}

/// Why an environment is not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Something runs in it.
    #[error("a job or an endpoint of the embedded cloud runs in the environment {0}")]
    InUse(PathBuf),
    /// The file system.
    #[error("cannot remove {}: {source}", path.display())]
    Io {
        /// Folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

impl Environments {
    /// Those below a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, pythons: Pythons) -> Self {
        Self { folder: folder.into(), pythons }
    }

    /// The environment of a framework's version, with the best Python of those that it was made with.
    #[must_use]
    pub fn find(&self, framework: &'static Framework) -> Option<Environment> {
        let lock = digest(framework);
        let mut found: Vec<Environment> = self.of(framework).filter(|made| made.marker.lock == lock).collect();
        let rank = |made: &Environment| framework.pythons.iter().position(|python| python == made.minor());
        found.sort_by_key(|made| rank(made).unwrap_or(usize::MAX));
        found.into_iter().next()
    }

    /// All whole environments of a framework's version, those of earlier lists too.
    pub fn of(&self, framework: &'static Framework) -> impl Iterator<Item = Environment> + use<> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let start = format!("{}-py", framework.slug());
        let ours = entries.filter(move |entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&start)));
        ours.filter_map(move |entry| Environment::open(framework, &entry.path()))
    }

    /// What a refusal says of a framework that is not installed: what would be, how large it is, and by which command.
    #[must_use]
    pub fn missing(&self, framework: &Framework) -> String {
        match self.pythons.for_framework(framework) {
            Ok(python) => {
                let image = framework.python.as_deref().filter(|image| *image != python.version);
                let image = image.map_or_else(String::new, |image| format!("; the image has Python {image}"));
                format!(
                    "its environment {framework} is not installed, and it is installed only when you ask for it. It would be {} for \
                     {python}{image}, about {} on the disk, in {}, through pip. Install it with \
                     `sagewright local images install {framework}` (--yes for no question)",
                    framework.packages(&python.version).join(", "),
                    size(framework.megabytes),
                    self.folder.display()
                )
            }
            Err(error) => format!("its environment {framework} cannot be installed here: {error}"),
        }
    }

    /// Removes all environments of a framework's version; says how many bytes they had.
    ///
    /// # Errors
    /// Something runs in one of them: then none is removed.
    pub fn remove(&self, framework: &'static Framework) -> Result<u64, RemoveError> {
        let made: Vec<Environment> = self.of(framework).collect();
        if made.is_empty() {
            return Ok(0);
        }
        let failed = |path: &Path, source| RemoveError::Io { path: path.to_path_buf(), source };
        let _lock = self.lock(&mut |_| ()).map_err(|source| failed(&self.folder, source))?;
        let mut alone = Vec::new();
        for environment in &made {
            let held = environment.alone().map_err(|source| failed(&environment.home, source))?;
            alone.push(held.ok_or_else(|| RemoveError::InUse(environment.home.clone()))?);
        }
        for environment in &made {
            // Out of sight at once: half an environment is never found.
            let away = self.folder.join(format!(".removed-{}", uuid::Uuid::new_v4().simple()));
            fs::rename(&environment.home, &away).map_err(|source| failed(&environment.home, source))?;
            fs::remove_dir_all(&away).map_err(|source| failed(&away, source))?;
        }
        Ok(made.iter().map(|environment| environment.marker.bytes).sum())
    }

    /// Waits until nobody else makes or removes environments. The lock ends with the file, also when the process dies.
    pub(super) fn lock(&self, progress: &mut dyn FnMut(&str)) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let file = File::options().create(true).truncate(false).write(true).open(self.folder.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress("waiting for another process that installs or removes an environment");
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(file)
    }

    /// Takes away what killed processes left. The lock is held: nobody else is at work.
    pub(super) fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let removed = name.starts_with(".removed-");
            let half = table::all().iter().any(|framework| name.starts_with(&format!("{}-py", framework.slug())))
                && Marker::read(&entry.path()).is_none();
            if removed || half {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Tells one list of packages from another.
pub(super) fn digest(framework: &Framework) -> String {
    hex::encode(Sha256::digest(framework.lock))
}

/// Mebibytes for people, as the command line shows them: `340 MiB`, `4.5 GiB`.
fn size(megabytes: u64) -> String {
    if megabytes < 1024 {
        return format!("{megabytes} MiB");
    }
    format!("{}.{} GiB", megabytes / 1024, megabytes % 1024 * 10 / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(folder: &Path, name: &str, python: &str, lock: &str) -> PathBuf {
        let home = folder.join(name);
        fs::create_dir_all(home.join("bin")).unwrap();
        fs::write(home.join("bin/python"), "").unwrap();
        let marker = Marker {
            framework: "sklearn:1.2-1".into(),
            python: python.into(),
            bytes: 10,
            lock: lock.into(),
            packages: Vec::new(),
        };
        marker.write(&home).unwrap();
        home
    }

    #[test]
    fn only_a_whole_environment_of_the_present_list_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let environments = Environments::new(dir.path(), Pythons::default());
        let framework = table::find("sklearn:1.2-1").unwrap();
        assert!(environments.find(framework).is_none());
        let half = dir.path().join("sklearn-1.2-1-py3.9-0");
        fs::create_dir_all(half.join("bin")).unwrap();
        play(dir.path(), "sklearn-1.2-1-py3.9-1", "3.9.18", "another list");
        assert!(environments.find(framework).is_none());
        let eleven = play(dir.path(), "sklearn-1.2-1-py3.11-2", "3.11.7", &digest(framework));
        assert_eq!(environments.find(framework).unwrap().home, eleven);
        let nine = play(dir.path(), "sklearn-1.2-1-py3.9-3", "3.9.18", &digest(framework));
        assert_eq!(environments.find(framework).unwrap().home, nine, "the image's own Python first");
        fs::remove_file(nine.join("bin/python")).unwrap();
        assert_eq!(environments.find(framework).unwrap().home, eleven, "its Python is gone");
        environments.sweep();
        assert!(!half.exists() && eleven.exists());
    }

    #[test]
    fn what_something_runs_in_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let environments = Environments::new(dir.path(), Pythons::default());
        let framework = table::find("sklearn:1.2-1").unwrap();
        let home = play(dir.path(), "sklearn-1.2-1-py3.11-2", "3.11.7", &digest(framework));
        let used = environments.find(framework).unwrap().in_use().unwrap();
        assert!(matches!(environments.remove(framework), Err(RemoveError::InUse(_))));
        assert!(home.exists());
        drop(used);
        assert_eq!(environments.remove(framework).unwrap(), 10);
        assert!(!home.exists());
        assert_eq!(environments.remove(framework).unwrap(), 0);
    }

    #[test]
    fn a_refusal_says_what_would_be_installed_and_how() {
        let dir = tempfile::tempdir().unwrap();
        let environments = Environments::new(dir.path(), Pythons::of_machine());
        let told = environments.missing(table::find("python:3").unwrap());
        for part in
            ["python:3 is not installed", "boto3", "60 MiB", "`sagewright local images install python:3`", "--yes"]
        {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(size(4700), "4.5 GiB");
    }
}
