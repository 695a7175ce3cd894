//! Script mode: the framework images, as virtual environments of this machine. A job or a server gets a layer of its own
//! over the environment of its framework's version; what it installs stays in that.

mod environment;
mod install;
mod layer;
mod marker;
mod pip;
mod python;
mod store;
mod table;

pub use environment::Environment;
pub(crate) use environment::InUse;
pub use install::InstallError;
pub(crate) use layer::{Layer, TOOLKIT};
pub use marker::Marker;
pub(crate) use pip::Pip;
pub use python::{Python, PythonError, Pythons};
pub use store::{Environments, RemoveError};
pub use table::{Framework, all, find, of_repository};
