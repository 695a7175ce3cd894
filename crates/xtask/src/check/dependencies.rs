//! Which dependencies may be used: the rules of `policy/dependencies.toml` over `cargo metadata`.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::licence;
use super::metadata::{Metadata, Package, fits};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    registry: String,
    licences: Vec<String>,
    exceptions: Vec<Exception>,
    single: Vec<String>,
    banned: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    licence: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    crates: Vec<String>,
    why: String,
    /// Only where one of our own crates names it; otherwise anywhere in the tree.
    #[serde(default, rename = "in")]
    place: Option<Place>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Place {
    Ours,
}

const POLICY: &str = include_str!("../../policy/dependencies.toml");
const FILE: &str = "crates/xtask/policy/dependencies.toml";

/// What breaks the policy.
pub fn check(metadata: &Metadata) -> Result<Vec<String>> {
    let policy: Policy = toml::from_str(POLICY).context(FILE)?;
    Ok(judge(&policy, metadata))
}

fn judge(policy: &Policy, metadata: &Metadata) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in metadata.packages.iter().filter(|p| p.source.is_some()) {
        if package.source.as_deref() != Some(&policy.registry) {
            let source = package.source.as_deref().unwrap_or_default();
            wrong.push(format!("{} comes from {source}: use a release on crates.io", at(package)));
        }
        wrong.extend(licence(policy, package));
        for ban in policy.banned.iter().filter(|b| b.place.is_none()) {
            if ban.crates.iter().any(|pattern| fits(pattern, &package.name)) {
                let by = importers(metadata, package);
                wrong.push(format!("{} is banned: {}\n    brought in by {by}", at(package), ban.why));
            }
        }
    }
    for package in metadata.ours() {
        for dependency in &package.dependencies {
            for ban in policy.banned.iter().filter(|b| b.place == Some(Place::Ours)) {
                if ban.crates.iter().any(|pattern| fits(pattern, &dependency.name)) {
                    wrong.push(format!("{} must not use {}: {}", package.name, dependency.name, ban.why));
                }
            }
        }
    }
    for name in &policy.single {
        let versions: Vec<&str> =
            metadata.packages.iter().filter(|p| p.name == *name).map(|p| p.version.as_str()).collect();
        if versions.len() > 1 {
            wrong.push(format!(
                "{name} is in the tree in {} versions ({}): `cargo tree -i {name}@VERSION` shows who asks for which",
                versions.len(),
                versions.join(", ")
            ));
        }
    }
    for exception in &policy.exceptions {
        let used = metadata.packages.iter().any(|p| p.name == exception.name);
        if !used || exception.why.is_empty() {
            let what = if used { "gives no reason" } else { "is no longer needed" };
            wrong.push(format!("the licence exception for {} {what}: see {FILE}", exception.name));
        }
    }
    wrong
}

fn licence(policy: &Policy, package: &Package) -> Option<String> {
    let Some(expression) = &package.license else {
        let file = package.license_file.as_deref().unwrap_or("no licence file either");
        return Some(format!(
            "{} names no SPDX licence ({file}): choose another crate, or list it in {FILE}",
            at(package)
        ));
    };
    if policy.exceptions.iter().any(|e| e.name == package.name && e.licence == *expression) {
        return None;
    }
    match licence::allowed(expression, &policy.licences) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "{} is under {expression}, which is not in the allow-list: choose another crate, or list it with a reason in {FILE}",
            at(package)
        )),
        Err(e) => Some(format!("{}: {e}", at(package))),
    }
}

fn importers(metadata: &Metadata, package: &Package) -> String {
    let ids: Vec<&str> = metadata
        .resolve
        .nodes
        .iter()
        .filter(|n| n.deps.iter().any(|d| d.pkg == package.id))
        .map(|n| n.id.as_str())
        .collect();
    let names: Vec<String> = metadata.packages.iter().filter(|p| ids.contains(&p.id.as_str())).map(at).collect();
    names.join(", ")
}

fn at(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn package(name: &str, version: &str, license: Value, source: Option<&str>, uses: &[&str]) -> Value {
        let dependencies: Vec<_> = uses.iter().map(|u| json!({"name": u, "kind": null})).collect();
        json!({"id": format!("{name}@{version}"), "name": name, "version": version, "license": license,
            "license_file": null, "source": source, "dependencies": dependencies})
    }

    fn told(packages: &[Value]) -> Vec<String> {
        // What the policy excepts is in the tree, or the exception is told as one too many.
        let mut policy: Policy = toml::from_str(POLICY).unwrap();
        policy.exceptions.clear();
        told_by(&policy, packages)
    }

    fn told_by(policy: &Policy, packages: &[Value]) -> Vec<String> {
        let metadata = serde_json::from_value(json!({"packages": packages, "resolve": {"nodes": []}})).unwrap();
        judge(policy, &metadata)
    }

    fn external(name: &str, license: &str) -> Value {
        package(name, "1.0.0", json!(license), Some(CRATES_IO), &[])
    }

    #[test]
    fn a_permissive_crate_from_the_registry_passes() {
        assert_eq!(told(&[external("good", "MIT OR Apache-2.0")]), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_breach_is_named() {
        for (breach, expected) in [
            (external("copyleft", "AGPL-3.0-only"), "copyleft 1.0.0 is under AGPL-3.0-only"),
            (package("none", "1.0.0", Value::Null, Some(CRATES_IO), &[]), "none 1.0.0 names no SPDX licence"),
            (
                package("git", "1.0.0", json!("MIT"), Some("git+https://example.com/x"), &[]),
                "git 1.0.0 comes from git+",
            ),
            (external("openssl-sys", "MIT"), "openssl-sys 1.0.0 is banned"),
            (external("aws-lc-rs", "ISC"), "aws-lc-rs 1.0.0 is banned"),
            (external("yaml-rust2", "MIT"), "yaml-rust2 1.0.0 is banned"),
            (external("serde_yaml", "MIT"), "serde_yaml 1.0.0 is banned"),
            (
                package("sagewright-x", "0.1.0", json!("Apache-2.0"), None, &["chrono"]),
                "sagewright-x must not use chrono",
            ),
        ] {
            let wrong = told(&[breach]);
            assert_eq!(wrong.len(), 1, "{expected}: {wrong:?}");
            assert!(wrong[0].starts_with(expected), "{wrong:?}");
        }
    }

    #[test]
    fn an_exception_holds_for_its_licence_and_only_while_it_is_needed() {
        let policy: Policy = toml::from_str(POLICY).unwrap();
        let excepted: Vec<_> = policy.exceptions.iter().map(|e| external(&e.name, &e.licence)).collect();
        assert_eq!(told_by(&policy, &excepted), Vec::<String>::new());
        assert_eq!(told_by(&policy, &[]).len(), excepted.len());
        let changed: Vec<_> = policy.exceptions.iter().map(|e| external(&e.name, "AGPL-3.0-only")).collect();
        assert!(told_by(&policy, &changed).iter().any(|wrong| wrong.contains("is under AGPL-3.0-only")));
    }

    #[test]
    fn a_second_tls_version_is_named() {
        let second = package("rustls", "0.21.0", json!("MIT"), Some(CRATES_IO), &[]);
        let wrong = told(&[external("rustls", "MIT"), second]);
        assert!(wrong[0].starts_with("rustls is in the tree in 2 versions (1.0.0, 0.21.0)"), "{wrong:?}");
    }
}
