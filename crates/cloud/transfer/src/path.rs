//! Where an object's file goes: never outside the folder that it is meant for.

use std::path::{Component, Path, PathBuf};

/// The part of a key that names its file below a prefix, as SageMaker lays out channels: all behind the prefix when it
/// ends a folder, else from the prefix's last folder on.
pub fn below<'k>(prefix: &str, key: &'k str) -> &'k str {
    let rest = key.strip_prefix(prefix).unwrap_or(key);
    if prefix.is_empty() || prefix.ends_with('/') {
        return rest;
    }
    if let Some(rest) = rest.strip_prefix('/') {
        return rest;
    }
    prefix.rfind('/').and_then(|folder| key.get(folder + 1..)).unwrap_or(key)
}

/// A relative path that stays in its folder; `None` for a folder marker (an empty name or one that ends with `/`).
///
/// # Errors
/// The name would leave the folder, or no file can have it.
pub fn inside(name: &str) -> Result<Option<PathBuf>, String> {
    if name.is_empty() || name.ends_with('/') {
        return Ok(None);
    }
    if name.contains('\0') {
        return Err(format!("'{}' cannot be the name of a file", name.escape_default()));
    }
    let path: PathBuf = name.split('/').filter(|part| !part.is_empty()).collect();
    if stays(&path) { Ok(Some(path)) } else { Err(format!("'{name}' leads out of its folder")) }
}

/// Whether a relative path consists of plain names.
pub fn stays(path: &Path) -> bool {
    path.components().all(|c| matches!(c, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_paths_below_their_prefix() {
        for (prefix, key, path) in [
            ("data/train/", "data/train/a/b.csv", "a/b.csv"),
            ("data/train", "data/train/a.csv", "a.csv"),
            ("data/train", "data/train-1.csv", "train-1.csv"),
            ("data/train.csv", "data/train.csv", "train.csv"),
            ("data/tr", "data/train/x.csv", "train/x.csv"),
            ("", "a/b", "a/b"),
            ("top", "topping", "topping"),
        ] {
            assert_eq!(below(prefix, key), path, "{prefix} {key}");
        }
    }

    #[test]
    fn no_name_leads_out() {
        for bad in ["../x", "a/../../x", "a/./..", "..", "x\0y"] {
            assert!(inside(bad).is_err(), "{bad:?}");
        }
        assert_eq!(inside("/etc//passwd"), Ok(Some("etc/passwd".into())));
        assert_eq!(inside("a/"), Ok(None));
    }
}
