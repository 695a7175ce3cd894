//! Why the program of a training job failed.

use std::fs;
use std::io::{self, Read as _};

use sagewright_cloud_core::limits;
use sagewright_cloud_core::runner::Exit;
use sagewright_cloud_transfer::plain;

use super::folder::FAILURE;
use crate::job::halt::{Cause, algorithm_error};
use crate::job::hosts::HostFolder;

/// `FailureReason`, unless the job ended well or was ended.
pub(super) fn of(cause: &Cause, hosts: &[HostFolder]) -> Option<String> {
    match cause {
        Cause::Crashed(host, exit) => Some(failure(hosts.get(*host), *exit)),
        Cause::Broken(reason) => Some(reason.clone()),
        Cause::Exited | Cause::Stopped | Cause::TimedOut | Cause::Interrupted => None,
    }
}

/// `FailureReason` of a container that ended badly: what it wrote to `output/failure`, and its exit code.
fn failure(host: Option<&HostFolder>, exit: Exit) -> String {
    let written = host.and_then(|host| told(host).ok()).unwrap_or_default();
    algorithm_error(&String::from_utf8_lossy(&written), exit)
}

/// What the program wrote about its failure: the beginning of a plain file of its own. A link or a pipe in its place could
/// tell of other files, or never end.
fn told(host: &HostFolder) -> io::Result<Vec<u8>> {
    let file = plain::open(&fs::canonicalize(&host.base)?.join(FAILURE))?;
    let mut text = Vec::new();
    file.take(limits::FAILURE_FILE).read_to_end(&mut text)?;
    Ok(text)
}
