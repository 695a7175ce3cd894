//! What the programs print: log lines on stderr as the container's logger writes them, and plain
//! lines on stdout. A closed pipe is ignored, because a job must not die of an absent reader.

use std::io::Write as _;

/// An information line, `[2026-01-31:12:00:00:INFO] message`, on stderr.
pub(crate) fn info(message: &str) {
    record("INFO", message);
}

/// A warning line on stderr.
pub(crate) fn warning(message: &str) {
    record("WARNING", message);
}

/// An error line on stderr.
pub(crate) fn error(message: &str) {
    record("ERROR", message);
}

/// A line on stdout as it is, flushed at once so that metrics appear per round.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

fn record(level: &str, message: &str) {
    // Log lines carry the real time; nothing is decided by it.
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d:%H:%M:%S");
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "[{now}:{level}] {message}");
}
