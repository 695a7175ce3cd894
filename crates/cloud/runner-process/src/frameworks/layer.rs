//! What a job or a server has of its own over the environment that it shares with others: an interpreter whose packages are
//! its own first and the environment's then. pip puts what it installs into the layer, and cannot change the environment.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::environment::{self, Environment};
use super::pip::Pip;

/// Where it is, below the folder of a job.
const FOLDER: &str = "home/.environment";

/// The program that stands for the image's own, as Python has it.
pub(crate) const TOOLKIT: &str = "sagewright_toolkit";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../toolkit/", $name)))),*]
    };
}

/// The toolkit, and modules of AWS's own toolkits that scripts import.
const FILES: [(&str, &str); 14] = files![
    "sagemaker_containers/__init__.py",
    "sagemaker_containers/beta/__init__.py",
    "sagemaker_containers/beta/framework/__init__.py",
    "sagemaker_inference/__init__.py",
    "sagewright_toolkit/__init__.py",
    "sagewright_toolkit/__main__.py",
    "sagewright_toolkit/base.py",
    "sagewright_toolkit/code.py",
    "sagewright_toolkit/codecs.py",
    "sagewright_toolkit/defaults.py",
    "sagewright_toolkit/s3.py",
    "sagewright_toolkit/serve.py",
    "sagewright_toolkit/train.py",
    "sagewright_toolkit/transform.py",
];

/// A job's own layer.
#[derive(Debug)]
pub(crate) struct Layer {
    home: PathBuf,
    shared: PathBuf,
}

impl Layer {
    /// Makes it in the folder of a job, or finds the one that an earlier start of the same server made.
    pub fn make(environment: &Environment, base: &Path, pip: &Pip) -> io::Result<Self> {
        let layer = Self { home: std::path::absolute(base)?.join(FOLDER), shared: environment.home.clone() };
        let bin = layer.home.join("bin");
        if layer.home.join("pyvenv.cfg").is_file() {
            return Ok(layer);
        }
        // What a killed process left is made anew.
        if layer.home.exists() {
            fs::remove_dir_all(&layer.home)?;
        }
        fs::create_dir_all(&bin)?;
        let interpreter = fs::canonicalize(environment.home.join("bin/python"))?;
        for name in ["python".to_owned(), "python3".to_owned(), format!("python{}", environment.minor())] {
            symlink(&interpreter, bin.join(name))?;
        }
        for name in ["pip", "pip3"] {
            let program = bin.join(name);
            fs::write(&program, "#!/bin/sh\nexec \"${0%/*}/python\" -m pip \"$@\"\n")?;
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        }
        let packages = environment::packages(&layer.home, environment.minor());
        fs::create_dir_all(&packages)?;
        let shared = serde_json::to_string(&environment.packages())?;
        fs::write(packages.join("_environment.pth"), format!("import site; site.addsitedir({shared})\n"))?;
        for (name, text) in FILES {
            let path = packages.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&packages))?;
            fs::write(path, text)?;
        }
        // pip looks for it there, whoever runs it. No other user may.
        let mut options = fs::File::options();
        let mut file = options.write(true).create_new(true).mode(0o600).open(layer.home.join("pip.conf"))?;
        file.write_all(pip.configuration.as_bytes())?;
        // It says where Python itself is, and makes the folder a layer: written last.
        fs::copy(environment.home.join("pyvenv.cfg"), layer.home.join("pyvenv.cfg"))?;
        Ok(layer)
    }

    /// Its interpreter.
    pub fn python(&self) -> PathBuf {
        self.home.join("bin/python")
    }

    /// `PATH` of programs in it: its own, the environment's, the machine's.
    pub fn path(&self, machine: Option<OsString>) -> io::Result<OsString> {
        let machine = machine.unwrap_or_default();
        let own = [self.home.join("bin"), self.shared.join("bin")].into_iter();
        std::env::join_paths(own.chain(std::env::split_paths(&machine))).map_err(io::Error::other)
    }

    /// What tells Python's tools that they run in it.
    pub fn home(&self) -> &Path {
        &self.home
    }
}
