//! pip as its user has configured it, where environments and folders are not the user's own.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Runs pip, and ends with its standard input: a pipe that only this process holds, so that pip does not outlive it,
/// however it ends.
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
    for text in BufReader::new(reader).lines() {
        let Ok(text) = text else { break };
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

/// The variables with which pip in a job, whose home is another folder and whose environment starts empty, finds its
/// user's configuration, cache, proxy and certificates. A job that is cut off gets none, and is told to reach for nothing.
pub(crate) fn variables(isolated: bool) -> BTreeMap<String, String> {
    if isolated {
        return BTreeMap::from([("PIP_NO_INDEX".to_owned(), "1".to_owned())]);
    }
    of_user(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()), std::env::home_dir())
}

fn of_user(given: &dyn Fn(&str) -> Option<String>, home: Option<PathBuf>) -> BTreeMap<String, String> {
    let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
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
    fn a_job_finds_its_users_configuration_unless_it_is_cut_off() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".config/pip/pip.conf");
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::write(&config, "[global]\n").unwrap();
        let given = |name: &str| (name == "https_proxy").then(|| "http://proxy:3128".to_owned());
        let found = of_user(&given, Some(home.path().to_path_buf()));
        if cfg!(target_os = "linux") {
            assert_eq!(found["PIP_CONFIG_FILE"], config.display().to_string());
        }
        assert_eq!(found["PIP_PROXY"], "http://proxy:3128");
        assert!(found["PIP_CACHE_DIR"].ends_with("pip"));
        assert_eq!(variables(true).into_iter().collect::<Vec<_>>(), [("PIP_NO_INDEX".into(), "1".into())]);
    }
}
