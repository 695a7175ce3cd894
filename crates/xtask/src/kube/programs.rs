//! kube-apiserver, etcd, kubectl and helm: built once from the Go module `tests/kube`, or taken from `KUBEBUILDER_ASSETS`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process;

/// The programs, and the Go packages that they are built from.
const PROGRAMS: [(&str, &str); 4] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("helm", "helm.sh/helm/v3/cmd/helm"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
];

/// The folder with the programs, which are built where they are missing.
pub fn ready() -> Result<PathBuf> {
    let module = crate::root().join("tests/kube");
    let read = |name: &str| {
        let path = module.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let requirements = read("go.mod")?;
    let flags = flags(&requirements)?;
    let given = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let (taken, missing) = sort(given.as_deref());

    let mut hash = Sha256::new();
    for part in [requirements.as_str(), &read("go.sum")?, &flags] {
        hash.update(part);
    }
    for (name, path) in &taken {
        hash.update(name);
        hash.update(path.as_os_str().as_encoded_bytes());
    }
    let folder = crate::target().join("kube").join(&hex::encode(hash.finalize())[..16]);
    if PROGRAMS.iter().all(|(name, _)| folder.join(name).exists()) {
        return Ok(folder);
    }
    make(&module, &folder, &flags, &taken, &missing)?;
    Ok(folder)
}

type Taken = Vec<(&'static str, PathBuf)>;
type Missing = Vec<(&'static str, &'static str)>;

/// What a folder of programs has, and what has to be built: name and package.
fn sort(given: Option<&Path>) -> (Taken, Missing) {
    let (mut taken, mut missing) = (Vec::new(), Vec::new());
    for (name, package) in PROGRAMS {
        match given.map(|folder| folder.join(name)).and_then(|path| path.canonicalize().ok()) {
            Some(path) => taken.push((name, path)),
            None => missing.push((name, package)),
        }
    }
    (taken, missing)
}

/// Makes the folder: whole, or not at all.
fn make(module: &Path, folder: &Path, flags: &str, taken: &Taken, missing: &Missing) -> Result<()> {
    let parent = folder.parent().context("a folder below target/ has a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let fresh = tempfile::tempdir_in(parent).with_context(|| format!("cannot write to {}", parent.display()))?;
    if !missing.is_empty() {
        build(module, fresh.path(), flags, missing)?;
    }
    for (name, path) in taken {
        std::os::unix::fs::symlink(path, fresh.path().join(name))?;
    }
    // A folder of which a program was removed since.
    fs::remove_dir_all(folder).ok();
    let fresh = fresh.keep();
    if let Err(e) = fs::rename(&fresh, folder) {
        fs::remove_dir_all(&fresh).ok();
        // Another run may have been faster.
        if !folder.exists() {
            return Err(e).with_context(|| format!("cannot create {}", folder.display()));
        }
    }
    Ok(())
}

/// Builds with the user's own caches of modules and of what is compiled, so that a fresh clone only links.
fn build(module: &Path, into: &Path, flags: &str, missing: &Missing) -> Result<()> {
    let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
    eprintln!("building {} from tests/kube; the first time takes minutes", names.join(", "));
    let mut go = Command::new(go()?);
    go.args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", flags, "-o"]).arg(into);
    go.args(missing.iter().map(|(_, package)| package)).current_dir(module);
    go.env("CGO_ENABLED", "0").env("GOWORK", "off").env_remove("GOOS").env_remove("GOARCH");
    process::must(&mut go, &format!("Go could not build {} in {}", names.join(", "), module.display()))?;
    // Go names a program by its package.
    if missing.iter().any(|(name, _)| *name == "etcd") {
        fs::rename(into.join("server"), into.join("etcd")).context("Go built no etcd")?;
    }
    Ok(())
}

/// The linker's flags. Without versions kubectl refuses objects, and helm refuses charts.
fn flags(requirements: &str) -> Result<String> {
    let kubernetes = version(requirements, "k8s.io/kubernetes")?;
    let helm = version(requirements, "helm.sh/helm/v3")?;
    let mut parts = kubernetes.trim_start_matches('v').split('.');
    let (major, minor) = parts.next().zip(parts.next()).context("Kubernetes has a version of three numbers")?;
    let mut flags = vec!["-s -w".to_owned()];
    let mut set = |package: &str, name: &str, value: &str| flags.push(format!("-X {package}.{name}={value}"));
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        set(package, "gitVersion", kubernetes);
        set(package, "gitMajor", major);
        set(package, "gitMinor", minor);
        set(package, "gitTreeState", "archive");
    }
    set("helm.sh/helm/v3/internal/version", "version", helm);
    for package in ["helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules"] {
        set(package, "k8sVersionMajor", major);
        set(package, "k8sVersionMinor", minor);
    }
    Ok(flags.join(" "))
}

/// The version of a module that a `go.mod` requires.
fn version<'a>(requirements: &'a str, module: &str) -> Result<&'a str> {
    let found = requirements.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != module);
        words.next().and(words.next()).filter(|version| version.starts_with('v'))
    });
    found.with_context(|| format!("tests/kube/go.mod does not require {module}"))
}

/// Go, from `SAGEWRIGHT_GO`, the search path, or where its installer puts it.
fn go() -> Result<OsString> {
    let installed = "/usr/local/go/bin/go".into();
    let choices = std::env::var_os("SAGEWRIGHT_GO").map_or_else(|| vec!["go".into(), installed], |go| vec![go]);
    for choice in &choices {
        if Command::new(choice).arg("version").output().is_ok_and(|output| output.status.success()) {
            return Ok(choice.clone());
        }
    }
    let tried: Vec<_> = choices.iter().map(|choice| choice.to_string_lossy()).collect();
    bail!(
        "tests of the Kubernetes operator need Go, and there is none (tried {}): install Go 1.24 or newer, or name it in \
         SAGEWRIGHT_GO; or set KUBEBUILDER_ASSETS to a folder that has {}",
        tried.join(", "),
        PROGRAMS.map(|(name, _)| name).join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_the_module_requires() {
        let requirements = "require (\n\thelm.sh/helm/v3 v3.19.5\n\tk8s.io/kubernetes v1.34.2 // indirect\n)\n";
        assert_eq!(version(requirements, "k8s.io/kubernetes").unwrap(), "v1.34.2");
        assert!(version(requirements, "k8s.io/kube").is_err());
        let flags = flags(requirements).unwrap();
        for flag in ["component-base/version.gitMinor=34 ", "internal/version.version=v3.19.5 "] {
            assert!(flags.contains(flag), "{flags}");
        }
    }

    #[test]
    fn what_a_folder_lacks_is_built() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("etcd"), "").unwrap();
        let (taken, missing) = sort(Some(folder.path()));
        assert_eq!(taken, [("etcd", folder.path().join("etcd").canonicalize().unwrap())]);
        assert_eq!(missing.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["helm", "kube-apiserver", "kubectl"]);
        assert_eq!(sort(None).1.len(), PROGRAMS.len());
    }
}
