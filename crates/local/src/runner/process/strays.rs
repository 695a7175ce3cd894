//! Processes that left their container's group: a daemon makes a session of its own. A container ends with its first
//! process, so they end too. They are known by the variable that each process of a container inherits.
//!
//! Linux only: other systems do not show the environment of processes.

use std::path::Path;

/// Kills what is left of the container whose folder this is.
pub(super) fn end(base: &Path) {
    #[cfg(target_os = "linux")]
    linux::kill(&|folder| folder == base);
    #[cfg(not(target_os = "linux"))]
    let _ = base;
}

/// Kills what is left of all containers whose folders were below this one.
pub(crate) fn end_below(work: &Path) {
    #[cfg(target_os = "linux")]
    linux::kill(&|folder| folder.starts_with(work));
    #[cfg(not(target_os = "linux"))]
    let _ = work;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use rustix::process::{Pid, Signal, kill_process};

    const VARIABLE: &[u8] = b"SAGEMAKER_BASE_DIR=";
    /// A process may start another one while it is looked for.
    const MOST_LOOKS: usize = 10;

    pub(super) fn kill(is_meant: &dyn Fn(&Path) -> bool) {
        for _ in 0..MOST_LOOKS {
            let found = find(is_meant);
            if found.is_empty() {
                return;
            }
            for pid in found {
                tracing::info!(pid = pid.as_raw_nonzero().get(), "a process outlived its container; it is killed");
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Processes of other users cannot be looked into, and are none of ours; what has ended has no environment.
    fn find(is_meant: &dyn Fn(&Path) -> bool) -> Vec<Pid> {
        let own = rustix::process::getpid();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let of = |entry: &std::fs::DirEntry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            let folder = variables.find_map(|variable| variable.strip_prefix(VARIABLE))?;
            (pid != own && is_meant(Path::new(OsStr::from_bytes(folder)))).then_some(pid)
        };
        processes.filter_map(|entry| of(&entry)).collect()
    }
}
