//! The versions of Python that this machine has.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::table::Framework;

/// Names the only Python that is to be used.
const VARIABLE: &str = "SAGEWRIGHT_PYTHON";

/// How long an interpreter may take to tell what it is. A shim may wait for a lock, or for somebody at the screen.
const LONGEST: Duration = Duration::from_secs(10);
/// How often is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes that it may tell.
const TOLD: u64 = 4096;

/// Prints its version, its own path and whether environments can be made with it.
const PROBE: &str = "import sys, importlib.util as u; print('%d.%d' % sys.version_info[:2], '%d.%d.%d' % sys.version_info[:3], \
                     int(all(u.find_spec(m) for m in ('venv', 'ensurepip'))), sys.executable)";

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// Its path.
    pub path: PathBuf,
    /// `3.11`
    pub version: String,
    /// `3.11.7`
    pub full: String,
}

/// Why there is no Python for a framework.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PythonError(String);

/// Where interpreters are looked for.
#[derive(Debug, Clone, Default)]
pub struct Pythons {
    /// The only one, where somebody has named it.
    only: Option<OsString>,
    path: Vec<PathBuf>,
    /// Where pyenv and uv keep theirs.
    homes: Vec<PathBuf>,
}

impl Pythons {
    /// Those of this process's environment.
    #[must_use]
    pub fn of_machine() -> Self {
        let home = std::env::home_dir().unwrap_or_default();
        let pyenv = std::env::var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
        Self {
            only: std::env::var_os(VARIABLE).filter(|value| !value.is_empty()),
            path: std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect(),
            homes: vec![pyenv.join("versions"), home.join(".local/share/uv/python")],
        }
    }

    /// The best Python for a framework.
    ///
    /// # Errors
    /// There is none: a sentence that says which it would have to be, and what is here.
    pub fn for_framework(&self, framework: &Framework) -> Result<Python, PythonError> {
        let mut seen = Vec::new();
        let mut bare = Vec::new();
        // `python3` is a candidate for each version.
        let mut probed: HashMap<PathBuf, Option<(Python, bool)>> = HashMap::new();
        for version in &framework.pythons {
            for candidate in self.candidates(version) {
                let found = probed.entry(candidate).or_insert_with_key(|path| probe(path, LONGEST));
                match found {
                    Some((python, true)) if python.version == *version => return Ok(python.clone()),
                    Some((python, whole)) => {
                        if !*whole && framework.pythons.contains(&python.version) {
                            bare.push(python.path.display().to_string());
                        }
                        seen.push(python.version.clone());
                    }
                    None => {}
                }
            }
        }
        seen.sort_by_key(|version| super::table::number(version));
        seen.dedup();
        bare.dedup();
        Err(PythonError(self.explain(framework, &seen, &bare)))
    }

    fn explain(&self, framework: &Framework, seen: &[String], bare: &[String]) -> String {
        let wanted = framework.pythons.join(", ");
        let here =
            if seen.is_empty() { "no other was found".to_owned() } else { format!("found: {}", seen.join(", ")) };
        if let Some(path) = bare.first() {
            return format!(
                "{path} has no venv or ensurepip, which environments are made with; on Debian and Ubuntu install its \
                 package python3-venv, or name another Python ({wanted}) in {VARIABLE}"
            );
        }
        if let Some(only) = &self.only {
            return format!(
                "its packages are published for Python {wanted}, and {VARIABLE} names {} ({here}); name another there, or \
                 unset it",
                only.display()
            );
        }
        format!(
            "its packages are published for Python {wanted}, which this machine does not have ({here}); install one, or \
             name one in {VARIABLE}"
        )
    }

