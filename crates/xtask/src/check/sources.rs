//! What no committed file may hold: overlong sources, unresolved work, paths of somebody's machine.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A source file longer than this needs a reason at its top.
const LONGEST: usize = 600;

/// How that reason starts.
const REASON: &str = "//! Long because ";

/// Words of work left undone. Split, so that this file does not find itself.
const UNRESOLVED: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("<<<<", "<<< "),
    concat!(">>>>", ">>> "),
];

/// Starts of absolute paths that exist on one machine only.
const MACHINE: &[&str] = &["/work/", "/root/", "/home/", "/Users/"];

/// Names of nobody, for home folders in examples and tests.
const NOBODY: &[&str] = &["u", "user", "you", "example"];

/// What is wrong in the files that git knows or would add.
pub fn check() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for path in tracked()? {
        let Ok(bytes) = fs::read(crate::root().join(&path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        wrong.extend(lint(&path, &text));
    }
    Ok(wrong)
}

/// Files that git knows or would add, relative to the top folder.
pub fn tracked() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(crate::root())
        .output()
        .context("cannot start git, which lists the files to look at")?;
    ensure!(output.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    let mut paths: Vec<String> =
        String::from_utf8_lossy(&output.stdout).split('\0').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn lint(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    if path.ends_with(".rs") && lines > LONGEST && !text.lines().take(10).any(|l| l.starts_with(REASON)) {
        wrong.push(format!(
            "{path}: {lines} lines, more than {LONGEST}: split it by what it does, or say why not in a line `{REASON}…` at its top"
        ));
    }
    // Generated facts and data are not ours to word.
    if path.starts_with("models/") || path.contains("/data/") || path.ends_with(".lock") {
        return wrong;
    }
    let machine = !path.ends_with("check/sources.rs");
    for (i, line) in text.lines().enumerate() {
        for word in UNRESOLVED.iter().filter(|w| line.contains(**w)) {
            wrong.push(format!("{path}:{}: `{word}` is work left undone: do it, or take it out", i + 1));
        }
        for start in MACHINE.iter().filter(|_| machine) {
            if let Some(found) = absolute(line, start) {
                wrong.push(format!(
                    "{path}:{}: `{found}` exists on one machine only: use a path relative to the checkout, or the system's temporary folder",
                    i + 1
                ));
            }
        }
    }
    wrong
}

/// The first absolute path in a line that begins with `start` and is not a part of a longer path or URL.
fn absolute<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.match_indices(start).find_map(|(at, _)| {
        let before = line[..at].chars().next_back();
        let inside = before.is_some_and(|c| c.is_alphanumeric() || "/._-}~)*$>%".contains(c));
        let rest = &line[at..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'`)>,;".contains(c)).unwrap_or(rest.len());
        let owner = rest[start.len()..end].split('/').next().unwrap_or_default();
        let nobody = ["/home/", "/Users/"].contains(&start) && NOBODY.contains(&owner);
        (!inside && !nobody).then(|| &rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::lint;

    #[test]
    fn a_long_source_needs_a_reason() {
        let long = "fn f() {}\n".repeat(601);
        assert_eq!(lint("a.rs", &long).len(), 1);
        assert!(lint("a.rs", &format!("//! Long because it is one table.\n{long}")).is_empty());
        assert!(lint("a.txt", &long).is_empty());
        assert!(lint("a.rs", &"fn f() {}\n".repeat(600)).is_empty());
    }

    #[test]
    fn unresolved_words_are_found() {
        for word in [concat!("to", "do!()"), concat!("// FIX", "ME later"), concat!("<<<<", "<<< HEAD")] {
            assert_eq!(lint("a.rs", word).len(), 1, "{word}");
        }
    }

    #[test]
    fn machine_paths_are_found_and_other_paths_are_not() {
        for line in ["open(\"/work/main\")", "cd /root/x", "see /home/me/notes", "/Users/me/x"] {
            assert_eq!(lint("a.md", line).len(), 1, "{line}");
        }
        for line in [
            "https://example.com/work/x",
            "data/work/job",
            "{dir}/work/job",
            "/opt/ml/model",
            "/tmp/x.sock",
            "/home/u/.aws",
        ] {
            assert!(lint("a.md", line).is_empty(), "{line}");
        }
    }
}
