//! The links of an archive, made after its files, so that nothing is ever written through one.

use std::fs;
use std::path::{Path, PathBuf};

/// Times that links are looked at again because others have been made; Linux follows no longer chain.
const ROUNDS: usize = 40;

/// A link of an archive.
pub(crate) struct Link {
    pub name: PathBuf,
    pub to: PathBuf,
    pub hard: bool,
}

/// Makes the links that lead to a file or folder inside, those that lead there through others too. The rest is left out.
pub(crate) fn make(folder: &Path, mut links: Vec<Link>) {
    let Ok(root) = fs::canonicalize(folder) else { return };
    for _ in 0..ROUNDS {
        let before = links.len();
        links.retain(|link| !link.make(&root));
        if links.is_empty() || links.len() == before {
            break;
        }
    }
    if let Some(link) = links.first() {
        tracing::debug!(name = %link.name.display(), count = links.len(), "links of an archive were left out");
    }
}

impl Link {
    fn make(&self, root: &Path) -> bool {
        let target = root.join(&self.name);
        let Some(parent) = target.parent() else { return false };
        if fs::create_dir_all(parent).is_err() || !fs::canonicalize(parent).is_ok_and(|p| p.starts_with(root)) {
            return false;
        }
        let place = if self.hard { root.join(&self.to) } else { parent.join(&self.to) };
        let Ok(place) = fs::canonicalize(place) else { return false };
        if !place.starts_with(root) {
            return false;
        }
        let made =
            if self.hard { fs::hard_link(&place, &target) } else { std::os::unix::fs::symlink(&self.to, &target) };
        made.is_ok()
    }
}
