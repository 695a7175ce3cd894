//! When the shared config files were written: keys in them are rotated by writing the files.

use std::path::PathBuf;
use std::time::SystemTime;

/// The files as they were at a moment: time and size of each, where it is there.
pub(crate) type Stamp = [Option<(SystemTime, u64)>; 2];

/// The shared config files of the environment.
#[derive(Debug)]
pub(super) struct Files([Option<PathBuf>; 2]);

impl Files {
    pub(super) fn of_environment() -> Self {
        let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
        let path = |variable: &str, name: &str| {
            let named = std::env::var_os(variable).map(PathBuf::from);
            // As the SDKs: a path may begin with the home folder's sign.
            let named = named.map(|path| match path.strip_prefix("~") {
                Ok(rest) => home().map_or(path.clone(), |home| home.join(rest)),
                Err(_) => path,
            });
            named.or_else(|| Some(home()?.join(".aws").join(name)))
        };
        Self([path("AWS_SHARED_CREDENTIALS_FILE", "credentials"), path("AWS_CONFIG_FILE", "config")])
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.0.each_ref().map(|path| {
            let metadata = std::fs::metadata(path.as_ref()?).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}
