//! What says that an environment is whole: a file that is written last.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Its name in an environment's folder.
const NAME: &str = "sagewright-environment.json";

/// What an environment holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// `sklearn:1.2-1`
    pub framework: String,
    /// `3.11.7`
    pub python: String,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Digest of the list that it was made from.
    pub lock: String,
    /// What is installed: `name==version`.
    pub packages: Vec<String>,
}

impl Marker {
    /// Reads the marker of an environment; `None` where it is not whole.
    pub(super) fn read(home: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(home.join(NAME)).ok()?).ok()
    }

    /// Writes it whole or not at all.
    pub(super) fn write(&self, home: &Path) -> io::Result<()> {
        let draft = home.join(format!("{NAME}.draft"));
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(draft, home.join(NAME))
    }

    /// Where packages differ from what is known of the image's: `pandas 1.5.3 (the image has 1.1.3)`.
    #[must_use]
    pub fn differences(&self, image: &[String]) -> Vec<String> {
        let version = |list: &[String], wanted: &str| {
            let mut pairs = list.iter().filter_map(|line| line.split_once("=="));
            // Linux gets the XGBoost without GPU code, which is a package of its own.
            let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
            pairs
                .find(|(name, _)| plain(name).trim_end_matches("-cpu") == wanted)
                .map(|(_, version)| version.to_owned())
        };
        let each = image.iter().filter_map(|line| {
            // The image's version is not always known.
            let Some((name, theirs)) = line.split_once("==") else {
                return version(&self.packages, line).is_none().then(|| format!("no {line}"));
            };
            match version(&self.packages, name) {
                Some(ours) if ours.split('+').next() == Some(theirs) => None,
                Some(ours) => Some(format!("{name} {ours} (the image has {theirs})")),
                None => Some(format!("no {name} (the image has {theirs})")),
            }
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_from_the_image_are_told() {
        let list = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let marker = Marker {
            framework: "xgboost:3.0-5".into(),
            python: "3.11.7".into(),
            bytes: 1,
            lock: "0".into(),
            packages: list(&[
                "xgboost-cpu==3.0.5",
                "pandas==1.5.3",
                "torch==2.1.0+cpu",
                "Flask==3.1.0",
                "typing_extensions==4.0.0",
            ]),
        };
        let image = [
            "xgboost==3.0.5",
            "pandas==1.1.3",
            "torch==2.1.0",
            "mlio==0.9.0",
            "flask",
            "typing-extensions==4.0.0",
            "smdebug",
        ];
        let image = list(&image);
        assert_eq!(
            marker.differences(&image),
            ["pandas 1.5.3 (the image has 1.1.3)", "no mlio (the image has 0.9.0)", "no smdebug"]
        );
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Marker::read(dir.path()), None);
        marker.write(dir.path()).unwrap();
        assert_eq!(Marker::read(dir.path()), Some(marker));
    }
}
