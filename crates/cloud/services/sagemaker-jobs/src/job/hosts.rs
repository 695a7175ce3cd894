//! The hosts of a job, as its containers see them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The network interface that a job's hosts reach each other through. In AWS it is `eth0`, which this machine may not have.
pub const INTERFACE: &str = if cfg!(target_os = "macos") { "lo0" } else { "lo" };

/// One host of a job.
#[derive(Debug, Clone)]
pub struct HostFolder {
    /// `algo-1`, …
    pub name: String,
    /// Its `/opt/ml`.
    pub base: PathBuf,
}

impl HostFolder {
    /// A folder as its container sees it, for what users read.
    pub fn shown(&self, folder: &Path) -> String {
        format!("{} of {}", Path::new("/opt/ml").join(folder).display(), self.name)
    }
}

/// Hosts by name with an address each, so that each may use every port: some of the loopback network, of which Linux has
/// all.
pub fn names<'a>(hosts: impl Iterator<Item = &'a str>) -> Vec<(String, Ipv4Addr)> {
    // Away from 127.0, which people use; two jobs at once hardly ever get the same.
    let [high, low, ..] = uuid::Uuid::new_v4().into_bytes();
    let addresses = (1..255).map(|number| Ipv4Addr::new(127, 64 | (high & 63), low, number));
    hosts.map(str::to_owned).zip(addresses).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_told_as_its_container_sees_it() {
        let host = HostFolder { name: "algo-1".to_owned(), base: PathBuf::from("/data/work/j/algo-1") };
        assert_eq!(host.shown(Path::new("model")), "/opt/ml/model of algo-1");
    }
}
