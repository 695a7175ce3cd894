//! The user's image map: a TOML file that says which program stands for which image.
//!
//! ```toml
//! [[image]]
//! match = "111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:.*"   # the whole URI, or a pattern for all of it
//! command = ["python3", "container.py"]                            # as ENTRYPOINT: `train` or `serve` is appended
//! framework = "sklearn:1.2-1"                                      # or this: runs scripts as that image does
//! docker = "mine:1"                                                # or this: an image of the container engine
//! env = { GREETING = "hello" }                                     # as ENV
//! directory = "."                                                  # as WORKDIR; relative to this file
//! opt_ml = true                                                    # show the job's folder as /opt/ml (Linux)
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::frameworks::{self, Framework};
use crate::map_file::{self, Match, Problem};

/// Programs by image.
#[derive(Debug, Clone, Default)]
pub struct ImageMap {
    entries: Vec<Mapped>,
    path: Option<PathBuf>,
}

/// A program that stands for images.
#[derive(Debug, Clone)]
pub struct Mapped {
    image: Match,
    /// Program and first arguments; empty where it is a framework's image.
    pub command: Vec<String>,
    /// The framework whose image it is like: it runs scripts.
    pub framework: Option<&'static Framework>,
    /// The image that the container engine runs.
    pub docker: Option<String>,
    /// Variables of the image.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub directory: PathBuf,
    /// Whether the job's folder is to appear as `/opt/ml`, where the machine allows it.
    pub opt_ml: bool,
}

impl PartialEq for Mapped {
    fn eq(&self, other: &Self) -> bool {
        self.image == other.image
            && self.command == other.command
            && self.framework == other.framework
            && self.docker == other.docker
    }
}

/// What is wrong with an image map.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImageMapError {
    /// The file is there and cannot be read.
    #[error("cannot read the image map {path}: {why}")]
    Read {
        /// File.
        path: String,
        /// Cause.
        why: String,
    },
    /// The file's content is wrong.
    #[error("image map {path}, line {line}: {why}")]
    Content {
        /// File.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what was expected.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    image: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    r#match: Spanned<String>,
    command: Option<Spanned<Vec<String>>>,
    framework: Option<Spanned<String>>,
    docker: Option<Spanned<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    directory: Option<Spanned<PathBuf>>,
    #[serde(default = "yes")]
    opt_ml: bool,
}

fn yes() -> bool {
    true
}

impl ImageMap {
    /// Whether it has images of the container engine.
    #[must_use]
    pub fn uses_engine(&self) -> bool {
        self.entries.iter().any(|entry| entry.docker.is_some())
    }

    /// Reads an image map; a missing file is an empty map.
    ///
    /// # Errors
    /// The file cannot be read, or says something wrong in a line.
    pub fn load(path: &Path) -> Result<Self, ImageMapError> {
        match map_file::read(path) {
            Ok(Some(text)) => Self::parse(&text, path),
            Ok(None) => Ok(Self { entries: Vec::new(), path: Some(path.to_path_buf()) }),
            Err(e) => Err(ImageMapError::Read { path: path.display().to_string(), why: e.to_string() }),
        }
    }

    /// Reads an image map from text; `path` is where it stands, for messages and relative folders.
    ///
    /// # Errors
    /// As [`ImageMap::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ImageMapError> {
        let wrong = |(at, why): Problem| ImageMapError::Content {
            path: path.display().to_string(),
            line: map_file::line(text, at),
            why,
        };
        let document: Document = map_file::document(text).map_err(wrong)?;
        let folder = map_file::folder(path);
        let mut entries = Vec::new();
        for entry in document.image {
            let start = entry.span().start;
            let Entry { r#match: image, command, framework, docker, env, directory, opt_ml } = entry.into_inner();
            let image = Match::read(&image).map_err(wrong)?;
            if let Some(docker) = docker {
                if command.is_some() || framework.is_some() || directory.is_some() {
                    let why = "an image of Docker's has a program and a folder of its own: leave out command, framework and directory";
                    return Err(wrong((docker.span().start, why.into())));
                }
                let docker = Some(docker.into_inner());
                let directory = folder.clone();
                entries.push(Mapped { image, command: Vec::new(), framework: None, docker, env, directory, opt_ml });
                continue;
            }
            let (command, framework) = match (command, framework) {
                (Some(command), None) => (map_file::command(command).map_err(wrong)?, None),
                (None, Some(framework)) => {
                    let found = frameworks::find(framework.get_ref());
                    (Vec::new(), Some(found.map_err(|why| wrong((framework.span().start, why)))?))
                }
                (None, None) => {
                    let why = "missing field `command`, the program to run, `framework`, whose image it is like, or `docker`, its image";
                    return Err(wrong((start, why.into())));
                }
                (Some(_), Some(framework)) => {
                    let why = "command and framework exclude each other: a framework's image has a program of its own";
                    return Err(wrong((framework.span().start, why.into())));
                }
            };
            let directory = match directory {
                None => folder.clone(),
                Some(given) => {
                    let full = folder.join(given.get_ref());
                    if !full.is_dir() {
                        let why = format!("directory {} is not a folder", full.display());
                        return Err(wrong((given.span().start, why)));
                    }
                    full
                }
            };
            entries.push(Mapped { image, command, framework, docker: None, env, directory, opt_ml });
        }
        Ok(Self { entries, path: Some(path.to_path_buf()) })
    }

