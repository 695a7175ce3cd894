//! `cargo xtask mutants`: changes the code of the pure crates, a place at a time, and looks whether their tests notice.

mod survivors;
mod tool;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use survivors::Survivors;
use tree::Tree;

/// A crate whose tests have to notice changes of its code.
struct Crate {
    name: &'static str,
    folder: &'static str,
    /// Other crates whose tests have to notice them, too.
    tests: &'static [&'static str],
    /// Too many unnoticed changes fail the command. Otherwise they are only told.
    held: bool,
}

const CRATES: &[Crate] = &[
    Crate { name: "sagewright-model", folder: "crates/model", tests: &[], held: true },
    Crate { name: "sagewright-kinds", folder: "crates/kinds", tests: &[], held: true },
    Crate { name: "sagewright-port", folder: "crates/port", tests: ENGINE, held: true },
    Crate { name: "sagewright-objects", folder: "crates/objects", tests: ENGINE, held: true },
    Crate { name: "sagewright-decide", folder: "crates/decide", tests: ENGINE, held: true },
    Crate { name: "sagewright-engine", folder: "crates/engine", tests: &[], held: true },
];

/// The port, the objects and the decisions are what the engine's tests drive.
const ENGINE: &[&str] = &["sagewright-engine"];

/// Changes of a hundred that tests have to notice.
const NOTICED: usize = 85;

/// Changes that have to be tried before a share of them says something, where the time was over before all were.
const ENOUGH: usize = 20;

/// Runs a program with at most 8 GiB of memory for each process: a change can make a test gather without an end.
const BOUNDED: &str = "ulimit -v 8388608 2>/dev/null; exec \"$0\" \"$@\"";

/// Changes of changed lines that are tried at most where the time is limited.
const MOST: usize = 30;

