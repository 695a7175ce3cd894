//! `sagewright local images`

use std::sync::Arc;

use sagewright_cloud::frameworks::{self, Environment, Framework, InstallError, Python, RemoveError};
use serde_json::{Value, json};

use crate::args::{ImagesInstall, ImagesRemove, LocalImages};
use crate::exit::{Exit, Failure};
use crate::local::environments;
use crate::output::{Printer, Table, amount, ask};

/// Shows, installs or removes the environments of frameworks.
pub(crate) async fn run(command: &LocalImages, printer: &Printer) -> anyhow::Result<Exit> {
    match command {
        LocalImages::List => list(printer),
        LocalImages::Install(args) => install(args, printer).await,
        LocalImages::Remove(args) => remove(args, printer).await,
    }
}

/// The frameworks of these names, each once.
fn find(names: &[String]) -> Result<Vec<&'static Framework>, Failure> {
    let mut found: Vec<&'static Framework> = Vec::new();
    for name in names {
        let framework = frameworks::find(name).map_err(|why| {
            Failure::new(Exit::Usage, why).help("`sagewright local images list` shows all versions".to_owned())
        })?;
        if !found.contains(&framework) {
            found.push(framework);
        }
    }
    Ok(found)
}

fn list(printer: &Printer) -> anyhow::Result<Exit> {
    let environments = environments();
    let mut table = Table::new(["FRAMEWORK", "INSTALLED", "ON DISK", "PYTHON", "DIFFERENCES"]);
    let mut documents = Vec::new();
    for framework in frameworks::all() {
        let made = environments.find(framework);
        documents.push(document(framework, made.as_ref()));
        table.row(match &made {
            Some(made) => [
                framework.to_string(),
                "yes".to_owned(),
                amount::bytes(made.marker.bytes),
                made.marker.python.clone(),
                differences(framework, made).join(", "),
            ],
            None => [
                framework.to_string(),
                "no".to_owned(),
                format!("about {}", amount::bytes(framework.megabytes << 20)),
                framework.pythons.join(", "),
                String::new(),
            ],
        });
    }
    if printer.for_programs() {
        printer.document(&documents)?;
    } else {
        printer.table(&table)?;
    }
    Ok(Exit::Done)
}

fn document(framework: &Framework, made: Option<&Environment>) -> Value {
    json!({
        "framework": framework.to_string(),
        "installed": made.is_some(),
        "megabytes": framework.megabytes,
        "pythons": framework.pythons,
        "folder": made.map(|made| &made.home),
        "python": made.map(|made| &made.marker.python),
        "bytes": made.map(|made| made.marker.bytes),
        "packages": made.map(|made| &made.marker.packages),
        "differences": made.map(|made| differences(framework, made)),
    })
}

/// What the environment has otherwise than the image, Python first.
fn differences(framework: &Framework, made: &Environment) -> Vec<String> {
    let python = framework.python.iter().filter(|image| !made.marker.python.starts_with(&format!("{image}.")));
    let python = python.map(|image| format!("Python {} (the image has {image})", made.marker.python));
    python.chain(made.marker.differences(&framework.image)).collect()
}

async fn install(args: &ImagesInstall, printer: &Printer) -> anyhow::Result<Exit> {
    let frameworks = find(&args.frameworks)?;
    let mut missing = Vec::new();
    for &framework in &frameworks {
        match environments().look(framework).map_err(|error| failure(&error))? {
            Ok(made) => printer.note(&format!("{framework} is installed in {}", made.home.display())),
            Err(python) => missing.push((framework, python)),
        }
    }
    for (framework, python) in &missing {
        printer.note(&format!("{framework}, {}", plan(framework, python)));
    }
    if !missing.is_empty() && !args.yes && !confirmed(&missing, printer).await? {
        printer.note("nothing was installed");
        return Ok(Exit::Failed);
    }
    for (framework, _) in missing {
        let (shown, bar) = (printer.clone(), printer.spinner(&format!("installing {framework}")));
        let told = Arc::new(shown);
        let task = tokio::task::spawn_blocking(move || {
            environments().install(framework, &mut |line| told.note(&format!("  {line}")))
        });
        let outcome = task.await?;
        bar.finish_and_clear();
        let made = outcome.map_err(|error| failure(&error))?;
        let size = amount::bytes(made.marker.bytes);
        printer.note(&format!("{framework} is installed in {} ({size})", made.home.display()));
        let differences = differences(framework, &made);
        if !differences.is_empty() {
            printer.note(&format!("  other than in the image: {}", differences.join(", ")));
        }
    }
    documents(&frameworks, printer)?;
    Ok(Exit::Done)
}

/// What programs read of frameworks after a change: as `list` shows them.
fn documents(frameworks: &[&'static Framework], printer: &Printer) -> anyhow::Result<()> {
    if !printer.for_programs() {
        return Ok(());
    }
    let environments = environments();
    let all: Vec<Value> = frameworks.iter().map(|f| document(f, environments.find(f).as_ref())).collect();
    printer.document(&all)
}

/// What would be installed.
fn plan(framework: &Framework, python: &Python) -> String {
    let packages = framework.packages(&python.version).join(", ");
    let size = amount::bytes(framework.megabytes << 20);
    format!("about {size} on the disk, for {python}, with what they need: {packages}")
}

async fn confirmed(missing: &[(&Framework, Python)], printer: &Printer) -> anyhow::Result<bool> {
    let names: Vec<String> = missing.iter().map(|(framework, _)| framework.to_string()).collect();
    let names = names.join(", ");
    ask::somebody(&format!("{names} would be installed"), None)?;
    Ok(ask::ask(&format!("Install {names}? Type yes:"), printer).await? == "yes")
}

async fn remove(args: &ImagesRemove, printer: &Printer) -> anyhow::Result<Exit> {
    let frameworks = find(&args.frameworks)?;
    for &framework in &frameworks {
        let removed = tokio::task::spawn_blocking(move || environments().remove(framework)).await?;
        match removed.map_err(|error| refusal(&error))? {
            0 => printer.note(&format!("{framework} is not installed")),
            bytes => printer.note(&format!("removed {framework} ({})", amount::bytes(bytes))),
        }
    }
    documents(&frameworks, printer)?;
    Ok(Exit::Done)
}

fn failure(error: &InstallError) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

fn refusal(error: &RemoveError) -> Failure {
    let help = match error {
        RemoveError::InUse(_) => "stop it, or wait for its end: sagewright local status",
        RemoveError::Io { .. } => "make it removable, then run the same command again",
    };
    Failure::new(Exit::Failed, error.to_string()).help(help.to_owned())
}
