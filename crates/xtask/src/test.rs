//! `cargo xtask test`: sets up what the tests need and runs them all, Rust's and Python's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::kube::programs;
use crate::process::{self, cargo};
use crate::venv::{self, Venv};

#[derive(clap::Args)]
pub struct Args {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Only the Rust tests
    #[arg(long, conflicts_with = "python")]
    rust: bool,
    /// Only the conformance tests, which drive the binary from Python
    #[arg(long)]
    python: bool,
    /// Conformance tests of the release build
    #[arg(long)]
    release: bool,
    /// Conformance tests at a time
    #[arg(long, default_value_t = 3)]
    jobs: usize,
}

/// What came of tests.
#[derive(Debug, Default, PartialEq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Stock clients that the conformance tests use.
struct Age {
    /// Its name in `SAGEWRIGHT_TEST_CLIENTS`.
    name: &'static str,
    what: &'static str,
    /// The locked list of its packages.
    list: &'static str,
    /// The tests that use it, as pytest's marker expression.
    marker: Option<&'static str>,
}

const AGES: [Age; 2] = [
    Age { name: "newest", what: "the newest clients", list: "requirements", marker: None },
    Age { name: "year-old", what: "clients of a year ago", list: "requirements-year-old", marker: Some("both_ages") },
];

/// All ages, or the one that `SAGEWRIGHT_TEST_CLIENTS` names.
fn wanted_ages() -> Result<Vec<&'static Age>> {
    let Some(wanted) = std::env::var_os("SAGEWRIGHT_TEST_CLIENTS") else { return Ok(AGES.iter().collect()) };
    let age = AGES.iter().find(|age| *wanted == *age.name);
    Ok(vec![age.context("SAGEWRIGHT_TEST_CLIENTS has to be `newest` or `year-old`, or not set for both")?])
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let venv = timed("environment", || Venv::ready("requirements"))?;
    let mut total = Tally::default();
    let mut broken = Vec::new();
    // Built beside the Rust tests, because that takes minutes the first time.
    let kube = needs_kube(args, &venv)?.then(|| std::thread::spawn(programs::ready));
    if !args.python {
        match timed("rust tests", || rust(args, &venv)) {
            Ok(tally) => total.add(&tally),
            Err(e) => broken.push(format!("rust tests: {e:#}")),
        }
        process::fail_if_interrupted()?;
    }
    let kube = kube.map(|building| timed("Kubernetes control plane", || joined(building)));
    process::fail_if_interrupted()?;
    let kube = kube.and_then(|built| built.map_err(|e| broken.push(format!("Kubernetes control plane: {e:#}"))).ok());
    if !args.rust {
        for age in wanted_ages()? {
            let what = format!("conformance tests with {}", age.what);
            match timed(&what, || conformance(args, age, kube.as_deref())) {
                Ok(tally) => total.add(&tally),
                Err(e) => broken.push(format!("{what}: {e:#}")),
            }
            process::fail_if_interrupted()?;
        }
    }
    broken.iter().for_each(|b| println!("{b}"));
    let skipped = if total.skipped > 0 { format!(", {} skipped", total.skipped) } else { String::new() };
    println!("{} passed, {} failed{skipped}", total.passed, total.failed);
    ensure!(broken.is_empty(), "not all tests could be run");
    ensure!(total.failed == 0, "tests failed");
    ensure!(total.passed > 0 || args.filter.is_some(), "no test was run");
    Ok(())
}

/// Whether a chosen test needs a Kubernetes control plane.
fn needs_kube(args: &Args, venv: &Venv) -> Result<bool> {
    if args.rust || wanted_ages()?.iter().all(|age| age.marker.is_some()) {
        return Ok(false);
    }
    let Some(filter) = &args.filter else { return Ok(true) };
    let mut collect = Command::new(venv.python());
    collect.args(["-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-k", filter]);
    for entry in fs::read_dir(crate::root().join("tests/conformance"))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("test_kube_")) {
            collect.arg(path);
        }
    }
    collect.current_dir(crate::root()).env("PYTHONDONTWRITEBYTECODE", "1");
    // 5: none fits the filter. What is wrong with a test is told when it is run.
    Ok(collect.output().context("cannot start pytest")?.status.code() != Some(5))
}

fn joined<T>(work: std::thread::JoinHandle<Result<T>>) -> Result<T> {
    work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("== {what}");
    let start = Instant::now();
    let result = work();
    println!("== {what}: {:.1} s", start.elapsed().as_secs_f64());
    result
}

fn rust(args: &Args, venv: &Venv) -> Result<Tally> {
    // With all targets, so that binary and tests share one build.
    process::must(
        cargo(["build", "--workspace", "--all-targets", "--locked"]).env("CARGO_TERM_PROGRESS_WHEN", "never"),
        "the build failed",
    )?;
    let mut command = cargo(["test", "--workspace", "--no-fail-fast", "--locked"]);
    command.env("SAGEWRIGHT_TEST_PYTHON", venv.python()).env("INSTA_UPDATE", "no");
    command.env("CARGO_TERM_PROGRESS_WHEN", "never");
    command.args(&args.filter);
    let mut tally = Tally::default();
    let status = process::run_lines(&mut command, |line| {
        if let Some(more) = libtest(line) {
            tally.add(&more);
        }
    })?;
    if !status.success() && tally.failed == 0 {
        bail!("cargo test ended with {status} without a failed test: see its messages above");
    }
    Ok(tally)
}

