//! Who may import whom: the rules of `policy/layers.toml` over `cargo metadata` and the sources.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::metadata::{Metadata, fits};

#[derive(Deserialize)]
struct Policy {
    crates: BTreeMap<String, Layer>,
    pure: Pure,
    only: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Layer {
    may: Vec<String>,
    #[serde(default)]
    pure: bool,
}

#[derive(Deserialize)]
struct Pure {
    dependencies: Vec<String>,
    words: Vec<String>,
    circles: Vec<String>,
}

/// The pure crates.
pub struct PureCrates {
    pub names: Vec<String>,
    /// Those whose files may import each other in circles.
    pub circles: Vec<String>,
}

const POLICY: &str = include_str!("../../policy/layers.toml");

/// Which crates are pure.
pub fn pure_crates() -> Result<PureCrates> {
    let policy: Policy = toml::from_str(POLICY).context("policy/layers.toml")?;
    let names = policy.crates.into_iter().filter(|(_, layer)| layer.pure).map(|(name, _)| name).collect();
    Ok(PureCrates { names, circles: policy.pure.circles })
}

/// What breaks the layers.
pub fn check(metadata: &Metadata) -> Result<Vec<String>> {
    let policy: Policy = toml::from_str(POLICY).context("policy/layers.toml")?;
    let mut wrong = graph(&policy, metadata);
    for package in metadata.ours().filter(|p| policy.crates.get(&p.name).is_some_and(|layer| layer.pure)) {
        let folder = format!("{}/src", package.folder());
        for path in super::sources::tracked()?.iter().filter(|p| p.starts_with(&folder) && p.ends_with(".rs")) {
            let text = fs::read_to_string(crate::root().join(path)).with_context(|| format!("cannot read {path}"))?;
            wrong.extend(words(&policy.pure.words, path, &text));
        }
    }
    Ok(wrong)
}

fn graph(policy: &Policy, metadata: &Metadata) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in metadata.ours() {
        let Some(layer) = policy.crates.get(&package.name) else {
            wrong.push(format!(
                "{} is not in crates/xtask/policy/layers.toml: say there what it may import",
                package.name
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")) {
            let is_ours = metadata.ours().any(|p| p.name == dependency.name);
            if is_ours && !layer.may.contains(&dependency.name) {
                wrong.push(format!(
                    "{} must not import {} (it may import: {}): move what it needs down a layer, pass it in from the command, or, where the import is meant, add it in crates/xtask/policy/layers.toml",
                    package.name,
                    dependency.name,
                    if layer.may.is_empty() { "none of our crates".to_owned() } else { layer.may.join(", ") }
                ));
            }
        }
        for dependency in package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")) {
            if let Some(users) = policy.only.get(&dependency.name).filter(|users| !users.contains(&package.name)) {
                wrong.push(format!(
                    "{} must not depend on {}: a port stands before it, and only {} may",
                    package.name,
                    dependency.name,
                    users.join(", ")
                ));
            }
        }
        if layer.pure {
            for chain in metadata.chains(package) {
                let last = chain.last().copied().unwrap_or_default();
                if policy.pure.dependencies.iter().any(|p| fits(p, last)) {
                    wrong.push(format!(
                        "{} is pure and must not depend on {last} (through {}): put the I/O behind a port, or turn off the feature that brings it in",
                        package.name,
                        chain.join(" → ")
                    ));
                }
            }
        }
    }
    wrong
}

/// Ambient time, files and network in a pure crate, outside tests.
fn words(words: &[String], path: &str, text: &str) -> Vec<String> {
    let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .flat_map(|(i, line)| words.iter().filter(move |w| line.contains(w.as_str())).map(move |w| (i, w)))
        .map(|(i, word)| format!("{path}:{}: `{word}` in a pure crate: take the value as an argument", i + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(edges: &[(&str, &str, Option<&str>)]) -> Metadata {
        let names: std::collections::BTreeSet<&str> = edges.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        let packages: Vec<_> = names
            .iter()
            .map(|n| {
                let dependencies: Vec<_> = edges
                    .iter()
                    .filter(|(a, ..)| a == n)
                    .map(|(_, b, kind)| serde_json::json!({"name": b, "kind": kind}))
                    .collect();
                let source = if n.starts_with("sagewright") { None } else { Some("registry") };
                serde_json::json!({"id": n, "name": n, "version": "1.0.0", "license": "MIT", "license_file": null,
                    "source": source, "dependencies": dependencies})
            })
            .collect();
        let nodes: Vec<_> = names
            .iter()
            .map(|n| {
                let deps: Vec<_> = edges
                    .iter()
                    .filter(|(a, ..)| a == n)
                    .map(|(_, b, kind)| serde_json::json!({"pkg": b, "dep_kinds": [{"kind": kind}]}))
                    .collect();
                serde_json::json!({"id": n, "deps": deps})
            })
            .collect();
        serde_json::from_value(serde_json::json!({"packages": packages, "resolve": {"nodes": nodes}})).unwrap()
    }

    fn judge(edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        graph(&toml::from_str(POLICY).unwrap(), &metadata(edges))
    }

    #[test]
    fn an_import_up_or_across_is_named() {
        for (from, to) in [
            ("sagewright-cloud", "sagewright-kinds"),
            ("sagewright-cloud", "sagewright-engine"),
            ("sagewright-model", "sagewright-kinds"),
            ("sagewright-algorithms", "sagewright-model"),
            ("sagewright-aws", "sagewright-cloud"),
            ("sagewright-aws", "sagewright-engine"),
            ("sagewright-decide", "sagewright-engine"),
        ] {
            let wrong = judge(&[(from, to, None)]);
            assert_eq!(wrong.len(), 1, "{from} → {to}: {wrong:?}");
            assert!(wrong[0].starts_with(&format!("{from} must not import {to}")), "{wrong:?}");
        }
        assert!(
            judge(&[("sagewright", "sagewright-cloud", None), ("sagewright-aws", "sagewright-port", None)]).is_empty()
        );
    }

    #[test]
    fn a_database_is_used_behind_its_port_only() {
        assert!(judge(&[("sagewright-cloud-store-sqlite", "rusqlite", None)]).is_empty());
        assert!(judge(&[("sagewright-cloud", "rusqlite", Some("dev"))]).is_empty());
        let wrong = judge(&[("sagewright-cloud-core", "rusqlite", None)]);
        assert!(wrong[0].starts_with("sagewright-cloud-core must not depend on rusqlite"), "{wrong:?}");
    }

    #[test]
    fn a_pure_crate_may_use_tokio_in_tests_only() {
        assert!(judge(&[("sagewright-engine", "tokio", Some("dev"))]).is_empty());
        let wrong = judge(&[("sagewright-engine", "helper", None), ("helper", "tokio", None)]);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("sagewright-engine → helper → tokio"), "{wrong:?}");
    }

    #[test]
    fn a_crate_without_a_rule_is_named() {
        assert!(judge(&[("sagewright-new", "serde", None)])[0].starts_with("sagewright-new is not in"));
    }

    #[test]
    fn ambient_time_is_found_outside_tests_and_comments() {
        let list = vec!["SystemTime::now(".to_owned()];
        let text = "// SystemTime::now()\nlet t = SystemTime::now();\n#[cfg(test)]\nlet t = SystemTime::now();\n";
        let wrong = words(&list, "a.rs", text);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with("a.rs:2: "), "{wrong:?}");
    }
}