#[derive(clap::Args)]
pub struct Args {
    /// Only these crates: model, kinds, port, objects, decide, engine
    #[arg(long = "crate", value_name = "CRATE")]
    crates: Vec<String>,
    /// Only lines changed since `--base`
    #[arg(long)]
    changed: bool,
    /// The commit that `--changed` compares with. Without it: where the branch left main; on main itself, a day before its last commit
    #[arg(long, value_name = "COMMIT", requires = "changed")]
    base: Option<String>,
    /// Stop after so many minutes, the tool's installation included, and judge what was tried
    #[arg(long)]
    minutes: Option<u64>,
    /// Try one of so many changes
    #[arg(long, default_value_t = 1)]
    sample: u32,
    /// Seconds that the tests have for a change at least, for a busy machine: after them, a change counts as noticed
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let crates = chosen(&args.crates)?;
    let deadline = args.minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    let work = crate::target().join("mutants");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let diff = match args.changed.then(|| changes(args.base.as_deref(), &crates, &work)).transpose() {
        Ok(diff) => diff,
        // A checkout without git, or without the commits that it would be compared with.
        Err(error) if args.base.is_none() => {
            println!("mutants: SKIPPED: what has changed is not known: {error:#}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if diff.as_ref().is_some_and(|(_, empty)| *empty) {
        println!("mutants: no line of {} has changed", names(&crates));
        return Ok(());
    }
    let Some(tool) = tool::find(args.changed, deadline)? else { return Ok(()) };
    let listed = Survivors::load()?;
    let tree = match Tree::sync(&work) {
        Ok(tree) => tree,
        Err(error) if args.changed => {
            println!("mutants: SKIPPED: {error:#}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let diff = diff.as_ref().map(|(path, _)| path.as_path());
    let mut run = Run {
        tool: &tool,
        tree: &tree.folder,
        diff,
        deadline,
        work: &work,
        sample: args.sample,
        timeout: args.timeout,
    };
    let mut crates = crates;
    if args.changed {
        let count = run.leave_out_others(&mut crates)?;
        let one_of = if deadline.is_some() { count.div_ceil(MOST).max(1) } else { 1 };
        println!("mutants: {count} changes of the changed lines, of which one in {one_of} is tried");
        run.sample = run.sample.max(u32::try_from(one_of)?);
    }
    let (mut failed, mut changed) = (Vec::new(), Tally::default());
    let count = crates.len();
    for (at, one) in crates.into_iter().enumerate() {
        // Each crate has its share of the time; what it does not need is the others'.
        let share =
            |end: Instant| Instant::now() + end.saturating_duration_since(Instant::now()) / share_of(count - at);
        run.deadline = deadline.map(share);
        let tally = match run.mutate(one) {
            Ok(tally) => tally,
            Err(error) if args.changed => {
                process::fail_if_interrupted()?;
                println!("mutants {}: SKIPPED: {error:#}", one.name);
                continue;
            }
            Err(error) => return Err(error),
        };
        println!("mutants {}: {}", one.name, tally.summary());
        if args.changed {
            changed.add(tally);
            continue;
        }
        let verdict = tally.judge(&listed, run.sample > 1 || tally.stopped);
        verdict.iter().for_each(|line| println!("  {line}"));
        if !verdict.is_empty() && one.held {
            failed.push(one.name);
        }
    }
    // Of few lines in each of several crates, only all together say something.
    let verdict = changed.judge(&listed, true);
    verdict.iter().for_each(|line| println!("  {line}"));
    if !verdict.is_empty() {
        failed.push("the changed crates");
    }
    ensure!(
        failed.is_empty(),
        "the tests of {} miss too much: write a test that fails for each change above, or list it with a reason in {}",
        failed.join(", "),
        survivors::PAGE
    );
    Ok(())
}

/// A number of crates, to divide by.
fn share_of(crates: usize) -> u32 {
    u32::try_from(crates).unwrap_or(u32::MAX).max(1)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Crate>> {
    let short = |c: &Crate| c.name.trim_start_matches("sagewright-");
    if let Some(unknown) = names.iter().find(|n| !CRATES.iter().any(|c| short(c) == **n)) {
        bail!(
            "there is no crate {unknown} to change; there are {}",
            CRATES.iter().map(short).collect::<Vec<_>>().join(", ")
        );
    }
    Ok(CRATES.iter().filter(|c| names.is_empty() || names.iter().any(|n| short(c) == *n)).collect())
}

fn names(crates: &[&Crate]) -> String {
    crates.iter().map(|c| c.folder).collect::<Vec<_>>().join(", ")
}

/// The changed lines as a file in git's form, and whether there are none.
fn changes(base: Option<&str>, crates: &[&Crate], work: &Path) -> Result<(PathBuf, bool)> {
    let base = match base {
        Some(base) => base.to_owned(),
        None => default_base()?,
    };
    let mut diff = git(&["diff", "--no-color", "--no-ext-diff", "--unified=0", &base, "--"]);
    diff.args(crates.iter().map(|c| format!("{}/src", c.folder)));
    let text = output(&mut diff)?;
    let path = work.join("changed.diff");
    fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok((path, text.trim().is_empty()))
}

/// Where the branch left main. On main itself a day before its last commit, so that what lands there is looked at.
fn default_base() -> Result<String> {
    let head = output(&mut git(&["rev-parse", "HEAD"]))?;
    for main in ["origin/main", "main"] {
        if let Ok(fork) = output(&mut git(&["merge-base", main, "HEAD"]))
            && fork != head
        {
            return Ok(fork.trim().to_owned());
        }
    }
    let seconds: i64 = output(&mut git(&["show", "--no-patch", "--format=%ct", "HEAD"]))?.trim().parse()?;
    let before = format!("--before={}", seconds - 24 * 60 * 60);
    let found = output(&mut git(&["rev-list", "--max-count=1", &before, "HEAD"]))?;
    let found = found.trim();
    // A history of less than a day, or a clone that has no more.
    Ok(if found.is_empty() { head.trim().to_owned() } else { found.to_owned() })
}

fn git(args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(args).current_dir(crate::root());
    command
}

fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {program}, which tells what has changed"))?;
    let shown: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
    ensure!(
        output.status.success(),
        "{program} {} failed: {}",
        shown.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What all crates of a run share.
struct Run<'r> {
    tool: &'r Path,
    tree: &'r Path,
    diff: Option<&'r Path>,
    deadline: Option<Instant>,
    work: &'r Path,
    sample: u32,
    timeout: u64,
}

impl Run<'_> {
    /// Leaves out the crates of whose lines nothing can be changed. Gives the number of changes of the others.
    fn leave_out_others(&self, crates: &mut Vec<&'static Crate>) -> Result<usize> {
        let mut count = 0;
        let mut left = Vec::new();
        for one in crates.drain(..) {
            let mut list = self.command(one);
            list.arg("--list");
            let changes = output(&mut list)?.lines().count();
            count += changes;
            left.extend((changes > 0).then_some(one));
        }
        *crates = left;
        Ok(count)
    }

    fn command(&self, one: &Crate) -> Command {
        let mut command = process::program("sh");
        command.args(["-c", BOUNDED]).arg(self.tool);
        // The name by which cargo calls it.
        command.arg("mutants").arg("--dir").arg(self.tree).args(["--package", one.name, "--colors", "never"]);
        if let Some(diff) = self.diff {
            command.arg("--in-diff").arg(diff);
        }
        command
    }

    /// Tries the changes of one crate, in the copy of the sources.
    fn mutate(&self, one: &Crate) -> Result<Tally> {
        let out = self.work.join(one.name);
        fs::remove_dir_all(&out).ok();
        fs::create_dir_all(&out)?;
        let mut command = self.command(one);
        command.args(["--in-place", "--profile", "mutants", "--minimum-test-timeout", &self.timeout.to_string()]);
        command.arg("--output").arg(&out);
        for tests in one.tests.iter().chain([&one.name]).filter(|_| !one.tests.is_empty()) {
            command.args(["--test-package", tests]);
        }
        if self.sample > 1 {
            command.args(["--sharding", "round-robin", "--shard", &format!("0/{}", self.sample)]);
        }
        if self.deadline.is_some() {
            // Those of one file only would be tried in the time.
            command.arg("--shuffle");
        }
        command.env("CARGO_TARGET_DIR", self.work.join("build")).env("CARGO_INCREMENTAL", "1");
        command.env("INSTA_UPDATE", "no").env("CARGO_TERM_PROGRESS_WHEN", "never").env("RUST_BACKTRACE", "0");
        // The programs of examples in comments are linked one by one, and show less than the tests do.
        command.args(["--", "--lib", "--tests"]);
        let status = process::run_until(&mut command, self.deadline)?;
        // 0: all were noticed; 2: some were not; 3: some ran out of time.
        if let Some(status) = status
            && !matches!(status.code(), Some(0 | 2 | 3))
        {
            bail!("cargo-mutants ended with {status} for {}: see its messages above", one.name);
        }
        Tally::read(&out.join("mutants.out"), status.is_none())
    }
}

/// What came of the changes of a crate.
#[derive(Debug, Default)]
struct Tally {
    noticed: usize,
    /// As `file:line:column: what was changed`.
    missed: Vec<String>,
    /// The time was over before all were tried.
    stopped: bool,
}

impl Tally {
    fn read(folder: &Path, stopped: bool) -> Result<Self> {
        let lines = |name: &str| -> Result<Vec<String>> {
            let path = folder.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
                // Where nothing was to be tried, nothing is left.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
            }
        };
        // A change that makes a test run for ever is noticed too.
        let slow = lines("timeout.txt")?;
        slow.iter().for_each(|change| println!("  noticed by the time-out alone: {change}"));
        let noticed = lines("caught.txt")?.len() + slow.len();
        Ok(Self { noticed, missed: lines("missed.txt")?, stopped })
    }

    fn add(&mut self, other: Self) {
        self.noticed += other.noticed;
        self.missed.extend(other.missed);
        self.stopped |= other.stopped;
    }

    fn tried(&self) -> usize {
        self.noticed + self.missed.len()
    }

    fn summary(&self) -> String {
        let share =
            (self.noticed * 100).checked_div(self.tried()).map_or(String::new(), |share| format!(" ({share}%)"));
        let stopped = if self.stopped { ", and then the time was over" } else { "" };
        format!("{} of {} changes noticed{share}{stopped}", self.noticed, self.tried())
    }

    /// What is wrong. Of a part of the changes, those that are listed do not count: they may all be in it.
    fn judge(&self, listed: &Survivors, part: bool) -> Vec<String> {
        let unlisted: Vec<&String> = self.missed.iter().filter(|m| !listed.holds(m)).collect();
        let missed = if part { unlisted.len() } else { self.missed.len() };
        let says_something = !self.stopped || self.tried() >= ENOUGH;
        let too_few = says_something && missed * 100 > self.tried() * (100 - NOTICED);
        let mut wrong = Vec::new();
        if too_few {
            wrong.push(format!("{missed} of {} are missed, more than {}%", self.tried(), 100 - NOTICED));
        }
        if too_few || !part {
            wrong.extend(unlisted.iter().map(|m| format!("missed: {m}")));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(noticed: usize, missed: &[&str]) -> Tally {
        Tally { noticed, missed: missed.iter().map(|m| (*m).to_owned()).collect(), stopped: false }
    }

    #[test]
    fn too_many_missed_changes_are_told() {
        let none = Survivors::parse("");
        assert!(tally(6, &[]).judge(&none, true).is_empty());
        assert_eq!(tally(6, &["a.rs:1:2: replace a"]).judge(&none, true).len(), 0);
        assert_eq!(
            tally(5, &["a.rs:1:2: replace a"]).judge(&none, true),
            ["1 of 6 are missed, more than 15%", "missed: a.rs:1:2: replace a"]
        );
        assert!(tally(0, &[]).judge(&none, true).is_empty(), "nothing was to be tried");
    }

    #[test]
    fn a_run_that_was_stopped_early_says_nothing() {
        let none = Survivors::parse("");
        let stopped =
            |noticed| Tally { stopped: true, ..tally(noticed, &["a.rs:1:2: a", "a.rs:1:3: b", "a.rs:1:4: c"]) };
        assert!(stopped(ENOUGH - 4).judge(&none, true).is_empty());
        assert!(stopped(ENOUGH - 3).judge(&none, true).is_empty(), "3 of 20 are no more than 15%");
        let many = Tally { noticed: ENOUGH - 3, missed: vec!["a.rs:1:2: a".to_owned(); 4], stopped: true };
        assert_eq!(many.judge(&none, true).len(), 5);
    }

    #[test]
    fn crates_are_judged_together_where_few_of_their_lines_have_changed() {
        let mut all = Tally::default();
        all.add(tally(1, &["a.rs:1:2: replace a"]));
        assert_eq!(all.judge(&Survivors::parse(""), true).len(), 2);
        all.add(tally(5, &[]));
        assert_eq!((all.summary().as_str(), all.stopped), ("6 of 7 changes noticed (85%)", false));
        assert!(all.judge(&Survivors::parse(""), true).is_empty());
        all.add(Tally { stopped: true, ..tally(0, &[]) });
        assert!(all.stopped);
    }

    #[test]
    fn a_whole_run_wants_every_survivor_listed_and_counts_them() {
        let page = "<!-- survivors -->\n| `a.rs` | `replace a*` | why |\n";
        let listed = Survivors::parse(page);
        assert!(tally(6, &["a.rs:1:2: replace a with b"]).judge(&listed, false).is_empty());
        assert_eq!(tally(6, &["a.rs:1:2: replace b"]).judge(&listed, false), ["missed: a.rs:1:2: replace b"]);
        let many = tally(1, &["a.rs:1:2: replace a with b"]);
        assert_eq!(many.judge(&listed, false), ["1 of 2 are missed, more than 15%"]);
        assert!(many.judge(&listed, true).is_empty());
    }

    #[test]
    fn what_the_tool_leaves_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Tally::read(dir.path(), false).unwrap().summary(), "0 of 0 changes noticed");
        fs::write(dir.path().join("caught.txt"), "a\nb\n").unwrap();
        fs::write(dir.path().join("timeout.txt"), "c\n").unwrap();
        fs::write(dir.path().join("missed.txt"), "d\n").unwrap();
        let tally = Tally::read(dir.path(), true).unwrap();
        assert_eq!(tally.summary(), "3 of 4 changes noticed (75%), and then the time was over");
    }

    #[test]
    fn an_unknown_crate_is_refused_by_name() {
        assert!(chosen(&["cloud".to_owned()]).err().unwrap().to_string().contains("there is no crate cloud"));
        assert_eq!(chosen(&["kinds".to_owned()]).unwrap().len(), 1);
        assert_eq!(chosen(&[]).unwrap().len(), CRATES.len());
    }
}
