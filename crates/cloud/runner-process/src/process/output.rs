//! Reads what a container writes.

use std::os::fd::OwnedFd;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use sagewright_cloud_core::runner::LineSink;
use sagewright_cloud_core::runner::lines::Cutter;

/// Reads a pipe to its end and gives each line to the sink. Sinks write files and look for metrics, so that they run on
/// threads that may wait; as long as one is at work, the container waits to write more.
pub(super) async fn read(pipe: OwnedFd, lines: LineSink) {
    let mut pipe = match Receiver::from_owned_fd(pipe) {
        Ok(pipe) => pipe,
        Err(error) => {
            tracing::error!(%error, "cannot read a container's output");
            return;
        }
    };
    let mut cutter = Cutter::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                let lines = lines.clone();
                let fed = tokio::task::spawn_blocking(move || {
                    cutter.feed(buffer.get(..n).unwrap_or_default(), &*lines);
                    (cutter, buffer)
                });
                match fed.await {
                    Ok(back) => (cutter, buffer) = back,
                    Err(error) => {
                        tracing::error!(%error, "a container's output is no longer read");
                        return;
                    }
                }
            }
        }
    }
    let finished = tokio::task::spawn_blocking(move || cutter.finish(&*lines)).await;
    if let Err(error) = finished {
        tracing::error!(%error, "the last line of a container's output is lost");
    }
}
