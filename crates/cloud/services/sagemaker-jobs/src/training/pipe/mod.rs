//! Input mode Pipe: channels that are streamed to the program through named pipes, one for each epoch, without end.
//!
//! A thread of its own serves each channel of each host. It waits for the program to open an epoch's pipe; the next
//! one is there before. No thread, descriptor or byte on disk outlives [`Streams`].

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::channels::DOWNLOAD;
use super::folder::receivers;
use super::request::Plan;
use crate::job::data::reason;
use crate::job::hosts::HostFolder;

pub(super) mod augmented;
mod content;
mod fifo;
mod order;
mod recordio;

use content::Interrupt;
pub(super) use content::{Contents, Origin, Part};
use fifo::{Fifos, Opened};

/// The contents of a Pipe channel.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    /// Its place among the channels of the plan.
    pub channel: usize,
    pub contents: Arc<Contents>,
}

/// The streams of a running job. Dropping ends them and waits for their threads, which takes moments.
pub(super) struct Streams {
    threads: Vec<(Arc<Fifos>, JoinHandle<()>)>,
    wake: PipeWriter,
    failures: mpsc::UnboundedReceiver<String>,
}

/// What a thread works with.
struct Stream {
    fifos: Arc<Fifos>,
    contents: Arc<Contents>,
    origin: Origin,
    /// Number of the host among all that get the channel.
    share: (usize, usize),
    wake: Arc<PipeReader>,
    /// For messages.
    path: PathBuf,
}

impl Streams {
    /// Makes the first epoch's pipes of all hosts and begins to serve them. `scratch` is a folder on the hosts' disk.
    pub fn start(
        feeds: &[Feed],
        plan: &Plan,
        hosts: &[HostFolder],
        scratch: &Path,
        origin: &Origin,
    ) -> Result<Self, String> {
        let internal = |e: io::Error| format!("InternalServerError: cannot start to stream the job's data: {e}");
        let (asleep, wake) = io::pipe().map_err(internal)?;
        let asleep = Arc::new(asleep);
        let (report, failures) = mpsc::unbounded_channel();
        let mut streams = Self { threads: Vec::new(), wake, failures };
        for feed in feeds {
            let Some(channel) = plan.channels.get(feed.channel) else { continue };
            let receivers = receivers(plan, channel, hosts);
            for (number, host) in receivers.iter().enumerate() {
                let kept = scratch.join("pipes").join(&host.name);
                let path = host.channels();
                fs::create_dir_all(&kept).map_err(internal)?;
                let fifos = Arc::new(Fifos::new(&path, &kept, &channel.name));
                fifos.make(0).map_err(|e| reason(DOWNLOAD, e).unwrap_or_default())?;
                let stream = Stream {
                    fifos: fifos.clone(),
                    contents: feed.contents.clone(),
                    origin: origin.clone(),
                    share: (number, receivers.len()),
                    wake: asleep.clone(),
                    path: path.join(&channel.name),
                };
                let report = report.clone();
                let thread = std::thread::Builder::new().name(format!("pipe-{}", channel.name));
                let thread = thread.spawn(move || {
                    stream.serve(|reason| drop(reason.map(|reason| report.send(reason))));
                });
                streams.threads.push((fifos, thread.map_err(internal)?));
            }
        }
        Ok(streams)
    }

    /// Completes with a `FailureReason` when data cannot be had; never if all is well.
    pub async fn failed(&mut self) -> String {
        match self.failures.recv().await {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let _ = self.wake.write_all(b"!");
        for (fifos, thread) in self.threads.drain(..) {
            match fifos.end() {
                Ok(reader) => {
                    if thread.join().is_err() {
                        tracing::error!("a thread that streams a job's data has panicked");
                    }
                    drop(reader);
                }
                // A thread that is left behind is better than a job that never ends.
                Err(error) => tracing::error!(%error, "cannot end a thread that streams a job's data"),
            }
        }
    }
}

impl Stream {
    fn serve(&self, report: impl Fn(Option<String>)) {
        for epoch in 0.. {
            let fifo = match self.fifos.make(epoch + 1).and_then(|()| self.fifos.open(epoch)) {
                Ok(Some(fifo)) => fifo,
                Ok(None) => return,
                Err(error) => return report(reason(DOWNLOAD, error)),
            };
            let mut opened = Opened { fifo, wake: &self.wake, path: &self.path };
            match self.contents.write(&self.origin, epoch, self.share, &mut opened) {
                Ok(()) | Err(Interrupt::Closed) => self.fifos.remove(epoch),
                Err(Interrupt::Ended) => return,
                Err(Interrupt::Failed(error)) => {
                    report(reason(DOWNLOAD, error));
                    return opened.hold();
                }
            }
        }
    }
}