/// Counts of a line `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn libtest(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        counts.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok()).unwrap_or(0)
    };
    Some(Tally { passed: count("passed"), failed: count("failed"), skipped: count("ignored") })
}

fn conformance(args: &Args, age: &Age, kube: Option<&Path>) -> Result<Tally> {
    let venv = Venv::ready(age.list)?;
    let folder = if args.release { "release" } else { "debug" };
    let binary = crate::target().join(folder).join("sagewright");
    let mut build = cargo(["build", "--workspace", "--bins", "--locked"]);
    build.env("CARGO_TERM_PROGRESS_WHEN", "never");
    if args.release {
        build.arg("--release");
    } else if !args.python {
        // The Rust tests have just built it, among all targets.
        build.arg("--all-targets");
    }
    process::must(&mut build, "the build failed")?;
    timed("environments of scripts", || install(&binary))?;
    let peers = venv::xgboost_peers()?;
    let (code, tally) = pytest(&venv, &binary, &format!("conformance-{}", age.name), |pytest| {
        pytest.arg("--durations=10").arg("-n").arg(args.jobs.to_string()).arg("--dist=loadfile");
        if let Some(filter) = &args.filter {
            pytest.arg("-k").arg(filter);
        }
        if let Some(marker) = age.marker {
            pytest.arg("-m").arg(marker);
        }
        pytest.env("SAGEWRIGHT_XGBOOST_PEERS", peers);
        if let Some(kube) = kube {
            pytest.env("SAGEWRIGHT_TEST_KUBE", kube);
        }
    })?;
    // 1: tests failed; 5: none fits the filter.
    match code {
        Some(0 | 1) => Ok(tally),
        Some(5) if args.filter.is_some() => Ok(tally),
        _ => bail!("pytest ended with {code:?}: see its messages above"),
    }
}

/// Runs conformance tests against a build of the program; pytest's exit code and its counts.
pub fn pytest(
    venv: &Venv,
    binary: &Path,
    report: &str,
    more: impl FnOnce(&mut Command),
) -> Result<(Option<i32>, Tally)> {
    let report = crate::target().join(format!("{report}.xml"));
    fs::remove_file(&report).ok();
    let mut pytest = Command::new(venv.python());
    pytest.args(["-m", "pytest", "--color=no", "-q", "-p", "no:cacheprovider", "--timeout=300"]);
    pytest.arg(format!("--junitxml={}", report.display()));
    more(&mut pytest);
    pytest.arg("tests/conformance").current_dir(crate::root());
    pytest.env("SAGEWRIGHT_BIN", binary).env("SAGEWRIGHT_TEST_PYTHON", venv.python());
    pytest.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    let status = process::run(&mut pytest)?;
    Ok((status.code(), junit(&report)?))
}

/// Frameworks of script mode that the tests use: the first of each line that this machine's Pythons can have. PyTorch and
/// Hugging Face, which are gigabytes, belong to `cargo xtask conformance`.
const FRAMEWORKS: [&[&str]; 2] = [&["sklearn:1.2-1", "sklearn:1.4-2"], &["xgboost:3.0-5", "xgboost:1.7-1"]];

/// Installs the environments of scripts, where they are not there yet. Tests are skipped that miss theirs.
fn install(binary: &Path) -> Result<()> {
    for choice in FRAMEWORKS {
        let mut wanted = choice.iter();
        let done = wanted.any(|framework| {
            let mut install = Command::new(binary);
            install.args(["local", "images", "install", framework, "--yes"]);
            process::run(&mut install).is_ok_and(|status| status.success())
        });
        if !done {
            println!("none of {} can be installed: its tests are skipped", choice.join(", "));
        }
        process::fail_if_interrupted()?;
    }
    Ok(())
}

/// Counts of pytest's report.
fn junit(path: &Path) -> Result<Tally> {
    let text = fs::read_to_string(path).context("pytest left no report")?;
    let suite =
        text.split("<testsuite ").nth(1).and_then(|s| s.split('>').next()).context("pytest's report is empty")?;
    let count = |name: &str| -> u64 {
        let value = suite.split(&format!("{name}=\"")).nth(1).and_then(|s| s.split('"').next());
        value.and_then(|v| v.parse().ok()).unwrap_or(0)
    };
    let (failed, skipped) = (count("failures") + count("errors"), count("skipped"));
    Ok(Tally { passed: count("tests").saturating_sub(failed + skipped), failed, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_both_kinds_of_tests_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s";
        assert_eq!(libtest(line), Some(Tally { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(libtest("test validation::works ... ok"), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.xml");
        fs::write(
            &path,
            "<?xml version=\"1.0\"?><testsuites name=\"x\"><testsuite name=\"pytest\" errors=\"1\" failures=\"2\" skipped=\"3\" tests=\"10\" time=\"1\"><testcase/></testsuite></testsuites>",
        )
        .unwrap();
        assert_eq!(junit(&path).unwrap(), Tally { passed: 4, failed: 3, skipped: 3 });
    }
}
