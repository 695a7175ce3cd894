//! A profile of AWS's configuration file that points at the embedded cloud.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::exit::{Exit, Failure};
use crate::local::Access;
use crate::output::Printer;

/// By this line a profile is known as one that may be replaced and removed.
const MARK: &str = "# written by `sagewright local env --write`, and replaced by it";

/// The profile as text.
pub(crate) fn text(name: &str, access: &Access) -> Result<String, Failure> {
    let header = header(name)?;
    Ok(format!(
        "{header}\n{MARK}\nendpoint_url = {}\nregion = {}\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        access.endpoint, access.region, access.access_key_id, access.secret_access_key,
    ))
}

/// Puts the profile into AWS's configuration file.
pub(crate) fn write(name: &str, access: &Access, printer: &Printer) -> anyhow::Result<()> {
    let section = text(name, access)?;
    // Clients take keys from there first.
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    if find(&read(&credentials)?, &format!("[{name}]")).is_some() {
        return Err(Failure::new(
            Exit::Failed,
            format!("{} has a profile {name} too, whose keys would go before", credentials.display()),
        )
        .help("choose another name")
        .into());
    }
    let path = file("AWS_CONFIG_FILE", "config");
    replace(&path, &edited(&read(&path)?, &header(name)?, &section).map_err(|()| foreign(name, &path))?)?;
    printer.note(&format!("the profile {name} is in {}: use it with --profile {name} or AWS_PROFILE", path.display()));
    Ok(())
}

/// Takes the profile out of AWS's configuration file.
pub(crate) fn remove(name: &str, printer: &Printer) -> anyhow::Result<()> {
    let (path, header) = (file("AWS_CONFIG_FILE", "config"), header(name)?);
    let old = read(&path)?;
    if find(&old, &header).is_none() {
        printer.note(&format!("there is no profile {name} in {}", path.display()));
        return Ok(());
    }
    replace(&path, &edited(&old, &header, "").map_err(|()| foreign(name, &path))?)?;
    printer.note(&format!("the profile {name} is no longer in {}", path.display()));
    Ok(())
}

/// The line that begins the profile.
fn header(name: &str) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+@:/".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        let message = format!("'{name}' cannot be a profile's name here");
        return Err(Failure::new(Exit::Usage, message).help("use letters, digits and -_.+@:/ only"));
    }
    Ok(if name == "default" { "[default]".to_owned() } else { format!("[profile {name}]") })
}

fn foreign(name: &str, path: &Path) -> Failure {
    Failure::new(Exit::Failed, format!("the profile {name} in {} was not written by Sagewright", path.display()))
        .help("it stays as it is; choose another name")
}

/// Where AWS's clients look for a file.
fn file(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable)
        .filter(|v| !v.is_empty())
        .map_or_else(|| std::env::home_dir().unwrap_or_default().join(".aws").join(name), PathBuf::from)
}

fn read(path: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        other => other.with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Where a section stands: from its header to the next.
fn find(text: &str, header: &str) -> Option<std::ops::Range<usize>> {
    let squeezed =
        |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").replace("[ ", "[").replace(" ]", "]");
    let mut at = 0;
    let mut start = None;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            match start {
                Some(start) => return Some(start..at),
                None if squeezed(line) == header => start = Some(at),
                None => {}
            }
        }
        at += line.len();
    }
    start.map(|start| start..text.len())
}

/// The file with the section in place of the one before, or at the end. A section of someone else is an error.
fn edited(text: &str, header: &str, section: &str) -> Result<String, ()> {
    let Some(range) = find(text, header) else {
        let gap = match text {
            "" => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        return Ok(format!("{text}{gap}{section}"));
    };
    let (before, rest) = text.split_at(range.start);
    let (old, after) = rest.split_at(range.len());
    if !old.lines().any(|line| line == MARK) {
        return Err(());
    }
    // The empty line that was put before the section goes with it.
    let before =
        if section.is_empty() { before.strip_suffix("\n\n").map_or(before, |b| &before[..=b.len()]) } else { before };
    let gap = if section.is_empty() || after.is_empty() { "" } else { "\n" };
    Ok(format!("{before}{section}{gap}{after}"))
}

/// Writes the file whole or not at all, with the mode that it had; a new one is its owner's alone, as keys are in it.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    // A link to the file stays one.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&target).ok();
    // A device, as /dev/null, must not become a file.
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        let message = format!("cannot write {}: it is not a file", path.display());
        return Err(Failure::new(Exit::Failed, message).help("set AWS_CONFIG_FILE to one, or unset it").into());
    }
    let folder = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).with_context(failed)?;
    let mode = old.map_or(0o600, |old| old.permissions().mode() & 0o777);
    let partial = folder.join(format!(".{}.sagewright", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&partial, &target)
    })();
    if written.is_err() {
        drop(fs::remove_file(&partial));
    }
    written.with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_added_replaced_and_removed_and_the_rest_of_the_file_stays() {
        let section = |n: u8| format!("[profile x]\n{MARK}\nregion = r{n}\n");
        for rest in
            ["", "[default]\nregion = eu\n", "# mine\n[profile xy]\na = b", "[default]\n\n[sso-session x]\nc = d\n\n"]
        {
            let added = edited(rest, "[profile x]", &section(1)).unwrap();
            assert!(added.starts_with(rest) && added.ends_with(&section(1)), "{added}");
            let replaced = edited(&added, "[profile x]", &section(2)).unwrap();
            assert_eq!(replaced, added.replace("r1", "r2"));
            let removed = edited(&replaced, "[profile x]", "").unwrap();
            assert_eq!(removed.trim_end(), rest.trim_end());
        }
        let between = format!("[default]\n\n{}\n[profile z]\ne = f\n", section(1));
        assert_eq!(edited(&between, "[profile x]", &section(2)).unwrap(), between.replace("r1", "r2"));
        assert_eq!(edited(&between, "[profile x]", "").unwrap(), "[default]\n[profile z]\ne = f\n");
    }

    #[test]
    fn a_profile_of_someone_else_is_not_touched() {
        for theirs in ["[profile x]\nregion = eu\n", "[ profile   x ]\n[profile y]\n# written by me\n"] {
            assert_eq!(edited(theirs, "[profile x]", "[profile x]\n"), Err(()), "{theirs}");
        }
    }
}
