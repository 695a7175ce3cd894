//! Processes that left their container's group: a daemon makes a session of its own. A container ends with its first
//! process, so they end too. They are known by a variable that each process of a container inherits, whose value nobody
//! can know by chance: it begins with an id that this state folder alone has.
//!
//! Linux only: other systems do not show the environment of processes.

use std::fs;
use std::io;
use std::path::Path;

/// The variable: the id of the cloud, a slash and an id of the container.
pub(super) const VARIABLE: &str = "SAGEWRIGHT_CONTAINER";

/// The id of a state folder, made at its first use.
pub fn cloud_id(data: &Path) -> io::Result<String> {
    let path = data.join("cloud-id");
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let id = uuid::Uuid::new_v4().to_string();
    fs::write(&path, &id)?;
    Ok(id)
}

/// Kills what is left of a container.
pub(super) fn end(mark: &str) {
    #[cfg(target_os = "linux")]
    linux::kill(&|value| value == mark.as_bytes());
    #[cfg(not(target_os = "linux"))]
    let _ = mark;
}

/// Kills what is left of all containers of a cloud that was killed, where it left any work.
pub fn end_all(cloud: &str, work: &Path) {
    let mut jobs = fs::read_dir(work).into_iter().flatten().flatten();
    if !jobs.any(|of_a_kind| fs::read_dir(of_a_kind.path()).is_ok_and(|mut entries| entries.next().is_some())) {
        return;
    }
    #[cfg(target_os = "linux")]
    linux::kill(&|value| value.strip_prefix(cloud.as_bytes()).is_some_and(|rest| rest.starts_with(b"/")));
    #[cfg(not(target_os = "linux"))]
    let _ = cloud;
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Pid, Signal, kill_process};

    /// A process may start another one while it is looked for.
    const MOST_LOOKS: usize = 10;

    pub(super) fn kill(is_meant: &dyn Fn(&[u8]) -> bool) {
        let mut nothing = 0;
        for _ in 0..MOST_LOOKS {
            let found = find(is_meant);
            // A process that becomes another program just now shows no environment for a moment.
            nothing = if found.is_empty() { nothing + 1 } else { 0 };
            if nothing == 2 {
                return;
            }
            for pid in found {
                tracing::info!(pid = pid.as_raw_nonzero().get(), "a process outlived its container; it is killed");
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Processes of other users cannot be looked into, and are none of ours; what has ended has no environment.
    fn find(is_meant: &dyn Fn(&[u8]) -> bool) -> Vec<Pid> {
        let own = rustix::process::getpid();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let of = |entry: &std::fs::DirEntry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            let value = variables.find_map(|v| v.strip_prefix(super::VARIABLE.as_bytes())?.strip_prefix(b"="))?;
            (pid != own && is_meant(value)).then_some(pid)
        };
        processes.filter_map(|entry| of(&entry)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_keeps_its_id() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = cloud_id(one.path()).unwrap();
        assert_eq!(cloud_id(one.path()).unwrap(), id);
        assert_ne!(cloud_id(other.path()).unwrap(), id);
    }
}
