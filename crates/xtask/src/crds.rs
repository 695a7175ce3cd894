//! `cargo xtask crds`: the CustomResourceDefinitions of the charts, from rows and service models.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Where they are, from the top of the checkout: folders that helm applies before everything else. The legacy kinds have a
/// chart of their own: where both groups are served, `kubectl get model` means theirs.
const FOLDERS: [(&str, bool); 2] =
    [("charts/sagewright-crds/crds", false), ("charts/sagewright-legacy-crds/crds", true)];

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when the committed files are not what this command makes
    #[arg(long)]
    pub check: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    FOLDERS.into_iter().try_for_each(|(folder, legacy)| make(args, folder, legacy))
}

fn make(args: &Args, at: &str, legacy: bool) -> Result<()> {
    let folder = crate::root().join(at);
    let all = sagewright_crds::all();
    let made: BTreeMap<String, String> =
        all.iter().filter(|crd| crd.is_legacy() == legacy).map(|crd| (crd.file(), crd.yaml())).collect();
    let stale = stale(&folder, &made)?;
    if args.check {
        ensure!(
            stale.is_empty(),
            "{at} is not what rows and models give: {}; run `cargo xtask crds`",
            stale.join(", ")
        );
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {at}"))?;
    for name in stale {
        let path = folder.join(&name);
        match made.get(&name) {
            Some(text) => fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?,
            // A kind that is no more.
            None => fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?,
        }
        println!("{at}/{name}");
    }
    Ok(())
}

/// Files that differ, are missing, or are no definition's.
fn stale(folder: &Path, made: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut stale: Vec<String> = made
        .iter()
        .filter(|(name, text)| fs::read_to_string(folder.join(name)).ok().as_deref() != Some(text.as_str()))
        .map(|(name, _)| name.clone())
        .collect();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !made.contains_key(&name) {
                stale.push(name);
            }
        }
    }
    stale.sort();
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_are_missing_or_belong_to_nothing_are_stale() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("same.yaml", "a"), ("other.yaml", "old"), ("left.yaml", "b")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let made = [("same.yaml", "a"), ("other.yaml", "new"), ("missing.yaml", "c")];
        let made = made.map(|(name, text)| (name.to_owned(), text.to_owned())).into_iter().collect();
        assert_eq!(stale(folder.path(), &made).unwrap(), ["left.yaml", "missing.yaml", "other.yaml"]);
        assert_eq!(stale(&folder.path().join("none"), &made).unwrap().len(), 3);
    }
}
