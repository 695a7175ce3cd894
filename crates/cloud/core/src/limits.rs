//! Bounds on what comes from outside: archives, objects, manifests, what jobs write, and searches of logs.
//!
//! `docs/embedded-cloud.md` states each of them under "Limits"; a test here holds the two together.

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Most files of an archive, of a model below a prefix, of a channel, of a manifest, and of what a job leaves.
pub const FILES: usize = 1_000_000;
/// Deepest path of an archive's member and of a file that a job leaves, in folders.
pub const DEPTH: usize = 128;
/// Longest name of an archive's member and longest target of a link, in bytes; no path of Linux is longer.
pub const NAME: u64 = 4096;
/// Longest extended header (pax) of a member of an archive, in bytes.
pub const EXTENDED_HEADER: u64 = MIB;
/// Most links of an archive.
pub const LINKS: usize = 10_000;
/// Output that compressed data may have whatever its ratio, in bytes.
pub const UNPACKED_FREELY: u64 = GIB;
/// Most bytes of output for each byte of compressed data, beyond [`UNPACKED_FREELY`].
pub const RATIO: u64 = 250;
/// Largest file that an object of a channel with `CompressionType: Gzip` may become, in bytes.
pub const GUNZIPPED: u64 = 100 * GIB;
/// Largest manifest, in bytes.
pub const MANIFEST: u64 = 256 * MIB;
/// Longest line of an augmented manifest, in bytes.
pub const MANIFEST_LINE: u64 = 4 * MIB;
/// What is read of the file in which a job says why it failed, in bytes.
pub const FAILURE_FILE: u64 = 16 * KIB;
/// Most of what is read of the file that becomes a job's `ExitMessage`, in bytes.
pub const EXIT_MESSAGE: usize = 1024;
/// Longest answer of a transform job's container, and what the records of one payload may have before a filter, in bytes.
pub const TRANSFORM_PAYLOAD: usize = 100 * 1024 * 1024;
/// Lines about what a job's results leave out; further ones are only counted.
pub const LEFT_OUT: usize = 100;
/// What a metric definition sees of a line, in bytes.
pub const METRIC_LINE: usize = 8 * 1024;
/// Steps back that a metric definition may take in one line.
pub const METRIC_STEPS: usize = 10_000;
/// Largest program of a metric definition's pattern, in bytes.
pub const METRIC_PROGRAM: usize = 256 * 1024;
/// Metrics of CloudWatch that are kept, of all accounts together.
pub const METRICS: usize = 100_000;
/// Bytes of log files that one `FilterLogEvents` searches before it answers with a token.
pub const LOG_SEARCH: u64 = 16 * MIB;
/// Longest line of a log file, in bytes: the longest event of 1 MiB, each byte of it escaped.
pub const LOG_LINE: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_states_every_limit() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/embedded-cloud.md");
        let text = std::fs::read_to_string(path).unwrap();
        let table = text.split("## Limits").nth(1).unwrap().split("\n## ").next().unwrap();
        let count = |n: usize| {
            let digits = n.to_string();
            let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
            groups.join(",")
        };
        let bytes = |n: u64| match n {
            n if n.is_multiple_of(GIB) => format!("{} GiB", n / GIB),
            n if n.is_multiple_of(MIB) => format!("{} MiB", n / MIB),
            n if n.is_multiple_of(KIB) => format!("{} KiB", n / KIB),
            n => format!("{n} bytes"),
        };
        let stated = [
            format!("{} files", count(FILES)),
            format!("{DEPTH} folders deep"),
            format!("names of {}", bytes(NAME)),
            format!("headers of {}", bytes(EXTENDED_HEADER)),
            format!("{} links", count(LINKS)),
            format!("{RATIO} times the compressed size beyond {}", bytes(UNPACKED_FREELY)),
            format!("becomes at most {}", bytes(GUNZIPPED)),
            format!("manifest of {}", bytes(MANIFEST)),
            format!("lines of {}", bytes(MANIFEST_LINE)),
            format!("first {} of `output/failure`", bytes(FAILURE_FILE)),
            format!("first {} of `output/message`", bytes(EXIT_MESSAGE as u64)),
            format!("an answer of {}", bytes(TRANSFORM_PAYLOAD as u64)),
            format!("{} lines about what is left out", count(LEFT_OUT)),
            format!("first {} of a line", bytes(METRIC_LINE as u64)),
            format!("{} steps back", count(METRIC_STEPS)),
            format!("pattern's program of {}", bytes(METRIC_PROGRAM as u64)),
            format!("{} metrics", count(METRICS)),
            format!("searches {} of log files", bytes(LOG_SEARCH)),
            format!("a line of a log file has {}", bytes(LOG_LINE as u64)),
        ];
        let missing: Vec<_> = stated.iter().filter(|s| !table.contains(s.as_str())).collect();
        assert!(missing.is_empty(), "docs/embedded-cloud.md does not state {missing:?}");
    }
}
