//! The part of `cargo metadata` that the checks need.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::process::cargo;

#[derive(Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub resolve: Resolve,
}

#[derive(Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    /// Of its `Cargo.toml`.
    #[serde(default)]
    manifest_path: std::path::PathBuf,
    pub license: Option<String>,
    pub license_file: Option<String>,
    /// `None` for a package in this repository.
    pub source: Option<String>,
    pub dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `None` for a normal dependency, `dev` or `build`.
    pub kind: Option<String>,
}

#[derive(Deserialize)]
pub struct Resolve {
    pub nodes: Vec<Node>,
}

#[derive(Deserialize)]
pub struct Node {
    pub id: String,
    pub deps: Vec<Edge>,
}

#[derive(Deserialize)]
pub struct Edge {
    pub pkg: String,
    pub dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
pub struct EdgeKind {
    pub kind: Option<String>,
}

impl Package {
    /// Its folder, relative to the top of the checkout.
    pub fn folder(&self) -> String {
        let folder = self.manifest_path.parent().unwrap_or(&self.manifest_path);
        folder.strip_prefix(crate::root()).unwrap_or(folder).display().to_string()
    }
}

impl Metadata {
    /// Reads the workspace, all features and targets, without changing `Cargo.lock`.
    pub fn load() -> Result<Self> {
        let output =
            cargo(["metadata", "--format-version", "1", "--locked"]).output().context("cannot start cargo metadata")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed: {}\n  if Cargo.lock is out of date, run `cargo update --workspace` and commit it",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        serde_json::from_slice(&output.stdout).context("cargo metadata printed something else than its JSON")
    }

    /// Packages of this repository.
    pub fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|p| p.source.is_none())
    }

    /// The shortest chains of normal dependencies from a package, as names, one for each package reached.
    pub fn chains<'a>(&'a self, from: &'a Package) -> Vec<Vec<&'a str>> {
        let names: HashMap<&str, &str> = self.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let nodes: HashMap<&str, &Node> = self.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
        let mut seen = BTreeSet::from([from.id.as_str()]);
        let mut chains: Vec<(&str, Vec<&str>)> = vec![(&from.id, vec![&from.name])];
        let mut next = 0;
        while let Some((id, chain)) = chains.get(next).cloned() {
            next += 1;
            for edge in nodes.get(id).map_or(&[][..], |n| &n.deps) {
                if edge.dep_kinds.iter().any(|k| k.kind.is_none()) && seen.insert(&edge.pkg) {
                    let mut longer = chain.clone();
                    longer.push(names.get(edge.pkg.as_str()).copied().unwrap_or("?"));
                    chains.push((&edge.pkg, longer));
                }
            }
        }
        chains.into_iter().skip(1).map(|(_, chain)| chain).collect()
    }
}

/// Whether a name fits a pattern, whose last `*` stands for any ending.
pub fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}
