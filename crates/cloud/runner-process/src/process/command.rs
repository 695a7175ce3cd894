//! The command line and environment of a container's process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::namespace::{Means, View};
use crate::frameworks::{Environment, Layer, Pip, TOOLKIT};
use crate::images::{BuiltIn, Mapped, Script};
use sagewright_cloud_core::runner::Workload;
use sagewright_cloud_core::runner::workload::OPT_ML;

/// Where programs are looked for when the cloud itself has no `PATH`.
pub(super) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program with its arguments, variables and folder.
#[derive(Debug)]
pub(super) struct Launch {
    pub program: OsString,
    pub arguments: Vec<OsString>,
    variables: BTreeMap<String, String>,
    directory: PathBuf,
    /// The folder behind `/opt/ml`.
    base: PathBuf,
    /// Where the program finds it.
    pub root: PathBuf,
}

impl Launch {
    /// Runs a built-in algorithm through our own binary, as the image of a tag has it.
    pub fn built_in(
        program: &Path,
        algorithm: BuiltIn,
        tag: &str,
        workload: &Workload,
        base: &Path,
        variables: BTreeMap<String, String>,
    ) -> Self {
        let first = ["algorithm".to_owned(), format!("{}:{tag}", algorithm.name())].map(OsString::from);
        let fixed = algorithm.program().map(OsString::from);
        let arguments = first.into_iter().chain(fixed).chain(workload.arguments.iter().map(OsString::from)).collect();
        let [directory, base, root] = [base; 3].map(Path::to_path_buf);
        Self { program: program.into(), arguments, variables, directory, base, root }
    }

    /// Runs a program of the image map.
    pub fn mapped(entry: &Mapped, workload: &Workload, base: &Path, map: Option<&Path>) -> Result<Self, String> {
        let line = workload.entrypoint.as_ref().unwrap_or(&entry.command);
        let (program, first) = line.split_first().ok_or("its command is empty")?;
        let path = entry.env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH"));
        let program = find(program, &entry.directory, path).ok_or_else(|| {
            let place = match (&workload.entrypoint, map) {
                (Some(_), _) => "ContainerEntrypoint".to_owned(),
                (None, Some(map)) => format!("`command` in {}", map.display()),
                (None, None) => "`command` in the image map".to_owned(),
            };
            format!("program '{program}' is not on this machine; install it, or correct {place}")
        })?;
        let arguments = first.iter().chain(&workload.arguments).map(OsString::from).collect();
        Ok(Self {
            program: program.into(),
            arguments,
            variables: entry.env.clone(),
            directory: entry.directory.clone(),
            base: base.to_path_buf(),
            root: base.to_path_buf(),
        })
    }

    /// Runs a script in a layer of its own over its framework's environment: by the toolkit, or by the workload's entrypoint.
    pub fn script(
        script: Script<'_>,
        environment: &Environment,
        workload: &Workload,
        base: &Path,
    ) -> Result<Self, String> {
        let failed = |e: io::Error| format!("cannot make its layer over {}: {e}", environment.home.display());
        let pip = Pip::of_job(workload.isolated);
        let layer = Layer::make(environment, base, &pip).map_err(failed)?;
        let mut variables = pip.variables;
        variables.extend(script.env.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        let machine = variables.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH"));
        let path = layer.path(machine).map_err(failed)?;
        let text = |value: &OsStr| value.to_str().map(str::to_owned).ok_or("its path is not UTF-8 text");
        variables.insert("PATH".to_owned(), text(&path)?);
        variables.insert("VIRTUAL_ENV".to_owned(), text(layer.home().as_os_str())?);
        // As AWS's images set it; and it keeps the environment as it was installed.
        variables.insert("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned());
        let (program, first) = match &workload.entrypoint {
            None => (layer.python(), ["-m", TOOLKIT, &script.framework.name].map(OsString::from).to_vec()),
            Some(line) => {
                let (program, first) = line.split_first().ok_or("its entrypoint is empty")?;
                let found = find(program, base, Some(path)).ok_or_else(|| {
                    format!(
                        "program '{program}' of ContainerEntrypoint is neither in the environment nor on this machine"
                    )
                })?;
                (found, first.iter().map(OsString::from).collect())
            }
        };
        let arguments = first.into_iter().chain(workload.arguments.iter().map(OsString::from)).collect();
        let [directory, base, root] = [base; 3].map(Path::to_path_buf);
        Ok(Self { program: program.into(), arguments, variables, directory, base, root })
    }

    /// Names the job's folder where its command line names `/opt/ml`, which it does not see: `/opt/ml/processing/x.py`,
    /// `--data=/opt/ml/processing/data`.
    pub fn without_opt_ml(mut self) -> Self {
        let own = |argument: &OsString| {
            let text = argument.to_str()?;
            let (option, path) = match text.split_once('=') {
                Some((option, path)) if option.starts_with('-') => (&text[..=option.len()], path),
                _ => ("", text),
            };
            let below = path.strip_prefix(OPT_ML).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some(format!("{option}{}{below}", self.base.to_str()?).into())
        };
        for argument in &mut self.arguments {
            if let Some(rewritten) = own(argument) {
                *argument = rewritten;
            }
        }
        self
    }

    /// Runs it in a view of its own.
    pub fn within(mut self, means: Means, view: &View) -> Self {
        if view.opt_ml {
            self.root = OPT_ML.into();
        }
        let mut arguments = means.arguments(view);
        arguments.push(std::mem::replace(&mut self.program, "unshare".into()));
        arguments.append(&mut self.arguments);
        Self { arguments, ..self }
    }

    /// The command, with an environment that starts empty: no credentials of the user get in.
    pub fn command(self, workload: &Workload, port: Option<u16>) -> Result<Command, String> {
        let (temporary, home) = (self.base.join("tmp"), self.base.join("home"));
        for folder in [&temporary, &home] {
            fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.directory).stdin(Stdio::null()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()));
        command.env("LANG", std::env::var_os("LANG").unwrap_or_else(|| "C.UTF-8".into()));
        // A home of its own keeps ~/.aws out.
        command.env("HOME", home).env("TMPDIR", temporary);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        // As SageMaker's own images set it: lines appear when they are printed.
        command.env("PYTHONUNBUFFERED", "1");
        command.envs(&self.variables).envs(&workload.environment);
        command.env("SAGEMAKER_BASE_DIR", &self.base);
        if let Some(port) = port {
            command.env("SAGEMAKER_BIND_TO_PORT", port.to_string());
        }
        Ok(command)
    }
}

/// Full path of a program: as given if it is a path, else from `PATH`, which an image may set.
pub(super) fn find(program: &str, directory: &Path, path: Option<OsString>) -> Option<PathBuf> {
    if program.contains('/') {
        let path = directory.join(program);
        return path.is_file().then_some(path);
    }
    std::env::split_paths(&path.unwrap_or_else(|| DEFAULT_PATH.into()))
        .map(|folder| folder.join(program))
        .find(|p| p.is_file())
}
