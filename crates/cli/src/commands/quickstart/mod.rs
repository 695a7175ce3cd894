//! `sagewright quickstart`: the MNIST tutorial, for real, on this machine.

mod digits;
mod examples;
mod manifests;
mod repair;
mod score;
mod trouble;
mod tutorial;

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use sagewright_cloud::clock::Speed;
use sagewright_cloud::durability::Durability;

use crate::args::{Format, Global, LISTEN, Quickstart};
use crate::commands::local::up::only_here_or_allowed;
use crate::exit::{Exit, Failure};
use crate::local::{self, Cloud, Settings};
use crate::output::{Printer, Style, shell};
use crate::paths::{self, data_option};
use crate::signals::Signals;
pub(crate) use examples::carried;
use manifests::Manifests;
use tutorial::Tutorial;

/// Runs the tutorial.
pub(crate) async fn run(args: &Quickstart, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let mut signals = Signals::new();
    let (started, data) = (Instant::now(), paths::data(global.data.as_ref()));
    let wanted = printer;
    let printer = &printer.results_to_stderr().with_format(Format::Table);
    let again = again(args, global);
    if global.data.is_some() && args.examples.is_none() {
        // The tutorial's files are put there before the embedded cloud starts.
        local::check(&data)?;
    }
    let folder = examples::find(args.examples.as_deref(), &data, global.data.is_some())?;
    let manifests = Manifests::load(&folder, printer).await?;

    let step = Cell::new("XGBoost");
    heading(printer, step.get());
    tokio::select! {
        ready = local::prepare_xgboost(printer) => ready?,
        () = signals.next() => {
            return Err(interrupted(step.get(), "nothing has been started", &again).into());
        }
    }
    step.set("The embedded cloud");
    heading(printer, step.get());
    let cloud = start(args, global, printer, &data).await.map_err(|error| trouble::explain(error, &data, &again))?;
    let tutorial = Tutorial {
        global: tutorial::options(global),
        printer,
        folder: &folder,
        manifests: &manifests,
        started,
        step: &step,
    };
    let mut cut_off = false;
    let outcome = tokio::select! {
        outcome = tutorial.run() => outcome.map_err(|error| trouble::explain(error, &data, &again)),
        () = signals.next() => {
            cut_off = true;
            let after = if cloud.is_some() { "the embedded cloud is stopped, its state is kept" } else { "the embedded cloud stays up" };
            Err(interrupted(step.get(), after, &again).into())
        }
    };
    let outcome = outcome.and_then(|summary| {
        if wanted.for_programs() {
            wanted.document(&summary.document)?;
        }
        Ok(if summary.good { Exit::Done } else { Exit::Failed })
    });
    let stays = outcome.is_ok() && !args.exit;
    if outcome.is_ok() && (stays || cloud.is_none()) {
        next(printer, global, &folder, &manifests, cloud.is_some());
    }
    if let Some(cloud) = cloud {
        if stays {
            signals.next().await;
            printer.note("\nstopping the embedded cloud");
        } else if cut_off {
            printer.note("\ninterrupted; stopping the embedded cloud");
        }
        cloud.stop(&mut signals, printer).await;
        if outcome.is_ok() {
            printer.note(&format!("\nThe embedded cloud is stopped; its state is kept in {}.", data.display()));
        }
    }
    outcome
}

/// Starts the embedded cloud, unless one is up on the data folder.
async fn start(args: &Quickstart, global: &Global, printer: &Printer, data: &Path) -> anyhow::Result<Option<Cloud>> {
    let folder = data_option(global);
    let show = |line: &str| printer.note(&printer.paint(Style::Good, &format!("$ {line}")));
    let cloud = match local::running(data) {
        Some(server) => {
            printer.note(&format!("  is up already at {} (process {})", server.endpoint, server.pid));
            None
        }
        None => {
            only_here_or_allowed(args.listen, false).map_err(|refused| {
                refused.help("start it with `sagewright local up` and --allow-remote, then run this again")
            })?;
            show(&format!("sagewright local up --detach --listen {}{folder}", args.listen));
            let settings = Settings {
                listen: args.listen,
                hosts: Vec::new(),
                data: data.to_path_buf(),
                images: None,
                durability: Durability::Kill,
                speed: Speed::REAL,
                // Its own client looks often, and shows what a job logs meanwhile.
                hold: false,
                record: None,
            };
            let cloud = local::start(&settings).await?;
            printer.note(&format!("  is up at {}, its state is in {}", cloud.endpoint, data.display()));
            Some(cloud)
        }
    };
    show(&format!("eval \"$(sagewright local env{folder})\""));
    Ok(cloud)
}

fn heading(printer: &Printer, text: &str) {
    printer.note(&format!("\n{}", printer.paint(Style::Bold, text)));
}

fn interrupted(step: &str, after: &str, again: &str) -> Failure {
    Failure::new(Exit::Interrupted, format!("interrupted at the step \"{step}\"; {after}"))
        .help(format!("run `{again}` again: it goes on from what is there"))
}

/// This command, to be typed again.
fn again(args: &Quickstart, global: &Global) -> String {
    let exit = if args.exit { " --exit" } else { "" };
    let examples = args.examples.as_ref().map_or_else(String::new, |dir| format!(" --examples {}", shell::path(dir)));
    let listen = if args.listen == LISTEN { String::new() } else { format!(" --listen {}", args.listen) };
    format!("sagewright quickstart{exit}{listen}{examples}{}", data_option(global))
}

fn next(printer: &Printer, global: &Global, folder: &Path, manifests: &Manifests, owned: bool) {
    let (data, here) = (data_option(global), shell::path(folder));
    let (job, endpoint) = (&manifests.job, &manifests.endpoint);
    printer.note(&format!(
        "\n{}\n\n\
         \x20 eval \"$(sagewright local env{data})\"\n\
         \x20 sagewright get endpoints\n\
         \x20 sagewright invoke {endpoint} --body {here}/digit.csv\n\
         \x20 sagewright logs TrainingJob/{job} --tail 5\n\
         \x20 aws sagemaker describe-endpoint --endpoint-name {endpoint}\n\n\
         Then edit the manifests in {here}: `sagewright plan -f {here}` shows what would change,\n\
         `sagewright apply -f {here}` changes it, and `sagewright explain TrainingJob` tells what can be set.",
        printer.paint(
            Style::Bold,
            if owned {
                "The embedded cloud stays up until you press Ctrl-C. What to try next, in another terminal:"
            } else {
                "The embedded cloud stays up. What to try next:"
            }
        ),
    ));
}
