//! The Python environments of tests and measurements: made once, again when their locked list changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::process;

/// Resolves for every Python and platform at once, with the hashes of all files.
const UV: &str = "uv==0.13.8";

/// The oldest Python that users may have.
const OLDEST: (u32, u32) = (3, 9);

#[derive(clap::Args)]
pub struct RequirementsArgs {
    /// Take newer versions where `requirements*.in` allows them; without it, locked versions stay
    #[arg(long)]
    upgrade: bool,
}

/// The versions of XGBoost that judge models, each an environment of its own.
const XGBOOST: [&str; 3] = ["1.3.3", "1.7.6", "3.0.5"];

/// A Python environment.
pub struct Venv(PathBuf);

/// The interpreters of the versions of XGBoost that have a package for this Python and platform, as JSON by version.
pub fn xgboost_peers() -> Result<String> {
    let mut peers = Vec::new();
    for version in XGBOOST {
        let venv = Venv::ready(&format!("requirements-xgboost-{version}"))?;
        let mut import = Command::new(venv.python());
        let found = import.args(["-c", "import xgboost; print(xgboost.__version__)"]).output();
        if found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == version) {
            peers.push(format!("{version:?}:{:?}", venv.python().display().to_string()));
        }
    }
    Ok(format!("{{{}}}", peers.join(",")))
}

impl Venv {
    /// The environment of `tests/NAME.txt`, made or brought up to date where needed.
    pub fn ready(name: &str) -> Result<Self> {
        let list = crate::root().join("tests").join(format!("{name}.txt"));
        let text = fs::read(&list).with_context(|| format!("cannot read {}", list.display()))?;
        let version = python_version()?;
        let stamp = hex::encode(Sha256::digest([version.as_bytes(), &text].concat()));
        let dir = match name {
            "requirements" => crate::target().join("test-venv"),
            other => crate::target().join(other.replace("requirements-", "") + "-venv"),
        };
        let venv = Self(dir);
        let stamp_file = venv.0.join("stamp");
        if fs::read_to_string(&stamp_file).is_ok_and(|s| s == stamp) && venv.python().exists() {
            return Ok(venv);
        }
        eprintln!("installing tests/{name}.txt into {}", venv.0.display());
        make(&venv.0)?;
        let mut pip = venv.pip();
        pip.args(["install", "--quiet", "--require-hashes", "--prefer-binary"]);
        process::must(pip.arg("-r").arg(&list), "pip could not install the tests' packages")?;
        fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))?;
        Ok(venv)
    }

    /// Its interpreter.
    pub fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    fn pip(&self) -> Command {
        let mut command = Command::new(self.python());
        command.args(["-m", "pip", "--disable-pip-version-check"]);
        command
    }
}

/// Makes an empty environment, in place of what is there.
fn make(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    let mut command = Command::new(crate::python());
    let status = process::run(command.args(["-m", "venv"]).arg(dir))?;
    if !status.success() {
        // A half-made environment must not look like a whole one.
        fs::remove_dir_all(dir).ok();
        bail!(
            "Python could not make an environment in {}: see its message above; on Debian and Ubuntu, `apt-get install python3-venv`",
            dir.display()
        );
    }
    Ok(())
}

fn python_version() -> Result<String> {
    let python = crate::python();
    let shown = python.to_string_lossy().into_owned();
    let advice = format!(
        "install Python {}.{} or newer, or name one in SAGEWRIGHT_PYTHON (tried `{shown}`)",
        OLDEST.0, OLDEST.1
    );
    let output = Command::new(&python)
        .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"])
        .output()
        .with_context(|| format!("cannot start Python: {advice}"))?;
    ensure!(
        output.status.success(),
        "Python does not work ({}) {}: {advice}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(parse_version(&text).is_some_and(|v| v >= OLDEST), "this is Python {text}: {advice}");
    Ok(text)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_whitespace().next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// `cargo xtask requirements`: `tests/*.txt` from `tests/*.in`.
pub fn requirements(args: &RequirementsArgs) -> Result<()> {
    let tools = Venv(crate::target().join("tools-venv"));
    python_version()?;
    make(&tools.0)?;
    process::must(tools.pip().args(["install", "--quiet", UV]), "pip could not install uv")?;
    let peers = XGBOOST.map(|version| format!("requirements-xgboost-{version}"));
    let names = ["requirements", "requirements-year-old", "requirements-sdk3", "requirements-bench"].into_iter();
    for name in names.chain(peers.iter().map(String::as_str)) {
        let mut uv = Command::new(tools.program("uv"));
        uv.current_dir(crate::root().join("tests"));
        uv.args(["pip", "compile", "--quiet", "--system-certs", "--universal", "--generate-hashes", "--no-annotate"]);
        uv.args(["--no-emit-index-url", "--custom-compile-command", "cargo xtask requirements"]);
        uv.args(["--python-version", &format!("{}.{}", OLDEST.0, OLDEST.1)]);
        if args.upgrade {
            uv.arg("--upgrade");
        }
        uv.arg(format!("{name}.in")).args(["--output-file", &format!("{name}.txt")]);
        process::must(&mut uv, &format!("uv could not resolve tests/{name}.in"))?;
        println!("tests/{name}.txt");
    }
    frameworks(&tools, args.upgrade)
}

/// What an environment of script mode is resolved from.
#[derive(serde::Deserialize)]
struct Frameworks {
    framework: Vec<Framework>,
}

#[derive(serde::Deserialize)]
struct Framework {
    name: String,
    version: String,
    pythons: Vec<String>,
    requires: Vec<String>,
}

/// The lists of the environments of script mode, from their table. They have no hashes: what installs them is the user's pip,
/// whose index may have other builds of the same versions, as PyTorch's own index has.
fn frameworks(tools: &Venv, upgrade: bool) -> Result<()> {
    let folder = crate::root().join("crates/cloud/runner-process/frameworks");
    let table = fs::read_to_string(folder.join("frameworks.toml")).context("cannot read frameworks.toml")?;
    let table: Frameworks = toml::from_str(&table).context("frameworks.toml is wrong")?;
    for Framework { name, version, pythons, requires } in table.framework {
        let oldest = pythons.iter().filter_map(|python| Some((parse_version(python)?, python))).min();
        let (_, oldest) = oldest.context("a framework has no Python")?;
        let asked = tools.0.join("asked.in");
        fs::write(&asked, requires.join("\n"))?;
        let list = folder.join("locks").join(format!("{name}-{version}.txt"));
        let mut uv = Command::new(tools.program("uv"));
        uv.args(["pip", "compile", "--quiet", "--system-certs", "--universal", "--no-annotate", "--no-header"]);
        uv.args(["--no-emit-index-url", "--python-version", oldest]);
        if upgrade {
            uv.arg("--upgrade");
        }
        uv.arg(&asked).arg("--output-file").arg(&list);
        process::must(&mut uv, &format!("uv could not resolve {name}:{version}"))?;
        println!("{}", list.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse_version("3.10 /usr/bin/python3") > parse_version("3.9 /usr/bin/python3"));
        assert!(parse_version("2.7 x") < Some(OLDEST));
        assert_eq!(parse_version("nonsense"), None);
    }
}
