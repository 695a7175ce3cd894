//! `.sagewright.toml`: what a project says of its cloud.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use sagewright_engine::{Installation, suggest};
use sagewright_model::{AccountId, Region};
use serde::Deserialize;
use toml::Spanned;

use super::expected::Wanted;
use crate::exit::{Exit, Failure};

/// The file's name.
const NAME: &str = ".sagewright.toml";
/// What can stand in it.
const KEYS: [&str; 3] = ["account", "region", "installation"];
/// No project says more.
const LARGEST: u64 = 64 << 10;

/// What a project says.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Project {
    /// Accounts that may be called.
    pub(super) account: Option<Wanted>,
    /// Regions that may be called.
    pub(super) region: Option<Wanted>,
    /// Whose resources its objects are.
    pub(crate) installation: Option<Installation>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Project {
    /// The project of the working folder.
    pub(crate) fn here() -> Result<Self, Failure> {
        let folder = std::env::current_dir().map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot determine the current directory, which may hold a .sagewright.toml: {error}"),
            )
        })?;
        Self::of(&folder)
    }

    /// The project of a folder: of the file in it, or in the nearest folder above it.
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        // What a file forbids that cannot be read is not known: nothing is done.
        let failed = |message: String, help: &str| Err(Failure::new(Exit::Manifest, message).help(help));
        for path in folder.ancestors().map(|above| above.join(NAME)) {
            // A link that leads nowhere is there too.
            match std::fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    let message = format!("cannot find out whether there is a {}: {error}", path.display());
                    return failed(message, "fix the permissions of its folder, or run from another one");
                }
                Ok(_) => {}
            }
            return match read(&path) {
                Ok(text) => parse(&path, &text),
                Err(error) => {
                    let message = format!("cannot read {}: {error}", path.display());
                    failed(message, "fix its permissions, or remove it")
                }
            };
        }
        Ok(Self::default())
    }
}

fn read(path: &PathBuf) -> std::io::Result<String> {
    let kind = std::fs::metadata(path)?;
    if !kind.is_file() || kind.len() > LARGEST {
        return Err(std::io::Error::other(format!("it has to be a file of at most {} KiB", LARGEST >> 10)));
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(path: &Path, text: &str) -> Result<Project, Failure> {
    let line = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    let wrong = |at: usize, why: String| {
        Failure::new(Exit::Manifest, format!("{}:{}: {why}; nothing was done", path.display(), line(at)))
            .help("its keys are in docs/guides/targets.md: account = \"123456789012\", region = \"eu-west-1\"")
    };
    let table: std::collections::BTreeMap<Spanned<String>, Spanned<toml::Value>> = toml::from_str(text)
        .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().trim().to_owned()))?;
    let mut project = Project::default();
    for (key, value) in table {
        let name = key.get_ref().as_str();
        let at = value.span().start;
        if !KEYS.contains(&name) {
            let close = suggest(name, KEYS.into_iter()).map(|c| format!(", did you mean `{c}`?")).unwrap_or_default();
            let why = format!("unknown key `{name}`{close}; known are {}", KEYS.join(", "));
            return Err(wrong(key.span().start, why));
        }
        if name == "installation" {
            let toml::Value::String(text) = value.into_inner() else {
                return Err(wrong(at, format!("`{name}` must be a quoted string")));
            };
            let installation = text.parse().map_err(|why| wrong(at, format!("`{name}`: {why}")))?;
            project.installation = Some(installation);
            continue;
        }
        let values = match value.into_inner().try_into() {
            Ok(OneOrMore::One(text)) => vec![text],
            Ok(OneOrMore::More(texts)) if !texts.is_empty() => texts,
            _ => return Err(wrong(at, format!("`{name}` must be a quoted string, or a list of them"))),
        };
        for value in &values {
            let checked = match name {
                "account" => value.parse::<AccountId>().map(drop).map_err(|e| e.to_string()),
                _ => value.parse::<Region>().map(drop).map_err(|e| e.to_string()),
            };
            checked.map_err(|why| wrong(at, format!("`{name}`: {why}")))?;
        }
        let wanted = Some(Wanted { values, said: format!("{}:{}", path.display(), line(key.span().start)) });
        match name {
            "account" => project.account = wanted,
            _ => project.region = wanted,
        }
    }
    Ok(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<Project, String> {
        parse(Path::new("p/.sagewright.toml"), text).map_err(|failure| failure.message)
    }

    #[test]
    fn accounts_and_regions_are_one_or_a_list() {
        let project =
            told("# the team's\naccount = [\"123456789012\", \"000000000000\"]\nregion = \"eu-west-1\"\n").unwrap();
        let account = project.account.unwrap();
        assert_eq!(account.values, ["123456789012", "000000000000"]);
        assert_eq!(account.said, "p/.sagewright.toml:2");
        assert_eq!(project.region.unwrap().said, "p/.sagewright.toml:3");
        assert_eq!(told("").unwrap(), Project::default());
        assert_eq!(told("installation = \"prod\"\n").unwrap().installation.unwrap().to_string(), "prod");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_the_absence_of_a_project() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a");
        std::fs::create_dir(&below).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join(NAME)).unwrap();
        for at in [folder.path(), &below] {
            let failure = Project::of(at).unwrap_err();
            assert!(failure.message.starts_with("cannot read ") && failure.message.contains(NAME), "{failure}");
            assert_eq!(failure.help.as_deref(), Some("fix its permissions, or remove it"));
        }
    }

    #[test]
    fn what_nothing_reads_is_refused_by_name_and_line() {
        for (text, wanted) in [
            ("\nacount = \"123456789012\"\n", "p/.sagewright.toml:2: unknown key `acount`, did you mean `account`?"),
            ("[account]\nprod = \"1\"\n", "p/.sagewright.toml:1: `account` must be a quoted string"),
            ("account = 123456789012\n", "p/.sagewright.toml:1: `account` must be a quoted string"),
            ("region = []\n", "p/.sagewright.toml:1: `region` must be a quoted string"),
            ("account = \"12\"\n", "p/.sagewright.toml:1: `account`: "),
            ("installation = [\"a\"]\n", "p/.sagewright.toml:1: `installation` must be a quoted string"),
            (
                "\ninstallation = \"Prod/1\"\n",
                "p/.sagewright.toml:2: `installation`: `Prod/1` is not a valid installation name",
            ),
            ("region = \"eu-west\"\n", "p/.sagewright.toml:1: `region`: 'eu-west' is not an AWS region"),
            ("account = \"123456789012\"\nregion = \n", "p/.sagewright.toml:2: "),
            ("region = \"eu-west-1\"\nregion = \"eu-west-1\"\n", "p/.sagewright.toml:2: "),
        ] {
            let why = told(text).unwrap_err();
            assert!(why.starts_with(wanted) && why.ends_with("; nothing was done"), "{why}");
        }
    }
}
