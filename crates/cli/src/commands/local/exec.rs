//! `sagewright local exec` and `sagewright local shell`

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::args::{Exec, Global, Shell};
use crate::exit::{Exit, Failure};
use crate::local;
use crate::output::Printer;
use crate::paths;

/// Becomes the program, with an environment in which AWS is the embedded cloud.
pub(crate) async fn program(args: &Exec, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    run(&args.command, &args.account, global, printer).await
}

/// Becomes the user's shell, with an environment in which AWS is the embedded cloud.
pub(crate) async fn shell(args: &Shell, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    run(&[shell], &args.account, global, printer).await
}

/// The process stays the same, and so do its terminal, its signals and its exit code.
async fn run(words: &[OsString], account: &str, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::new(Exit::Usage, "no program is named").into());
    };
    let child = local::prepare(&paths::data(global.data.as_ref()), account, global.region.as_deref()).await?;
    for note in &child.notes {
        printer.note(note);
    }
    let mut command = Command::new(program);
    command.args(arguments);
    for name in &child.removed {
        command.env_remove(name);
    }
    command.envs(&child.set);
    let error = command.exec();
    let (exit, what) = match error.kind() {
        ErrorKind::NotFound => (Exit::NoProgram, "there is no program"),
        _ => (Exit::CannotRun, "cannot run"),
    };
    Err(Failure::new(exit, format!("{what} {}: {error}", program.to_string_lossy())).into())
}
