//! Which program stands for an image: the built-in algorithms, the frameworks, and the user's image map.

pub mod builtin;
mod live;
pub mod map;

pub use builtin::BuiltIn;
pub(crate) use live::LiveMap;
pub use map::{ImageMap, ImageMapError, Mapped};

use std::collections::BTreeMap;

use sagewright_cloud_core::runner::RunnerError;

use crate::frameworks::{self, Framework};

/// What an image URI means to the process runner.
#[derive(Debug, Clone, PartialEq)]
pub enum Program<'a> {
    /// A program of the user's image map.
    Mapped(&'a Mapped),
    /// An image of the container engine, with variables to add: the process runner has nothing for it.
    Engine(&'a str, &'a BTreeMap<String, String>),
    /// A built-in algorithm, as the image of a tag has it.
    BuiltIn(BuiltIn, &'static str),
    /// A framework's image, which runs the user's script.
    Script(Script<'a>),
}

/// A framework's image, by its own name or by the image map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Script<'a> {
    /// The framework.
    pub framework: &'static Framework,
    /// Variables that the image map adds.
    pub env: Option<&'a BTreeMap<String, String>>,
}

impl ImageMap {
    /// Finds the program of an image. The user's entries come first, so that they can replace built-in ones.
    ///
    /// # Errors
    /// [`RunnerError::UnknownImage`] with what can be done.
    pub fn resolve(&self, image: &str) -> Result<Program<'_>, RunnerError> {
        if let Some(entry) = self.find(image) {
            if let Some(own) = &entry.docker {
                return Ok(Program::Engine(own, &entry.env));
            }
            let script = entry.framework.map(|framework| Script { framework, env: Some(&entry.env) });
            return Ok(script.map_or(Program::Mapped(entry), Program::Script));
        }
        let refused = |why: &str| RunnerError::UnknownImage(self.unknown(image, why));
        if let Some((built_in, tag)) = builtin::find(image).map_err(|why| refused(&why))? {
            return Ok(Program::BuiltIn(built_in, tag));
        }
        let framework = builtin::in_ecr(image).map(|(name, tag)| frameworks::of_repository(name, tag)).transpose();
        match framework.map_err(|why| refused(&why))?.flatten() {
            Some(framework) => Ok(Program::Script(Script { framework, env: None })),
            None => Err(refused("no program stands for it here")),
        }
    }

    /// As [`ImageMap::resolve`], for a script of the user's: a built-in algorithm's image runs that, too.
    ///
    /// # Errors
    /// As there; an older image of the algorithm, which runs no script here.
    pub fn resolve_script(&self, image: &str) -> Result<Program<'_>, RunnerError> {
        match self.resolve(image)? {
            Program::BuiltIn(..) => {
                let (name, tag) = builtin::in_ecr(image).unwrap_or((image, None));
                let none = || format!("there is no environment for scripts with the image of the repository {name}");
                let found = frameworks::of_repository(name, tag).and_then(|found| found.ok_or_else(none));
                let refused = |why: String| RunnerError::UnknownImage(self.unknown(image, &why));
                Ok(Program::Script(Script { framework: found.map_err(refused)?, env: None }))
            }
            other => Ok(other),
        }
    }

    fn unknown(&self, image: &str, why: &str) -> String {
        let place = self.path().map_or_else(|| "the image map (images.toml)".to_owned(), |p| p.display().to_string());
        format!(
            "cannot run image '{image}': {why}. To run it, add these lines to {place} and send the request again; in place \
             of the framework a program can be named, as command = [\"python3\", \"/path/to/program.py\"], or an image of Docker's, \
             as docker = \"mine:1\":\n\n\
             [[image]]\nmatch = \"{image}\"\nframework = \"python:3\"\n\n\
             Known without lines are {} and the frameworks that `sagewright local images list` shows",
            builtin::repositories()
        )
    }
}