    /// The first entry for an image.
    #[must_use]
    pub fn find(&self, image: &str) -> Option<&Mapped> {
        self.entries.iter().find(|entry| entry.image.fits(image))
    }

    /// The file that was read.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BuiltIn, Program};
    use super::*;

    fn parse(text: &str) -> Result<ImageMap, ImageMapError> {
        ImageMap::parse(text, Path::new("/maps/images.toml"))
    }

    #[test]
    fn an_image_is_found_by_its_uri_or_by_a_pattern_and_the_first_entry_wins() {
        let map = parse(concat!(
            "[[image]]\nmatch = \"repo/a+b:1\"\ncommand = [\"one\"]\n",
            "[[image]]\nmatch = \"repo/.*\"\ncommand = [\"two\"]\nenv = { A = \"b\" }\n"
        ))
        .unwrap();
        assert_eq!(map.find("repo/a+b:1").unwrap().command, ["one"]);
        assert_eq!(map.find("repo/c:2").unwrap().command, ["two"]);
        assert_eq!(map.find("repo/c:2").unwrap().directory, Path::new("/maps"));
        assert!(map.find("other/repo/c:2").is_none(), "a pattern covers the whole URI");
    }

    #[test]
    fn a_wrong_map_is_told_with_file_and_line() {
        for (text, line, part) in [
            ("[[image]]\nmatch = \"x\"\n", 1, "missing field `command`"),
            ("[[image]]\nmatch = \"(\"\ncommand = [\"a\"]\n", 2, "not a valid pattern"),
            ("[[image]]\nmatch = \"x\"\ncommand = []\n", 3, "command is empty"),
            ("[[image]]\nmatch = \"x\"\ncommand = [\"a\"]\ncolour = 1\n", 4, "unknown field `colour`"),
            ("[[image]]\nmatch = \"x\"\nframework = \"sklearn:7\"\n", 3, "sklearn has no version '7'"),
            ("[[image]]\nmatch = \"x\"\ncommand = [\"a\"]\nframework = \"python:3\"\n", 4, "exclude each other"),
            ("[[image]]\nmatch = \"x\"\ncommand = [\"a\"]\ndirectory = \"nowhere\"\n", 4, "is not a folder"),
            ("[[image]]\nmatch = \"x\"\ndocker = \"a\"\ncommand = [\"a\"]\n", 3, "leave out command"),
            ("[[image]\n", 1, ""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("image map /maps/images.toml, line {line}: ")), "{text} gives {error}");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn an_unknown_image_is_refused_with_the_entry_to_add() {
        let map = parse("").unwrap();
        let error = map.resolve("me/mine:1").unwrap_err().to_string();
        for part in
            ["'me/mine:1'", "no program stands for it here", "docker = ", "sagemaker-xgboost", "/maps/images.toml"]
        {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
        // The lines that it asks for can be pasted.
        let lines = &error[error.find("[[image]]").unwrap()..];
        let pasted = parse(lines.split("\n\n").next().unwrap()).unwrap();
        assert!(
            matches!(pasted.resolve("me/mine:1"), Ok(Program::Script(script)) if script.framework.name == "python")
        );
    }

    #[test]
    fn framework_images_run_scripts_and_xgboost_does_when_one_is_given() {
        let sklearn = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3";
        let map = parse("[[image]]\nmatch = \"mine:1\"\nframework = \"sklearn:1.2-1\"\nenv = { A = \"b\" }\n").unwrap();
        let name = |program: Program<'_>| match program {
            Program::Script(script) => script.framework.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(name(map.resolve(sklearn).unwrap()), "sklearn:1.2-1");
        assert_eq!(name(map.resolve("mine:1").unwrap()), "sklearn:1.2-1");
        let xgboost = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5";
        assert_eq!(name(map.resolve_script(xgboost).unwrap()), "xgboost:3.0-5");
        assert!(matches!(map.resolve(xgboost), Ok(Program::BuiltIn(..))));
        let old = map.resolve_script(&xgboost.replace("3.0-5", "0.90-2")).unwrap_err().to_string();
        assert!(old.contains("'0.90-2'") && old.contains("1.7-1"), "{old}");
        let unknown = map.resolve(&sklearn.replace("1.2-1", "0.20.0")).unwrap_err().to_string();
        assert!(unknown.contains("0.20.0") && unknown.contains("[[image]]"), "{unknown}");
    }

    #[test]
    fn an_entry_can_replace_a_built_in_image() {
        let image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
        assert!(matches!(parse("").unwrap().resolve(image), Ok(Program::BuiltIn(BuiltIn::XgBoost, "1.7-1"))));
        let map = parse(&format!("[[image]]\nmatch = \"{image}\"\ncommand = [\"mine\"]\n")).unwrap();
        assert!(matches!(map.resolve(image), Ok(Program::Mapped(m)) if m.command == ["mine"]));
    }
}
