//! pip as its user has configured it, where environments and folders are not the user's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Runs pip, and ends with its standard input: a pipe that only this process holds, so that pip does not outlive it,
/// however it ends.
///
/// The same program is in `algorithms/src/library/pip.rs`. The two crates must not import each other, and a third one for a few
/// lines of Python would cost more than it saves.
const PIP: &str = "import os, runpy, sys, threading
def watch():
    try:
        os.read(0, 1)
    finally:
        os._exit(1)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = 'pip'
runpy.run_module('pip', run_name='__main__', alter_sys=True)";

/// Lines that are kept of what pip says, for an error.
const KEPT: usize = 12;

/// Runs pip of an environment with these arguments to its end, with its scratch files in `temporary`; `line` is told what it
/// says. Gives its last lines.
pub(super) fn run(
    python: &Path,
    arguments: &[&str],
    temporary: &Path,
    line: &mut dyn FnMut(&str),
) -> io::Result<(ExitStatus, String)> {
    let mut command = Command::new(python);
    command.args(["-c", PIP]).args(arguments).args(["--disable-pip-version-check", "--no-input"]);
    command.env("TMPDIR", temporary);
    run_held(command, line)
}

/// Runs a command that ends with its standard input.
pub(super) fn run_held(mut command: Command, line: &mut dyn FnMut(&str)) -> io::Result<(ExitStatus, String)> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
    // Ctrl-C in a terminal goes to this process alone, which says what it means.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let held = child.stdin.take();
    // The command has our end of the pipe, which would keep it open.
    drop(command);
    let mut last = Vec::new();
    let mut output = BufReader::new(reader);
    let mut bytes = Vec::new();
    // Bytes: names of files need not be UTF-8. A command whose output is not read to its end would fail for that.
    while output.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        bytes.clear();
        line(&text);
        if last.len() == KEPT {
            last.remove(0);
        }
        last.push(text);
    }
    let status = child.wait()?;
    drop(held);
    Ok((status, last.join("\n")))
}

/// How pip in a job, whose home is another folder and whose environment starts empty, finds its user's configuration, cache,
/// proxy and certificates.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pip {
    /// What the job's programs have in their environment.
    pub variables: BTreeMap<String, String>,
    /// A configuration file for pip alone: addresses of indexes and proxies may hold passwords, which programs print with
    /// their environment and hand on to others.
    pub configuration: String,
}

/// Variables that hold no address.
const HARMLESS: [&str; 4] = ["PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_INPUT"];

impl Pip {
    /// That of this process's user. A job that is cut off gets none, and is told to reach for nothing.
    pub fn of_job(isolated: bool) -> Self {
        if isolated {
            let variables = BTreeMap::from([("PIP_NO_INDEX".to_owned(), "1".to_owned())]);
            return Self { variables, configuration: String::new() };
        }
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
        Self::of(of_user(
            names,
            &|name| std::env::var(name).ok().filter(|value| !value.is_empty()),
            std::env::home_dir(),
        ))
    }

    fn of(mut all: BTreeMap<String, String>) -> Self {
        // That would keep pip from reading the file as well.
        all.retain(|name, value| name != "PIP_CONFIG_FILE" || value != "/dev/null");
        let (variables, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(name, _)| HARMLESS.contains(&&**name));
        let mut configuration = String::new();
        // In both sections, because a variable goes before what the user's own file has in either.
        for section in ["global", "install"] {
            let _ = writeln!(configuration, "[{section}]");
            for (name, value) in &rest {
                let option = name.trim_start_matches("PIP_").to_ascii_lowercase().replace('_', "-");
                let _ = writeln!(configuration, "{option} = {}", value.replace(['\n', '\r'], " "));
            }
        }
        Self { variables, configuration }
    }
}

fn of_user(
    names: Vec<String>,
    given: &dyn Fn(&str) -> Option<String>,
    home: Option<PathBuf>,
) -> BTreeMap<String, String> {
    let own = names.into_iter().filter(|name| name.starts_with("PIP_"));
    let mut all: BTreeMap<String, String> = own.filter_map(|name| Some((name.clone(), given(&name)?))).collect();
    let home = home.unwrap_or_default();
    let below = |variable: &str, fallback: &str| given(variable).map_or_else(|| home.join(fallback), PathBuf::from);
    let mac = cfg!(target_os = "macos");
    let configurations = [
        mac.then(|| home.join("Library/Application Support/pip/pip.conf")),
        Some(below("XDG_CONFIG_HOME", ".config").join("pip/pip.conf")),
        Some(home.join(".pip/pip.conf")),
    ];
    let cache = if mac { home.join("Library/Caches/pip") } else { below("XDG_CACHE_HOME", ".cache").join("pip") };
    let text = |path: PathBuf| path.to_str().map(str::to_owned);
    let found = [
        ("PIP_CONFIG_FILE", configurations.into_iter().flatten().find(|path| path.is_file()).and_then(text)),
        ("PIP_CACHE_DIR", text(cache)),
        ("PIP_PROXY", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find_map(given)),
        ("PIP_CERT", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"].into_iter().find_map(given)),
        ("PIP_DISABLE_PIP_VERSION_CHECK", Some("1".to_owned())),
        ("PIP_NO_INPUT", Some("1".to_owned())),
    ];
    for (name, value) in found {
        if let Some(value) = value {
            all.entry(name.to_owned()).or_insert(value);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_is_not_utf8_is_read_to_its_end() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r"printf 'caf\351\r\nend\n' && head -c 100000 /dev/zero | tr '\0' x && exit 3"]);
        let mut lines = Vec::new();
        let (status, said) = run_held(command, &mut |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!((lines[0].as_str(), lines[1].as_str(), lines[2].len()), ("caf\u{fffd}", "end", 100_000));
        assert_eq!(said.lines().count(), 3);
    }

    #[test]
    fn a_job_finds_its_users_configuration_unless_it_is_cut_off() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".config/pip/pip.conf");
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::write(&config, "[global]\n").unwrap();
        let given = |name: &str| match name {
            "https_proxy" => Some("http://me:hidden@proxy:3128".to_owned()),
            "PIP_INDEX_URL" => Some("https://me:hidden@index/simple".to_owned()),
            _ => None,
        };
        let Pip { variables, configuration } =
            Pip::of(of_user(vec!["PIP_INDEX_URL".to_owned()], &given, Some(home.path().to_path_buf())));
        if cfg!(target_os = "linux") {
            assert_eq!(variables["PIP_CONFIG_FILE"], config.display().to_string());
        }
        assert!(variables["PIP_CACHE_DIR"].ends_with("pip"));
        let lines = "index-url = https://me:hidden@index/simple\nproxy = http://me:hidden@proxy:3128\n";
        assert_eq!(configuration, format!("[global]\n{lines}[install]\n{lines}"));
        assert!(!format!("{variables:?}").contains("hidden"), "{variables:?}");
        let nothing = Pip::of(BTreeMap::from([("PIP_CONFIG_FILE".to_owned(), "/dev/null".to_owned())]));
        assert!(nothing.variables.is_empty(), "it would hide the configuration");
        let cut_off = Pip::of_job(true);
        assert_eq!(cut_off.variables.into_iter().collect::<Vec<_>>(), [("PIP_NO_INDEX".into(), "1".into())]);
        assert_eq!(cut_off.configuration, "");
    }
}
