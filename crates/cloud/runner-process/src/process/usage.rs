//! What the processes of a group take. Linux only: other systems have no `/proc`.

use sagewright_cloud_core::runner::Meter;

/// What measures a process group.
pub(super) fn meter(group: i32) -> Option<Meter> {
    #[cfg(target_os = "linux")]
    return Some(std::sync::Arc::new(move || linux::usage(group)));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = group;
        None
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::time::Duration;

    use sagewright_cloud_core::runner::Usage;

    /// Of `USER_HZ`, which is 100 for all programs.
    const TICK: Duration = Duration::from_millis(10);

    /// What all processes of a group take; `None` where there is none. A process that left the group is not counted.
    pub(super) fn usage(group: i32) -> Option<Usage> {
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut out = None;
        for process in processes.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit)) {
            // A process may end while it is looked at.
            let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
            let Some(ticks) = ticks(&stat, group) else { continue };
            let usage: &mut Usage = out.get_or_insert_default();
            usage.cpu += TICK.saturating_mul(ticks);
            usage.memory += kilobytes(&process.path().join("status"), "VmRSS:").unwrap_or(0) * 1024;
        }
        let machine = kilobytes("/proc/meminfo".as_ref(), "MemTotal:").unwrap_or(0) * 1024;
        out.map(|usage| Usage { machine, ..usage })
    }

    /// Computing time of a process and of its children that have ended, where it is of the group.
    fn ticks(stat: &str, group: i32) -> Option<u32> {
        // The program's name, in brackets, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        if fields.get(2)?.parse() != Ok(group) {
            return None;
        }
        fields.get(11..15)?.iter().map(|ticks| ticks.parse::<u32>().ok()).sum()
    }

    fn kilobytes(path: &std::path::Path, name: &str) -> Option<u64> {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_group_is_measured_whatever_its_programs_are_called() {
            let stat = |group: i32| format!("7 (a) b (c) S 1 {group} 7 0 -1 0 0 0 0 0 10 20 3 4 20 0 1 0 0 0 0 0");
            assert_eq!((ticks(&stat(7), 7), ticks(&stat(8), 7), ticks("7 (x", 7)), (Some(37), None, None));
            let own = rustix::process::getpgrp().as_raw_nonzero().get();
            let usage = usage(own).unwrap();
            assert!(usage.memory > 0 && usage.machine > usage.memory);
        }
    }
}
