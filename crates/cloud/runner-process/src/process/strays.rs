//! Processes that left their container's group: a daemon makes a session of its own. A container ends with its first
//! process, so they end too. They are known by a variable that each process of a container inherits, whose value nobody
//! can know by chance: it begins with an id that this state folder alone has.
//!
//! Linux only: other systems do not show the environment of processes.

use sagewright_cloud_core::runner::Labels;

/// The variable: the id of the cloud, a slash and an id of the container, then its labels.
pub(super) const VARIABLE: &str = "SAGEWRIGHT_CONTAINER";

/// What the processes of a new container are known by.
pub(super) fn mark(cloud: &str, labels: &Labels) -> String {
    let Labels { account, arn, host, epoch } = labels;
    format!("{cloud}/{} {account} {epoch} {host} {arn}", uuid::Uuid::new_v4())
}

/// The labels in a mark of this cloud, none of which has a space in it; empty ones for the mark of another version.
fn labels(cloud: &str, mark: &[u8]) -> Option<Labels> {
    let mark = mark.strip_prefix(cloud.as_bytes())?.strip_prefix(b"/")?;
    let parsed = || {
        let mut words = std::str::from_utf8(mark).ok()?.splitn(5, ' ').skip(1);
        let mut next = || words.next().map(str::to_owned);
        let (account, epoch, host, arn) = (next()?, next()?.parse().ok()?, next()?, next()?);
        Some(Labels { account, arn, host, epoch })
    };
    Some(parsed().unwrap_or_default())
}

/// The containers of a cloud that have processes.
pub(super) fn list(cloud: &str) -> Vec<Labels> {
    let mut found = Vec::new();
    #[cfg(target_os = "linux")]
    linux::each(&mut |_, mark| found.extend(labels(cloud, mark)));
    #[cfg(not(target_os = "linux"))]
    let _ = cloud;
    found.sort();
    found.dedup();
    found
}

/// Kills what is left of a container.
pub(super) fn end(mark: &str) {
    end_where(&|value| value == mark.as_bytes());
}

/// Kills what is left of the containers with these labels.
pub(super) fn end_labelled(cloud: &str, wanted: &Labels) {
    end_where(&|value| labels(cloud, value).is_some_and(|found| found == *wanted));
}

/// Kills what is left of all containers of a cloud.
pub fn end_all(cloud: &str) {
    end_where(&|value| value.strip_prefix(cloud.as_bytes()).is_some_and(|rest| rest.starts_with(b"/")));
}

fn end_where(is_meant: &dyn Fn(&[u8]) -> bool) {
    #[cfg(target_os = "linux")]
    linux::kill(is_meant);
    #[cfg(not(target_os = "linux"))]
    let _ = is_meant;
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

    fn find(is_meant: &dyn Fn(&[u8]) -> bool) -> Vec<Pid> {
        let mut found = Vec::new();
        each(&mut |pid, mark| found.extend(is_meant(mark).then_some(pid)));
        found
    }

    /// Shows all processes that bear a mark but this one. Those of other users cannot be looked into, and are none of
    /// ours; what has ended has no environment.
    pub(super) fn each(found: &mut dyn FnMut(Pid, &[u8])) {
        let own = rustix::process::getpid();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        for pid in pids.filter(|pid| *pid != own) {
            let environment = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            let mark = variables.find_map(|v| v.strip_prefix(super::VARIABLE.as_bytes())?.strip_prefix(b"="));
            if let Some(mark) = mark {
                found(pid, mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_its_labels_to_its_own_cloud() {
        let wanted = Labels {
            account: "000000000000".into(),
            arn: "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e".into(),
            host: "v/i-1/0".into(),
            epoch: 3,
        };
        let mark = mark("one", &wanted);
        assert_eq!(labels("one", mark.as_bytes()), Some(wanted));
        assert_eq!(labels("on", mark.as_bytes()), None);
        assert_eq!(labels("one", b"one/of an older version"), Some(Labels::default()));
    }
}