    /// What may be of a version: by its name, in the folders of pyenv and uv, and whatever `python3` is.
    fn candidates(&self, version: &str) -> Vec<PathBuf> {
        if let Some(only) = &self.only {
            return vec![PathBuf::from(only)];
        }
        let named = self.path.iter().map(|folder| folder.join(format!("python{version}")));
        let mut found: Vec<PathBuf> = named.filter(|path| path.is_file()).collect();
        for home in &self.homes {
            let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
            let fits = |name: &str| {
                let rest = name.strip_prefix("cpython-").unwrap_or(name).strip_prefix(version);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
            };
            let mut kept: Vec<PathBuf> = entries
                .filter(|entry| entry.file_name().to_str().is_some_and(fits))
                .map(|entry| entry.path().join("bin/python3"))
                .filter(|path| path.is_file())
                .collect();
            kept.sort();
            found.extend(kept);
        }
        found.extend(self.path.iter().map(|folder| folder.join("python3")).find(|path| path.is_file()));
        found
    }
}

/// A Python, and whether environments can be made with it; `None` for what does not run, as a shim of a version that is not
/// there, or tells nothing in so much time.
fn probe(path: &Path, longest: Duration) -> Option<(Python, bool)> {
    let mut command = Command::new(path);
    command.args(["-I", "-c", PROBE]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // What a shim starts ends with it.
    let mut child = command.process_group(0).spawn().ok()?;
    let status = ended(&mut child, longest);
    if status.is_none() {
        tracing::warn!(path = %path.display(), "a Python does not say its version in time; it is left out");
    }
    status.filter(ExitStatus::success)?;
    let mut text = String::new();
    BufReader::new(child.stdout.take()?.take(TOLD)).read_line(&mut text).ok()?;
    let mut words = text.trim_end().splitn(4, ' ');
    let (version, full) = (words.next()?.to_owned(), words.next()?.to_owned());
    let whole = words.next()? == "1";
    let path = words.next().map(PathBuf::from).filter(|path| path.is_absolute())?;
    Some((Python { path, version, full }, whole))
}

/// How a process ended; `None` where it had to be killed.
fn ended(child: &mut Child, longest: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some(status);
        }
        if begun.elapsed() > longest {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Python {}", self.full)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::table;
    use super::*;

    /// Plays a Python of a version.
    fn play(path: &Path, version: &str, whole: bool) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = format!("#!/bin/sh\necho {version} {version}.1 {} {}\n", u8::from(whole), path.display());
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_python_that_says_nothing_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let shim = dir.path().join("python3");
        // The one that it starts holds its output as well.
        std::fs::write(&shim, "#!/bin/sh\nsleep 1000 &\nwait\n").unwrap();
        std::fs::set_permissions(&shim, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(probe(&shim, Duration::from_millis(50)), None);
        play(&shim, "3.11", true);
        assert_eq!(probe(&shim, LONGEST).unwrap().0.version, "3.11");
    }

    #[test]
    fn the_images_own_python_comes_first_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (bin, versions) = (dir.path().join("bin"), dir.path().join("versions"));
        let pythons = Pythons { only: None, path: vec![bin.clone()], homes: vec![versions.clone()] };
        let framework = table::find("sklearn:1.2-1").unwrap();
        let none = pythons.for_framework(framework).unwrap_err().to_string();
        assert!(none.contains("3.9, 3.8, 3.10, 3.11") && none.contains("SAGEWRIGHT_PYTHON"), "{none}");
        play(&bin.join("python3"), "3.13", true);
        let other = pythons.for_framework(framework).unwrap_err().to_string();
        assert!(other.contains("found: 3.13"), "{other}");
        play(&bin.join("python3.10"), "3.10", false);
        let bare = pythons.for_framework(framework).unwrap_err().to_string();
        assert!(bare.contains("python3-venv"), "{bare}");
        play(&bin.join("python3.11"), "3.11", true);
        assert_eq!(pythons.for_framework(framework).unwrap().version, "3.11");
        play(&versions.join("3.9.18/bin/python3"), "3.9", true);
        assert_eq!(pythons.for_framework(framework).unwrap().path, versions.join("3.9.18/bin/python3"));
        let only = Pythons { only: Some(bin.join("python3").into()), ..pythons };
        assert!(only.for_framework(framework).unwrap_err().to_string().contains("or unset it"));
    }
}
