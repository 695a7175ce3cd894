//! Which program stands for an image: the built-in algorithms, and the user's image map.

pub mod builtin;
mod live;
pub mod map;

pub use builtin::BuiltIn;
pub(crate) use live::LiveMap;
pub use map::{ImageMap, ImageMapError, Mapped};

use sagewright_cloud_core::runner::RunnerError;

/// What an image URI means to the process runner.
#[derive(Debug, Clone, PartialEq)]
pub enum Program<'a> {
    /// An entry of the user's image map.
    Mapped(&'a Mapped),
    /// A built-in algorithm, as the image of a tag has it.
    BuiltIn(BuiltIn, &'static str),
}

impl ImageMap {
    /// Finds the program of an image. The user's entries come first, so that they can replace built-in ones.
    ///
    /// # Errors
    /// [`RunnerError::UnknownImage`] with what can be done.
    pub fn resolve(&self, image: &str) -> Result<Program<'_>, RunnerError> {
        if let Some(entry) = self.find(image) {
            return Ok(Program::Mapped(entry));
        }
        match builtin::find(image) {
            Ok(Some((built_in, tag))) => Ok(Program::BuiltIn(built_in, tag)),
            Ok(None) => Err(RunnerError::UnknownImage(
                self.unknown(image, "Docker is not supported yet by this runner, which runs jobs as processes"),
            )),
            Err(tag) => Err(RunnerError::UnknownImage(self.unknown(image, &tag))),
        }
    }

    fn unknown(&self, image: &str, why: &str) -> String {
        let place = self.path().map_or_else(|| "the image map (images.toml)".to_owned(), |p| p.display().to_string());
        format!(
            "cannot run image '{image}': {why}. Built in are {}. For any other image add a program to {place}: \
             [[image]] match = \"{image}\" command = [\"python3\", \"/path/to/program.py\"]; then send the request again",
            builtin::repositories()
        )
    }
}
