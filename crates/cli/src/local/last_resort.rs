//! What ends this process when it does not end in order: a thread of its own, which nothing that hangs can hold up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sagewright_cloud::cloud;

use crate::exit::Exit;
use crate::signals::Signals;

/// From the first signal. In order, the end takes less: see `Cloud::shutdown`.
const PATIENCE: Duration = Duration::from_secs(60);
/// From the second signal, which asks for an end at once.
const HASTE: Duration = Duration::from_secs(3);

/// Watches for signals until the process has ended.
pub(super) fn arm(data: &Path) {
    watch(data.to_path_buf(), PATIENCE, HASTE);
}

fn watch(data: PathBuf, patience: Duration, haste: Duration) {
    let watch = move || {
        // Not the program's runtime: its workers may be what hangs.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let mut signals = Signals::new();
            signals.next().await;
            tokio::select! {
                () = tokio::time::sleep(patience) => {}
                () = async { signals.next().await; tokio::time::sleep(haste).await } => {}
            }
        });
        tracing::error!("the embedded cloud does not stop in order and is ended; what was acknowledged is kept");
        cloud::end_processes(&data);
        std::process::exit(Exit::Failed as i32);
    };
    if let Err(error) = std::thread::Builder::new().name("last resort".into()).spawn(watch) {
        tracing::warn!(%error, "nothing will end this process if it hangs");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use super::*;

    /// The process of [`a_process_whose_workers_hang_ends_all_the_same`].
    #[test]
    #[ignore = "started by another test, which sends it a signal"]
    fn process_that_hangs() {
        let data = PathBuf::from(std::env::var("TEST_DATA").unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let _heard = Signals::new();
            watch(data.clone(), Duration::from_millis(50), Duration::ZERO);
            let hang = tokio::spawn(async move {
                fs::write(data.join("hangs"), "").unwrap();
                loop {
                    std::thread::park();
                }
            });
            drop(hang.await);
        });
    }

    #[test]
    fn a_process_whose_workers_hang_ends_all_the_same() {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "local::last_resort::tests::process_that_hangs"])
            .env("TEST_DATA", data.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !data.path().join("hangs").exists() {
            assert_eq!(child.try_wait().unwrap(), None, "it ends before it hangs");
            std::thread::yield_now();
        }
        // The thread may take the signals over a moment later, but each that comes then ends the process.
        let status = loop {
            assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
        };
        assert_eq!(status.code(), Some(Exit::Failed as i32));
    }
}
