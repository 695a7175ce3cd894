//! `completions` and `man`: references made from the command line's own definition.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};

use crate::args::{Cli, Completions, Man};
use crate::exit::Exit;
use crate::output::Printer;

/// `sagewright completions SHELL`
pub(crate) fn completions(args: &Completions, printer: &Printer) -> anyhow::Result<Exit> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sagewright", &mut out);
    printer.result(&String::from_utf8_lossy(&out))?;
    Ok(Exit::Done)
}

/// `sagewright man [DIR]`
pub(crate) fn man(args: &Man, printer: &Printer) -> anyhow::Result<Exit> {
    if args.markdown {
        printer.result(&markdown())?;
        return Ok(Exit::Done);
    }
    let mut root = Cli::command();
    root.build();
    match &args.dir {
        None => {
            let mut out = Vec::new();
            clap_mangen::Man::new(root).render(&mut out)?;
            printer.result(&String::from_utf8_lossy(&out))?;
        }
        Some(dir) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
            write_pages(&root, "sagewright", dir)?;
            printer.note(&format!("man pages are in {}", dir.display()));
        }
    }
    Ok(Exit::Done)
}

fn write_pages(command: &Command, name: &str, dir: &Path) -> anyhow::Result<()> {
    let path = dir.join(format!("{name}.1"));
    let mut out = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name).render(&mut out)?;
    fs::write(&path, out).with_context(|| format!("cannot write {}", path.display()))?;
    for sub in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        write_pages(sub, &format!("{name}-{}", sub.get_name()), dir)?;
    }
    Ok(())
}

/// `docs/cli.md`
fn markdown() -> String {
    let mut root = Cli::command();
    root.build();
    let mut out = String::from(
        "# The command line\n\nMade by `sagewright man --markdown > docs/cli.md`; a test holds it to the program.\n\n",
    );
    let _ = writeln!(out, "{}\n", root.get_about().map(ToString::to_string).unwrap_or_default());
    let _ = writeln!(out, "{}\n", root.get_after_help().map(ToString::to_string).unwrap_or_default());
    out.push_str("## Global options\n\n");
    options(&mut out, &root, true);
    for command in root.get_subcommands().filter(|c| !c.is_hide_set()) {
        section(&mut out, command, "sagewright", 2);
    }
    out
}

fn section(out: &mut String, command: &Command, parent: &str, level: usize) {
    let name = format!("{parent} {}", command.get_name());
    let _ = writeln!(out, "\n{} {name}\n", "#".repeat(level));
    let _ = writeln!(out, "{}.\n", command.get_about().map(ToString::to_string).unwrap_or_default());
    let mut positional = String::new();
    for arg in command.get_positionals() {
        let id = arg.get_id().as_str().to_uppercase();
        let value = arg.get_value_names().and_then(<[_]>::first).map_or(id, ToString::to_string).replace('|', "\\|");
        let _ = writeln!(positional, "| `{value}` | {} |", help(arg));
    }
    if !positional.is_empty() {
        let _ = writeln!(out, "| argument | what it is |\n| --- | --- |\n{positional}");
    }
    options(out, command, false);
    for sub in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        section(out, sub, &name, level + 1);
    }
}

fn options(out: &mut String, command: &Command, global: bool) {
    let mut rows = String::new();
    let listed = command.get_arguments().filter(|a| !a.is_positional() && !a.is_hide_set());
    for arg in listed.filter(|a| a.is_global_set() == global) {
        let Some(long) = arg.get_long() else { continue };
        if matches!(long, "help" | "version") {
            continue;
        }
        let mut name = arg.get_short().map_or_else(String::new, |s| format!("-{s}, "));
        let _ = write!(name, "--{long}");
        if arg.get_action().takes_values()
            && let Some(value) = arg.get_value_names().and_then(<[_]>::first)
        {
            let _ = write!(name, " {value}");
        }
        let _ = writeln!(rows, "| `{}` | {} |", name.replace('|', "\\|"), help(arg));
    }
    if !rows.is_empty() {
        let _ = writeln!(out, "| option | what it does |\n| --- | --- |\n{rows}");
    }
}

fn help(arg: &clap::Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<_> = arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
    let truth = values == ["true", "false"];
    if !values.is_empty() && !truth {
        let _ = write!(text, " ({})", values.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(text, " [env: {}]", variable.to_string_lossy());
    }
    if let Some(default) = arg.get_default_values().first().filter(|_| arg.get_action().takes_values() && !truth) {
        let _ = write!(text, " [default: {}]", default.to_string_lossy());
    }
    text.replace('|', "\\|")
}
