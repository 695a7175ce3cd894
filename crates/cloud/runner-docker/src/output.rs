//! What a container writes, until it has ended and nothing more comes.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt as _;
use sagewright_cloud_core::runner::LineSink;
use sagewright_cloud_core::runner::lines::Cutter;
use tokio::sync::watch;

use crate::container::Run;
use crate::engine::told;

/// How long further output is awaited after a container's end, from one piece to the next.
const DRAIN: Duration = Duration::from_secs(2);

/// How long an engine whose stream broke off has until it is asked again, at first and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a stream of output ended.
enum End {
    /// The engine closed it.
    Closed,
    /// The container has ended, and nothing more comes.
    Silent,
    /// In another way.
    Broken(String),
}

/// Output on its way to the sink.
struct Output {
    /// A line of one stream is not cut by what the other writes.
    cutters: [Cutter; 2],
    /// Bytes of each stream that were passed on.
    passed: [usize; 2],
    lines: LineSink,
}

/// Gives a container's lines to the sink. `over` turns true when the container has ended. A stream that breaks off before that is
/// opened again, and goes on where it was.
pub async fn pass(run: Run, lines: LineSink, mut over: watch::Receiver<bool>) {
    let mut output = Output { cutters: Default::default(), passed: [0, 0], lines };
    let mut pause = PAUSE;
    loop {
        let last = *over.borrow();
        let before = output.passed;
        let end = output.read(&run, &mut over).await;
        if output.passed != before {
            pause = PAUSE;
        }
        let why = match end {
            End::Closed if last => break,
            End::Silent => {
                tracing::warn!(container = run.id, "the container engine does not end a container's output");
                break;
            }
            End::Closed => None,
            End::Broken(why) => Some(why),
        };
        // What ended well is told as ended in a moment.
        let ended = tokio::select! {
            ended = over.wait_for(|over| *over) => ended.is_ok(),
            () = run.engine.clock.sleep(pause) => false,
        };
        match why {
            None if ended => break,
            Some(why) if last => {
                tracing::warn!(why, container = run.id, "a container's output is not read to its end");
                break;
            }
            Some(why) => tracing::warn!(why, container = run.id, "a container's output broke off: it is read again"),
            None => {}
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    let Output { mut cutters, lines, .. } = output;
    let finished = tokio::task::spawn_blocking(move || cutters.iter_mut().for_each(|c| c.finish(&*lines)));
    if let Err(error) = finished.await {
        tracing::error!(%error, "the last line of a container's output is lost");
    }
}

impl Output {
    /// Reads the stream from its beginning, and passes on what is new.
    async fn read(&mut self, run: &Run, over: &mut watch::Receiver<bool>) -> End {
        let all = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).build();
        let mut stream = std::pin::pin!(run.engine.streams.logs(&run.id, Some(all)));
        let mut known = self.passed;
        loop {
            let silent = async {
                // The sender outlives this task.
                let _ = over.wait_for(|over| *over).await;
                run.engine.clock.sleep(DRAIN).await;
            };
            let piece = tokio::select! {
                biased;
                piece = stream.next() => piece,
                () = silent => return End::Silent,
            };
            let (which, bytes) = match piece {
                None => return End::Closed,
                Some(Ok(piece)) => of(piece),
                Some(Err(error)) => return End::Broken(told(&error)),
            };
            let again = known[which].min(bytes.len());
            known[which] -= again;
            if let Err(why) = self.feed(which, bytes.slice(again..)).await {
                return End::Broken(why);
            }
        }
    }

    async fn feed(&mut self, which: usize, bytes: bytes::Bytes) -> Result<(), String> {
        self.passed[which] += bytes.len();
        let mut cutter = std::mem::take(&mut self.cutters[which]);
        let sink = self.lines.clone();
        let fed = tokio::task::spawn_blocking(move || {
            cutter.feed(&bytes, &*sink);
            cutter
        });
        self.cutters[which] = fed.await.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// The place of a piece's stream, and its bytes.
fn of(piece: LogOutput) -> (usize, bytes::Bytes) {
    match piece {
        LogOutput::StdErr { message } => (1, message),
        LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => (0, message),
    }
}
